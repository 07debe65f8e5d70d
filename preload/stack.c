/*
 * stack.c - from a hook's caller to the number of its stack: see stack.h. Owns each thread's
 * stack_cache, and the last stack that the thread was seen with: a walk goes up only to the first
 * frame that it has in common with it, if all words that led outward from there are as they were.
 * Context: any thread, on any stack, a signal handler too, IN_TRACKER set; uses little stack.
 */
#include "stack.h"

#include <errno.h>

#include "stack_hot.h"
#include "stack_memo.h"
#include "stack_tree.h"
#include "stack_walk.h"

/* A thread that makes fewer captures gets no predictor. */
enum { PREDICTOR_AFTER = 256 };

static uint32_t g_depth;
static struct stack_cache *g_caches;
/* For captures without a cache. */
static struct stack_cache *g_shared;
static struct sys_lock g_shared_lock;
static uint64_t g_no_cache;
static uint32_t g_swept_epoch;

int stack_init(unsigned depth)
{
	g_depth = depth < 1 ? 1 : depth > STACK_DEPTH_MAX ? STACK_DEPTH_MAX : depth;
	mem_init();
	module_init();
	int r = rule_init();

	if (!r)
		r = stack_frame_init();
	g_shared = r ? NULL : stack_cache_new();
	return r ? r : g_shared ? 0 : -ENOMEM;
}

/* Entries of each of a cache's arrays, of which some have two more. The number is even: pairs are
 * aligned. */
static uint32_t room(void)
{
	return (g_depth + 2) & ~1u;
}

static size_t cache_bytes(void)
{
	const struct stack_cache *c = NULL;

	return sizeof(*c) + (room() + 2ul) * (sizeof(*c->sp) + sizeof(*c->ip) + sizeof(*c->kept) +
	                                      sizeof(*c->bp) + 2 * sizeof(*c->rel) +
	                                      sizeof(*c->fresh) + sizeof(*c->by));
}

struct stack_cache *stack_cache_new(void)
{
	struct stack_cache *c = sys_map(cache_bytes());

	if (!c)
		return NULL;
	c->depth = g_depth;
	c->hot.pause = 1;
	predict_none(&c->hot);
	c->sp = (uintptr_t *)(c + 1) + 2;
	c->sp[-1] = UINTPTR_MAX;
	c->ip = c->sp + room();
	c->kept = (struct frame_kept *)(c->ip + room()) + 2;
	c->bp = (uintptr_t *)(c->kept + room());
	c->fresh = (struct frame *)(c->bp + room());
	c->by = (struct frame_by *)(c->fresh + room());
	c->rel = (struct frame_word *)(c->by + room());
	c->next = __atomic_load_n(&g_caches, __ATOMIC_RELAXED);
	while (!__atomic_compare_exchange_n(&g_caches, &c->next, c, true, __ATOMIC_RELEASE,
	                                    __ATOMIC_RELAXED))
		;
	return c;
}

/* A walk will tell of the new stack. */
void stack_cache_leased(struct stack_cache *c)
{
	if (c)
		c->hot.bytes = 0;
}

/* ---- what is learnt of modules that are gone ---- */

void stack_modules_changed(void)
{
	module_sweep();
	uint32_t epoch = __atomic_load_n(&g_module_epoch, __ATOMIC_ACQUIRE);

	if (__atomic_exchange_n(&g_swept_epoch, epoch, __ATOMIC_ACQ_REL) != epoch)
		rule_sweep();
}

static COLD void forget_rules(struct stack_cache *c, uint32_t epoch)
{
	if (__atomic_exchange_n(&g_swept_epoch, epoch, __ATOMIC_ACQ_REL) != epoch)
		rule_sweep();
	c->n_memo = 0;
}

static COLD void forget(struct stack_cache *c, uint32_t epoch)
{
	forget_rules(c, epoch);
	c->hot.epoch = epoch;
	if (c->hot.predictor)
		predict_flush(c->hot.predictor);
}

/* ---- the walk ---- */

/* Frame n of the walk is not told by sp alone, or is not known yet. */
static HOT __attribute__((noinline)) enum walk_end step(struct stack_cache *c, struct walk *w,
                                                        uint32_t n)
{
	struct frame *f = &c->fresh[n];
	struct frame_by *by = stack_by(c, w, n, f->sp);

	w->known = n + 2;
	if (walk_step_plain(w, f, by))
		return WALK_ON;
	if (!f->rule.bits)
		f->rule = rule_get(rule_key(f->ip, w->is_exact), &c->work);
	f->what = stack_what(rule_frame(f->rule), w->is_exact ? FMT_NODE_EXACT : 0);

	const enum rule_how how = rule_how(f->rule);

	if (how == RULE_SIGNAL)
		f->what |= stack_what(0, FMT_NODE_SIGNAL);
	if (how == RULE_RBP || how == RULE_DRAP)
		w->uses_bp = true;
	w->ip = f->ip, w->sp = f->sp, w->bp = by->bp;
	w->bp_at = by->bp_at, w->cfa_at = by->cfa_at;
	enum walk_end end = walk_step(w, f->rule);

	c->by[n + 1] = (struct frame_by){w->bp, w->bp_at, w->cfa_at};
	return end;
}

/* sp plus a positive offset that is less than this lies in the window, and nothing wraps around. */
static inline uintptr_t limit_of(const struct mem_window *mem, uintptr_t sp)
{
	return likely(sp >= mem->lo && sp < mem->hi) ? mem->hi + 1 : 0;
}

/*
 * Walks from the caller into c->fresh until the top or until it joins the last walk: then the
 * outermost *joined frames of that are the rest. Nearly all steps need sp only, and have all they
 * need in registers.
 */
static inline __attribute__((always_inline)) enum walk_end walk(struct stack_cache *c,
                                                                const struct caller *from,
                                                                struct walk *w, uint32_t *n,
                                                                uint32_t *joined)
{
	const struct rule_table *rules = __atomic_load_n(&g_rules, __ATOMIC_ACQUIRE);
	struct frame *f = c->fresh, *const f_end = f + c->depth;
	uintptr_t ip = from->ip, sp = from->sp, limit = limit_of(&w->mem, sp);
	const intptr_t apart = c->ip - c->sp;
	const uintptr_t *left = c->sp; /* of the last stack, what is before was not compared yet */
	enum walk_end end;
	uint32_t n_left;

	w->bp = from->fp;
	w->known = 0;
	w->is_plain = true;
	w->is_exact = w->is_guess = w->uses_bp = false;
	if (likely(w->mem.own && c->sp[0] <= w->mem.hi))
		left += c->n_memo;
	for (;;) {
		while (left[-1] < sp)
			left--;
		if (left[-1] == sp && left[apart - 1] == ip) {
			*joined = (uint32_t)(left - c->sp);
			if (likely(stack_memo_joins(c, w, (uint32_t)(f - c->fresh), *joined - 1,
			                            &n_left))) {
				*n = (uint32_t)(f - c->fresh);
				return WALK_JOINED;
			}
			left = c->sp + n_left;
		}
		if (unlikely(f == f_end)) {
			*n = (uint32_t)(f - c->fresh);
			w->cfa_at = w->known > *n ? c->by[*n].cfa_at : 0;
			end = WALK_TRUNCATED;
			break;
		}
		const struct rule rule = rule_look(rules, rule_key(ip, false));

		f->ip = ip;
		f->sp = sp;
		f->rule = rule;
		f->what = rule_frame(rule);
		f++;
		if (likely(rule_is_inside(rule))) {
			const uintptr_t cfa = sp + (uintptr_t)rule_offset(rule);
			const uintptr_t outer = likely(cfa < limit) ? mem_word(cfa - 8) : 0;

			if (likely(outer)) {
				sp = cfa;
				ip = outer;
				continue;
			}
		}
		const uint32_t at = (uint32_t)(f - c->fresh - 1);

		if (w->known == at + 1 && walk_step_plain(w, f - 1, &c->by[at])) {
			w->known++;
			ip = w->ip, sp = w->sp;
			continue;
		}
		end = step(c, w, at);
		while (end == WALK_ON && w->is_exact && f != f_end) {
			*f = (struct frame){.ip = w->ip, .sp = w->sp};
			end = step(c, w, (uint32_t)(f++ - c->fresh));
		}
		ip = w->ip, sp = w->sp;
		limit = limit_of(&w->mem, sp);
		if (end != WALK_ON)
			break;
		if (!w->is_plain)
			left = c->sp;
	}
	w->ip = ip, w->sp = sp;
	*n = (uint32_t)(f - c->fresh);
	return end;
}

/* What follows if the walk did not join the last one. */
static COLD enum walk_end ended(struct stack_cache *c, const struct caller *from, struct walk *w,
                                enum walk_end end, uint32_t *n)
{
	if (end == WALK_FULL) {
		end = walk_full(c, from, n);
		w->is_plain = false;
		w->is_guess = true;
	}
	if (end == WALK_TRUNCATED) {
		c->fresh[*n - 1].what |= stack_what(0, FMT_NODE_TRUNCATED);
		c->stats.truncated++;
	}
	if (end == WALK_BROKEN) {
		c->fresh[*n - 1].what |= stack_what(0, FMT_NODE_BROKEN);
		c->stats.broken++;
	}
	c->stats.fallbacks += w->is_guess;
	return end;
}

/* Walks, and gives the stack its number. */
static inline __attribute__((always_inline)) uint32_t
capture(struct stack_cache *c, const struct caller *from, struct walk *w, enum walk_end *how)
{
	uint32_t n, joined = 0, number;
	enum walk_end end = walk(c, from, w, &n, &joined);

	if (unlikely(end != WALK_JOINED)) {
		joined = 0;
		end = ended(c, from, w, end, &n);
	}
	*how = end;
	c->n_memo = 0;
	if (c->n_same > joined)
		c->n_same = joined;
	stack_memo_note(c, w, n, joined);
	if (!stack_tree_path(c->kept[(intptr_t)joined - 1].node, c->fresh, n, c->kept + joined,
	                     &number))
		return 0;
	if (likely(end == WALK_JOINED) || (end == WALK_TOP && w->is_plain && w->mem.own))
		c->n_memo = c->n_frames;
	return number;
}

static inline uint32_t take(struct stack_cache *c, const struct record *e)
{
	if (unlikely(e->rest & RECORD_TRUNCATED))
		c->stats.truncated++;
	return predict_stack(e);
}

/* By the rules; learns from it if there is a predictor at work. The walk's window is open. */
static HOT __attribute__((noinline)) uint32_t capture_walked(struct stack_cache *c, bool learns,
                                                             const struct caller *from,
                                                             struct walk *w, uint32_t place)
{
	enum walk_end end;
	uint32_t s = capture(c, from, w, &end);

	c->walks++;
	if (unlikely(!s))
		c->stats.no_room++;
	else if (learns && (likely(end == WALK_JOINED) || (w->is_plain && end != WALK_BROKEN)))
		predict_learn(c, from, place, w, end, s);
	if (learns)
		predict_judge(&c->hot);
	return s;
}

/* On a stack of another kind than the thread's own it is told by sp alone. */
static inline uint32_t place_in(const struct mem_window *mem, const struct caller *from)
{
	return predict_place(from->ip, mem->own ? mem->hi - from->sp : from->sp & 0xffff);
}

/* The first guess did not hold. */
static HOT __attribute__((noinline)) uint32_t capture_again(struct stack_cache *c,
                                                            const struct caller *from)
{
	struct walk w;

	mem_enter(&w.mem, from->sp, true);

	const uint32_t place = place_in(&w.mem, from);
	const struct record *e = predict_again(&c->hot, from, &w.mem, place);
	uint32_t s = e ? take(c, e) : capture_walked(c, true, from, &w, place);

	predict_note(&c->hot, (uint64_t)predict_mix(s) << 32);
	return s;
}

static COLD uint32_t capture_shared(const struct caller *from)
{
	if (!g_shared || !sys_try_lock(&g_shared_lock)) {
		__atomic_add_fetch(&g_no_cache, 1, __ATOMIC_RELAXED);
		return 0;
	}
	g_shared->n_memo = 0;
	stack_cache_leased(g_shared);
	uint32_t s = stack_capture(g_shared, from);

	sys_unlock(&g_shared_lock);
	return s;
}

/* Everything that is not usual: no cache, no guesses, not on the thread's own stack. */
static __attribute__((noinline)) uint32_t capture_unusual(struct stack_cache *c,
                                                          const struct caller *from)
{
	uint32_t epoch = __atomic_load_n(&g_module_epoch, __ATOMIC_ACQUIRE);
	struct stack_hot *h = &c->hot;
	struct walk w;

	if (unlikely(h->epoch != epoch))
		forget(c, epoch);
	h->captures++;
	mem_enter(&w.mem, from->sp, true);
	if (h->pause) {
		if (h->predictor)
			h->pause--;
		else if (h->captures % PREDICTOR_AFTER == 0)
			predict_new(c);
		return capture_walked(c, false, from, &w, 0);
	}
	if (w.mem.own) {
		predict_enter(h->predictor, t_mem_own.top);
		h->top = t_mem_own.top;
		h->bytes = t_mem_own.top - t_mem_own.lo;
	}
	const uint32_t place = predict_place_after(h, place_in(&w.mem, from));
	const struct record *e = predict_try(h, *predict_slot(h, place), place, from, &w.mem);

	if (!e)
		return capture_again(c, from);
	predict_note(h, e->word);
	return take(c, e);
}

/* In a handler of the program's, in the middle of a malloc, which goes on with the record that it
 * has chosen: that must stay what it is. */
static COLD uint32_t capture_amid(struct stack_cache *c, const struct caller *from)
{
	uint32_t epoch = __atomic_load_n(&g_module_epoch, __ATOMIC_ACQUIRE);
	struct walk w;

	if (c->hot.epoch != epoch)
		forget_rules(c, epoch);
	c->hot.captures++;
	mem_enter(&w.mem, from->sp, true);
	return capture_walked(c, false, from, &w, 0);
}

HOT uint32_t stack_capture_otherwise(struct stack_cache *c, const struct caller *from)
{
	struct stack_hot *h = &c->hot;

	if (unlikely(t_self.flags & IN_HEAP))
		return capture_amid(c, from);
	if (unlikely(h->top - from->sp - 1 >= h->bytes ||
	             h->epoch != __atomic_load_n(&g_module_epoch, __ATOMIC_ACQUIRE)))
		return capture_unusual(c, from);
	h->captures++;
	return capture_again(c, from);
}

uint32_t stack_capture(struct stack_cache *c, const struct caller *from)
{
	if (unlikely(!c))
		return capture_shared(from);

	const struct record *e = stack_capture_hot(c, predict_first(&c->hot, from->ip, from->sp),
	                                           from->ip, from->sp, from->fp);

	return e ? predict_stack(e) : stack_capture_otherwise(c, from);
}

/* Of a thread that stands still nothing but sp, rbp and the instruction is looked at: where a frame
 * needs more, the stack ends. */
static COLD uint32_t capture_other(struct stack_cache *c, const struct caller *from)
{
	struct walk w = {.mem = {from->sp, from->sp, false}};
	uint32_t n, joined, number;

	c->n_memo = 0;
	switch (walk(c, from, &w, &n, &joined)) {
	case WALK_TOP:
	case WALK_ZERO:
		break;
	case WALK_TRUNCATED:
		c->fresh[n - 1].what |= stack_what(0, FMT_NODE_TRUNCATED);
		break;
	default:
		c->fresh[n - 1].what |= stack_what(0, FMT_NODE_BROKEN);
	}
	return stack_tree_path(0, c->fresh, n, c->kept, &number) ? number : 0;
}

uint32_t stack_capture_other(const struct caller *from)
{
	uint32_t epoch = __atomic_load_n(&g_module_epoch, __ATOMIC_ACQUIRE), s = 0;

	if (!g_shared || stack_tree_is_busy() || stack_frame_is_busy() || rule_is_busy() ||
	    module_is_busy() || !sys_try_lock(&g_shared_lock))
		return 0;
	if (g_shared->hot.epoch != epoch)
		forget(g_shared, epoch);
	s = capture_other(g_shared, from);
	sys_unlock(&g_shared_lock);
	return s;
}

void stack_fork_child(void)
{
	module_fork_child();
	rule_fork_child();
	stack_tree_fork_child();
	stack_frame_fork_child();
	sys_lock_reset(&g_shared_lock);
}

/* ---- for the snapshot child ---- */

uint32_t stack_module_count(void)
{
	return module_count();
}

const struct stack_module *stack_module(uint32_t module)
{
	return module_get(module);
}

void stack_stats(struct stack_stats *out)
{
	*out = (struct stack_stats){0};
	for (const struct stack_cache *c = __atomic_load_n(&g_caches, __ATOMIC_ACQUIRE); c;
	     c = c->next) {
		/* In this order: a thread may go on meanwhile. */
		uint64_t walks = __atomic_load_n(&c->walks, __ATOMIC_ACQUIRE);
		uint64_t captures = __atomic_load_n(&c->hot.captures, __ATOMIC_RELAXED);

		out->captures += captures;
		out->predicted += captures - walks;
		out->fallbacks += c->stats.fallbacks;
		out->truncated += c->stats.truncated;
		out->broken += c->stats.broken;
		out->no_room += c->stats.no_room;
		out->bytes += cache_bytes() + predict_bytes(c->hot.predictor);
	}
	out->no_room += __atomic_load_n(&g_no_cache, __ATOMIC_RELAXED);
	out->rules = rule_count();
	out->bytes += rule_bytes() + stack_frame_bytes() + stack_tree_bytes();
}
