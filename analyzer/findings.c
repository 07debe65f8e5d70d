/*
 * findings.c - keeps findings, one for each place and reason. Owns how findings of several
 * processes come together, and what the verdict is; where they are from it does not know.
 */
#include "findings.h"

#include <stdlib.h>
#include <string.h>

const char *const finding_kind_name[N_FINDING_KINDS] = {"heap", "thread", "timer", "fd"};
const char *const verdict_name[] = {"clean", "leaks", "lossy"};

struct findings_work {
	struct table by_key;
	struct pool pool;
	uint32_t cap, cap_processes, cap_notes;
};

static struct findings_work *work(struct findings *f)
{
	if (!f->work)
		f->work = xcalloc(1, sizeof(*f->work));
	return f->work;
}

bool finding_counts(const struct finding *f)
{
	return !f->rule && !f->known;
}

const char *finding_verb(const struct finding *f)
{
	static const char *const verb[N_FINDING_KINDS] = {"top", "threads", "timers", "fds"};

	return verb[f->kind];
}

uint32_t findings_add_process(struct findings *f, const struct finding_process *p)
{
	struct findings_work *w = work(f);

	f->process = xgrow(f->process, (uint32_t)f->n_processes, &w->cap_processes, sizeof(*p));
	f->process[f->n_processes] = *p;
	return (uint32_t)f->n_processes++;
}

void findings_note(struct findings *f, bool unclear, const char *text)
{
	const char *sentence = intern(text);

	f->no_verdict |= unclear;
	for (size_t i = 0; i < f->n_notes; i++)
		if (f->note[i] == sentence)
			return;
	f->note = xgrow(f->note, (uint32_t)f->n_notes, &work(f)->cap_notes, sizeof(*f->note));
	f->note[f->n_notes++] = sentence;
}

/* ---- what is the same ---- */

/* Addresses do not matter where there are names: a compiler that unrolls a loop makes several calls
 * of one line. */
static bool same_frame(const struct finding_frame *a, const struct finding_frame *b)
{
	return a->function == b->function && a->module == b->module && a->file == b->file &&
	       a->line == b->line && (a->function || a->address == b->address);
}

/* What libc does behind the user's call makes no place of its own: one regcomp() that is never
 * freed is one finding, not seven. */
static uint32_t next_frame(const struct finding *f, uint32_t i)
{
	while (i < f->site && f->frame[i].system)
		i++;
	return i;
}

static bool same_frames(const struct finding *a, const struct finding *b)
{
	uint32_t i = next_frame(a, 0), k = next_frame(b, 0);

	if (a->stack != b->stack || a->cut != b->cut)
		return false;
	for (; i < a->n_frames && k < b->n_frames;
	     i = next_frame(a, i + 1), k = next_frame(b, k + 1))
		if (!same_frame(&a->frame[i], &b->frame[k]))
			return false;
	return a->cut || (i >= a->n_frames && k >= b->n_frames);
}

static bool same_finding(const void *ctx, uint32_t value, const void *key)
{
	const struct finding *a = &((const struct findings *)ctx)->at[value], *b = key;

	return a->kind == b->kind && a->why == b->why && a->start == b->start &&
	       a->rule == b->rule && a->test == b->test && a->limit == b->limit &&
	       same_frames(a, b);
}

static uint64_t hash_of(const struct finding *f)
{
	uint64_t h = table_hash(f->stack, (uintptr_t)f->why);

	h = table_hash(h, (uintptr_t)f->start);
	h = table_hash(h, (uintptr_t)f->rule);
	return table_hash(h, (uintptr_t)f->test);
}

static void add_share(struct finding *to, const struct finding *new, uint32_t process)
{
	struct finding_share *s = to->n_shares ? &to->share[to->n_shares - 1] : NULL;

	/* What one process has comes together. */
	if (!s || s->process != process) {
		to->share = xgrow(to->share, to->n_shares, &to->cap_shares, sizeof(*s));
		s = &to->share[to->n_shares++];
		*s = (struct finding_share){.process = process};
	}
	s->count = addu_sat(s->count, new->count);
	s->bytes = addu_sat(s->bytes, new->bytes);
}

void findings_add(struct findings *f, const struct finding *new, uint32_t process)
{
	struct findings_work *w = work(f);
	uint64_t hash = hash_of(new);
	uint32_t i = table_find(&w->by_key, hash, same_finding, f, new);

	if (i == TABLE_NONE) {
		i = (uint32_t)f->n++;
		f->at = xgrow(f->at, i, &w->cap, sizeof(*f->at));
		f->at[i] = *new;
		f->at[i].count = f->at[i].bytes = f->at[i].base = 0;
		f->at[i].held_blocks = f->at[i].held_bytes = 0;
		f->at[i].share = NULL;
		f->at[i].n_shares = f->at[i].cap_shares = 0;
		size_t bytes = new->n_frames * sizeof(*new->frame);
		f->at[i].frame = bytes ? pool_alloc(&w->pool, bytes) : NULL;
		if (bytes)
			memcpy(f->at[i].frame, new->frame, bytes);
		table_add(&w->by_key, hash, i);
	}
	struct finding *to = &f->at[i];
	to->count = addu_sat(to->count, new->count);
	to->bytes = addu_sat(to->bytes, new->bytes);
	to->base = addu_sat(to->base, new->base);
	to->held_blocks = addu_sat(to->held_blocks, new->held_blocks);
	to->held_bytes = addu_sat(to->held_bytes, new->held_bytes);
	add_share(to, new, process);
}

/* ---- the verdict ---- */

static int by_amount(const void *a, const void *b)
{
	const struct finding_share *x = a, *y = b;

	if (x->bytes != y->bytes)
		return x->bytes > y->bytes ? -1 : 1;
	if (x->count != y->count)
		return x->count > y->count ? -1 : 1;
	return x->process < y->process ? -1 : x->process > y->process;
}

static int compare_text(const char *a, const char *b)
{
	return a == b ? 0 : strcmp(a ? a : "", b ? b : "");
}

/* The order must not depend on anything but what was found. */
static int by_frames(const struct finding *x, const struct finding *y)
{
	int order = compare_text(x->start, y->start);

	for (uint32_t i = 0; !order && i < x->n_frames && i < y->n_frames; i++) {
		const struct finding_frame *a = &x->frame[i], *b = &y->frame[i];
		order = compare_text(a->function, b->function);
		if (!order)
			order = compare_text(a->module, b->module);
		if (!order && a->line != b->line)
			order = a->line < b->line ? -1 : 1;
		if (!order && a->address != b->address)
			order = a->address < b->address ? -1 : 1;
	}
	return order ? order : x->n_frames < y->n_frames ? -1 : x->n_frames > y->n_frames;
}

static int by_weight(const void *a, const void *b)
{
	const struct finding *x = a, *y = b;

	if (finding_counts(x) != finding_counts(y))
		return finding_counts(x) ? -1 : 1;
	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	if (x->bytes != y->bytes)
		return x->bytes > y->bytes ? -1 : 1;
	if (x->count != y->count)
		return x->count > y->count ? -1 : 1;
	int why = strcmp(x->why, y->why);
	if (why)
		return why;
	uint32_t p = x->n_shares ? x->share[0].process : 0,
	         q = y->n_shares ? y->share[0].process : 0;
	if (p != q)
		return p < q ? -1 : 1;
	return by_frames(x, y);
}

static int64_t shown(uint64_t n)
{
	return n > INT64_MAX ? INT64_MAX : (int64_t)n;
}

static const char *held_words(const struct finding *f)
{
	char count[32], bytes[32], text[160];

	snprintf(text, sizeof(text), "%s in %s more block%s %s lost with %s",
	         human_bytes(bytes, shown(f->held_bytes)),
	         human_count(count, shown(f->held_blocks)), f->held_blocks == 1 ? "" : "s",
	         f->held_blocks == 1 ? "is" : "are", f->count == 1 ? "it" : "them");
	return intern(text);
}

void findings_finish(struct findings *f)
{
	struct findings_work *w = work(f);

	for (size_t i = 0; i < f->n; i++) {
		if (f->at[i].held_blocks)
			f->at[i].words = held_words(&f->at[i]);
		if (f->at[i].n_shares > 1)
			qsort(f->at[i].share, f->at[i].n_shares, sizeof(*f->at[i].share),
			      by_amount);
	}
	if (f->n)
		qsort(f->at, f->n, sizeof(*f->at), by_weight);
	/* They have moved. */
	table_free(&w->by_key);
	w->by_key = (struct table){0};
	f->n_counted = 0;
	for (size_t i = 0; i < f->n_processes; i++) {
		f->process[i].findings = 0;
		f->no_verdict |= f->process[i].unclear != NULL;
	}
	for (size_t i = 0; i < f->n; i++) {
		table_add(&w->by_key, hash_of(&f->at[i]), (uint32_t)i);
		if (!finding_counts(&f->at[i]))
			continue;
		f->n_counted++;
		for (uint32_t k = 0; k < f->at[i].n_shares; k++)
			f->process[f->at[i].share[k].process].findings++;
	}
	f->verdict = f->n_counted ? VERDICT_LEAKS : f->no_verdict ? VERDICT_LOSSY : VERDICT_CLEAN;
}

void findings_free(struct findings *f)
{
	for (size_t i = 0; i < f->n; i++)
		free(f->at[i].share);
	free(f->at);
	free(f->process);
	free(f->note);
	if (f->work) {
		table_free(&f->work->by_key);
		pool_free(&f->work->pool);
	}
	free(f->work);
	*f = (struct findings){0};
}
