/*
 * out_kinds_json.c - threads, timers and descriptors as JSON. The shape is stable: keys may be
 * added, none is removed or changed.
 *
 * threads: a row a group: count, state, leak, waits_on, since_s, start_routine, site, stack, tids;
 *          of leak "blocked" also proof: a list of tid, waits_on, address, site, stack (where it
 *          waits), joins_tid or block_bytes, block_offset, block_site, block_stack
 *          waits: what they were doing in the kernel: count, kind, waits_on, at_least_s, owner_tid,
 *          owner_ended, idle (why a rule says so), tids; site and stack are where they wait
 * timers:  a row a group: count, type, leak, armed, interval_ns, site, stack
 * fds:     a row a descriptor: fd, type, leak, names, cloexec, age_s, origin, site, stack; and a
 *          row a bad close, of type "close", with before_site and before_stack
 * All rows: rank (of the group), known (the reason of the rule that excuses it), and with --base
 * growth and base, of the group. Unknown is null.
 */
#include "out_kinds.h"

#include "out_stuck.h"
#include "out_waits.h"

static json_t *seconds(uint64_t ns)
{
	return json_real((double)ns / 1e9);
}

static uint64_t since(const struct kinds *k, uint64_t ns)
{
	uint64_t now = INFO_U(&k->b->info, UPTIME);

	return now > ns ? now - ns : 0;
}

static void put(json_t *o, const char *key, json_t *value)
{
	json_object_set_new(o, key, value);
}

static json_t *known(const struct group *g)
{
	if (!g->rule)
		return json_null();
	return document_text(*g->rule->reason ? g->rule->reason : g->rule->pattern);
}

/* What rows of all kinds begin with. */
static json_t *start_row(const struct kinds *k, const struct group *g, size_t rank)
{
	json_t *o = json_object();

	put(o, "rank", document_number(rank));
	put(o, "kind", json_string(kind_name[g->kind]));
	put(o, "leak", g->leak ? json_string(leak_name[g->leak]) : json_null());
	put(o, "known", known(g));
	if (k->a) {
		put(o, "growth", document_number(group_growth(k, g)));
		put(o, "base", document_number(g->base));
	}
	return o;
}

static void put_stack(json_t *o, struct kinds *k, uint32_t stack, const char *site,
                      const char *frames)
{
	const struct row *r = kinds_row(k, stack);

	put(o, site, document_site(r));
	put(o, frames, document_stack(r));
}

static uint32_t item(const struct kinds *k, const struct group *g, uint32_t i)
{
	return k->table[g->kind].item[g->first + i];
}

static json_t *thread_row(struct kinds *k, const struct group *g, size_t rank)
{
	json_t *o = start_row(k, g, rank), *tids = json_array(), *names = json_array();
	uint64_t cpu = 0, stacks = 0, first = UINT64_MAX;
	const char *waits_on = out_stuck_waits_on(k, g);
	json_t *waits = out_waits_json(k, g);
	const char *last = NULL;

	for (uint32_t i = 0; i < g->n; i++) {
		const struct task *t = &k->b->task[item(k, g, i)];
		uint64_t at = t->state == FMT_TASK_ENDED ? t->ended_ns : t->born_ns;
		json_array_append_new(tids, document_number(t->tid));
		/* As they come: runs of one name once. */
		if (t->name != last)
			json_array_append_new(names, document_text(t->name));
		last = t->name;
		cpu = addu_sat(cpu, t->cpu_ns);
		stacks = addu_sat(stacks, t->stack_bytes);
		first = at < first ? at : first;
	}
	put(o, "count", document_number(g->count));
	put(o, "state", json_string(group_type_text(g)));
	put(o, "main", json_boolean(g->flags & FMT_TASK_FLAG_MAIN));
	put(o, "origin", json_string(g->flags & FMT_TASK_FLAG_ADOPTED ? "unseen" : "hooked"));
	if (!waits_on)
		waits_on = out_waits_on(k, g);
	put(o, "waits", waits);
	put(o, "waits_on", waits_on ? json_string(waits_on) : json_null());
	put(o, "proof", out_stuck_json(k, g));
	put(o, "since_s", seconds(since(k, first)));
	put(o, "age_s", seconds(since(k, g->born_ns)));
	put(o, "cpu_ns", document_number(cpu));
	put(o, "stack_bytes", document_number(stacks));
	put(o, "start_routine", document_text(start_text(k->b, g->start)));
	put(o, "tids", tids);
	put(o, "names", names);
	put_stack(o, k, g->stack, "site", "stack");
	return o;
}

static json_t *timer_row(struct kinds *k, const struct group *g, size_t rank)
{
	json_t *o = start_row(k, g, rank), *fds = json_array();
	const struct timer *first = &k->b->timer[item(k, g, 0)];
	uint64_t expirations = 0;
	bool armed = false;

	for (uint32_t i = 0; i < g->n; i++) {
		const struct timer *t = &k->b->timer[item(k, g, i)];
		expirations = addu_sat(expirations, t->expirations);
		armed = armed || timer_is_armed(t);
		if (t->fd)
			json_array_append_new(fds, document_number(t->fd - 1));
	}
	put(o, "count", document_number(g->count));
	put(o, "type", json_string(timer_type_text(g->type)));
	put(o, "armed", json_boolean(armed));
	put(o, "interval_ns", document_number(first->interval_ns));
	put(o, "expirations", document_number(expirations));
	put(o, "signal", first->signal ? document_number(first->signal) : json_null());
	put(o, "fds", fds);
	put(o, "age_s", seconds(since(k, g->born_ns)));
	put_stack(o, k, g->stack, "site", "stack");
	return o;
}

static json_t *fd_row(struct kinds *k, const struct group *g, uint32_t i, size_t rank)
{
	json_t *o = start_row(k, g, rank);
	const struct fd *f = &k->b->fd[item(k, g, i)];
	bool unknown = f->flags & (FMT_FD_FLAG_UNSEEN | FMT_FD_FLAG_INHERITED), is_pipe;
	uint32_t other;

	put(o, "fd", document_number(f->fd));
	put(o, "count", document_number(1));
	put(o, "type", json_string(fd_type_text(f->kind)));
	put(o, "names", document_text(f->names));
	put(o, "other_end",
	    pipes_other_end(&k->pipes, f, &other, &is_pipe) ? document_number(other) : json_null());
	put(o, "deleted", json_boolean(f->flags & FMT_FD_FLAG_DELETED));
	put(o, "cloexec", json_boolean(f->flags & FMT_FD_FLAG_CLOEXEC));
	put(o, "kept_by_libc", json_boolean(f->flags & FMT_FD_FLAG_LIBC));
	put(o, "age_s", unknown ? json_null() : seconds(since(k, f->born_ns)));
	put(o, "origin", json_string(fd_origin_text(f->flags)));
	put_stack(o, k, g->stack, "site", "stack");
	return o;
}

static json_t *bad_close_row(struct kinds *k, const struct group *g, uint32_t i, size_t rank)
{
	json_t *o = start_row(k, g, rank);
	const struct fd_bad *f = &k->b->fd_bad[item(k, g, i)];

	put(o, "fd", document_number(f->fd));
	put(o, "count", document_number(f->count));
	put(o, "type", json_string("close"));
	put(o, "names", json_null());
	put(o, "cloexec", json_null());
	put(o, "age_s", seconds(since(k, f->last_ns)));
	put(o, "origin", json_string("hooked"));
	put_stack(o, k, g->stack, "site", "stack");
	put_stack(o, k, g->before, "before_site", "before_stack");
	return o;
}

void out_json_group(struct document *d, struct kinds *k, const struct group *g, size_t rank)
{
	if (g->kind == KIND_THREADS) {
		document_row(d, thread_row(k, g, rank));
		return;
	}
	if (g->kind == KIND_TIMERS) {
		document_row(d, timer_row(k, g, rank));
		return;
	}
	for (uint32_t i = 0; i < g->n; i++)
		document_row(d,
		             g->bad_close ? bad_close_row(k, g, i, rank) : fd_row(k, g, i, rank));
}

static json_t *given_back(const struct snapshot *s, enum object_kind kind)
{
	uint64_t n = 0;

	for (uint32_t i = 0; kind == KIND_THREADS && i < s->n_task_sums; i++)
		n = addu_sat(n, s->task_sum[i].count);
	for (uint32_t i = 0; kind == KIND_TIMERS && i < s->n_timer_sums; i++)
		n = addu_sat(n, s->timer_sum[i].deleted);
	for (uint32_t i = 0; kind == KIND_FDS && i < s->n_fd_sums; i++)
		n = addu_sat(n, s->fd_sum[i].closed);
	return document_number(n);
}

int out_json_kind(FILE *f, struct kinds *k, enum object_kind kind, const struct out_options *o,
                  struct err *err)
{
	struct document d = {.file = f};
	const struct kind_table *t = &k->table[kind];
	size_t n = o->n && o->n < t->n ? o->n : t->n;

	document_put(&d, "snapshot", document_snapshot(k->b));
	document_put(&d, "audit", document_audit(k->b));
	if (k->a) {
		json_t *base = json_object();
		put(base, "snapshot", document_snapshot(k->a));
		put(base, "audit", document_audit(k->a));
		put(base, "count", document_number(t->base));
		document_put(&d, "base", base);
		document_put(&d, "gone", document_number(t->gone));
	}
	document_put(&d, "count", document_number(t->count));
	document_put(&d, "given_back", given_back(k->b, kind));
	document_put(&d, "final", json_boolean(k->final));
	if (kind == KIND_THREADS)
		document_put(&d, "older", out_older_json(k));
	document_put(&d, "n_rows", document_number(t->n));
	document_open_rows(&d, "rows");
	for (size_t i = 0; i < n; i++)
		out_json_group(&d, k, &t->group[i], i + 1);
	document_close_rows(&d);
	return document_end(&d, err);
}

void out_json_growth(struct document *d, struct kinds *k, const struct out_options *o)
{
	for (int kind = 0; kind < N_KINDS; kind++) {
		const struct kind_table *t = &k->table[kind];
		document_open_rows(d, kind_name[kind]);
		for (size_t i = 0; i < t->n_grown && (!o->n || i < o->n); i++)
			out_json_group(d, k, &t->group[i], i + 1);
		document_close_rows(d);
	}
}
