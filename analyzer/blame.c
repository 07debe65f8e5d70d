/*
 * blame.c - see blame.h. Reads what a snapshot says of tests, and counts by their names: a test
 * that ran twice is one. Owns nothing.
 */
#include "blame.h"

#include <stdlib.h>
#include <string.h>

/* By name: how much of it was made there. */
struct suspects {
	struct suspect {
		const char *name; /* interned */
		uint64_t count;
	} * at;
	uint32_t n, cap;
};

static void suspect(struct suspects *all, const char *name, uint64_t count)
{
	if (!*name)
		return;
	for (uint32_t i = 0; i < all->n; i++)
		if (all->at[i].name == name) {
			all->at[i].count = addu_sat(all->at[i].count, count);
			return;
		}
	all->at = xgrow(all->at, all->n, &all->cap, sizeof(*all->at));
	all->at[all->n++] = (struct suspect){name, count};
}

static const char *verdict(struct suspects *all)
{
	const struct suspect *most = all->at;
	const char *name = NULL;

	for (uint32_t i = 1; i < all->n; i++)
		if (all->at[i].count > most->count)
			most = &all->at[i];
	if (all->n == 1) {
		name = most->name;
	} else if (all->n) {
		char *text = xasprintf("%s and %u more", most->name, all->n - 1);
		name = intern(text);
		free(text);
	}
	free(all->at);
	return name;
}

const char *blame_heap(const struct snapshot *s, uint32_t stack)
{
	struct suspects all = {0};

	for (uint32_t i = 0; i < s->n_tests; i++)
		for (uint32_t j = 0; j < s->test[i].n_grown; j++)
			if (s->test[i].grown[j].stack == stack && s->test[i].grown[j].blocks)
				suspect(&all, s->test[i].name, s->test[i].grown[j].blocks);
	return verdict(&all);
}

static bool has_fd(const struct test *t, uint32_t fd)
{
	for (uint32_t i = 0; i < t->n_fds; i++)
		if (t->fd[i] == fd)
			return true;
	return false;
}

static bool lies_in(const struct test *t, uint64_t ns)
{
	return ns >= t->begin_ns && (!t->end_ns || ns <= t->end_ns);
}

static bool made_in(const struct snapshot *s, const struct test *t, enum object_kind kind,
                    uint32_t i)
{
	if (kind == KIND_THREADS)
		return lies_in(t, s->task[i].born_ns);
	if (kind == KIND_FDS)
		return i < s->n_fds ? has_fd(t, s->fd[i].fd)
		                    : lies_in(t, s->fd_bad[i - s->n_fds].last_ns);
	if (s->timer[i].kind == FMT_TIMER_FD)
		return s->timer[i].fd && has_fd(t, s->timer[i].fd - 1);
	return lies_in(t, s->timer[i].born_ns);
}

const char *blame_group(const struct kinds *k, const struct group *g)
{
	const struct snapshot *s = k->b;
	struct suspects all = {0};
	const char *last = NULL;

	for (uint32_t i = 0; s->n_tests && i < g->n; i++) {
		uint32_t item = k->table[g->kind].item[g->first + i];
		last = NULL;
		/* A span may have several items, one after the other. */
		for (uint32_t t = 0; t < s->n_tests; t++)
			if (s->test[t].name != last && made_in(s, &s->test[t], g->kind, item)) {
				last = s->test[t].name;
				suspect(&all, last, 1);
			}
	}
	return verdict(&all);
}
