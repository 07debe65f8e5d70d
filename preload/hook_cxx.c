/*
 * hook_cxx.c - operator new and delete, all forms. Some end in malloc and free (libstdc++) and are
 * counted there; some do not (jemalloc, tcmalloc, mimalloc). Each exported symbol is a jump through
 * a slot. At first the slot leads to a function here that calls the original and looks whether
 * malloc's hook was reached; from then on it leads to the original itself, which costs nothing and
 * leaves the stack as it is natively, or to a function that counts. No flag is held over operator
 * new: it calls the program's new-handler and may throw through us. Context: any thread, any time.
 */
#include <stdlib.h>

#include "hook.h"

/* X(index, symbol): N are forms of new, D of delete. */
#define CXX_FUNCTIONS(N, D)                        \
	N(0, _Znwm)                                \
	N(1, _Znam)                                \
	N(2, _ZnwmRKSt9nothrow_t)                  \
	N(3, _ZnamRKSt9nothrow_t)                  \
	N(4, _ZnwmSt11align_val_t)                 \
	N(5, _ZnamSt11align_val_t)                 \
	N(6, _ZnwmSt11align_val_tRKSt9nothrow_t)   \
	N(7, _ZnamSt11align_val_tRKSt9nothrow_t)   \
	D(8, _ZdlPv)                               \
	D(9, _ZdaPv)                               \
	D(10, _ZdlPvm)                             \
	D(11, _ZdaPvm)                             \
	D(12, _ZdlPvRKSt9nothrow_t)                \
	D(13, _ZdaPvRKSt9nothrow_t)                \
	D(14, _ZdlPvSt11align_val_t)               \
	D(15, _ZdaPvSt11align_val_t)               \
	D(16, _ZdlPvmSt11align_val_t)              \
	D(17, _ZdaPvmSt11align_val_t)              \
	D(18, _ZdlPvSt11align_val_tRKSt9nothrow_t) \
	D(19, _ZdaPvSt11align_val_tRKSt9nothrow_t)

#define ONE(i, symbol) +1
enum { N_SLOTS = 0 CXX_FUNCTIONS(ONE, ONE) };

/* All forms take up to three arguments in registers, so one type serves for all. */
typedef void *any_fn(uintptr_t a, uintptr_t b, uintptr_t c);

#define DECLARE(i, symbol) static void *first_##i(uintptr_t a, uintptr_t b, uintptr_t c);
CXX_FUNCTIONS(DECLARE, DECLARE)

#define FIRST(i, symbol) first_##i,
__attribute__((visibility("hidden"), used))
any_fn *cxx_slot[N_SLOTS] = {CXX_FUNCTIONS(FIRST, FIRST)};
static any_fn *g_original[N_SLOTS];

#define NAME(i, symbol) #symbol,
static const char *const g_name[N_SLOTS] = {CXX_FUNCTIONS(NAME, NAME)};

#define JUMP(i, symbol) ARCH_JUMP(symbol, cxx_slot, i);
CXX_FUNCTIONS(JUMP, JUMP)

/* Without a C++ runtime anywhere nobody can call this by right; the heap is the best answer. */
static void *bare_new(uintptr_t n, uintptr_t b, uintptr_t c)
{
	(void)b, (void)c;
	return real.malloc(n ? n : 1);
}

static void *bare_delete(uintptr_t p, uintptr_t b, uintptr_t c)
{
	(void)b, (void)c;
	real.free((void *)p);
	return NULL;
}

static any_fn *original(int slot, any_fn *otherwise)
{
	any_fn *f = __atomic_load_n(&g_original[slot], __ATOMIC_RELAXED);

	if (likely(f))
		return f;
	hook_ready();
	*(void **)&f = real_late(g_name[slot]);
	if (!f)
		f = otherwise;
	__atomic_store_n(&g_original[slot], f, __ATOMIC_RELAXED);
	return f;
}

static void settle(int slot, any_fn *f)
{
	__atomic_store_n(&cxx_slot[slot], f, __ATOMIC_RELAXED);
}

/* A delete that does not end in free: recorded before the call, its inner calls are the
 * allocator's. */
static inline void delete_counted(any_fn *f, uintptr_t p, uintptr_t b, uintptr_t c)
{
	uint32_t flags = t_self.flags;

	if (p && !(flags & IN_HEAP))
		track_free((void *)p, NULL);
	t_self.flags = flags | IN_HEAP;
	f(p, b, c);
	t_self.flags = flags;
}

/* Does it reach free()? That counts itself, in sampled mode only where a sample may be. */
static bool delete_through(any_fn *f, uintptr_t p, uintptr_t b, uintptr_t c)
{
	const struct heap_mark before = track_heap_mark();

	if (g_sample_direct)
		sample_filter_add(p);
	delete_counted(f, p, b, c);
	if (g_sample_direct)
		sample_filter_remove(p);
	return track_heap_since(&before);
}

#define DEFINE_NEW(i, symbol)                                         \
	static void *count_##i(uintptr_t n, uintptr_t b, uintptr_t c) \
	{                                                             \
		void *p = g_original[i](n, b, c);                     \
                                                                      \
		t_self.n_heap++;                                      \
		if (!(t_self.flags & IN_HEAP))                        \
			track_alloc(p, n, &CALLER());                 \
		return p;                                             \
	}                                                             \
	static void *first_##i(uintptr_t n, uintptr_t b, uintptr_t c) \
	{                                                             \
		any_fn *f = original(i, bare_new);                    \
		const struct heap_mark before = track_heap_mark();    \
		void *p = f(n, b, c);                                 \
		bool through = track_heap_since(&before);             \
                                                                      \
		if (!through && !(t_self.flags & IN_HEAP))            \
			track_alloc(p, n, &CALLER());                 \
		settle(i, through ? f : count_##i);                   \
		return p;                                             \
	}
#define DEFINE_DELETE(i, symbol)                                                   \
	static void *count_##i(uintptr_t p, uintptr_t b, uintptr_t c)              \
	{                                                                          \
		delete_counted(g_original[i], p, b, c);                            \
		return NULL;                                                       \
	}                                                                          \
	static void *first_##i(uintptr_t p, uintptr_t b, uintptr_t c)              \
	{                                                                          \
		any_fn *f = original(i, bare_delete);                              \
                                                                                   \
		if (p) /* delete of NULL reaches nobody, whatever the allocator */ \
			settle(i, delete_through(f, p, b, c) ? f : count_##i);     \
		else                                                               \
			f(p, b, c);                                                \
		return NULL;                                                       \
	}
CXX_FUNCTIONS(DEFINE_NEW, DEFINE_DELETE)
