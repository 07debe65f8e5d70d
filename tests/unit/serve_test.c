/* serve_test.c - what an address asks for, and who may ask: serve_route.c, serve_guard.c. */
#include "../../analyzer/serve_guard.h"
#include "../../analyzer/serve_route.h"

#include <string.h>

#include "check.h"

/* "debug=1&gc=1" */
static const char *argument(void *ctx, const char *name)
{
	static char value[64];
	size_t n = strlen(name);

	for (const char *at = ctx; at && *at; at += strcspn(at, "&"), at += *at == '&') {
		if (strncmp(at, name, n) || at[n] != '=')
			continue;
		snprintf(value, sizeof(value), "%.*s", (int)strcspn(at + n + 1, "&"), at + n + 1);
		return value;
	}
	return NULL;
}

static unsigned route(const char *path, const char *arguments, bool live, struct serve_route *r)
{
	struct err err;

	return serve_route(path, NULL, argument, (void *)(uintptr_t)arguments, live, r, &err);
}

static bool asks_openmetrics(const char *accept)
{
	struct serve_route r;
	struct err err;

	return serve_route("/metrics", accept, argument, NULL, true, &r, &err) == 200 &&
	       r.openmetrics;
}

TEST(routes_and_arguments)
{
	struct serve_route r;

	OK(route("/", "", true, &r) == 200 && r.what == SERVE_REPORT);
	OK(route("/debug/pprof/heap", "gc=1&seconds=30", true, &r) == 200 && r.what == SERVE_HEAP &&
	   r.gc && r.seconds == 30 && !r.debug);
	OK(route("/debug/pprof/fd", "debug=1&gc=1", true, &r) == 200 && r.what == SERVE_FDS &&
	   r.debug == 1 && !r.gc);
	OK(route("/debug/pprof/heap", "debug=", true, &r) == 200 && !r.debug);
	OK(route("/debug/pprof/heap", "seconds=18446744073709551617", true, &r) == 400);
	OK(route("/debug/pprof/heap", "seconds=1e3", true, &r) == 400);
	OK(route("/debug/pprof/heap", "seconds= 5", true, &r) == 400);
	OK(route("/debug/pprof/heap", "pid=4711", false, &r) == 200 && r.pid == 4711);
	OK(route("/debug/pprof/goroutine", "", false, &r) == 404);
	OK(route("/debug/pprof/profile", "", true, &r) == 404);
	OK(route("/debug/pprof/heap/", "", true, &r) == 404 && route("//", "", true, &r) == 404 &&
	   route("", "", true, &r) == 404);
}

TEST(accept_weights)
{
	OK(!asks_openmetrics(NULL) && !asks_openmetrics("*/*") && !asks_openmetrics(""));
	OK(asks_openmetrics("application/openmetrics-text"));
	OK(asks_openmetrics("application/openmetrics-text;version=1.0.0;q=0.5,"
	                    "text/plain;version=0.0.4;q=0.3,*/*;q=0.2"));
	OK(!asks_openmetrics("text/plain;q=0.9, application/openmetrics-text;q=0.1"));
	OK(!asks_openmetrics("application/openmetrics-text;q=0"));
	OK(!asks_openmetrics("application/openmetrics-textual"));
	OK(!asks_openmetrics("application/openmetrics-text;q=nan"));
}

static unsigned guard(const struct serve_guard *g, struct serve_asked a)
{
	struct err err;

	a.method = a.method ? a.method : "GET";
	return serve_guard(g, &a, &err);
}
#define GUARD(g, ...) guard(g, (struct serve_asked){__VA_ARGS__})

TEST(dns_rebinding_hosts)
{
	const struct serve_guard g = {.check_host = true};

	OK(GUARD(&g, .host = "localhost") == 200 && GUARD(&g, .host = "LOCALHOST:1") == 200 &&
	   GUARD(&g, .host = "127.0.0.1:6060") == 200 && GUARD(&g, .host = "127.9.9.9") == 200 &&
	   GUARD(&g, .host = "[::1]:6060") == 200);
	OK(GUARD(&g, .host = "evil.example") == 403 &&
	   GUARD(&g, .host = "localhost.evil.example") == 403 &&
	   GUARD(&g, .host = "127.0.0.1.evil.example") == 403 &&
	   GUARD(&g, .host = "10.0.0.1") == 403 && GUARD(&g, .host = "") == 403 &&
	   GUARD(&g, .host = "[::1") == 403 && GUARD(&g, .host = "[::1]x") == 403 &&
	   GUARD(&g, .host = "[::ffff:1.2.3.4]") == 403);
	OK(GUARD(&g, .host = "localhost", .n_hosts = 2) == 400);
	OK(GUARD(&g, .method = "POST", .host = "localhost") == 405);
	OK(GUARD(&g, .method = "POST", .host = "localhost", .tells_nothing = true) == 200 &&
	   GUARD(&g, .method = "PUT", .host = "localhost", .tells_nothing = true) == 405 &&
	   GUARD(&g, .method = "POST", .host = "evil.example", .tells_nothing = true) == 403);
	OK(GUARD(&g, .host = "localhost", .fetch_site = "cross-site", .fetch_mode = "cors") == 403);
}

TEST(tokens_whole_only)
{
	const struct serve_guard g = {.token = "correct horse"};

	OK(GUARD(&g, .authorization = "Bearer correct horse") == 200 &&
	   GUARD(&g, .authorization = "bearer correct horse") == 200 &&
	   GUARD(&g, .token = "correct horse") == 200);
	OK(GUARD(&g, .token = NULL) == 401 && GUARD(&g, .token = "") == 401 &&
	   GUARD(&g, .token = "correct hors") == 401 &&
	   GUARD(&g, .token = "correct horse ") == 401 &&
	   GUARD(&g, .token = "correct horsecorrect horse") == 401 &&
	   GUARD(&g, .authorization = "Basic correct horse") == 401 &&
	   GUARD(&g, .authorization = "Bearer") == 401);
	OK(GUARD(&g, .token = "correct horse", .host = "server.example") == 200);
	OK(GUARD(&g, .tells_nothing = true) == 200);
}

int main(int argc, char **argv)
{
	return check_main(argc, argv);
}
