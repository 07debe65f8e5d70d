/*
 * Threads made, ended and given back in every way, one hazard a mode. Prints the same with and
 * without outlive, but for lines "task <tid>": those of /proc/self/task at the snapshot.
 */
#include "prog.h"

#include <aio.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <netdb.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <threads.h>
#include <time.h>

#include "preload/outlive.h"

static const char *g_mode;
static volatile int g_go, g_waiting;

static void tell(const char *what, long value)
{
	printf("%s: %ld\n", what, value);
	fflush(stdout);
}

/* The list first: a thread that waits stays. */
static void snapshot(void)
{
	DIR *d = opendir("/proc/self/task");

	for (struct dirent *e; d && (e = readdir(d));)
		if (e->d_name[0] != '.')
			printf("task %s\n", e->d_name);
	if (d)
		closedir(d);
	fflush(stdout);
	outlive_snapshot(g_mode);
}

static struct timespec in(int ms)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	t.tv_sec += ms / 1000;
	return t;
}

static void *at_once(void *arg)
{
	return arg;
}

static void *by_exit(void *arg)
{
	pthread_exit(arg);
}

static void *waits(void *arg)
{
	prctl(PR_SET_NAME, "waits-for-ever");
	__atomic_add_fetch(&g_waiting, 1, __ATOMIC_SEQ_CST);
	for (;;)
		pause();
	return arg;
}

static void *when_told(void *arg)
{
	while (!g_go)
		usleep(1000);
	return arg;
}

static void *self_detached(void *arg)
{
	pthread_detach(pthread_self());
	return arg;
}

static int c11(void *arg)
{
	return arg ? 7 : 8;
}

/* ---- each way to end and to be given back ---- */

static FRAME void make_joined(void)
{
	void *r;
	pthread_t t;

	pthread_create(&t, NULL, at_once, (void *)5);
	tell("join", pthread_join(t, &r));
	tell("its result", (long)r);
}

static FRAME void make_exits(void)
{
	void *r;
	pthread_t t;

	pthread_create(&t, NULL, by_exit, (void *)6);
	tell("join after pthread_exit", pthread_join(t, &r));
	tell("its result", (long)r);
}

static FRAME void make_cancelled(void)
{
	void *r;
	pthread_t t;

	pthread_create(&t, NULL, waits, NULL);
	pthread_cancel(t);
	tell("join after cancel", pthread_join(t, &r));
	tell("its result", r == PTHREAD_CANCELED);
}

static FRAME void make_tryjoined(void)
{
	pthread_t t;
	int early;

	g_go = 0;
	pthread_create(&t, NULL, when_told, NULL);
	early = pthread_tryjoin_np(t, NULL);
	tell("tryjoin is too early", early == EBUSY);
	g_go = 1;
	while ((early = pthread_tryjoin_np(t, NULL)) == EBUSY)
		usleep(1000);
	tell("tryjoin", early);
}

static FRAME void make_timedjoined(void)
{
	struct timespec past = {1, 0}, later = in(60000);
	pthread_t t;

	g_go = 0;
	pthread_create(&t, NULL, when_told, NULL);
	tell("timedjoin is too early", pthread_timedjoin_np(t, NULL, &past) == ETIMEDOUT);
	g_go = 1;
	tell("timedjoin", pthread_timedjoin_np(t, NULL, &later));
}

static FRAME void make_clockjoined(void)
{
	struct timespec later = in(60000);
	pthread_t t;

	pthread_create(&t, NULL, at_once, NULL);
	tell("clockjoin", pthread_clockjoin_np(t, NULL, CLOCK_REALTIME, &later));
}

static FRAME void make_c11_joined(void)
{
	int r = 0;
	thrd_t t;

	tell("thrd_create", thrd_create(&t, c11, &r));
	tell("thrd_join", thrd_join(t, &r));
	tell("its result", r);
}

static FRAME void make_c11_detached(void)
{
	thrd_t t;

	thrd_create(&t, c11, NULL);
	tell("thrd_detach", thrd_detach(t));
}

static FRAME void make_detached(void)
{
	pthread_t t;

	pthread_create(&t, NULL, at_once, NULL);
	tell("detach", pthread_detach(t));
}

static FRAME void make_born_detached(void)
{
	pthread_attr_t a;
	pthread_t t;

	pthread_attr_init(&a);
	pthread_attr_setdetachstate(&a, PTHREAD_CREATE_DETACHED);
	tell("born detached", pthread_create(&t, &a, at_once, NULL));
	pthread_attr_destroy(&a);
}

static FRAME void make_self_detached(void)
{
	pthread_t t;

	tell("detaches itself", pthread_create(&t, NULL, self_detached, NULL));
}

static FRAME void make_refused(void)
{
	pthread_attr_t a;
	pthread_t t;

	pthread_attr_init(&a);
	pthread_attr_setstacksize(&a, (size_t)1 << 50);
	tell("refused", pthread_create(&t, &a, at_once, NULL) != 0);
	pthread_attr_destroy(&a);
}

static FRAME void make_running(void)
{
	pthread_t t;

	pthread_create(&t, NULL, waits, NULL);
}

static FRAME void make_unjoined(void)
{
	for (int i = 0; i < 3; i++) {
		pthread_t t;

		pthread_create(&t, NULL, at_once, NULL);
	}
}

static FRAME void make_small(void)
{
	pthread_attr_t a;
	pthread_t t;

	pthread_attr_init(&a);
	pthread_attr_setstacksize(&a, 65536);
	pthread_create(&t, &a, waits, NULL);
	pthread_attr_destroy(&a);
}

static void ways(void)
{
	make_joined();
	make_exits();
	make_cancelled();
	make_tryjoined();
	make_timedjoined();
	make_clockjoined();
	make_c11_joined();
	make_c11_detached();
	make_detached();
	make_born_detached();
	make_self_detached();
	make_refused();
	make_unjoined();
	prog_settle(1);
	g_waiting = 0;
	make_running();
	make_small();
	while (g_waiting < 2)
		usleep(1000);
	snapshot();
}

/* The same pthread_t again and again. */
static FRAME void reused(void)
{
	pthread_t first = 0, t;
	int same = 0;

	for (int i = 0; i < 2000; i++) {
		pthread_create(&t, NULL, at_once, NULL);
		if (!i)
			first = t;
		same += t == first;
		pthread_join(t, NULL);
	}
	tell("the number is used again", same > 1);
	for (int i = 0; i < 2000; i++) {
		pthread_create(&t, NULL, at_once, NULL);
		pthread_detach(t);
		if (i % 50 == 0)
			prog_settle(1);
	}
	prog_settle(1);
	snapshot();
}

static void *tells_number(void *arg)
{
	*(volatile pid_t *)arg = gettid();
	return NULL;
}

/* One at a time: the next one when the kernel has none of this number any more. */
static void *makes_some(void *arg)
{
	for (int i = 0; i < 400; i++) {
		volatile pid_t number = 0;
		pthread_t t;

		if (pthread_create(&t, NULL, tells_number, (void *)&number))
			break;
		if (i % 2)
			pthread_detach(t);
		else
			pthread_join(t, NULL);
		while (!number || !tgkill(getpid(), number, 0))
			sched_yield();
	}
	return arg;
}

/* Threads are born and die while a snapshot looks. */
static void storm(void)
{
	pthread_t t[4];

	for (int i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, makes_some, NULL);
	for (int i = 0; i < 10; i++) {
		outlive_snapshot("storm");
		usleep(2000);
	}
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	prog_settle(1);
	snapshot();
}

/* ---- threads that others make ---- */

static volatile sig_atomic_t g_called;

static void on_notice(union sigval v)
{
	g_called += v.sival_int;
	free(malloc(10));
	while (!g_go)
		usleep(1000);
}

static FRAME void by_timer(void)
{
	struct sigevent e = {.sigev_notify = SIGEV_THREAD,
	                     .sigev_notify_function = on_notice,
	                     .sigev_value.sival_int = 3};
	struct itimerspec s = {.it_value.tv_nsec = 1000000};
	timer_t timer;

	timer_create(CLOCK_MONOTONIC, &e, &timer);
	timer_settime(timer, 0, &s, NULL);
	while (!g_called)
		usleep(1000);
	tell("its value", g_called);
	snapshot();
	g_go = 1;
	timer_delete(timer);
}

static FRAME void by_queue(void)
{
	struct sigevent e = {.sigev_notify = SIGEV_THREAD,
	                     .sigev_notify_function = on_notice,
	                     .sigev_value.sival_int = 4};
	struct mq_attr a = {.mq_maxmsg = 1, .mq_msgsize = 8};
	mqd_t q;

	mq_unlink("/outlive-test-notify");
	q = mq_open("/outlive-test-notify", O_CREAT | O_RDWR, 0600, &a);
	tell("mq_notify", mq_notify(q, &e));
	mq_send(q, "x", 1, 0);
	while (!g_called)
		usleep(1000);
	tell("its value", g_called);
	snapshot();
	g_go = 1;
	mq_unlink("/outlive-test-notify");
	mq_close(q);
}

static void by_resolver(void)
{
	struct gaicb a = {.ar_name = "127.0.0.1"}, *list[1] = {&a};

	tell("getaddrinfo_a", getaddrinfo_a(GAI_NOWAIT, list, 1, NULL));
	while (gai_error(&a) == EAI_INPROGRESS)
		usleep(1000);
	tell("its answer", gai_error(&a));
	freeaddrinfo(a.ar_result);
	outlive_snapshot(g_mode);
}

static void by_aio(void)
{
	static char byte;
	struct aiocb a = {
	        .aio_fildes = open("/dev/zero", O_RDONLY), .aio_buf = &byte, .aio_nbytes = 1};
	const struct aiocb *list[1] = {&a};
	/* Its thread is to stay while we look. */
	struct aioinit stays = {.aio_threads = 1, .aio_num = 1, .aio_idle_time = 1000};

	aio_init(&stays);
	tell("aio_read", aio_read(&a));
	while (aio_error(&a) == EINPROGRESS)
		aio_suspend(list, 1, NULL);
	tell("its answer", aio_return(&a));
	snapshot();
}

/* As a program that was linked long ago calls it. */
int old_create(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
int old_join(pthread_t, void **);
__asm__(".symver old_create,pthread_create@GLIBC_2.2.5");
__asm__(".symver old_join,pthread_join@GLIBC_2.2.5");

static FRAME void make_old(void)
{
	pthread_t t;

	tell("create", old_create(&t, NULL, at_once, NULL));
	tell("join", old_join(t, NULL));
}

static void old_version(void)
{
	make_old();
	snapshot();
}

static int in_clone(void *arg)
{
	/* No TLS of its own: no libc call. */
	for (;;)
		__asm__ volatile("syscall" : : "a"(SYS_pause) : "rcx", "r11", "memory");
	return arg != NULL;
}

static void by_clone(void)
{
	static char stack[65536] __attribute__((aligned(16)));

	tell("clone",
	     clone(in_clone, stack + sizeof(stack),
	           CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM,
	           NULL) > 0);
	usleep(20000);
	snapshot();
}

/* ---- the ends of processes and of the first thread ---- */

static void *outlives_main(void *arg)
{
	if (arg)
		pthread_join(*(pthread_t *)arg, NULL);
	else
		while (prog_state(getpid()) != 'Z')
			usleep(1000);
	snapshot();
	return NULL;
}

static void main_exits(void)
{
	pthread_t t;

	pthread_create(&t, NULL, outlives_main, NULL);
	pthread_exit(NULL);
}

static void main_joined(void)
{
	static pthread_t self;
	pthread_t t;

	self = pthread_self();
	pthread_create(&t, NULL, outlives_main, &self);
	pthread_exit(NULL);
}

static void *forks(void *arg)
{
	pid_t pid = g_go ? (pid_t)syscall(SYS_fork) : fork();

	if (!pid) {
		pthread_t t;

		pthread_create(&t, NULL, at_once, NULL);
		pthread_join(t, NULL);
		outlive_snapshot("child");
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	return arg;
}

/* From a thread, with others around. */
static FRAME void in_thread_forked(void)
{
	pthread_t t, others;

	pthread_create(&others, NULL, waits, NULL);
	for (g_go = 0; g_go < 2; g_go++) {
		pthread_create(&t, NULL, forks, NULL);
		pthread_join(t, NULL);
	}
	snapshot();
}

static pthread_key_t g_key;

static void at_end(void *arg)
{
	static int more;
	pthread_t t;

	(void)arg;
	if (!more++) {
		pthread_create(&t, NULL, at_once, NULL);
		pthread_join(t, NULL);
		free(malloc(100));
	}
}

static void *has_key(void *arg)
{
	pthread_setspecific(g_key, &g_key);
	return arg;
}

/* Made by a thread that has told its end already. */
static FRAME void at_the_end(void)
{
	pthread_t t;

	pthread_key_create(&g_key, at_end);
	pthread_create(&t, NULL, has_key, NULL);
	pthread_join(t, NULL);
	snapshot();
}

static void *burns(void *arg)
{
	struct timespec t = {0};

	while (t.tv_nsec < 50000000)
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return arg;
}

static FRAME void busy(void)
{
	pthread_t t;

	pthread_create(&t, NULL, burns, NULL);
	pthread_join(t, NULL);
	snapshot();
}

/* The one of tests/progs/thread_early_so.c, if it is loaded. */
static void early(void)
{
	prog_settle(1);
	snapshot();
}

static const struct {
	const char *name;
	void (*run)(void);
} modes[] = {
        {"ways", ways},
        {"reused", reused},
        {"storm", storm},
        {"by_timer", by_timer},
        {"by_queue", by_queue},
        {"by_resolver", by_resolver},
        {"by_aio", by_aio},
        {"old_version", old_version},
        {"by_clone", by_clone},
        {"main_exits", main_exits},
        {"main_joined", main_joined},
        {"in_thread_forked", in_thread_forked},
        {"at_the_end", at_the_end},
        {"busy", busy},
        {"early", early},
};

int main(int argc, char **argv)
{
	for (size_t i = 0; argc > 1 && i < sizeof(modes) / sizeof(modes[0]); i++)
		if (!strcmp(argv[1], modes[i].name)) {
			g_mode = argv[1];
			modes[i].run();
			return 0;
		}
	return 2;
}
