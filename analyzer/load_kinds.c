/*
 * load_kinds.c - threads, timers and descriptors out of a snapshot's records (format.h, section 2).
 *
 * As load_items.c: every item is checked as it is read, references are noted for load_tree.c, and
 * what is stored of an item is a small multiple of its bytes. `stack` is a node's number until
 * load_tree.c makes stacks of them.
 */
#include "load.h"

uint32_t load_origin(struct loader *l)
{
	const uint8_t *at = l->at;

	return load_refer(&l->origin, l, load_varint(l), at);
}

/* What a number beyond these would mean, nobody knows. */
static uint32_t one_of(struct loader *l, const char *what, uint32_t least, uint32_t most)
{
	const uint8_t *at = l->at;
	uint32_t v = load_small(l, what);

	if (!l->failed && (v < least || v > most))
		load_bad(l, at, "%s %u", what, v);
	return v;
}

/* A program may set a timer to any year: what is beyond the range is as good as its end. */
uint64_t load_nanoseconds(struct loader *l)
{
	uint64_t v = load_varint(l);

	return v < INT64_MAX ? v : INT64_MAX;
}

/* The address is the instruction itself. */
uint32_t load_function(struct loader *l)
{
	const uint8_t *at = l->at;
	struct location loc = {.flags = FMT_NODE_EXACT};

	loc.module = load_refer(&l->module, l, load_varint(l), at);
	loc.address = load_varint(l);
	return l->failed || !loc.address ? LOCATION_NONE : load_location(l, &loc);
}

static int status(const struct loader *l)
{
	return l->failed ? -1 : 0;
}

/* ---- threads ---- */

static struct task task(struct loader *l)
{
	struct task t = {.serial = load_varint(l)};

	t.tid = load_small(l, "thread id");
	t.state = one_of(l, "thread state", FMT_TASK_RUNNING, FMT_TASK_ENDED);
	t.flags = load_small(l, "thread flags");
	t.stack = load_origin(l);
	t.creator = load_varint(l);
	t.start = load_function(l);
	t.born_ns = load_nanoseconds(l);
	t.ended_ns = load_nanoseconds(l);
	t.cpu_ns = load_nanoseconds(l);
	t.stack_bytes = load_figure(l, "stack size");
	const uint8_t *at = l->at;
	t.thread = load_refer(&l->thread, l, load_varint(l), at);
	t.name = load_string(l);
	return t;
}

int load_task_items(struct loader *l)
{
	struct snapshot *s = l->s;

	while (l->at < l->end && !l->failed) {
		struct task t = task(l);
		if (l->failed)
			break;
		s->task = xgrow(s->task, s->n_tasks, &l->cap_tasks, sizeof(t));
		s->task[s->n_tasks++] = t;
	}
	return status(l);
}

int load_stuck_items(struct loader *l)
{
	struct snapshot *s = l->s;

	while (l->at < l->end && !l->failed) {
		struct stuck t = {.tid = load_small(l, "thread id")};
		t.how = one_of(l, "way of being stuck", FMT_STUCK_BLOCK, FMT_STUCK_JOIN);
		t.address = load_varint(l);
		t.stack = load_origin(l);
		t.joins = load_small(l, "thread id");
		t.offset = load_figure(l, "offset");
		t.bytes = load_figure(l, "block size");
		t.made = load_origin(l);
		if (l->failed)
			break;
		s->stuck = xgrow(s->stuck, s->n_stucks, &l->cap_stucks, sizeof(t));
		s->stuck[s->n_stucks++] = t;
	}
	return status(l);
}

int load_task_sum_items(struct loader *l)
{
	struct snapshot *s = l->s;

	while (l->at < l->end && !l->failed) {
		struct task_sum t = {.stack = load_origin(l)};
		t.start = load_function(l);
		t.count = load_figure(l, "threads");
		t.joined = load_figure(l, "threads");
		t.detached = load_figure(l, "threads");
		t.cpu_ns = load_nanoseconds(l);
		t.life_ns = load_nanoseconds(l);
		if (l->failed)
			break;
		s->task_sum = xgrow(s->task_sum, s->n_task_sums, &l->cap_task_sums, sizeof(t));
		s->task_sum[s->n_task_sums++] = t;
	}
	return status(l);
}

/* ---- descriptors ---- */

int load_fd_items(struct loader *l)
{
	struct snapshot *s = l->s;

	while (l->at < l->end && !l->failed) {
		struct fd f = {.fd = load_small(l, "descriptor")};
		f.kind = load_small(l, "kind of descriptor");
		f.flags = load_small(l, "descriptor flags");
		f.stack = load_origin(l);
		f.task = load_varint(l);
		f.born_ns = load_nanoseconds(l);
		f.names = load_string(l);
		if (l->failed)
			break;
		s->fd = xgrow(s->fd, s->n_fds, &l->cap_fds, sizeof(f));
		s->fd[s->n_fds++] = f;
	}
	return status(l);
}

int load_fd_sum_items(struct loader *l)
{
	struct snapshot *s = l->s;

	while (l->at < l->end && !l->failed) {
		struct fd_sum f = {.stack = load_origin(l)};
		f.kind = load_small(l, "kind of descriptor");
		f.opened = load_figure(l, "descriptors");
		f.closed = load_figure(l, "descriptors");
		if (l->failed)
			break;
		s->fd_sum = xgrow(s->fd_sum, s->n_fd_sums, &l->cap_fd_sums, sizeof(f));
		s->fd_sum[s->n_fd_sums++] = f;
	}
	return status(l);
}

int load_fd_bad_items(struct loader *l)
{
	struct snapshot *s = l->s;

	while (l->at < l->end && !l->failed) {
		struct fd_bad f = {.what = one_of(l, "bad close", FMT_BAD_DOUBLE_CLOSE,
		                                  FMT_BAD_FOREIGN_CLOSE)};
		f.fd = load_small(l, "descriptor");
		f.stack = load_origin(l);
		f.before = load_origin(l);
		f.count = load_figure(l, "closes");
		f.last_ns = load_nanoseconds(l);
		if (l->failed)
			break;
		s->fd_bad = xgrow(s->fd_bad, s->n_fd_bads, &l->cap_fd_bads, sizeof(f));
		s->fd_bad[s->n_fd_bads++] = f;
	}
	return status(l);
}

/* ---- timers ---- */

static struct timer timer(struct loader *l)
{
	struct timer t = {.kind = one_of(l, "kind of timer", FMT_TIMER_POSIX, FMT_TIMER_ITIMER)};

	t.id = load_varint(l);
	t.flags = load_small(l, "timer flags");
	t.stack = load_origin(l);
	t.task = load_varint(l);
	t.born_ns = load_nanoseconds(l);
	t.interval_ns = load_nanoseconds(l);
	t.remaining_ns = load_nanoseconds(l);
	t.expirations = load_figure(l, "expirations");
	t.fd = load_small(l, "descriptor");
	t.notify = load_small(l, "notification");
	t.signal = load_small(l, "signal");
	return t;
}

int load_timer_items(struct loader *l)
{
	struct snapshot *s = l->s;

	while (l->at < l->end && !l->failed) {
		struct timer t = timer(l);
		if (l->failed)
			break;
		s->timer = xgrow(s->timer, s->n_timers, &l->cap_timers, sizeof(t));
		s->timer[s->n_timers++] = t;
	}
	return status(l);
}

int load_timer_sum_items(struct loader *l)
{
	struct snapshot *s = l->s;

	while (l->at < l->end && !l->failed) {
		struct timer_sum t = {.stack = load_origin(l)};
		t.kind = one_of(l, "kind of timer", FMT_TIMER_POSIX, FMT_TIMER_ITIMER);
		t.created = load_figure(l, "timers");
		t.deleted = load_figure(l, "timers");
		if (l->failed)
			break;
		s->timer_sum = xgrow(s->timer_sum, s->n_timer_sums, &l->cap_timer_sums, sizeof(t));
		s->timer_sum[s->n_timer_sums++] = t;
	}
	return status(l);
}
