/*
 * live_maps.h - the mappings of a live process, as /proc/PID/maps names them.
 */
#ifndef OUTLIVE_LIVE_MAPS_H
#define OUTLIVE_LIVE_MAPS_H

#include <sys/types.h>

#include "util.h"

struct live_map {
	uint64_t start, end, offset;
	uint64_t device, inode;
	const char *path; /* interned, without " (deleted)"; "" for anonymous memory */
	bool readable, writable, executable, deleted;
};
struct live_maps {
	struct live_map *at; /* ascending */
	uint32_t n, cap;
};

/* -1 with err when they may not be read. live_maps_free() either way. */
int live_maps_read(struct live_maps *m, pid_t pid, struct err *err);
/* The mapping that address lies in, or NULL. */
const struct live_map *live_maps_find(const struct live_maps *m, uint64_t address);
void live_maps_free(struct live_maps *m);

/* The number at *at, behind blanks, which is moved behind it and one character more (what stands
 * between two); 0 and not moved when there is none. */
uint64_t live_number(const char **at, int base);

/* Copies n bytes at `address` of process pid; returns how many could be. */
size_t live_read(pid_t pid, uint64_t address, void *to, size_t n);

#endif
