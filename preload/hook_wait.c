/*
 * hook_wait.c - functions in which threads wait, with the option trace: a function for each row of
 * waits.def, to which rebind.c leads the calls of the program and its libraries. Nothing here is
 * exported, so without the option a lock costs what it always did. Context: any thread, signal
 * handlers; no guard is held over the real calls, which block and may be cancelled.
 */
#include <errno.h>
#include <stdlib.h> /* WNOHANG */
#include <string.h>
#include <sys/file.h>
#include <sys/ipc.h>
#include <sys/single_threaded.h>

#include "format.h"
#include "hook.h"
#include "rebind.h"
#include "words.h"

/* As in <sys/socket.h> and <sys/wait.h>, which declare what hooks.def declares otherwise. */
#define MSG_DONTWAIT 0x40u
#define P_PID        1

/* All arguments and results are integers in registers, so one type serves for all. */
#define PARAMS uintptr_t a, uintptr_t b, uintptr_t c, uintptr_t d, uintptr_t e, uintptr_t f
#define ARGS   a, b, c, d, e, f
#define UNUSED (void)a, (void)b, (void)c, (void)d, (void)e, (void)f
typedef uintptr_t any_fn(PARAMS);
typedef uintptr_t more_fn(PARAMS, uintptr_t g);

enum {
#define ROW(shape, name, ...) ROW_##name,
#include "waits.def"
#undef ROW
	N_ROWS
};

static any_fn *g_original[N_ROWS];

/* ---- what is known of an object; it is there, for the program is about to use it ---- */

static inline uintptr_t mutex_holder(uintptr_t mutex)
{
	return (uintptr_t)WORD_GET(&((pthread_mutex_t *)mutex)->__data.__owner);
}

static inline uintptr_t rwlock_holder(uintptr_t lock)
{
	return (uintptr_t)WORD_GET(&((pthread_rwlock_t *)lock)->__data.__cur_writer);
}

static inline bool is_taken(uintptr_t sem)
{
	int value = 0;

	g_original[ROW_sem_getvalue](sem, (uintptr_t)&value, 0, 0, 0, 0);
	return value <= 0;
}

static inline uintptr_t fd_kind(uintptr_t fd)
{
	return track_fd_kind((int)fd);
}

/* ---- the functions, by shape ---- */

struct waiting {
	unsigned row, kind;
	uint64_t object;
	uint32_t other;
	struct caller from;
};

static __attribute__((noinline)) uintptr_t wait_in(const struct waiting *in, PARAMS)
{
	struct track_wait wait;

	track_wait_begin(&wait, in->kind, in->object, in->other, &in->from);
	uintptr_t r = g_original[in->row](ARGS);
	if (wait.ring)
		track_wait_end(&wait);
	return r;
}

#define WAITING(name, kind, object, other)                            \
	&(const struct waiting)                                       \
	{                                                             \
		ROW_##name, kind, object, (uint32_t)(other), CALLER() \
	}
#define DEFINE(name, body)                                             \
	static __attribute__((noinline)) uintptr_t wrap_##name(PARAMS) \
	{                                                              \
		UNUSED;                                                \
		body                                                   \
	}
/* Where there is one thread the lock is had without an atomic operation, which a try would make. */
#define LOCK(name, try, busy, kind, holder)                                           \
	DEFINE(name, if (__libc_single_threaded) return g_original[ROW_##name](ARGS); \
	       uintptr_t error = g_original[ROW_##try](ARGS);                         \
	       if (likely((int)error != (busy))) return error;                        \
	       return wait_in(WAITING(name, kind, a, holder), ARGS);)
#define WAIT(name, kind, object, other) \
	DEFINE(name, return wait_in(WAITING(name, kind, object, other), ARGS);)
#define WAIT_IF(name, may, kind, object, other)                       \
	DEFINE(name, if (!(may)) return g_original[ROW_##name](ARGS); \
	       return wait_in(WAITING(name, kind, object, other), ARGS);)
#define MORE(name, kind, object, other)                                             \
	static __attribute__((noinline)) uintptr_t wrap_##name(PARAMS, uintptr_t g) \
	{                                                                           \
		WAITS(kind, object, other);                                         \
		uintptr_t r = ((more_fn *)(void *)g_original[ROW_##name])(ARGS, g); \
		WAITED();                                                           \
		return r;                                                           \
	}
#define CANCELTYPE(name)                                             \
	DEFINE(name, uintptr_t error = g_original[ROW_##name](ARGS); \
	       if (!(int)error) track_wait_async((int)a == ASYNCHRONOUS); return error;)
enum { ASYNCHRONOUS = PTHREAD_CANCEL_ASYNCHRONOUS };
#define LOOK(name) enum { wrap_##name };

#define ROW(shape, ...) shape(__VA_ARGS__)
#include "waits.def"
#undef ROW

/* ---- who calls them ---- */

static struct rebind g_rows[N_ROWS] = {
#define ROW(shape, name, ...) {#name, (void *)wrap_##name, NULL, NULL},
#include "waits.def"
#undef ROW
};

/* By a hash of the name: rows number one chain each, from 1. */
enum { BUCKETS = 256 };
static uint8_t g_first[BUCKETS], g_next[N_ROWS];
_Static_assert(N_ROWS < 256, "numbers of a byte");

static unsigned bucket_of(const char *name)
{
	uint32_t h = 2166136261u;

	for (; *name; name++)
		h = (h ^ (unsigned char)*name) * 16777619u;
	return (h ^ h >> 16) % BUCKETS;
}

static const struct rebind *find_row(const char *name)
{
	for (unsigned i = g_first[bucket_of(name)]; i; i = g_next[i - 1])
		if (!strcmp(g_rows[i - 1].name, name))
			return &g_rows[i - 1];
	return NULL;
}

/* Condition variables of before 2003 are others. */
static const char *unlike(const char *name)
{
	return strncmp(name, "pthread_cond_", 13) ? NULL : "GLIBC_2.2.5";
}

void hook_waits_init(void *(*original)(const char *name))
{
	for (unsigned i = 0; i < N_ROWS; i++) {
		struct rebind *row = &g_rows[i];
		unsigned bucket = bucket_of(row->name);
		void *f = original(row->name);

		*(void **)&g_original[i] = f;
		row->original = row->to ? f : NULL;
		row->unlike = unlike(row->name);
		g_next[i] = g_first[bucket];
		g_first[bucket] = (uint8_t)(i + 1);
	}
	rebind_all(find_row);
}

void hook_waits_found(uintptr_t bias, const void *headers, unsigned n)
{
	rebind_object(find_row, bias, headers, n);
}
