/*
 * track_fd.c - the table of descriptors: see fd.h. Bad closes are track_fd_bad.c's. Context: any
 * thread, signal handlers included: no lock is ever taken, errno is untouched, and a handler that
 * interrupts the tracker itself is recorded without a stack.
 */
#include "fd.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "format.h"
#include "process.h"
#include "stack.h"
#include "task.h"
#include "track.h"
#include "words.h"

enum { CHUNK = 1024, MAX_CHUNKS = 2048, SUM_CHUNK = 1024, SUM_CHUNKS = STACK_MAX / SUM_CHUNK };

/*
 * word: stack 24 bits | kind 8 | flags 16 | generation 16, never zero while open (bit OPEN).
 * closed: the stack that closed it last.
 */
struct slot {
	uint64_t word;
	uint64_t born_ns;
	uint32_t task, closed;
	uint64_t seen_word, seen_device, seen_inode; /* by the snapshot child */
};
#define OPEN (1ull << 47)
#define WORD(stack, kind, flags, g)                                                    \
	((uint64_t)(stack) | (uint64_t)(kind) << 24 | (uint64_t)(flags) << 32 | OPEN | \
	 (uint64_t)((g)&0xffff) << 48)
#define WORD_STACK(w) ((uint32_t)(w)&0xffffff)
#define WORD_KIND(w)  ((uint32_t)((w) >> 24) & 0xff)
#define WORD_FLAGS(w) ((uint32_t)((w) >> 32) & 0x7fff)
#define FLAGS         (0x7fffull << 32)

static struct slot *g_chunk[MAX_CHUNKS];
static struct fd_sum *g_sum[SUM_CHUNKS];
static uint32_t g_limit, g_generation;
static uint64_t g_lost, g_bytes;

/* A chunk by number, made on first use: whoever loses the race gives its copy back. */
static void *chunk_of(void **table, uint32_t i, size_t bytes)
{
	void *have = __atomic_load_n(&table[i], __ATOMIC_ACQUIRE);

	if (likely(have))
		return have;
	void *fresh = sys_map(bytes);
	if (!fresh)
		return NULL;
	if (!__atomic_compare_exchange_n(&table[i], &have, fresh, false, __ATOMIC_ACQ_REL,
	                                 __ATOMIC_ACQUIRE)) {
		sys_unmap(fresh, bytes);
		return have;
	}
	__atomic_fetch_add(&g_bytes, bytes, __ATOMIC_RELAXED);
	return fresh;
}

static struct slot *slot_of(int fd)
{
	if (fd < 0 || fd >= CHUNK * MAX_CHUNKS)
		return NULL;
	struct slot *chunk =
	        chunk_of((void **)g_chunk, (uint32_t)fd / CHUNK, sizeof(*chunk) * CHUNK);

	return chunk ? &chunk[fd % CHUNK] : NULL;
}

static struct slot *slot_if(uint32_t fd)
{
	if (fd >= (uint32_t)CHUNK * MAX_CHUNKS)
		return NULL;
	struct slot *chunk = __atomic_load_n(&g_chunk[fd / CHUNK], __ATOMIC_ACQUIRE);

	return chunk ? &chunk[fd % CHUNK] : NULL;
}

static struct fd_sum *sum_of(uint32_t stack)
{
	struct fd_sum *chunk =
	        chunk_of((void **)g_sum, stack / SUM_CHUNK, sizeof(*chunk) * SUM_CHUNK);

	return chunk ? &chunk[stack % SUM_CHUNK] : NULL;
}

uint32_t fd_capture(const struct caller *from)
{
	uint32_t flags = t_self.flags;

	if (flags & IN_TRACKER)
		return 0;
	struct stack_cache *cache = track_stack_cache();

	t_self.flags = flags | IN_TRACKER;
	uint32_t stack = stack_capture(cache, from);
	t_self.flags = flags;
	return stack;
}

/* Calls of outlive itself (libunwind's, the loader's on our behalf) carry both flags. */
static bool ours(void)
{
	const uint32_t own = IN_TRACKER | IN_HEAP;

	return track_has(TRACK_FDS) && (t_self.flags & own) != own && process_owns_tables();
}

static void raise_limit(uint32_t fd)
{
	uint32_t limit = __atomic_load_n(&g_limit, __ATOMIC_RELAXED);

	while (limit <= fd && !__atomic_compare_exchange_n(&g_limit, &limit, fd + 1, false,
	                                                   __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
}

/* What stood at a number is gone; a birth over it tells that a path which we do not see closed it.
 */
static void count_closed(uint64_t w)
{
	struct fd_sum *sum = w ? sum_of(WORD_STACK(w)) : NULL;

	if (sum && !(WORD_FLAGS(w) & FMT_FD_FLAG_INHERITED))
		__atomic_fetch_add(&sum->closed, 1, __ATOMIC_RELAXED);
}

static void birth(int fd, uint32_t stack, unsigned kind, unsigned flags)
{
	struct slot *s = slot_of(fd);
	struct task *task = t_self.task;

	if (!s) {
		__atomic_fetch_add(&g_lost, 1, __ATOMIC_RELAXED);
		return;
	}
	uint32_t g = __atomic_add_fetch(&g_generation, 1, __ATOMIC_RELAXED);

	WORD_SET(&s->born_ns, sys_coarse_ns());
	WORD_SET(&s->task, task ? (uint32_t)task_serial(task) : 0);
	count_closed(__atomic_exchange_n(&s->word, WORD(stack, kind, flags, g), __ATOMIC_ACQ_REL));
	raise_limit((uint32_t)fd);
	struct fd_sum *sum = sum_of(stack);

	if (sum) {
		__atomic_store_n(&sum->kind, kind, __ATOMIC_RELAXED);
		__atomic_fetch_add(&sum->opened, 1, __ATOMIC_RELAXED);
	}
}

static void death(struct slot *s, uint32_t closed_by)
{
	count_closed(__atomic_exchange_n(&s->word, 0, __ATOMIC_ACQ_REL));
	WORD_SET(&s->closed, closed_by);
}

/* ---- what hooks call ---- */

void track_fd_open(int fd, unsigned kind, unsigned flags, const struct caller *from)
{
	if (fd >= 0 && ours())
		birth(fd, fd_capture(from), kind, flags);
}

struct track_closed track_fd_close(int fd, const struct caller *from)
{
	struct track_closed was = {false, 0};
	struct slot *s = fd >= 0 && ours() ? slot_if((uint32_t)fd) : NULL;

	if (!s)
		return was;
	uint64_t w = __atomic_load_n(&s->word, __ATOMIC_ACQUIRE);

	was.known = w != 0;
	if (!w) {
		was.before = WORD_GET(&s->closed);
		return was;
	}
	uint32_t stack = fd_capture(from);

	/* The FILE or DIR on it still believes that it owns the number. Children do that to their
	 * parent's before they exec, and rightly so. */
	if ((WORD_FLAGS(w) & (FMT_FD_FLAG_STREAM | FMT_FD_FLAG_INHERITED)) == FMT_FD_FLAG_STREAM)
		fd_bad_add(FMT_BAD_FOREIGN_CLOSE, fd, stack, WORD_STACK(w), 0);
	death(s, stack);
	return was;
}

void track_fd_close_stream(int fd, const struct caller *from)
{
	struct slot *s = fd >= 0 && ours() ? slot_if((uint32_t)fd) : NULL;

	if (s && __atomic_load_n(&s->word, __ATOMIC_ACQUIRE))
		death(s, fd_capture(from));
}

uint64_t track_fd_birth(int fd)
{
	struct slot *s = fd >= 0 && ours() ? slot_if((uint32_t)fd) : NULL;

	return s ? __atomic_load_n(&s->word, __ATOMIC_ACQUIRE) : 0;
}

void track_fd_close_if(int fd, uint64_t birth, const struct caller *from)
{
	struct slot *s = birth && ours() ? slot_if((uint32_t)fd) : NULL;
	uint64_t is = birth;

	if (!s || !__atomic_compare_exchange_n(&s->word, &is, 0, false, __ATOMIC_ACQ_REL,
	                                       __ATOMIC_RELAXED))
		return;
	count_closed(birth);
	WORD_SET(&s->closed, fd_capture(from));
}

void track_fd_close_range(unsigned first, unsigned last, const struct caller *from)
{
	uint32_t limit = __atomic_load_n(&g_limit, __ATOMIC_ACQUIRE);

	if (first >= limit || !ours())
		return;
	uint32_t stack = fd_capture(from);

	for (uint32_t fd = first; fd < limit && fd <= last; fd++) {
		struct slot *s = slot_if(fd);

		if (s && __atomic_load_n(&s->word, __ATOMIC_ACQUIRE))
			death(s, stack);
	}
}

void track_fd_replaced(int fd, const struct caller *from)
{
	track_fd_close_stream(fd, from);
}

void track_fd_stream(int fd)
{
	struct slot *s = fd >= 0 && ours() ? slot_if((uint32_t)fd) : NULL;
	uint64_t w = s ? __atomic_load_n(&s->word, __ATOMIC_ACQUIRE) : 0;

	/* Never over a death: a word of flags alone would be a descriptor that nobody opened. */
	while (w &&
	       !__atomic_compare_exchange_n(&s->word, &w, w | (uint64_t)FMT_FD_FLAG_STREAM << 32,
	                                    false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		;
}

unsigned track_fd_kind(int fd)
{
	struct slot *s = fd >= 0 ? slot_if((uint32_t)fd) : NULL;
	uint64_t w = s ? __atomic_load_n(&s->word, __ATOMIC_ACQUIRE) : 0;

	return w ? WORD_KIND(w) : FMT_FD_UNKNOWN;
}

/* ---- life ---- */

void fd_each_open(void (*fn)(int fd, void *arg), void *arg)
{
	struct entry {
		uint64_t inode;
		int64_t offset;
		uint16_t length;
		uint8_t type;
		char name[];
	};
	char buf[4096] __attribute__((aligned(8)));
	int dir = sys_open("/proc/self/fd", O_RDONLY | O_DIRECTORY, 0);
	long n;

	if (dir < 0)
		return;
	while ((n = sys_call(SYS_getdents64, dir, buf, sizeof(buf))) > 0)
		for (long at = 0; at < n;) {
			const struct entry *e = (const struct entry *)(buf + at);
			int fd = 0;

			at += e->length;
			if (e->name[0] < '0' || e->name[0] > '9')
				continue;
			for (const char *c = e->name; *c; c++)
				fd = fd * 10 + (*c - '0');
			if (fd != dir)
				fn(fd, arg);
		}
	sys_close(dir);
}

/* Some were opened by other libraries' constructors, through our hooks: they have their birth
 * already. (Looking for it first would be a page fault more.) */
static void inherit(int fd, void *arg)
{
	(void)arg;
	struct slot *s = slot_of(fd);
	uint64_t none = 0;

	if (!s || !__atomic_compare_exchange_n(&s->word, &none,
	                                       WORD(0, FMT_FD_UNKNOWN, FMT_FD_FLAG_INHERITED, 0),
	                                       false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
		return;
	s->born_ns = sys_now_ns();
	raise_limit((uint32_t)fd);
}

/* The kernel makes an object for each entry that it lists. The size of the folder is their number,
 * since Linux 6.2, and mostly they are the lowest: then asking for each is ten times as fast. */
static bool inherit_lowest(void)
{
	enum { LOWEST = 64 };
	struct stat st;

	if (sys_stat("/proc/self/fd", &st) || st.st_size <= 0)
		return false;
	for (int fd = 0; st.st_size && fd < LOWEST; fd++)
		if (sys_call(SYS_fcntl, fd, F_GETFD) >= 0) {
			inherit(fd, NULL);
			st.st_size--;
		}
	return !st.st_size;
}

void fd_init(void)
{
	if (!inherit_lowest())
		fd_each_open(inherit, NULL);
}

/* The parent's. Only what is not zero is written: a page that a fork's child leaves alone is not
 * copied, and most children soon end. */
static void forget_sums(void)
{
	for (uint32_t i = 0; i <= stack_count() / SUM_CHUNK; i++)
		for (uint32_t j = 0; g_sum[i] && j < SUM_CHUNK; j++) {
			struct fd_sum *sum = &g_sum[i][j];

			if (sum->opened | sum->closed)
				*sum = (struct fd_sum){.opened = 0};
		}
}

void fd_fork_child(void)
{
	for (uint32_t fd = 0; fd < g_limit; fd++) {
		struct slot *s = slot_if(fd);

		if (!s)
			continue;
		if (s->word)
			s->word |= (uint64_t)FMT_FD_FLAG_INHERITED << 32;
		if (s->closed) /* by the parent: children close all numbers before they exec */
			s->closed = 0;
	}
	forget_sums();
	fd_bad_fork_child();
	fd_kept_fork_child();
}

/* ---- for the snapshot child ---- */

uint32_t fd_limit(void)
{
	return __atomic_load_n(&g_limit, __ATOMIC_ACQUIRE);
}

bool fd_get(uint32_t fd, struct fd_view *out)
{
	const struct slot *s = slot_if(fd);
	uint64_t w = s ? __atomic_load_n(&s->word, __ATOMIC_ACQUIRE) : 0;

	if (!w)
		return false;
	*out = (struct fd_view){.birth = w,
	                        .stack = WORD_STACK(w),
	                        .kind = WORD_KIND(w),
	                        .flags = WORD_FLAGS(w),
	                        .task = WORD_GET(&s->task),
	                        .born_ns = WORD_GET(&s->born_ns)};
	return __atomic_load_n(&s->word, __ATOMIC_ACQUIRE) == w;
}

uint32_t fd_next(uint32_t fd)
{
	const uint32_t limit = fd_limit();

	for (; fd < limit; fd++) {
		const struct slot *s = slot_if(fd);

		if (s && __atomic_load_n(&s->word, __ATOMIC_ACQUIRE))
			return fd;
		if (!s)
			fd |= CHUNK - 1;
	}
	return limit;
}

bool fd_born_after(const struct fd_view *v, uint32_t generation)
{
	return (int16_t)(uint16_t)((uint32_t)(v->birth >> 48) - generation) > 0;
}

uint32_t fd_generation(void)
{
	return __atomic_load_n(&g_generation, __ATOMIC_ACQUIRE);
}

bool fd_same_object(uint32_t fd, const struct fd_view *v, uint64_t device, uint64_t inode)
{
	const uint64_t other = ~0ull; /* no device: stays another until the next birth */
	struct slot *s = slot_if(fd);

	if (!s)
		return true;
	/* A flag may have been added since. */
	if ((s->seen_word ^ v->birth) & ~FLAGS) {
		s->seen_word = v->birth;
		s->seen_device = device;
		s->seen_inode = inode;
		return true;
	}
	if (s->seen_device != device || s->seen_inode != inode)
		s->seen_device = other;
	return s->seen_device != other;
}

bool fd_sum_get(uint32_t stack, struct fd_sum *out)
{
	const struct fd_sum *chunk =
	        stack < STACK_MAX ? __atomic_load_n(&g_sum[stack / SUM_CHUNK], __ATOMIC_ACQUIRE)
	                          : NULL;

	if (!chunk)
		return false;
	WORDS_COPY(out, &chunk[stack % SUM_CHUNK]);
	return out->opened;
}

uint32_t fd_sum_next(uint32_t stack, uint32_t last)
{
	for (; stack <= last; stack++) {
		const struct fd_sum *chunk =
		        __atomic_load_n(&g_sum[stack / SUM_CHUNK], __ATOMIC_ACQUIRE);

		if (!chunk)
			stack |= SUM_CHUNK - 1;
		else if (WORD_GET(&chunk[stack % SUM_CHUNK].opened))
			return stack;
	}
	return last + 1;
}

void fd_totals(struct fd_totals *out)
{
	uint32_t limit = fd_limit();

	memset(out, 0, sizeof(*out));
	for (uint32_t fd = 0; fd < limit; fd++) {
		const struct slot *s = slot_if(fd);

		out->live += s && __atomic_load_n(&s->word, __ATOMIC_RELAXED);
	}
	for (uint32_t i = 0; i < SUM_CHUNKS; i++) {
		const struct fd_sum *chunk = __atomic_load_n(&g_sum[i], __ATOMIC_ACQUIRE);

		for (uint32_t j = 0; chunk && j < SUM_CHUNK; j++) {
			out->opened += WORD_GET(&chunk[j].opened);
			out->closed += WORD_GET(&chunk[j].closed);
		}
	}
}

uint64_t fd_lost(void)
{
	return __atomic_load_n(&g_lost, __ATOMIC_RELAXED);
}

uint64_t fd_bytes_used(void)
{
	return __atomic_load_n(&g_bytes, __ATOMIC_RELAXED);
}
