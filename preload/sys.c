/*
 * sys.c - the operating system, without libc: see sys.h. Owns the address range where all of
 * outlive's tables lie. Context: anything, a signal handler and the snapshot child included; so no
 * errno, no TLS, no function of libc but those that only touch their arguments.
 */
#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>

/*
 * Far below the mmap area (0x7f..), far above heaps of programs that are not position-independent:
 * gcc's collector, among others, behaves differently when strangers lie between its own mappings.
 */
#ifndef OWN_BASE /* sanitizers that need this range for themselves are given another */
#define OWN_BASE 0x1a0000000000ul
#define OWN_END  0x1f0000000000ul
#endif
_Static_assert(OWN_END == SYS_FIXED, "one range");
/* What a page of page tables covers: faults of one large table never share one with another's. */
#define OWN_STEP 0x200000ul

static uintptr_t g_own_next = OWN_BASE;
static uint64_t g_own_bytes;
/* Small tables lie together: a mapping and a page of page tables each would be most of what a short
 * process costs. The next that is cut off begins here; on a bound of OWN_STEP there is none left.
 */
static uintptr_t g_small_next;
#define SMALL_MAX (OWN_STEP / 2)

static size_t whole_pages(size_t bytes)
{
	return (bytes + 4095) & ~(size_t)4095;
}

static bool g_no_more;

void sys_map_no_more(bool none)
{
	__atomic_store_n(&g_no_more, none, __ATOMIC_RELEASE);
}

/* Only where mlockall() was called: a filter of system calls may not know munlock. */
static bool g_unlocked;

static void unlock(uintptr_t at, size_t size)
{
	if (unlikely(__atomic_load_n(&g_unlocked, __ATOMIC_RELAXED)))
		sys_call(SYS_munlock, at, size);
}

void sys_map_unlocked(bool unlocked)
{
	__atomic_store_n(&g_unlocked, unlocked, __ATOMIC_RELAXED);
	/* Each call ends at the first hole. */
	for (uintptr_t at = OWN_BASE; at < __atomic_load_n(&g_own_next, __ATOMIC_RELAXED);
	     at += OWN_STEP)
		unlock(at, OWN_STEP);
	unlock(SYS_FIXED_BLOCKS, SYS_FIXED_SITES - SYS_FIXED_BLOCKS);
	unlock(SYS_FIXED_SITES, SYS_FIXED_END - SYS_FIXED_SITES);
}

static void *map_own(size_t size)
{
	if (__atomic_load_n(&g_no_more, __ATOMIC_ACQUIRE))
		return NULL;
	size_t step = (size + OWN_STEP - 1) & ~(OWN_STEP - 1);

	for (int tries = 0; tries < 256; tries++) {
		uintptr_t at = __atomic_fetch_add(&g_own_next, step, __ATOMIC_RELAXED);

		if (at < OWN_BASE || at + step > OWN_END)
			break;
		long p = sys_call(SYS_mmap, at, size, PROT_READ | PROT_WRITE,
		                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE,
		                  -1, 0);
		if (p == -EEXIST)
			continue;
		if (p < 0 && p > -4096)
			break;
		if ((uintptr_t)p != at) { /* a kernel that takes the address as a hint */
			sys_call(SYS_munmap, p, size);
			break;
		}
		unlock(at, size);
		/* One touched word must not cost 2 MB where huge pages are always on. */
		if (size >= OWN_STEP)
			sys_call(SYS_madvise, at, size, MADV_NOHUGEPAGE);
		return (void *)at;
	}
	return NULL;
}

static void *cut_small(size_t size)
{
	uintptr_t at = __atomic_load_n(&g_small_next, __ATOMIC_ACQUIRE);

	for (;;) {
		size_t left = -at & (OWN_STEP - 1);
		char *piece = size > left ? map_own(OWN_STEP) : (char *)at;

		if (!piece)
			return NULL;
		if (__atomic_compare_exchange_n(&g_small_next, &at, (uintptr_t)piece + size, false,
		                                __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
			/* What is too short for anybody counts in RLIMIT_AS. */
			if (size > left && left)
				sys_call(SYS_munmap, at, left);
			return piece;
		}
		if (size > left) /* another was quicker, or a handler on this thread */
			sys_call(SYS_munmap, piece, OWN_STEP);
	}
}

static void *counted(void *p, size_t size)
{
	if (p)
		__atomic_fetch_add(&g_own_bytes, size, __ATOMIC_RELAXED);
	return p;
}

void *sys_map(size_t bytes)
{
	size_t size = whole_pages(bytes);
	void *p = size <= SMALL_MAX ? cut_small(size) : NULL;

	/* There may be room for this, where there is none for a piece (RLIMIT_AS). */
	return p ? counted(p, size) : sys_map_apart(bytes);
}

void *sys_map_apart(size_t bytes)
{
	size_t size = whole_pages(bytes);

	return counted(map_own(size), size);
}

int sys_map_at(uintptr_t at, size_t bytes)
{
	if (__atomic_load_n(&g_no_more, __ATOMIC_ACQUIRE))
		return -EPERM;
	long p = sys_call(SYS_mmap, at, bytes, PROT_READ | PROT_WRITE,
	                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);

	if (p < 0 && p > -4096)
		return (int)p;
	if ((uintptr_t)p != at) {
		sys_call(SYS_munmap, p, bytes);
		return -EEXIST;
	}
	unlock(at, bytes);
	sys_call(SYS_madvise, at, bytes, MADV_NOHUGEPAGE);
	__atomic_fetch_add(&g_own_bytes, bytes, __ATOMIC_RELAXED);
	return 0;
}

void sys_populate(void *p, size_t bytes)
{
	uintptr_t at = (uintptr_t)p & ~4095ul;

	if (!__atomic_load_n(&g_no_more, __ATOMIC_ACQUIRE))
		sys_call(SYS_madvise, at, (uintptr_t)p + bytes - at, SYS_POPULATE_WRITE);
}

void sys_populate_ahead(uintptr_t *ready, uintptr_t from, uintptr_t at, uintptr_t end)
{
	enum { FEW = 4 * 4096, MOST = 32 * 4096 };
	uintptr_t used = at - from, more = used / 4 < MOST ? used / 4 : MOST;
	uintptr_t first = (at - 1) & ~4095ul, to = first + 4096 + (more & ~4095ul);

	/* A short process is to have no page that it does not need. */
	if (at <= *ready || used < FEW)
		return;
	*ready = to < end ? to : end;
	sys_populate((void *)first, *ready - first);
}

void sys_unmap(void *p, size_t bytes)
{
	size_t size = whole_pages(bytes);

	if (p && !sys_call(SYS_munmap, p, size))
		__atomic_fetch_sub(&g_own_bytes, size, __ATOMIC_RELAXED);
}

bool sys_is_own(uintptr_t address)
{
	return address >= OWN_BASE && address < SYS_FIXED_END;
}

uint64_t sys_mapped_bytes(void)
{
	return __atomic_load_n(&g_own_bytes, __ATOMIC_RELAXED);
}

void (*g_sys_waited)(void);

/* 0 free, 1 held, 2 held and somebody waits (Drepper, "Futexes are tricky", mutex 2). */
void sys_lock_slow(struct sys_lock *l)
{
	for (int spin = 0; spin < 100; spin++) {
		if (!__atomic_load_n(&l->word, __ATOMIC_RELAXED) && sys_try_lock(l))
			return;
		arch_pause();
	}
	while (__atomic_exchange_n(&l->word, 2, __ATOMIC_ACQUIRE)) {
		struct timespec a_while = {0, 20000000};
		long r = sys_call(SYS_futex, &l->word, FUTEX_WAIT_PRIVATE, 2, &a_while, 0, 0);

		/* The holder may be a thread that a raw fork has not brought along. */
		if (r == -ETIMEDOUT && g_sys_waited)
			g_sys_waited();
	}
}

void sys_unlock_slow(struct sys_lock *l)
{
	sys_call(SYS_futex, &l->word, FUTEX_WAKE_PRIVATE, 1, 0, 0, 0);
}

static bool g_clock_is_libcs;

void sys_clock_use_libc(void)
{
	g_clock_is_libcs = true;
}

/* clock_gettime of libc is the vdso's: no system call, no lock, async-signal-safe, and errno is not
 * touched on success. */
int sys_clock(int clock, struct timespec *t)
{
	/* Those of the processor's time are system calls in libc, too. */
	if (likely(g_clock_is_libcs && clock != CLOCK_THREAD_CPUTIME_ID &&
	           clock != CLOCK_PROCESS_CPUTIME_ID))
		return clock_gettime(clock, t);
	return (int)sys_call(SYS_clock_gettime, clock, t);
}

static uint64_t now(int clock)
{
	struct timespec t;

	if (sys_clock(clock, &t))
		return 0;
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

uint64_t sys_now_ns(void)
{
	return now(CLOCK_MONOTONIC);
}

uint64_t sys_coarse_ns(void)
{
	return now(CLOCK_MONOTONIC_COARSE);
}

uint64_t sys_real_ns(void)
{
	return now(CLOCK_REALTIME);
}

long sys_gettid(void)
{
	return sys_call(SYS_gettid);
}

long sys_getpid(void)
{
	return sys_call(SYS_getpid);
}

int sys_open(const char *path, int flags, int mode)
{
	long fd;

	do
		fd = sys_call(SYS_openat, AT_FDCWD, path, flags | O_CLOEXEC, mode);
	while (fd == -EINTR);
	return (int)fd;
}

int sys_close(int fd)
{
	return (int)sys_call(SYS_close, fd);
}

/* The older calls are not on every processor. */
int sys_unlink(const char *path)
{
	return (int)sys_call(SYS_unlinkat, AT_FDCWD, path, 0);
}

int sys_stat(const char *path, struct stat *st)
{
	return (int)sys_call(SYS_newfstatat, AT_FDCWD, path, st, 0);
}

long sys_readlink(const char *path, char *out, size_t size)
{
	return sys_call(SYS_readlinkat, AT_FDCWD, path, out, size);
}

long sys_write_all(int fd, const void *p, size_t n)
{
	const char *at = p;
	size_t left = n;

	while (left) {
		long r = sys_call(SYS_write, fd, at, left);

		if (r == -EINTR)
			continue;
		if (r <= 0)
			return r ? r : -EIO;
		at += r;
		left -= (size_t)r;
	}
	return (long)n;
}

long sys_read_file(const char *path, char *buf, size_t n)
{
	int fd = sys_open(path, O_RDONLY, 0);
	size_t have = 0;

	if (fd < 0)
		return fd;
	while (have < n) {
		long r = sys_call(SYS_read, fd, buf + have, n - have);

		if (r == -EINTR)
			continue;
		if (r <= 0)
			break;
		have += (size_t)r;
	}
	sys_close(fd);
	return (long)have;
}

int sys_each_number(const char *folder, void *buf, size_t size, int *fd,
                    void (*fn)(uint32_t number, void *arg), void *arg)
{
	struct entry {
		uint64_t inode;
		int64_t offset;
		uint16_t length;
		uint8_t type;
		char name[];
	};
	long n;

	*fd = sys_open(folder, O_RDONLY | O_DIRECTORY, 0);
	if (*fd < 0)
		return *fd;
	while ((n = sys_call(SYS_getdents64, *fd, buf, size)) > 0)
		for (long at = 0; at < n;) {
			const struct entry *e = (const struct entry *)((char *)buf + at);
			uint32_t v = 0;

			at += e->length;
			if (e->name[0] < '0' || e->name[0] > '9')
				continue;
			for (const char *c = e->name; *c >= '0' && *c <= '9'; c++)
				v = v * 10 + (uint32_t)(*c - '0');
			fn(v, arg);
		}
	sys_close(*fd);
	return (int)n;
}

void text_mem(struct text *t, const char *s, size_t n)
{
	size_t room = (size_t)(t->end - t->at);

	if (n > room)
		n = room;
	memcpy(t->at, s, n);
	t->at += n;
	*t->at = 0;
}

void text_str(struct text *t, const char *s)
{
	if (s)
		text_mem(t, s, strlen(s));
}

void text_u64(struct text *t, uint64_t v)
{
	char digits[20];
	int i = 20;

	do
		digits[--i] = (char)('0' + v % 10);
	while (v /= 10);
	text_mem(t, digits + i, (size_t)(20 - i));
}

void text_hex(struct text *t, uint64_t v)
{
	char digits[16];
	int i = 16;

	do
		digits[--i] = "0123456789abcdef"[v & 15];
	while (v >>= 4);
	text_mem(t, digits + i, (size_t)(16 - i));
}

static uint64_t signal_bit(int signal)
{
	return 1ul << (signal - 1);
}

void sys_signals_hold(struct sys_signals *s)
{
	uint64_t all = ~0ul;

	s->mask = s->pending = 0;
	sys_call(SYS_rt_sigprocmask, SIG_SETMASK, &all, &s->mask, sizeof(all));
	sys_call(SYS_rt_sigpending, &s->pending, sizeof(s->pending));
}

void sys_signals_release(const struct sys_signals *s, bool wrote)
{
	uint64_t now = 0, ours = signal_bit(SIGXFSZ) | signal_bit(SIGPIPE);
	struct timespec at_once = {0, 0};

	if (wrote) {
		sys_call(SYS_rt_sigpending, &now, sizeof(now));
		ours &= now & ~s->pending;
		while (ours &&
		       sys_call(SYS_rt_sigtimedwait, &ours, NULL, &at_once, sizeof(ours)) > 0)
			;
	}
	sys_call(SYS_rt_sigprocmask, SIG_SETMASK, &s->mask, NULL, sizeof(s->mask));
}

/* What fd 2 was at the start. A duplicate would keep a pipe open that the program closes: whoever
 * reads it would hang. */
static uint64_t g_stderr_dev, g_stderr_ino;

static bool stderr_id(uint64_t *dev, uint64_t *ino)
{
	struct stat st;

	if (sys_call(SYS_fstat, 2, &st) < 0)
		return false;
	*dev = st.st_dev;
	*ino = st.st_ino;
	return true;
}

void sys_log_init(void)
{
	if (!stderr_id(&g_stderr_dev, &g_stderr_ino))
		g_stderr_ino = 0;
}

void sys_log(const char *a, const char *b, const char *c)
{
	char line[1024];
	struct text t = TEXT(line);
	uint64_t dev, ino;

	if (!g_stderr_ino || !stderr_id(&dev, &ino) || dev != g_stderr_dev || ino != g_stderr_ino)
		return;
	text_str(&t, "outlive: ");
	text_str(&t, a);
	text_str(&t, b);
	text_str(&t, c);
	if (t.at == t.end)
		t.at--;
	text_str(&t, "\n");
	struct pollfd room = {.fd = 2, .events = POLLOUT};
	struct timespec at_once = {0, 0};
	struct sys_signals signals;

	sys_signals_hold(&signals);
	/* One try only: nothing can be done when it fails. */
	if (sys_call(SYS_ppoll, &room, 1, &at_once, NULL, 0) == 1)
		sys_call(SYS_write, 2, line, t.at - line);
	sys_signals_release(&signals, true);
}
