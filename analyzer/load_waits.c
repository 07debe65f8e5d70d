/*
 * load_waits.c - what threads wait for, and where they stand, out of a snapshot's records
 * (format.h, section 2). Frames come as they lie on a stack, innermost first, and no node of the
 * tree stands for them: those are made here, shared by threads that stand alike.
 */
#include "load.h"

#include <stdlib.h>
#include <string.h>

struct stand_frame {
	uint32_t location;
};
struct stand {
	uint32_t tid, flags, first, n; /* stand_frame[first..first + n) */
	uint64_t switches, idle;
};

int load_wait_items(struct loader *l)
{
	struct snapshot *s = l->s;

	while (l->at < l->end && !l->failed) {
		struct wait w = {.tid = load_small(l, "thread id")};
		w.switches = load_varint(l);
		w.call = load_small(l, "system call");
		for (int i = 0; i < 6; i++)
			w.args[i] = load_varint(l);
		w.word[0] = load_varint(l);
		w.word[1] = load_varint(l);
		w.kernel = load_string(l);
		if (l->failed)
			break;
		s->wait = xgrow(s->wait, s->n_waits, &l->cap_waits, sizeof(w));
		s->wait[s->n_waits++] = w;
	}
	return l->failed ? -1 : 0;
}

static bool stand_frame(struct loader *l)
{
	const uint8_t *at = l->at;
	struct location loc = {0};

	loc.module = load_refer(&l->module, l, load_varint(l), at);
	loc.address = load_varint(l);
	loc.flags = load_small(l, "frame flags");
	if (l->failed)
		return false;
	l->stand_frame = xgrow(l->stand_frame, l->n_stand_frames, &l->cap_stand_frames,
	                       sizeof(*l->stand_frame));
	l->stand_frame[l->n_stand_frames++].location = load_location(l, &loc);
	return true;
}

int load_wait_stack_items(struct loader *l)
{
	while (l->at < l->end && !l->failed) {
		struct stand t = {.tid = load_small(l, "thread id")};
		t.switches = load_varint(l);
		t.flags = load_small(l, "flags of a wait");
		t.idle = load_varint(l);
		uint64_t n = load_varint(l);
		t.first = l->n_stand_frames;
		for (; t.n < n && stand_frame(l); t.n++)
			;
		if (l->failed)
			break;
		l->stand = xgrow(l->stand, l->n_stands, &l->cap_stands, sizeof(t));
		l->stand[l->n_stands++] = t;
	}
	return l->failed ? -1 : 0;
}

static int wait_by_tid(const void *a, const void *b)
{
	const struct wait *x = a, *y = b;

	return x->tid < y->tid ? -1 : x->tid > y->tid;
}

void load_find_waits(struct snapshot *s)
{
	if (!s->n_waits)
		return;
	qsort(s->wait, s->n_waits, sizeof(*s->wait), wait_by_tid);
	for (uint32_t i = 0; i < s->n_tasks; i++) {
		const struct wait key = {.tid = s->task[i].tid};
		const struct wait *found =
		        bsearch(&key, s->wait, s->n_waits, sizeof(*s->wait), wait_by_tid);
		if (found && s->task[i].state == FMT_TASK_RUNNING)
			s->task[i].wait = (uint32_t)(found - s->wait) + 1;
	}
}

/* ---- where they stand ---- */

struct growing {
	struct snapshot *s;
	struct table by_edge;
	uint32_t cap;
};

static bool same_node(const void *ctx, uint32_t value, const void *key)
{
	const struct node *have = &((const struct snapshot *)ctx)->node[value], *want = key;

	return have->parent == want->parent && have->location == want->location;
}

static uint32_t node_of(struct growing *g, struct node want)
{
	struct snapshot *s = g->s;
	uint64_t hash = table_hash(want.parent, want.location);
	uint32_t i = table_find(&g->by_edge, hash, same_node, s, &want);

	if (i != TABLE_NONE)
		return i;
	s->node = xgrow(s->node, s->n_nodes, &g->cap, sizeof(want));
	s->node[s->n_nodes] = want;
	table_add(&g->by_edge, hash, s->n_nodes);
	return s->n_nodes++;
}

void load_stands(struct loader *l)
{
	struct snapshot *s = l->s;
	struct growing g = {.s = s, .cap = l->cap_nodes};

	for (uint32_t i = 0; i < l->n_stands; i++) {
		const struct stand *t = &l->stand[i];
		const struct wait key = {.tid = t->tid};
		struct wait *w = s->n_waits ? bsearch(&key, s->wait, s->n_waits, sizeof(*s->wait),
		                                      wait_by_tid)
		                            : NULL;
		uint32_t node = 0;

		if (!w || !t->switches || w->switches != t->switches)
			continue;
		for (uint32_t j = t->n; j-- > 0;)
			node = node_of(&g,
			               (struct node){node, l->stand_frame[t->first + j].location});
		w->stack = node;
		w->interrupted = t->flags & FMT_WAIT_FLAG_INTERRUPTED;
		w->idle_known = t->idle != 0;
		w->idle_ns = t->idle ? t->idle - 1 : 0;
	}
	l->cap_nodes = g.cap;
	table_free(&g.by_edge);
}
