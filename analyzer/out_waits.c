/*
 * out_waits.c - what the threads of a group wait for, for people and as JSON. Those that wait in
 * the same way at the same place are told together.
 */
#include "out_waits.h"

#include <stdlib.h>
#include <string.h>

#include "wait_reason.h"
#include "waits.h"

enum { FEW = 3 };

/* ---- of a group ---- */

struct alike {
	struct wait_reason reason; /* of the first */
	uint32_t stack, n, first;  /* first: index into the group */
	uint64_t least_ns;         /* all of them, at least */
	const struct rule *idle;
};
struct alikes {
	struct alike *at;
	uint32_t n, cap;
	uint32_t *of; /* by index into the group: plus 1, 0 it ran */
};

static const struct task *task_of(const struct kinds *k, const struct group *g, uint32_t i)
{
	return &k->b->task[k->table[KIND_THREADS].item[g->first + i]];
}

static const struct rule *idle_of(const struct kinds *k, const struct group *g, uint32_t i)
{
	return k->idle ? k->idle[k->table[KIND_THREADS].item[g->first + i]] : NULL;
}

static bool is_alike(const struct alike *have, const struct alike *want)
{
	return have->stack == want->stack && have->reason.kind == want->reason.kind &&
	       have->idle == want->idle;
}

/* Mostly it is the one of the thread before, and there are few. */
static uint32_t index_of(struct alikes *all, const struct alike *want, uint32_t guess)
{
	if (guess < all->n && is_alike(&all->at[guess], want))
		return guess;
	for (uint32_t i = 0; i < all->n; i++)
		if (is_alike(&all->at[i], want))
			return i;
	all->at = xgrow(all->at, all->n, &all->cap, sizeof(*want));
	all->at[all->n] = *want;
	return all->n++;
}

/* Whoever reads a pipe that this very process could write to waits for itself. */
static void tell_other_end(const struct kinds *k, struct wait_reason *r)
{
	uint32_t other;
	bool is_pipe;

	for (uint32_t i = 0; r->fd >= 0 && i < k->b->n_fds; i++) {
		const struct fd *f = &k->b->fd[i];

		if (f->fd != (uint64_t)r->fd)
			continue;
		if (!pipes_other_end(&k->pipes, f, &other, &is_pipe) || !r->names)
			return;
		char *names = xasprintf("%s, the other end is %u of this process", r->names, other);
		r->names = intern(names);
		free(names);
		return;
	}
}

static struct alikes find_alike(const struct kinds *k, const struct group *g)
{
	struct alikes all = {.of = xcalloc((size_t)g->n + 1, sizeof(*all.of))};
	uint32_t last = 0;

	for (uint32_t i = 0; i < g->n; i++) {
		const struct task *t = task_of(k, g, i);
		uint64_t ns = k->waited_ns[t - k->b->task];
		struct alike one = {.first = i, .least_ns = ns, .idle = idle_of(k, g, i)};

		if (!waits_reason(k->b, t, &one.reason))
			continue;
		tell_other_end(k, &one.reason);
		one.stack = k->b->wait[t->wait - 1].stack;
		last = index_of(&all, &one, last);
		struct alike *a = &all.at[last];
		a->n++;
		a->least_ns = ns < a->least_ns ? ns : a->least_ns;
		all.of[i] = last + 1;
	}
	return all;
}

static void alikes_free(struct alikes *all)
{
	free(all->at);
	free(all->of);
}

static int by_count(const void *a, const void *b)
{
	const struct alike *x = a, *y = b;

	if (!x->idle != !y->idle)
		return x->idle ? 1 : -1;
	if (x->n != y->n)
		return x->n > y->n ? -1 : 1;
	return x->first < y->first ? -1 : x->first > y->first;
}

/* ---- for people ---- */

static void add_reason(struct str *s, const struct wait_reason *r)
{
	struct str more = {0};

	wait_reason_words(&more, r);
	str_addf(s, "%s%s%s", wait_kind_word(r->kind), more.len ? " " : "",
	         more.data ? more.data : "");
	str_free(&more);
}

static void print_place(struct page *page, const struct kinds *k, uint32_t stack,
                        const struct out_options *o, struct nameless *nameless)
{
	struct row r = {.snapshot = k->b, .stack = stack};
	struct frames frames = {0};
	struct out_options place = *o;

	if (!stack)
		return;
	row_write_out(&r, o->raw, &frames);
	page_pad(page, 12);
	page_add(page, STYLE_DIM, "at");
	place.raw = o->raw;
	out_stack_site(page, &r, &place, nameless);
	if (o->wide)
		out_stack_callers(page, &r, &place, nameless);
	free(frames.at);
}

static void print_alike(struct page *page, const struct kinds *k, const struct group *g,
                        const struct alike *a, const struct out_options *o,
                        struct nameless *nameless)
{
	struct str s = {0};
	char text[32];

	str_add(&s, "in ");
	if (a->n < g->n)
		str_addf(&s, "%u of them: ", a->n);
	add_reason(&s, &a->reason);
	if (a->n > 1)
		str_add(&s, " (the first of them)");
	if (a->least_ns)
		str_addf(&s, "; for %s or more", human_ns(text, a->least_ns));
	if (a->idle)
		str_addf(&s, "; idle: %s", rule_text(a->idle));
	page_wrap(page, STYLE_DIM, 10, 12, s.data);
	str_free(&s);
	print_place(page, k, a->stack, o, nameless);
}

void out_waits_text(struct page *page, const struct kinds *k, const struct group *g,
                    const struct out_options *o, struct nameless *nameless)
{
	if (g->kind != KIND_THREADS)
		return;
	struct alikes all = find_alike(k, g);
	uint32_t most = o->wide || all.n == FEW + 1 ? all.n : FEW;

	if (all.n)
		qsort(all.at, all.n, sizeof(*all.at), by_count);
	for (uint32_t i = 0; i < all.n && i < most; i++)
		print_alike(page, k, g, &all.at[i], o, nameless);
	if (all.n > most) {
		page_pad(page, 10);
		page_addf(page, STYLE_DIM, "... %u more waits (--wide)", all.n - most);
		page_end_line(page);
	}
	alikes_free(&all);
}

/* ---- JSON ---- */

static json_t *wait_object(const struct kinds *k, const struct group *g, const struct alikes *all,
                           uint32_t which)
{
	const struct alike *a = &all->at[which];
	json_t *tids = json_array(), *o = json_object();
	struct row r = {.snapshot = k->b, .stack = a->stack};
	struct frames frames = {0};
	struct str s = {0};

	for (uint32_t j = 0; j < g->n; j++)
		if (all->of[j] == which + 1)
			json_array_append_new(tids, document_number(task_of(k, g, j)->tid));
	add_reason(&s, &a->reason);
	row_write_out(&r, k->raw, &frames);
	json_object_set_new(o, "count", document_number(a->n));
	json_object_set_new(o, "kind", json_string(wait_kind_json(a->reason.kind)));
	json_object_set_new(o, "waits_on", document_text(s.data));
	json_object_set_new(o, "at_least_s",
	                    a->least_ns ? json_real((double)a->least_ns / 1e9) : json_null());
	json_object_set_new(o, "owner_tid",
	                    a->reason.owner ? document_number(a->reason.owner) : json_null());
	json_object_set_new(o, "owner_ended", json_boolean(a->reason.owner_ended));
	json_object_set_new(o, "idle", a->idle ? document_text(rule_text(a->idle)) : json_null());
	json_object_set_new(o, "tids", tids);
	json_object_set_new(o, "site", document_site(&r));
	json_object_set_new(o, "stack", document_stack(&r));
	free(frames.at);
	str_free(&s);
	return o;
}

/* Most first, as they are in the group else: `of` keeps its meaning. */
static uint32_t *ranked(const struct alikes *all)
{
	uint32_t *order = xcalloc((size_t)all->n + 1, sizeof(*order));

	for (uint32_t i = 0; i < all->n; i++) {
		uint32_t j = i;
		for (; j && by_count(&all->at[i], &all->at[order[j - 1]]) < 0; j--)
			order[j] = order[j - 1];
		order[j] = i;
	}
	return order;
}

json_t *out_waits_json(const struct kinds *k, const struct group *g)
{
	struct alikes all = find_alike(k, g);
	uint32_t *order = ranked(&all);
	json_t *list = json_array();

	for (uint32_t i = 0; i < all.n; i++)
		json_array_append_new(list, wait_object(k, g, &all, order[i]));
	free(order);
	alikes_free(&all);
	return list;
}

const char *out_waits_on(const struct kinds *k, const struct group *g)
{
	if (g->kind != KIND_THREADS)
		return NULL;
	struct alikes all = find_alike(k, g);
	uint32_t *order = ranked(&all);
	const char *word = all.n ? wait_kind_json(all.at[order[0]].reason.kind) : NULL;

	free(order);
	alikes_free(&all);
	return word;
}

/* ---- older ---- */

void out_older_text(struct page *page, const struct kinds *k)
{
	const struct kinds_older *older = k->older;
	char text[32];

	if (!older)
		return;
	page_addf(page, STYLE_PLAIN, "in one wait for %s or more", human_ns(text, older->least_ns));
	if (older->n_snapshots > 1)
		page_addf(page, STYLE_PLAIN, ", and in all of %u snapshots in %s",
		          older->n_snapshots, human_ns(text, older->span_ns));
	if (k->older_idle)
		page_addf(page, STYLE_DIM, "; %llu idle left out (--no-builtin)",
		          (unsigned long long)k->older_idle);
	page_end_line(page);
}

json_t *out_older_json(const struct kinds *k)
{
	const struct kinds_older *older = k->older;

	if (!older)
		return json_null();
	json_t *o = json_object();
	json_object_set_new(o, "least_s", json_real((double)older->least_ns / 1e9));
	json_object_set_new(
	        o, "snapshots",
	        document_number(older->n_snapshots ? older->n_snapshots : 1 + (k->a != NULL)));
	json_object_set_new(o, "idle_left_out", document_number(k->older_idle));
	return o;
}
