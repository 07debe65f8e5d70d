/*
 * A thread for each way to wait, one after the other: wait_KIND waits until the first thread, which
 * has seen it asleep, wakes it. With the argument "late" in a library that comes by dlopen.
 */
#include "prog.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <mqueue.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <threads.h>
#include <time.h>

/* What all wait for in turn. */
static pthread_mutex_t g_mutex = PTHREAD_MUTEX_INITIALIZER, g_free = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t g_cond = PTHREAD_COND_INITIALIZER;
static pthread_rwlock_t g_rwlock = PTHREAD_RWLOCK_INITIALIZER;
static pthread_barrier_t g_barrier;
static mtx_t g_mtx;
static cnd_t g_cnd;
static sem_t g_sem;
static bool g_said;
static uint32_t g_word;
static int g_pipe[2], g_full[2], g_pair[2], g_stuffed[2], g_listener, g_epoll, g_queue, g_set;
static int g_file[2];
static mqd_t g_mq;
static pid_t g_child;
static pthread_t g_sleeper;
static volatile uint32_t g_tid;
static struct sockaddr_un g_address = {.sun_family = AF_UNIX};

#define MUST(call)                     \
	do {                           \
		if ((call) < 0) {      \
			perror(#call); \
			_exit(90);     \
		}                      \
	} while (0)

static struct timespec in_a_minute(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	t.tv_sec += 60;
	return t;
}

/* WAY(kind, what the thread does, what ends it) */
#define WAYS(WAY)                                                                                  \
	WAY(mutex, MUST(-pthread_mutex_lock(&g_mutex));                                            \
	    pthread_mutex_unlock(&g_mutex), pthread_mutex_unlock(&g_mutex))                        \
	WAY(timedlock, MUST(-pthread_mutex_timedlock(&g_mutex, &minute));                          \
	    pthread_mutex_unlock(&g_mutex), pthread_mutex_unlock(&g_mutex))                        \
	WAY(clocklock, MUST(-pthread_mutex_clocklock(&g_mutex, CLOCK_REALTIME, &minute));          \
	    pthread_mutex_unlock(&g_mutex), pthread_mutex_unlock(&g_mutex))                        \
	WAY(cond, say_wait(pthread_cond_wait(&g_cond, &g_free)), say())                            \
	WAY(cond_timed, say_wait(pthread_cond_timedwait(&g_cond, &g_free, &minute)), say())        \
	WAY(cond_clock,                                                                            \
	    say_wait(pthread_cond_clockwait(&g_cond, &g_free, CLOCK_REALTIME, &minute)), say())    \
	WAY(reader, MUST(-pthread_rwlock_rdlock(&g_rwlock));                                       \
	    pthread_rwlock_unlock(&g_rwlock), pthread_rwlock_unlock(&g_rwlock))                    \
	WAY(writer, MUST(-pthread_rwlock_wrlock(&g_rwlock));                                       \
	    pthread_rwlock_unlock(&g_rwlock), pthread_rwlock_unlock(&g_rwlock))                    \
	WAY(writer_timed, MUST(-pthread_rwlock_timedwrlock(&g_rwlock, &minute));                   \
	    pthread_rwlock_unlock(&g_rwlock), pthread_rwlock_unlock(&g_rwlock))                    \
	WAY(sem, MUST(sem_wait(&g_sem)), sem_post(&g_sem))                                         \
	WAY(sem_timed, MUST(sem_timedwait(&g_sem, &minute)), sem_post(&g_sem))                     \
	WAY(barrier, pthread_barrier_wait(&g_barrier), pthread_barrier_wait(&g_barrier))           \
	WAY(mtx, mtx_lock(&g_mtx); mtx_unlock(&g_mtx), mtx_unlock(&g_mtx))                         \
	WAY(cnd, mtx_lock(&g_mtx); while (!g_said) cnd_wait(&g_cnd, &g_mtx);                       \
	    mtx_unlock(&g_mtx), mtx_lock(&g_mtx); g_said = true; cnd_signal(&g_cnd);               \
	    mtx_unlock(&g_mtx))                                                                    \
	WAY(join, MUST(-pthread_join(g_sleeper, NULL)), pthread_kill(g_sleeper, SIGUSR1))          \
	WAY(futex,                                                                                 \
	    while (!__atomic_load_n(&g_word, __ATOMIC_SEQ_CST))                                    \
	            syscall(SYS_futex, &g_word, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0),             \
	    __atomic_store_n(&g_word, 1, __ATOMIC_SEQ_CST);                                        \
	    syscall(SYS_futex, &g_word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0))                     \
	WAY(read, MUST(read(g_pipe[0], &byte, 1)), MUST(write(g_pipe[1], "x", 1)))                 \
	WAY(write, MUST(write(g_full[1], &byte, 1)), drain(g_full[0]))                             \
	WAY(recv, MUST(recv(g_pair[0], &byte, 1, 0)), MUST(send(g_pair[1], "x", 1, 0)))            \
	WAY(recvfrom, MUST(recvfrom(g_pair[0], &byte, 1, 0, NULL, NULL)),                          \
	    MUST(send(g_pair[1], "x", 1, 0)))                                                      \
	WAY(recvmsg, MUST(recvmsg(g_pair[0], &message, 0)), MUST(send(g_pair[1], "x", 1, 0)))      \
	WAY(send, MUST(send(g_stuffed[1], &byte, 1, 0)), drain(g_stuffed[0]))                      \
	WAY(connect,                                                                               \
	    MUST(connect(socket(AF_UNIX, SOCK_STREAM, 0), (void *)&g_address, sizeof(g_address))), \
	    MUST(accept(g_listener, NULL, NULL)))                                                  \
	WAY(accept, MUST(accept(g_listener, NULL, NULL)), call_listener())                         \
	WAY(poll, MUST(poll(&(struct pollfd){g_pipe[0], POLLIN, 0}, 1, 60000)),                    \
	    MUST(write(g_pipe[1], "x", 1)))                                                        \
	WAY(ppoll, MUST(ppoll(&(struct pollfd){g_pipe[0], POLLIN, 0}, 1, NULL, NULL)),             \
	    MUST(write(g_pipe[1], "x", 1)))                                                        \
	WAY(select, MUST(select(g_pipe[0] + 1, &in, NULL, NULL, NULL)),                            \
	    MUST(write(g_pipe[1], "x", 1)))                                                        \
	WAY(pselect, MUST(pselect(g_pipe[0] + 1, &in, NULL, NULL, NULL, NULL)),                    \
	    MUST(write(g_pipe[1], "x", 1)))                                                        \
	WAY(epoll, MUST(epoll_wait(g_epoll, &event, 1, 60000)), MUST(write(g_pipe[1], "x", 1)))    \
	WAY(epoll_p, MUST(epoll_pwait(g_epoll, &event, 1, -1, NULL)),                              \
	    MUST(write(g_pipe[1], "x", 1)))                                                        \
	WAY(nanosleep, nanosleep(&brief, NULL), (void)0)                                           \
	WAY(clock_nanosleep, clock_nanosleep(CLOCK_MONOTONIC, 0, &brief, NULL), (void)0)           \
	WAY(usleep, usleep(20000), (void)0)                                                        \
	WAY(sleep, sleep(1), (void)0)                                                              \
	WAY(thrd_sleep, thrd_sleep(&brief, NULL), (void)0)                                         \
	WAY(waitpid, MUST(waitpid(g_child, NULL, 0)), kill(g_child, SIGKILL))                      \
	WAY(waitid, MUST(waitid(P_PID, (id_t)g_child, &info, WEXITED)), kill(g_child, SIGKILL))    \
	WAY(sigwait, sigwait(&usr2, &sig), kill(getpid(), SIGUSR2))                                \
	WAY(sigsuspend, sigsuspend(&none), pthread_kill(self, SIGUSR1))                            \
	WAY(pause, pause(), pthread_kill(self, SIGUSR1))                                           \
	WAY(flock, MUST(flock(g_file[1], LOCK_EX));                                                \
	    flock(g_file[1], LOCK_UN), flock(g_file[0], LOCK_UN))                                  \
	WAY(msgrcv, MUST(msgrcv(g_queue, &text, 1, 0, 0)), MUST(msgsnd(g_queue, &text, 1, 0)))     \
	WAY(semop, MUST(semop(g_set, &(struct sembuf){0, -1, 0}, 1)),                              \
	    MUST(semop(g_set, &(struct sembuf){0, 1, 0}, 1)))                                      \
	WAY(mq, MUST(mq_receive(g_mq, text.mtext, sizeof(text.mtext), NULL)),                      \
	    MUST(mq_send(g_mq, "x", 1, 0)))

static void say(void)
{
	pthread_mutex_lock(&g_free);
	g_said = true;
	pthread_cond_signal(&g_cond);
	pthread_mutex_unlock(&g_free);
}
#define say_wait(call)               \
	pthread_mutex_lock(&g_free); \
	while (!g_said)              \
		call;                \
	pthread_mutex_unlock(&g_free)

/* A reader that takes a part only may not be enough for the writer to go on. */
static void drain(int fd)
{
	char bytes[65536];

	fcntl(fd, F_SETFL, O_NONBLOCK);
	while (read(fd, bytes, sizeof(bytes)) > 0)
		;
}

static void stuff(int fd)
{
	char bytes[4096] = "";

	fcntl(fd, F_SETFL, O_NONBLOCK);
	while (write(fd, bytes, sizeof(bytes)) > 0)
		;
	while (write(fd, bytes, 1) > 0)
		;
	fcntl(fd, F_SETFL, 0);
}

static void call_listener(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	MUST(connect(fd, (void *)&g_address, sizeof(g_address)));
}

static void *sleeper(void *arg)
{
	pause();
	return arg;
}

static void on_signal(int sig)
{
	(void)sig;
}

#define UNUSED __attribute__((unused))
#define DEFINE(kind, waits, wakes)                                                           \
	static FRAME void *wait_##kind(void *arg)                                            \
	{                                                                                    \
		struct timespec minute UNUSED = in_a_minute(), brief UNUSED = {0, 20000000}; \
		char byte UNUSED = 0;                                                        \
		struct iovec bytes UNUSED = {&byte, 1};                                      \
		struct msghdr message UNUSED = {.msg_iov = &bytes, .msg_iovlen = 1};         \
		struct epoll_event event UNUSED;                                             \
		struct msgbuf_of_a_page text UNUSED = {1, ""};                               \
		fd_set in UNUSED;                                                            \
		sigset_t usr2 UNUSED, none UNUSED;                                           \
		siginfo_t info UNUSED;                                                       \
		int sig UNUSED;                                                              \
                                                                                             \
		FD_ZERO(&in);                                                                \
		FD_SET(g_pipe[0], &in);                                                      \
		sigemptyset(&none);                                                          \
		sigemptyset(&usr2);                                                          \
		sigaddset(&usr2, SIGUSR2);                                                   \
		__atomic_store_n(&g_tid, (uint32_t)syscall(SYS_gettid), __ATOMIC_SEQ_CST);   \
		waits;                                                                       \
		return arg;                                                                  \
	}                                                                                    \
	static void wake_##kind(pthread_t self UNUSED)                                       \
	{                                                                                    \
		struct msgbuf_of_a_page text UNUSED = {1, ""};                               \
                                                                                             \
		wakes;                                                                       \
	}
struct msgbuf_of_a_page {
	long mtype;
	char mtext[8192];
};
WAYS(DEFINE)

static const struct way {
	const char *name;
	void *(*waits)(void *);
	void (*wakes)(pthread_t self);
} ways[] = {
#define ROW(kind, waits, wakes) {#kind, wait_##kind, wake_##kind},
        WAYS(ROW)
#undef ROW
};

static bool is(const struct way *w, const char *begins)
{
	return !strncmp(w->name, begins, strlen(begins));
}

/* What the thread is going to wait for. */
static void hold(const struct way *w)
{
	g_tid = 0;
	g_said = false;
	if (is(w, "mutex") || is(w, "timedlock") || is(w, "clocklock"))
		pthread_mutex_lock(&g_mutex);
	if (is(w, "reader") || is(w, "writer"))
		pthread_rwlock_wrlock(&g_rwlock);
	if (!strcmp(w->name, "mtx"))
		mtx_lock(&g_mtx);
	if (is(w, "waitpid") || is(w, "waitid")) {
		g_child = fork();
		while (!g_child)
			pause();
	}
	if (is(w, "write"))
		stuff(g_full[1]);
	if (!strcmp(w->name, "send"))
		stuff(g_stuffed[1]);
	if (is(w, "flock"))
		flock(g_file[0], LOCK_EX);
	if (is(w, "join"))
		pthread_create(&g_sleeper, NULL, sleeper, NULL);
	if (is(w, "connect"))
		call_listener();
}

/* A byte that only woke the thread is still in the pipe; the listener's queue is not empty. */
static void let_go(const struct way *w)
{
	char byte;

	if (strstr(w->name, "poll") || strstr(w->name, "select"))
		MUST(read(g_pipe[0], &byte, 1));
	if (is(w, "connect"))
		MUST(accept(g_listener, NULL, NULL));
}

static void prepare(void)
{
	sigset_t usr2;

	/* The numbers below must not depend on what we have inherited. */
	close_range(3, ~0u, 0);
	sigemptyset(&usr2);
	sigaddset(&usr2, SIGUSR2);
	pthread_sigmask(SIG_BLOCK, &usr2, NULL);
	sigaction(SIGUSR1, &(struct sigaction){.sa_handler = on_signal}, NULL);
	pthread_barrier_init(&g_barrier, NULL, 2);
	sem_init(&g_sem, 0, 0);
	mtx_init(&g_mtx, mtx_plain);
	cnd_init(&g_cnd);
	MUST(pipe(g_pipe));
	MUST(pipe(g_full));
	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, g_pair));
	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, g_stuffed));
	snprintf(g_address.sun_path + 1, sizeof(g_address.sun_path) - 1, "trace_kinds.%d",
	         getpid());
	MUST(g_listener = socket(AF_UNIX, SOCK_STREAM, 0));
	MUST(bind(g_listener, (void *)&g_address, sizeof(g_address)));
	MUST(listen(g_listener, 0));
	MUST(g_epoll = epoll_create1(0));
	MUST(epoll_ctl(g_epoll, EPOLL_CTL_ADD, g_pipe[0],
	               &(struct epoll_event){.events = EPOLLIN}));
	MUST(g_file[0] = open("/proc/self/exe", O_RDONLY));
	MUST(g_file[1] = open("/proc/self/exe", O_RDONLY));
	MUST(g_queue = msgget(IPC_PRIVATE, 0600));
	MUST(g_set = semget(IPC_PRIVATE, 1, 0600));
	char name[64];
	snprintf(name, sizeof(name), "/trace_kinds.%d", getpid());
	MUST(g_mq = mq_open(name, O_RDWR | O_CREAT, 0600, NULL));
	mq_unlink(name);
}

static void run(const struct way *w)
{
	pthread_t t;

	hold(w);
	pthread_create(&t, NULL, w->waits, NULL);
	/* Gone, or asleep: who sleeps for a time needs nobody. */
	prog_asleep(&g_tid);
	usleep(2000);
	w->wakes(t);
	pthread_join(t, NULL);
	let_go(w);
	printf("%s\n", w->name);
}

/* In a library that was not there at the start. */
static int late(const char *path)
{
	void *lib = dlopen(path, RTLD_NOW);
	void *(*waits)(void *) = lib ? (void *(*)(void *))dlsym(lib, "so_waits") : NULL;
	const struct way w = {"late", waits, wake_sem};

	if (!waits)
		return 91;
	*(sem_t **)dlsym(lib, "so_sem") = &g_sem;
	*(volatile uint32_t **)dlsym(lib, "so_tid") = &g_tid;
	run(&w);
	return 0;
}

int main(int argc, char **argv)
{
	prepare();
	if (argc > 2)
		return late(argv[2]);
	for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++)
		if (argc < 2 || !strcmp(argv[1], ways[i].name))
			run(&ways[i]);
	msgctl(g_queue, IPC_RMID, NULL);
	semctl(g_set, 0, IPC_RMID);
	return 0;
}
