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

static size_t cache_bytes(void)
{
	return sizeof(struct stack_cache) +
	       2ul * (g_depth + 1) * (sizeof(struct frame) + sizeof(struct frame_word));
}

struct stack_cache *stack_cache_new(void)
{
	struct stack_cache *c = sys_map(cache_bytes());

	if (!c)
		return NULL;
	c->depth = g_depth;
	c->hot.pause = 1;
	predict_none(&c->hot);
	c->frame = (struct frame *)(c + 1);
	c->fresh = c->frame + g_depth + 1;
	c->rel = (struct frame_word *)(c->fresh + g_depth + 1);
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

static inline void note(struct frame *f, const struct walk_at *at, struct rule rule)
{
	f->ip = at->ip;
	f->sp = at->sp;
	f->bp = at->bp;
	f->bp_at = at->bp_at;
	f->cfa_at = at->cfa_at;
	f->how = (uint8_t)rule_how(rule);
	f->what = stack_what(rule_frame(rule), at->is_exact ? FMT_NODE_EXACT : 0);
}

static inline void walk_put(struct walk *w, const struct walk_at *at)
{
	w->ip = at->ip, w->sp = at->sp, w->bp = at->bp;
	w->bp_at = at->bp_at, w->cfa_at = at->cfa_at;
	w->is_exact = at->is_exact;
}

/* f: the frame that it is to step out of. */
static COLD enum walk_end step(struct walk *w, struct walk_at *at, struct frame *f,
                               struct rule rule)
{
	walk_put(w, at);
	if (f->how == RULE_SIGNAL)
		f->what |= stack_what(0, FMT_NODE_SIGNAL);
	enum walk_end end = walk_step(w, rule);

	*at = (struct walk_at){w->ip, w->sp, w->bp, w->bp_at, w->cfa_at, w->is_exact};
	return end;
}

/* Walks from the caller into c->fresh until the top or until it joins the last walk: then the
 * frames c->frame[0..*joined) are the rest. */
static enum walk_end walk(struct stack_cache *c, const struct caller *from, struct walk *w,
                          uint32_t *n, uint32_t *joined)
{
	enum walk_end end = WALK_ON;
	struct frame *f = c->fresh, *const f_end = f + c->depth;
	const struct frame *left = c->frame; /* what is below was not compared yet */
	struct walk_at at = {.ip = from->ip, .sp = from->sp, .bp = from->fp};

	w->is_guess = false;
	w->is_plain = true;
	if (w->mem.own && c->n_memo && c->frame[0].sp <= w->mem.hi)
		left += c->n_memo;
	while (end == WALK_ON) {
		if (left != c->frame && stack_memo_joins(c, &at, f, &left)) {
			*joined = (uint32_t)(left - c->frame);
			end = WALK_JOINED;
			break;
		}
		if (f == f_end) {
			end = WALK_TRUNCATED;
			break;
		}
		struct rule rule = rule_get(rule_key(at.ip, at.is_exact), &c->work);

		note(f++, &at, rule);
		if (likely(walk_step_plain(&at, &w->mem, rule)))
			continue;
		struct walk_at slow = at;

		end = step(w, &slow, f - 1, rule);
		at = slow;
		if (!w->is_plain)
			left = c->frame;
	}
	walk_put(w, &at);
	*n = (uint32_t)(f - c->fresh);
	return end;
}

/* Puts the walk's frames in front of the joined ones, each with its node. False when there is no
 * room. */
static bool intern(struct stack_cache *c, uint32_t n, uint32_t joined)
{
	struct frame *to = &c->frame[joined];

	c->n_frames = joined + n;
	for (const struct frame *f = c->fresh + n; f != c->fresh;) {
		*to = *--f;
		stack_memo_note(c, to++);
	}
	return stack_tree_path(joined ? c->frame[joined - 1].node : 0, &c->frame[joined],
	                       c->n_frames - joined);
}

/* Walks, and gives the stack its number. */
static uint32_t capture(struct stack_cache *c, const struct caller *from, struct walk *w,
                        enum walk_end *how)
{
	uint32_t n, joined = 0;
	enum walk_end end = walk(c, from, w, &n, &joined);

	if (unlikely(end == WALK_FULL)) {
		end = walk_full(c, from, &n);
		w->is_plain = false;
		w->is_guess = true;
	}
	*how = end;
	c->stats.fallbacks += w->is_guess;
	if (end == WALK_TRUNCATED) {
		c->fresh[n - 1].what |= stack_what(0, FMT_NODE_TRUNCATED);
		c->stats.truncated++;
	}
	if (end == WALK_BROKEN) {
		c->fresh[n - 1].what |= stack_what(0, FMT_NODE_BROKEN);
		c->stats.broken++;
	}
	if (joined) {
		/* The frame was reached by other words this time: those are what to look at next
		 * time. */
		c->frame[joined - 1].bp = w->bp;
		c->frame[joined - 1].bp_at = w->bp_at;
		c->frame[joined - 1].cfa_at = w->cfa_at;
		stack_memo_note(c, &c->frame[joined - 1]);
	}
	c->n_memo = 0;
	if (!intern(c, n, joined))
		return 0;
	if (w->is_plain && w->mem.own && (end == WALK_TOP || end == WALK_JOINED))
		c->n_memo = c->n_frames;
	return stack_tree_number(c->frame[c->n_frames - 1].node);
}

static inline uint32_t take(struct stack_cache *c, const struct record *e)
{
	if (unlikely(e->rest & RECORD_TRUNCATED))
		c->stats.truncated++;
	return predict_stack(e);
}

/* By the rules; learns from it if there is a predictor at work. */
static uint32_t capture_walked(struct stack_cache *c, bool learns, const struct caller *from,
                               const struct mem_window *mem, uint32_t place)
{
	struct walk w = {.mem = *mem};
	enum walk_end end;
	uint32_t s = capture(c, from, &w, &end);

	c->walks++;
	if (unlikely(!s))
		c->stats.no_room++;
	else if (learns && w.is_plain && end != WALK_BROKEN)
		predict_learn(c, from, place, &w, end, s);
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
	struct mem_window mem;

	mem_enter(&mem, from->sp, true);

	const uint32_t place = place_in(&mem, from);
	const struct record *e = predict_again(&c->hot, from, &mem, place);
	uint32_t s = e ? take(c, e) : capture_walked(c, true, from, &mem, place);

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
	struct mem_window mem;

	struct stack_hot *h = &c->hot;

	if (unlikely(h->epoch != epoch))
		forget(c, epoch);
	h->captures++;
	mem_enter(&mem, from->sp, true);
	if (h->pause) {
		if (h->predictor)
			h->pause--;
		else if (h->captures % PREDICTOR_AFTER == 0)
			predict_new(c);
		return capture_walked(c, false, from, &mem, 0);
	}
	if (mem.own) {
		predict_enter(h->predictor, t_mem_own.top);
		h->top = t_mem_own.top;
		h->bytes = t_mem_own.top - t_mem_own.lo;
	}
	uint32_t place = place_in(&mem, from);
	const struct record *e = predict_try(h, *predict_slot(h, place), place, from, &mem);

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
	struct mem_window mem;

	if (c->hot.epoch != epoch)
		forget_rules(c, epoch);
	c->hot.captures++;
	mem_enter(&mem, from->sp, true);
	return capture_walked(c, false, from, &mem, 0);
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
static uint32_t capture_other(struct stack_cache *c, const struct caller *from)
{
	struct walk w = {.mem = {from->sp, from->sp, false}};
	uint32_t n, joined = 0;

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
	return intern(c, n, 0) ? stack_tree_number(c->frame[c->n_frames - 1].node) : 0;
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
