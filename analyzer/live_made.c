/*
 * live_made.c - reads liboutlive.so's table of threads and its stacks out of a live process, which
 * goes on meanwhile. Every number is believed only as far as it stays in bounds, and a record only
 * when its serial is the same afterwards. Context: the analyzer.
 */
#include "live_made.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "live_maps.h"

enum { MOST_TASKS = 1 << 20, MOST_ITEM = 4096, MOST_CHUNK = 1 << 16, MOST_DEPTH = 1024 };

struct made {
	uint64_t serial, creator, born, address; /* address: of the record */
	uint32_t tid, stack;
};
struct reading {
	pid_t pid;
	struct fmt_live at;
	struct made *made;
	uint32_t n, cap;
};

static bool is_sane(const struct fmt_table *t)
{
	return t->chunks && t->chunk_items && t->chunk_items <= MOST_CHUNK && t->item_bytes &&
	       t->item_bytes <= MOST_ITEM;
}

static bool fits(const struct fmt_table *t, uint16_t offset, size_t bytes)
{
	return offset + bytes <= t->item_bytes;
}

static bool is_told(const struct fmt_live *l)
{
	const struct fmt_table *t = &l->task, *n = &l->node;

	return is_sane(t) && is_sane(n) && is_sane(&l->leaf) && is_sane(&l->frame) &&
	       l->task_room && l->node_flags_shift < 32 && l->node_frame_bits < 32 &&
	       fits(&l->frame, l->frame_ip, 8) && fits(t, l->task_serial, 8) &&
	       fits(t, l->task_creator, 8) && fits(t, l->task_born, 8) && fits(t, l->task_tid, 4) &&
	       fits(t, l->task_stack, 4) && fits(n, l->node_frame, 4) &&
	       fits(n, l->node_parent, 4) && l->leaf.item_bytes == sizeof(uint32_t);
}

/* Where item i lies; 0: nowhere. */
static uint64_t address_of(const struct reading *r, const struct fmt_table *t, uint32_t i)
{
	uint64_t slot = t->chunks + (uint64_t)(i / t->chunk_items) * sizeof(uint64_t), chunk;

	if (live_read(r->pid, slot, &chunk, sizeof(chunk)) != sizeof(chunk) || !chunk)
		return 0;
	return chunk + (uint64_t)(i % t->chunk_items) * t->item_bytes;
}

/* ---- threads ---- */

static void add_record(struct reading *r, const uint8_t *item, uint64_t address)
{
	struct made m = {.address = address};

	memcpy(&m.serial, item + r->at.task_serial, sizeof(m.serial));
	memcpy(&m.creator, item + r->at.task_creator, sizeof(m.creator));
	memcpy(&m.born, item + r->at.task_born, sizeof(m.born));
	memcpy(&m.tid, item + r->at.task_tid, sizeof(m.tid));
	memcpy(&m.stack, item + r->at.task_stack, sizeof(m.stack));
	if (!m.serial || !m.tid)
		return;
	r->made = xgrow(r->made, r->n, &r->cap, sizeof(m));
	r->made[r->n++] = m;
}

static void read_tasks(struct reading *r)
{
	const struct fmt_table *t = &r->at.task;
	size_t bytes = (size_t)t->chunk_items * t->item_bytes;
	uint32_t room = 0;

	if (live_read(r->pid, r->at.task_room, &room, sizeof(room)) != sizeof(room))
		return;
	uint8_t *chunk = xmalloc(bytes);
	for (uint32_t i = 0; i < room && i < MOST_TASKS; i += t->chunk_items) {
		uint64_t address = address_of(r, t, i);
		size_t n = address ? live_read(r->pid, address, chunk, bytes) / t->item_bytes : 0;

		for (size_t k = 0; k < n; k++)
			add_record(r, chunk + k * t->item_bytes, address + k * t->item_bytes);
	}
	free(chunk);
}

/* A number is used again: the youngest record is the living thread's. */
static int by_tid(const void *a, const void *b)
{
	const struct made *x = a, *y = b;

	if (x->tid != y->tid)
		return x->tid < y->tid ? -1 : 1;
	return x->serial < y->serial ? 1 : -1;
}

static const struct made *find(const struct reading *r, uint32_t tid)
{
	uint32_t lo = 0, hi = r->n;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (r->made[mid].tid < tid)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < r->n && r->made[lo].tid == tid ? &r->made[lo] : NULL;
}

static bool is_still(const struct reading *r, const struct made *m)
{
	uint64_t serial = 0;

	return live_read(r->pid, m->address + r->at.task_serial, &serial, sizeof(serial)) ==
	               sizeof(serial) &&
	       serial == m->serial;
}

/* ---- stacks ---- */

struct stacks {
	struct by_number {
		uint32_t number, stack;
	} * at;
	uint32_t n, cap;
	struct unwind_frame frame[MOST_DEPTH];
};

/* A field of item i; false where it cannot be read. */
static bool read_field(const struct reading *r, const struct fmt_table *t, uint32_t i,
                       uint16_t offset, void *to, size_t bytes)
{
	uint64_t address = address_of(r, t, i);

	return address && live_read(r->pid, address + offset, to, bytes) == bytes;
}

static uint32_t read_frames(const struct reading *r, struct stacks *s, uint32_t node,
                            enum unwind_end *end)
{
	const struct fmt_live *l = &r->at;
	uint32_t n = 0, what, parent, flags = 0;
	uint64_t ip;

	while (node && n < MOST_DEPTH) {
		if (!read_field(r, &l->node, node, l->node_frame, &what, sizeof(what)) ||
		    !read_field(r, &l->node, node, l->node_parent, &parent, sizeof(parent)) ||
		    !read_field(r, &l->frame, what & ((1u << l->node_frame_bits) - 1), l->frame_ip,
		                &ip, sizeof(ip)) ||
		    parent >= node)
			return 0;
		flags = what >> l->node_flags_shift;
		s->frame[n++] = (struct unwind_frame){.pc = ip, .exact = flags & FMT_NODE_EXACT};
		node = parent;
	}
	*end = flags & FMT_NODE_TRUNCATED || node ? UNWIND_DEEP
	       : flags & FMT_NODE_BROKEN          ? UNWIND_CUT
	                                          : UNWIND_WHOLE;
	return n;
}

/* Of a stack's number there the number here; threads are made in few places. */
static uint32_t stack_of(const struct reading *r, struct stacks *s, struct live_build *b,
                         uint32_t number)
{
	enum unwind_end end = UNWIND_WHOLE;
	uint32_t node = 0, n = 0;

	if (!number)
		return 0;
	for (uint32_t i = s->n; i-- > 0;)
		if (s->at[i].number == number)
			return s->at[i].stack;
	if (read_field(r, &r->at.leaf, number, 0, &node, sizeof(node)))
		n = read_frames(r, s, node, &end);
	s->at = xgrow(s->at, s->n, &s->cap, sizeof(*s->at));
	s->at[s->n] =
	        (struct by_number){number, n ? live_build_stack(b, s->frame, n, end, false) : 0};
	return s->at[s->n++].stack;
}

/* ---- together ---- */

static uint64_t monotonic(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int by_serial(const void *a, const void *b)
{
	const struct live_creator *x = a, *y = b;

	return x->serial < y->serial ? -1 : x->serial > y->serial;
}

/* Only of creators that live. */
static void find_creators(struct live_stacks *l)
{
	struct live_creator *all = xcalloc((size_t)l->n_threads + 1, sizeof(*all));

	for (uint32_t i = 0; i < l->n_threads; i++)
		all[i] = (struct live_creator){l->thread[i].serial, l->thread[i].tid};
	qsort(all, l->n_threads, sizeof(*all), by_serial);
	for (uint32_t i = 0; i < l->n_threads; i++) {
		struct live_creator *creator = &l->thread[i].creator;
		const struct live_creator *found =
		        creator->serial
		                ? bsearch(creator, all, l->n_threads, sizeof(*all), by_serial)
		                : NULL;
		creator->tid = found ? found->tid : 0;
	}
	free(all);
}

void live_made_read(struct live_stacks *l, struct target *t, struct live_build *b)
{
	struct reading r = {.pid = t->pid};
	struct err err;

	if (target_open_control(t, &err))
		return;
	r.at = t->control->live;
	if (!is_told(&r.at))
		return;
	struct stacks *s = xcalloc(1, sizeof(*s));
	read_tasks(&r);
	if (r.n)
		qsort(r.made, r.n, sizeof(*r.made), by_tid);
	for (uint32_t i = 0; i < l->n_threads; i++) {
		struct live_thread *th = &l->thread[i];
		const struct made *m = find(&r, th->ns_tid);
		uint64_t now = monotonic();

		if (!m)
			continue;
		uint32_t made = stack_of(&r, s, b, m->stack);
		if (!is_still(&r, m))
			continue;
		th->made = made;
		th->serial = m->serial;
		th->creator.serial = m->creator;
		th->age_ns = now > m->born ? now - m->born : 0;
	}
	find_creators(l);
	free(s->at);
	free(s);
	free(r.made);
}
