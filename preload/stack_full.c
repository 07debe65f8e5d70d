/*
 * stack_full.c - the slow, complete walk, for stacks with a frame whose tables need more than sp
 * and rbp (hand-written assembly, code interrupted in a prologue or in a linkage entry): from our
 * own frame, where all registers are known, through the hook, outward. It does what libunwind does,
 * without a descriptor, a lock, or memory of its own. Owns nothing. Context: any thread, on any
 * stack, a signal handler too.
 */
#include <errno.h>

#include "stack_walk.h"

/* From here to the hook's caller there are only a few frames of ours. */
enum { OWN_FRAMES = 32 };

static bool read_word(void *arg, uintptr_t address, uint64_t *out)
{
	struct mem_window *w = arg;

	if (!mem_has(w, address) && !mem_probe(address))
		return false;
	*out = mem_word(address);
	return true;
}

static enum walk_end step_signal(struct cfi_regs *r, struct mem_window *mem)
{
	uintptr_t saved = r->r[CFI_SP] + ARCH_UC_SLOTS;

	for (unsigned i = 0; i < CFI_REGISTERS; i++)
		if (!read_word(mem, saved + 8ul * arch_uc_slot(i), &r->r[i]))
			return WALK_BROKEN;
	r->known = cfi_bit(CFI_REGISTERS) - 1;
	mem_enter(mem, r->r[CFI_SP] - MEM_RED_ZONE, false);
	return r->r[CFI_PC] ? WALK_ON : WALK_ZERO;
}

static enum walk_end step_by_table(struct stack_cache *c, uint64_t key, struct cfi_regs *r,
                                   struct mem_window *mem)
{
	struct module_tables tables;

	if (rule_row(key, &c->work, &tables))
		return WALK_BROKEN;
	switch (cfi_step(&c->work.row, &tables.in, r, read_word, mem)) {
	case 1:
		return WALK_ON;
	case 0:
		return WALK_TOP;
	default:
		return WALK_BROKEN;
	}
}

/* Without a table: as the fast walk does it. Only what it tells is known afterwards. */
static enum walk_end step_guess(struct cfi_regs *r, struct mem_window *mem, struct rule rule)
{
	struct walk w = {.mem = *mem, .ip = r->r[CFI_PC], .sp = r->r[CFI_SP], .bp = r->r[CFI_FP]};
	enum walk_end end = r->known >> CFI_FP & 1 ? walk_step(&w, rule) : WALK_BROKEN;

	r->r[CFI_PC] = w.ip, r->r[CFI_SP] = w.sp, r->r[CFI_FP] = w.bp;
	r->known &= cfi_bit(CFI_PC) | cfi_bit(CFI_SP) | cfi_bit(CFI_FP);
	*mem = w.mem;
	return end;
}

/* One step from the frame at r. is_exact: in, of r's ip; out, of the next one's. */
static enum walk_end step(struct stack_cache *c, struct cfi_regs *r, struct mem_window *mem,
                          bool *is_exact, struct rule *rule)
{
	uint64_t key = rule_key(r->r[CFI_PC], *is_exact);
	enum walk_end end;

	*rule = rule_get(key, &c->work);
	*is_exact = false;
	switch (rule_how(*rule)) {
	case RULE_END:
		return WALK_TOP;
	case RULE_SIGNAL:
		*is_exact = true;
		return step_signal(r, mem);
	case RULE_GUESS:
		return step_guess(r, mem, *rule);
	default:
		end = step_by_table(c, key, r, mem);
		*is_exact = c->work.row.is_signal;
		return end;
	}
}

/* Through our own frames to the hook's caller. If it is not met, begins there with what the hook
 * knew. */
static void find_caller(struct stack_cache *c, const struct caller *from, struct cfi_regs *r,
                        struct mem_window *mem)
{
	bool is_exact = true;
	struct rule rule;

	for (int i = 0; i < OWN_FRAMES; i++) {
		if (r->r[CFI_PC] == from->ip && r->r[CFI_SP] == from->sp)
			return;
		if (r->r[CFI_SP] > from->sp || step(c, r, mem, &is_exact, &rule) != WALK_ON)
			break;
	}
	r->r[CFI_PC] = from->ip, r->r[CFI_SP] = from->sp, r->r[CFI_FP] = from->fp;
	r->known = cfi_bit(CFI_PC) | cfi_bit(CFI_SP) | cfi_bit(CFI_FP);
}

COLD enum walk_end walk_full(struct stack_cache *c, const struct caller *from, uint32_t *n)
{
	struct cfi_regs r = {.known = ARCH_CFI_KNOWN};
	struct mem_window mem;
	enum walk_end end = WALK_ON;
	bool is_exact = false;
	uint32_t i = 0;

	ARCH_CFI_HERE(r.r);
	mem_enter(&mem, r.r[CFI_SP], true);
	find_caller(c, from, &r, &mem);
	while (end == WALK_ON && i < c->depth) {
		struct frame *f = &c->fresh[i++];
		struct rule rule;

		f->ip = r.r[CFI_PC];
		uint32_t flags = is_exact ? FMT_NODE_EXACT : 0;

		end = step(c, &r, &mem, &is_exact, &rule);
		if (rule_how(rule) == RULE_SIGNAL)
			flags |= FMT_NODE_SIGNAL;
		f->what = stack_what(rule_frame(rule), flags);
	}
	*n = i;
	return end == WALK_ON ? WALK_TRUNCATED : end;
}
