/*
 * arena.c - outlive's private heap: see arena.h. The jemalloc behind it is Debian's PIC archive
 * with its symbols renamed (Makefile, libarena.a); this file gives it its settings and what it
 * takes from libc: raw system calls, so that nothing passes through our own hooks or the program's
 * variables. Context: any thread outside of signal handlers, IN_TRACKER set.
 */
#include "arena.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/types.h>

#include "sys.h"

void *ol_calloc(size_t n, size_t bytes);
void ol_free(void *p);
size_t ol_malloc_usable_size(void *p);

/* One arena, no thread caches, pages given back at once: it is small and seldom used. No threads of
 * its own. */
extern const char *ol_malloc_conf;
const char *ol_malloc_conf = "narenas:1,tcache:false,background_thread:false,dirty_decay_ms:0,"
                             "muzzy_decay_ms:0,metadata_thp:disabled,thp:never";

/* What jemalloc takes from libc. Prototypes: it was compiled against libc's. */
void *ol_mmap(void *at, size_t n, int prot, int flags, int fd, off_t offset);
int ol_munmap(void *at, size_t n);
int ol_madvise(void *at, size_t n, int advice);
int ol_open(const char *path, int flags, ...);
int ol_close(int fd);
char *ol_secure_getenv(const char *name);
ssize_t ol_readlink(const char *path, char *buf, size_t n);
int ol_pthread_create(pthread_t *t, const pthread_attr_t *a, void *(*start)(void *), void *arg);
int ol_pthread_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void));
double ol_exp(double x);
double ol_log(double x);
double ol_round(double x);

static long libc_result(long r)
{
	if (r < 0 && r > -4096) {
		errno = (int)-r;
		return -1;
	}
	return r;
}

void *ol_mmap(void *at, size_t n, int prot, int flags, int fd, off_t offset)
{
	return (void *)libc_result(sys_call(SYS_mmap, at, n, prot, flags, fd, offset));
}

int ol_munmap(void *at, size_t n)
{
	return (int)libc_result(sys_call(SYS_munmap, at, n));
}

int ol_madvise(void *at, size_t n, int advice)
{
	return (int)libc_result(sys_call(SYS_madvise, at, n, advice));
}

int ol_open(const char *path, int flags, ...)
{
	return (int)libc_result(sys_open(path, flags, 0));
}

int ol_close(int fd)
{
	return (int)libc_result(sys_close(fd));
}

/* MALLOC_CONF and /etc/malloc.conf are the program's, not ours. */
char *ol_secure_getenv(const char *name)
{
	(void)name;
	return NULL;
}

ssize_t ol_readlink(const char *path, char *buf, size_t n)
{
	(void)path, (void)buf, (void)n;
	errno = ENOENT;
	return -1;
}

/* No thread of ours in the target. */
int ol_pthread_create(pthread_t *t, const pthread_attr_t *a, void *(*start)(void *), void *arg)
{
	(void)t, (void)a, (void)start, (void)arg;
	return EAGAIN;
}

/* Only jemalloc's own profiler calls these, and it is off; libm stays out of the target. */
double ol_exp(double x)
{
	(void)x;
	return 1;
}

double ol_log(double x)
{
	(void)x;
	return 0;
}

double ol_round(double x)
{
	return (double)(long)(x + 0.5);
}

/* ---- first use, and fork ---- */

/* Most processes need none of it, and its start costs as much as that of a short program: it has
 * no constructor (Makefile), and starts at the first call. Its own fork handlers are called by
 * ours, which stand where they have to, whenever that is. */
static void (*g_prepare)(void), (*g_parent)(void), (*g_child)(void);
static struct sys_lock g_starting; /* held over a fork, too */
static bool g_started;

int ol_pthread_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void))
{
	g_prepare = prepare;
	g_parent = parent;
	g_child = child;
	return 0;
}

void arena_fork_prepare(void)
{
	sys_lock(&g_starting);
	if (g_prepare)
		g_prepare();
}

void arena_fork_parent(void)
{
	if (g_parent)
		g_parent();
	sys_unlock(&g_starting);
}

void arena_fork_child(void)
{
	if (g_child)
		g_child();
	sys_lock_reset(&g_starting);
}

static void *first_alloc(size_t bytes)
{
	sys_lock(&g_starting);
	void *p = ol_calloc(1, bytes);

	__atomic_store_n(&g_started, true, __ATOMIC_RELEASE);
	sys_unlock(&g_starting);
	return p;
}

/* ---- the heap ---- */

static uint64_t g_used;

void *arena_alloc(size_t bytes)
{
	int was = errno;
	size_t n = bytes ? bytes : 1;
	void *p = __atomic_load_n(&g_started, __ATOMIC_ACQUIRE) ? ol_calloc(1, n) : first_alloc(n);

	if (p)
		__atomic_fetch_add(&g_used, ol_malloc_usable_size(p), __ATOMIC_RELAXED);
	errno = was;
	return p;
}

char *arena_strdup(const char *s)
{
	size_t n = strlen(s) + 1;
	char *copy = arena_alloc(n);

	return copy ? memcpy(copy, s, n) : NULL;
}

void arena_free(void *p)
{
	int was = errno;

	if (p) {
		__atomic_fetch_sub(&g_used, ol_malloc_usable_size(p), __ATOMIC_RELAXED);
		ol_free(p);
	}
	errno = was;
}

uint64_t arena_used(void)
{
	return __atomic_load_n(&g_used, __ATOMIC_RELAXED);
}
