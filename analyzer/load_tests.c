/*
 * load_tests.c - the items of Test (format.h, section 2): spans of time that the program has named.
 * As load_kinds.c; `stack` is a node's number until load_tree.c makes stacks of them.
 */
#include "load.h"

#include <stdlib.h>
#include <string.h>

/* n entries of at least `least` bytes each must fit into what is left: nobody can make us allocate
 * more than a small multiple of the file. */
static uint64_t count(struct loader *l, uint64_t least)
{
	const uint8_t *at = l->at;
	uint64_t n = load_varint(l);

	if (!l->failed && n > (uint64_t)(l->end - l->at) / least)
		load_bad(l, at, "%llu entries do not fit", (unsigned long long)n);
	return l->failed ? 0 : n;
}

static void grown(struct loader *l, struct test *t)
{
	uint32_t n = (uint32_t)count(l, 3);

	t->grown = n ? pool_alloc(&l->s->pool, n * sizeof(*t->grown)) : NULL;
	for (; t->n_grown < n && !l->failed; t->n_grown++) {
		const uint8_t *at = l->at;
		struct test_grown *g = &t->grown[t->n_grown];
		g->stack = load_refer(&l->origin, l, load_varint(l), at);
		g->blocks = load_figure(l, "blocks");
		g->bytes = load_figure(l, "bytes");
	}
}

static void fds(struct loader *l, struct test *t)
{
	uint32_t n = (uint32_t)count(l, 1);

	t->fd = n ? pool_alloc(&l->s->pool, n * sizeof(*t->fd)) : NULL;
	for (; t->n_fds < n && !l->failed; t->n_fds++)
		t->fd[t->n_fds] = load_small(l, "descriptor");
}

int load_test_sum_items(struct loader *l)
{
	struct snapshot *s = l->s;

	while (l->at < l->end && !l->failed) {
		struct test_sum t = {.begin_ns = load_varint(l)};
		t.end_ns = load_varint(l);
		t.name = load_string(l);
		t.allocs = load_figure(l, "blocks");
		t.left_blocks = load_figure(l, "blocks");
		t.left_bytes = load_figure(l, "bytes");
		t.peak = load_figure(l, "bytes");
		if (l->failed)
			break;
		s->test_sum = xgrow(s->test_sum, s->n_test_sums, &l->cap_test_sums, sizeof(t));
		s->test_sum[s->n_test_sums++] = t;
	}
	return l->failed ? -1 : 0;
}

int load_test_items(struct loader *l)
{
	struct snapshot *s = l->s;

	while (l->at < l->end && !l->failed) {
		struct test t = {.begin_ns = load_varint(l)};
		t.end_ns = load_varint(l);
		t.name = load_string(l);
		grown(l, &t);
		fds(l, &t);
		if (l->failed)
			break;
		s->test = xgrow(s->test, s->n_tests, &l->cap_tests, sizeof(*s->test));
		s->test[s->n_tests++] = t;
	}
	return l->failed ? -1 : 0;
}
