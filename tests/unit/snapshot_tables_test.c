/*
 * snapshot_tables_test.c - snapshots of the real tables: what track.h was told is what the file
 * holds, also while four threads make blocks and free one another's.
 */
#include <errno.h>
#include <pthread.h>
#include <sys/stat.h>

#include "decode.h"
#include "preload/context.h"
#include "preload/live.h"
#include "preload/options.h"
#include "preload/snapshot.h"
#include "preload/stack.h"
#include "preload/track.h"

#define THREADS 4
#define SLOTS   1000

static char g_folder[256];
static struct fmt_control g_page;

static void setup(void)
{
	snprintf(g_folder, sizeof(g_folder), "/tmp/outlive-test-XXXXXX");
	OK(mkdtemp(g_folder) != NULL);
	options_init("keep=1");
	g_options.out = g_folder;
	g_control = &g_page;
	EQ(live_init(), 0);
	EQ(context_init(), 0);
	EQ(stack_init(64), 0);
	EQ(snapshot_init(), 0);
	g_tracking = true;
}

static void cleanup(void)
{
	char command[300];

	snprintf(command, sizeof(command), "rm -rf %s", g_folder);
	EQ(system(command), 0);
}

static struct decoded *take(void)
{
	struct snapshot_request r = {.reason = FMT_REASON_DEMAND, .exit_status = -1, .wait = true};

	EQ(snapshot_take(&r), 0);
	struct decoded *d = decode_file(g_page.path);
	if (d->wrong)
		FAIL("%s: %s", g_page.path, d->wrong);
	return d;
}

/* Addresses that no allocator gave: the tables do not look behind them. */
static uintptr_t address_of(unsigned thread, unsigned slot)
{
	return 0x700000000000 + ((uintptr_t)thread * SLOTS + slot) * 32;
}

/* In the hooks' place: two stacks for each thread's root, by parity. */
static __attribute__((noinline)) void make(unsigned thread, unsigned slot, size_t bytes)
{
	struct caller from = CALLER();

	track_alloc((void *)address_of(thread, slot), bytes, &from);
}

static volatile bool g_stop;
/* 0 free, 1 being changed, 2 a block: passes the ownership between threads, as a program does. */
static uint32_t g_state[THREADS][SLOTS];

static void *churn(void *arg)
{
	unsigned me = (unsigned)(uintptr_t)arg, next = (me + 1) % THREADS;

	for (unsigned i = 0; !g_stop; i++) {
		uint32_t want = 0, *mine = &g_state[me][i % SLOTS];
		uint32_t *theirs = &g_state[next][i * 7 % SLOTS];

		if (__atomic_compare_exchange_n(mine, &want, 1, false, __ATOMIC_ACQ_REL,
		                                __ATOMIC_RELAXED)) {
			if (i % 2)
				make(me, i % SLOTS, 100);
			else
				make(me, i % SLOTS, i % 4000);
			__atomic_store_n(mine, 2, __ATOMIC_RELEASE);
		}
		want = 2;
		if (__atomic_compare_exchange_n(theirs, &want, 1, false, __ATOMIC_ACQ_REL,
		                                __ATOMIC_RELAXED)) {
			track_free((void *)address_of(next, i * 7 % SLOTS), NULL);
			__atomic_store_n(theirs, 0, __ATOMIC_RELEASE);
		}
	}
	track_thread_end();
	return NULL;
}

/* By stack, over all threads. False where more was given back than made. */
static bool sums_are_sane(const struct decoded *d, bool quiet)
{
	int64_t *blocks = calloc(d->n_nodes + 1, sizeof(*blocks));
	int64_t *bytes = calloc(d->n_nodes + 1, sizeof(*bytes));
	int64_t *live = calloc(d->n_nodes + 1, sizeof(*live));
	bool sane = true;

	for (unsigned i = 0; i < d->n_sites; i++) {
		const struct decoded_site *s = &d->sites[i];

		blocks[s->node] += (int64_t)(s->allocs - s->frees);
		bytes[s->node] += (int64_t)(s->bytes - s->bytes_freed);
		live[s->node] += (int64_t)s->live_blocks;
	}
	for (unsigned n = 0; n <= d->n_nodes; n++)
		sane = sane && blocks[n] >= 0 && bytes[n] >= 0 && (!quiet || blocks[n] == live[n]);
	free(blocks);
	free(bytes);
	free(live);
	return sane;
}

TEST(what_was_tracked_is_what_the_file_holds)
{
	uint64_t live_bytes = 0;

	setup();
	for (unsigned i = 0; i < SLOTS; i++)
		make(0, i, i + 1);
	for (unsigned i = 0; i < SLOTS; i += 2)
		track_free((void *)address_of(0, i), NULL);
	struct decoded *d = take();
	OK(sums_are_sane(d, true));
	uint64_t allocs = 0, bytes = 0, frees = 0;
	for (unsigned i = 0; i < d->n_sites; i++) {
		allocs += d->sites[i].allocs;
		bytes += d->sites[i].bytes;
		frees += d->sites[i].frees;
		live_bytes += d->sites[i].live_bytes;
		OK(d->sites[i].node > 0);
	}
	EQ(allocs, SLOTS);
	EQ(bytes, SLOTS * (SLOTS + 1) / 2);
	EQ(frees, SLOTS / 2);
	EQ(live_bytes, d->audit[FMT_AUDIT_LIVE_BYTES]);
	EQ(d->audit[FMT_AUDIT_LIVE_BLOCKS], SLOTS / 2);
	EQ(d->audit[FMT_AUDIT_UNKNOWN_FREES], 0);
	OK(d->n_modules > 1);
	cleanup();
}

TEST(counters_of_four_threads_stay_sane_under_load_and_agree_after_it)
{
	pthread_t threads[THREADS];

	setup();
	for (uintptr_t i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, churn, (void *)i);
	for (int i = 0; i < 40; i++) {
		struct decoded *d = take();

		OK(sums_are_sane(d, false));
		EQ(d->audit[FMT_AUDIT_UNKNOWN_FREES], 0);
	}
	g_stop = true;
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	struct decoded *d = take();
	OK(sums_are_sane(d, true));
	EQ(d->audit[FMT_AUDIT_LOST_NO_MEMORY], 0);
	EQ(d->audit[FMT_AUDIT_UNSEEN_FREES], 0);
	cleanup();
}

int main(int argc, char **argv)
{
	return check_main(argc, argv);
}
