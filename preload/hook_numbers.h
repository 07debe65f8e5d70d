/*
 * hook_numbers.h - what hook_<processor>.S knows of C: offsets and numbers. The C files that own
 * them assert that they are right.
 */
#ifndef OUTLIVE_HOOK_NUMBERS_H
#define OUTLIVE_HOOK_NUMBERS_H

/* struct self (track.h) */
#define SELF_FLAGS   0
#define SELF_N_HEAP  4
#define SELF_EXACT   8
#define SELF_IN_HEAP 2
#define SELF_LEFT    16
#define SELF_GUESS   24
/* From struct ctx to what predict_first() looks at (track_plain.c) */
#define CTX_STACKS     16
#define CACHE_TOP      72
#define CACHE_RECORDS  88
#define CACHE_LINE     96
#define CACHE_BEFORE   104
#define PLACE_FACTOR   0x9e3779b97f4a7c15
#define PLACE_IP_SHIFT 20
#define PLACE_SLOT     60 /* its bits above: the guess in the line */
#define PLACE_BITS     27 /* from here up to the same as bits of the guess: */
#define GUESS_OFFSET   0x7ffff
/* struct real (hook.h) */
#define REAL_MALLOC  0
#define REAL_CALLOC  8
#define REAL_REALLOC 16
#define REAL_FREE    24
/* sample.h */
#define SAMPLE_SPREAD_BY 4097
/* share_slot[] (hook_share.c) */
#define SHARE_VFORK   0
#define SHARE_VFORK2  1
#define SHARE_CLONE   2
#define SHARE_SYSCALL 3

#endif
