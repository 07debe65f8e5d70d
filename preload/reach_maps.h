/*
 * reach_maps.h - what lies where in the process, from /proc/self/maps and from the program headers
 * of the modules. For the files of the reachability scan alone; context as in reach_index.h.
 */
#ifndef OUTLIVE_REACH_MAPS_H
#define OUTLIVE_REACH_MAPS_H

#include <stdbool.h>
#include <stdint.h>

#include "sys.h"

enum {
	REACH_MAP_READ = 1,
	REACH_MAP_WRITE = 2,
	REACH_MAP_EXEC = 4,
	REACH_MAP_FILE = 8,    /* has a file behind it: pages may be missing past its end */
	REACH_MAP_MODULE = 16, /* the file is an ELF one that is loaded here */
	REACH_MAP_DEVICE = 32, /* reading it may do something: never read */
	REACH_MAP_STACK = 64,  /* the first thread's */
	REACH_MAP_OWN = 128    /* outlive's */
};
struct reach_map {
	uintptr_t low, high;
	uint32_t flags;
};

/* The part of a module that it may write to, bss included: cut by its program headers, for the
 * kernel makes one mapping of neighbours. */
enum reach_data {
	REACH_DATA_PLAIN,
	REACH_DATA_LIBC,      /* malloc's own state is in it: only pointers to starts count */
	REACH_DATA_ALLOCATOR, /* another malloc's */
	REACH_DATA_OWN        /* outlive's */
};
struct reach_module {
	uintptr_t low, high;
	enum reach_data kind;
};

struct reach_maps {
	struct reach_map *map;
	uint32_t n;
	struct reach_module *data;
	uint32_t n_data;
	bool is_go; /* a module made by Go is there, which keeps a heap and stacks of its own */
	/* The kernel's part of an io_uring, or of its older asynchronous calls: what a request that
	 * is under way gives back, and the memory that it is about, may be known to the kernel
	 * alone. */
	const char *requests;
	uint64_t memory;
};
extern struct reach_maps g_reach_maps __attribute__((visibility("hidden")));

/* Fills it in; 0 or -errno. */
int reach_maps_read(void);
void reach_maps_free(void);

/* The mapping that a lies in, or the next one above; NULL when there is none. */
const struct reach_map *reach_maps_from(uintptr_t a);
/* The mapping that a lies in, NULL for none. */
const struct reach_map *reach_maps_at(uintptr_t a);
static inline bool reach_map_readable(const struct reach_map *m)
{
	return (m->flags & (REACH_MAP_READ | REACH_MAP_DEVICE)) == REACH_MAP_READ;
}

#endif
