/*
 * unwind.h - for tests of the unwinder: a capture, held against libunwind. Linked with -lunwind
 * here and nowhere else: inside a program it would open a pipe of its own, and take over C++
 * exceptions.
 */
#ifndef OUTLIVE_UNWIND_H
#define OUTLIVE_UNWIND_H

#define UNW_LOCAL_ONLY
#include <libunwind.h>
#include <stdio.h>
#include <string.h>

#include "preload/format.h"
#include "preload/stack.h"

#define NI __attribute__((noinline, noclone))

enum { ORACLE_MAX = 8192 };

struct tally {
	uint64_t checked, mismatches, unanswered, signals, frames;
};
static struct tally g_tally;
static unsigned g_depth;
static __thread struct stack_cache *t_cache;
static __thread volatile bool t_busy; /* what IN_TRACKER is in the library */
static __thread uintptr_t *t_oracle, *t_ours;
static __thread uintptr_t t_outermost; /* where this thread's stack ends */
static __thread uint64_t t_random = 88172645463325252ul;

static inline uint64_t rnd(void)
{
	t_random ^= t_random << 13;
	t_random ^= t_random >> 7;
	t_random ^= t_random << 17;
	return t_random;
}

/* The addresses of a stack, innermost first, and the flags of its outermost frame. */
static unsigned unwind_expand(uint32_t stack, uintptr_t *ip, unsigned *outer_flags)
{
	struct stack_node n;
	unsigned i = 0;

	*outer_flags = 0;
	for (uint32_t node = stack_leaf(stack); stack_node(node, &n) && i <= STACK_DEPTH_MAX;
	     node = n.parent) {
		ip[i++] = n.ip;
		*outer_flags = n.flags;
		if (n.parent >= node) {
			FAIL("node %u has parent %u", node, n.parent);
			break;
		}
	}
	return i;
}

/* libunwind's fast way for most, its thorough one for some. */
static NI unsigned oracle(bool is_thorough)
{
	if (!is_thorough)
		return (unsigned)unw_backtrace((void **)t_oracle, ORACLE_MAX);
	unw_context_t uc;
	unw_cursor_t c;
	unw_word_t ip;
	unsigned n = 0;

	unw_getcontext(&uc);
	unw_init_local(&c, &uc);
	do {
		unw_get_reg(&c, UNW_REG_IP, &ip);
		if (!ip)
			break;
		t_oracle[n++] = ip;
	} while (n < ORACLE_MAX && unw_step(&c) > 0);
	return n;
}

static void unwind_thread_init(void)
{
	t_cache = stack_cache_new();
	t_oracle = calloc(ORACLE_MAX, sizeof(*t_oracle));
	t_ours = calloc(STACK_DEPTH_MAX + 1, sizeof(*t_ours));
	unsigned n = oracle(true);

	t_outermost = t_oracle[n - 1];
	t_random += (uintptr_t)t_cache;
}

static void unwind_init(unsigned depth)
{
	g_depth = depth;
	EQ(stack_init(depth), 0);
	unw_set_caching_policy(unw_local_addr_space, UNW_CACHE_PER_THREAD);
	unwind_thread_init();
}

static void show(unsigned n, unsigned first, unsigned m, unsigned flags)
{
	printf("# ours has %u frames (flags %x), libunwind %u\n", n, flags, m - first);
	for (unsigned i = 0; i < n || i + first < m; i++)
		printf("# %3u %lx %lx%s\n", i, i < n ? t_ours[i] : 0,
		       i + first < m ? t_oracle[i + first] : 0,
		       i < n && i + first < m && t_ours[i] == t_oracle[i + first] ? "" : " <--");
}

/* Frames that both name must be the same, and their number must be. Where libunwind gives up on the
 * way, in code that was interrupted in the middle of longjmp for one, and we come to the stack's
 * known end, it has no answer. */
static bool differs(uint32_t stack, uintptr_t ip, bool is_thorough, bool is_shown)
{
	unsigned flags, n = unwind_expand(stack, t_ours, &flags), m = oracle(is_thorough),
	                first = 0;

	while (first < m && t_oracle[first] != ip)
		first++;
	unsigned want = m - first > g_depth ? g_depth : m - first;
	bool is_cut = m - first > g_depth;
	bool bad = n != want || memcmp(t_ours, t_oracle + first, n * sizeof(*t_ours)) ||
	           is_cut != !!(flags & FMT_NODE_TRUNCATED);

	g_tally.frames += n;
	if (bad && is_thorough && want < n && t_ours[n - 1] == t_outermost &&
	    t_oracle[m - 1] != t_outermost) {
		g_tally.unanswered++;
		return false;
	}
	if (bad && is_shown)
		show(n, first, m, flags);
	return bad;
}

/* Captures the caller's stack and compares. Returns the stack. */
static NI uint32_t unwind_check(void)
{
	struct caller from = CALLER();

	if (t_busy)
		return 0;
	t_busy = true;
	uint32_t s = stack_capture(t_cache, &from);
	uint64_t nth = __atomic_add_fetch(&g_tally.checked, 1, __ATOMIC_RELAXED);
	bool is_thorough = nth % 256 == 0;

	/* What the fast way of libunwind gets wrong (rarely, in code interrupted by a signal), its
	 * thorough one says. */
	if (!s ||
	    (differs(s, from.ip, is_thorough, false) &&
	     differs(s, from.ip, true, __atomic_load_n(&g_tally.mismatches, __ATOMIC_RELAXED) < 3)))
		__atomic_add_fetch(&g_tally.mismatches, 1, __ATOMIC_RELAXED);
	t_busy = false;
	return s;
}

#endif
