/*
 * track_fd_bad.c - closes of numbers that were closed already, and of numbers that somebody else
 * owns. Context: as track_fd.c.
 *
 * A program that closes all numbers there could be (a daemon's start, a child before exec) does no
 * wrong. Such a sweep is a run of closes by one call, number after number, and it meets numbers
 * that never were open: then what the run has counted is taken back. A loop that closes its own
 * descriptors twice meets none.
 */
#include <errno.h>
#include <string.h>

#include "fd.h"
#include "format.h"
#include "track.h"
#include "words.h"

enum { PROBES = 64 };

static struct fd_bad g_bad[FD_BAD_MAX];
static bool g_any;
static uint32_t g_runs;

/* The run of closes that this thread is in. */
static TLS struct {
	uintptr_t ip, sp;
	int fd;
	uint32_t number;
	bool sweep;
} t_run;

static void count(struct fd_bad *b, int fd, uint32_t run)
{
	WORD_SET(&b->fd, (uint32_t)fd);
	WORD_SET(&b->last_ns, sys_now_ns());
	if (__atomic_exchange_n(&b->run, run, __ATOMIC_RELAXED) != run)
		__atomic_store_n(&b->in_run, 0, __ATOMIC_RELAXED);
	__atomic_fetch_add(&b->in_run, 1, __ATOMIC_RELAXED);
	__atomic_fetch_add(&b->count, 1, __ATOMIC_RELEASE);
}

/* One entry per kind and pair of stacks. */
void fd_bad_add(unsigned what, int fd, uint32_t stack, uint32_t before, uint32_t run)
{
	uint64_t key = (uint64_t)what << 48 | (uint64_t)stack << 24 | before;
	uint32_t at = (uint32_t)(key * 0x9E3779B97F4A7C15ull >> 54);

	__atomic_store_n(&g_any, true, __ATOMIC_RELAXED);
	for (uint32_t i = 0; i < PROBES; i++) {
		struct fd_bad *b = &g_bad[(at + i) % FD_BAD_MAX];
		uint32_t none = 0;

		/* `what` is set first: a racing twin may make a second entry, which only shows as
		 * two rows. */
		if (WORD_GET(&b->what) == what && WORD_GET(&b->stack) == stack &&
		    WORD_GET(&b->before) == before) {
			count(b, fd, run);
			return;
		}
		if (__atomic_compare_exchange_n(&b->what, &none, what, false, __ATOMIC_ACQ_REL,
		                                __ATOMIC_RELAXED)) {
			WORD_SET(&b->stack, stack);
			WORD_SET(&b->before, before);
			count(b, fd, run);
			return;
		}
	}
}

/* Two sweeps at once, that closed after the same stack: the later one keeps what the earlier one
 * counted. */
static void take_back(uint32_t run)
{
	for (uint32_t i = 0; i < FD_BAD_MAX; i++) {
		struct fd_bad *b = &g_bad[i];

		if (__atomic_load_n(&b->count, __ATOMIC_ACQUIRE) &&
		    __atomic_load_n(&b->run, __ATOMIC_RELAXED) == run)
			__atomic_fetch_sub(&b->count,
			                   __atomic_exchange_n(&b->in_run, 0, __ATOMIC_RELAXED),
			                   __ATOMIC_RELAXED);
	}
}

void track_fd_close_done(int fd, bool bad, struct track_closed was, const struct caller *from)
{
	bool goes_on = t_run.ip == from->ip && t_run.sp == from->sp &&
	               (t_run.fd == fd - 1 || t_run.fd == fd + 1);

	t_run.fd = fd;
	if (!goes_on) {
		t_run.ip = from->ip;
		t_run.sp = from->sp;
		t_run.number = 0;
		t_run.sweep = false;
	}
	if (likely(!bad) || was.known || !g_tracking || t_run.sweep)
		return;
	if (!was.before) {
		t_run.sweep = true;
		if (t_run.number)
			take_back(t_run.number);
		return;
	}
	if (!t_run.number)
		t_run.number = __atomic_add_fetch(&g_runs, 1, __ATOMIC_RELAXED);
	fd_bad_add(FMT_BAD_DOUBLE_CLOSE, fd, fd_capture(from), was.before, t_run.number);
}

void fd_bad_fork_child(void)
{
	if (g_any)
		memset(g_bad, 0, sizeof(g_bad));
	g_any = false;
}

/* ---- for the snapshot child ---- */

bool fd_bad_get(uint32_t i, struct fd_bad *out)
{
	/* Where none was counted, twelve pages of the table are not touched for nothing. */
	if (i >= FD_BAD_MAX || !__atomic_load_n(&g_any, __ATOMIC_RELAXED) ||
	    !__atomic_load_n(&g_bad[i].count, __ATOMIC_ACQUIRE))
		return false;
	WORDS_COPY(out, &g_bad[i]);
	return true;
}
