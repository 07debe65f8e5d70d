/*
 * life_thread.c - one case of a thread's hard life a run, named by the argument: what it prints
 * must be the same with and without a profiler before it.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>

#include "prog.h"

static void check(const char *what, int ok)
{
	printf("%s: %s\n", what, ok ? "right" : "WRONG");
}

/* ---- cancellation points: the cleanup handler runs exactly as it does natively ---- */

static int g_pipe[2], g_socket[2];
static sem_t g_never, g_asleep;
static pthread_mutex_t g_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t g_cond = PTHREAD_COND_INITIALIZER;
static atomic_int g_cleaned;
static atomic_int g_child;

static void cleaned(void *p)
{
	free(p);
	g_cleaned++;
}

static void unlocked(void *p)
{
	pthread_mutex_unlock(p);
	g_cleaned++;
}

static void in_read(void)
{
	char c;

	if (read(g_pipe[0], &c, 1) >= 0)
		abort();
}
static void in_poll(void)
{
	struct pollfd p = {.fd = g_pipe[0], .events = POLLIN};

	poll(&p, 1, -1);
}
static void in_select(void)
{
	fd_set s;

	FD_ZERO(&s);
	FD_SET(g_pipe[0], &s);
	select(g_pipe[0] + 1, &s, NULL, NULL, NULL);
}
static void in_epoll(void)
{
	struct epoll_event e;
	int fd = epoll_create1(EPOLL_CLOEXEC);

	epoll_wait(fd, &e, 1, -1);
}
static void in_recv(void)
{
	char c;

	recv(g_socket[0], &c, 1, 0);
}
static void in_recvmsg(void)
{
	char c;
	struct iovec v = {&c, 1};
	struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};

	recvmsg(g_socket[0], &m, 0);
}
static void in_accept(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	struct sockaddr sa = {.sa_family = AF_UNIX};

	bind(fd, &sa, sizeof(sa_family_t));
	listen(fd, 1);
	accept(fd, NULL, NULL);
}
static void in_nanosleep(void)
{
	nanosleep(&(struct timespec){.tv_sec = 1000}, NULL);
}
static void in_clock_nanosleep(void)
{
	clock_nanosleep(CLOCK_MONOTONIC, 0, &(struct timespec){.tv_sec = 1000}, NULL);
}
static void in_sem_wait(void)
{
	sem_wait(&g_never);
}
static void in_cond_wait(void)
{
	pthread_mutex_lock(&g_lock);
	pthread_cleanup_push(unlocked, &g_lock);
	for (;;)
		pthread_cond_wait(&g_cond, &g_lock);
	pthread_cleanup_pop(0);
}
static void in_sigwait(void)
{
	sigset_t s;
	int sig;

	sigemptyset(&s);
	sigaddset(&s, SIGUSR2);
	pthread_sigmask(SIG_BLOCK, &s, NULL);
	sigwait(&s, &sig);
}
static void in_pause(void)
{
	pause();
}
static void in_waitpid(void)
{
	pid_t pid = fork();

	if (pid == 0)
		for (;;)
			pause();
	g_child = pid;
	waitpid(pid, NULL, 0);
}
static void *for_ever(void *arg)
{
	sem_wait(&g_never);
	return arg;
}
static void in_join(void)
{
	pthread_t t;

	pthread_create(&t, NULL, for_ever, NULL);
	pthread_join(t, NULL);
}
static void in_close(void)
{
	/* No wait: a pending request is acted on at the call. */
	for (;;)
		close(dup(g_pipe[0]));
}
static void in_open(void)
{
	for (;;)
		fclose(fopen("/dev/null", "r"));
}
static void in_system(void)
{
	for (;;)
		if (system("true") < 0)
			abort();
}

static const struct point {
	const char *name;
	void (*enter)(void);
} POINTS[] = {
        {"read", in_read},
        {"poll", in_poll},
        {"select", in_select},
        {"epoll_wait", in_epoll},
        {"recv", in_recv},
        {"recvmsg", in_recvmsg},
        {"accept", in_accept},
        {"nanosleep", in_nanosleep},
        {"clock_nanosleep", in_clock_nanosleep},
        {"sem_wait", in_sem_wait},
        {"pthread_cond_wait", in_cond_wait},
        {"sigwait", in_sigwait},
        {"pause", in_pause},
        {"waitpid", in_waitpid},
        {"pthread_join", in_join},
        {"close", in_close},
        {"fopen and fclose", in_open},
        {"system", in_system},
};

static void *at_point(void *arg)
{
	const struct point *p = arg;
	void *block = malloc(777);

	pthread_cleanup_push(cleaned, block);
	sem_post(&g_asleep);
	p->enter();
	pthread_cleanup_pop(1);
	return NULL;
}

static void cancel(void)
{
	if (pipe(g_pipe) || socketpair(AF_UNIX, SOCK_STREAM, 0, g_socket))
		abort();
	for (size_t i = 0; i < sizeof(POINTS) / sizeof(*POINTS); i++) {
		pthread_t t;
		void *result;

		g_cleaned = 0;
		pthread_create(&t, NULL, at_point, (void *)&POINTS[i]);
		sem_wait(&g_asleep);
		usleep(5000);
		pthread_cancel(t);
		pthread_join(t, &result);
		if (g_child)
			kill(g_child, SIGKILL);
		g_child = 0;
		printf("%s: %d handlers, %s\n", POINTS[i].name, g_cleaned,
		       result == PTHREAD_CANCELED ? "cancelled" : "NOT CANCELLED");
	}
}

/* ---- many, and small ---- */

static void *allocates(void *arg)
{
	void *p = malloc(100);

	free(p);
	return (char *)arg + 1;
}

static void sequence(void)
{
	void *sum = NULL;

	for (int i = 0; i < 10000; i++) {
		pthread_t t;
		if (pthread_create(&t, NULL, allocates, sum) || pthread_join(t, &sum))
			abort();
	}
	check("10000 threads one after another", (intptr_t)sum == 10000);
}

static void *waits(void *arg)
{
	void *p = malloc(100);

	sem_wait(arg);
	free(p);
	return NULL;
}

static void at_once(void)
{
	static pthread_t t[1000];
	pthread_attr_t a;
	int made = 0;

	pthread_attr_init(&a);
	pthread_attr_setstacksize(&a, 65536);
	for (int i = 0; i < 1000; i++)
		made += pthread_create(&t[i], &a, waits, &g_never) == 0;
	for (int i = 0; i < made; i++)
		sem_post(&g_never);
	for (int i = 0; i < made; i++)
		pthread_join(t[i], NULL);
	check("1000 threads at once", made == 1000);
}

/* Of 16 kB libc itself takes some; what is left must be enough for us in any hook. */
static void *on_little(void *arg)
{
	void *p = malloc(100), *q = calloc(3, 300);
	int fd = dup(0);
	FILE *f;

	p = realloc(p, 5000);
	f = fopen("/dev/null", "r");
	fclose(f);
	close(fd);
	free(p);
	free(q);
	return arg;
}

static void tiny(void)
{
	int right = 0;

	for (int i = 0; i < 100; i++) {
		pthread_attr_t a;
		pthread_t t;
		void *r = NULL;
		pthread_attr_init(&a);
		pthread_attr_setstacksize(&a, PTHREAD_STACK_MIN);
		right += pthread_create(&t, &a, on_little, &g_never) == 0 &&
		         pthread_join(t, &r) == 0 && r == &g_never;
	}
	check("threads with stacks of 16 kB", right == 100);
}

/* ---- stacks of other kinds, jumps ---- */

static ucontext_t g_back, g_co;
static char g_co_stack[65536];

static void coroutine(void)
{
	for (int i = 0; i < 1000; i++) {
		free(malloc(64));
		swapcontext(&g_co, &g_back);
	}
}

static void contexts(void)
{
	int n = 0;

	getcontext(&g_co);
	g_co.uc_stack.ss_sp = g_co_stack;
	g_co.uc_stack.ss_size = sizeof(g_co_stack);
	g_co.uc_link = &g_back;
	makecontext(&g_co, coroutine, 0);
	for (; n < 1000; n++) {
		free(malloc(64));
		swapcontext(&g_back, &g_co);
	}
	check("1000 switches", n == 1000);
}

static sigjmp_buf g_jump;

static void jumps_out(int sig)
{
	(void)sig;
	siglongjmp(g_jump, 1);
}

/* Out of the allocator itself is as undefined natively: so only from a handler that interrupts our
 * own loop. */
static void jump(void)
{
	volatile int jumps = 0;
	struct sigaction a = {.sa_handler = jumps_out, .sa_flags = SA_ONSTACK};
	stack_t s = {.ss_sp = malloc(65536), .ss_size = 65536};

	sigaltstack(&s, NULL);
	sigaction(SIGUSR1, &a, NULL);
	while (jumps < 200) {
		if (sigsetjmp(g_jump, 1)) {
			jumps++;
			continue;
		}
		free(malloc(50));
		raise(SIGUSR1);
	}
	check("200 jumps out of a handler", jumps == 200);
}

static atomic_long g_opened, g_handled;

static void opens(int sig)
{
	int error = errno, fd = dup(0);

	(void)sig;
	if (fd >= 0 && close(fd) == 0)
		g_opened++;
	g_handled++;
	errno = error;
}

/* Descriptors are async-signal-safe, and so must be our tables of them; the interrupted code
 * allocates all the while. */
static void storm(void)
{
	struct sigaction a = {.sa_handler = opens, .sa_flags = SA_RESTART};
	struct itimerval each = {{0, 1000}, {0, 1000}};

	sigaction(SIGALRM, &a, NULL);
	setitimer(ITIMER_REAL, &each, NULL);
	while (g_handled < 300)
		for (int i = 0; i < 100; i++)
			free(realloc(malloc((size_t)i), 2000));
	setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL);
	check("handlers that open and close", g_opened == g_handled);
}

/* ---- late: destructors of thread-specific data and of the process ---- */

static pthread_key_t g_key;

static void late_block(void *p)
{
	int n = *(int *)p;

	free(p);
	if (n == 0)
		return;
	p = malloc(sizeof(int) * 10);
	*(int *)p = n - 1;
	pthread_setspecific(g_key, p);
}

static void *with_key(void *arg)
{
	int *p = malloc(sizeof(int));

	*p = 3;
	pthread_setspecific(g_key, p);
	return arg;
}

static void destructors(void)
{
	pthread_key_create(&g_key, late_block);
	for (int i = 0; i < 100; i++) {
		pthread_t t;
		pthread_create(&t, NULL, with_key, NULL);
		pthread_join(t, NULL);
	}
	check("destructors that allocate", 1);
}

static void at_the_end(void)
{
	free(malloc(123));
	check("atexit handler that allocates", 1);
}

static void ending(void)
{
	for (int i = 0; i < 40; i++)
		atexit(at_the_end);
}

/* ---- limits ---- */

static void descriptors(void)
{
	struct rlimit l = {1 << 17, 1 << 17};
	int n = 0, last = 0;

	if (setrlimit(RLIMIT_NOFILE, &l)) {
		puts("no right to 2^17 descriptors");
		return;
	}
	while ((last = dup(0)) >= 0)
		n++;
	check("the limit is told", errno == EMFILE);
	check("all up to 2^17", n > (1 << 17) - 20);
	check("nothing to open", fopen("/dev/null", "r") == NULL && errno == EMFILE);
	for (int fd = 1000; fd < 1 << 17; fd += 2)
		close(fd);
	last = open("/dev/null", 0);
	check("the lowest is given again", last == 1000);
}

static void address_space(void)
{
	struct rlimit l = {1ul << 29, 1ul << 29};
	void *list = NULL;
	int n = 0;

	if (setrlimit(RLIMIT_AS, &l))
		abort();
	for (void **p; (p = malloc(1 << 20)); n++) {
		*p = list;
		list = p;
	}
	check("out of memory is told", errno == ENOMEM && n > 10);
	for (void *next; list; list = next) {
		next = *(void **)list;
		free(list);
	}
	list = malloc(1 << 20);
	check("and goes by", list != NULL);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} CASES[] = {
	        {"cancel", cancel},
	        {"sequence", sequence},
	        {"at_once", at_once},
	        {"tiny", tiny},
	        {"contexts", contexts},
	        {"jump", jump},
	        {"storm", storm},
	        {"destructors", destructors},
	        {"ending", ending},
	        {"descriptors", descriptors},
	        {"address_space", address_space},
	};

	setvbuf(stdout, NULL, _IONBF, 0);
	for (size_t i = 0; i < sizeof(CASES) / sizeof(*CASES); i++)
		if (argc > 1 && strcmp(argv[1], CASES[i].name) == 0) {
			CASES[i].run();
			return 0;
		}
	return 99;
}
