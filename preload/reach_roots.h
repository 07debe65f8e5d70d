/*
 * reach_roots.h - where pointers are looked for first: all that the program can name without
 * following a pointer. For the files of the reachability scan alone; context as in reach_index.h.
 */
#ifndef OUTLIVE_REACH_ROOTS_H
#define OUTLIVE_REACH_ROOTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct stop;

/* The threads and their registers, for reach_roots(); the asking one is stop->self. */
void reach_roots_set(const struct stop *threads);
/* Calls reach_mark_*() for all of them: to be given to reach_mark_all(). */
void reach_roots(void);
/* The same without stop->threads[i] where without[i]; and of one of those alone. */
void reach_roots_without(const uint8_t *without);
void reach_roots_thread(uint32_t i);

#endif
