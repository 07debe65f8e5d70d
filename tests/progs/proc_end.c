/* Ends in the way that its argument says. Each way leaves the same three blocks behind. */
#include "prog.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>

static jmp_buf g_jump;
static volatile int g_zero;
static volatile sig_atomic_t g_seen;

static void say(const char *text)
{
	if (write(1, text, strlen(text)) < 0)
		_exit(99);
}

static void on_signal(int sig)
{
	(void)sig;
	g_seen++;
	say("handler\n");
}

static void on_signal_exit(int sig)
{
	say("handler exits\n");
	_exit(sig);
}

static void on_signal_again(int sig)
{
	say("handler dies of it\n");
	signal(sig, SIG_DFL);
	raise(sig);
}

static void on_signal_jump(int sig)
{
	(void)sig;
	siglongjmp(g_jump, 1);
}

static void at_end(void)
{
	say("atexit\n");
}

static void at_end_leave(void)
{
	say("atexit leaves\n");
	_exit(12);
}

static void *thread_exits(void *arg)
{
	usleep(20000);
	return arg;
}

static void *thread_faults(void *arg)
{
	*(volatile int *)arg = 1;
	return arg;
}

#pragma GCC diagnostic ignored "-Winfinite-recursion"
static FRAME int overflow(volatile char *p)
{
	volatile char buf[4096];

	buf[0] = *p;
	return overflow(buf) + buf[0];
}

static void stack_altered(size_t bytes)
{
	stack_t s = {.ss_sp = malloc(bytes), .ss_size = bytes};

	if (sigaltstack(&s, NULL))
		_exit(98);
}

static void fault(const char *how)
{
	if (!strcmp(how, "segv"))
		*(volatile int *)8 = 1;
	if (!strcmp(how, "segv-far")) /* not canonical: no address, another code */
		*(volatile int *)0x8000000000000000ul = 1;
	if (!strcmp(how, "fpe"))
		_exit(100 / g_zero);
	if (!strcmp(how, "ill"))
		__asm__ volatile("ud2");
	if (!strcmp(how, "trap"))
		__asm__ volatile("int3");
	if (!strcmp(how, "bus")) {
		FILE *f = tmpfile();
		volatile char *p = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fileno(f), 0);
		_exit(*p);
	}
	if (!strcmp(how, "overflow"))
		_exit(overflow(""));
	if (!strcmp(how, "overflow-altstack")) {
		stack_altered(65536);
		_exit(overflow(""));
	}
	if (!strcmp(how, "segv-tiny-altstack")) {
		stack_altered(MINSIGSTKSZ + 2048);
		*(volatile int *)8 = 1;
	}
	if (!strcmp(how, "segv-thread")) {
		pthread_t t;

		pthread_create(&t, NULL, thread_faults, (void *)8);
		pthread_join(t, NULL);
	}
	if (!strcmp(how, "segv-handler")) {
		signal(SIGSEGV, on_signal_exit);
		*(volatile int *)8 = 1;
	}
	if (!strcmp(how, "segv-jump")) {
		signal(SIGSEGV, on_signal_jump);
		if (!sigsetjmp(g_jump, 1))
			*(volatile int *)8 = 1;
		exit(7);
	}
	if (!strcmp(how, "segv-blocked")) {
		sigset_t all;

		sigfillset(&all);
		sigprocmask(SIG_SETMASK, &all, NULL);
		*(volatile int *)8 = 1;
	}
}

static void leave(const char *how)
{
	pthread_t t;

	if (!strcmp(how, "exit"))
		exit(3);
	if (!strcmp(how, "_exit"))
		_exit(4);
	if (!strcmp(how, "_Exit"))
		_Exit(5);
	if (!strcmp(how, "quick_exit")) {
		at_quick_exit(at_end);
		quick_exit(6);
	}
	if (!strcmp(how, "atexit-leaves")) {
		atexit(at_end_leave);
		exit(3);
	}
	if (!strcmp(how, "last-thread")) {
		pthread_create(&t, NULL, thread_exits, NULL);
		pthread_detach(t);
		pthread_exit(NULL);
	}
	if (!strcmp(how, "signal-then-exit")) {
		signal(SIGTERM, on_signal);
		kill(getpid(), SIGTERM);
		exit(g_seen);
	}
}

static void on_signal_seen(int signal)
{
	static const char text[] = "the handler is called\n";

	(void)signal;
	if (write(1, text, sizeof(text) - 1) < 0)
		_exit(98);
}

static void stop(const char *how)
{
	if (!strcmp(how, "abort"))
		abort();
	if (!strcmp(how, "abort-handler")) {
		signal(SIGABRT, on_signal);
		abort();
	}
	if (!strcmp(how, "abort-oneshot")) {
		sysv_signal(SIGABRT, on_signal);
		abort();
	}
	if (!strcmp(how, "abort-ignored")) {
		signal(SIGABRT, SIG_IGN);
		abort();
	}
	if (!strcmp(how, "abort-blocked") || !strcmp(how, "abort-blocked-handler")) {
		sigset_t all;

		if (strcmp(how, "abort-blocked")) /* called or not by libc's version */
			signal(SIGABRT, on_signal_seen);
		sigfillset(&all);
		sigprocmask(SIG_SETMASK, &all, NULL);
		abort();
	}
	if (!strcmp(how, "abort-jump")) {
		signal(SIGABRT, on_signal_jump);
		if (!sigsetjmp(g_jump, 1))
			abort();
		exit(8);
	}
	if (!strcmp(how, "assert"))
		assert(!*how);
	if (!strcmp(how, "double-free")) {
		void *p = malloc(10000), *q = malloc(10000);

		free(p);
		free(p);
		free(q);
	}
	if (!strcmp(how, "handler-exits")) {
		signal(SIGTERM, on_signal_exit);
		kill(getpid(), SIGTERM);
	}
	if (!strcmp(how, "handler-again")) {
		signal(SIGTERM, on_signal_again);
		kill(getpid(), SIGTERM);
	}
	if (!strcmp(how, "oneshot")) {
		sysv_signal(SIGINT, on_signal);
		kill(getpid(), SIGINT);
		say("once\n");
		kill(getpid(), SIGINT);
	}
	if (!strcmp(how, "pipe")) {
		int fds[2];

		if (pipe(fds) || close(fds[0]) || write(fds[1], "", 1) != 1)
			_exit(97);
	}
	if (!strcmp(how, "alarm")) {
		ualarm(1000, 0);
		for (;;)
			pause();
	}
	if (!strcmp(how, "cpu-limit")) {
		setrlimit(RLIMIT_CPU, &(struct rlimit){1, 5});
		for (;;)
			g_seen++;
	}
	if (!strcmp(how, "queued")) {
		sigqueue(getpid(), SIGRTMIN + 3, (union sigval){.sival_int = 5});
		say("still here\n");
	}
}

int main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "return";

	for (int i = 0; i < 3; i++)
		prog_sink = malloc(1000);
	setrlimit(RLIMIT_STACK, &(struct rlimit){1 << 20, 1 << 20});
	atexit(at_end);
	leave(how);
	fault(how);
	stop(how);
	if (!strncmp(how, "kill-", 5)) {
		kill(getpid(), atoi(how + 5));
		say("alive\n");
	}
	return 2;
}
