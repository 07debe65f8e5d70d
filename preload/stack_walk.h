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

/* A frame that a walk has found. */
struct frame {
	uintptr_t ip, sp;
	struct rule rule; /* by which the walk went on */
	uint32_t what;    /* stack_what() */
};

/* How a frame was reached from the one inside of it. */
struct frame_by {
	uintptr_t bp;
	uintptr_t bp_at;  /* bp was read here; 0: it is as in the inner frame */
	uintptr_t cfa_at; /* sp was read here; 0: it is computed */
};

/* What is kept of a frame of the last stack, beside where it lies. */
struct frame_kept {
	uint32_t node;     /* in the tree */
	uint16_t n_rel;    /* words in the cache's `rel` up to this frame's own */
	uint16_t needs_bp; /* bp was used, here or further out, before it was read anew */
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

/* bp and where the words were read are behind what the walk has found, mostly: stack_by(). */
struct walk {
	struct mem_window mem;
	uintptr_t ip, sp, bp, bp_at, cfa_at;
	uint32_t known; /* entries of the cache's `by` */
	bool is_exact;  /* ip is the instruction itself */
	bool is_plain;  /* so far, only compilers' frames on one stack: what may be remembered */
	bool is_guess;  /* a frame was passed without tables */
	bool uses_bp;   /* it went on by bp */
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
	uint32_t n_same; /* of them, from the outermost on, since the last record was made */
	/* The last stack, outermost first: where its frames lie, and what they return to. sp[-1] is
	 * that of no frame. Arrays of their own: they are compared for each walk. */
	uintptr_t *sp, *ip;
	struct frame_kept *kept; /* the same frames; two zeroed ones before them */
	struct frame *fresh;     /* what the current walk finds, innermost first */
	uint64_t walks;          /* captures that no guess spared */
	struct stack_hot hot;
	uintptr_t *bp;          /* of the frames of the last stack that need it */
	struct frame_word *rel; /* of all of them */
	struct frame_by *by;    /* how the current walk's frames were reached; walk.known */
	struct stack_stats stats;
	struct cfi_work work;
};

/* One step by a rule that is none of FULL. */
enum walk_end walk_step(struct walk *w, struct rule rule);
/* How frame n of this walk was reached, which lies at sp. All steps that are not yet known went by
 * RULE_INSIDE. */
struct frame_by *stack_by(const struct stack_cache *c, struct walk *w, uint32_t n, uintptr_t sp);
/* With a frame pointer, in the window that is open; by: how the frame was reached, and then the
 * next one. False: nothing was done. */
static inline __attribute__((always_inline)) bool
walk_step_plain(struct walk *w, const struct frame *f, struct frame_by *by)
{
	const uintptr_t cfa = by->bp + (uintptr_t)rule_offset(f->rule);
	const uintptr_t bp_at = cfa + (uintptr_t)rule_save(f->rule);

	if (!ARCH_PLAIN_FRAMES || rule_how(f->rule) != RULE_RBP || f->sp < w->mem.lo ||
	    cfa <= f->sp || cfa - 8 < w->mem.lo || cfa > w->mem.hi || bp_at == cfa ||
	    bp_at < w->mem.lo || bp_at > w->mem.hi - 8)
		return false;
	w->ip = mem_word(cfa - 8);
	w->sp = cfa;
	w->is_exact = false;
	w->uses_bp = true;
	by[1] = (struct frame_by){.bp = mem_word(bp_at), .bp_at = bp_at};
	return w->ip;
}

/* The whole stack into c->fresh, with all registers, from our own frame on. Returns how it ended;
 * *n frames. */
enum walk_end walk_full(struct stack_cache *c, const struct caller *from, uint32_t *n);

#endif
