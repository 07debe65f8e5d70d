/*
 * snapshot_test.c - what a snapshot holds, and that the program does not notice that it is written:
 * from any context, by a child that it cannot see, while all its threads go on.
 */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "snap_test.h"

struct sums {
	int64_t allocs, bytes, frees, bytes_freed, live_blocks, live_bytes;
};

/* By stack: node 0 is at [0]. */
static void sum_by_stack(const struct decoded *d, struct sums *out)
{
	memset(out, 0, (FAKE_STACKS + 2) * sizeof(*out));
	for (unsigned i = 0; i < d->n_sites; i++) {
		const struct decoded_site *s = &d->sites[i];
		struct sums *v = &out[s->node];

		v->allocs += (int64_t)s->allocs;
		v->bytes += (int64_t)s->bytes;
		v->frees += (int64_t)s->frees;
		v->bytes_freed += (int64_t)s->bytes_freed;
		v->live_blocks += (int64_t)s->live_blocks;
		v->live_bytes += (int64_t)s->live_bytes;
	}
}

/* ---- contents ---- */

TEST(who_when_and_why_are_in_the_file)
{
	setup(NULL);
	EQ(take(true), 0);
	struct decoded *d = last_snapshot();
	char cwd[4096];

	EQ(d->info[FMT_INFO_PID], getpid());
	EQ(d->info[FMT_INFO_PPID], getppid());
	EQ(d->info[FMT_INFO_SEQUENCE], 1);
	EQ(d->info[FMT_INFO_REASON], FMT_REASON_DEMAND);
	EQ(d->info[FMT_INFO_UID], geteuid());
	EQ(d->info[FMT_INFO_DEPTH], 128);
	EQ(d->info[FMT_INFO_FORKED], 0);
	EQ(d->has_info[FMT_INFO_EXIT_STATUS], 0);
	EQ(d->info[FMT_INFO_TIME] / 1000000000 / 100, time(NULL) / 100);
	EQ(d->info[FMT_INFO_UPTIME] >> FMT_TICK_SHIFT >= 2000, 1);
	/* Two clocks, read one after the other. */
	int64_t start = (int64_t)(d->info[FMT_INFO_TIME] - d->info[FMT_INFO_UPTIME]);
	OK(llabs(start - (int64_t)d->info[FMT_INFO_START_TIME]) < 10000000000);
	uint64_t said = d->info[FMT_INFO_START_TIME];
	EQ(take(true), 0);
	EQ(last_snapshot()->info[FMT_INFO_START_TIME], said);
	d = g_decoded->next;
	STREQ(d->text[FMT_INFO_COMMAND], "snapshot_test");
	OK(strstr(d->text[FMT_INFO_EXE], "/snapshot_test") != NULL);
	OK(strstr(d->text[FMT_INFO_CMDLINE], "snapshot_test") != NULL);
	STREQ(d->text[FMT_INFO_CWD], getcwd(cwd, sizeof(cwd)));
	STREQ(d->text[FMT_INFO_OPTIONS], "keep=3");
	STREQ(d->text[FMT_INFO_LABEL], "test");
	STREQ(d->text[FMT_INFO_VERSION], OUTLIVE_VERSION);
	EQ(strlen(d->text[FMT_INFO_BOOT_ID]), 36);
}

TEST(counters_agree_when_the_program_is_quiet)
{
	struct sums by[FAKE_STACKS + 2];
	struct sums all = {0};

	setup(NULL);
	EQ(take(true), 0);
	struct decoded *d = last_snapshot();

	sum_by_stack(d, by);
	for (unsigned i = 0; i < FAKE_STACKS + 2; i++) {
		EQ(by[i].allocs - by[i].frees, by[i].live_blocks);
		EQ(by[i].bytes - by[i].bytes_freed, by[i].live_bytes);
		all.allocs += by[i].allocs;
		all.bytes += by[i].bytes;
		all.frees += by[i].frees;
		all.live_bytes += by[i].live_bytes;
	}
	EQ(all.allocs, 100);
	EQ(all.bytes, 100 * 10 + 99 * 100 / 2);
	EQ(all.frees, 34);
	EQ(d->audit[FMT_AUDIT_LIVE_BLOCKS], 66);
	EQ(d->audit[FMT_AUDIT_LIVE_BYTES], all.live_bytes);
	EQ(d->n_threads, FAKE_THREADS);
	EQ(d->n_nodes, FAKE_STACKS + 1);
	EQ(d->n_modules, 1);
	for (unsigned i = 0; i < d->n_sites; i++) {
		/* all live blocks are 1000 ticks old: one bucket */
		EQ(d->sites[i].n_ages, d->sites[i].live_blocks != 0);
		EQ(d->sites[i].age_blocks, d->sites[i].live_blocks);
		EQ(d->sites[i].age_bytes, d->sites[i].live_bytes);
		OK(!d->sites[i].allocs || d->sites[i].size_min >= 10);
	}
}

TEST(addresses_are_link_time_where_the_module_is_known)
{
	setup(NULL);
	EQ(take(true), 0);
	struct decoded *d = last_snapshot();

	EQ(d->nodes[1].module, 1);
	EQ(d->nodes[1].address, 16);
	EQ(d->nodes[2].module, 0);
	EQ(d->nodes[2].address, 0x400000 + 32);
	EQ(d->nodes[3].parent, 1);
}

TEST(losses_and_memory_are_audited)
{
	setup(NULL);
	EQ(take(true), 0);
	struct decoded *d = last_snapshot();

	EQ(d->audit[FMT_AUDIT_LOST_REENTRANT], 21);
	EQ(d->audit[FMT_AUDIT_LOST_NO_STACK], 24);
	EQ(d->audit[FMT_AUDIT_UNKNOWN_FREES], 5);
	EQ(d->audit[FMT_AUDIT_STACKS], FAKE_STACKS);
	EQ(d->audit[FMT_AUDIT_CAPTURES], 11);
	EQ(d->audit[FMT_AUDIT_OWN_TABLES], sizeof(fake_sites) + sizeof(fake_live) + 4096);
	OK(d->audit[FMT_AUDIT_RSS] > 100000);
	OK(d->audit[FMT_AUDIT_RSS_PEAK] >= d->audit[FMT_AUDIT_RSS]);
	OK(d->audit[FMT_AUDIT_VSIZE] > d->audit[FMT_AUDIT_RSS]);
	EQ(d->audit[FMT_AUDIT_THREADS_NOW], 1);
	OK(d->has_audit[FMT_AUDIT_WRITE_NS]);
}

static unsigned g_asked;

static struct mallinfo2 fake_mallinfo2(void)
{
	g_asked++;
	return (struct mallinfo2){.arena = 1000, .uordblks = 700, .hblkhd = 50};
}

TEST(allocator_figures_of_another_moment_are_left_out)
{
	setup(NULL);
	snapshot_set_allocator(&(struct snapshot_allocator){.malloc = (const void *)fake_mallinfo2,
	                                                    .mallinfo2 = fake_mallinfo2});
	EQ(take(true), 0);
	struct decoded *d = last_snapshot();
	EQ(d->has_audit[FMT_AUDIT_MALLOC_INUSE], 0);
	STREQ(d->text[FMT_INFO_ALLOCATOR], "/usr/bin/fake");

	snapshot_audit_refresh(false);
	EQ(take(true), 0);
	d = last_snapshot();
	EQ(d->audit[FMT_AUDIT_MALLOC_INUSE], 750);
	EQ(d->audit[FMT_AUDIT_MALLOC_ARENA], 1050);
	EQ(t_self.flags, 0);

	sleep_ms(150);
	EQ(take(true), 0);
	EQ(last_snapshot()->has_audit[FMT_AUDIT_MALLOC_INUSE], 0);
}

/* A snapshot with figures that were fresh: on a busy machine not each is. */
static struct decoded *with_figures(bool at_end)
{
	struct decoded *d;

	do {
		snapshot_audit_refresh(at_end);
		EQ(take(true), 0);
		d = last_snapshot();
	} while (!d->has_audit[FMT_AUDIT_MALLOC_INUSE]);
	return d;
}

/* Gigabytes of free blocks: the walk over them would take a good part of the run. */
TEST(at_the_end_a_long_walk_over_free_blocks_is_not_asked_for)
{
	setup(NULL);
	snapshot_set_allocator(&(struct snapshot_allocator){.malloc = (const void *)fake_mallinfo2,
	                                                    .mallinfo2 = fake_mallinfo2});
	with_figures(true);
	fake_live_bytes = -(1l << 45);
	unsigned asked = g_asked;
	snapshot_audit_refresh(true);
	EQ(g_asked, asked);
	EQ(take(true), 0);
	OK(!last_snapshot()->has_audit[FMT_AUDIT_MALLOC_INUSE]);
	with_figures(false);
}

static size_t g_trims, g_pad = 1;
static uint32_t g_trim_flags;

static int fake_trim(size_t pad)
{
	g_trims++;
	g_pad = pad;
	g_trim_flags = t_self.flags;
	return 1;
}

TEST(trim_asks_the_allocator_that_serves_and_says_what_was_resident)
{
	struct snapshot_request r = {.reason = FMT_REASON_DEMAND, .exit_status = -1, .wait = true};

	setup(NULL);
	snapshot_set_allocator(&(struct snapshot_allocator){.malloc = (const void *)fake_mallinfo2,
	                                                    .malloc_trim = fake_trim});
	OK(snapshot_trim(&r.rss_before, &r.rss_after));
	EQ(g_trims, 1);
	EQ(g_pad, 0);
	EQ(g_trim_flags, IN_TRACKER | IN_HEAP);
	EQ(t_self.flags, 0);
	OK(r.rss_before > 100000 && r.rss_after > 100000);

	r.trimmed = true;
	EQ(snapshot_take(&r), 0);
	struct decoded *d = last_snapshot();
	EQ(d->audit[FMT_AUDIT_TRIM_RSS_BEFORE], r.rss_before);
	EQ(d->audit[FMT_AUDIT_TRIM_RSS_AFTER], r.rss_after);
	EQ(take(true), 0);
	EQ(last_snapshot()->has_audit[FMT_AUDIT_TRIM_RSS_BEFORE], 0);

	/* Another library's: libc's own heap, where jemalloc serves. */
	snapshot_set_allocator(
	        &(struct snapshot_allocator){.malloc = (const void *)1, .malloc_trim = fake_trim});
	OK(!snapshot_trim(&r.rss_before, &r.rss_after));
	EQ(g_trims, 1);
}

/* ---- four threads hammer, and free one another's blocks ---- */

static volatile bool g_stop;

static void *hammer(void *arg)
{
	unsigned me = (unsigned)(uintptr_t)arg, next = (me + 1) % FAKE_THREADS;

	for (unsigned i = 200; !g_stop; i++) {
		unsigned slot = i % (FAKE_BLOCKS - 200) + 200;

		if (!__atomic_load_n(&fake_live[me * FAKE_BLOCKS + slot].site, __ATOMIC_ACQUIRE))
			fake_alloc(me, i % FAKE_STACKS, slot, i % 1000);
		/* The neighbour's, and by nobody else: the slot's order is the program's own. */
		fake_free(me, next, (i * 7) % (FAKE_BLOCKS - 200) + 200);
	}
	return NULL;
}

TEST(live_is_never_negative_under_load)
{
	struct sums by[FAKE_STACKS + 2];
	pthread_t threads[FAKE_THREADS];

	g_options.keep = 2;
	setup(NULL);
	for (uintptr_t i = 0; i < FAKE_THREADS; i++)
		pthread_create(&threads[i], NULL, hammer, (void *)i);
	for (int i = 0; i < 60; i++) {
		EQ(take(true), 0);
		struct decoded *d = last_snapshot();

		sum_by_stack(d, by);
		for (unsigned n = 0; n < FAKE_STACKS + 2; n++)
			if (by[n].allocs < by[n].frees || by[n].bytes < by[n].bytes_freed)
				FAIL("node %u: %" PRId64 " made, %" PRId64 " given back", n,
				     by[n].allocs, by[n].frees);
		EQ(d->audit[FMT_AUDIT_THREADS_NOW], FAKE_THREADS + 1);
	}
	g_stop = true;
	for (int i = 0; i < FAKE_THREADS; i++)
		pthread_join(threads[i], NULL);
	EQ(take(true), 0);
	sum_by_stack(last_snapshot(), by);
	for (unsigned n = 0; n < FAKE_STACKS + 2; n++)
		EQ(by[n].allocs - by[n].frees, by[n].live_blocks);
}

/* ---- the program does not notice ---- */

static volatile sig_atomic_t g_got_chld;
static void on_chld(int signal)
{
	(void)signal;
	g_got_chld = 1;
}

TEST(no_descriptor_no_child_no_signal_is_seen)
{
	char before[1024], after[1024];

	setup(NULL);
	signal(SIGCHLD, on_chld);
	list_fds(before, sizeof(before));
	start_held_snapshot();
	list_fds(after, sizeof(after));
	STREQ(after, before);
	errno = 0;
	EQ(wait(NULL), -1);
	EQ(errno, ECHILD);
	EQ(waitpid(-1, NULL, WNOHANG), -1);
	EQ(snapshot_busy(), 1);
	let_go();
	AWAIT(!snapshot_busy());
	snapshot_reap();
	EQ(count_children(), 0);
	EQ(g_got_chld, 0);
	EQ(access(g_page.path, R_OK), 0);
}

TEST(pipes_are_not_held_open_by_the_writer)
{
	int fds[2];
	char c;

	setup(NULL);
	EQ(pipe(fds), 0);
	start_held_snapshot();
	close(fds[1]);
	EQ(read(fds[0], &c, 1), 0); /* hangs if the child has the other end */
	let_go();
	EQ(take(true), 0);
}

TEST(program_s_own_descriptors_0_to_2_are_not_touched)
{
	int fds[3];
	char data[3][512];

	setup(NULL);
	for (int i = 0; i < 3; i++)
		close(i);
	for (int i = 0; i < 3; i++) {
		snprintf(data[i], sizeof(data[i]), "%s/own%d", g_folder, i);
		fds[i] = open(data[i], O_RDWR | O_CREAT, 0600);
	}
	int first = take(true);
	g_options.quiet = false;
	g_options.out = "/proc/nowhere"; /* a line to stderr is due, and there is none */
	int second = take(true);
	off_t ends = 0;
	for (int i = 0; i < 3; i++)
		ends += lseek(fds[i], 0, SEEK_END);
	/* There is no stdout to complain on. */
	_exit(first || second >= 0 || ends || fds[0] || fds[2] != 2);
}

TEST(errno_and_signal_mask_are_kept)
{
	sigset_t before, after;

	setup(NULL);
	sigemptyset(&before);
	sigaddset(&before, SIGUSR2);
	sigprocmask(SIG_SETMASK, &before, NULL);
	errno = 77;
	EQ(take(true), 0);
	EQ(take(false), 0);
	EQ(errno, 77);
	sigprocmask(SIG_SETMASK, NULL, &after);
	EQ(sigismember(&after, SIGUSR2), 1);
	EQ(sigismember(&after, SIGUSR1), 0);
	EQ(sigismember(&after, SIGTERM), 0);
}

static int g_from_handler = -1;
static void on_signal(int signal)
{
	(void)signal;
	g_from_handler = take(true);
}

TEST(handler_on_a_tiny_stack_that_interrupted_the_tracker)
{
	/* The address sanitizer's frames are several times as large as ours. */
#ifdef __SANITIZE_ADDRESS__
	enum { ROOM = 32 << 10 };
#else
	enum { ROOM = 3072 };
#endif
	size_t size = (size_t)sysconf(_SC_MINSIGSTKSZ) + ROOM;
	static char stack[1 << 16];
	stack_t st = {.ss_sp = stack, .ss_size = size};
	struct sigaction sa = {.sa_handler = on_signal, .sa_flags = SA_ONSTACK};

	setup(NULL);
	EQ(sigaltstack(&st, NULL), 0);
	sigaction(SIGUSR1, &sa, NULL);
	t_self.flags = IN_TRACKER | IN_HEAP;
	raise(SIGUSR1);
	EQ(t_self.flags, IN_TRACKER | IN_HEAP);
	t_self.flags = 0;
	EQ(g_from_handler, 0);
	last_snapshot();
}

TEST(memory_of_the_writer_is_given_back)
{
	setup(NULL);
	EQ(take(true), 0);
	uint64_t before = sys_mapped_bytes();
	for (int i = 0; i < 20; i++)
		EQ(take(true), 0);
	EQ(sys_mapped_bytes(), before);
}

/* A limit on memory is a limit on how far the stack may still grow. */
static void __attribute__((noinline)) grow_stack(void)
{
	volatile char deep[1 << 18];

	for (size_t i = 0; i < sizeof(deep); i += 4096)
		deep[i] = 1;
}

TEST(sites_are_taken_in_portions_when_there_is_no_memory)
{
	struct rlimit none = {1 << 20, RLIM_INFINITY};
	struct sums by[FAKE_STACKS + 2];

	setup(NULL);
	fake_site_count = 3000; /* most of them holes; three walks of the reserve's 1024 */
	grow_stack();
	EQ(setrlimit(RLIMIT_AS, &none), 0);
	int r = take(true);
	struct rlimit all = {RLIM_INFINITY, RLIM_INFINITY};
	setrlimit(RLIMIT_AS, &all);
	EQ(r, 0);
	EQ(fake_walks, 3);
	struct decoded *d = last_snapshot();
	sum_by_stack(d, by);
	int64_t live = 0;
	for (unsigned i = 0; i < FAKE_STACKS + 2; i++)
		live += by[i].live_blocks;
	EQ(live, 66);
	EQ(d->sites[0].n_ages, 0);
}

int main(int argc, char **argv)
{
	return check_main(argc, argv);
}
