/*
 * serve_listen.c - opens the listening socket. Asks no name server: addresses are numbers, or
 * "localhost".
 */
#include "serve_listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 128 };

/* ---- unix:/path ---- */

/* A socket that a killed server has left behind: nobody answers there. */
static bool is_stale(const struct sockaddr_un *at)
{
	struct stat st;

	if (lstat(at->sun_path, &st) || !S_ISSOCK(st.st_mode))
		return false;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool stale = fd >= 0 && connect(fd, (const struct sockaddr *)at, sizeof(*at)) &&
	             errno == ECONNREFUSED;
	if (fd >= 0)
		close(fd);
	return stale;
}

static int listen_unix(const char *path, struct serve_listen *l, bool *usage, struct err *err)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};

	if (!*path || strlen(path) >= sizeof(at.sun_path)) {
		*usage = true;
		return err_set(err, "the path of a unix socket has from 1 to %zu characters",
		               sizeof(at.sun_path) - 1);
	}
	memcpy(at.sun_path, path, strlen(path) + 1);
	if (is_stale(&at))
		unlink(path);
	l->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	/* Others must not reach it even for the moment between bind and chmod. */
	mode_t mask = umask(0177);
	int failed = l->fd < 0 || bind(l->fd, (const struct sockaddr *)&at, sizeof(at));
	int error = errno;
	umask(mask);
	if (failed)
		return err_set(err, "%s: %s", path, strerror(error));
	l->path = xstrdup(path);
	l->url = xasprintf("unix:%s", path);
	return listen(l->fd, BACKLOG) ? err_set(err, "%s: %s", path, strerror(errno)) : 0;
}

/* ---- TCP ---- */

/* "host:port" in two; host is empty for all addresses. False when it is not of that form. */
static bool split(const char *where, char host[64], char port[8])
{
	const char *colon = strrchr(where, ':'), *from = where, *to = colon;

	if (!colon || !colon[1] || strlen(colon + 1) > 5 ||
	    strspn(colon + 1, "0123456789") != strlen(colon + 1) ||
	    strtoul(colon + 1, NULL, 10) > 65535)
		return false;
	if (*where == '[') {
		if (colon[-1] != ']')
			return false;
		from++;
		to--;
	} else if (memchr(where, ':', (size_t)(colon - where))) {
		return false;
	}
	if (to < from || to - from >= 64)
		return false;
	snprintf(host, 64, "%.*s", (int)(to - from), from);
	snprintf(port, 8, "%s", colon + 1);
	return true;
}

static bool is_loopback(const struct sockaddr *at)
{
	if (at->sa_family == AF_INET6)
		return IN6_IS_ADDR_LOOPBACK(
		        &((const struct sockaddr_in6 *)(const void *)at)->sin6_addr);
	return ntohl(((const struct sockaddr_in *)(const void *)at)->sin_addr.s_addr) >> 24 == 127;
}

static char *url_of(int fd)
{
	struct sockaddr_storage at = {0};
	socklen_t n = sizeof(at);
	char host[64] = "", port[8] = "";

	getsockname(fd, (struct sockaddr *)&at, &n);
	getnameinfo((struct sockaddr *)&at, n, host, sizeof(host), port, sizeof(port),
	            NI_NUMERICHOST | NI_NUMERICSERV);
	return xasprintf(at.ss_family == AF_INET6 ? "http://[%s]:%s/" : "http://%s:%s/", host,
	                 port);
}

static int open_socket(const struct addrinfo *to, const char *where, struct serve_listen *l,
                       struct err *err)
{
	int yes = 1;

	l->fd = socket(to->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (l->fd >= 0)
		setsockopt(l->fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (l->fd < 0 || bind(l->fd, to->ai_addr, to->ai_addrlen) || listen(l->fd, BACKLOG))
		return err_set(err, "%s: %s", where, strerror(errno));
	l->url = url_of(l->fd);
	return 0;
}

static int listen_tcp(const char *where, bool has_token, struct serve_listen *l, bool *usage,
                      struct err *err)
{
	struct addrinfo want = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
	                        .ai_socktype = SOCK_STREAM},
	                *to = NULL;
	char host[64], port[8];
	int rc = -1;

	*usage = true;
	if (!split(where, host, port))
		return err_set(err,
		               "--listen is ADDRESS:PORT or unix:/path, such as "
		               "127.0.0.1:6060, not \"%s\"",
		               where);
	const char *name = strcmp(host, "localhost") ? host : "127.0.0.1";
	if (getaddrinfo(*name ? name : NULL, port, &want, &to))
		return err_set(err, "--listen: \"%s\" is no address in numbers, nor localhost",
		               host);
	l->loopback = is_loopback(to->ai_addr);
	if (!l->loopback && !has_token) {
		err_set(err,
		        "%s can be reached from other machines: only with --token or "
		        "--token-file",
		        where);
	} else {
		*usage = false;
		rc = open_socket(to, where, l, err);
	}
	freeaddrinfo(to);
	return rc;
}

int serve_listen(const char *where, bool has_token, struct serve_listen *l, bool *usage,
                 struct err *err)
{
	*l = (struct serve_listen){.fd = -1};
	*usage = false;
	if (!strncmp(where, "unix:", 5))
		return listen_unix(where + 5, l, usage, err);
	return listen_tcp(where, has_token, l, usage, err);
}

void serve_unlisten(struct serve_listen *l)
{
	if (l->fd >= 0)
		close(l->fd);
	if (l->path)
		unlink(l->path);
	free(l->path);
	free(l->url);
	*l = (struct serve_listen){.fd = -1};
}
