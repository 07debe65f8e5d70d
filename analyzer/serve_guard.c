/*
 * serve_guard.c - refuses what a browser can be talked into, and whoever lacks the token.
 *
 * A page of another site may name 127.0.0.1, or a name that it lets point there (DNS rebinding):
 * the second is known by its Host header, the first by what browsers say of where a request comes
 * from.
 */
#include "serve_guard.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

/* The time must not tell how much of it was right. */
static bool same_secret(const char *given, const char *want)
{
	size_t n = strlen(given), m = strlen(want);
	unsigned differs = n != m;

	for (size_t i = 0; i < n; i++)
		differs |= (unsigned char)given[i] ^ (unsigned char)want[m ? i % m : 0];
	return !differs;
}

static bool has_token(const struct serve_guard *g, const struct serve_asked *a)
{
	const char *bearer = a->authorization;

	if (bearer && !strncasecmp(bearer, "Bearer ", 7) && same_secret(bearer + 7, g->token))
		return true;
	return a->token && same_secret(a->token, g->token);
}

/* "localhost:6060", "127.0.0.1", "[::1]:6060" */
static bool is_this_machine(const char *host)
{
	char name[64];
	struct in_addr v4;
	struct in6_addr v6;
	size_t n;

	if (*host == '[') {
		n = strcspn(++host, "]");
		if (host[n] != ']' || (host[n + 1] && host[n + 1] != ':'))
			return false;
	} else {
		n = strcspn(host, ":");
	}
	if (n >= sizeof(name))
		return false;
	memcpy(name, host, n);
	name[n] = 0;
	if (inet_pton(AF_INET6, name, &v6) == 1)
		return IN6_IS_ADDR_LOOPBACK(&v6);
	if (inet_pton(AF_INET, name, &v4) == 1)
		return ntohl(v4.s_addr) >> 24 == 127;
	return !strcasecmp(name, "localhost") || !strcasecmp(name, "localhost.");
}

unsigned serve_guard(const struct serve_guard *g, const struct serve_asked *a, struct err *err)
{
	if (strcmp(a->method, "GET") && strcmp(a->method, "HEAD") &&
	    !(a->tells_nothing && !strcmp(a->method, "POST")))
		return err_set(err, "only GET and HEAD"), 405;
	if (a->n_hosts > 1)
		return err_set(err, "a request has one Host"), 400;
	if (g->check_host && a->host && !is_this_machine(a->host))
		return err_set(err, "this server answers to localhost and 127.0.0.1 only; with "
		                    "--token it answers to any name"),
		       403;
	if (g->token && !a->tells_nothing && !has_token(g, a))
		return err_set(err, "a token is needed: \"Authorization: Bearer TOKEN\", or "
		                    "?token=TOKEN"),
		       401;
	/* A link may be followed; an image, a script, a fetch of another site's page may not. */
	if (a->fetch_site && !strcasecmp(a->fetch_site, "cross-site") &&
	    !(a->fetch_mode && !strcasecmp(a->fetch_mode, "navigate")))
		return err_set(err, "not for pages of other sites"), 403;
	return 200;
}
