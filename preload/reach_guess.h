/*
 * reach_guess.h - which pointers into the middle of a block are as good as one to its start: those
 * that C++ and strings with a head make. For reach_mark.c alone.
 */
#ifndef OUTLIVE_REACH_GUESS_H
#define OUTLIVE_REACH_GUESS_H

#include <stdbool.h>
#include <stdint.h>

struct reach_block;

/* w points into the middle of b. Never faults. */
bool reach_guess(const struct reach_block *b, uintptr_t w);

#endif
