/*
 * reach_memory.h - is there memory for a scan? For reach.c alone.
 */
#ifndef OUTLIVE_REACH_MEMORY_H
#define OUTLIVE_REACH_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

/* So few blocks live that what a scan takes is less than the question whether there is that much.
 */
bool reach_memory_is_little(void);
/* True when what the scan of the blocks that live now takes is more than the machine, or the
 * control group, has left: then why says so in a sentence. */
bool reach_memory_is_short(char *why, size_t size);

#endif
