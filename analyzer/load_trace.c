/*
 * load_trace.c - with the option trace: threads and their waits out of a snapshot's records
 * (format.h, section 2). As load_kinds.c.
 */
#include "load.h"

#include <stdlib.h>

/* Tasks are numbered from 1; a thread that has none has a number beyond all. */
#define NO_TASK (UINT64_C(1) << 63)

static struct traced traced(struct loader *l)
{
	struct traced t = {.tid = load_small(l, "thread id")};

	t.serial = load_varint(l);
	if (!t.serial)
		t.serial = NO_TASK + l->s->n_traced;
	t.flags = load_small(l, "thread flags");
	t.stack = load_origin(l);
	t.creator = load_varint(l);
	t.start = load_function(l);
	t.born_ns = load_nanoseconds(l);
	t.ended_ns = load_nanoseconds(l);
	t.cpu_ns = load_nanoseconds(l);
	t.waits = load_figure(l, "waits");
	t.brief = load_figure(l, "waits");
	t.brief_ns = load_nanoseconds(l);
	t.name = load_string(l);
	return t;
}

int load_trace_items(struct loader *l)
{
	struct snapshot *s = l->s;

	while (l->at < l->end && !l->failed) {
		struct traced t = traced(l);
		if (l->failed)
			break;
		s->traced = xgrow(s->traced, s->n_traced, &l->cap_traced, sizeof(t));
		s->traced[s->n_traced++] = t;
	}
	return l->failed ? -1 : 0;
}

static struct span span(struct loader *l)
{
	const uint8_t *at = l->at;
	struct span w = {.thread = load_small(l, "traced thread")};

	if (!l->failed && (!w.thread || w.thread > l->s->n_traced))
		load_bad(l, at, "a wait of thread %u of %u", w.thread, l->s->n_traced);
	w.thread--;
	w.kind = load_small(l, "kind of wait");
	w.is_left = w.kind & FMT_SPAN_LEFT;
	w.kind &= ~(uint32_t)FMT_SPAN_LEFT;
	w.object = load_varint(l);
	w.other = load_small(l, "other side of a wait");
	w.begin_ns = load_nanoseconds(l);
	w.length_ns = load_nanoseconds(l);
	w.is_open = !w.length_ns;
	w.length_ns -= !w.is_open;
	w.stack = load_origin(l);
	return w;
}

int load_span_items(struct loader *l)
{
	struct snapshot *s = l->s;

	while (l->at < l->end && !l->failed) {
		struct span w = span(l);
		if (l->failed)
			break;
		s->span = xgrow(s->span, s->n_spans, &l->cap_spans, sizeof(w));
		s->span[s->n_spans++] = w;
	}
	return l->failed ? -1 : 0;
}

/* A wait in a signal's handler lies within the one that it interrupted: that comes first. */
static int by_thread(const void *a, const void *b)
{
	const struct span *x = a, *y = b;

	if (x->thread != y->thread)
		return x->thread < y->thread ? -1 : 1;
	if (x->begin_ns != y->begin_ns)
		return x->begin_ns < y->begin_ns ? -1 : 1;
	if (x->is_open != y->is_open)
		return x->is_open ? -1 : 1;
	return x->length_ns > y->length_ns ? -1 : x->length_ns < y->length_ns;
}

/* The rings were read while threads went on: what came after the snapshot's moment is not of it. */
static void cut(const struct snapshot *s, struct span *w)
{
	uint64_t now = INFO_U(&s->info, UPTIME);

	if (!now)
		return;
	if (w->begin_ns > now)
		w->begin_ns = now;
	if (w->length_ns > now - w->begin_ns)
		w->length_ns = now - w->begin_ns;
}

void load_trace_finish(struct snapshot *s)
{
	for (uint32_t i = 0; i < s->n_spans; i++)
		cut(s, &s->span[i]);
	if (s->n_spans)
		qsort(s->span, s->n_spans, sizeof(*s->span), by_thread);
	for (uint32_t i = s->n_spans; i--;) {
		struct traced *t = &s->traced[s->span[i].thread];
		t->span = i;
		t->n_spans++;
	}
}
