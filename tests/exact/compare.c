/*
 * compare.c - holds every stack that liboutlive captures against libunwind's, inside a real
 * program. Linked into a liboutlive.so of its own (make exact), with --wrap of those functions that
 * capture: what is compared is what the library does, and the library knows nothing of it. Counts
 * go to a file that is mapped, EXACT_DIR/PID.count, so that they are there however the process
 * ends; the first mismatches are written to EXACT_DIR/PID.text. Context: as stack_capture(),
 * IN_TRACKER set.
 */
#define UNW_LOCAL_ONLY
#include <dlfcn.h>
#include <fcntl.h>
#include <libunwind.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "preload/context.h"
#include "preload/live.h"
#include "preload/stack_walk.h"

#define TEXT_OF(name)  TEXT_OF_(name)
#define TEXT_OF_(name) #name

uint32_t __real_stack_capture(struct stack_cache *c, const struct caller *from);
uint32_t __wrap_stack_capture(struct stack_cache *c, const struct caller *from);
void *__real_track_alloc_plain(void *p, size_t bytes, uintptr_t ip, uintptr_t sp, uintptr_t fp);
void *__wrap_track_alloc_plain(void *p, size_t bytes, uintptr_t ip, uintptr_t sp, uintptr_t fp);
void *__real_track_alloc_guessed(void *p, size_t bytes, uintptr_t ip, uintptr_t sp, uintptr_t fp,
                                 struct record *guess);
void *__wrap_track_alloc_guessed(void *p, size_t bytes, uintptr_t ip, uintptr_t sp, uintptr_t fp,
                                 struct record *guess);

enum { FRAMES = 4096, SHOWN = 3 };

/* Read by tests/exact/run.sh, in this order. */
struct counts {
	uint64_t captures;
	uint64_t compared; /* equal, or mismatches */
	uint64_t mismatches;
	uint64_t unanswered; /* libunwind gives up before the stack's end, or we had to guess */
	uint64_t busy; /* not compared: before libunwind was there, another thread compared, or no
	                  stack was kept */
};
static struct counts *g_counts;
static char g_text[256];
static struct sys_lock g_lock;
static void *g_oracle[FRAMES];
static uintptr_t g_ours[STACK_DEPTH_MAX + 1];

static __typeof__(unw_backtrace) *g_backtrace;
static __typeof__(unw_getcontext(NULL)) (*g_getcontext)(unw_tdep_context_t *);
static __typeof__(unw_init_local) *g_init_local;
static __typeof__(unw_step) *g_step;
static __typeof__(unw_get_reg) *g_get_reg;

/* libunwind as the library would have it: known to nobody else in the program. */
static bool open_libunwind(void)
{
	void *h = dlopen("libunwind.so.8", RTLD_NOW | RTLD_LOCAL);

	if (!h)
		return false;
	*(void **)&g_backtrace = dlsym(h, TEXT_OF(unw_backtrace));
	*(void **)&g_getcontext = dlsym(h, "_Ux86_64_getcontext");
	*(void **)&g_init_local = dlsym(h, TEXT_OF(unw_init_local));
	*(void **)&g_step = dlsym(h, TEXT_OF(unw_step));
	*(void **)&g_get_reg = dlsym(h, TEXT_OF(unw_get_reg));
	return g_backtrace && g_getcontext && g_init_local && g_step && g_get_reg;
}

static __attribute__((constructor)) void begin(void)
{
	const char *dir = getenv("EXACT_DIR");
	char name[256];
	int fd;

	if (!dir)
		return;
	snprintf(name, sizeof(name), "%s/%d.count", dir, getpid());
	snprintf(g_text, sizeof(g_text), "%s/%d.text", dir, getpid());
	fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (fd < 0 || ftruncate(fd, sizeof(*g_counts)) || !open_libunwind())
		return;
	struct counts *c = mmap(NULL, sizeof(*c), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	close(fd);
	if (c != MAP_FAILED)
		__atomic_store_n(&g_counts, c, __ATOMIC_RELEASE);
}

static unsigned expand(uint32_t stack, unsigned *flags)
{
	struct stack_node n;
	unsigned i = 0;

	*flags = 0;
	for (uint32_t node = stack_leaf(stack); stack_node(node, &n) && i <= STACK_DEPTH_MAX;
	     node = n.parent) {
		g_ours[i++] = n.ip;
		*flags = n.flags;
	}
	return i;
}

/* libunwind's thorough way. *gave_up: it says that it could not go on. */
static unsigned walk_thoroughly(bool *gave_up)
{
	unw_tdep_context_t uc;
	unw_cursor_t c;
	unw_word_t ip;
	unsigned n = 0;
	int r = 1;

	g_getcontext(&uc);
	g_init_local(&c, &uc);
	for (; r > 0 && n < FRAMES; r = g_step(&c)) {
		g_get_reg(&c, UNW_REG_IP, &ip);
		if (!ip)
			break;
		g_oracle[n++] = (void *)ip;
	}
	*gave_up = r < 0;
	return n;
}

enum verdict { SAME, OTHER, NO_ANSWER };

/* m: libunwind's frames, from our own on. */
static enum verdict judge(unsigned n, unsigned flags, unsigned m, uintptr_t ip, unsigned depth,
                          bool gave_up)
{
	unsigned first = 0, both;

	while (first < m && (uintptr_t)g_oracle[first] != ip)
		first++;
	if (first == m)
		return gave_up ? NO_ANSWER : OTHER;
	m -= first;
	both = n < m ? n : m;
	if (memcmp(g_ours, g_oracle + first, both * sizeof(*g_ours)))
		return OTHER;
	if (n == m || (n < m && n == depth && flags & FMT_NODE_TRUNCATED))
		return SAME;
	return (n > m && gave_up) || flags & FMT_NODE_BROKEN ? NO_ANSWER : OTHER;
}

static void show(unsigned n, unsigned m, uintptr_t ip)
{
	int fd = open(g_text, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	unsigned first = 0;

	while (first < m && (uintptr_t)g_oracle[first] != ip)
		first++;
	dprintf(fd, "ours has %u frames, libunwind %u\n", n, m - first);
	for (unsigned i = 0; i < n || i + first < m; i++) {
		uintptr_t a = i < n ? g_ours[i] : 0;
		uintptr_t b = i + first < m ? (uintptr_t)g_oracle[i + first] : 0;
		Dl_info in = {0};

		dladdr((void *)a, &in);
		dprintf(fd, "%3u %lx %lx %s+%lx%s\n", i, a, b, in.dli_fname ? in.dli_fname : "?",
		        a - (uintptr_t)in.dli_fbase, a == b ? "" : " <--");
	}
	close(fd);
}

/* What the fast way of libunwind gets wrong, its thorough one says. */
static __attribute__((noinline)) enum verdict compare(uint32_t stack, uintptr_t ip, unsigned depth)
{
	unsigned flags, n = expand(stack, &flags);
	unsigned m = (unsigned)g_backtrace(g_oracle, FRAMES);
	enum verdict v = judge(n, flags, m, ip, depth, false);
	bool gave_up;

	if (v == SAME)
		return v;
	m = walk_thoroughly(&gave_up);
	v = judge(n, flags, m, ip, depth, gave_up);
	if (v == OTHER && __atomic_load_n(&g_counts->mismatches, __ATOMIC_RELAXED) < SHOWN)
		show(n, m, ip);
	return v;
}

/* s: what c captured from ip; guesses: what c had guessed before. */
static void check(const struct stack_cache *c, uint32_t s, uintptr_t ip, uint64_t guesses)
{
	struct counts *counts = __atomic_load_n(&g_counts, __ATOMIC_ACQUIRE);

	if (!counts)
		return;
	__atomic_add_fetch(&counts->captures, 1, __ATOMIC_RELAXED);
	/* One at a time: libunwind and the loader have locks, which a thread that is in the loader
	 * may hold already. */
	if (!s || !c || !sys_try_lock(&g_lock)) {
		__atomic_add_fetch(&counts->busy, 1, __ATOMIC_RELAXED);
		return;
	}
	enum verdict v = compare(s, ip, c->depth);

	sys_unlock(&g_lock);
	if (v == OTHER && c->stats.fallbacks != guesses)
		v = NO_ANSWER;
	__atomic_add_fetch(v == NO_ANSWER ? &counts->unanswered : &counts->compared, 1,
	                   __ATOMIC_RELAXED);
	if (v == OTHER)
		__atomic_add_fetch(&counts->mismatches, 1, __ATOMIC_RELAXED);
}

uint32_t __wrap_stack_capture(struct stack_cache *c, const struct caller *from)
{
	uint64_t guesses = c ? c->stats.fallbacks : 0;
	uint32_t s = __real_stack_capture(c, from);

	check(c, s, from->ip, guesses);
	return s;
}

/* The usual allocation captures by itself: the stack is asked of the table. */
static void check_block(const void *p, uintptr_t ip, uint64_t guesses)
{
	struct block b;

	if (!p)
		return;
	t_self.flags |= IN_TRACKER;
	check(t_self.exact->stacks,
	      live_find((uintptr_t)p, &b) ? context_site_at(b.site)->stack : 0, ip, guesses);
	t_self.flags &= ~IN_TRACKER;
}

void *__wrap_track_alloc_plain(void *p, size_t bytes, uintptr_t ip, uintptr_t sp, uintptr_t fp)
{
	uint64_t guesses = t_self.exact->stacks->stats.fallbacks;

	__real_track_alloc_plain(p, bytes, ip, sp, fp);
	check_block(p, ip, guesses);
	return p;
}

void *__wrap_track_alloc_guessed(void *p, size_t bytes, uintptr_t ip, uintptr_t sp, uintptr_t fp,
                                 struct record *guess)
{
	uint64_t guesses = t_self.exact->stacks->stats.fallbacks;

	__real_track_alloc_guessed(p, bytes, ip, sp, fp, guess);
	check_block(p, ip, guesses);
	return p;
}
