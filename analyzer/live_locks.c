/*
 * live_locks.c - mutexes, read-write locks and stream locks of glibc say who holds them, in fields
 * whose place has not changed for twenty years on x86-64; a join waits for the word with the other
 * thread's number. Every number is believed only when it is a thread's of this very process.
 * Context: the analyzer; reads, and changes nothing.
 */
#include "live_locks.h"

#include <linux/futex.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "live_maps.h"
#include "live_thread.h"

enum {
	MUTEX_OWNER = 8,    /* pthread_mutex_t: __lock, __count, __owner */
	RWLOCK_WRITER = 24, /* pthread_rwlock_t: __cur_writer */
	STREAM_OWNER = 8,   /* _IO_lock_t: lock, cnt, owner: a struct pthread */
	PTHREAD_TID = 720,  /* struct pthread: tid, from glibc 2.3 on */
	LOCKED_WITH_WAITERS = 2
};

/* ---- threads by number ---- */

struct by_number {
	uint32_t number, index; /* index into thread[] */
};
struct numbers {
	struct by_number *at;
	uint32_t n;
};

static int compare(const void *a, const void *b)
{
	const struct by_number *x = a, *y = b;

	return (x->number > y->number) - (x->number < y->number);
}

static struct numbers number_threads(const struct live_stacks *l, bool own_namespace)
{
	struct numbers m = {xcalloc((size_t)l->n_threads + 1, sizeof(*m.at)), l->n_threads};

	for (uint32_t i = 0; i < l->n_threads; i++)
		m.at[i] = (struct by_number){own_namespace ? l->thread[i].ns_tid : l->thread[i].tid,
		                             i};
	qsort(m.at, m.n, sizeof(*m.at), compare);
	return m;
}

static const struct by_number *find(const struct numbers *m, uint32_t number)
{
	const struct by_number key = {number, 0};

	return number ? bsearch(&key, m->at, m->n, sizeof(key), compare) : NULL;
}

/* ---- owners ---- */

static bool read32(pid_t pid, uint64_t address, uint32_t *value)
{
	return live_read(pid, address, value, sizeof(*value)) == sizeof(*value);
}

/* The number in the lock, as the process itself counts; 0: it is not known to have one. */
static uint32_t mutex_owner(pid_t pid, const struct wait_reason *r, uint32_t word)
{
	uint32_t owner;

	if (!read32(pid, r->address + MUTEX_OWNER, &owner))
		return 0;
	/* Its word is a number where a dead owner must be noticed, or priority passed on. */
	if (word == LOCKED_WITH_WAITERS || (word & FUTEX_TID_MASK) == owner)
		return owner;
	return r->inherits ? word & FUTEX_TID_MASK : 0;
}

static uint32_t stream_owner(pid_t pid, const struct wait_reason *r, uint32_t word)
{
	uint64_t thread;
	uint32_t owner = 0;

	if (word != LOCKED_WITH_WAITERS ||
	    live_read(pid, r->address + STREAM_OWNER, &thread, sizeof(thread)) != sizeof(thread) ||
	    !thread || thread & 7 || !read32(pid, thread + PTHREAD_TID, &owner))
		return 0;
	return owner;
}

/* It waits in one of three words of the lock. */
static uint32_t rwlock_writer(pid_t pid, const struct wait_reason *r)
{
	uint64_t base = r->address - (r->address & 7 ? 12 : 8);
	uint32_t writer;

	return read32(pid, base + RWLOCK_WRITER, &writer) ? writer : 0;
}

/* The number of the thread that r waits for, in the process's own count; sets kinds that only the
 * lock's fields tell. */
static uint32_t owner_of(pid_t pid, const struct numbers *known, struct wait_reason *r)
{
	uint32_t word, owner;

	if (r->kind < WAIT_FUTEX || r->kind > WAIT_JOIN || !r->address ||
	    !read32(pid, r->address, &word))
		return 0;
	if (r->shared && r->kind != WAIT_MUTEX && word == r->expected && find(known, word)) {
		r->kind = WAIT_JOIN;
		return word;
	}
	if (r->kind == WAIT_RWLOCK) {
		owner = rwlock_writer(pid, r);
		return find(known, owner) ? owner : 0;
	}
	if (r->kind == WAIT_MUTEX)
		return mutex_owner(pid, r, word);
	if ((r->kind != WAIT_FUTEX && r->kind != WAIT_LOCK) || r->expected != LOCKED_WITH_WAITERS)
		return 0;
	/* No name has told what it is: the numbers do, when they are threads'. */
	owner = r->kind == WAIT_FUTEX ? mutex_owner(pid, r, word) : 0;
	if (find(known, owner)) {
		r->kind = WAIT_MUTEX;
		return owner;
	}
	owner = stream_owner(pid, r, word);
	if (!find(known, owner))
		return 0;
	r->kind = WAIT_LOCK;
	return owner;
}

/* True when there is no thread of that number; false also when that cannot be told. */
static bool has_ended(const struct live_stacks *l, pid_t pid, uint32_t owner)
{
	char path[64];
	struct stat st;

	for (uint32_t i = 0; i < l->n_threads; i++)
		if (l->thread[i].ns_tid != l->thread[i].tid)
			return false;
	snprintf(path, sizeof(path), "/proc/%d/task/%u", (int)pid, owner);
	return stat(path, &st) != 0;
}

void live_locks_owners(struct live_stacks *l, pid_t pid)
{
	struct numbers known = number_threads(l, true);

	for (uint32_t i = 0; i < l->n_threads; i++) {
		struct wait_reason *r = &l->thread[i].wait;
		uint32_t owner = owner_of(pid, &known, r);
		const struct by_number *found = find(&known, owner);

		if (found) {
			r->owner = l->thread[found->index].tid;
		} else if (owner && !r->shared && r->by_function && has_ended(l, pid, owner)) {
			r->owner = owner;
			r->owner_ended = true;
		}
	}
	free(known.at);
}

/* ---- rings ---- */

enum { NOBODY = UINT32_MAX };

struct graph {
	struct live_stacks *l;
	pid_t pid;
	struct numbers by_ns, by_tid;
	uint32_t *next; /* of each thread: whom it waits for without end, or NOBODY */
	uint32_t *mark; /* the walk that has been here, 0 none */
	uint32_t *dead; /* 1 and more: of a deadlock, or behind it; 0 not */
	uint32_t cap;
};

/* It has not run since, and still waits for the same thread. */
static bool still_waits(const struct graph *g, uint32_t i)
{
	const struct live_thread *t = &g->l->thread[i];
	const struct thread_look look = {.call = t->call, .switches = t->switches};
	struct wait_reason now = t->wait;
	uint32_t owner = owner_of(g->pid, &g->by_ns, &now);
	const struct by_number *found = find(&g->by_ns, owner);

	if (!t->has_call || !thread_unchanged(g->pid, (pid_t)t->tid, &look))
		return false;
	if (t->wait.owner_ended)
		return owner == t->wait.owner && has_ended(g->l, g->pid, owner);
	return found && g->l->thread[found->index].tid == t->wait.owner;
}

static void add_deadlock(struct graph *g, uint32_t first, enum live_dead kind)
{
	struct live_stacks *l = g->l;
	struct live_deadlock d = {.kind = kind};
	uint32_t cap = 0, i = first;

	do {
		d.thread = xgrow(d.thread, d.n, &cap, sizeof(*d.thread));
		d.thread[d.n++] = i;
		i = g->next[i];
	} while (i != first && i != NOBODY);
	for (uint32_t k = 0; k < d.n; k++)
		if (!still_waits(g, d.thread[k])) {
			free(d.thread);
			return;
		}
	l->deadlock = xgrow(l->deadlock, l->n_deadlocks, &g->cap, sizeof(d));
	l->deadlock[l->n_deadlocks++] = d;
	for (uint32_t k = 0; k < d.n; k++)
		g->dead[d.thread[k]] = l->n_deadlocks;
}

static void find_rings(struct graph *g)
{
	for (uint32_t start = 0; start < g->l->n_threads; start++) {
		uint32_t i = start;

		while (i != NOBODY && !g->mark[i]) {
			g->mark[i] = start + 1;
			if (g->l->thread[i].wait.owner_ended && !g->l->thread[i].wait.timed)
				add_deadlock(g, i, LIVE_DEAD_OWNER_ENDED);
			i = g->next[i];
		}
		if (i != NOBODY && g->mark[i] == start + 1 && !g->dead[i])
			add_deadlock(g, i, g->next[i] == i ? LIVE_DEAD_SELF : LIVE_DEAD_CYCLE);
	}
}

static uint32_t waits_for(const struct graph *g, uint32_t i)
{
	const struct wait_reason *r = &g->l->thread[i].wait;
	const struct by_number *found =
	        r->owner && !r->owner_ended ? find(&g->by_tid, r->owner) : NULL;

	return found ? found->index : NOBODY;
}

/* Those whose way ends in a deadlock. */
static void count_behind(struct graph *g)
{
	for (uint32_t i = 0; i < g->l->n_threads; i++) {
		uint32_t at = i, steps = 0;

		while (at != NOBODY && !g->dead[at] && steps++ < g->l->n_threads)
			at = waits_for(g, at);
		if (at != NOBODY && g->dead[at] && at != i && !g->dead[i])
			g->l->deadlock[g->dead[at] - 1].behind++;
	}
}

void live_locks_deadlocks(struct live_stacks *l, pid_t pid)
{
	size_t n = (size_t)l->n_threads + 1;
	struct graph g = {.l = l,
	                  .pid = pid,
	                  .by_ns = number_threads(l, true),
	                  .by_tid = number_threads(l, false),
	                  .next = xcalloc(n, sizeof(*g.next)),
	                  .mark = xcalloc(n, sizeof(*g.mark)),
	                  .dead = xcalloc(n, sizeof(*g.dead))};

	for (uint32_t i = 0; i < l->n_threads; i++)
		g.next[i] = l->thread[i].wait.timed ? NOBODY : waits_for(&g, i);
	find_rings(&g);
	if (l->n_deadlocks)
		count_behind(&g);
	free(g.by_ns.at);
	free(g.by_tid.at);
	free(g.next);
	free(g.mark);
	free(g.dead);
}
