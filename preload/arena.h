/*
 * arena.h - outlive's private heap, for what is neither a big table nor hot: strings, module
 * records, options. Backed by a private jemalloc (its symbols renamed, its settings its own) that
 * shares nothing with the program's heap. Not in signal handlers, not in the snapshot child: it
 * uses TLS and locks. Take it only with IN_TRACKER set (track.h).
 */
#ifndef OUTLIVE_ARENA_H
#define OUTLIVE_ARENA_H

#include <stddef.h>
#include <stdint.h>

/* Zeroed; NULL when there is no memory. */
void *arena_alloc(size_t bytes);
char *arena_strdup(const char *s);
void arena_free(void *p);
/* For pthread_atfork: the child's before anything there that may use it. */
void arena_fork_prepare(void);
void arena_fork_parent(void);
void arena_fork_child(void);
/* Bytes in use, for `info`. */
uint64_t arena_used(void);

#endif
