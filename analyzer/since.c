/*
 * since.c - see since.h. Changes the tables of one loaded snapshot; what is a leak others say.
 */
#include "since.h"

#include <stdlib.h>
#include <string.h>

struct since {
	struct snapshot *s;
	uint64_t begin_ns;
	uint64_t *grown; /* by stack: blocks */
};

static bool has_fd(const struct snapshot *s, uint32_t fd)
{
	for (uint32_t i = 0; i < s->n_tests; i++) {
		const struct test *t = &s->test[i];
		for (uint32_t j = 0; !t->end_ns && j < t->n_fds; j++)
			if (t->fd[j] == fd)
				return true;
	}
	return false;
}

/* Its items say all of what goes on. */
static bool find_open(struct since *w)
{
	bool found = false;

	for (uint32_t i = 0; i < w->s->n_tests; i++) {
		const struct test *t = &w->s->test[i];
		if (t->end_ns)
			continue;
		w->begin_ns = t->begin_ns;
		found = true;
		for (uint32_t j = 0; j < t->n_grown; j++)
			w->grown[t->grown[j].stack] =
			        addu_sat(w->grown[t->grown[j].stack], t->grown[j].blocks);
	}
	return found;
}

static void narrow_kinds(struct since *w)
{
	struct snapshot *s = w->s;
	uint32_t n = 0;

	for (uint32_t i = 0; i < s->n_tasks; i++)
		if (s->task[i].born_ns >= w->begin_ns)
			s->task[n++] = s->task[i];
	s->n_tasks = n;
	n = 0;
	for (uint32_t i = 0; i < s->n_timers; i++) {
		const struct timer *t = &s->timer[i];
		if (t->kind == FMT_TIMER_FD ? t->fd && has_fd(s, t->fd - 1)
		                            : t->born_ns >= w->begin_ns)
			s->timer[n++] = *t;
	}
	s->n_timers = n;
	n = 0;
	for (uint32_t i = 0; i < s->n_fds; i++)
		if (has_fd(s, s->fd[i].fd))
			s->fd[n++] = s->fd[i];
	s->n_fds = n;
	s->n_fd_bads = 0;
}

/* Of blocks of one stack nobody knows which came first: as many as it grew by. */
static void narrow_class(struct reach *r, int class, uint64_t *grown)
{
	uint64_t keep = r->blocks[class] < *grown ? r->blocks[class] : *grown;

	if (r->blocks[class])
		r->bytes[class] =
		        (uint64_t)((unsigned __int128)r->bytes[class] * keep / r->blocks[class]);
	r->blocks[class] = keep;
	*grown -= keep;
}

static void narrow_heap(struct since *w)
{
	for (uint32_t i = 0; i < w->s->n_samples; i++) {
		struct sample *sample = &w->s->sample[i];
		if (!sample->reach)
			continue;
		narrow_class(sample->reach, FMT_REACH_LOST, &w->grown[sample->stack]);
		narrow_class(sample->reach, FMT_REACH_INDIRECT, &w->grown[sample->stack]);
	}
}

int since_checkpoint(struct snapshot *s, struct err *err)
{
	struct since w = {.s = s, .grown = xcalloc(s->n_stacks, sizeof(*w.grown))};
	bool found = find_open(&w);

	if (found) {
		narrow_kinds(&w);
		narrow_heap(&w);
		s->info.u[FMT_INFO_REASON] = FMT_REASON_EXIT;
	}
	free(w.grown);
	return found ? 0 : err_set(err, "the program has set no checkpoint");
}
