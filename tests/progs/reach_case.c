/*
 * reach_case.c - one small program for each way in which a block can be held, or lost.
 *
 *     reach_case --list     name, and how many blocks are lost, indirectly lost, possibly lost,
 *                           reachable; then the first three as memcheck counts them
 *     reach_case NAME       ends with its blocks in that state
 *
 * Only what the cases allocate is counted; libc's own blocks (threads' vectors, streams) are not.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#ifdef __clang__
#define NOINLINE __attribute__((noinline))
#else
#define NOINLINE __attribute__((noinline, noclone))
#endif

static void *volatile g_held;
static __thread void *volatile t_held;
static volatile uintptr_t g_number;
static sem_t g_ready;

/* The block is filled: else old pointers in it would hold others. */
static NOINLINE void *block(size_t n)
{
	void *p = malloc(n);

	return memset(p, 0, n);
}

/* ---- what the kernel keeps ---- */

/* It comes back with the timer's signal. */
static NOINLINE void timer_value(void)
{
	struct sigevent e = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
	timer_t id;

	e.sigev_value.sival_ptr = block(500);
	timer_create(CLOCK_MONOTONIC, &e, &id);
}

/* Who sets an alternate stack need not remember it. */
static NOINLINE void signal_stack(void)
{
	stack_t s = {.ss_sp = block(65536), .ss_size = 65536};

	sigaltstack(&s, NULL);
}

/* A server's connections: each comes back with its event. */
static void epoll_data(void)
{
	int epoll = epoll_create1(0);

	for (int i = 0; i < 300; i++) {
		struct epoll_event e = {EPOLLIN, {.ptr = block(64)}};

		epoll_ctl(epoll, EPOLL_CTL_ADD, eventfd(0, 0), &e);
	}
}

/* ---- lists, trees, rings ---- */

struct node {
	struct node *next, *other;
	char rest[84];
};

static NOINLINE struct node *list(int n)
{
	struct node *head = NULL;

	while (n--) {
		struct node *new = block(sizeof(*new));

		new->next = head;
		head = new;
	}
	return head;
}

static NOINLINE void lost(void)
{
	*(char *)block(1000) = 1;
}

static NOINLINE void held(void)
{
	g_held = block(1000);
}

static NOINLINE void list_head(void)
{
	list(10);
}

static NOINLINE void list_held(void)
{
	g_held = list(10);
}

static NOINLINE void cycle(void)
{
	struct node *a = list(2);

	a->next->next = a;
}

static NOINLINE void cycle_held(void)
{
	struct node *a = list(2);

	a->next->next = a;
	g_held = a->next;
}

static NOINLINE void self_pointer(void)
{
	struct node *a = list(1);

	a->other = a;
}

/* Each child knows its parent: the tree is one knot. */
static NOINLINE void tree(void)
{
	struct node *root = block(sizeof(*root));

	for (int i = 0; i < 2; i++) {
		struct node *child = block(sizeof(*child)), *leaf = block(sizeof(*leaf));

		child->other = root;
		child->next = leaf;
		leaf->other = child;
		(i ? &root->next : &root->other)[0] = child;
	}
}

static NOINLINE void two_owners(void)
{
	struct node *shared = list(1), *a = list(1), *b = list(1);

	a->next = b->next = shared;
}

static NOINLINE void chain_of_heads(void)
{
	struct node *a = list(3), *b = list(3);

	b->other = a; /* met first by address, a's list is then found to be b's */
	b = NULL;
}

/* ---- pointers into the middle ---- */

static NOINLINE void interior(void)
{
	g_held = (char *)block(1000) + 24;
}

static NOINLINE void interior_chain(void)
{
	g_held = (char *)list(3) + 24;
}

static NOINLINE void past_end(void)
{
	g_held = (char *)block(1000) + 1000;
}

static NOINLINE void last_byte(void)
{
	g_held = (char *)block(1000) + 999;
}

static NOINLINE void tagged_low(void)
{
	g_held = (char *)block(1000) + 1;
}

static NOINLINE void tagged_high(void)
{
	g_number = (uintptr_t)block(1000) | 1ul << 63;
}

static NOINLINE void xored(void)
{
	g_number = (uintptr_t)block(1000) ^ 0x5a5a5a5a5a5a5a5aul;
}

static NOINLINE void unaligned(void)
{
	static char odd[32] __attribute__((aligned(8)));
	void *p = block(1000);

	memcpy(odd + 3, &p, sizeof(p));
}

static NOINLINE void length_prefix(void)
{
	uint64_t *p = block(1000);

	p[0] = 1000 - 8;
	g_held = p + 1;
}

/* ---- sizes ---- */

static NOINLINE void zero_bytes(void)
{
	g_held = malloc(0);
	g_number = (uintptr_t)malloc(0) ^ ~0ul;
}

/* A chunk's last bytes are the next one's head: malloc's own bins point there. */
static NOINLINE void beside_top(void)
{
	block(24);
}

static NOINLINE void beside_free(void)
{
	void *a = block(2024), *b = block(2024), *c = block(2024);

	g_held = c;
	free(b);
	memset(&a, 0, sizeof(a));
}

static NOINLINE void aligned(void)
{
	void *p = NULL;

	g_held = aligned_alloc(4096, 8192);
	if (!posix_memalign(&p, 256, 512))
		memset(p, 0, 512);
}

static NOINLINE void large(void)
{
	g_held = block(1 << 20);
	block(1 << 20);
}

static NOINLINE void many_small(void)
{
	void **all = block(200 * sizeof(*all));

	for (int i = 0; i < 200; i++) {
		void *p = block(8);

		if (i % 2)
			all[i] = p;
	}
	g_held = all;
}

static NOINLINE void grown(void)
{
	void *a = realloc(block(100), 5000);
	void **b = realloc(block(5000), 100000);

	b[9000] = block(70);
	b = realloc(b, 200000);
	g_held = b;
	memset(&a, 0, sizeof(a));
}

/* ---- what is dead ---- */

static NOINLINE void stale_stack(void)
{
	void *volatile there[64];

	for (int i = 0; i < 64; i++)
		there[i] = NULL;
	there[7] = block(1000);
	there[40] = there[7];
}

static NOINLINE void stale_block(void)
{
	void *volatile *a = block(4000);

	a[100] = block(1000);
	free((void *)a);
}

static NOINLINE void stale_mapping(void)
{
	void *volatile *page =
	        mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	page[3] = block(1000);
	munmap((void *)page, 4096);
}

/* ---- memory of the program's own ---- */

static NOINLINE void *map(int fd, int flags)
{
	void *p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, flags, fd, 0);

	if (p == MAP_FAILED)
		exit(9);
	return p;
}

static NOINLINE void mapped(void)
{
	((void **)map(-1, MAP_PRIVATE | MAP_ANONYMOUS))[600] = block(1000);
}

static NOINLINE void mapped_shared(void)
{
	((void **)map(-1, MAP_SHARED | MAP_ANONYMOUS))[600] = block(1000);
}

static NOINLINE void mapped_file(void)
{
	int fd = memfd_create("reach", MFD_CLOEXEC);

	if (ftruncate(fd, 4096)) /* the second page has nothing behind it */
		exit(9);
	((void **)map(fd, MAP_SHARED))[60] = block(1000);
}

static NOINLINE void mapped_constant(void)
{
	void **page = map(-1, MAP_PRIVATE | MAP_ANONYMOUS);

	page[1] = block(1000);
	mprotect(page, 8192, PROT_READ);
}

static NOINLINE void remapped(void)
{
	void **page = map(-1, MAP_PRIVATE | MAP_ANONYMOUS);

	page[1] = block(1000);
	page = mremap(page, 8192, 1 << 20, MREMAP_MAYMOVE);
	page[9000] = block(500);
}

static NOINLINE void half_unmapped(void)
{
	void **page = map(-1, MAP_PRIVATE | MAP_ANONYMOUS);

	page[1] = block(1000);
	page[600] = block(500);
	munmap(page + 512, 4096);
}

static NOINLINE void broken(void)
{
	void **p = sbrk(4096);

	p[7] = block(1000);
}

static NOINLINE void guarded(void)
{
	void **p = aligned_alloc(4096, 12288);

	memset(p, 0, 12288);
	p[1] = block(70);
	p[1100] = block(71);
	g_held = p;
	mprotect(p + 512, 4096, PROT_NONE);
}

/* ---- libc's memory ---- */

static NOINLINE void environment(void)
{
	char *p = block(100);

	strcpy(p, "REACH_CASE=1");
	putenv(p);
}

static NOINLINE void stream(void)
{
	static FILE *volatile f;
	char *p = block(4096);

	f = fopen("/dev/null", "w");
	setvbuf(f, p, _IOFBF, 4096);
}

static void closure(int status, void *arg)
{
	(void)status, (void)arg;
}

static NOINLINE void exit_argument(void)
{
	for (int i = 0; i < 100; i++)
		on_exit(closure, block(10));
}

/* ---- libraries ---- */

static NOINLINE void library(const char *function, void *p)
{
	char path[4096];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 32);

	path[n > 0 ? n : 0] = 0;
	strcpy(strrchr(path, '/'), "/reach_so.so");
	void *lib = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	void (*hold)(void *) = lib ? (void (*)(void *))dlsym(lib, function) : NULL;

	if (!hold)
		exit(9);
	hold(p);
}

static NOINLINE void library_global(void)
{
	library("reach_hold_global", block(1000));
}

static NOINLINE void library_tls(void)
{
	library("reach_hold_tls", block(1000));
}

static NOINLINE void tls(void)
{
	t_held = block(1000);
}

/* ---- threads ---- */

static NOINLINE pthread_t start(void *(*fn)(void *), void *arg)
{
	pthread_t t;

	if (pthread_create(&t, NULL, fn, arg))
		exit(9);
	return t;
}

static void *on_stack(void *arg)
{
	void *volatile mine = block(1000);

	(void)arg;
	sem_post(&g_ready);
	for (;;)
		pause();
	return mine;
}

static NOINLINE void live_stack(void)
{
	start(on_stack, NULL);
	sem_wait(&g_ready);
}

/* Nowhere but in a register of a thread that runs. */
static void *in_register(void *arg)
{
	void *p = block(1000);

	(void)arg;
	sem_post(&g_ready);
	__asm__ volatile("mov %0, %%r12\n\t"
	                 "xor %%eax, %%eax\n\t"
	                 "mov %%rax, %0\n"
	                 "1: pause\n\t"
	                 "jmp 1b"
	                 : "+r"(p)
	                 :
	                 : "r12", "rax");
	return p;
}

static NOINLINE void live_register(void)
{
	start(in_register, NULL);
	sem_wait(&g_ready);
	usleep(20000);
}

/* Where memmove has what it moves. */
static void *in_vector(void *arg)
{
	void *p = block(1000);

	(void)arg;
	sem_post(&g_ready);
	__asm__ volatile("movq %0, %%xmm7\n\t"
	                 "pslldq $8, %%xmm7\n\t"
	                 "xor %%eax, %%eax\n\t"
	                 "mov %%rax, %0\n"
	                 "1: pause\n\t"
	                 "jmp 1b"
	                 : "+r"(p)
	                 :
	                 : "xmm7", "rax");
	return p;
}

static NOINLINE void live_vector(void)
{
	start(in_vector, NULL);
	sem_wait(&g_ready);
	usleep(20000);
}

static void *in_tls(void *arg)
{
	t_held = block(1000);
	sem_post(&g_ready);
	for (;;)
		pause();
	return arg;
}

static NOINLINE void live_tls(void)
{
	start(in_tls, NULL);
	sem_wait(&g_ready);
}

static void *leaves_on_stack(void *arg)
{
	void *volatile mine = block(1000);

	g_number = (uintptr_t)mine & 1;
	return arg;
}

static NOINLINE void ended_stack(void)
{
	pthread_join(start(leaves_on_stack, NULL), NULL);
}

static void *returns_block(void *arg)
{
	(void)arg;
	return block(1000);
}

static NOINLINE void unjoined_result(void)
{
	start(returns_block, NULL);
	usleep(50000);
}

static NOINLINE void lost_result(void)
{
	void *result;

	pthread_join(start(returns_block, NULL), &result);
}

static void *drops_argument(void *arg)
{
	(void)arg;
	__asm__ volatile("" : : : "rbx", "r12", "r13", "r14", "r15");
	sem_post(&g_ready);
	for (;;)
		pause();
	return NULL;
}

static NOINLINE void argument(void)
{
	start(drops_argument, block(1000));
	sem_wait(&g_ready);
}

static pthread_key_t g_key[40];

static NOINLINE void key(void)
{
	pthread_key_create(&g_key[0], NULL);
	pthread_setspecific(g_key[0], block(1000));
}

static NOINLINE void late_key(void)
{
	for (int i = 0; i < 40; i++)
		pthread_key_create(&g_key[i], NULL);
	pthread_setspecific(g_key[39], block(1000));
}

/* A stack that the program itself has made. */
static NOINLINE void own_stack(void)
{
	pthread_attr_t a;
	pthread_t t;
	char *stack = aligned_alloc(4096, 256 << 10);

	memset(stack, 0, 256 << 10);
	pthread_attr_init(&a);
	pthread_attr_setstack(&a, stack, 256 << 10);
	if (pthread_create(&t, &a, on_stack, NULL))
		exit(9);
	pthread_attr_destroy(&a);
	sem_wait(&g_ready);
}

/* ---- stacks that are no thread's ---- */

static ucontext_t g_main, g_coroutine;
static volatile int g_end_there;

static void coroutine(void)
{
	void *volatile mine = block(1000);

	if (g_end_there)
		exit(0);
	swapcontext(&g_coroutine, &g_main);
	g_number = (uintptr_t)mine;
}

static NOINLINE void enter(void *stack, size_t bytes)
{
	getcontext(&g_coroutine);
	g_coroutine.uc_stack.ss_sp = stack;
	g_coroutine.uc_stack.ss_size = bytes;
	g_coroutine.uc_link = &g_main;
	makecontext(&g_coroutine, coroutine, 0);
	swapcontext(&g_main, &g_coroutine);
	/* What the saved context says of the stack is not to hold anything. */
	memset(&g_coroutine, 0, sizeof(g_coroutine));
	memset(&g_main, 0, sizeof(g_main));
}

static NOINLINE void coroutine_mapped(void)
{
	enter(mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1,
	           0),
	      65536);
}

static NOINLINE void coroutine_block(void)
{
	g_held = block(65536);
	enter(g_held, 65536);
}

static NOINLINE void coroutine_lost(void)
{
	void *p = block(65536);

	enter(p, 65536);
}

/* The end comes on the other stack: the thread's own counts still. */
static NOINLINE void coroutine_ends(void)
{
	void *volatile mine = block(500);

	g_end_there = 1;
	g_held = block(65536);
	enter(g_held, 65536);
	g_number = (uintptr_t)mine;
}

static void ends(int signal)
{
	(void)signal;
	exit(0);
}

static NOINLINE void alternate_stack(void)
{
	void *volatile mine = block(1000);
	stack_t s = {.ss_sp = block(65536), .ss_size = 65536};
	struct sigaction a = {.sa_handler = ends, .sa_flags = SA_ONSTACK};

	sigaltstack(&s, NULL);
	g_held = s.ss_sp;
	sigaction(SIGUSR1, &a, NULL);
	raise(SIGUSR1);
	g_number = (uintptr_t)mine;
}

/* ---- ends ---- */

static NOINLINE void returned(void)
{
	void *volatile mine = block(1000);

	g_number = (uintptr_t)mine & 1;
}

static NOINLINE void exits(void)
{
	void *volatile mine = block(1000);

	exit(0);
	g_number = (uintptr_t)mine;
}

static NOINLINE void quick_exits(void)
{
	void *volatile mine = block(1000);

	_exit(0);
	g_number = (uintptr_t)mine;
}

static NOINLINE void terminated(void)
{
	void *volatile mine = block(1000);

	raise(SIGTERM);
	g_number = (uintptr_t)mine;
}

static NOINLINE void handler_frees(void)
{
	free(g_held);
}

/* Handlers give back what the program can reach: it is marked before they run. */
static NOINLINE void root_is_freed(void)
{
	g_held = list(1);
	((struct node *)g_held)->next = list(5);
	atexit(handler_frees);
}

static void *ends_process(void *arg)
{
	void *volatile mine = block(1000);

	exit(0);
	return arg ? arg : mine;
}

static NOINLINE void exit_in_thread(void)
{
	void *volatile mine = block(500);

	start(ends_process, NULL);
	for (;;)
		pause();
	g_number = (uintptr_t)mine;
}

static NOINLINE void last_thread(void)
{
	g_held = block(1000);
	block(500);
	pthread_exit(NULL);
}

/* ---- the list ---- */

static const struct {
	const char *name;
	void (*run)(void);
	int lost, indirect, possible, reachable;
	int memcheck[3]; /* lost, indirect, possible; all -1: the same */
} g_cases[] = {
#define SAME               \
	{                  \
		-1, -1, -1 \
	}
        {"lost", lost, 1, 0, 0, 0, SAME},
        {"held", held, 0, 0, 0, 1, SAME},
        {"list_head", list_head, 1, 9, 0, 0, SAME},
        {"list_held", list_held, 0, 0, 0, 10, SAME},
        {"cycle", cycle, 1, 1, 0, 0, SAME},
        {"cycle_held", cycle_held, 0, 0, 0, 2, SAME},
        {"self_pointer", self_pointer, 1, 0, 0, 0, SAME},
        {"tree", tree, 1, 4, 0, 0, SAME},
        {"two_owners", two_owners, 2, 1, 0, 0, SAME},
        {"chain_of_heads", chain_of_heads, 1, 5, 0, 0, SAME},
        {"interior", interior, 0, 0, 1, 0, SAME},
        {"interior_chain", interior_chain, 0, 0, 3, 0, SAME},
        {"past_end", past_end, 1, 0, 0, 0, SAME},
        {"last_byte", last_byte, 0, 0, 1, 0, SAME},
        {"tagged_low", tagged_low, 0, 0, 1, 0, SAME},
        {"tagged_high", tagged_high, 1, 0, 0, 0, SAME},
        {"xored", xored, 1, 0, 0, 0, SAME},
        {"unaligned", unaligned, 1, 0, 0, 0, SAME},
        {"length_prefix", length_prefix, 0, 0, 0, 1, SAME},
        {"zero_bytes", zero_bytes, 1, 0, 0, 1, SAME},
        {"beside_top", beside_top, 1, 0, 0, 0, SAME},
        {"beside_free", beside_free, 1, 0, 0, 1, SAME},
        {"aligned", aligned, 1, 0, 0, 1, SAME},
        {"large", large, 1, 0, 0, 1, SAME},
        {"many_small", many_small, 100, 0, 0, 101, SAME},
        {"grown", grown, 1, 0, 0, 2, SAME},
        {"stale_stack", stale_stack, 1, 0, 0, 0, SAME},
        {"stale_block", stale_block, 1, 0, 0, 0, SAME},
        {"stale_mapping", stale_mapping, 1, 0, 0, 0, SAME},
        {"mapped", mapped, 0, 0, 0, 1, SAME},
        {"mapped_shared", mapped_shared, 0, 0, 0, 1, SAME},
        {"mapped_file", mapped_file, 0, 0, 0, 1, SAME},
        {"mapped_constant", mapped_constant, 0, 0, 0, 1, {1, 0, 0}},
        {"remapped", remapped, 0, 0, 0, 2, SAME},
        {"half_unmapped", half_unmapped, 1, 0, 0, 1, SAME},
        {"broken", broken, 0, 0, 0, 1, SAME},
        {"guarded", guarded, 0, 0, 0, 3, SAME},
        {"environment", environment, 0, 0, 0, 1, {1, 0, 0}},
        {"stream", stream, 0, 0, 0, 1, {1, 0, 0}},
        {"epoll_data", epoll_data, 0, 0, 0, 300, {300, 0, 0}},
        {"timer_value", timer_value, 0, 0, 0, 1, {1, 0, 0}},
        {"signal_stack", signal_stack, 0, 0, 0, 1, {1, 0, 0}},
        {"exit_argument", exit_argument, 0, 0, 0, 100, {69, 0, 0}},
        {"library_global", library_global, 0, 0, 0, 1, SAME},
        {"library_tls", library_tls, 0, 0, 0, 1, SAME},
        {"tls", tls, 0, 0, 0, 1, SAME},
        {"live_stack", live_stack, 0, 0, 0, 1, SAME},
        {"live_register", live_register, 0, 0, 0, 1, SAME},
        {"live_vector", live_vector, 0, 0, 0, 1, SAME},
        {"live_tls", live_tls, 0, 0, 0, 1, SAME},
        {"ended_stack", ended_stack, 1, 0, 0, 0, SAME},
        {"unjoined_result", unjoined_result, 0, 0, 0, 1, SAME},
        {"lost_result", lost_result, 1, 0, 0, 0, SAME},
        {"argument", argument, 0, 0, 0, 1, SAME},
        {"key", key, 0, 0, 0, 1, SAME},
        {"late_key", late_key, 0, 0, 0, 1, SAME},
        {"own_stack", own_stack, 0, 0, 0, 2, SAME},
        {"coroutine_mapped", coroutine_mapped, 0, 0, 0, 1, SAME},
        {"coroutine_block", coroutine_block, 0, 0, 0, 2, SAME},
        {"coroutine_lost", coroutine_lost, 1, 1, 0, 0, SAME},
        {"coroutine_ends", coroutine_ends, 0, 0, 0, 3, SAME},
        {"alternate_stack", alternate_stack, 0, 0, 0, 2, SAME},
        {"returned", returned, 1, 0, 0, 0, SAME},
        {"exits", exits, 0, 0, 0, 1, SAME},
        {"quick_exits", quick_exits, 0, 0, 0, 1, SAME},
        {"terminated", terminated, 0, 0, 0, 1, SAME},
        {"root_is_freed", root_is_freed, 0, 0, 0, 5, {1, 4, 0}},
        {"exit_in_thread", exit_in_thread, 0, 0, 0, 2, SAME},
        {"last_thread", last_thread, 1, 0, 0, 1, SAME},
};

int main(int argc, char **argv)
{
	sem_init(&g_ready, 0, 0);
	for (size_t i = 0; i < sizeof(g_cases) / sizeof(g_cases[0]); i++) {
		if (argc == 2 && !strcmp(argv[1], "--list")) {
			bool same = g_cases[i].memcheck[0] < 0;
			printf("%s %d %d %d %d %d %d %d\n", g_cases[i].name, g_cases[i].lost,
			       g_cases[i].indirect, g_cases[i].possible, g_cases[i].reachable,
			       same ? g_cases[i].lost : g_cases[i].memcheck[0],
			       same ? g_cases[i].indirect : g_cases[i].memcheck[1],
			       same ? g_cases[i].possible : g_cases[i].memcheck[2]);
		} else if (argc == 2 && !strcmp(argv[1], g_cases[i].name)) {
			g_cases[i].run();
			return 0;
		}
	}
	return argc == 2 && !strcmp(argv[1], "--list") ? 0 : 2;
}
