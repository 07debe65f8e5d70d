/*
 * hook_heap.c - malloc and its family. Context: any thread, from the process's first allocation to
 * its last, within signal handlers too (as safe as the allocator itself is). IN_HEAP is held over
 * the real call: what an allocator does through interposed functions itself is not the program's
 * doing. A free is recorded before the real call and an allocation after it, else another thread
 * may be given the same address in between.
 */
#include <errno.h>
#include <string.h>

#include "hook.h"
#include "hook_numbers.h"

/* The allocator's own calls, and ours, pass through. */
static inline bool inner(uint32_t flags)
{
	return unlikely(flags & IN_HEAP);
}

#define REAL_HEAP(result, call)                 \
	do {                                    \
		t_self.flags = flags | IN_HEAP; \
		result call;                    \
		t_self.flags = flags;           \
	} while (0)

/*
 * What malloc and free are to the program: in sampled mode, on libc's allocator or jemalloc, a call
 * that is no sample's goes on to the original with nothing of ours around it but a subtraction, or
 * a look into the filter (sample.h), in which blocks of the boot buffer are, too; the flag IN_HEAP
 * is not held: libc calls nothing that we interpose, and what jemalloc maps is told by its module.
 * All others come to the functions below, as if these had been called. In exact mode t_self.left is
 * 0. In hook_<processor>.S.
 */
_Static_assert(offsetof(struct self, n_heap) == SELF_N_HEAP &&
                       offsetof(struct self, flags) == SELF_FLAGS &&
                       offsetof(struct self, exact) == SELF_EXACT && IN_HEAP == SELF_IN_HEAP &&
                       offsetof(struct self, left) == SELF_LEFT &&
                       offsetof(struct self, guess) == SELF_GUESS &&
                       offsetof(struct real, malloc) == REAL_MALLOC &&
                       offsetof(struct real, calloc) == REAL_CALLOC &&
                       offsetof(struct real, realloc) == REAL_REALLOC &&
                       offsetof(struct real, free) == REAL_FREE && SAMPLE_SLOT_BITS == 16 &&
                       SAMPLE_SPREAD == SAMPLE_SPREAD_BY,
               "numbers in assembly");

#define FROM_ASSEMBLY __attribute__((visibility("hidden"), used))
FROM_ASSEMBLY void *heap_malloc(size_t n);
FROM_ASSEMBLY void heap_free(void *p);
FROM_ASSEMBLY void *heap_calloc(size_t n, size_t size);
FROM_ASSEMBLY void *heap_realloc(void *p, size_t n);

/* The usual call: the flags need not be kept, they are 0. */
#define PLAIN_HEAP(result, call)        \
	do {                            \
		t_self.n_heap++;        \
		t_self.flags = IN_HEAP; \
		result call;            \
		t_self.flags = 0;       \
	} while (0)

/* On x86-64 what is not usual comes here, as it does to heap_free(). */
HOT void *heap_malloc(size_t n)
{
	uint32_t flags = t_self.flags;
	void *p;

	t_self.n_heap++;
	REAL_HEAP(p =, real.malloc(n));
	if (!inner(flags))
		track_alloc(p, n, &CALLER());
	return p;
}

/* Where a malloc that is no sample's goes on, its bytes taken from t_self.left: to the original, or
 * to the next, where that may call us. */
static void *held_malloc(size_t n);
HOT_SHARED void *(*hook_passed_malloc)(size_t n) = held_malloc;

/* The allocator's own are not the program's: what they took is given back. */
static void *held_malloc(size_t n)
{
	uint32_t flags = t_self.flags;
	void *p;

	t_self.n_heap++;
	if (inner(flags))
		t_self.left += n + 1;
	REAL_HEAP(p =, real.malloc(n));
	return p;
}

static __attribute__((noinline)) void *unusual_calloc(size_t n, size_t size,
                                                      const struct caller *from)
{
	uint32_t flags = t_self.flags;
	void *p;

	t_self.n_heap++;
	REAL_HEAP(p =, real.calloc(n, size));
	if (!inner(flags))
		track_alloc(p, n * size, from); /* p is NULL where the product overflows */
	return p;
}

HOT void *heap_calloc(size_t n, size_t size)
{
	const struct caller from = CALLER();
	void *p;

	if (!track_is_plain())
		return unusual_calloc(n, size, &from);
	PLAIN_HEAP(p =, real.calloc(n, size));
	return track_alloc_plain(p, n * size, from.ip, from.sp, from.fp);
}

/* What libc's free and realloc look at first; it comes while we look for our own record of the
 * block. Mostly neither is in a near cache. */
#define FETCH_HEADER(p) __builtin_prefetch((const char *)(p)-8, 1)

#define FREE(call)                           \
	uint32_t flags = t_self.flags;       \
                                             \
	t_self.n_heap++;                     \
	FETCH_HEADER(p);                     \
	if (unlikely(!p || real_is_boot(p))) \
		return;                      \
	if (!inner(flags))                   \
		track_free(p, NULL);         \
	REAL_HEAP(, call)

HOT void heap_free(void *p)
{
	FREE(real.free(p));
}

/* C23's, and one that libc keeps for old programs only. Where there is none, they are free. */
EXPORT void free_sized(void *p, size_t n)
{
	hook_ready();
	if (unlikely(g_unseen_malloc && !real.free_sized))
		return real_program_free(p);
	FREE(real.free_sized ? real.free_sized(p, n) : real.free(p));
}

EXPORT void free_aligned_sized(void *p, size_t alignment, size_t n)
{
	hook_ready();
	if (unlikely(g_unseen_malloc && !real.free_aligned_sized))
		return real_program_free(p);
	FREE(real.free_aligned_sized ? real.free_aligned_sized(p, alignment, n) : real.free(p));
}

EXPORT void cfree(void *p)
{
	hook_ready();
	if (unlikely(g_unseen_malloc))
		return real.cfree ? real.cfree(p) : real_program_free(p);
	FREE(real.free(p));
}

/* One free and one allocation of the new size, as valgrind counts. realloc(p, 0) frees where libc
 * frees. */
static inline void *do_realloc(void *p, size_t n, const struct caller *from)
{
	uint32_t flags = t_self.flags;
	struct block was;
	bool known = false;
	void *q;

	t_self.n_heap++;
	if (unlikely(p && real_is_boot(p))) {
		REAL_HEAP(q =, real_boot_move(p, n));
		if (!inner(flags))
			track_alloc(q, n, from);
		return q;
	}
	if (inner(flags)) {
		REAL_HEAP(q =, real.realloc(p, n));
		return q;
	}
	size_t copied = n;
	if (p) {
		FETCH_HEADER(p);
		track_moving(p, n);
		known = track_free(p, &was);
		copied = known && was.size < n ? was.size : n;
		track_moving(p, copied);
	}
	REAL_HEAP(q =, real.realloc(p, n));
	if (p)
		track_moving(q ? q : p, copied);
	if (q)
		track_alloc(q, n, from);
	else
		track_alloc_seen(NULL, n, from);
	if (!q && n && known)
		track_restore(p, &was);
	if (p)
		track_moving(NULL, 0);
	return q;
}

HOT void *heap_realloc(void *p, size_t n)
{
	return do_realloc(p, n, &CALLER());
}

/* glibc's own calls realloc through the PLT and would be counted there, with one frame more; others
 * do not. */
EXPORT void *reallocarray(void *p, size_t n, size_t size)
{
	size_t bytes;

	if (unlikely(g_unseen_malloc && real.reallocarray))
		return real.reallocarray(p, n, size);
	if (__builtin_mul_overflow(n, size, &bytes)) {
		errno = ENOMEM;
		return NULL;
	}
	return do_realloc(p, bytes, &CALLER());
}

/* The aligned ones are seldom among a process's first calls: they need no boot buffer, but the
 * originals. */
EXPORT int posix_memalign(void **out, size_t alignment, size_t n)
{
	uint32_t flags = t_self.flags;
	int error;

	hook_ready();
	t_self.n_heap++;
	REAL_HEAP(error =, real.posix_memalign(out, alignment, n));
	if (!error && !inner(flags))
		track_alloc(*out, n, &CALLER());
	return error;
}

static void *missing(void)
{
	errno = ENOSYS;
	return NULL;
}

#define ALIGNED(call, bytes)                      \
	uint32_t flags = t_self.flags;            \
	void *p;                                  \
                                                  \
	hook_ready();                             \
	t_self.n_heap++;                          \
	REAL_HEAP(p =, call);                     \
	if (!inner(flags))                        \
		track_alloc(p, bytes, &CALLER()); \
	return p

EXPORT void *aligned_alloc(size_t alignment, size_t n)
{
	ALIGNED(real.aligned_alloc ? real.aligned_alloc(alignment, n) : missing(), n);
}

EXPORT void *memalign(size_t alignment, size_t n)
{
	ALIGNED(real.memalign ? real.memalign(alignment, n) : missing(), n);
}

EXPORT void *valloc(size_t n)
{
	ALIGNED(real.valloc ? real.valloc(n) : missing(), n);
}

EXPORT void *pvalloc(size_t n)
{
	ALIGNED(real.pvalloc ? real.pvalloc(n) : missing(), n);
}
