/*
 * reach_kernel.h - pointers that the program has given to the kernel to keep. For the files of the
 * reachability scan alone; context as in reach_index.h.
 */
#ifndef OUTLIVE_REACH_KERNEL_H
#define OUTLIVE_REACH_KERNEL_H

#include <stdint.h>

/* Calls fn for each word that an epoll of process pid gives back with an event, or a timer of it
 * with its signal. */
void reach_kernel_words(uint32_t pid, void (*fn)(uintptr_t word));

#endif
