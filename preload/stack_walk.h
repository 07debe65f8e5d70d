/*
 * stack_walk.h - one walk up a stack, and what a thread keeps between walks. For stack*.c only.
 */
#ifndef OUTLIVE_STACK_WALK_H
#define OUTLIVE_STACK_WALK_H

#include "cfi.h"
#include "format.h"
#include "mem.h"
#include "rule.h"
#include "stack.h"

/* The state in which a frame was reached, and the words that led there from the frame inside of it.
 */
struct frame {
	uintptr_t ip, sp, bp;
	uintptr_t bp_at;  /* bp was read here; 0: it is as in the inner frame */
	uintptr_t cfa_at; /* sp was read here; 0: it is computed */
	uint32_t node;    /* in the tree */
	uint32_t what;    /* stack_what() */
	uint16_t n_rel;   /* words in the cache's `rel` up to this frame's own */
	uint8_t how;      /* RULE_ by which the walk went on */
	bool needs_bp;    /* bp was used, here or further out, before it was read anew */
};

/* A frame as a node has it: its number (stack_frame.h), and FMT_NODE_ flags. */
enum { STACK_FLAGS_SHIFT = 24 };
static inline uint32_t stack_what(uint32_t frame, uint32_t flags)
{
	return frame | flags << STACK_FLAGS_SHIFT;
}

enum walk_end {
	WALK_ON,        /* stepped */
	WALK_TOP,       /* outermost frame, by the tables */
	WALK_ZERO,      /* outermost frame: there is no return address */
	WALK_BROKEN,    /* cannot go on */
	WALK_FULL,      /* needs all registers */
	WALK_TRUNCATED, /* depth reached */
	WALK_JOINED /* a frame of the last walk was reached, and everything outside of it is as it
	               was */
};

struct walk {
	struct mem_window mem;
	uintptr_t ip, sp, bp, bp_at, cfa_at;
	bool is_exact; /* ip is the instruction itself */
	bool is_plain; /* so far, only compilers' frames on one stack: what may be remembered */
	bool is_guess; /* a frame was passed without tables */
};

/* A word that led outward and is an address on the stack itself: a saved frame pointer that was
 * used, or where a realigned frame has its CFA. */
struct frame_word {
	uintptr_t at;
	uint64_t value;
};

/*
 * What a capture looks at whose guess holds, in one cache line. Not in the first line of a page:
 * what begins there, of all kinds, shares one set of the cache.
 */
struct stack_hot {
	uint32_t epoch; /* of modules, when what this cache has was learnt */
	uint32_t pause; /* captures to go without guessing; never 0 without a predictor */
	/* The stack of the thread that has leased this, as in t_mem_own: below top. 0 bytes:
	 * not known, or there is a pause. */
	uintptr_t top, bytes;
	uint8_t *records; /* of the predictor */
	uint32_t *line;   /* guesses for the next capture */
	uint64_t before;  /* the last stack, mixed */
	uint64_t captures;
	struct predictor *predictor; /* NULL until it may pay */
} __attribute__((aligned(64)));
_Static_assert(sizeof(struct stack_hot) == 64, "one cache line");

/* A thread's own; also the room to work in, since the stack that we run on may be a small one. */
struct stack_cache {
	struct stack_cache *next;
	uint32_t depth;
	uint32_t n_memo; /* frames of the last walk that may be joined */
	uint32_t n_frames;
	struct frame *frame;    /* the last stack, outermost first */
	struct frame *fresh;    /* what the current walk finds, innermost first */
	struct frame_word *rel; /* of the last stack, outermost first */
	uint64_t walks;         /* captures that no guess spared */
	struct stack_hot hot;
	struct stack_stats stats;
	struct cfi_work work;
};

/* One step by a rule that is none of FULL. */
enum walk_end walk_step(struct walk *w, struct rule rule);

/* Where a walk stands, without the rest of its state: for loops that have it in registers. */
struct walk_at {
	uintptr_t ip, sp, bp, bp_at, cfa_at;
	bool is_exact;
};

/* Nearly all steps: CFA by sp or rbp, in the window that is open. False: nothing was done, and
 * walk_step() is to do it. */
static inline __attribute__((always_inline)) bool
walk_step_plain(struct walk_at *at, const struct mem_window *mem, struct rule rule)
{
	const enum rule_how how = rule_how(rule);
	const uintptr_t cfa = (how == RULE_RBP ? at->bp : at->sp) + (uintptr_t)rule_offset(rule);
	const int64_t save = rule_save(rule);
	const uintptr_t bp_at = cfa + (uintptr_t)save;

	if (!ARCH_PLAIN_FRAMES ||
	    unlikely(how - 1u > RULE_RBP - 1 || cfa < at->sp + 8 || cfa > mem->hi))
		return false;
	const uintptr_t ip = mem_word(cfa - 8);

	if (unlikely(!ip || (save && (bp_at < mem->lo || bp_at > mem->hi - 8))))
		return false;
	at->bp_at = 0;
	if (save) {
		at->bp_at = bp_at;
		at->bp = mem_word(bp_at);
	}
	at->cfa_at = 0;
	at->sp = cfa;
	at->ip = ip;
	at->is_exact = false;
	return true;
}
/* The whole stack into c->fresh, with all registers, from our own frame on. Returns how it ended;
 * *n frames. */
enum walk_end walk_full(struct stack_cache *c, const struct caller *from, uint32_t *n);

#endif
