/*
 * What programs may do, and few have in mind: one hazard a mode. Prints the same with and without
 * outlive.
 */
#include "prog.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>

static void check(const char *what, int right)
{
	printf("%s: %s\n", what, right ? "right" : "WRONG");
}

/* ---- a thread gives back the memory that its creator has its number written to ---- */

struct own {
	pthread_t self;
	int *running;
};

static void *give_back(void *arg)
{
	struct own *own = arg;
	int *running = own->running;

	munmap(own, sizeof(*own));
	__atomic_sub_fetch(running, 1, __ATOMIC_SEQ_CST);
	return NULL;
}

static void own_page(void)
{
	int running = 0, failed = 0;
	pthread_attr_t a;

	pthread_attr_init(&a);
	pthread_attr_setdetachstate(&a, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&a, 65536);
	for (int i = 0; i < 4000; i++) {
		struct own *own = mmap(NULL, sizeof(*own), PROT_READ | PROT_WRITE,
		                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		while (__atomic_load_n(&running, __ATOMIC_SEQ_CST) > 50)
			usleep(100);
		own->running = &running;
		__atomic_add_fetch(&running, 1, __ATOMIC_SEQ_CST);
		failed += pthread_create(&own->self, &a, give_back, own) != 0;
	}
	while (__atomic_load_n(&running, __ATOMIC_SEQ_CST) > failed)
		usleep(100);
	check("all were made", failed == 0);
}

/* ---- all that is mapped from now on is locked, and there is a limit to it ---- */

static void locked(void)
{
	struct rlimit l = {4 << 20, 4 << 20};
	int made = 0;

	if (setrlimit(RLIMIT_MEMLOCK, &l)) {
		puts("a container's limit, which cannot be raised");
		return;
	}
	/* No capability: the limit counts. */
	if (setgid(65534) || setuid(65534) || mlockall(MCL_FUTURE))
		abort();
	for (; made < 20000; made++)
		if (!(prog_sink = malloc(100)))
			break;
	check("2 MB of small blocks under a limit of 4 MB", made == 20000);
	errno = 0;
	prog_sink = mmap(NULL, 8 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	check("what is beyond the limit is refused", prog_sink == MAP_FAILED && errno == EAGAIN);
}

/* ---- threads that libc knows nothing of ---- */

static volatile int g_turns;

/* By the kernel's own calls alone: there may be no thread-local memory. */
static int sleeps(void *arg)
{
	struct timespec t = {0, 1000000};
	long r;

	(void)arg;
	for (;; g_turns++)
		__asm__ volatile("syscall"
		                 : "=a"(r)
		                 : "0"((long)SYS_nanosleep), "D"(&t), "S"(0L)
		                 : "rcx", "r11", "memory");
	return 0;
}

static int opens(void *arg)
{
	(void)arg;
	for (;; g_turns++)
		close(open("/dev/null", O_RDONLY));
	return 0;
}

static FRAME void beside(void)
{
	for (int i = 0; i < 5000; i++) {
		int fd = open("/dev/zero", O_RDONLY);

		prog_sink = malloc((size_t)i % 300);
		free(prog_sink);
		close(fd);
	}
}

static void raw_thread(int (*fn)(void *), int flags, void *tls)
{
	char *stack = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	check("it is made", clone(fn, stack + 65536,
	                          CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD |
	                                  CLONE_SYSVSEM | flags,
	                          NULL, NULL, tls) > 0);
	while (!g_turns)
		usleep(100);
	beside();
	fflush(stdout);
	/* The end finds it alive. */
}

/* On the thread-local memory of the one that made it, as clone() without a flag has it. */
static void raw_shares(void)
{
	raw_thread(sleeps, 0, NULL);
}

static void raw_has_none(void)
{
	raw_thread(sleeps, CLONE_SETTLS, NULL);
}

/* Two threads are one to whoever looks there. */
static void raw_opens(void)
{
	raw_thread(opens, 0, NULL);
}

/* ---- mutexes whose owner is gone ---- */

static pthread_mutex_t *g_robust;

static const char *taken(int r)
{
	return r == EOWNERDEAD ? "its owner is dead" : strerror(r);
}

static void *ends_with_it(void *arg)
{
	pthread_mutex_lock(g_robust + 1);
	return arg;
}

static void leave(const char *how, volatile int *held)
{
	pthread_t t;

	pthread_create(&t, NULL, ends_with_it, NULL);
	pthread_join(t, NULL);
	pthread_mutex_lock(g_robust);
	*held = 1;
	if (!strcmp(how, "exec"))
		execl("/bin/sleep", "sleep", "0.1", NULL);
	if (!strcmp(how, "exit"))
		exit(0);
	if (!strcmp(how, "SIGTERM"))
		raise(SIGTERM);
	if (!strcmp(how, "a fault"))
		*(volatile int *)8 = 1;
	raise(SIGKILL);
}

static void robust(void)
{
	static const char *const ways[] = {"exec", "exit", "SIGTERM", "a fault", "SIGKILL"};
	pthread_mutexattr_t a;

	g_robust = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	volatile int *held = (int *)(g_robust + 2);

	pthread_mutexattr_init(&a);
	pthread_mutexattr_setpshared(&a, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST);
	for (unsigned i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
		int status;

		for (int m = 0; m < 2; m++)
			pthread_mutex_init(g_robust + m, &a);
		fflush(stdout);
		pid_t pid = fork();

		if (!pid)
			leave(ways[i], held);
		while (!*held)
			usleep(100);
		*held = 0;
		int of_process = pthread_mutex_lock(g_robust);
		int of_thread = pthread_mutex_lock(g_robust + 1);

		waitpid(pid, &status, 0);
		printf("%s: %s, %s, status %x\n", ways[i], taken(of_process), taken(of_thread),
		       status);
	}
}

/* ---- another root, put in the place of this one ---- */

static void pivoted(void)
{
	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mkdir("new", 0755) || mount("none", "new", "tmpfs", 0, NULL) || chdir("new")) {
		puts("no right to it");
		return;
	}
	check("a folder for the old one", mkdir("old", 0755) == 0);
	check("pivot_root", syscall(SYS_pivot_root, ".", "old") == 0 && chdir("/") == 0);
	check("the old one is let go", umount2("/old", MNT_DETACH) == 0);
	check("nothing is there", access("/bin/sh", F_OK) != 0);
	beside();
	fflush(stdout);
	if (!fork()) {
		beside();
		exit(3);
	}
	int status;

	wait(&status);
	printf("a child: %d\n", WEXITSTATUS(status));
}

/* ---- a handler that allocates while the program is in no allocator ---- */

static void *g_kept[64];
static volatile int g_handled;

static FRAME void *handler_makes(size_t n)
{
	return malloc(n);
}

static void allocates(int sig)
{
	int error = errno;

	(void)sig;
	free(handler_makes(100));
	if (g_handled < 64)
		g_kept[g_handled] = handler_makes(200);
	g_handled++;
	errno = error;
}

/* open and close may be interrupted by anything: natively this is right. */
static void handler(void)
{
	struct sigaction a = {.sa_handler = allocates, .sa_flags = SA_RESTART};
	struct itimerval each = {{0, 1000}, {0, 1000}};

	free(malloc(1));
	sigaction(SIGALRM, &a, NULL);
	setitimer(ITIMER_REAL, &each, NULL);
	while (g_handled < 300) {
		int fd = open("/dev/null", O_RDONLY);

		close(dup(fd));
		close(fd);
	}
	setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL);
	for (int i = 0; i < 60; i++)
		free(g_kept[i]);
	check("300 handlers", g_handled >= 300);
}

/* ---- a handler that forks while the program is in its allocator ---- */

static volatile sig_atomic_t g_forks, g_ended_ill, g_is_child;

/* The child goes on where the parent was interrupted. */
static void forks(int sig)
{
	const int error = errno;
	int status = 0;

	(void)sig;
	if (g_is_child || g_forks == 400)
		return;

	const pid_t child = fork();

	if (!child) {
		g_is_child = 1;
		return;
	}
	waitpid(child, &status, 0);
	g_ended_ill += status != 0;
	g_forks++;
	errno = error;
}

static void forking(void)
{
	struct sigaction a = {.sa_handler = forks, .sa_flags = SA_RESTART};
	struct itimerval each = {{0, 2000}, {0, 2000}};
	int rounds = 0;

	sigaction(SIGALRM, &a, NULL);
	setitimer(ITIMER_REAL, &each, NULL);
	while (g_forks < 400) {
		void *volatile block[8];

		for (size_t i = 0; i < 8; i++)
			block[i] = malloc(40 + i * 16);
		for (size_t i = 0; i < 8; i++)
			free(block[i]);
		if (g_is_child && ++rounds > 100)
			_exit(0);
	}
	setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL);
	check("400 children", g_ended_ill == 0);
}

/* ---- a handler that opens files by many ways while the program is in its allocator ---- */

enum { WAYS = 6000, WAYS_AT_ONCE = 60 };
static volatile unsigned g_way;

static void go_left(unsigned way, int left);
static void go_right(unsigned way, int left);

__attribute__((noinline)) static void go_on(unsigned way, int left)
{
	if (left)
		(way & 1 ? go_left : go_right)(way >> 1, left - 1);
	else
		close(open("/dev/null", O_RDONLY));
}

__attribute__((noinline)) static void go_left(unsigned way, int left)
{
	go_on(way, left);
	g_handled++;
}

__attribute__((noinline)) static void go_right(unsigned way, int left)
{
	go_on(way, left);
	g_handled++;
}

static void opens_many(int sig)
{
	const int error = errno;

	(void)sig;
	for (int i = 0; i < WAYS_AT_ONCE && g_way < 2 * WAYS; i++)
		go_on(g_way++ / 2, 13);
	errno = error;
}

static void many_mallocs(void)
{
	for (int i = 0; i < 1000; i++)
		free(malloc(1));
}

/* It is interrupted while it makes mappings, mostly. */
static void *maps_on(void *done)
{
	sigset_t alarm;

	many_mallocs();
	sigemptyset(&alarm);
	sigaddset(&alarm, SIGALRM);
	pthread_sigmask(SIG_UNBLOCK, &alarm, NULL);
	for (g_way = 0; g_way < 2 * WAYS;)
		free(malloc(1 << 20));
	pthread_sigmask(SIG_BLOCK, &alarm, NULL);
	pthread_barrier_wait(done);
	pthread_barrier_wait(done);
	return NULL;
}

/* One after the other, but none ends before the last: each has all to learn. */
static void opening(void)
{
	enum { N = 6 };
	struct sigaction a = {.sa_handler = opens_many, .sa_flags = SA_RESTART};
	struct itimerval each = {{0, 1000}, {0, 1000}};
	pthread_barrier_t done[N];
	pthread_t t[N];
	sigset_t alarm;

	many_mallocs();
	sigemptyset(&alarm);
	sigaddset(&alarm, SIGALRM);
	pthread_sigmask(SIG_BLOCK, &alarm, NULL);
	sigaction(SIGALRM, &a, NULL);
	setitimer(ITIMER_REAL, &each, NULL);
	for (int i = 0; i < N; i++) {
		pthread_barrier_init(&done[i], NULL, 2);
		pthread_create(&t[i], NULL, maps_on, &done[i]);
		pthread_barrier_wait(&done[i]);
	}
	setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL);
	for (int i = 0; i < N; i++) {
		pthread_barrier_wait(&done[i]);
		pthread_join(t[i], NULL);
	}
	check("6 threads", g_way == 2 * WAYS);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} cases[] = {
	        {"own_page", own_page},     {"locked", locked},
	        {"raw_shares", raw_shares}, {"raw_has_none", raw_has_none},
	        {"raw_opens", raw_opens},   {"robust", robust},
	        {"pivoted", pivoted},       {"handler", handler},
	        {"forking", forking},       {"opening", opening},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		if (argc > 1 && !strcmp(argv[1], cases[i].name)) {
			cases[i].run();
			return 0;
		}
	return 99;
}
