/*
 * stack_walk.c - single steps up a stack by rules. Reads the program's stack, and nothing that
 * mem.h does not allow. Owns nothing. Context: any thread, on any stack, a signal handler too.
 */
#include "stack_walk.h"

/* Farther than this from sp a frame pointer is not believed. libunwind has the same limit. */
enum { GUESS_SPAN = 0x4000 };

/* The return address lies below the CFA, or, where calls do not push it, behind the frame pointer
 * at `record`. Those that keep stacks look for it below the CFA. */
static enum walk_end arrive(struct walk *w, uintptr_t cfa, uintptr_t record)
{
	w->sp = cfa;
	w->ip = ARCH_PLAIN_FRAMES ? mem_word(cfa - 8) : arch_code(mem_word(record + 8));
	if (!ARCH_PLAIN_FRAMES)
		w->is_plain = false;
	w->is_exact = false;
	return w->ip ? WALK_ON : WALK_ZERO;
}

static enum walk_end step_cfa(struct walk *w, struct rule rule, uintptr_t cfa)
{
	int64_t save = rule_save(rule);

	if (unlikely(cfa <= w->sp || !mem_has(&w->mem, cfa - 8))) {
		/* A frame pointer may lead to another stack: some programs switch stacks in the
		 * middle of a call. */
		if (rule_how(rule) != RULE_RBP || (cfa > w->mem.lo && cfa <= w->mem.hi))
			return WALK_BROKEN;
		mem_enter(&w->mem, cfa + (uintptr_t)(save < -8 ? save : -8), false);
		if (!mem_has(&w->mem, cfa - 8))
			return WALK_BROKEN;
		w->is_plain = false;
	}
	w->bp_at = w->cfa_at = 0;
	if (save) {
		w->bp_at = cfa + (uintptr_t)save;
		if (unlikely(!mem_has(&w->mem, w->bp_at)))
			return WALK_BROKEN;
		w->bp = mem_word(w->bp_at);
	}
	return arrive(w, cfa, w->bp_at);
}

static enum walk_end step_realigned(struct walk *w, struct rule rule)
{
	w->cfa_at = w->bp + (uintptr_t)rule_offset(rule);
	w->bp_at = w->bp + (uintptr_t)rule_save(rule);
	if (!mem_has(&w->mem, w->cfa_at) || !mem_has(&w->mem, w->bp_at))
		return WALK_BROKEN;
	uintptr_t cfa = mem_word(w->cfa_at);

	if (cfa <= w->sp || !mem_has(&w->mem, cfa - 8))
		return WALK_BROKEN;
	w->bp = mem_word(w->bp_at);
	return arrive(w, cfa, w->bp_at);
}

static enum walk_end step_signal(struct walk *w)
{
	w->is_plain = false;
	if (!mem_has(&w->mem, w->sp + ARCH_UC_FP) || !mem_has(&w->mem, w->sp + ARCH_UC_PC))
		return WALK_BROKEN;
	uintptr_t uc = w->sp;

	w->ip = mem_word(uc + ARCH_UC_PC);
	w->bp = mem_word(uc + ARCH_UC_FP);
	w->sp = mem_word(uc + ARCH_UC_SP);
	w->is_exact = true;
	mem_enter(&w->mem, w->sp - MEM_RED_ZONE, false);
	return w->ip ? WALK_ON : WALK_ZERO;
}

static enum walk_end step_guess(struct walk *w)
{
	w->is_plain = false;
	if (!w->bp) /* programs and threads start with rbp zero */
		return WALK_ZERO;
	w->is_guess = true;
	if (w->bp < w->sp || w->bp - w->sp > GUESS_SPAN || !mem_has(&w->mem, w->bp) ||
	    !mem_has(&w->mem, w->bp + 8))
		return WALK_BROKEN;
	uintptr_t record = w->bp;

	w->bp = mem_word(record);
	return arrive(w, record + 16, record);
}

enum walk_end walk_step(struct walk *w, struct rule rule)
{
	switch (rule_how(rule)) {
	case RULE_RSP:
	case RULE_INSIDE:
		return step_cfa(w, rule, w->sp + (uintptr_t)rule_offset(rule));
	case RULE_RBP:
		return step_cfa(w, rule, w->bp + (uintptr_t)rule_offset(rule));
	case RULE_DRAP:
		return step_realigned(w, rule);
	case RULE_END:
		return WALK_TOP;
	case RULE_SIGNAL:
		return step_signal(w);
	case RULE_GUESS:
		return step_guess(w);
	default:
		return WALK_FULL;
	}
}

struct frame_by *stack_by(const struct stack_cache *c, struct walk *w, uint32_t n, uintptr_t sp)
{
	struct frame_by *by = c->by;

	if (!w->known)
		by[w->known++] = (struct frame_by){.bp = w->bp};
	for (uint32_t i = w->known; i <= n; i++) {
		const int64_t save = rule_save(c->fresh[i - 1].rule);
		const uintptr_t at = (i == n ? sp : c->fresh[i].sp) + (uintptr_t)save;

		by[i] = by[i - 1];
		by[i].bp_at = by[i].cfa_at = 0;
		if (save) {
			by[i].bp_at = at;
			by[i].bp = mem_word(at);
		}
		w->known = i + 1;
	}
	return &by[n];
}
