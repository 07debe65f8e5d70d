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
	RULE_FULL    /* all registers are needed: cfi_step() */
};

/*
 * In the first two the return address is the word below the CFA, or behind the saved frame pointer
 * (ARCH_PLAIN_FRAMES), and the caller's rbp is saved at CFA + save, or not at all when save is 0.
 * Bits: how 4, frame 22 (stack_frame.h; 0: no room), offset 24 and save 14, signed, in words.
 */
struct rule {
	uint64_t bits;
};
static inline enum rule_how rule_how(struct rule r)
{
	return (enum rule_how)(r.bits & 15);
}
static inline uint32_t rule_frame(struct rule r)
{
	return (uint32_t)(r.bits >> 4) & (STACK_FRAME_MAX - 1);
}
static inline int64_t rule_offset(struct rule r)
{
	return ((int64_t)(r.bits << 14) >> 40) * 8;
}
static inline int64_t rule_save(struct rule r)
{
	return ((int64_t)r.bits >> 50) * 8;
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

static inline struct rule rule_get(uint64_t key, struct cfi_work *work)
{
	const struct rule_table *t = __atomic_load_n(&g_rules, __ATOMIC_ACQUIRE);
	uint32_t i = (uint32_t)(key * 0x9e3779b97f4a7c15ul >> t->shift);

	for (;; i = (i + 1) & t->mask) {
		uint64_t k = __atomic_load_n(&t->slot[i].key, __ATOMIC_ACQUIRE);

		if (likely(k == key)) {
			uint64_t bits = __atomic_load_n(&t->slot[i].bits, __ATOMIC_ACQUIRE);

			if (likely(bits != 0))
				return (struct rule){bits};
			return rule_learn(key, work);
		}
		if (!k)
			return rule_learn(key, work);
	}
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
