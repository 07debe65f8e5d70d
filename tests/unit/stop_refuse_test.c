#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>

#include "preload/seccomp.h"
#include "tests/unit/check.h"
#include "tests/unit/stop_support.h"

static uint32_t end;
static pid_t tid_of_sleeper;

static void *sleeper(void *arg)
{
	__atomic_store_n(&tid_of_sleeper, (pid_t)syscall(SYS_gettid), __ATOMIC_RELEASE);
	while (!__atomic_load_n(&end, __ATOMIC_RELAXED))
		usleep(10000);
	return arg;
}

static pthread_t begin_thread(void *(*fn)(void *))
{
	pthread_t t;

	EQ(pthread_create(&t, NULL, fn, NULL), 0);
	while (!__atomic_load_n(&tid_of_sleeper, __ATOMIC_ACQUIRE))
		sched_yield();
	return t;
}

static void end_thread(pthread_t t)
{
	end = 1;
	pthread_join(t, NULL);
}

/* The thread goes on, nothing is left over, and the next stop works. */
static void refused(int why, const char *says)
{
	struct stop s = {0};
	int r = stop_prepare(&s);

	EQ(r, -why);
	OK(strstr(stop_refusal(r), says) != NULL);
	OK(s.threads == NULL);
	errno = 0;
	EQ(wait(NULL), -1);
	EQ(errno, ECHILD);
}

static void works(uint32_t way)
{
	struct stop s = {0};

	EQ(stop_prepare(&s), 0);
	EQ(stop_all(&s, IN_TIME), 0);
	EQ(s.way, way);
	EQ(s.lossy, 0);
	EQ(s.n_stopped, s.count);
	stop_release(&s);
	stop_free(&s);
}

/* ---- seccomp ---- */

/* Kills the process for any of these calls; -1: none. */
static void lock_in(int a, int b)
{
	struct sock_filter f[] = {
	        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)a, 2, 0),
	        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)b, 1, 0),
	        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
	};
	struct sock_fprog p = {sizeof(f) / sizeof(f[0]), f};

	EQ(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	EQ(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &p), 0);
}

TEST(a_filter_that_kills_for_clone_is_never_tried)
{
	seccomp_init();
	lock_in(SYS_clone, SYS_clone3);
	refused(STOP_LOCKED_IN, "seccomp");
}

TEST(a_filter_that_was_there_at_the_start_means_no_ptrace)
{
	lock_in(SYS_ptrace, -1);
	seccomp_init();
	signals_init();
	pthread_t t = begin_thread(sleeper);

	works(STOP_BY_SIGNAL);
	end_thread(t);
}

static void *locked_in_sleeper(void *arg)
{
	lock_in(SYS_ptrace, SYS_arch_prctl);
	return sleeper(arg);
}

/* The handler's own calls would kill it. */
TEST(a_thread_with_a_filter_of_its_own_is_traced_or_left_alone)
{
	struct stop s = {.ways = STOP_BY_SIGNAL};

	seccomp_init();
	signals_init();
	pthread_t t = begin_thread(locked_in_sleeper);

	works(STOP_BY_PTRACE);
	EQ(stop_prepare(&s), 0);
	EQ(stop_all(&s, sys_now_ns() + 200000000), 0);
	EQ(s.way, STOP_BY_SIGNAL);
	EQ(s.lossy, STOP_LOSSY_BLOCKED);
	EQ(s.n_stopped, 0);
	stop_free(&s);
	end_thread(t);
}

/* ---- what others have in hand ---- */

TEST(userfaultfd_is_refused)
{
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);

	signals_init();
	pthread_t t = begin_thread(sleeper);

	if (fd < 0) {
		printf("# no userfaultfd here: %s\n", strerror(errno));
	} else {
		refused(STOP_USERFAULTFD, "userfaultfd");
		close(fd);
	}
	works(STOP_BY_PTRACE);
	end_thread(t);
}

TEST(a_new_pid_namespace_is_refused)
{
	if (unshare(CLONE_NEWPID)) {
		printf("# no pid namespace here: %s\n", strerror(errno));
		return;
	}
	refused(STOP_NAMESPACE, "namespace");
	/* ours was not its first process */
	pid_t pid = fork();

	if (!pid)
		_exit(7);
	OK(pid > 0);
	int status = 0;

	EQ(waitpid(pid, &status, 0), pid);
	EQ(WEXITSTATUS(status), 7);
}

/* A process that traces the thread, under that name, and lets signals pass. */
static pid_t trace(const char *name, pid_t who, pid_t asker)
{
	int ready[2];
	char c;

	EQ(pipe(ready), 0);
	pid_t pid = fork();

	if (!pid) {
		int status;

		prctl(PR_SET_NAME, name);
		if (ptrace(PTRACE_SEIZE, who, 0, 0) || ptrace(PTRACE_SEIZE, asker, 0, 0))
			_exit(1);
		write(ready[1], "x", 1);
		for (;;) {
			pid_t w = waitpid(-1, &status, __WALL);

			if (w < 0)
				_exit(0);
			if (WIFSTOPPED(status))
				ptrace(PTRACE_CONT, w, 0,
				       status >> 16 == PTRACE_EVENT_STOP ? 0 : WSTOPSIG(status));
		}
	}
	EQ(read(ready[0], &c, 1), 1);
	return pid;
}

static void stop_tracer(pid_t pid)
{
	kill(pid, SIGKILL);
	EQ(waitpid(pid, NULL, 0), pid);
}

TEST(a_debugger_is_left_alone)
{
	signals_init();
	pthread_t t = begin_thread(sleeper);
	pid_t tracer = trace("gdb", tid_of_sleeper, getpid());
	struct stop s = {0};
	int r = stop_prepare(&s);

	EQ(r, -STOP_DEBUGGER);
	OK(strstr(stop_refusal(r), "debugger") != NULL);
	stop_tracer(tracer);
	works(STOP_BY_PTRACE);
	end_thread(t);
}

TEST(under_strace_the_signal_is_used)
{
	signals_init();
	pthread_t t = begin_thread(sleeper);
	pid_t tracer = trace("strace", tid_of_sleeper, getpid());

	works(STOP_BY_SIGNAL);
	stop_tracer(tracer);
	works(STOP_BY_PTRACE);
	end_thread(t);
}

/* ---- who cannot be stopped now ---- */

/* vfork as 64-bit code makes it, or by the old interrupt, whose number means another call there. */
static int g_old_way;

static void *vforks(void *arg)
{
	long r = g_old_way ? 190 : SYS_vfork;

	__atomic_store_n(&tid_of_sleeper, (pid_t)syscall(SYS_gettid), __ATOMIC_RELEASE);
	if (g_old_way)
		__asm__ volatile("int $0x80" : "+a"(r) : : "memory", "r8", "r9", "r10", "r11");
	else
		r = vfork();
	if (!r) {
		/* until the test kills it */
		for (;;)
			syscall(SYS_pause);
	}
	waitpid((pid_t)r, NULL, 0);
	return arg;
}

static pid_t child_of(pid_t tid)
{
	char path[64], text[32] = "";
	pid_t pid = 0;

	snprintf(path, sizeof(path), "/proc/self/task/%d/children", tid);
	while (!pid) {
		sys_read_file(path, text, sizeof(text) - 1);
		pid = atoi(text);
	}
	return pid;
}

/* Not waited for: the others stand, it is told of, and what it has on its stack is known. */
static void waits_for_its_child(uint32_t way, int old_way, uint32_t lossy)
{
	struct stop s = {.ways = way};

	signals_init();
	pthread_t other = begin_thread(sleeper);

	g_old_way = old_way;
	tid_of_sleeper = 0;
	pthread_t t = begin_thread(vforks);
	pid_t child = child_of(tid_of_sleeper);

	EQ(stop_prepare(&s), 0);
	EQ(stop_all(&s, sys_now_ns() + 1000000000), 0);
	EQ(s.lossy, lossy);
	EQ(s.count, 2);
	EQ(s.n_stopped, 1);
	for (uint32_t i = 0; i < s.count; i++) {
		const struct stop_thread *is = &s.threads[i];

		if (is->tid != tid_of_sleeper)
			continue;
		EQ(is->state, STOP_ASLEEP);
		OK(is->regs.sp < (uint64_t)t && (uint64_t)t - is->regs.sp < 65536);
		OK(is->regs.pc != 0);
	}
	stop_release(&s);
	stop_free(&s);
	kill(child, SIGKILL);
	pthread_join(t, NULL);
	end_thread(other);
}

TEST(vfork_in_flight_is_not_waited_for_by_ptrace)
{
	waits_for_its_child(STOP_BY_PTRACE, 0, STOP_LOSSY_VFORK);
}

TEST(vfork_in_flight_is_not_waited_for_by_the_signal)
{
	waits_for_its_child(STOP_BY_SIGNAL, 0, STOP_LOSSY_VFORK);
}

/* The kernel's state is the same, its reason unknown. */
TEST(uninterruptible_sleep_is_not_waited_for)
{
	waits_for_its_child(STOP_BY_PTRACE, 1, STOP_LOSSY_SLEEP);
}

static int hold[2];

static void *blocks_all(void *arg)
{
	uint64_t all = ~0ul;
	char c;

	syscall(SYS_rt_sigprocmask, SIG_BLOCK, &all, NULL, 8);
	__atomic_store_n(&tid_of_sleeper, (pid_t)syscall(SYS_gettid), __ATOMIC_RELEASE);
	EQ(read(hold[0], &c, 1), 0);
	return arg;
}

/* It sleeps, from now on: one that has not got there yet is found running. */
static void until_it_reads(void)
{
	char path[64], says[8] = "";

	snprintf(path, sizeof(path), "/proc/self/task/%d/syscall", tid_of_sleeper);
	while (strncmp(says, "0 ", 2) != 0) {
		sched_yield();
		sys_read_file(path, says, sizeof(says));
	}
}

TEST(a_thread_that_blocks_the_signal_is_traced_or_read)
{
	struct stop s = {.ways = STOP_BY_SIGNAL};

	signals_init();
	EQ(pipe(hold), 0);
	pthread_t t = begin_thread(blocks_all);

	until_it_reads();
	works(STOP_BY_PTRACE);
	EQ(stop_prepare(&s), 0);
	EQ(stop_all(&s, sys_now_ns() + 400000000), 0);
	EQ(s.lossy, STOP_LOSSY_BLOCKED);
	EQ(s.threads[0].state, STOP_ASLEEP);
	EQ(s.threads[0].call, SYS_read);
	stop_free(&s);
	close(hold[1]);
	pthread_join(t, NULL);
}

/* ---- things go wrong ---- */

TEST(a_deadline_that_has_passed_stops_nobody)
{
	struct stop s = {0};
	pthread_t t = begin_thread(sleeper);

	EQ(stop_prepare(&s), 0);
	EQ(stop_all(&s, sys_now_ns()), -STOP_TOO_LATE);
	stop_release(&s);
	stop_free(&s);
	works(STOP_BY_PTRACE);
	end_thread(t);
}

TEST(where_there_is_one_thread_there_is_no_helper)
{
	struct stop s = {0};

	EQ(stop_prepare(&s), 0);
	EQ(stop_all(&s, IN_TIME), 0);
	EQ(s.helper, 0);
	EQ(s.count, 0);
	EQ(s.lossy, 0);
	OK(s.self.regs.sp != 0);
	stop_release(&s);
	stop_free(&s);
	EQ(stop_prepare(&s), 0);
	stop_free(&s);
}

TEST(one_stop_at_a_time)
{
	struct stop s = {0}, other = {0};
	pthread_t t = begin_thread(sleeper);

	EQ(stop_prepare(&s), 0);
	EQ(stop_prepare(&other), -STOP_BUSY);
	stop_free(&s);
	works(STOP_BY_PTRACE);
	end_thread(t);
}

TEST(threads_go_on_when_the_helper_is_killed)
{
	struct stop s = {0};
	pthread_t t = begin_thread(sleeper);

	EQ(stop_prepare(&s), 0);
	EQ(stop_all(&s, IN_TIME), 0);
	EQ(s.n_stopped, 1);
	kill((pid_t)s.helper, SIGKILL);
	stop_free(&s);
	end_thread(t);
}

TEST(the_helper_dies_with_the_program)
{
	int tell[2];
	uint32_t helper = 0;

	EQ(pipe(tell), 0);
	pid_t pid = fork();

	if (!pid) {
		struct stop s = {0};

		begin_thread(sleeper);
		if (stop_prepare(&s) || stop_all(&s, IN_TIME))
			_exit(1);
		write(tell[1], &s.helper, sizeof(s.helper));
		for (;;)
			pause();
	}
	EQ(read(tell[0], &helper, sizeof(helper)), sizeof(helper));
	OK(helper > 0);
	kill(pid, SIGKILL);
	EQ(waitpid(pid, NULL, 0), pid);
	/* A zombie's lot is its new parent's. */
	char path[64], text[256] = "";

	snprintf(path, sizeof(path), "/proc/%u/stat", helper);
	while (sys_read_file(path, text, sizeof(text) - 1) > 0 && !strstr(text, ") Z"))
		usleep(1000);
}

TEST(nothing_is_opened_in_the_program)
{
	struct stop s = {0};
	pthread_t t = begin_thread(sleeper);
	int lowest = dup(0);

	close(lowest);
	for (int i = 0; i < 50; i++) {
		EQ(stop_prepare(&s), 0);
		int now = dup(0);

		EQ(now, lowest);
		close(now);
		EQ(stop_all(&s, IN_TIME), 0);
		stop_free(&s);
	}
	end_thread(t);
}

TEST(a_child_of_fork_can_stop_its_own)
{
	struct stop s = {0};

	EQ(stop_prepare(&s), 0);
	pid_t pid = fork();

	if (!pid) {
		stop_fork_child();
		sigset_t none;

		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		pthread_t t = begin_thread(sleeper);

		works(STOP_BY_PTRACE);
		end_thread(t);
		_exit(check_bad);
	}
	stop_free(&s);
	int status = 1;

	EQ(waitpid(pid, &status, 0), pid);
	EQ(status, 0);
}

int main(int argc, char **argv)
{
	return check_main(argc, argv);
}
