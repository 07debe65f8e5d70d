/*
 * sums.c - sums the rows of a profile by what their frames have in common. A frame's group is
 * looked up once a location; a stack counts once for each group, however often it recurs in it.
 * Reads the profile, changes nothing.
 */
#include "sums.h"

#include "focus.h"
#include "walk.h"

#include <stdlib.h>
#include <string.h>

const char *const sum_by_name[N_SUM_BY] = {"stack", "function", "line", "module", "thread"};

int sum_by_parse(const char *name, enum sum_by *out, struct err *err)
{
	const char *names[N_SUM_BY + 1] = {NULL};

	for (int i = 0; i < N_SUM_BY; i++) {
		names[i] = sum_by_name[i];
		if (!strcmp(name, names[i])) {
			*out = (enum sum_by)i;
			return 0;
		}
	}
	const char *near = nearest(name, names);
	return err_set(err, "--by is stack, function, line, module or thread, not \"%s\"%s%s%s",
	               name, near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
}

/* ---- which group ---- */

/* Pointers are interned texts. */
struct sum_key {
	const char *function, *file, *module;
	uint64_t number;
};
struct grouping {
	struct sums *g;
	const struct sum_options *o;
	struct sum_key *key;
	uint32_t *seen; /* by group: the row that was added last, plus 1 */
	uint32_t cap, cap_key, cap_seen, cap_edges, cap_edge_seen;
	uint32_t *edge_seen;
	struct table by_key, by_edge;
	uint32_t *of_line[2]; /* by side and line */
	struct walk walk;
};

static bool same_sum(const void *ctx, uint32_t value, const void *key)
{
	const struct sum_key *have = &((const struct grouping *)ctx)->key[value], *want = key;

	return have->function == want->function && have->file == want->file &&
	       have->module == want->module && have->number == want->number;
}

static uint32_t sum_of(struct grouping *g, const struct sum_key *key, const struct sum *what)
{
	uint64_t hash = table_hash(table_hash((uintptr_t)key->function, (uintptr_t)key->file),
	                           table_hash((uintptr_t)key->module, key->number));
	uint32_t i = table_find(&g->by_key, hash, same_sum, g, key);

	if (i != TABLE_NONE)
		return i;
	i = g->g->n++;
	g->g->at = xgrow(g->g->at, i, &g->cap, sizeof(*g->g->at));
	g->key = xgrow(g->key, i, &g->cap_key, sizeof(*g->key));
	g->seen = xgrow(g->seen, i, &g->cap_seen, sizeof(*g->seen));
	g->g->at[i] = *what;
	g->key[i] = *key;
	g->seen[i] = 0;
	table_add(&g->by_key, hash, i);
	return i;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* The folder of a file or of a module may differ between two builds, and is not asked for. */
static uint32_t sum_of_line(struct grouping *g, const struct location *loc, const struct module *m,
                            const struct line *l)
{
	struct sum_key key = {.module = module_family(m)};
	struct sum what = {.module = m};

	if (g->o->by == SUM_MODULE)
		return sum_of(g, &key, &what);
	if (!l || !l->function) {
		what.address = key.number = loc->address;
		key.file = intern(m->build_id);
		return sum_of(g, &key, &what);
	}
	what.function = key.function = l->function;
	what.linkage = l->linkage;
	what.file = l->file;
	what.start = l->start;
	key.file = l->file ? intern(base_name(l->file)) : NULL;
	if (g->o->by == SUM_LINE)
		key.number = what.number = l->number;
	return sum_of(g, &key, &what);
}

/* B's side first: it is B's paths that are shown. */
static void number_lines(struct grouping *g)
{
	for (int side = 1; side >= 0; side--) {
		const struct walk_side *w = &g->walk.side[side];
		if (!w->s)
			continue;
		g->of_line[side] =
		        xcalloc((size_t)w->first_line[w->s->n_locations] + 1, sizeof(uint32_t));
		for (uint32_t i = 0; i < w->s->n_locations; i++) {
			const struct location *loc = &w->s->location[i];
			for (uint32_t k = 0; k < loc->n_lines || !k; k++)
				g->of_line[side][w->first_line[i] + k] =
				        sum_of_line(g, loc, &w->s->module[loc->module],
				                    loc->n_lines ? &loc->line[k] : NULL);
		}
	}
}

/* ---- sums ---- */

static void add_columns(int64_t to[N_COLUMNS], const int64_t v[N_COLUMNS])
{
	for (int c = 0; c < N_COLUMNS; c++)
		to[c] = add_sat(to[c], v[c]);
}

static bool same_edge(const void *ctx, uint32_t value, const void *key)
{
	const struct sum_edge *have = &((const struct grouping *)ctx)->g->edge[value], *want = key;

	return have->caller == want->caller && have->callee == want->callee;
}

static void add_edge(struct grouping *g, uint32_t row, uint32_t caller, uint32_t callee,
                     const int64_t v[N_COLUMNS])
{
	struct sum_edge e = {.caller = caller, .callee = callee};
	uint64_t hash = table_hash(caller, callee);
	uint32_t i = table_find(&g->by_edge, hash, same_edge, g, &e);

	if (i == TABLE_NONE) {
		i = g->g->n_edges++;
		g->g->edge = xgrow(g->g->edge, i, &g->cap_edges, sizeof(e));
		g->edge_seen = xgrow(g->edge_seen, i, &g->cap_edge_seen, sizeof(*g->edge_seen));
		g->g->edge[i] = e;
		g->edge_seen[i] = 0;
		table_add(&g->by_edge, hash, i);
	}
	if (g->edge_seen[i] == row + 1)
		return;
	g->edge_seen[i] = row + 1;
	add_columns(g->g->edge[i].value, v);
}

/* Stacks that nobody knows are a group of their own, without a module. */
static void add_row(struct grouping *g, uint32_t number)
{
	const struct row *r = &g->g->p->row[number];
	const struct walk_side *side = walk_side_of(&g->walk, r);
	const uint32_t *of_line = g->of_line[side == &g->walk.side[1]];
	uint32_t inner = 0;

	walk_row(&g->walk, r);
	add_columns(g->g->total, r->value);
	for (uint32_t i = 0; i < g->walk.n || !i; i++) {
		uint32_t at = g->walk.n ? of_line[walk_line_of(side, &g->walk.step[i])]
		                        : sum_of(g, &(struct sum_key){0}, &(struct sum){0});
		struct sum *group = &g->g->at[at];
		if (!i) {
			int64_t born = row_born(g->g->p, r, ALLOC_SPACE);
			add_columns(group->flat, r->value);
			group->frees = addu_sat(group->frees, r->frees);
			group->bytes_freed = addu_sat(group->bytes_freed, r->bytes_freed);
			group->born = add_sat(group->born, born > 0 ? born : 0);
		} else if (g->o->edges) {
			add_edge(g, number, at, inner, r->value);
		}
		if (g->seen[at] != number + 1) {
			g->seen[at] = number + 1;
			add_columns(group->cum, r->value);
			group->n_stacks++;
		}
		inner = at;
	}
}

/* ---- by thread ---- */

static uint32_t sum_of_thread(struct grouping *g, const struct thread_group *t)
{
	bool by_tid = !g->g->p->a || g->g->p->same_run;
	struct sum_key key = {.function = t->name, .number = by_tid ? t->tid : 0};

	return sum_of(g, &key, &(struct sum){.thread = t});
}

static void add_samples(struct grouping *g, bool of_b)
{
	const struct profile *p = g->g->p;
	const struct snapshot *s = of_b ? p->b : p->a;

	for (uint32_t i = 0; s && i < s->n_samples; i++) {
		const struct sample *sample = &s->sample[i];
		enum profile_fate fate = profile_fate(p, of_b, i);
		if (fate == FATE_LEFT_OUT || (fate == FATE_CHURN && !g->o->churn))
			continue;
		uint32_t at = sum_of_thread(g, &s->thread[sample->thread]); /* may move at[] */
		struct sum *group = &g->g->at[at];
		bool since = of_b || p->same_run;
		uint64_t frees = sample_frees(sample), freed = sample_bytes_freed(sample);
		for (int c = 0; c < N_COLUMNS; c++) {
			int64_t v = of_b ? sample->value[c] : sub_sat(0, sample->value[c]);
			group->flat[c] = add_sat(group->flat[c], v);
			g->g->total[c] = add_sat(g->g->total[c], v);
		}
		if (!since)
			continue;
		int64_t born = sample->value[ALLOC_SPACE];
		group->born = of_b ? add_sat(group->born, born) : sub_sat(group->born, born);
		group->frees = of_b ? addu_sat(group->frees, frees)
		                    : group->frees - (frees < group->frees ? frees : group->frees);
		group->bytes_freed =
		        of_b ? addu_sat(group->bytes_freed, freed)
		             : group->bytes_freed -
		                        (freed < group->bytes_freed ? freed : group->bytes_freed);
		group->n_stacks += of_b;
	}
}

static void sum_threads(struct grouping *g)
{
	add_samples(g, true);
	add_samples(g, false);
	for (uint32_t i = 0; i < g->g->n; i++)
		memcpy(g->g->at[i].cum, g->g->at[i].flat, sizeof(g->g->at[i].cum));
}

/* ---- ranking ---- */

static int by_text(const char *x, const char *y)
{
	return strcmp(x ? x : "", y ? y : "");
}

struct ranking {
	const struct sum *at;
	const struct sum_options *o;
};

static int by_rank(const void *a, const void *b, void *ctx)
{
	const struct ranking *r = ctx;
	const struct sum *x = &r->at[*(const uint32_t *)a], *y = &r->at[*(const uint32_t *)b];
	const int64_t *first[2] = {x->flat, y->flat}, *second[2] = {x->cum, y->cum};

	for (int round = 0; round < 2; round++) {
		const int64_t *const *side = (round == 1) == r->o->cum ? first : second;
		if (side[0][r->o->sort] != side[1][r->o->sort])
			return side[0][r->o->sort] > side[1][r->o->sort] ? -1 : 1;
	}
	for (int c = N_COLUMNS - 1; c >= 0; c--)
		if (x->cum[c] != y->cum[c])
			return x->cum[c] > y->cum[c] ? -1 : 1;
	/* The order must not depend on anything but the files. */
	int d = by_text(x->function, y->function);
	if (!d)
		d = by_text(x->file, y->file);
	return d ? d : *(const uint32_t *)a < *(const uint32_t *)b ? -1 : 1;
}

static int by_value(const void *a, const void *b, void *ctx)
{
	const struct sum_edge *x = a, *y = b;
	const struct sum_options *o = ctx;

	if (x->value[o->sort] != y->value[o->sort])
		return x->value[o->sort] > y->value[o->sort] ? -1 : 1;
	if (x->caller != y->caller)
		return x->caller < y->caller ? -1 : 1;
	return x->callee < y->callee ? -1 : 1;
}

static bool says_nothing(const struct sum *g)
{
	for (int c = 0; c < N_COLUMNS; c++)
		if (g->flat[c] || g->cum[c])
			return false;
	return true;
}

/* Ranks the groups, drops those that say nothing; edges follow. */
static void rank(struct grouping *g)
{
	uint32_t n = 0, n_all = g->g->n, n_edges = 0;
	uint32_t *order = xcalloc((size_t)n_all + 1, sizeof(*order)),
	         *rank_of = xcalloc((size_t)n_all + 1, sizeof(*rank_of));
	struct sum *ranked;

	for (uint32_t i = 0; i < n_all; i++) {
		rank_of[i] = TABLE_NONE;
		if (!says_nothing(&g->g->at[i]))
			order[n++] = i;
	}
	struct ranking r = {g->g->at, g->o};
	qsort_r(order, n, sizeof(*order), by_rank, &r);
	ranked = xcalloc((size_t)n + 1, sizeof(*ranked));
	for (uint32_t i = 0; i < n; i++) {
		ranked[i] = g->g->at[order[i]];
		ranked[i].picked = true;
		rank_of[order[i]] = i;
	}
	free(g->g->at);
	g->g->at = ranked;
	g->g->n = n;
	for (uint32_t i = 0; i < g->g->n_edges; i++) {
		struct sum_edge e = g->g->edge[i];
		e.caller = rank_of[e.caller];
		e.callee = rank_of[e.callee];
		if (e.caller != TABLE_NONE && e.callee != TABLE_NONE)
			g->g->edge[n_edges++] = e;
	}
	g->g->n_edges = n_edges;
	if (n_edges)
		qsort_r(g->g->edge, n_edges, sizeof(*g->g->edge), by_value, (void *)g->o);
	free(order);
	free(rank_of);
}

struct sums *sums_make(const struct profile *p, const struct sum_options *o)
{
	struct grouping g = {.g = xcalloc(1, sizeof(*g.g)), .o = o};

	g.g->p = p;
	g.g->by = o->by;
	if (o->by == SUM_THREAD) {
		sum_threads(&g);
	} else {
		size_t n = o->churn ? p->n_rows : p->n_rows - p->n_churn;
		walk_start(&g.walk, p, o->raw);
		number_lines(&g);
		for (size_t i = 0; i < n; i++) {
			add_row(&g, (uint32_t)i);
			progress("grouping", i, n);
		}
		progress(NULL, 0, 0);
		walk_end(&g.walk);
	}
	rank(&g);
	for (int i = 0; i < 2; i++)
		free(g.of_line[i]);
	free(g.key);
	free(g.seen);
	free(g.edge_seen);
	table_free(&g.by_key);
	table_free(&g.by_edge);
	return g.g;
}

int sums_pick(struct sums *g, const char *pattern, struct err *err)
{
	regex_t re;
	int n = 0;

	if (pattern && focus_compile(&re, pattern, err))
		return -1;
	for (uint32_t i = 0; i < g->n; i++) {
		struct sum *group = &g->at[i];
		struct line l = {.function = group->function,
		                 .linkage = group->linkage,
		                 .file = group->file};
		group->picked = !pattern || focus_in_line(&re, &l);
		n += group->picked;
	}
	if (pattern)
		regfree(&re);
	return n;
}

void sums_free(struct sums *g)
{
	if (!g)
		return;
	free(g->at);
	free(g->edge);
	free(g);
}
