/*
 * check_pairs.c - ways to leave something behind, and the same with care: "check_pairs bad NAME",
 * "check_pairs good NAME", "check_pairs list". What is left is made in bad_NAME or one of its
 * callees.
 */
#include <dirent.h>
#include <fcntl.h>
#include <glob.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <regex.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <threads.h>
#include <time.h>

#include "prog.h"

/* A function of each pair: WAY(name) { ... if (good) ... } */
#define WAY(name)                           \
	FRAME static void name(int good);   \
	FRAME static void bad_##name(void)  \
	{                                   \
		name(0);                    \
	}                                   \
	FRAME static void good_##name(void) \
	{                                   \
		name(1);                    \
	}                                   \
	FRAME static void name(int good)

struct node {
	struct node *next, *other;
	char *text;
};

FRAME static struct node *node_new(struct node *next)
{
	struct node *n = calloc(1, sizeof(*n));

	n->next = next;
	return n;
}

/* The only pointer goes here, and then away. */
static void lose(void *p)
{
	prog_sink = p;
	prog_sink = NULL;
}

static void end(int good, void *p)
{
	if (good)
		free(p);
	else
		lose(p);
}

/* ---- blocks ---- */

WAY(malloc_lost)
{
	end(good, malloc(100));
}

WAY(calloc_lost)
{
	end(good, calloc(10, 10));
}

WAY(realloc_lost)
{
	end(good, realloc(malloc(10), 100000));
}

WAY(reallocarray_lost)
{
	end(good, reallocarray(NULL, 10, 10));
}

WAY(aligned_lost)
{
	end(good, aligned_alloc(64, 128));
}

WAY(posix_memalign_lost)
{
	void *p = NULL;

	if (!posix_memalign(&p, 64, 100))
		end(good, p);
}

WAY(strdup_lost)
{
	end(good, strdup("a text that is copied"));
}

WAY(asprintf_lost)
{
	char *s = NULL;

	if (asprintf(&s, "%d", 42) > 0)
		end(good, s);
}

WAY(getline_lost)
{
	char text[] = "a line\n", *line = NULL;
	size_t n = 0;
	FILE *f = fmemopen(text, sizeof(text) - 1, "r");

	if (getline(&line, &n, f) < 0)
		exit(9);
	fclose(f);
	end(good, line);
}

WAY(memstream_lost)
{
	char *text = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);

	fputs("a text", f);
	fclose(f);
	end(good, text);
}

WAY(realpath_lost)
{
	end(good, realpath("/", NULL));
}

WAY(getcwd_lost)
{
	end(good, getcwd(NULL, 0));
}

WAY(regcomp_kept)
{
	regex_t *r = malloc(sizeof(*r));

	if (regcomp(r, "a*b", 0))
		exit(9);
	if (good)
		regfree(r);
	free(r);
}

WAY(glob_kept)
{
	glob_t g;

	if (glob("/*", 0, NULL, &g))
		exit(9);
	if (good)
		globfree(&g);
	memset(&g, 0, sizeof(g));
}

WAY(getaddrinfo_kept)
{
	struct addrinfo *a = NULL, hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV};

	if (getaddrinfo("127.0.0.1", "80", &hints, &a))
		exit(9);
	if (good)
		freeaddrinfo(a);
	else
		lose(a);
}

WAY(scandir_entries)
{
	struct dirent **entry = NULL;
	int n = scandir("/", &entry, NULL, NULL);

	for (int i = 0; i < n && good; i++)
		free(entry[i]);
	free(entry);
}

WAY(member_of_a_struct)
{
	struct node *n = node_new(NULL);

	n->text = strdup("a member");
	if (good)
		free(n->text);
	free(n);
}

WAY(overwritten_pointer)
{
	char *volatile p = malloc(50);

	if (good)
		free(p);
	p = malloc(60);
	free(p);
}

WAY(list)
{
	struct node *n = node_new(node_new(node_new(NULL)));

	while (good && n) {
		struct node *next = n->next;
		free(n);
		n = next;
	}
	lose(n);
}

WAY(ring)
{
	struct node *a = node_new(NULL), *b = node_new(a);

	a->next = b;
	end(good, a);
	end(good, b);
}

WAY(tree)
{
	struct node *n = node_new(node_new(NULL));

	n->other = node_new(NULL);
	if (good) {
		free(n->next);
		free(n->other);
	}
	end(good, n);
}

WAY(array_of_pointers)
{
	char **all = malloc(5 * sizeof(*all));

	for (int i = 0; i < 5; i++)
		all[i] = strdup("an element");
	for (int i = 0; i < 5 && good; i++)
		free(all[i]);
	free(all);
}

static void *make_result(void *arg)
{
	(void)arg;
	return malloc(77);
}

/* Made in a thread: the thread's function is its first own frame. */
WAY(result_of_a_thread)
{
	pthread_t t;
	void *result;

	if (pthread_create(&t, NULL, make_result, NULL) || pthread_join(t, &result))
		exit(9);
	end(good, result);
}

static void *free_it(void *p)
{
	free(p);
	return NULL;
}

WAY(freed_by_another_thread)
{
	void *p = malloc(88);
	pthread_t t;

	if (pthread_create(&t, NULL, free_it, good ? p : NULL) || pthread_join(t, NULL))
		exit(9);
	lose(p);
}

static pthread_key_t key;

static void *set_key(void *arg)
{
	pthread_setspecific(key, malloc(99));
	return arg;
}

WAY(value_of_a_thread)
{
	pthread_t t;

	pthread_key_create(&key, good ? free : NULL);
	if (pthread_create(&t, NULL, set_key, NULL) || pthread_join(t, NULL))
		exit(9);
}

/* ---- descriptors ---- */

static void end_fd(int good, int fd)
{
	if (fd < 0)
		exit(9);
	if (good)
		close(fd);
}

WAY(open_kept)
{
	end_fd(good, open("/dev/null", O_RDONLY));
}

WAY(openat_kept)
{
	end_fd(good, openat(AT_FDCWD, "/dev/null", O_RDONLY));
}

WAY(socket_kept)
{
	end_fd(good, socket(AF_INET, SOCK_STREAM, 0));
}

WAY(socketpair_half)
{
	int fd[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fd))
		exit(9);
	close(fd[0]);
	end_fd(good, fd[1]);
}

WAY(pipe_half)
{
	int fd[2];

	if (pipe(fd))
		exit(9);
	close(fd[1]);
	end_fd(good, fd[0]);
}

WAY(dup_kept)
{
	int fd = open("/dev/null", O_RDONLY);

	end_fd(good, dup(fd));
	close(fd);
}

WAY(dup2_kept)
{
	end_fd(good, dup2(0, 33));
}

WAY(fcntl_dup_kept)
{
	end_fd(good, fcntl(0, F_DUPFD_CLOEXEC, 40));
}

WAY(fopen_kept)
{
	FILE *f = fopen("/dev/null", "r");

	if (good)
		fclose(f);
}

WAY(fdopen_kept)
{
	FILE *f = fdopen(open("/dev/null", O_RDONLY), "r");

	if (good)
		fclose(f);
}

WAY(popen_kept)
{
	FILE *f = popen("true", "r");

	if (good)
		pclose(f);
}

WAY(opendir_kept)
{
	DIR *d = opendir("/");

	if (good)
		closedir(d);
}

WAY(tmpfile_kept)
{
	FILE *f = tmpfile();

	if (good)
		fclose(f);
}

WAY(mkstemp_kept)
{
	char name[] = "/tmp/check_pairs.XXXXXX";
	int fd = mkstemp(name);

	unlink(name);
	end_fd(good, fd);
}

WAY(epoll_kept)
{
	end_fd(good, epoll_create1(0));
}

WAY(eventfd_kept)
{
	end_fd(good, eventfd(0, 0));
}

WAY(signalfd_kept)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	end_fd(good, signalfd(-1, &set, 0));
}

WAY(inotify_kept)
{
	end_fd(good, inotify_init1(0));
}

WAY(memfd_kept)
{
	end_fd(good, memfd_create("x", 0));
}

WAY(pty_kept)
{
	end_fd(good, posix_openpt(O_RDWR));
}

WAY(timerfd_kept)
{
	end_fd(good, timerfd_create(CLOCK_MONOTONIC, 0));
}

/* A server that takes connections, and forgets to close one. */
WAY(accept_loop)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof(a);
	int server = socket(AF_INET, SOCK_STREAM, 0);

	if (bind(server, (struct sockaddr *)&a, sizeof(a)) || listen(server, 5) ||
	    getsockname(server, (struct sockaddr *)&a, &n))
		exit(9);
	for (int i = 0; i < 3; i++) {
		int client = socket(AF_INET, SOCK_STREAM, 0);
		if (connect(client, (struct sockaddr *)&a, n))
			exit(9);
		int peer = accept(server, NULL, NULL);
		close(client);
		end_fd(good || i != 1, peer);
	}
	close(server);
}

/* The child's, not its parent's. */
WAY(fork_without_exec)
{
	pid_t pid = fork();

	if (!pid) {
		end_fd(good, open("/dev/null", O_RDONLY));
		exit(0);
	}
	waitpid(pid, NULL, 0);
}

/* What the parent has open is not the child's to close. */
WAY(fork_inherits)
{
	int fd = open("/dev/null", O_RDONLY);
	pid_t pid = fork();

	if (!pid)
		exit(0);
	waitpid(pid, NULL, 0);
	end_fd(good, fd);
}

WAY(passed_on_by_a_socket)
{
	char room[CMSG_SPACE(sizeof(int))] = {0}, byte = 1;
	struct iovec v = {&byte, 1};
	struct msghdr m = {.msg_iov = &v,
	                   .msg_iovlen = 1,
	                   .msg_control = room,
	                   .msg_controllen = sizeof(room)};
	int pair[2], fd = open("/dev/null", O_RDONLY);

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
		exit(9);
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	if (sendmsg(pair[0], &m, 0) != 1 || recvmsg(pair[1], &m, 0) != 1)
		exit(9);
	close(fd);
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(fd));
	close(pair[0]);
	close(pair[1]);
	end_fd(good, fd);
}

/* ---- timers ---- */

WAY(timer_kept)
{
	timer_t t;

	if (timer_create(CLOCK_MONOTONIC, &(struct sigevent){.sigev_notify = SIGEV_NONE}, &t))
		exit(9);
	if (good)
		timer_delete(t);
}

static void on_timer(union sigval v)
{
	(void)v;
}

WAY(timer_with_a_thread)
{
	struct sigevent e = {.sigev_notify = SIGEV_THREAD, .sigev_notify_function = on_timer};
	timer_t t;

	if (timer_create(CLOCK_MONOTONIC, &e, &t))
		exit(9);
	if (good)
		timer_delete(t);
}

WAY(itimer_armed)
{
	struct itimerval v = {{100, 0}, {100, 0}}, off = {{0, 0}, {0, 0}};

	setitimer(ITIMER_REAL, &v, NULL);
	if (good)
		setitimer(ITIMER_REAL, &off, NULL);
}

WAY(timerfd_unread)
{
	struct itimerspec v = {{0, 1000000}, {0, 1000000}};
	int fd = timerfd_create(CLOCK_MONOTONIC, 0);
	uint64_t n;

	timerfd_settime(fd, 0, &v, NULL);
	usleep(5000);
	if (good && read(fd, &n, sizeof(n)) != sizeof(n))
		exit(9);
	end_fd(good, fd);
}

/* ---- threads ---- */

static void *do_nothing(void *arg)
{
	return arg;
}

static void *wait_for_ever(void *arg)
{
	for (;;)
		pause();
	return arg;
}

WAY(thread_not_joined)
{
	pthread_t t;

	if (pthread_create(&t, NULL, do_nothing, NULL))
		exit(9);
	if (good)
		pthread_join(t, NULL);
}

WAY(detached_thread_stays)
{
	pthread_t t;

	if (pthread_create(&t, NULL, good ? do_nothing : wait_for_ever, NULL))
		exit(9);
	pthread_detach(t);
}

WAY(cancelled_not_joined)
{
	pthread_t t;

	if (pthread_create(&t, NULL, wait_for_ever, NULL))
		exit(9);
	pthread_cancel(t);
	if (good)
		pthread_join(t, NULL);
}

static struct pool {
	pthread_mutex_t lock;
	pthread_cond_t wake;
	int stop;
} pool = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0};

static void *pool_work(void *arg)
{
	pthread_mutex_lock(&pool.lock);
	while (!pool.stop)
		pthread_cond_wait(&pool.wake, &pool.lock);
	pthread_mutex_unlock(&pool.lock);
	return arg;
}

WAY(pool_not_stopped)
{
	pthread_t t[4];

	for (int i = 0; i < 4; i++)
		if (pthread_create(&t[i], NULL, pool_work, NULL))
			exit(9);
	if (!good)
		return;
	pthread_mutex_lock(&pool.lock);
	pool.stop = 1;
	pthread_cond_broadcast(&pool.wake);
	pthread_mutex_unlock(&pool.lock);
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
}

static int do_nothing_11(void *arg)
{
	(void)arg;
	return 0;
}

WAY(thread_of_c11)
{
	thrd_t t;

	if (thrd_create(&t, do_nothing_11, NULL) != thrd_success)
		exit(9);
	if (good)
		thrd_join(t, NULL);
}

#define PAIR(name)                             \
	{                                      \
#name, bad_##name, good_##name \
	}
static const struct {
	const char *name;
	void (*bad)(void), (*good)(void);
} pairs[] = {
        PAIR(malloc_lost),
        PAIR(calloc_lost),
        PAIR(realloc_lost),
        PAIR(reallocarray_lost),
        PAIR(aligned_lost),
        PAIR(posix_memalign_lost),
        PAIR(strdup_lost),
        PAIR(asprintf_lost),
        PAIR(getline_lost),
        PAIR(memstream_lost),
        PAIR(realpath_lost),
        PAIR(getcwd_lost),
        PAIR(regcomp_kept),
        PAIR(glob_kept),
        PAIR(getaddrinfo_kept),
        PAIR(scandir_entries),
        PAIR(member_of_a_struct),
        PAIR(overwritten_pointer),
        PAIR(list),
        PAIR(ring),
        PAIR(tree),
        PAIR(array_of_pointers),
        PAIR(result_of_a_thread),
        PAIR(freed_by_another_thread),
        PAIR(value_of_a_thread),
        PAIR(open_kept),
        PAIR(openat_kept),
        PAIR(socket_kept),
        PAIR(socketpair_half),
        PAIR(pipe_half),
        PAIR(dup_kept),
        PAIR(dup2_kept),
        PAIR(fcntl_dup_kept),
        PAIR(fopen_kept),
        PAIR(fdopen_kept),
        PAIR(popen_kept),
        PAIR(opendir_kept),
        PAIR(tmpfile_kept),
        PAIR(mkstemp_kept),
        PAIR(epoll_kept),
        PAIR(eventfd_kept),
        PAIR(signalfd_kept),
        PAIR(inotify_kept),
        PAIR(memfd_kept),
        PAIR(pty_kept),
        PAIR(timerfd_kept),
        PAIR(accept_loop),
        PAIR(fork_without_exec),
        PAIR(fork_inherits),
        PAIR(passed_on_by_a_socket),
        PAIR(timer_kept),
        PAIR(timer_with_a_thread),
        PAIR(itimer_armed),
        PAIR(timerfd_unread),
        PAIR(thread_not_joined),
        PAIR(detached_thread_stays),
        PAIR(cancelled_not_joined),
        PAIR(pool_not_stopped),
        PAIR(thread_of_c11),
};

/* What calls have left on the stack would still be a pointer. */
FRAME static void wipe(void)
{
	volatile char junk[16384];

	for (size_t i = 0; i < sizeof(junk); i++)
		junk[i] = 0;
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "list"))
		for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++)
			puts(pairs[i].name);
	for (size_t i = 0; argc > 2 && i < sizeof(pairs) / sizeof(*pairs); i++)
		if (!strcmp(argv[2], pairs[i].name))
			(*argv[1] == 'b' ? pairs[i].bad : pairs[i].good)();
	wipe();
	return 0;
}
