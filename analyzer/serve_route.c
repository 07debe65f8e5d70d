/*
 * serve_route.c - Go's addresses under /debug/pprof/, and ours. Owns their names and arguments;
 * knows neither HTTP nor snapshots.
 */
#include "serve_route.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define PPROF "/debug/pprof/"

enum { LONGEST_SECONDS = 600 };

static const struct page {
	const char *path;
	enum serve_what what;
} page[] = {
        {"/", SERVE_REPORT},
        {"/metrics", SERVE_METRICS},
        {"/debug/pprof", SERVE_MOVED},
        {PPROF, SERVE_INDEX},
        {PPROF "heap", SERVE_HEAP},
        {PPROF "allocs", SERVE_ALLOCS},
        {PPROF "goroutine", SERVE_GOROUTINE},
        {PPROF "threadcreate", SERVE_THREADS},
        {PPROF "timer", SERVE_TIMERS},
        {PPROF "fd", SERVE_FDS},
        {PPROF "cmdline", SERVE_CMDLINE},
        {PPROF "symbol", SERVE_SYMBOL},
};

/* Those of Go's that a native program has no answer to. */
static const struct missing {
	const char *path, *why;
} missing[] = {
        {PPROF "profile", "outlive takes no CPU profiles; `perf record -g -p PID` does"},
        {PPROF "trace", "there is no execution trace of a native program; `outlive export --format "
                        "perfetto` draws the life lines of threads"},
        {PPROF "block", "outlive does not measure how long threads wait; goroutine?debug=2 shows "
                        "those that wait now"},
        {PPROF "mutex", "outlive does not measure contention"},
};

/* A number, 0 when the argument is absent; a word that is none is a mistake to be told. */
static int number(serve_argument *argument, void *ctx, const char *name, unsigned most,
                  unsigned *out, struct err *err)
{
	const char *text = argument(ctx, name);
	char *end;

	*out = 0;
	if (!text || !*text)
		return 0;
	if (*text < '0' || *text > '9')
		return err_set(err, "%s is a number", name);
	unsigned long n = strtoul(text, &end, 10);
	if (*end || n > most)
		return err_set(err, "%s is a number from 0 to %u", name, most);
	*out = (unsigned)n;
	return 0;
}

/* The weight that an Accept header gives to a media type, in thousandths; 0: not named. */
static unsigned weight(const char *accept, const char *type)
{
	size_t n = strlen(type);

	for (const char *at = accept; at && *at; at += strcspn(at, ","), at += *at == ',') {
		at += strspn(at, " \t");
		if (strncasecmp(at, type, n) || !strchr(" \t;,", at[n]))
			continue;
		const char *end = at + strcspn(at, ","), *q = strstr(at, "q=");
		if (!q || q > end)
			return 1000;
		double value = strtod(q + 2, NULL);
		return value > 0 && value <= 1 ? (unsigned)(value * 1000) : 0;
	}
	return 0;
}

static unsigned arguments(serve_argument *argument, void *ctx, bool live, struct serve_route *r,
                          struct err *err)
{
	unsigned gc = 0, pid = 0;

	if (number(argument, ctx, "debug", 2, &r->debug, err) ||
	    number(argument, ctx, "seconds", LONGEST_SECONDS, &r->seconds, err) ||
	    number(argument, ctx, "gc", 1000, &gc, err) ||
	    number(argument, ctx, "pid", INT32_MAX, &pid, err))
		return 400;
	r->gc = gc > 0 && (r->what == SERVE_HEAP || r->what == SERVE_ALLOCS);
	r->pid = pid;
	if (r->what == SERVE_GOROUTINE && !live)
		return err_set(err, "stacks of now are of a live process; threadcreate shows "
		                    "where the threads of a snapshot were created"),
		       404;
	if (r->seconds && r->what != SERVE_HEAP && r->what != SERVE_ALLOCS)
		return err_set(err, "seconds is for heap and allocs"), 400;
	if (r->seconds && r->debug)
		return err_set(err, "seconds and debug do not go together"), 400;
	if ((r->seconds || r->gc) && !live)
		return err_set(err, "this server shows the files of a folder: seconds and gc are "
		                    "for a live process"),
		       400;
	if (r->pid && live)
		return err_set(err, "this server is of one process: pid is for those of a folder"),
		       400;
	return 200;
}

unsigned serve_route(const char *path, const char *accept, serve_argument *argument, void *ctx,
                     bool live, struct serve_route *r, struct err *err)
{
	*r = (struct serve_route){.what = SERVE_REPORT};
	for (size_t i = 0; i < sizeof(missing) / sizeof(*missing); i++)
		if (!strcmp(path, missing[i].path))
			return err_set(err, "%s", missing[i].why), 404;
	for (size_t i = 0; i < sizeof(page) / sizeof(*page); i++) {
		if (strcmp(path, page[i].path))
			continue;
		r->what = page[i].what;
		unsigned open = weight(accept, "application/openmetrics-text");
		r->openmetrics =
		        r->what == SERVE_METRICS && open && open >= weight(accept, "text/plain");
		return arguments(argument, ctx, live, r, err);
	}
	return err_set(err, "there is no such page; /debug/pprof/ lists them, / is the report, "
	                    "/metrics is for Prometheus"),
	       404;
}

bool serve_is_symbol(const char *path)
{
	return !strcmp(path, PPROF "symbol");
}

bool serve_needs_snapshot(const struct serve_route *r)
{
	return r->what < SERVE_CMDLINE ? r->what != SERVE_GOROUTINE : r->what == SERVE_METRICS;
}

static bool is_profile(const struct serve_route *r)
{
	return r->what >= SERVE_HEAP && r->what <= SERVE_FDS && !r->debug;
}

const char *serve_content_type(const struct serve_route *r)
{
	if (r->what == SERVE_REPORT || r->what == SERVE_INDEX)
		return "text/html; charset=utf-8";
	if (r->what == SERVE_METRICS)
		return r->openmetrics ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
		                      : "text/plain; version=0.0.4; charset=utf-8";
	return is_profile(r) ? "application/octet-stream" : "text/plain; charset=utf-8";
}

const char *serve_file_name(const struct serve_route *r)
{
	static const char *const name[] = {
	        [SERVE_HEAP] = "heap.pb.gz",           [SERVE_ALLOCS] = "allocs.pb.gz",
	        [SERVE_GOROUTINE] = "goroutine.pb.gz", [SERVE_THREADS] = "threadcreate.pb.gz",
	        [SERVE_TIMERS] = "timer.pb.gz",        [SERVE_FDS] = "fd.pb.gz"};

	return is_profile(r) ? name[r->what] : NULL;
}
