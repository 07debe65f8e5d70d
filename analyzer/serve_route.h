/*
 * serve_route.h - what an address of the server asks for: serve_route.c. Pure.
 */
#ifndef OUTLIVE_SERVE_ROUTE_H
#define OUTLIVE_SERVE_ROUTE_H

#include "util.h"

enum serve_what {
	SERVE_REPORT,
	SERVE_INDEX,
	SERVE_HEAP,
	SERVE_ALLOCS,
	SERVE_GOROUTINE,
	SERVE_THREADS,
	SERVE_TIMERS,
	SERVE_FDS,
	SERVE_CMDLINE,
	SERVE_METRICS,
	SERVE_SYMBOL, /* what an address is called: a profile has all names that are known */
	SERVE_MOVED   /* to the folder of the same name */
};

struct serve_route {
	enum serve_what what;
	unsigned debug;   /* 0: for tools; 1, 2: text */
	unsigned seconds; /* a difference over so long; 0: none */
	bool gc;          /* the allocator gives back what it caches, first */
	bool openmetrics;
	uint64_t pid; /* of a folder: which process; 0: the one written last */
};

/* The arguments behind '?', by name; NULL: not given. */
typedef const char *serve_argument(void *ctx, const char *name);

/*
 * The HTTP status: 200 with *r, or another with a sentence in err. `accept` is the header of that
 * name, or NULL. live: of a process, not of a folder.
 */
unsigned serve_route(const char *path, const char *accept, serve_argument *argument, void *ctx,
                     bool live, struct serve_route *r, struct err *err);
/*
 * The page to which pprof posts the addresses of a mapping without any name; where it is refused,
 * pprof gives up the whole profile. It sends no token there.
 */
bool serve_is_symbol(const char *path);
/* Its answer is made from a snapshot. */
bool serve_needs_snapshot(const struct serve_route *r);
const char *serve_content_type(const struct serve_route *r);
/* What a browser should call the file; NULL: it shows it. */
const char *serve_file_name(const struct serve_route *r);

#endif
