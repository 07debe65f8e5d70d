/*
 * sys.h - the operating system, without libc: raw system calls, our own mappings, locks, clock,
 * and text. Nothing here touches errno, TLS, the program's heap or any interposed function, so
 * everything may be used in a signal handler and in a child that shares our memory (CLONE_VM).
 * Functions return a value >= 0 or -errno.
 */
#ifndef OUTLIVE_SYS_H
#define OUTLIVE_SYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>

#include "arch.h"

#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#define COLD        __attribute__((cold, noinline))
/* What each malloc and free runs through: lies together. */
#define HOT __attribute__((hot))
/* What each of them reads, and hardly anybody writes: one cache line. */
#define HOT_SHARED __attribute__((section("hot_shared")))
/* The compiler knows nothing of what is in it. */
#define OPAQUE(x) ARCH_OPAQUE(x)
/* Initial-exec: __tls_get_addr may call malloc, and then us. */
#define TLS __thread __attribute__((tls_model("initial-exec")))

/*
 * Where a call that the program does not know of would be its death, none is made: sys_call()
 * answers -EPERM; to all threads, or to all but the one that has said so.
 */
enum sys_silence { SYS_NOBODY_SILENT, SYS_OTHERS_SILENT, SYS_ALL_SILENT };
void sys_silence(enum sys_silence who);
extern bool g_sys_silent __attribute__((visibility("hidden")));
bool sys_is_silent(void);
/*
 * Each other thread of the process then has come to a call that blocks, or has run for so long
 * since this was called: who was about to make a call has made it. At most for the limit. One
 * caller at a time.
 */
void sys_wait_others(uint64_t cpu_ns, uint64_t limit_ns);

#define sys_call(n, ...) SYS_CALL_PICK(n, ##__VA_ARGS__, 0, 0, 0, 0, 0, 0)
#define SYS_CALL_PICK(n, a, b, c, d, e, f, ...) \
	sys_call6(n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))
static inline long sys_call6(long n, long a, long b, long c, long d, long e, long f)
{
	if (unlikely(__atomic_load_n(&g_sys_silent, __ATOMIC_RELAXED)) && sys_is_silent())
		return -1; /* EPERM */
	return arch_call6(n, a, b, c, d, e, f);
}

/*
 * Zeroed memory for our tables, far from where the program's own mappings go (some programs
 * allocate by address). Not backed until touched. NULL when there is none. Never unmapped by
 * the kernel on fork. sys_unmap takes what they gave, whole.
 */
void *sys_map(size_t bytes);
/* The same on a bound of 2 MB, with no other table below or above: for stacks, and for what is
 * given back soon. */
void *sys_map_apart(size_t bytes);
/* From here on there is no page to be had, as when memory has run out; or there is again. */
void sys_map_no_more(bool none);
void sys_unmap(void *p, size_t bytes);
/* The program has all that is mapped locked in memory (mlockall): ours is unlocked, at once and
 * when more is mapped, for there is a limit that is the program's. Or it is to be left as it is. */
void sys_map_unlocked(bool unlocked);
/* The same at a given place in a range that nothing else is put into: what lies there is found
 * without a pointer. 0 or -errno; -EEXIST: the program has something there. */
int sys_map_at(uintptr_t at, size_t bytes);
#ifndef SYS_FIXED /* for sanitizers: as OWN_END in sys.c */
#define SYS_FIXED 0x1f0000000000ul
#endif
#define SYS_FIXED_BLOCKS SYS_FIXED /* live_store.c: 64 GB */
#define SYS_FIXED_SITES  (SYS_FIXED + (1ul << 36))
#define SYS_FIXED_END    (SYS_FIXED + (1ul << 37))
/* Backs pages of a table that are about to be written, in one call: each that is left to a fault
 * costs a microsecond or two. Where the kernel cannot (before 5.14), they are left to that. */
#define SYS_POPULATE_WRITE 23 /* MADV_POPULATE_WRITE, which older headers lack */
void sys_populate(void *p, size_t bytes);
/* For a table that fills upward from `from` and is about to be written up to `at`: backs that, and
 * up to a quarter more, no further than `end`. *ready: as far as that was done; 0 at first. One
 * caller at a time. */
void sys_populate_ahead(uintptr_t *ready, uintptr_t from, uintptr_t at, uintptr_t end);
/* True for an address inside our own mappings. */
bool sys_is_own(uintptr_t address);
/* Bytes handed out by these and not given back (virtual). */
uint64_t sys_mapped_bytes(void);

/*
 * Futex lock. Take it only with IN_TRACKER set (track.h), so that no signal handler of this
 * thread can want it again. Zero is unlocked. In the child of a fork the holder may be gone:
 * sys_lock_reset() there.
 */
struct sys_lock {
	uint32_t word;
};
/* Called when a lock was not to be had for a while; may reset it. NULL at first. */
extern void (*g_sys_waited)(void) __attribute__((visibility("hidden")));
void sys_lock_slow(struct sys_lock *l);
void sys_unlock_slow(struct sys_lock *l);
static inline void sys_lock(struct sys_lock *l)
{
	uint32_t free = 0;

	if (unlikely(!__atomic_compare_exchange_n(&l->word, &free, 1, false, __ATOMIC_ACQUIRE,
	                                          __ATOMIC_RELAXED)))
		sys_lock_slow(l);
}
static inline bool sys_try_lock(struct sys_lock *l)
{
	uint32_t free = 0;

	return __atomic_compare_exchange_n(&l->word, &free, 1, false, __ATOMIC_ACQUIRE,
	                                   __ATOMIC_RELAXED);
}
static inline void sys_unlock(struct sys_lock *l)
{
	if (unlikely(__atomic_exchange_n(&l->word, 0, __ATOMIC_RELEASE) != 1))
		sys_unlock_slow(l);
}
static inline bool sys_lock_is_held(const struct sys_lock *l)
{
	return __atomic_load_n(&l->word, __ATOMIC_RELAXED) != 0;
}
static inline void sys_lock_reset(struct sys_lock *l)
{
	__atomic_store_n(&l->word, 0, __ATOMIC_RELEASE);
}

/*
 * clock_gettime: 0, or not. By a system call until real.c has found that the name leads to libc.
 * That of a sanitizer may be called by nobody before the sanitizer is ready, and libfaketime's
 * lies.
 */
struct timespec;
int sys_clock(int clock, struct timespec *t);
void sys_clock_use_libc(void);
/* Nanoseconds. coarse: a few ns to read, steps of 1 to 4 ms. real: since 1970. */
uint64_t sys_now_ns(void);
uint64_t sys_coarse_ns(void);
uint64_t sys_real_ns(void);

long sys_gettid(void);
long sys_getpid(void); /* asks the kernel: tells a vfork child from its parent */

/* Files. Retry on EINTR; write_all and read_all go on after short counts. */
int sys_open(const char *path, int flags, int mode);
int sys_close(int fd);
int sys_unlink(const char *path);
struct stat;
int sys_stat(const char *path, struct stat *st);
/* How long the link is; it is cut, and has no end. */
long sys_readlink(const char *path, char *out, size_t size);
long sys_write_all(int fd, const void *p, size_t n);
/* Reads up to n bytes, until end of file. Returns how many. */
long sys_read_file(const char *path, char *buf, size_t n);

/* Calls fn for the entries of a folder that are numbers. buf: where they are read to, aligned as
 * for pointers. *fd is the folder's own descriptor meanwhile. 0 or -errno. */
int sys_each_number(const char *folder, void *buf, size_t size, int *fd,
                    void (*fn)(uint32_t number, void *arg), void *arg);

/* Text into a fixed buffer, always ended by NUL, cut when full. */
struct text {
	char *at, *end;
};
#define TEXT(buf) ((struct text){(buf), (buf) + sizeof(buf) - 1})
void text_str(struct text *t, const char *s);
void text_mem(struct text *t, const char *s, size_t n);
void text_u64(struct text *t, uint64_t v);
void text_hex(struct text *t, uint64_t v);

/* memcpy, memset, strlen and so on come from libc: it does not interpose them, nor do we. */

/*
 * The signals of the calling thread, all blocked meanwhile. Where it writes to files, which can
 * raise SIGXFSZ and SIGPIPE and so end the program, the release with wrote takes away those two if
 * they were not pending before.
 */
struct sys_signals {
	uint64_t mask, pending;
};
void sys_signals_hold(struct sys_signals *s);
void sys_signals_release(const struct sys_signals *s, bool wrote);

/*
 * One line to the person: "outlive: " + message. Goes to where stderr was when the image started,
 * by a private duplicate, and only if that was a terminal or a pipe or file and is the same file
 * still; programs close and reuse fds 1 and 2. Never waits (a pipe that is full gets no line), and
 * a pipe that nobody reads does not end the program. See sys_log_init().
 */
void sys_log_init(void);
void sys_log(const char *a, const char *b, const char *c);

#endif
