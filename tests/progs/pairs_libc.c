/* pairs_libc.c - what libc's less common calls hand out, given back or not: see pairs.h. */
#include <execinfo.h>
#include <fcntl.h>
#include <fts.h>
#include <iconv.h>
#include <locale.h>
#include <netinet/in.h>
#include <pthread.h>
#include <search.h>
#include <spawn.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>
#include <wchar.h>
#include <wordexp.h>

#include "tests/progs/pairs.h"

static void shut(int fd)
{
	if (!bad)
		close(fd);
}

/* ---- blocks ---- */

static char *format(const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	return text;
}
CASE(vasprintf_lost)
{
	drop(format("%s-%d", "a text", 42));
}
CASE(wordexp_lost)
{
	wordexp_t words;

	if (!wordexp("one two three", &words, WRDE_NOCMD) && !bad)
		wordfree(&words);
	memset(&words, 0, sizeof(words));
}
CASE(newlocale_lost)
{
	locale_t l = newlocale(LC_ALL_MASK, "C.UTF-8", (locale_t)0);

	if (l && !bad)
		freelocale(l);
}
CASE(iconv_lost)
{
	iconv_t cd = iconv_open("UTF-16", "UTF-8");

	if (cd != (iconv_t)-1 && !bad)
		iconv_close(cd);
}
CASE(symbols_of_backtrace_lost)
{
	void *frame[8];

	drop(backtrace_symbols(frame, backtrace(frame, 8)));
}
CASE(file_actions_lost)
{
	posix_spawn_file_actions_t actions;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 3, "/dev/null", O_RDONLY, 0);
	if (!bad)
		posix_spawn_file_actions_destroy(&actions);
	memset(&actions, 0, sizeof(actions));
}
CASE(attributes_lost)
{
	pthread_attr_t attr;
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(0, &cpus);
	pthread_attr_init(&attr);
	pthread_attr_setaffinity_np(&attr, sizeof(cpus), &cpus);
	if (!bad)
		pthread_attr_destroy(&attr);
	memset(&attr, 0, sizeof(attr));
}
CASE(table_of_search_lost)
{
	struct hsearch_data table = {0};

	if (hcreate_r(10, &table) && !bad)
		hdestroy_r(&table);
	memset(&table, 0, sizeof(table));
}
/* A stream of memory that is closed; its text is the caller's. */
CASE(wide_memstream_lost)
{
	wchar_t *text = NULL;
	size_t n;
	FILE *f = open_wmemstream(&text, &n);

	fputws(L"text", f);
	fclose(f);
	drop(text);
}

struct counted {
	int references;
	char text[52];
};
static void put(struct counted *c)
{
	if (!--c->references)
		free(c);
}
CASE(reference_too_many)
{
	struct counted *c = malloc(sizeof(*c));

	c->references = bad ? 2 : 1;
	put(c);
}
CASE(realloc_of_nothing_lost)
{
	char *text = strdup("a text of some length");
	char *copy = realloc(NULL, 30);

	memcpy(copy, text, 10);
	free(text);
	drop(copy);
}

/* ---- descriptors ---- */

CASE(openat_left)
{
	int root = open("/", O_RDONLY | O_DIRECTORY);

	shut(openat(root, "etc", O_RDONLY | O_DIRECTORY));
	close(root);
}
CASE(creat_left)
{
	char name[] = "creat_left.tmp";

	shut(creat(name, 0600));
	unlink(name);
}
CASE(freopen_left)
{
	FILE *f = fopen("/dev/null", "r");

	f = freopen("/dev/zero", "r", f);
	if (f && !bad)
		fclose(f);
}
CASE(fts_left)
{
	char *const paths[] = {"/dev/null", NULL};
	FTS *walk = fts_open(paths, FTS_PHYSICAL, NULL);

	while (walk && fts_read(walk))
		continue;
	if (walk && !bad)
		fts_close(walk);
}
CASE(shm_left)
{
	char name[40];

	snprintf(name, sizeof(name), "/outlive-pairs-%d", (int)getpid());
	int fd = shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0600);
	shm_unlink(name);
	shut(fd);
}
CASE(pidfd_left)
{
	shut(pidfd_open(getpid(), 0));
}
/* The mapping does not need it any more. */
CASE(mapped_file_left)
{
	int fd = open("/proc/self/exe", O_RDONLY);
	void *p = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);

	shut(fd);
	if (p != MAP_FAILED)
		munmap(p, 4096);
}
/* One descriptor too many each time that something has to be done. */
CASE(timerfd_loop_left)
{
	const struct itimerspec soon = {{0, 0}, {0, 1}};
	uint64_t ticks;

	for (int i = 0; i < 5; i++) {
		int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
		timerfd_settime(fd, 0, &soon, NULL);
		if (read(fd, &ticks, sizeof(ticks)) != sizeof(ticks))
			exit(98);
		shut(fd);
	}
}
/* In the child of vfork's kin the table is the child's own. */
CASE(spawned_end_left)
{
	char *const argv[] = {"true", NULL};
	int ends[2];
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) || posix_spawnp(&pid, "true", NULL, NULL, argv, NULL))
		exit(98);
	waitpid(pid, NULL, 0);
	close(ends[1]);
	shut(ends[0]);
}
/* ---- threads ---- */

static pthread_mutex_t g_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t g_wake = PTHREAD_COND_INITIALIZER;
static bool g_stop, g_stopped;

static void *waits_detached(void *arg)
{
	pthread_mutex_lock(&g_lock);
	while (!g_stop)
		pthread_cond_wait(&g_wake, &g_lock);
	g_stopped = true;
	pthread_cond_broadcast(&g_wake);
	pthread_mutex_unlock(&g_lock);
	return arg;
}
/* Detached is not gone. */
CASE(detached_left_running)
{
	pthread_t thread;

	pthread_create(&thread, NULL, waits_detached, NULL);
	pthread_detach(thread);
	if (bad)
		return;
	pthread_mutex_lock(&g_lock);
	g_stop = true;
	pthread_cond_broadcast(&g_wake);
	while (!g_stopped)
		pthread_cond_wait(&g_wake, &g_lock);
	pthread_mutex_unlock(&g_lock);
}
static void *sleeps(void *arg)
{
	for (;;)
		pause();
	return arg;
}
/* pthread_cancel ends it and joins nothing. */
CASE(cancelled_unjoined)
{
	pthread_t thread;

	pthread_create(&thread, NULL, sleeps, NULL);
	pthread_cancel(thread);
	if (!bad)
		pthread_join(thread, NULL);
}

#define H(name)                     \
	{                           \
#name, "heap", name \
	}
#define F(name)                   \
	{                         \
#name, "fd", name \
	}
#define T(name)                       \
	{                             \
#name, "thread", name \
	}
int main(int argc, char **argv)
{
	static const struct pair pairs[] = {
	        H(vasprintf_lost),
	        H(wordexp_lost),
	        H(newlocale_lost),
	        H(iconv_lost),
	        H(symbols_of_backtrace_lost),
	        H(file_actions_lost),
	        H(attributes_lost),
	        H(table_of_search_lost),
	        H(wide_memstream_lost),
	        H(reference_too_many),
	        H(realloc_of_nothing_lost),

	        F(openat_left),
	        F(creat_left),
	        F(freopen_left),
	        F(fts_left),
	        F(shm_left),
	        F(pidfd_left),
	        F(mapped_file_left),
	        F(timerfd_loop_left),
	        F(spawned_end_left),
	        T(detached_left_running),
	        T(cancelled_unjoined),
	};

	return run_pairs(pairs, sizeof(pairs) / sizeof(*pairs), argc, argv);
}
