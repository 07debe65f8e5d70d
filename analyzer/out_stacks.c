/*
 * out_stacks.c - the stacks of a live process for a person: what is deadlocked, then groups of
 * threads with what they wait for.
 */
#include "out_stacks.h"

#include <stdlib.h>
#include <string.h>

#include "out_stack.h"

enum { FEW = 6, PLACES = 3 };

void out_stacks_dead_words(struct str *s, const struct live_deadlock *d)
{
	switch (d->kind) {
	case LIVE_DEAD_SELF:
		str_add(s, "Deadlock: a thread waits for a lock that it holds itself");
		break;
	case LIVE_DEAD_OWNER_ENDED:
		str_add(s, "Deadlock: a thread waits for a lock whose owner has ended");
		break;
	case LIVE_DEAD_CYCLE:
		str_addf(s, "Deadlock: %u threads wait for one another", d->n);
		break;
	}
	if (d->behind)
		str_addf(s, ", and %u more behind %s", d->behind, d->n == 1 ? "it" : "them");
}

static void add_wait(struct page *page, const struct live_thread *t, bool particulars)
{
	struct str words = {0};

	if (particulars)
		wait_reason_words(&words, &t->wait);
	page_addf(page, STYLE_PLAIN, "%s%s%s", wait_kind_word(t->wait.kind), words.len ? " " : "",
	          words.len ? words.data : "");
	str_free(&words);
}

static void print_stack(struct page *page, const struct live_stacks *l, uint32_t stack,
                        const struct out_options *o, struct nameless *nameless)
{
	struct row r = {.snapshot = l->snapshot, .stack = stack};
	struct frames frames = {0};

	row_write_out(&r, true, &frames);
	if (r.n_frames) {
		page_pad(page, 8);
		out_stack_site(page, &r, o, nameless);
		out_stack_callers(page, &r, o, nameless);
	}
	free(frames.at);
}

/* "created 3 s to 5 s ago by" */
static void add_ages(struct page *page, const struct live_thread *t, uint32_t n, uint32_t made)
{
	uint64_t lo = UINT64_MAX, hi = 0;
	char least[32], most[32];

	for (uint32_t i = 0; i < n; i++) {
		if (t[i].made != made)
			continue;
		lo = t[i].age_ns < lo ? t[i].age_ns : lo;
		hi = t[i].age_ns > hi ? t[i].age_ns : hi;
	}
	human_ns(least, lo);
	human_ns(most, hi);
	if (strcmp(least, most))
		page_addf(page, STYLE_DIM, "created %s to %s ago by", least, most);
	else
		page_addf(page, STYLE_DIM, "created %s ago by", most);
}

/* "created by": one line for each place, for those who were made there. */
static void print_created(struct page *page, const struct live_stacks *l,
                          const struct live_thread *t, uint32_t n, const struct out_options *o,
                          struct nameless *nameless)
{
	uint32_t shown = 0;

	for (uint32_t i = 0; i < n && shown < (o->wide ? n : PLACES); i++) {
		uint32_t first = 0, same = 0;

		while (t[first].made != t[i].made)
			first++;
		if (!t[i].made || first < i)
			continue;
		for (uint32_t k = i; k < n; k++)
			same += t[k].made == t[i].made;
		struct row r = {.snapshot = l->snapshot, .stack = t[i].made};
		struct frames frames = {0};
		struct out_options place = *o;

		row_write_out(&r, false, &frames);
		place.raw = false;
		page_pad(page, 8);
		if (same < n)
			page_addf(page, STYLE_DIM, "%u of them ", same);
		add_ages(page, t, n, t[i].made);
		out_stack_site(page, &r, &place, nameless);
		if (o->wide)
			out_stack_callers(page, &r, &place, nameless);
		free(frames.at);
		shown++;
	}
}

static void add_idle(struct page *page, const struct live_thread *t, uint32_t n)
{
	char least[32], most[32];
	uint64_t lo = UINT64_MAX, hi = 0;

	for (uint32_t i = 0; i < n; i++)
		if (t[i].idle_known) {
			lo = t[i].idle_ns < lo ? t[i].idle_ns : lo;
			hi = t[i].idle_ns > hi ? t[i].idle_ns : hi;
		}
	if (lo > hi || t->wait.kind == WAIT_RUNNING)
		return;
	human_ns(least, lo);
	human_ns(most, hi);
	if (strcmp(least, most))
		page_addf(page, STYLE_PLAIN, ", for %s to %s", least, most);
	else
		page_addf(page, STYLE_PLAIN, ", for %s", most);
}

/* What each of them waits for, in particular, is the same. */
static bool is_one_wait(const struct live_thread *t, uint32_t n)
{
	struct str first = {0};
	bool same = true;

	wait_reason_words(&first, &t->wait);
	for (uint32_t i = 1; i < n && same; i++) {
		struct str words = {0};

		wait_reason_words(&words, &t[i].wait);
		same = words.len == first.len && (!words.len || !strcmp(words.data, first.data));
		str_free(&words);
	}
	str_free(&first);
	return same;
}

/* "  tid 12 worker, tid 13 worker ...": with what is particular to each, where that differs. */
static void print_members(struct page *page, const struct live_thread *t, uint32_t n, bool each,
                          const struct out_options *o)
{
	uint32_t shown = 0;
	struct str s = {0};

	for (; shown < n && (o->wide || shown < FEW || n == FEW + 1); shown++) {
		struct str words = {0};

		str_addf(&s, "%stid %u %s", shown ? ", " : "", t[shown].tid, t[shown].name);
		wait_reason_words(&words, &t[shown].wait);
		if (each && words.len)
			str_addf(&s, " (%s)", words.data);
		str_free(&words);
	}
	if (shown < n)
		str_addf(&s, ", %u more (--wide)", n - shown);
	page_wrap(page, STYLE_DIM, 6, 6, s.data);
	str_free(&s);
}

static void print_group(struct page *page, const struct live_stacks *l, const struct live_group *g,
                        const struct out_options *o, struct nameless *nameless)
{
	const struct live_thread *t = &l->thread[g->first];
	bool one = is_one_wait(t, g->n);
	char count[32];

	snprintf(count, sizeof(count), "%u thread%s", g->n, g->n == 1 ? "" : "s");
	page_addf(page, STYLE_BOLD, "%s: ", count);
	add_wait(page, t, one);
	add_idle(page, t, g->n);
	page_end_line(page);
	print_members(page, t, g->n, !one, o);
	if (t->idle) {
		struct str words = {0};

		str_addf(&words, "idle: %s", rule_text(t->idle));
		page_wrap(page, STYLE_DIM, 6, 6, words.data);
		str_free(&words);
	}
	if (t->why)
		page_wrap(page, STYLE_WARNING, 6, 6, t->why);
	print_stack(page, l, t->stack, o, nameless);
	print_created(page, l, t, g->n, o, nameless);
	page_end_line(page);
}

static void print_deadlock(struct page *page, const struct live_stacks *l,
                           const struct live_deadlock *d, const struct out_options *o,
                           struct nameless *nameless)
{
	struct str words = {0};

	out_stacks_dead_words(&words, d);
	page_add(page, STYLE_WARNING, words.data);
	page_end_line(page);
	str_free(&words);
	for (uint32_t i = 0; i < d->n; i++) {
		const struct live_thread *t = &l->thread[d->thread[i]];

		page_pad(page, 4);
		page_addf(page, STYLE_BOLD, "tid %u %s", t->tid, t->name);
		page_add(page, STYLE_PLAIN, " waits for ");
		add_wait(page, t, true);
		page_end_line(page);
		print_stack(page, l, t->stack, o, nameless);
		print_created(page, l, t, 1, o, nameless);
	}
	page_end_line(page);
}

static void print_heading(struct page *page, const struct live_stacks *l)
{
	const struct snapshot *s = l->snapshot;
	char text[32];

	page_add(page, STYLE_BOLD, INFO_S(&s->info, COMMAND));
	page_addf(page, STYLE_PLAIN, ", pid %llu: %u thread%s, %u different stack%s",
	          (unsigned long long)INFO_U(&s->info, PID), l->n_threads,
	          l->n_threads == 1 ? "" : "s", l->n_groups, l->n_groups == 1 ? "" : "s");
	page_end_line(page);
	if (l->n_stopped) {
		page_addf(page, STYLE_DIM,
		          "%u stopped for at most %s each, the others read while "
		          "they slept",
		          l->n_stopped, human_ns(text, l->stopped_max_ns));
		page_end_line(page);
	}
	if (l->n_anew) {
		page_addf(page, STYLE_WARNING,
		          "of %u of them the system call was begun anew: its limit of time, if it "
		          "has one, with it",
		          l->n_anew);
		page_end_line(page);
	}
	if (l->runtime)
		page_wrap(page, STYLE_WARNING, 0, 2, l->runtime);
	page_end_line(page);
}

int out_stacks_text(FILE *f, const struct live_stacks *l, const struct out_options *o,
                    struct err *err)
{
	struct page page = {.file = f, .width = o->width, .color = o->color};
	struct nameless nameless = {0};
	struct out_options all = *o;

	all.raw = all.callers = true;
	print_heading(&page, l);
	for (uint32_t i = 0; i < l->n_deadlocks; i++)
		print_deadlock(&page, l, &l->deadlock[i], &all, &nameless);
	for (uint32_t i = 0; i < l->n_groups && (!o->n || i < o->n); i++)
		print_group(&page, l, &l->group[i], &all, &nameless);
	if (o->n && l->n_groups > o->n) {
		page_addf(&page, STYLE_PLAIN, "%u more stacks (-n 0 shows all)",
		          l->n_groups - (uint32_t)o->n);
		page_end_line(&page);
	}
	return page_end(&page, err);
}
