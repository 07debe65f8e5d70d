/*
 * profile.c - groups the samples of one snapshot, or of two, into rows: one a stack, threads
 * summed, ranked.
 *
 * Owns rows and what they are made of. Reads snapshots; of those it changes nothing (but hide.h
 * does, when it is asked to); prints nothing.
 * Rows hold a stack's number; frames and the site are written out for one row at a time
 * (profile_row()).
 */
#include "profile.h"

#include "estimate.h"
#include "focus.h"
#include "hide.h"
#include "histogram.h"
#include "match.h"
#include "reach.h"

#include <stdlib.h>
#include <string.h>

const char *const column_name[N_COLUMNS] = {"alloc_objects", "alloc_space", "inuse_objects",
                                            "inuse_space"};
const char *const column_unit[N_COLUMNS] = {"count", "bytes", "count", "bytes"};

/* Behind a profile: memory, and the frames of the row that was asked for last. */
struct profile_work {
	struct pool pool;
	struct frames frames;
	bool raw;
	uint32_t *row_of[2]; /* options.samples: by sample of a, of b, its row's first number */
	uint8_t *is_churn;   /* and by that number */
};

/* While rows are made. */
struct grouping {
	struct profile *p;
	const struct snapshot *s; /* whose samples are being added */
	const struct match *match;
	struct table by_meaning;
	uint32_t *meaning; /* by row */
	uint32_t n_rows, cap_rows, cap_meaning, cap_estimates;
	bool sampled; /* one of the snapshots is */
	bool forget;
};

int column_parse(const char *name, enum column *out, struct err *err)
{
	for (int c = 0; c < N_COLUMNS; c++) {
		if (!strcmp(name, column_name[c])) {
			*out = (enum column)c;
			return 0;
		}
	}
	const char *const names[] = {column_name[0], column_name[1], column_name[2], column_name[3],
	                             NULL};
	const char *near = nearest(name, names);
	return err_set(err, "there is no column \"%s\"; %s%s%sthere are %s, %s, %s, %s", name,
	               near ? "did you mean " : "", near ? near : "", near ? "? " : "", names[0],
	               names[1], names[2], names[3]);
}

const char *module_basename(const struct module *m)
{
	const char *slash = strrchr(m->path, '/');

	return slash ? slash + 1 : m->path;
}

const char *module_family(const struct module *m)
{
	const char *base = module_basename(m), *so = strstr(base, ".so.");

	return so ? intern_mem(base, (size_t)(so - base) + 3) : intern(base);
}

/* ---- rows ---- */

struct row_key {
	uint32_t meaning, kind;
};

static bool same_row(const void *ctx, uint32_t value, const void *key)
{
	const struct grouping *g = ctx;
	const struct row_key *want = key;

	return g->meaning[value] == want->meaning && g->p->row[value].kind == want->kind;
}

static struct row *row_of(struct grouping *g, const struct sample *sample)
{
	struct row_key key = {g->match->meaning[sample->stack], sample->kind};
	uint64_t hash = table_hash(key.meaning, key.kind);
	uint32_t i = table_find(&g->by_meaning, hash, same_row, g, &key);

	if (i == TABLE_NONE) {
		i = g->n_rows++;
		g->p->row = xgrow(g->p->row, i, &g->cap_rows, sizeof(*g->p->row));
		g->meaning = xgrow(g->meaning, i, &g->cap_meaning, sizeof(*g->meaning));
		g->meaning[i] = key.meaning;
		if (g->sampled) {
			g->p->estimate = xgrow(g->p->estimate, i, &g->cap_estimates,
			                       sizeof(*g->p->estimate));
			g->p->estimate[i] = (struct estimate){0};
		}
		g->p->row[i] = (struct row){.kind = (uint8_t)key.kind,
		                            .matched = true,
		                            .snapshot = g->s,
		                            .stack = sample->stack,
		                            .number = i};
		table_add(&g->by_meaning, hash, i);
	}
	if (g->match->unmatched && g->match->unmatched[sample->stack])
		g->p->row[i].matched = false;
	return &g->p->row[i];
}

/* A sample of b, or of the only one. */
static void add_sample(struct grouping *g, struct row *r, const struct sample *sample)
{
	struct pool *pool = &g->p->work->pool;

	for (int c = 0; c < N_COLUMNS; c++)
		r->value[c] = add_sat(r->value[c], sample->value[c]);
	r->frees = addu_sat(r->frees, sample_frees(sample));
	r->bytes_freed = addu_sat(r->bytes_freed, sample_bytes_freed(sample));
	r->temporary = addu_sat(r->temporary, sample->temporary);
	r->live_blocks = addu_sat(r->live_blocks, sample->live_blocks);
	if (sample->value[ALLOC_OBJECTS]) {
		if (!r->size_max || sample->size_min < r->size_min)
			r->size_min = sample->size_min;
		if (sample->size_max > r->size_max)
			r->size_max = sample->size_max;
	}
	histogram_add(pool, &r->lifetimes, &sample->lifetimes);
	histogram_add(pool, &r->ages, &sample->ages);
	if (sample->reach)
		reach_add(pool, &r->reach, sample->reach);
}

static uint64_t minus(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

/* A sample of a: taken away from what b has. Frees and lifetimes of another run say nothing about
 * this one. */
static void take_sample(struct grouping *g, struct row *r, const struct sample *sample)
{
	for (int c = 0; c < N_COLUMNS; c++) {
		r->value[c] = sub_sat(r->value[c], sample->value[c]);
		r->base[c] = add_sat(r->base[c], sample->value[c]);
	}
	if (!g->p->same_run)
		return;
	r->frees = minus(r->frees, sample_frees(sample));
	r->bytes_freed = minus(r->bytes_freed, sample_bytes_freed(sample));
	r->temporary = minus(r->temporary, sample->temporary);
	if (sample->size_max > r->base_size_max)
		r->base_size_max = sample->size_max;
	histogram_subtract(&g->p->work->pool, &r->lifetimes, &sample->lifetimes);
	for (uint32_t i = 0; i < sample->ages.n; i++)
		if (churn_is_young(sample->ages.at[i].bucket, g->p->since_ns))
			r->base_young = addu_sat(r->base_young, sample->ages.at[i].blocks);
}

/* A large snapshot's samples and rows are most of what there is: they must not all be there at the
 * same time. Forgotten samples are not read again, though the array is freed later. */
static void add_snapshot(struct grouping *g, struct snapshot *s, const struct match *match,
                         const uint8_t *shown, bool base)
{
	enum { PIECE = 1 << 14 };

	g->s = s;
	g->match = match;
	for (uint32_t i = 0; i < s->n_samples; i++) {
		if (g->forget && i && !(i % PIECE))
			release_pages(&s->sample[i - PIECE], PIECE * sizeof(*s->sample));
		const struct sample *sample = &s->sample[i];
		int64_t *total = g->p->total[sample->kind],
		        *base_total = g->p->base_total[sample->kind];
		for (int c = 0; c < N_COLUMNS; c++) {
			if (base)
				base_total[c] = add_sat(base_total[c], sample->value[c]);
			total[c] = base ? sub_sat(total[c], sample->value[c])
			                : add_sat(total[c], sample->value[c]);
		}
		if (sample->reach && !base)
			reach_sum(&g->p->reach, sample->reach);
		uint32_t *number = g->p->work->row_of[!base];
		if (number)
			number[i] = TABLE_NONE;
		if (shown && !shown[sample->stack])
			continue;
		struct row *r = row_of(g, sample);
		if (number)
			number[i] = (uint32_t)(r - g->p->row);
		if (base)
			take_sample(g, r, sample);
		else
			add_sample(g, r, sample);
		if (s->sampled)
			estimate_add(&g->p->estimate[r->number], &s->sampled[i], base,
			             g->p->same_run);
		progress("grouping", i, s->n_samples);
	}
	if (g->forget) {
		free(s->sample);
		s->sample = NULL;
		s->n_samples = 0;
	}
}

/* ---- ranking ---- */

struct ranking {
	const struct row *row;
	enum column first;
};

static int by_column(const void *a, const void *b, void *ctx)
{
	const struct ranking *r = ctx;
	const struct row *x = &r->row[*(const uint32_t *)a], *y = &r->row[*(const uint32_t *)b];

	if (x->churn != y->churn)
		return x->churn ? 1 : -1;
	if (x->noise != y->noise)
		return x->noise ? 1 : -1;
	if (x->value[r->first] != y->value[r->first])
		return x->value[r->first] > y->value[r->first] ? -1 : 1;
	for (int c = N_COLUMNS - 1; c >= 0; c--)
		if (x->value[c] != y->value[c])
			return x->value[c] > y->value[c] ? -1 : 1;
	/* The order must not depend on anything but the files. */
	if (x->snapshot != y->snapshot)
		return x->base[ALLOC_OBJECTS] < y->base[ALLOC_OBJECTS] ? -1 : 1;
	return x->stack < y->stack ? -1 : x->stack > y->stack;
}

/* Sorts numbers, then moves each row once, in place: a sort of rows would need their memory again.
 */
static void rank(struct profile *p, enum column sort)
{
	struct ranking r = {p->row, sort};
	uint32_t *from = xcalloc(p->n_rows + 1, sizeof(*from));

	for (size_t i = 0; i < p->n_rows; i++)
		from[i] = (uint32_t)i;
	qsort_r(from, p->n_rows, sizeof(*from), by_column, &r);
	for (uint32_t i = 0; i < p->n_rows; i++) {
		struct row first = p->row[i];
		uint32_t to = i;
		if (from[i] == i)
			continue;
		while (from[to] != i) {
			uint32_t next = from[to];
			p->row[to] = p->row[next];
			from[to] = to;
			to = next;
		}
		p->row[to] = first;
		from[to] = to;
	}
	free(from);
}

static bool says_nothing(const struct row *r)
{
	for (int c = 0; c < N_COLUMNS; c++)
		if (r->value[c])
			return false;
	return true;
}

static void fold(struct row *r, size_t *n, int64_t sum[N_COLUMNS])
{
	++*n;
	for (int c = 0; c < N_COLUMNS; c++)
		sum[c] = add_sat(sum[c], r->value[c]);
}

/* Marks churn and noise, drops rows in which nothing changed, ranks the rest. */
static void finish_rows(struct profile *p, uint32_t n, const struct profile_options *o)
{
	for (uint32_t i = 0; i < n; i++) {
		struct row *r = &p->row[i];
		bool same = says_nothing(r);
		if (same && !(o->unchanged && p->a))
			continue;
		r->churn = p->a && !p->swapped && !same && churn_is(r, p->same_run, p->since_ns);
		if (p->a && !same && !r->matched) {
			int64_t born = row_born(p, r, ALLOC_SPACE);
			p->unmatched = addu_sat(p->unmatched, born > 0 ? (uint64_t)born : 0);
			p->n_unmatched++;
		}
		if (p->work->is_churn)
			p->work->is_churn[i] = r->churn;
		r->noise = o->fold_noise && !r->churn && row_is_noise(p, r, o->sort);
		if (r->churn)
			fold(r, &p->n_churn, p->churn);
		if (r->noise)
			fold(r, &p->n_noise, p->noise);
		p->row[p->n_rows++] = *r;
	}
	rank(p, o->sort);
}

/* *shown by stack: focus, ignore, hide and show-from leave something of it; NULL: all. */
static int choose_stacks(struct snapshot *s, const struct profile_options *o, uint8_t **shown,
                         struct err *err)
{
	uint8_t *by_node;

	if (focus_nodes(s, o, &by_node, err))
		return -1;
	if (by_node) {
		*shown = xcalloc(s->n_stacks, 1);
		for (uint32_t i = 0; i < s->n_stacks; i++)
			(*shown)[i] = by_node[s->stack[i].node];
		free(by_node);
	}
	/* Behind focus, which may name what is hidden. */
	return hide_frames(s, o, shown, err);
}

static int make(struct snapshot *a, struct snapshot *b, const struct profile_options *o,
                struct profile **out, struct err *err)
{
	struct match match_a = {0}, match_b = {0};
	uint8_t *shown_a = NULL, *shown_b = NULL;
	struct profile *p = xcalloc(1, sizeof(*p));
	struct grouping g = {.p = p,
	                     .sampled = b->sampled || (a && a->sampled),
	                     .forget = o->forget && !o->samples};
	int rc = -1;

	*out = NULL;
	p->work = xcalloc(1, sizeof(*p->work));
	p->work->raw = o->raw;
	p->a = a;
	p->b = b;
	p->same_run = a && snapshot_same_run(a, b);
	p->swapped = p->same_run && INFO_U(&b->info, UPTIME) < INFO_U(&a->info, UPTIME);
	p->same_run &= !p->swapped;
	if (p->same_run)
		p->since_ns = INFO_U(&b->info, UPTIME) - INFO_U(&a->info, UPTIME);
	if (choose_stacks(b, o, &shown_b, err) || (a && choose_stacks(a, o, &shown_a, err)))
		goto out;
	if (o->samples) {
		p->work->row_of[0] = xcalloc(a ? a->n_samples + 1 : 1, sizeof(uint32_t));
		p->work->row_of[1] = xcalloc(b->n_samples + 1, sizeof(uint32_t));
	}
	match_stacks(a, b, &match_a, &match_b);
	add_snapshot(&g, b, &match_b, shown_b, false);
	match_free(&match_b); /* so that there is room for what A adds */
	if (a)
		add_snapshot(&g, a, &match_a, shown_a, true);
	if (o->samples)
		p->work->is_churn = xcalloc(g.n_rows + 1, 1);
	match_free(&match_a); /* and for the ranking */
	table_free(&g.by_meaning);
	finish_rows(p, g.n_rows, o);
	rc = 0;
out:
	progress(NULL, 0, 0);
	match_free(&match_a);
	match_free(&match_b);
	table_free(&g.by_meaning);
	free(g.meaning);
	free(shown_a);
	free(shown_b);
	if (rc)
		profile_free(p);
	else
		*out = p;
	return rc;
}

int profile_top(struct snapshot *s, const struct profile_options *o, struct profile **out,
                struct err *err)
{
	return make(NULL, s, o, out, err);
}

int profile_diff(struct snapshot *a, struct snapshot *b, const struct profile_options *o,
                 struct profile **out, struct err *err)
{
	return make(a, b, o, out, err);
}

struct profile *profile_of_counts(const struct snapshot *s, const struct row *rows, size_t n,
                                  bool raw)
{
	struct profile *p = xcalloc(1, sizeof(*p));

	p->work = xcalloc(1, sizeof(*p->work));
	p->work->raw = raw;
	p->b = s;
	p->n_rows = n;
	p->row = xcalloc(n + 1, sizeof(*p->row));
	for (size_t i = 0; i < n; i++) {
		p->row[i] = rows[i];
		p->row[i].snapshot = s;
	}
	return p;
}

uint32_t profile_row_number(const struct profile *p, bool of_b, uint32_t sample)
{
	return p->work->row_of[of_b][sample];
}

enum profile_fate profile_fate(const struct profile *p, bool of_b, uint32_t sample)
{
	uint32_t number = p->work->row_of[of_b][sample];

	if (number == TABLE_NONE)
		return FATE_LEFT_OUT;
	return p->work->is_churn[number] ? FATE_CHURN : FATE_ROW;
}

void profile_free(struct profile *p)
{
	if (!p)
		return;
	pool_free(&p->work->pool);
	free(p->work->frames.at);
	free(p->work->row_of[0]);
	free(p->work->row_of[1]);
	free(p->work->is_churn);
	free(p->work);
	free(p->estimate);
	free(p->row);
	free(p);
}

int64_t row_born(const struct profile *p, const struct row *r, enum column column)
{
	if (p->a && !p->same_run)
		return add_sat(r->value[column], r->base[column]);
	return r->value[column];
}

/* ---- a row written out ---- */

/* The first line of the stack that is the user's own. Where there is none: the first that at least
 * is no allocation function by its name, in whatever library. */
static void find_site(struct row *r)
{
	bool found = false;

	r->site_frame = r->site_line = 0;
	for (uint32_t f = 0; f < r->n_frames; f++) {
		const struct location *loc = r->frame[f];
		const struct module *m = &r->snapshot->module[loc->module];
		static const struct module any = {.path = "", .build_id = ""};
		static const struct line nameless;
		uint32_t n = loc->n_lines ? loc->n_lines : 1;
		for (uint32_t i = 0; i < n; i++) {
			const struct line *line = loc->n_lines ? &loc->line[i] : &nameless;
			bool own = !fold_is_wrapper(line, m);
			if (!own && (found || !line->function || fold_is_wrapper(line, &any)))
				continue;
			r->site_frame = f;
			r->site_line = i;
			found = true;
			if (own)
				return;
		}
	}
}

void row_write_out(struct row *r, bool raw, struct frames *frames)
{
	const struct snapshot *s = r->snapshot;

	if (s->stack[r->stack].n > frames->cap) {
		frames->cap = s->stack[r->stack].n;
		frames->at = xrealloc(frames->at, frames->cap * sizeof(*frames->at));
	}
	r->frame = frames->at;
	r->n_frames = 0;
	for (uint32_t node = s->stack[r->stack].node; node; node = s->node[node].parent)
		frames->at[r->n_frames++] = &s->location[s->node[node].location];
	r->site_frame = r->site_line = 0;
	if (!raw)
		find_site(r);
}

const struct row *profile_row(const struct profile *p, size_t i)
{
	row_write_out(&p->row[i], p->work->raw, &p->work->frames);
	return &p->row[i];
}
