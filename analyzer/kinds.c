/*
 * kinds.c - groups threads, timers and descriptors, and says which are left over.
 *
 * Owns groups; what is a leak leaks.c says. Reads snapshots and changes nothing in them; prints
 * nothing.
 */
#include "kinds.h"

#include "alike.h"
#include "focus.h"
#include "kinds_waits.h"

#include <stdlib.h>
#include <string.h>

/* One of them, whatever it is. */
struct thing {
	uint32_t type, flags, stack, before, start;
	uint32_t waits; /* where it does, when that tells groups apart */
	bool bad_close;
	enum leak leak;
	uint64_t count, born_ns;
	const char *name, *keeper; /* keeper: what else a rule may match; or NULL */
};

/* What makes two things the same in two snapshots. Rules and the kind of leak are not in it: a
 * thing may turn into a leak, and is not new by that. */
struct family {
	struct family_key {
		uint64_t type, flags, meaning, before, start, waits, bad_close;
	} key;
	uint64_t base; /* how many of them a has */
};

/* While the groups of one kind are made. */
struct grouping {
	struct kinds *k;
	enum object_kind kind;
	const struct snapshot *s;
	const struct match *match;
	const uint8_t *shown;
	struct kind_table *table;
	uint32_t *family_of; /* by group */
	struct family *family;
	uint32_t n_families, cap_families, cap_groups, cap_family_of;
	struct table by_key, by_family;
};

/* ---- things ---- */

static uint32_t n_things(const struct snapshot *s, enum object_kind kind)
{
	switch (kind) {
	case KIND_THREADS:
		return s->n_tasks;
	case KIND_TIMERS:
		return s->n_timers;
	default:
		return s->n_fds + s->n_fd_bads;
	}
}

static struct thing thread_thing(const struct snapshot *s, const struct task *t, bool final)
{
	const uint32_t strange =
	        FMT_TASK_FLAG_ADOPTED | FMT_TASK_FLAG_UNSEEN | FMT_TASK_FLAG_NOTIFY;

	return (struct thing){.type = t->state,
	                      /* An unseen thread is an adopted one before its first hooked call. */
	                      .flags = t->flags & strange ? FMT_TASK_FLAG_ADOPTED
	                                                  : t->flags & FMT_TASK_FLAG_MAIN,
	                      .stack = t->stack,
	                      .start = t->start,
	                      .leak = leak_of_task_in(s, t, final),
	                      .count = 1,
	                      .born_ns = t->born_ns,
	                      .name = t->name};
}

static struct thing bad_close_thing(const struct fd_bad *f)
{
	return (struct thing){.type = f->what,
	                      .bad_close = true,
	                      .stack = f->stack,
	                      .before = f->before,
	                      .start = LOCATION_NONE,
	                      .leak = f->what == FMT_BAD_DOUBLE_CLOSE ? LEAK_DOUBLE_CLOSE
	                                                              : LEAK_FOREIGN_CLOSE,
	                      .count = f->count,
	                      .born_ns = f->last_ns};
}

/* Thing i of s; bad closes are numbered after the descriptors. What is a leak is judged as at the
 * end of b, for both: a thread of a, running there, too, is not new. */
static struct thing thing(const struct grouping *g, uint32_t i)
{
	const struct snapshot *s = g->s;
	bool final = g->k->final;

	if (g->kind == KIND_THREADS) {
		const struct task *t = &s->task[i];
		struct thing made = thread_thing(s, t, final);
		made.waits = g->k->older && t->wait ? s->wait[t->wait - 1].stack : 0;
		return made;
	}
	if (g->kind == KIND_TIMERS) {
		const struct timer *t = &s->timer[i];
		return (struct thing){.type = t->kind,
		                      .stack = t->stack,
		                      .start = LOCATION_NONE,
		                      .leak = leak_of_timer(t, final),
		                      .count = 1,
		                      .born_ns = t->born_ns};
	}
	if (i >= s->n_fds)
		return bad_close_thing(&s->fd_bad[i - s->n_fds]);
	const struct fd *f = &s->fd[i];
	bool exec = INFO_U(&g->k->b->info, REASON) == FMT_REASON_EXEC;
	return (struct thing){
	        .type = f->kind,
	        .flags = f->flags & (FMT_FD_FLAG_INHERITED | FMT_FD_FLAG_UNSEEN | FMT_FD_FLAG_OWN),
	        .stack = f->stack,
	        .start = LOCATION_NONE,
	        .leak = leak_of_fd(f, final, exec),
	        .count = 1,
	        .born_ns = f->born_ns,
	        .name = f->names,
	        .keeper = f->flags & FMT_FD_FLAG_LIBC ? fd_kept_by_libc : NULL};
}

/* ---- groups ---- */

static uint32_t meaning(const struct grouping *g, uint32_t stack)
{
	return g->match->meaning[g->s->stack[stack].node];
}

static bool same_family(const void *ctx, uint32_t value, const void *key)
{
	const struct grouping *g = ctx;

	return !memcmp(&g->family[value].key, key, sizeof(struct family_key));
}

static uint32_t family_of(struct grouping *g, const struct thing *t)
{
	struct family_key key = {.type = t->type,
	                         .flags = t->flags,
	                         .meaning = meaning(g, t->stack),
	                         .before = t->bad_close ? meaning(g, t->before) : 0,
	                         .start = (uintptr_t)start_text(g->s, t->start),
	                         .waits = meaning(g, t->waits),
	                         .bad_close = t->bad_close};
	uint64_t hash = table_hash_mem(&key, sizeof(key));
	uint32_t i = table_find(&g->by_family, hash, same_family, g, &key);

	if (i != TABLE_NONE)
		return i;
	g->family = xgrow(g->family, g->n_families, &g->cap_families, sizeof(*g->family));
	g->family[g->n_families] = (struct family){.key = key};
	table_add(&g->by_family, hash, g->n_families);
	return g->n_families++;
}

struct group_key {
	uint32_t family;
	enum leak leak;
	const struct rule *rule;
};

static bool same_group(const void *ctx, uint32_t value, const void *key)
{
	const struct grouping *g = ctx;
	const struct group *have = &g->table->group[value];
	const struct group_key *want = key;

	return g->family_of[value] == want->family && have->leak == want->leak &&
	       have->rule == want->rule;
}

static uint32_t group_of(struct grouping *g, const struct thing *t, struct group_key key)
{
	struct kind_table *table = g->table;
	uint64_t hash = table_hash((uint64_t)key.family << 8 | key.leak, (uintptr_t)key.rule);
	uint32_t i = table_find(&g->by_key, hash, same_group, g, &key);

	if (i != TABLE_NONE)
		return i;
	i = (uint32_t)table->n++;
	table->group = xgrow(table->group, i, &g->cap_groups, sizeof(*table->group));
	g->family_of = xgrow(g->family_of, i, &g->cap_family_of, sizeof(*g->family_of));
	g->family_of[i] = key.family;
	table->group[i] = (struct group){.kind = g->kind,
	                                 .leak = t->leak,
	                                 .type = t->type,
	                                 .flags = t->flags,
	                                 .bad_close = t->bad_close,
	                                 .stack = t->stack,
	                                 .before = t->before,
	                                 .start = t->start,
	                                 .rule = key.rule,
	                                 .born_ns = t->born_ns};
	table_add(&g->by_key, hash, i);
	return i;
}

static bool is_shown(const struct grouping *g, const struct thing *t)
{
	const struct snapshot *s = g->s;

	return !g->shown || g->shown[s->stack[t->stack].node] ||
	       (t->bad_close && g->shown[s->stack[t->before].node]);
}

/* Rules speak of leaks; what is none needs no excuse. */
static const struct rule *excuse(const struct grouping *g, const struct thing *t)
{
	static const enum rule_kind kind[N_KINDS] = {RULE_THREAD, RULE_TIMER, RULE_FD};

	if (!t->leak || !g->k->work)
		return NULL;
	const struct rule *rule =
	        rules_find(g->k->work, kind[g->kind], t->stack, t->start, t->name);
	if (!rule && t->keeper)
		rule = rules_find(g->k->work, kind[g->kind], 0, LOCATION_NONE, t->keeper);
	return rule;
}

static void add_now(struct grouping *g)
{
	uint32_t n = n_things(g->s, g->kind), kept = 0;
	uint32_t *group = xcalloc(n + 1, sizeof(*group));
	const uint32_t hidden = UINT32_MAX;
	const bool is_thread = g->kind == KIND_THREADS;

	for (uint32_t i = 0; i < n; i++) {
		struct thing t = thing(g, i);
		if (!t.bad_close)
			g->table->count++;
		group[i] = hidden;
		if (!is_shown(g, &t) || (is_thread && kinds_waits_leave_out(g->k, g->k->older, i)))
			continue;
		group[i] = group_of(g, &t,
		                    (struct group_key){family_of(g, &t), t.leak, excuse(g, &t)});
		struct group *to = &g->table->group[group[i]];
		to->count = addu_sat(to->count, t.count);
		to->n++;
		if (t.born_ns < to->born_ns)
			to->born_ns = t.born_ns;
		if (is_thread && kinds_waits_blocked_ns(g->k, i) > to->blocked_ns)
			to->blocked_ns = kinds_waits_blocked_ns(g->k, i);
	}
	/* Things in the order of their groups. */
	g->table->item = xcalloc(n + 1, sizeof(*g->table->item));
	for (size_t i = 0; i < g->table->n; i++) {
		g->table->group[i].first = kept;
		kept += g->table->group[i].n;
		g->table->group[i].n = 0;
	}
	for (uint32_t i = 0; i < n; i++) {
		if (group[i] == hidden)
			continue;
		struct group *to = &g->table->group[group[i]];
		g->table->item[to->first + to->n++] = to->bad_close ? i - g->s->n_fds : i;
	}
	free(group);
}

static void add_base(struct grouping *g)
{
	uint32_t n = n_things(g->s, g->kind);

	for (uint32_t i = 0; i < n; i++) {
		struct thing t = thing(g, i);
		if (!t.bad_close)
			g->table->base++;
		if (!is_shown(g, &t))
			continue;
		/* It may move them. */
		uint32_t family = family_of(g, &t);
		g->family[family].base = addu_sat(g->family[family].base, t.count);
	}
}

/* A family's things of before are taken to be those of its groups in turn; what is more than all
 * of them is gone. */
static void spread_base(struct grouping *g)
{
	struct kind_table *t = g->table;

	for (size_t i = 0; g->family_of && i < t->n; i++) {
		struct family *f = &g->family[g->family_of[i]];
		uint64_t n = f->base < t->group[i].count ? f->base : t->group[i].count;
		t->group[i].base = n;
		f->base -= n;
	}
	for (size_t i = 0; g->family_of && i < t->n; i++) {
		struct family *f = &g->family[g->family_of[i]];
		t->group[i].base = addu_sat(t->group[i].base, f->base);
		t->gone = addu_sat(t->gone, f->base);
		f->base = 0;
	}
	for (uint32_t i = 0; i < g->n_families; i++)
		t->gone = addu_sat(t->gone, g->family[i].base);
}

/* ---- ranking ---- */

uint64_t group_growth(const struct kinds *k, const struct group *g)
{
	return k->a && g->count > g->base ? g->count - g->base : 0;
}

static bool accuses(const struct group *g)
{
	return g->leak && !g->rule;
}

static int by_weight(const void *a, const void *b, void *ctx)
{
	const struct group *x = a, *y = b;
	const struct kinds *k = ctx;
	uint64_t grown_x = group_growth(k, x), grown_y = group_growth(k, y);

	if (grown_x != grown_y)
		return grown_x > grown_y ? -1 : 1;
	if (accuses(x) != accuses(y))
		return accuses(x) ? -1 : 1;
	/* New and longer-blocked ones first. */
	if ((k->a || k->older) && x->blocked_ns != y->blocked_ns)
		return x->blocked_ns > y->blocked_ns ? -1 : 1;
	if (x->count != y->count)
		return x->count > y->count ? -1 : 1;
	if (x->leak != y->leak)
		return x->leak < y->leak ? -1 : 1;
	/* The order must not depend on anything but the files. */
	return x->first < y->first ? -1 : 1;
}

static void finish(struct kinds *k, struct kind_table *t)
{
	/* Two groups are never of the same first item, but for bad closes and descriptors. */
	if (t->n)
		qsort_r(t->group, t->n, sizeof(*t->group), by_weight, k);
	for (size_t i = 0; i < t->n; i++) {
		const struct group *g = &t->group[i];
		t->n_grown += group_growth(k, g) != 0;
		if (accuses(g))
			t->leaks = addu_sat(t->leaks, g->count);
		else if (g->rule)
			t->excused = addu_sat(t->excused, g->count);
	}
}

static void make_table(struct kinds *k, enum object_kind kind, const struct match match[2],
                       uint8_t *const shown[2])
{
	struct grouping g = {.k = k, .kind = kind, .table = &k->table[kind]};
	bool older = kind == KIND_THREADS && k->older;

	g.s = k->b;
	g.match = &match[1];
	g.shown = shown[1];
	add_now(&g);
	/* Who has waited since the snapshot before was there then. */
	for (size_t i = 0; older && i < g.table->n; i++)
		g.table->base += g.table->group[i].base = g.table->group[i].count;
	if (k->a && !older) {
		g.s = k->a;
		g.match = &match[0];
		g.shown = shown[0];
		add_base(&g);
		spread_base(&g);
	}
	finish(k, g.table);
	table_free(&g.by_key);
	table_free(&g.by_family);
	free(g.family);
	free(g.family_of);
}

int kinds_make(const struct snapshot *a, const struct snapshot *b, const struct kinds_options *o,
               struct kinds **out, struct err *err)
{
	static const struct profile_options none;
	const struct profile_options *p = o->profile ? o->profile : &none;
	struct match match[2] = {{0}};
	uint8_t *shown[2] = {NULL, NULL}, *need[2] = {NULL, NULL};
	struct kinds *k = xcalloc(1, sizeof(*k));
	int rc = -1;

	*out = NULL;
	*k = (struct kinds){
	        .a = a, .b = b, .final = snapshot_is_final(b), .raw = p->raw, .older = o->older};
	if (focus_nodes(b, p, &shown[1], err) || (a && focus_nodes(a, p, &shown[0], err)))
		goto out;
	k->pipes = pipes_of(b);
	need[1] = match_need_objects(b);
	need[0] = a ? match_need_objects(a) : NULL;
	match[1].need = need[1];
	match[0].need = need[0];
	match_nodes(a, b, &match[0], &match[1]);
	alike_nodes(a, b, &match[0], &match[1]);
	kinds_waits_make(k, o);
	if (o->rules)
		k->work = rules_begin(o->rules, b);
	for (int kind = 0; kind < N_KINDS; kind++)
		make_table(k, (enum object_kind)kind, match, shown);
	rc = 0;
out:
	match_free(&match[0]);
	match_free(&match[1]);
	free(shown[0]);
	free(shown[1]);
	free(need[0]);
	free(need[1]);
	if (rc)
		kinds_free(k);
	else
		*out = k;
	return rc;
}

void kinds_free(struct kinds *k)
{
	if (!k)
		return;
	for (int i = 0; i < N_KINDS; i++) {
		free(k->table[i].group);
		free(k->table[i].item);
	}
	free(k->frames.at);
	free(k->pipes.at);
	kinds_waits_free(k);
	rules_end(k->work);
	free(k);
}

/* ---- for those who show them ---- */

const struct row *kinds_row(struct kinds *k, uint32_t stack)
{
	k->row = (struct row){.snapshot = k->b, .stack = stack};
	row_write_out(&k->row, k->raw, &k->frames);
	return &k->row;
}

struct profile *kinds_profile(const struct kinds *k, enum object_kind kind)
{
	const struct kind_table *t = &k->table[kind];
	struct row *row = xcalloc(t->n + 1, sizeof(*row));
	size_t n = 0;

	for (size_t i = 0; i < t->n; i++) {
		const struct group *g = &t->group[i];
		if (g->bad_close)
			continue;
		row[n] = (struct row){
		        .stack = g->stack, .type = group_type_text(g), .leak = leak_name[g->leak]};
		row[n++].value[INUSE_OBJECTS] = (int64_t)(g->count & INT64_MAX);
	}
	struct profile *p = profile_of_counts(k->b, row, n, k->raw);
	free(row);
	return p;
}

uint64_t group_stack_bytes(const struct kinds *k, const struct group *g)
{
	uint64_t sum = 0;

	if (g->leak != LEAK_UNJOINED)
		return 0;
	for (uint32_t i = 0; i < g->n; i++)
		sum = addu_sat(sum,
		               k->b->task[k->table[KIND_THREADS].item[g->first + i]].stack_bytes);
	return sum;
}
