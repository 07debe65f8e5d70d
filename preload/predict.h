/*
 * predict.h - guesses a stack and proves the guess. A record is a whole stack in a form that does
 * not depend on where it lies: which words a walk would read, at which offsets from sp, and what
 * they were. If all of them hold at another capture from the same place, a walk would read the very
 * same words and go the very same way: the guess is exact, and no rule was looked up. Which record
 * to try is told by the two stacks before it in this thread, by the caller and by how deep it is.
 * The words are kept in groups of eight, counted from the outermost, and records share them: of
 * some thousand stacks that a program goes through again and again, each record is one cache line,
 * and the words of all are few. A predictor belongs to one thread. For stack*.c only.
 */
#ifndef OUTLIVE_PREDICT_H
#define OUTLIVE_PREDICT_H

#include "hook_numbers.h"
#include "stack_walk.h"

enum {
	PREDICT_LINE = 16, /* guesses that one history chooses from */
	PREDICT_GUESSES = 1 << 16,
	PREDICT_OFFSET_BITS = 19, /* of a record in its pool, in 8 bytes */
	PREDICT_STARTS = 1 << 12,
	PREDICT_AFTER = 1 << 13,
	PREDICT_SEEN = 1 << 13,
	PREDICT_GROUPS = 1 << 13,
	PREDICT_TOLD = 64,
	PREDICT_REACH = 8 << 16, /* bytes that a group's offsets can tell */
	PREDICT_WINDOW = 1 << 12 /* captures after which the hit rate is looked at */
};

enum {
	/* In `rest`. */
	RECORD_TRUNCATED = 1 << 15, /* the stack was cut */
	RECORD_BP = 1 << 14,        /* fp is compared, too */
	RECORD_WORDS = RECORD_BP - 1
};

struct record {
	uintptr_t ip; /* the innermost frame's */
	uintptr_t sp; /* the only one that it holds at; 0: it holds wherever it lies */
	union {
		struct {
			uint32_t site;  /* of the context that has the predictor; 0: it has not yet
			                   been asked for */
			uint32_t stack; /* its number, mixed: predict_stack() */
		};
		uint64_t word; /* for predict_note() */
	};
	uint32_t span; /* bytes above sp: the words lie there, and the groups' base is
	                  PREDICT_REACH below its end */
	uint16_t n;    /* groups of words that are compared as they are, not 0 */
	uint16_t rest; /* further words, compared relative to sp; and RECORD_* */
	uint32_t at[]; /* where the groups lie in the pool, in bytes; the innermost is the first. At
	                  the next multiple of 8 fp, if it is compared; then the further words, and
	                  as many 16-bit offsets in words */
} __attribute__((aligned(16)));

enum { PREDICT_NONE = sizeof(struct record) }; /* at a pool's start: a record that never holds */

/* A stack that was walked lately, and its record if it has one. */
struct predict_seen {
	uint32_t stack, record;
};

struct predictor {
	uint8_t *pool;   /* records and their groups; at offset 0 a record that never holds */
	uint64_t window; /* captures there were when this window began */
	/* Where the stack ends on which the words of records are compared as they are. 0: none, it
	 * has served threads on several stacks. */
	uintptr_t home;
	uint32_t walks; /* in this window */
	uint32_t used, size;
	uintptr_t ready; /* the pool has pages up to here */
	struct predict_seen seen[PREDICT_SEEN];
	/* The groups of the record that was made last, the outermost first; their base, and whether
	 * they have more than return addresses. */
	uint32_t told[PREDICT_TOLD], n_told;
	bool told_all;
	uintptr_t told_base;
	uint32_t group[PREDICT_GROUPS]; /* by what is in them: where they lie in the pool, or 0 */
	/* Guesses: a record's offset in 8 bytes, and bits of the place that it was met at: one of
	 * another place is mostly told without a look at the record, which is a cache miss. */
	uint32_t after[PREDICT_AFTER];  /* by the last stack and the place */
	uint32_t start[PREDICT_STARTS]; /* by place alone */
	uint32_t guess[PREDICT_GUESSES] __attribute__((aligned(128)));
};

/* Until the cache has a predictor: guesses lead to a record that never holds. */
void predict_none(struct stack_hot *h);
/* Gives the cache a predictor, if there is memory for one. */
void predict_new(struct stack_cache *c);
/* Forgets everything: a module is gone. */
void predict_flush(struct predictor *p);
/* Captures are on this thread's own stack, which ends at `top`. */
static inline void predict_enter(struct predictor *p, uintptr_t top)
{
	if (unlikely(p->home != top && p->home)) {
		predict_flush(p);
		p->home = 0;
	}
}
uint64_t predict_bytes(const struct predictor *p);

/* Where and how deep a capture is. */
static inline uint32_t predict_place(uintptr_t ip, uint64_t depth)
{
	return (uint32_t)((ip << PLACE_IP_SHIFT ^ depth) * PLACE_FACTOR >> 32);
}

/* And behind which stack: several histories lead to one line, and there they must not meet. */
static inline uint32_t predict_place_after(const struct stack_hot *h, uint32_t place)
{
	return place ^ (uint32_t)(h->before >> 32);
}

static inline uint32_t *predict_slot(const struct stack_hot *h, uint32_t place_after)
{
	return &h->line[place_after / (UINT32_MAX / PREDICT_LINE + 1)];
}

/* What was in a slot before is in its neighbour. */
static inline uint32_t *predict_neighbour(const struct stack_hot *h, const uint32_t *slot)
{
	return &h->line[(slot - h->line) ^ 1];
}

/* A stack's number, mixed, and back: the constants are each other's inverse. */
static inline uint32_t predict_mix(uint32_t stack)
{
	return stack * 0x9e3779b1u;
}

static inline uint32_t predict_stack(const struct record *e)
{
	return e->stack * 0x0e8b2f51u;
}

/* What comes next is guessed by what was: fetch its line now. mixed: a mixed stack in the upper
 * half; what is below it hardly matters. */
static inline void predict_note(struct stack_hot *h, uint64_t mixed)
{
	uint64_t both = mixed + (h->before << 5 | h->before >> 59);
	uint32_t *line =
	        &h->predictor
	                 ->guess[(both >> 40) % (PREDICT_GUESSES / PREDICT_LINE) * PREDICT_LINE];

	__builtin_prefetch(line);

	h->before = mixed;
	h->line = line;
}

/* A guess is a record's offset and bits of the place. This adds them, or takes them off: of a guess
 * of another place it makes something that is no offset. */
static inline uint32_t predict_at(uint32_t guess, uint32_t place)
{
	return guess ^ (place << 5 & -1u << PREDICT_OFFSET_BITS);
}

static inline bool predict_is_offset(uint32_t n)
{
	return n < 1u << PREDICT_OFFSET_BITS;
}

static inline struct record *predict_record(const struct stack_hot *h, uint32_t offset)
{
	return (struct record *)(h->records + 8ul * offset);
}

/* The first guess, not yet compared. There is always one, if only of a record that never holds. */
static inline struct record *predict_first(const struct stack_hot *h, uintptr_t ip, uintptr_t sp)
{
	const uint32_t place = predict_place_after(h, predict_place(ip, h->top - sp));
	const uint32_t *slot = predict_slot(h, place);
	uint32_t offset = predict_at(*slot, place);

	if (unlikely(!predict_is_offset(offset)))
		offset = predict_at(*predict_neighbour(h, slot), place);
	return predict_record(h, predict_is_offset(offset) ? offset : 0);
}

/* Is its place here? above: bytes that may be read. */
static inline bool predict_fits(const struct record *e, uintptr_t sp, uintptr_t above)
{
	return likely(e->sp == sp) || (!e->sp && e->span <= above);
}

/* The words that are compared as they are. For a guess that mostly holds: all of them, without a
 * branch that could be taken for the wrong one. */
static inline __attribute__((always_inline)) bool predict_same(const struct stack_hot *h,
                                                               const struct record *e, uintptr_t sp)
{
	return arch_words_same(h->records, e->at + e->n, -(intptr_t)e->n,
	                       sp + e->span - PREDICT_REACH);
}

static inline const uint64_t *predict_rest(const struct record *e)
{
	return (const uint64_t *)(e->at + ((e->n + 1u) & ~1u));
}

/* The further ones. */
static inline bool predict_same_rest(const struct record *e, uintptr_t sp, uintptr_t fp)
{
	const unsigned n = e->rest & RECORD_WORDS;
	const uint64_t *value = predict_rest(e);

	if (e->rest & RECORD_BP && fp - sp != *value++)
		return false;

	const uint16_t *offset = (const uint16_t *)(value + n);

	for (unsigned i = 0; i < n; i++)
		if (mem_word(sp + 8ul * offset[i]) - sp != value[i])
			return false;
	return true;
}

/* Does the record hold here? */
bool predict_holds(const struct stack_hot *h, const struct record *e, const struct caller *from,
                   struct mem_window *mem);

/* Its record if the guess holds here, or NULL. */
static inline const struct record *predict_try(const struct stack_hot *h, uint32_t guess,
                                               uint32_t place, const struct caller *from,
                                               struct mem_window *mem)
{
	const uint32_t offset = predict_at(guess, place);
	const struct record *e = predict_record(h, offset);

	return predict_is_offset(offset) && predict_holds(h, e, from, mem) ? e : NULL;
}

/* Further guesses: what was here before, what came after the last stack at this place, and what was
 * at this place last. NULL: none holds. */
const struct record *predict_again(struct stack_hot *h, const struct caller *from,
                                   struct mem_window *mem, uint32_t place);
/*
 * The stack at this place was walked, and is `stack`: c->frame has it whole. w: where the walk
 * ended; it is the next frame outward if the end is not the top by the tables.
 */
void predict_learn(struct stack_cache *c, const struct caller *from, uint32_t place, struct walk *w,
                   enum walk_end end, uint32_t stack);
/* A record of the stack in c->frame, which was walked: as predict_learn(). Where it lies in the
 * pool, in 8 bytes; 0: it cannot be told in one, or there was no room and all was forgotten. */
uint32_t predict_make(struct stack_cache *c, const struct caller *from, const struct walk *w,
                      enum walk_end end, uint32_t stack);
/* A capture was walked: should we go on? */
void predict_judge(struct stack_hot *h);

#endif
