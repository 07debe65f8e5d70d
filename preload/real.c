/*
 * real.c - the originals of what we interpose; the only file that looks symbols up. Hooks run from
 * the process's first malloc on, before any constructor, so the originals are found by whoever
 * comes first; what dlsym itself allocates meanwhile comes from a small buffer. Context: any
 * thread, first call usually in ld.so's start-up.
 */
#include <dlfcn.h>
#include <errno.h>
#include <gnu/libc-version.h>
#include <link.h>
#include <string.h>
#include <time.h>

#include "format.h"
#include "hook.h"
#include "init.h"
#include "symbol.h"

static void *boot_malloc(size_t n);
static void *boot_calloc(size_t n, size_t size);
static void *boot_realloc(void *p, size_t n);
static void boot_free(void *p);

struct real real = {
        .malloc = boot_malloc,
        .calloc = boot_calloc,
        .realloc = boot_realloc,
        .free = boot_free,
};
bool g_hooks_ready;

/* ---- what dlsym asks for: never given back ---- */

char g_real_boot[REAL_BOOT_BYTES] __attribute__((aligned(16)));
static size_t g_boot_used;

static void *boot_take(size_t n)
{
	/* The size stands before the block, for realloc. */
	size_t need = ((n + 15) & ~(size_t)15) + 16;
	size_t at = __atomic_fetch_add(&g_boot_used, need, __ATOMIC_RELAXED);

	if (need < n || at + need > sizeof(g_real_boot)) {
		errno = ENOMEM;
		return NULL;
	}
	*(size_t *)(g_real_boot + at) = n;
	if (!(t_self.flags &
	      IN_TRACKER)) /* else dlsym's own, while we resolve: not the program's */
		track_lost(FMT_AUDIT_LOST_EARLY);
	/* Its free must come to us (hook_heap.c), always. */
	sample_filter_add((uintptr_t)g_real_boot + at + 16);
	return g_real_boot + at + 16;
}

size_t real_boot_used(void)
{
	size_t used = __atomic_load_n(&g_boot_used, __ATOMIC_RELAXED);

	return used < sizeof(g_real_boot) ? used : sizeof(g_real_boot);
}

static void *boot_malloc(size_t n)
{
	hook_start();
	return real.malloc != boot_malloc ? real.malloc(n) : boot_take(n);
}

static void *boot_calloc(size_t n, size_t size)
{
	size_t bytes;

	hook_start();
	if (real.calloc != boot_calloc)
		return real.calloc(n, size);
	if (__builtin_mul_overflow(n, size, &bytes))
		bytes = SIZE_MAX;
	return boot_take(bytes); /* zero already */
}

void *real_boot_move(void *p, size_t n)
{
	size_t had = ((size_t *)p)[-2];
	void *q = real.malloc(n);

	if (q)
		memcpy(q, p, n < had ? n : had);
	return q;
}

static void *boot_realloc(void *p, size_t n)
{
	hook_start();
	if (p && real_is_boot(p))
		return real_boot_move(p, n);
	return real.realloc != boot_realloc ? real.realloc(p, n) : boot_take(n);
}

static void boot_free(void *p)
{
	hook_start();
	if (real.free != boot_free && !real_is_boot(p))
		real.free(p);
}

/* ---- resolution ---- */

static void *next(const char *name)
{
	return dlsym(RTLD_NEXT, name);
}

/*
 * C++ that comes later: a C program's plug-in brings libstdc++ in with RTLD_LOCAL, where RTLD_NEXT
 * does not see it, while its calls of operator new are bound to our export, which stands in the
 * global scope.
 */
void *real_late(const char *name)
{
	static const char *const runtimes[] = {"libstdc++.so.6", "libc++.so.1", "libc++abi.so.1"};
	void *f = next(name);

	for (size_t i = 0; !f && i < sizeof(runtimes) / sizeof(runtimes[0]); i++) {
		void *lib = dlopen(runtimes[i], RTLD_LAZY | RTLD_NOLOAD);

		if (lib)
			f = dlsym(lib, name);
	}
	return f;
}

/* For the start, where a failing look-up would enter the program's malloc (symbol.h), and where
 * dlsym is left only what our own search cannot do: there are 300 names. */
static void *next_if_any(const char *name)
{
	uintptr_t at;

	if (!symbol_behind(name, &at))
		return NULL;
	return at ? (void *)at : next(name);
}

/* The same, with ld.so's word for it that there is none. */
static void *next_at_start(const char *name)
{
	void *f = next_if_any(name);

	return f ? f : next(name);
}

static void resolve(void)
{
	struct real r;

	/* Not into `real` one by one: malloc of one library and free of the boot buffer must never
	 * be mixed. */
#define HOOK(family, ret, name, params)     *(void **)&r.name = next_at_start(#name);
#define HOOK_MAY(family, ret, name, params) *(void **)&r.name = next_if_any(#name);
#define TRAMPOLINE(family, name)            *(void **)&r.name = next_if_any(#name);
#define LOOKUP(ret, name, params)           *(void **)&r.name = next_if_any(#name);
#define API(ret, name, params)
#include "hooks.def"
	real = r;
}

/* ---- the allocators ---- */

/* glibc 2.35 or later; without it IN_HEAP alone tells what is an allocator's. */
extern __typeof__(_dl_find_object) _dl_find_object __attribute__((weak));

static struct {
	uintptr_t start, end;
} g_allocator[4];

void real_add_allocator(const void *f)
{
	struct dl_find_object o;

	if (!_dl_find_object || _dl_find_object((void *)(uintptr_t)f, &o))
		return;
	for (size_t i = 0; i < sizeof(g_allocator) / sizeof(g_allocator[0]); i++) {
		if (g_allocator[i].end)
			continue;
		g_allocator[i].start = (uintptr_t)o.dlfo_map_start;
		g_allocator[i].end = (uintptr_t)o.dlfo_map_end;
		return;
	}
}

static bool in_one_module(const void *f, const void *g)
{
	struct dl_find_object of, og;

	return _dl_find_object && !_dl_find_object((void *)(uintptr_t)f, &of) &&
	       !_dl_find_object((void *)(uintptr_t)g, &og) &&
	       of.dlfo_map_start == og.dlfo_map_start;
}

bool real_is_allocator(uintptr_t address)
{
	for (size_t i = 0; i < sizeof(g_allocator) / sizeof(g_allocator[0]); i++)
		if (address >= g_allocator[i].start && address < g_allocator[i].end)
			return true;
	return false;
}

const char *real_own_path(void)
{
	struct dl_find_object o;

	if (!_dl_find_object || _dl_find_object((void *)(uintptr_t)real_own_path, &o))
		return "";
	return o.dlfo_link_map->l_name;
}

const char *g_unseen_malloc;
static void (*g_program_free)(void *);

void real_program_free(void *p)
{
	g_program_free(p);
}

/*
 * An allocator that stands before us, in the program or by LD_PRELOAD: its blocks must never reach
 * the functions behind us, by the few names of ours that it does not have.
 */
static void find_unseen(void)
{
	struct symbol_found malloc_there = symbol_before("malloc");
	struct symbol_found free_there = symbol_before("free");

	if (!malloc_there.address || !free_there.address)
		return;
	*(void **)&g_program_free = (void *)free_there.address;
	g_unseen_malloc = malloc_there.path;
}

/* These want to know every byte of memory: the one refuses to start where a mapping is not its own,
 * to the other all that we write is unknown. */
extern char __tsan_init __attribute__((weak)), __msan_init __attribute__((weak));

bool real_is_refused(void)
{
	return &__tsan_init || &__msan_init;
}

/* libc's allocator; and jemalloc's, which maps memory, but what it maps is told by its module. */
static bool calls_nothing_of_ours(const void *f)
{
	return in_one_module(f, *(void **)&real._exit) ||
	       (real.mallctl && in_one_module(f, *(void **)&real.mallctl));
}

static uint32_t g_starter; /* tid of the thread that starts us */

void hook_start(void)
{
	uint32_t none = 0, me = (uint32_t)sys_gettid(), flags = t_self.flags;
	int was = errno;

	if (__atomic_load_n(&g_hooks_ready, __ATOMIC_ACQUIRE))
		return;
	if (!__atomic_compare_exchange_n(&g_starter, &none, me, false, __ATOMIC_ACQ_REL,
	                                 __ATOMIC_ACQUIRE)) {
		/* dlsym came back to us, or another thread is at it. */
		while (none != me && !__atomic_load_n(&g_hooks_ready, __ATOMIC_ACQUIRE))
			sys_call(SYS_sched_yield);
		return;
	}
	t_self.flags |= IN_TRACKER | IN_HEAP;
	resolve();
	if (in_one_module((void *)(uintptr_t)clock_gettime,
	                  (void *)(uintptr_t)gnu_get_libc_version))
		sys_clock_use_libc();
	init_early();
	real_add_allocator(*(void **)&real.malloc);
	find_unseen();
	g_sample_direct = g_sample_period && calls_nothing_of_ours(*(void **)&real.malloc);
	if (g_sample_direct)
		hook_passed_malloc = real.malloc;
	if (track_has(TRACK_HEAP))
		hook_families_init(next_if_any);
	if (g_track_waits)
		hook_waits_init(next_if_any);
	__atomic_store_n(&g_hooks_ready, true, __ATOMIC_RELEASE);
	t_self.flags = flags;
	errno = was;
}
