/*
 * rule.h - how to step outward from an instruction, in 8 bytes: what the unwind tables say at one
 * return address, interpreted once and kept. Look-ups are lock-free and make no system call.
 * IN_TRACKER is set.
 */
#ifndef OUTLIVE_RULE_H
#define OUTLIVE_RULE_H

#include "cfi.h"
#include "module.h"
#include "stack_frame.h"

enum rule_how {
	RULE_NONE,   /* not known yet, or retired */
	RULE_RSP,    /* CFA = sp + offset */
	RULE_RBP,    /* CFA = rbp + offset */
	RULE_DRAP,   /* realigned frame: CFA = the word at rbp + offset, the caller's rbp at rbp +
	                save */
	RULE_END,    /* outermost frame */
	RULE_SIGNAL, /* the kernel's signal frame lies at sp */
	RULE_GUESS,  /* no table: frame pointers, with care */
	RULE_FULL,   /* all registers are needed: cfi_step() */
	RULE_INSIDE  /* as RULE_RSP: offset is not 0, and rbp, if it is saved, between sp and CFA */
};

/*
 * In RSP, RBP and INSIDE the return address is the word below the CFA, or behind the saved frame
 * pointer (ARCH_PLAIN_FRAMES), and the caller's rbp is saved at CFA + save, or not at all when save
 * is 0. Bits: frame 22 (stack_frame.h; 0: no room), how 4, save 14 and offset 24, signed, in words.
 */
struct rule {
	uint64_t bits;
};
enum { RULE_HOW_SHIFT = STACK_FRAME_BITS, RULE_SAVE_SHIFT = 26, RULE_OFFSET_SHIFT = 40 };
static inline enum rule_how rule_how(struct rule r)
{
	return (enum rule_how)(r.bits >> RULE_HOW_SHIFT & 15);
}
/* Nearly all are. RULE_INSIDE has a bit that no other has. */
static inline bool rule_is_inside(struct rule r)
{
	return r.bits & (uint64_t)RULE_INSIDE << RULE_HOW_SHIFT;
}
static inline uint32_t rule_frame(struct rule r)
{
	return (uint32_t)r.bits & (STACK_FRAME_MAX - 1);
}
static inline int64_t rule_offset(struct rule r)
{
	return ((int64_t)r.bits >> RULE_OFFSET_SHIFT) * 8;
}
static inline int64_t rule_save(struct rule r)
{
	return ((int64_t)(r.bits << (64 - RULE_OFFSET_SHIFT)) >>
	        (64 - RULE_OFFSET_SHIFT + RULE_SAVE_SHIFT)) *
	       8;
}

/* A return address stands for the call before it; the address of an interrupted instruction is
 * exact. */
static inline uint64_t rule_key(uintptr_t ip, bool is_exact)
{
	return (uint64_t)ip << 1 | is_exact;
}

struct rule_slot {
	uint64_t key, bits;
};
struct rule_table {
	uint32_t shift, mask, used, pad;
	struct rule_slot slot[];
};
extern struct rule_table *g_rules __attribute__((visibility("hidden")));

int rule_init(void);
/* Interprets the tables, and keeps what it finds if no other thread is at it and the address lies
 * in a module. */
struct rule rule_learn(uint64_t key, struct cfi_work *work);

/* 0: not known. Any table that there was will do. */
static inline struct rule rule_look(const struct rule_table *t, uint64_t key)
{
	uint64_t i = key * 0x9e3779b97f4a7c15ul >> t->shift;

	for (const struct rule_slot *s = t->slot + i;; s = t->slot + i) {
		uint64_t k = __atomic_load_n(&s->key, __ATOMIC_ACQUIRE);

		if (likely(k == key))
			return (struct rule){__atomic_load_n(&s->bits, __ATOMIC_ACQUIRE)};
		if (!k)
			return (struct rule){0};
		i = (i + 1) & t->mask;
	}
}

static inline struct rule rule_get(uint64_t key, struct cfi_work *work)
{
	const struct rule r = rule_look(__atomic_load_n(&g_rules, __ATOMIC_ACQUIRE), key);

	return likely(r.bits) ? r : rule_learn(key, work);
}

/* The row of the tables itself, in work->row, for RULE_FULL. 0 or -errno. */
int rule_row(uint64_t key, struct cfi_work *work, struct module_tables *tables);
/* Forgets the rules of modules that are gone. */
void rule_sweep(void);
uint64_t rule_count(void);
uint64_t rule_bytes(void);
void rule_fork_child(void);
/* Does a thread hold the lock? For who looks while all others stand still. */
bool rule_is_busy(void);

#endif
