/*
 * stack_test.c - the unwinder against libunwind, over random programs: each capture of a million
 * must be the same, frame by frame. STACK_TEST_CAPTURES=N for more.
 */
#include "check.h"

#include <alloca.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <ucontext.h>

#include "unwind.h"

#ifndef __clang__
#pragma GCC optimize("omit-frame-pointer") /* rbp is a register like others, as in most programs \
                                            */
#endif

static uint64_t g_limit;
static int g_deepest = 30;

static uint64_t captures(unsigned percent)
{
	const char *s = getenv("STACK_TEST_CAPTURES");

	return (s ? strtoull(s, NULL, 10) : 1000000) * percent / 100;
}

/* ---- a random program ---- */

typedef uint64_t fn_t(int d, uint64_t x);
static fn_t *g_fn[10];

static bool is_over(void)
{
	return __atomic_load_n(&g_tally.checked, __ATOMIC_RELAXED) >= g_limit;
}

static inline uint64_t go(int d, uint64_t x);

static NI uint64_t f_plain(int d, uint64_t x)
{
	return go(d, x) + 1;
}

static NI uint64_t f_buffer(int d, uint64_t x)
{
	volatile char b[100];

	b[x & 63] = 1;
	x = go(d, x);
	return x + (uint64_t)b[3];
}

static NI uint64_t f_alloca(int d, uint64_t x)
{
	char *p = alloca(16 + (rnd() & 127));

	p[0] = (char)x;
	__asm__ volatile("" ::"r"(p) : "memory");
	x = go(d, x);
	return x + (uint64_t)p[0];
}

/* So many live values that rbp holds one. */
static NI uint64_t f_registers(int d, uint64_t x)
{
	uint64_t a = x * 3, b = x * 5, c = x * 7, e = x * 9, g = x * 11, h = x * 13;

	__asm__ volatile("" : "+r"(a), "+r"(b), "+r"(c), "+r"(e), "+r"(g), "+r"(h));
	x = go(d, x);
	return x + a + b + c + e + g + h;
}

static NI uint64_t f_loop(int d, uint64_t x)
{
	for (int i = 0; i < 2 && (i == 0 || d <= 3); i++)
		x = go(d, x);
	return x;
}

static NI uint64_t f_tail(int d, uint64_t x)
{
	return g_fn[rnd() % 5](d + 1, x);
}

static __thread int t_sort_depth;

static int compare(const void *a, const void *b)
{
	int d = t_sort_depth;

	if (rnd() % 8 == 0 && !is_over()) {
		unwind_check();
		if (d < g_deepest) {
			t_sort_depth = d + 3;
			g_fn[rnd() % 5](d + 3, 1);
			t_sort_depth = d;
		}
	}
	return *(const int *)a - *(const int *)b;
}

static NI uint64_t f_qsort(int d, uint64_t x)
{
	int v[4] = {3, 1, 2, (int)(rnd() & 7)}, was = t_sort_depth;

	t_sort_depth = d + 2;
	qsort(v, 4, sizeof(int), compare);
	t_sort_depth = was;
	return x + (uint64_t)v[0];
}

/* A realigned frame: its CFA is an expression. */
static NI uint64_t f_realigned(int d, uint64_t x)
{
	typedef int v16 __attribute__((vector_size(64)));
	volatile v16 v = {(int)x};

	x = go(d, x);
	return x + (uint64_t)v[1];
}

static NI uint64_t f_longjmp(int d, uint64_t x)
{
	jmp_buf jb;

	if (setjmp(jb) == 0) {
		g_fn[rnd() % 3](d + 1, x);
		unwind_check();
		longjmp(jb, 1);
	}
	return x;
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wvla"
static NI uint64_t f_vla(int d, uint64_t x)
{
	unsigned n = 1 + (rnd() & 31);
	int a[n];
	typedef int v8 __attribute__((vector_size(32)));
	volatile v8 v = {(int)x};

	for (unsigned i = 0; i < n; i++)
		a[i] = (int)i;
	__asm__ volatile("" ::"r"(a) : "memory");
	x = go(d, x);
	return x + (uint64_t)(a[0] + v[0]);
}
#pragma GCC diagnostic pop

static inline __attribute__((always_inline)) uint64_t go(int d, uint64_t x)
{
	unsigned r = rnd() % 100;

	if (is_over())
		return x;
	if (d >= g_deepest || r < 30)
		unwind_check();
	if (d < g_deepest)
		for (int k = 1 + (rnd() % 3 == 0); k; k--)
			x += g_fn[rnd() % 10](d + 1, x);
	if (r > 85)
		unwind_check();
	return x;
}

static fn_t *g_fn[10] = {f_plain, f_buffer, f_alloca,    f_registers, f_loop,
                         f_tail,  f_qsort,  f_realigned, f_longjmp,   f_vla};

static NI void run(uint64_t limit)
{
	g_limit = limit;
	while (!is_over())
		g_fn[rnd() % 10](1, 1);
}

static void verdict(void)
{
	struct stack_stats s;

	stack_stats(&s);
	EQ(g_tally.mismatches, 0);
	OK(g_tally.unanswered <= g_tally.checked / 5000);
	EQ(s.broken, 0);
	EQ(s.no_room, 0);
	printf("# %" PRIu64 " captures, %.1f frames, %u stacks, %u nodes, %" PRIu64
	       " rules; predicted %" PRIu64 ", slow %" PRIu64 ", truncated %" PRIu64
	       ", signals %" PRIu64 "; %" PRIu64 " kB\n",
	       s.captures, (double)g_tally.frames / (double)(g_tally.checked + 1), stack_count(),
	       stack_node_count(), s.rules, s.predicted, s.fallbacks, s.truncated, g_tally.signals,
	       s.bytes >> 10);
}

TEST(random_recursion_is_as_libunwind_says)
{
	unwind_init(128);
	run(captures(40));
	verdict();
}

TEST(recursion_beyond_depth_keeps_the_innermost_frames)
{
	unwind_init(20);
	g_deepest = 60;
	run(captures(10));
	verdict();
}

/* The same few random programs again and again: most stacks are proven by a record, not walked. */
static void repeat(uint64_t limit, unsigned programs, uint64_t captures_each)
{
	while (g_tally.checked < limit) {
		t_random = 0x9e3779b97f4a7c15ul *
		           (1 + (g_tally.checked / captures_each * 7) % programs);
		run(g_tally.checked + captures_each);
	}
}

static void repeats(unsigned depth)
{
	struct stack_stats s;

	unwind_init(depth);
	repeat(captures(10), 24, 50);
	verdict();
	stack_stats(&s);
	OK(s.predicted > s.captures / 2);
}

TEST(stacks_seen_before_are_proven)
{
	repeats(128);
}

TEST(long_stacks_seen_before_are_proven)
{
	g_deepest = 60;
	repeats(20);
}

/* ---- signals ---- */

static void on_signal(int sig)
{
	(void)sig;
	g_tally.signals++;
	unwind_check();
}

static void on_raise(int sig)
{
	(void)sig;
	g_tally.signals++;
	if (rnd() % 2)
		f_registers(g_deepest - 3, 1);
	unwind_check();
}

static uint64_t f_raise(int d, uint64_t x)
{
	raise(SIGUSR1);
	return go(d, x);
}

static void signals(int flags)
{
	struct sigaction async = {.sa_handler = on_signal, .sa_flags = flags | SA_RESTART};
	struct sigaction sync = {.sa_handler = on_raise, .sa_flags = flags};
	struct itimerval often = {{0, 500}, {0, 500}}, never = {{0, 0}, {0, 0}};
	stack_t alt = {.ss_sp = malloc(1 << 17), .ss_size = 1 << 17};

	sigaltstack(&alt, NULL);
	sigaction(SIGALRM, &async, NULL);
	sigaction(SIGUSR1, &sync, NULL);
	g_fn[2] = f_raise;
	unwind_init(128);
	setitimer(ITIMER_REAL, &often, NULL);
	run(captures(5));
	setitimer(ITIMER_REAL, &never, NULL);
	OK(g_tally.signals > 10);
	verdict();
}

TEST(signal_handler_sees_what_it_interrupted)
{
	signals(0);
}

TEST(signal_handler_on_alternate_stack)
{
	signals(SA_ONSTACK);
}

/* ---- coroutines ---- */

enum { COROUTINES = 16, COROUTINE_STACK = 1 << 16 };
static ucontext_t g_main_context, g_context[COROUTINES];
static int g_current;

static uint64_t f_yield(int d, uint64_t x)
{
	int me = g_current;

	if (me >= 0)
		swapcontext(&g_context[me], &g_main_context);
	return go(d, x);
}

static void coroutine(void)
{
	for (;;) {
		f_plain(g_deepest - 8, 1);
		unwind_check();
		f_yield(g_deepest, 1);
	}
}

static void start_coroutine(int i)
{
	char *p = mmap(NULL, COROUTINE_STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
	               -1, 0);

	getcontext(&g_context[i]);
	g_context[i].uc_stack.ss_sp = p;
	g_context[i].uc_stack.ss_size = COROUTINE_STACK;
	g_context[i].uc_link = &g_main_context;
	makecontext(&g_context[i], coroutine, 0);
}

/* Stacks are unmapped as soon as they are not used, often while their neighbours still run. */
TEST(coroutines_on_stacks_that_vanish)
{
	int steps[COROUTINES] = {0};

	unwind_init(128);
	g_fn[2] = f_yield;
	g_limit = captures(5);
	while (!is_over()) {
		int i = (int)(rnd() % COROUTINES);

		if (!steps[i])
			start_coroutine(i);
		g_current = i;
		swapcontext(&g_main_context, &g_context[i]);
		g_current = -1;
		if (++steps[i] > 20) {
			munmap(g_context[i].uc_stack.ss_sp, COROUTINE_STACK);
			steps[i] = 0;
		}
		unwind_check();
	}
	verdict();
}

/* ---- threads ---- */

static void *racer(void *arg)
{
	unwind_thread_init();
	t_random += (uintptr_t)arg * 7919;
	while (!is_over())
		g_fn[rnd() % 10](1, 1);
	return NULL;
}

TEST(threads_race_for_rules_nodes_and_numbers)
{
	pthread_t t[8];

	unwind_init(128);
	g_limit = captures(20);
	for (uintptr_t i = 0; i < 8; i++)
		pthread_create(&t[i], NULL, racer, (void *)i);
	for (int i = 0; i < 8; i++)
		pthread_join(t[i], NULL);
	verdict();
}

/* Small stacks, and each thread's first capture must find the bounds of its own. */
static void *brief(void *arg)
{
	t_cache = arg; /* handed on, as contexts are */
	t_oracle = calloc(ORACLE_MAX, sizeof(*t_oracle));
	t_ours = calloc(STACK_DEPTH_MAX + 1, sizeof(*t_ours));
	for (int i = 0; i < 10; i++)
		f_alloca(g_deepest - 5, 1);
	free(t_oracle);
	free(t_ours);
	return NULL;
}

TEST(short_threads_inherit_a_cache)
{
	pthread_attr_t attr;

	unwind_init(128);
	g_limit = captures(100);
	pthread_attr_init(&attr);
	for (int i = 0; i < 500; i++) {
		pthread_t t;

		pthread_attr_setstacksize(&attr, (size_t)(1 + rnd() % 4) << 16);
		pthread_create(&t, &attr, brief, t_cache);
		pthread_join(t, NULL);
		unwind_check();
	}
	verdict();
}

/* Two captures of one stack have one number; another stack has another. */
static NI uint32_t here(void)
{
	uint32_t s = unwind_check();

	__asm__ volatile("");
	return s;
}

TEST(numbers_are_dense_and_stable)
{
	uint32_t s[3];

	volatile int n = 3; /* one call in a loop, not three */

	unwind_init(128);
	for (int i = 0; i < n; i++)
		s[i] = here();
	EQ(s[0], s[1]);
	EQ(s[1], s[2]);
	EQ(s[0], 1);
	EQ(here(), 2);
	EQ(stack_count(), 2);
	EQ(stack_leaf(3), 0);
	EQ(stack_leaf(0), 0);
}

int main(int argc, char **argv)
{
	return check_main(argc, argv);
}
