/*
 * snapshot_end_test.c - the writing child's life and death, and the program's: crashes, kills,
 * refused clones, forks, the last snapshot.
 */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "snap_test.h"

/* ---- one at a time ---- */

TEST(second_writer_is_refused_or_waits)
{
	setup(NULL);
	start_held_snapshot();
	EQ(take(false), -EBUSY);
	EQ(snapshot_busy(), 1);
	OK(g_page.writer > 0);
	let_go();
	EQ(take(true), 0);
	EQ(snapshot_busy(), 0);
	EQ(g_page.writer, 0);
	EQ(last_snapshot()->info[FMT_INFO_SEQUENCE], 2);
	EQ(count_files(g_folder, ".snap"), 2);
}

static int g_nested;
static void take_in_handler(int signal)
{
	(void)signal;
	g_nested = take(true);
}

TEST(handler_that_interrupts_the_waiting_thread_does_not_deadlock)
{
	setup(NULL);
	signal(SIGALRM, take_in_handler);
	signal(SIGUSR1, SIG_IGN);
	g_nested = -1;
	for (int i = 0; i < 50; i++) {
		ualarm(500, 0);
		EQ(take(true), 0);
	}
	AWAIT(g_nested == 0);
	ualarm(0, 0);
	last_snapshot();
}

/* ---- the writer dies ---- */

TEST(killed_writer_does_not_block_for_ever_and_leaves_nothing)
{
	setup(NULL);
	start_held_snapshot();
	uint64_t mapped = sys_mapped_bytes();
	EQ(kill((pid_t)g_page.writer, SIGKILL), 0);
	AWAIT((snapshot_reap(), !snapshot_busy()));
	EQ(g_page.failed, 1);
	EQ(g_page.last_errno, EFAULT);
	EQ(count_files(g_folder, ""), 0);
	OK(sys_mapped_bytes() < mapped);
	let_go();
	EQ(take(true), 0);
	EQ(last_snapshot()->audit[FMT_AUDIT_SNAPSHOTS_FAILED], 1);
	EQ(count_children(), 0);
}

TEST(reaping_a_killed_writer_closes_nothing_of_the_program)
{
	char before[1024], after[1024];
	int fds[8];

	setup(NULL);
	start_held_snapshot();
	for (int i = 0; i < 8; i++)
		fds[i] = dup(0); /* the numbers that the child's file may have */
	list_fds(before, sizeof(before));
	kill((pid_t)g_page.writer, SIGKILL);
	AWAIT((snapshot_reap(), !snapshot_busy()));
	list_fds(after, sizeof(after));
	STREQ(after, before);
	OK(fds[7] > 0);
}

static void fault(void)
{
	/* Not in C: compilers and sanitizers would each make their own of it. */
	__asm__ volatile("movl $1, 0");
}

TEST(crash_of_the_writer_is_not_the_program_s)
{
	setup(NULL);
	g_options.quiet = false;
	fake_walk_hook = fault;
	EQ(take(true), -EFAULT);
	OK(strstr(g_page.error, "the writer crashed") != NULL);
	EQ(count_files(g_folder, ""), 0);
	fake_walk_hook = NULL;
	EQ(take(true), 0);
	last_snapshot();
}

TEST(somebody_else_reaps_the_writer)
{
	setup(NULL);
	start_held_snapshot();
	pid_t writer = (pid_t)g_page.writer;
	let_go();
	/* A program that waits for every kind of child sees it. */
	EQ(waitpid(-1, NULL, __WALL), writer);
	EQ(take(true), 0);
	EQ(last_snapshot()->info[FMT_INFO_SEQUENCE], 2);
}

/* ---- the program dies ---- */

static void slow_writer(void)
{
	struct timespec t = {0, 300000000};

	__atomic_store_n(&g_held, 1, __ATOMIC_SEQ_CST);
	sys_call(SYS_nanosleep, &t, NULL);
}

TEST(writer_goes_on_when_the_program_is_killed)
{
	int go[2];
	char byte;

	setup(NULL);
	EQ(pipe(go), 0);
	pid_t pid = fork();
	if (!pid) {
		snapshot_fork_child();
		fake_walk_hook = slow_writer;
		if (take(false))
			_exit(1);
		while (!g_held)
			sched_yield();
		kill(getpid(), SIGKILL);
	}
	close(go[1]);
	EQ(read(go[0], &byte, 1), 0);
	int status = 0;
	EQ(waitpid(pid, &status, 0), pid);
	EQ(WTERMSIG(status), SIGKILL);
	AWAIT(count_files(g_folder, ".snap") == 1);
	EQ(count_files(g_folder, ".tmp"), 0);
}

static void *final_thread(void *arg)
{
	struct snapshot_request r = {.reason = FMT_REASON_EXIT, .exit_status = 3};

	(void)arg;
	snapshot_final(&r);
	/* Whoever comes back may end the process: the file must be there. */
	EQ(count_files(g_folder, ".snap"), 1);
	return NULL;
}

TEST(last_snapshot_is_written_once_and_all_wait_for_it)
{
	pthread_t threads[4];

	setup(NULL);
	for (int i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, final_thread, NULL);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	struct decoded *d = last_snapshot();
	EQ(d->info[FMT_INFO_REASON], FMT_REASON_EXIT);
	EQ(d->info[FMT_INFO_EXIT_STATUS], 3);
	EQ(count_files(g_folder, ".snap"), 1);
	snapshot_final_undo(); /* the exec failed */
	snapshot_final(&(struct snapshot_request){.reason = FMT_REASON_EXEC, .exit_status = -1});
	EQ(last_snapshot()->info[FMT_INFO_REASON], FMT_REASON_EXEC);
	EQ(count_files(g_folder, ".snap"), 2);
}

/* ---- fork and vfork ---- */

TEST(fork_child_has_its_own_names_and_sequence)
{
	setup(NULL);
	EQ(take(true), 0);
	EQ(take(true), 0);
	start_held_snapshot(); /* in flight in the parent only */
	pid_t pid = fork();
	if (!pid) {
		static struct fmt_control page;

		fake_walk_hook = NULL;
		if (take(true) != -ECHILD) /* nobody has told us */
			_exit(1);
		snapshot_fork_child();
		g_control = &page;
		if (snapshot_busy() || take(true))
			_exit(2);
		struct decoded *d = decode_file(page.path);
		_exit(d->wrong || d->info[FMT_INFO_PID] != (uint64_t)getpid() ||
		      d->info[FMT_INFO_SEQUENCE] != 1 || !d->info[FMT_INFO_FORKED] ||
		      d->info[FMT_INFO_PPID] != (uint64_t)getppid());
	}
	int status = 0;
	EQ(waitpid(pid, &status, 0), pid);
	EQ(status, 0);
	let_go();
	EQ(take(true), 0);
	EQ(last_snapshot()->info[FMT_INFO_SEQUENCE], 4);
}

TEST(vfork_child_neither_writes_nor_reaps_for_its_parent)
{
	setup(NULL);
	start_held_snapshot();
	static volatile int taken;
	pid_t pid = vfork();
	if (!pid) {
		taken = take(false);
		snapshot_reap();
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	EQ(taken, -ECHILD);
	EQ(snapshot_busy(), 1);
	EQ(take(false), -EBUSY);
	let_go();
	EQ(take(true), 0);
}

/* ---- clone refused ---- */

/* From now on clone does what `action` says, for this thread. */
static bool filter_clone(uint32_t action)
{
	struct sock_filter code[] = {
	        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 1),
	        BPF_STMT(BPF_RET | BPF_K, action),
	        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {sizeof(code) / sizeof(code[0]), code};

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	return !prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

/* For a test that has shut itself in: a leak checker needs a thread at exit. */
static void leave_locked(void)
{
	fflush(stdout);
	remove_folder();
	_exit(check_bad ? 1 : 0);
}

TEST(filter_that_kills_for_clone_is_not_provoked)
{
	setup(NULL);
	OK(filter_clone(SECCOMP_RET_KILL_PROCESS));
	EQ(take(true), 0);
	EQ(last_snapshot()->audit[FMT_AUDIT_THREADS_NOW], 1);
	EQ(take(false), 0);
	EQ(snapshot_busy(), 0);
	leave_locked();
}

TEST(refused_clone_writes_in_the_process)
{
	/* As a container does: the filter is there before the program. */
	OK(filter_clone(SECCOMP_RET_ERRNO | EPERM));
	setup(NULL);
	EQ(take(false), 0);
	EQ(snapshot_busy(), 0);
	last_snapshot();
	EQ(count_files(g_folder, ".snap"), 1);
	leave_locked();
}

TEST(file_size_limit_kills_neither_child_nor_program)
{
	struct rlimit small = {100, RLIM_INFINITY};
	sigset_t pending;

	setup(NULL);
	EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
	EQ(take(true), -EFBIG);
	OK(filter_clone(SECCOMP_RET_KILL_PROCESS)); /* in this process now */
	EQ(take(true), -EFBIG);
	sigpending(&pending);
	EQ(sigismember(&pending, SIGXFSZ), 0);
	EQ(count_files(g_folder, ""), 0);
	EQ(g_page.failed, 2);
	small.rlim_cur = RLIM_INFINITY;
	EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
	EQ(take(true), 0);
	leave_locked();
}

/* ---- who asked is answered ---- */

TEST(control_page_tells_path_number_and_failure)
{
	struct snapshot_request r = {
	        .reason = FMT_REASON_DEMAND, .exit_status = -1, .number = 7, .wait = true};

	setup(NULL);
	EQ(snapshot_take(&r), 0);
	EQ(g_page.completed, 7);
	EQ(g_page.sequence, 1);
	EQ(g_page.seqlock % 2, 0);
	EQ(g_page.seqlock != 0, 1);
	EQ(g_page.path[0], '/');
	r.number = 5; /* an answer that comes late */
	EQ(snapshot_take(&r), 0);
	EQ(g_page.completed, 7);
	g_page.seqlock++; /* a writer was killed in between */
	g_options.out = "/proc/nowhere";
	r.number = 9;
	OK(snapshot_take(&r) < 0);
	EQ(g_page.failed, 1);
	EQ(g_page.completed, 9);
	OK(strstr(g_page.error, "/proc/nowhere") != NULL);
	g_options.out = g_folder;
	EQ(take(true), 0);
	EQ(g_page.seqlock % 2, 0);
	g_control = NULL;
	EQ(take(true), 0);
}

int main(int argc, char **argv)
{
	return check_main(argc, argv);
}
