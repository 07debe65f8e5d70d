/*
 * stack_frame.h - the frames that stacks are made of: an address and the module that was there when
 * it was seen, numbered from 1 on. A program has thousands of them and millions of nodes, which so
 * need four bytes to say theirs. Finding is lock-free; the first sight of a frame takes a lock.
 * IN_TRACKER is set. For rule.c and stack*.c only.
 */
#ifndef OUTLIVE_STACK_FRAME_H
#define OUTLIVE_STACK_FRAME_H

#include <stdbool.h>
#include <stdint.h>

enum {
	STACK_FRAME_BITS = 22,
	STACK_FRAME_MAX = 1 << STACK_FRAME_BITS,
	STACK_FRAME_CHUNK_LOG2 = 12,
	STACK_FRAME_CHUNK = 1 << STACK_FRAME_CHUNK_LOG2
};

struct stack_frame {
	uintptr_t ip;
	uint32_t module;
};

/* 0 or -errno. */
int stack_frame_init(void);
/* The number of a frame; 0 when there is no room. */
uint32_t stack_frame(uintptr_t ip, uint32_t module);
extern struct stack_frame *g_stack_frames[STACK_FRAME_MAX / STACK_FRAME_CHUNK]
        __attribute__((visibility("hidden")));
/* A number that was given out. */
static inline const struct stack_frame *stack_frame_at(uint32_t frame)
{
	return &g_stack_frames[frame >> STACK_FRAME_CHUNK_LOG2][frame & (STACK_FRAME_CHUNK - 1)];
}
uint64_t stack_frame_bytes(void);
void stack_frame_fork_child(void);
/* Does a thread hold the lock? For who looks while all others stand still. */
bool stack_frame_is_busy(void);

/* Where the frames lie, for a reader outside of the process. */
struct fmt_table;
void stack_frame_describe(struct fmt_table *out);

#endif
