/*
 * reach_memory.h - is there memory for a scan? For reach.c alone.
 */
#ifndef OUTLIVE_REACH_MEMORY_H
#define OUTLIVE_REACH_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How many blocks live now, as far as their sites' counters tell. */
uint64_t reach_memory_blocks(void);
/* True when what the scan of the blocks that live now takes is more than the machine, or the
 * control group, has left: then why says so in a sentence. */
bool reach_memory_is_short(char *why, size_t size);

#endif
