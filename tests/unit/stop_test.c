#include "tests/unit/check.h"
#include "tests/unit/stop_calls.h"
#include "tests/unit/stop_support.h"

/* All of them are in their call, as /proc tells where it may be read. */
static void wait_for_calls(void)
{
	for (size_t i = call_first; i < call_end; i++) {
		char path[64], text[64] = "";
		long n = 1;

		snprintf(path, sizeof(path), "/proc/self/task/%d/syscall", calls[i].is.tid);
		while (n > 0 && (!text[0] || !strncmp(text, "running", 7)))
			n = sys_read_file(path, text, sizeof(text) - 1);
	}
	usleep(100000);
}

static unsigned sigchld_count;
static void on_sigchld(int sig)
{
	(void)sig;
	sigchld_count++;
}

static void calls_undisturbed(uint32_t way)
{
	struct stop s;

	signals_init();
	signal(SIGCHLD, on_sigchld);
	calls_prepare();
	wait_for_calls();
	for (int stops = 0; stops < 3; stops++) {
		prepare_or_say(&s, way);
		EQ(stop_all(&s, IN_TIME), 0);
		for (size_t i = call_first; i < call_end; i++) {
			const struct stop_thread *t = thread_of(&s, calls[i].is.tid);

			OK(t && t->state == (way == STOP_BY_PTRACE ? STOP_TRACED : STOP_SIGNALED));
			OK(t && (t->call >= 0) == s.has_calls);
			OK(t && t->regs.fs_base == (uint64_t)calls[i].is.thread);
		}
		stop_release(&s);
		EQ(s.lossy, 0);
		print(&s);
		stop_free(&s);
		errno = 0;
		EQ(waitpid(-1, NULL, WNOHANG), -1);
		EQ(errno, ECHILD);
		usleep(50000);
	}
	calls_finish();
	for (size_t i = call_first; i < call_end; i++) {
		const struct call *c = &calls[i];

		if (c->is.got != c->want || c->is.got_errno != c->want_errno)
			FAIL("%s: %ld, errno %d", c->name, c->is.got, c->is.got_errno);
		if (c->timed && c->is.took_ms < (uint64_t)call_ms)
			FAIL("%s: after %" PRIu64 " ms", c->name, c->is.took_ms);
	}
	EQ(sigchld_count, 0);
}

TEST(no_call_is_cut_short_by_ptrace)
{
	calls_undisturbed(STOP_BY_PTRACE);
}

TEST(no_call_is_cut_short_by_the_signal)
{
	calls_undisturbed(STOP_BY_SIGNAL);
}

/* Where nothing of a thread can be read or traced, as under Yama or for a program that does not
 * dump core: the number of the call is found in the code. */
TEST(no_call_is_cut_short_where_nothing_can_be_read)
{
	if (geteuid()) {
		printf("# not root: nothing to give up\n");
		return;
	}
	EQ(setresuid(65534, 65534, 65534), 0);
	calls_undisturbed(0);
}

/* ---- who is stopped stands still ---- */

enum { SPINNERS = 4 };
static uint64_t spun[SPINNERS];
static uint32_t spin_end;

static void *spin(void *arg)
{
	uint64_t *n = arg;

	while (!__atomic_load_n(&spin_end, __ATOMIC_RELAXED))
		__atomic_store_n(n, *n + 1, __ATOMIC_RELAXED);
	return NULL;
}

static void spinners_stand(uint32_t way)
{
	pthread_t t[SPINNERS];
	struct stop s;

	signals_init();
	for (int i = 0; i < SPINNERS; i++)
		pthread_create(&t[i], NULL, spin, &spun[i]);
	for (int i = 0; i < SPINNERS; i++)
		while (!__atomic_load_n(&spun[i], __ATOMIC_RELAXED))
			sched_yield();
	for (int stops = 0; stops < 20; stops++) {
		uint64_t before[SPINNERS], after[SPINNERS];

		prepare_or_say(&s, way);
		EQ(stop_all(&s, IN_TIME), 0);
		memcpy(before, spun, sizeof(before));
		usleep(2000);
		memcpy(after, spun, sizeof(after));
		EQ(s.n_stopped, SPINNERS);
		EQ(s.lossy, 0);
		for (int i = 0; i < SPINNERS; i++)
			EQ(before[i], after[i]);
		/* in no call, and the pointer that it works with is in a register */
		for (uint32_t i = 0; i < s.count; i++) {
			bool found = false;

			for (int g = 0; g < ARCH_GP; g++)
				found |= s.threads[i].regs.gp[g] >= (uint64_t)spun &&
				         s.threads[i].regs.gp[g] < (uint64_t)(spun + SPINNERS);
			OK(found);
			EQ(s.threads[i].call,
			   way == STOP_BY_PTRACE ? STOP_NO_CALL : s.threads[i].call);
		}
		stop_release(&s);
		stop_free(&s);
		for (int i = 0; i < SPINNERS; i++)
			while (__atomic_load_n(&spun[i], __ATOMIC_RELAXED) == after[i])
				sched_yield();
	}
	spin_end = 1;
	for (int i = 0; i < SPINNERS; i++)
		pthread_join(t[i], NULL);
}

TEST(busy_threads_stand_still_by_ptrace)
{
	spinners_stand(STOP_BY_PTRACE);
}

TEST(busy_threads_stand_still_by_the_signal)
{
	spinners_stand(STOP_BY_SIGNAL);
}

/* Threads that make threads: none runs when all are stopped. */
static uint64_t made;

static void *short_life(void *arg)
{
	__atomic_fetch_add(&made, 1, __ATOMIC_RELAXED);
	return arg;
}

static void *breeder(void *arg)
{
	while (!__atomic_load_n(&spin_end, __ATOMIC_RELAXED)) {
		pthread_t t;

		if (!pthread_create(&t, NULL, short_life, arg))
			pthread_join(t, NULL);
		__atomic_fetch_add(&made, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static void breeders_stand(uint32_t way)
{
	uint32_t excused = STOP_LOSSY_SLEEP | (way == STOP_BY_PTRACE ? 0 : STOP_LOSSY_BLOCKED);
	pthread_t t[4];
	struct stop s;
	int whole = 0;

	signals_init();
	for (int i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, breeder, NULL);
	for (int stops = 0; stops < 50; stops++) {
		prepare_or_say(&s, way);
		EQ(stop_all(&s, IN_TIME), 0);
		uint64_t before = __atomic_load_n(&made, __ATOMIC_RELAXED);

		usleep(1000);
		/* One that waits for another's mapping, which the kernel calls uninterruptible, is
		 * told of; by the signal, one too that libc has blocked them in and put to sleep.
		 */
		if (!(s.lossy & excused)) {
			whole++;
			EQ(__atomic_load_n(&made, __ATOMIC_RELAXED), before);
			EQ(s.lossy, 0);
		}
		stop_release(&s);
		stop_free(&s);
		while (__atomic_load_n(&made, __ATOMIC_RELAXED) == before)
			sched_yield();
	}
	OK(way != STOP_BY_PTRACE || whole > 25);
	spin_end = 1;
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
}

TEST(threads_that_make_threads_stand_still_by_ptrace)
{
	breeders_stand(STOP_BY_PTRACE);
}

TEST(threads_that_make_threads_stand_still_by_the_signal)
{
	breeders_stand(STOP_BY_SIGNAL);
}

static void *sleeper(void *arg)
{
	while (!__atomic_load_n(&spin_end, __ATOMIC_RELAXED))
		usleep(20000);
	return arg;
}

static void thousand_stand(uint32_t way)
{
	static pthread_t t[1000];
	pthread_attr_t small;
	struct stop s;

	signals_init();
	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, 65536);
	for (int i = 0; i < 1000; i++)
		EQ(pthread_create(&t[i], &small, sleeper, NULL), 0);
	prepare_or_say(&s, way);
	EQ(stop_all(&s, IN_TIME), 0);
	EQ(s.count, 1000);
	EQ(s.n_stopped, 1000);
	EQ(s.lossy, 0);
	stop_release(&s);
	print(&s);
	stop_free(&s);
	spin_end = 1;
	for (int i = 0; i < 1000; i++)
		pthread_join(t[i], NULL);
}

TEST(a_thousand_threads_are_stopped_by_ptrace)
{
	thousand_stand(STOP_BY_PTRACE);
}

TEST(a_thousand_threads_are_stopped_by_the_signal)
{
	thousand_stand(STOP_BY_SIGNAL);
}

/* ---- signals of the program's own ---- */

static unsigned usr1_count;
static void count_usr1(int sig)
{
	(void)sig;
	__atomic_fetch_add(&usr1_count, 1, __ATOMIC_RELAXED);
}

/* One comes while the thread stands: it sees EINTR, as without us. */
static void handler_interrupts(uint32_t way, size_t call, int flags)
{
	struct sigaction a = {.sa_handler = count_usr1, .sa_flags = flags};
	struct call *c = &calls[call];
	struct stop s;

	signals_init();
	call_ms = 60000;
	call_first = call;
	call_end = call + 1;
	calls_prepare();
	sigaction(SIGUSR1, &a, NULL);
	wait_for_calls();
	prepare_or_say(&s, way);
	EQ(stop_all(&s, IN_TIME), 0);
	pthread_kill(c->is.thread, SIGUSR1);
	stop_release(&s);
	stop_free(&s);
	while (!__atomic_load_n(&usr1_count, __ATOMIC_RELAXED))
		sched_yield();
	calls_finish();
	EQ(c->is.got, -1);
	EQ(c->is.got_errno, EINTR);
}

static size_t call_of(long (*make)(void))
{
	size_t i = 0;

	while (calls[i].make != make)
		i++;
	return i;
}

TEST(a_handler_that_comes_meanwhile_interrupts_a_read_by_ptrace)
{
	handler_interrupts(STOP_BY_PTRACE, call_of(call_read_pipe), 0);
}
TEST(a_handler_that_comes_meanwhile_interrupts_a_read_by_the_signal)
{
	handler_interrupts(STOP_BY_SIGNAL, call_of(call_read_pipe), 0);
}
TEST(a_handler_that_comes_meanwhile_interrupts_an_epoll_wait_by_ptrace)
{
	handler_interrupts(STOP_BY_PTRACE, call_of(call_epoll_wait), SA_RESTART);
}
TEST(a_handler_that_comes_meanwhile_interrupts_an_epoll_wait_by_the_signal)
{
	handler_interrupts(STOP_BY_SIGNAL, call_of(call_epoll_wait), SA_RESTART);
}
TEST(a_handler_that_comes_meanwhile_interrupts_a_sleep_by_the_signal)
{
	handler_interrupts(STOP_BY_SIGNAL, call_of(call_nanosleep), SA_RESTART);
}

/* Each signal that is sent while threads are stopped and go on arrives, once. */
static unsigned queued_count;
static void count_queued(int sig, siginfo_t *info, void *context)
{
	(void)sig, (void)context;
	if (info->si_code == SI_QUEUE)
		__atomic_fetch_add(&queued_count, 1, __ATOMIC_RELAXED);
}

static uint32_t sent;
static void *sender(void *arg)
{
	union sigval v = {1};

	while (!__atomic_load_n(&spin_end, __ATOMIC_RELAXED)) {
		if (!pthread_sigqueue(*(pthread_t *)arg, SIGRTMIN + 5, v))
			__atomic_fetch_add(&sent, 1, __ATOMIC_RELAXED);
		usleep(50);
	}
	return NULL;
}

static void signals_arrive(uint32_t way)
{
	struct sigaction a = {.sa_sigaction = count_queued, .sa_flags = SA_SIGINFO};
	pthread_t spinner, senders[2];
	struct stop s;

	signals_init();
	sigaction(SIGRTMIN + 5, &a, NULL);
	pthread_create(&spinner, NULL, sleeper, NULL);
	for (int i = 0; i < 2; i++)
		pthread_create(&senders[i], NULL, sender, &spinner);
	for (int stops = 0; stops < 100; stops++) {
		prepare_or_say(&s, way);
		EQ(stop_all(&s, IN_TIME), 0);
		EQ(s.lossy, 0);
		stop_release(&s);
		stop_free(&s);
		usleep(500);
	}
	spin_end = 1;
	for (int i = 0; i < 2; i++)
		pthread_join(senders[i], NULL);
	pthread_join(spinner, NULL);
	printf("# %u sent\n", sent);
	OK(sent > 100);
	EQ(queued_count, sent);
}

TEST(no_signal_is_lost_by_ptrace)
{
	signals_arrive(STOP_BY_PTRACE);
}

TEST(no_signal_is_lost_by_the_signal)
{
	signals_arrive(STOP_BY_SIGNAL);
}

/* ---- registers ---- */

struct vector {
	uint64_t word[2];
};

/* nanosleep made without libc, so that every register has to survive it. */
static void *sleeps_with_registers(void *arg)
{
	struct call *c = arg;
	struct vector in = {{0x1122334455667788, 0x99aabbccddeeff00}}, out = {{0, 0}};
	uint32_t odd_control = 0x9fc0, control = 0; /* flush to zero, round to nearest, ... */
	struct timespec t = call_time();
	uint64_t r12 = 0x1212, rbx = 0xbbbb, r8 = 0x8888, rdx = 0xdddd;
	long r = SYS_nanosleep;

	c->is.tid = (pid_t)syscall(SYS_gettid);
	__atomic_store_n(&c->is.begun, 1, __ATOMIC_RELEASE);
	register uint64_t in_r12 __asm__("r12") = r12;
	register uint64_t in_r8 __asm__("r8") = r8;

	__asm__ volatile("ldmxcsr %[odd]\n\t"
	                 "movups %[in], %%xmm9\n\t"
	                 "syscall\n\t"
	                 "movups %%xmm9, %[out]\n\t"
	                 "stmxcsr %[control]"
	                 : "+a"(r), [out] "=m"(out), [control] "=m"(control), "+b"(rbx), "+d"(rdx),
	                   "+r"(in_r12), "+r"(in_r8)
	                 : [in] "m"(in), [odd] "m"(odd_control), "D"(&t), "S"(0)
	                 : "rcx", "r11", "xmm9", "memory");
	r12 = in_r12;
	r8 = in_r8;
	c->is.got = r;
	OK(!memcmp(&in, &out, sizeof(in)));
	EQ(control, odd_control);
	EQ(r12, 0x1212);
	EQ(r8, 0x8888);
	EQ(rbx, 0xbbbb);
	EQ(rdx, 0xdddd);
	return NULL;
}

static void registers_survive(uint32_t way)
{
	struct call c = {.name = "nanosleep"};
	struct stop s;

	signals_init();
	c.is.got = 1;
	pthread_create(&c.is.thread, NULL, sleeps_with_registers, &c);
	while (!__atomic_load_n(&c.is.begun, __ATOMIC_ACQUIRE))
		sched_yield();
	for (int stops = 0; stops < 5; stops++) {
		usleep(20000);
		prepare_or_say(&s, way);
		EQ(stop_all(&s, IN_TIME), 0);
		stop_release(&s);
		stop_free(&s);
	}
	pthread_join(c.is.thread, NULL);
	EQ(c.is.got, 0);
}

TEST(all_registers_survive_by_ptrace)
{
	registers_survive(STOP_BY_PTRACE);
}

TEST(all_registers_survive_by_the_signal)
{
	registers_survive(STOP_BY_SIGNAL);
}

/* A pointer that is nowhere but in a vector register. */
static void *spins_with_vector(void *arg)
{
	uint64_t secret[2] = {0x5ec3e75ec3e75ec3, (uint64_t)&spun};

	__asm__ volatile("movdqu (%0), %%xmm11\n\t"
	                 "movq $0, (%0)\n\t"
	                 "movq $0, 8(%0)\n\t"
	                 "movq $1, %2\n\t"
	                 "1: pause\n\t"
	                 "cmpl $0, %1\n\t"
	                 "je 1b"
	                 :
	                 : "r"(secret), "m"(spin_end), "m"(made)
	                 : "xmm11", "memory");
	return arg;
}

static void vector_is_seen(uint32_t way)
{
	pthread_t t;
	struct stop s;
	bool found = false;

	signals_init();
	pthread_create(&t, NULL, spins_with_vector, NULL);
	while (!__atomic_load_n(&made, __ATOMIC_RELAXED))
		sched_yield();
	prepare_or_say(&s, way);
	EQ(stop_all(&s, IN_TIME), 0);
	OK(s.threads[0].vector != NULL);
	for (const uint64_t *w = s.threads[0].vector, *to = w + s.threads[0].vector_bytes / 8;
	     w && w < to; w++)
		found |= *w == 0x5ec3e75ec3e75ec3;
	OK(found);
	stop_release(&s);
	stop_free(&s);
	spin_end = 1;
	pthread_join(t, NULL);
}

TEST(vector_registers_are_seen_by_ptrace)
{
	vector_is_seen(STOP_BY_PTRACE);
}

TEST(vector_registers_are_seen_by_the_signal)
{
	vector_is_seen(STOP_BY_SIGNAL);
}

int main(int argc, char **argv)
{
	return check_main(argc, argv);
}
