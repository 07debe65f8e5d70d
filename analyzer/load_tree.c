/*
 * load_tree.c - what can be checked and numbered only when a whole snapshot is read: references,
 * the tree of stacks without liboutlive.so's own frames, the distinct stacks. Each step is one pass
 * over an array; memory is a few words a node.
 */
#include "load.h"

#include <stdlib.h>
#include <string.h>

static int check(struct loader *l, const struct reference *r, uint32_t n, const char *what)
{
	if (r->max < n)
		return 0;
	return load_bad(l, l->base + r->offset, "%s %llu of %u", what, (unsigned long long)r->max,
	                n - 1);
}

/*
 * Takes liboutlive.so's own frames out: a node's parent becomes its first ancestor that is none of
 * ours. shown[i] is i, or for one of ours that ancestor.
 */
static void leave_out_own_frames(struct snapshot *s, uint32_t *shown)
{
	shown[0] = 0;
	for (uint32_t i = 1; i < s->n_nodes; i++) {
		struct node *n = &s->node[i];
		n->parent = shown[n->parent];
		bool own = s->module[s->location[n->location].module].flags & FMT_MODULE_OUTLIVE;
		shown[i] = own ? n->parent : i;
	}
}

/* depth[i]: frames from node i outwards. Parents come first, so one pass does it. */
static void measure(const struct snapshot *s, uint32_t *depth)
{
	depth[0] = 0;
	for (uint32_t i = 1; i < s->n_nodes; i++)
		depth[i] = depth[s->node[i].parent] + 1;
}

/* Everything names nodes until here. stack_of[] is 0 where a node has no stack yet; the empty stack
 * is number 0. */
struct numbering {
	struct snapshot *s;
	const uint32_t *shown, *depth;
	uint32_t *stack_of, cap;
};

static void number_stack(struct numbering *n, uint32_t *stack)
{
	struct snapshot *s = n->s;
	uint32_t node = n->shown[*stack];

	if (node && !n->stack_of[node]) {
		s->stack = xgrow(s->stack, s->n_stacks, &n->cap, sizeof(*s->stack));
		s->stack[s->n_stacks] = (struct stack){n->depth[node], node};
		n->stack_of[node] = s->n_stacks++;
	}
	*stack = node ? n->stack_of[node] : 0;
}

static void number_sample(struct numbering *n, struct sample *sample)
{
	number_stack(n, &sample->stack);
	if (sample->reach)
		number_stack(n, &sample->reach->owner);
}

static void number_stacks(struct snapshot *s, const uint32_t *shown, const uint32_t *depth)
{
	struct numbering n = {s, shown, depth, xcalloc(s->n_nodes, sizeof(*n.stack_of)), 1};

	s->stack = xcalloc(1, sizeof(*s->stack));
	s->n_stacks = 1;
	for (uint32_t i = 0; i < s->n_samples; i++)
		number_sample(&n, &s->sample[i]);
	for (uint32_t i = 0; i < s->n_tasks; i++)
		number_stack(&n, &s->task[i].stack);
	for (uint32_t i = 0; i < s->n_stucks; i++) {
		number_stack(&n, &s->stuck[i].stack);
		number_stack(&n, &s->stuck[i].made);
	}
	for (uint32_t i = 0; i < s->n_waits; i++)
		number_stack(&n, &s->wait[i].stack);
	for (uint32_t i = 0; i < s->n_traced; i++)
		number_stack(&n, &s->traced[i].stack);
	for (uint32_t i = 0; i < s->n_spans; i++)
		number_stack(&n, &s->span[i].stack);
	for (uint32_t i = 0; i < s->n_task_sums; i++)
		number_stack(&n, &s->task_sum[i].stack);
	for (uint32_t i = 0; i < s->n_fds; i++)
		number_stack(&n, &s->fd[i].stack);
	for (uint32_t i = 0; i < s->n_fd_sums; i++)
		number_stack(&n, &s->fd_sum[i].stack);
	for (uint32_t i = 0; i < s->n_fd_bads; i++) {
		number_stack(&n, &s->fd_bad[i].stack);
		number_stack(&n, &s->fd_bad[i].before);
	}
	for (uint32_t i = 0; i < s->n_timers; i++)
		number_stack(&n, &s->timer[i].stack);
	for (uint32_t i = 0; i < s->n_timer_sums; i++)
		number_stack(&n, &s->timer_sum[i].stack);
	for (uint32_t i = 0; i < s->n_tests; i++)
		for (uint32_t j = 0; j < s->test[i].n_grown; j++)
			number_stack(&n, &s->test[i].grown[j].stack);
	free(n.stack_of);
}

static int by_tid(const void *a, const void *b)
{
	const struct stuck *x = a, *y = b;

	return x->tid < y->tid ? -1 : x->tid > y->tid;
}

/* A number is a living thread's: of ended ones it may be another's by now. */
static void find_stuck(struct snapshot *s)
{
	if (!s->n_stucks)
		return;
	qsort(s->stuck, s->n_stucks, sizeof(*s->stuck), by_tid);
	for (uint32_t i = 0; i < s->n_tasks; i++) {
		const struct stuck key = {.tid = s->task[i].tid};
		const struct stuck *found =
		        bsearch(&key, s->stuck, s->n_stucks, sizeof(*s->stuck), by_tid);
		if (found && s->task[i].state == FMT_TASK_RUNNING)
			s->task[i].stuck = (uint32_t)(found - s->stuck) + 1;
	}
}

/* Variances are in units of the file's own, so that they can be integers (format.h). */
static void scale_variances(struct loader *l)
{
	struct snapshot *s = l->s;
	double period = (double)INFO_U(&s->info, SAMPLE);
	const double unit[2] = {1 / 256.0, period * period / 65536};

	if (!s->sampled && !INFO_U(&s->info, SAMPLE))
		return;
	load_sampled_up_to(l, s->n_samples);
	for (uint32_t i = 0; s->sampled && i < s->n_samples; i++)
		for (int k = 0; k < 2; k++) {
			s->sampled[i].variance_made[k] *= unit[k];
			s->sampled[i].variance_freed[k] *= unit[k];
		}
}

int load_finish(struct loader *l)
{
	struct snapshot *s = l->s;

	if (check(l, &l->module, s->n_modules, "a frame in module") ||
	    check(l, &l->node, s->n_nodes, "a site at node") ||
	    check(l, &l->origin, s->n_nodes, "something made at node") ||
	    check(l, &l->thread, s->n_threads, "figures of thread"))
		return -1;
	load_find_waits(s);
	load_stands(l);
	uint32_t *shown = xmalloc(s->n_nodes * sizeof(*shown));
	uint32_t *depth = xmalloc(s->n_nodes * sizeof(*depth));
	leave_out_own_frames(s, shown);
	measure(s, depth);
	number_stacks(s, shown, depth);
	find_stuck(s);
	load_trace_finish(s);
	free(shown);
	free(depth);
	scale_variances(l);
	return 0;
}

bool snapshot_same_run(const struct snapshot *a, const struct snapshot *b)
{
	const struct info *x = &a->info, *y = &b->info;

	return INFO_U(x, PID) == INFO_U(y, PID) && INFO_U(x, START_TIME) == INFO_U(y, START_TIME) &&
	       !strcmp(INFO_S(x, BOOT_ID), INFO_S(y, BOOT_ID));
}

bool snapshot_records(const struct snapshot *s, uint64_t family)
{
	uint64_t families = INFO_U(&s->info, FAMILIES);

	return !families || families & family;
}

uint64_t snapshot_lost(const struct snapshot *s)
{
	uint64_t lost =
	        addu_sat(s->audit[FMT_AUDIT_LOST_REENTRANT], s->audit[FMT_AUDIT_LOST_NO_MEMORY]);

	return addu_sat(lost,
	                addu_sat(s->audit[FMT_AUDIT_LOST_EARLY], s->audit[FMT_AUDIT_UNSEEN_FREES]));
}
