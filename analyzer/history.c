/*
 * history.c - moments and lives of a process, from its snapshots.
 *
 * Owns both; keeps no snapshot. A thread that was joined is in no later snapshot: what an earlier
 * one tells of it stands, and it is gone when the next one was taken.
 */
#include "history.h"

#include "document.h"
#include "kinds.h"

#include <stdlib.h>

static int64_t figure(const struct snapshot *s, unsigned key)
{
	if (!s->has_audit[key])
		return -1;
	return s->audit[key] > INT64_MAX ? INT64_MAX : (int64_t)s->audit[key];
}

/* The tables' own count: what the kernel has more is in the audit. */
static int64_t threads_of(const struct snapshot *s)
{
	int64_t n = 0;

	for (uint32_t i = 0; i < s->n_tasks; i++)
		n += s->task[i].state != FMT_TASK_ENDED;
	return n ? n : figure(s, FMT_AUDIT_THREADS_NOW);
}

static void add_moment(struct history *h, const struct snapshot *s)
{
	struct moment m = {.time_ns = INFO_U(&s->info, TIME),
	                   .uptime_ns = INFO_U(&s->info, UPTIME),
	                   .sequence = INFO_U(&s->info, SEQUENCE),
	                   .rss = figure(s, FMT_AUDIT_RSS),
	                   .threads = threads_of(s),
	                   .fds = s->n_fds,
	                   .timers = s->n_timers,
	                   .label = intern(INFO_S(&s->info, LABEL)),
	                   .reason = snapshot_reason_text(s)};

	for (uint32_t i = 0; i < s->n_samples; i++) {
		const int64_t *v = s->sample[i].value;
		m.live_bytes = add_sat(m.live_bytes, v[INUSE_SPACE]);
		m.live_blocks = add_sat(m.live_blocks, v[INUSE_OBJECTS]);
		m.allocated_bytes = add_sat(m.allocated_bytes, v[ALLOC_SPACE]);
	}
	/* Losses can make frees outnumber allocations; below 0 means not measured. */
	m.live_bytes = m.live_bytes < 0 ? 0 : m.live_bytes;
	m.live_blocks = m.live_blocks < 0 ? 0 : m.live_blocks;
	for (uint32_t i = 0; i < h->n_moments; i++)
		if (h->moment[i].uptime_ns == m.uptime_ns && h->moment[i].sequence == m.sequence)
			return;
	h->moment = xgrow(h->moment, h->n_moments, &h->cap_moments, sizeof(m));
	h->moment[h->n_moments++] = m;
}

static bool same_serial(const void *ctx, uint32_t value, const void *key)
{
	return ((const struct history *)ctx)->life[value].serial == *(const uint64_t *)key;
}

static struct life *life_of(struct history *h, uint64_t serial)
{
	uint64_t hash = table_hash(serial, 0);
	uint32_t i = table_find(&h->by_serial, hash, same_serial, h, &serial);

	if (i != TABLE_NONE)
		return &h->life[i];
	h->life = xgrow(h->life, h->n_lives, &h->cap_lives, sizeof(*h->life));
	h->life[h->n_lives] = (struct life){.serial = serial};
	table_add(&h->by_serial, hash, h->n_lives);
	return &h->life[h->n_lives++];
}

static void add_lives(struct history *h, const struct snapshot *s)
{
	uint64_t now = INFO_U(&s->info, UPTIME);

	for (uint32_t i = 0; i < s->n_tasks; i++) {
		const struct task *t = &s->task[i];
		struct life *l = life_of(h, t->serial);
		const char *start = start_text(s, t->start);
		if (l->seen_ns > now || (l->seen_ns == now && l->name))
			continue;
		*l = (struct life){.serial = t->serial,
		                   .tid = t->tid,
		                   .state = t->state,
		                   .flags = t->flags,
		                   .born_ns = t->born_ns,
		                   .ended_ns = t->ended_ns,
		                   .seen_ns = now,
		                   .cpu_ns = t->cpu_ns,
		                   .stack_bytes = t->stack_bytes,
		                   .name = t->name,
		                   .start = start ? start : l->start};
	}
}

/* Threads that were given back, whose waits are kept; a task tells more of the others. */
static void add_traced(struct history *h, const struct snapshot *s)
{
	uint64_t now = INFO_U(&s->info, UPTIME);

	for (uint32_t i = 0; i < s->n_traced; i++) {
		const struct traced *t = &s->traced[i];
		struct life *l = life_of(h, t->serial);
		if (l->name && (l->seen_ns >= now || !t->ended_ns))
			continue;
		*l = (struct life){.serial = t->serial,
		                   .tid = t->tid,
		                   .state = t->ended_ns ? FMT_TASK_ENDED : FMT_TASK_RUNNING,
		                   .flags = t->flags,
		                   .born_ns = t->born_ns,
		                   .ended_ns = t->ended_ns,
		                   .seen_ns = t->ended_ns ? t->ended_ns : now,
		                   .gone_ns = t->ended_ns,
		                   .cpu_ns = t->cpu_ns,
		                   .name = t->name,
		                   .start = start_text(s, t->start)};
	}
}

void history_add(struct history *h, const struct snapshot *of, const struct snapshot *s)
{
	if (s != of && !snapshot_same_run(of, s)) {
		h->n_others++;
		return;
	}
	add_moment(h, s);
	add_lives(h, s);
	add_traced(h, s);
}

static int by_uptime(const void *a, const void *b)
{
	const struct moment *x = a, *y = b;

	if (x->uptime_ns != y->uptime_ns)
		return x->uptime_ns < y->uptime_ns ? -1 : 1;
	return x->sequence < y->sequence ? -1 : x->sequence > y->sequence;
}

static int by_serial(const void *a, const void *b)
{
	const struct life *x = a, *y = b;

	return x->serial < y->serial ? -1 : x->serial > y->serial;
}

void history_finish(struct history *h)
{
	if (h->n_moments)
		qsort(h->moment, h->n_moments, sizeof(*h->moment), by_uptime);
	if (h->n_lives)
		qsort(h->life, h->n_lives, sizeof(*h->life), by_serial);
	for (uint32_t i = 0; i < h->n_lives; i++) {
		struct life *l = &h->life[i];
		for (uint32_t k = h->n_moments; k-- && h->moment[k].uptime_ns > l->seen_ns;)
			l->gone_ns = h->moment[k].uptime_ns;
	}
}

void history_free(struct history *h)
{
	free(h->moment);
	free(h->life);
	table_free(&h->by_serial);
	*h = (struct history){0};
}
