/*
 * out_html_kinds.c - for the page: threads, timers and descriptors, a group a place where they were
 * made; lives of threads; moments; source text.
 */
#include "out_html.h"

#include <string.h>

static void put(json_t *o, const char *key, json_t *value)
{
	json_object_set_new(o, key, value);
}

static void add(json_t *list, uint64_t n)
{
	json_array_append_new(list, document_number(n));
}

/* ---- threads, timers, descriptors ---- */

static uint64_t item(const struct kinds *k, const struct group *g, uint32_t i)
{
	return k->table[g->kind].item[g->first + i];
}

static uint32_t node_of(struct page_data *w, uint32_t stack)
{
	return stack ? calltree_add(&w->tree, kinds_row(w->r->kinds, stack)) : 0;
}

/* [fd, names, cloexec, deleted, born_ns (0: unknown), the other end of the pipe (plus 1)] */
static json_t *fd_item(struct page_data *w, const struct fd *f)
{
	json_t *o = json_array();
	bool unknown = f->flags & (FMT_FD_FLAG_UNSEEN | FMT_FD_FLAG_INHERITED), is_pipe;
	uint32_t other;

	add(o, f->fd);
	add(o, page_text(w, f->names));
	add(o, !!(f->flags & FMT_FD_FLAG_CLOEXEC));
	add(o, !!(f->flags & FMT_FD_FLAG_DELETED));
	add(o, unknown ? 0 : f->born_ns);
	add(o, pipes_other_end(&w->r->kinds->pipes, f, &other, &is_pipe) ? UINT64_C(1) + other : 0);
	return o;
}

/* [id, armed, interval_ns, remaining_ns, expirations, signal, fd (plus 1), born_ns] */
static json_t *timer_item(const struct timer *t)
{
	json_t *o = json_array();

	add(o, t->id);
	add(o, timer_is_armed(t));
	add(o, t->interval_ns);
	add(o, t->remaining_ns);
	add(o, t->expirations);
	add(o, t->signal);
	add(o, t->fd);
	add(o, t->born_ns);
	return o;
}

/* Of threads the serial, which is a life's; of a bad close [fd, count, last_ns]. */
static json_t *item_of(struct page_data *w, const struct group *g, uint32_t i)
{
	const struct snapshot *s = w->r->kinds->b;
	uint64_t n = item(w->r->kinds, g, i);

	if (g->kind == KIND_THREADS)
		return document_number(s->task[n].serial);
	if (g->kind == KIND_TIMERS)
		return timer_item(&s->timer[n]);
	if (!g->bad_close)
		return fd_item(w, &s->fd[n]);
	json_t *o = json_array();
	add(o, s->fd_bad[n].fd);
	add(o, s->fd_bad[n].count);
	add(o, s->fd_bad[n].last_ns);
	return o;
}

static void put_group(struct page_data *w, const struct group *g)
{
	const struct kinds *k = w->r->kinds;
	json_t *o = json_object(), *items = json_array();

	put(o, "type", json_string(group_type_text(g)));
	put(o, "leak", g->leak ? json_string(leak_name[g->leak]) : json_null());
	put(o, "known",
	    g->rule ? document_text(*g->rule->reason ? g->rule->reason : g->rule->pattern)
	            : json_null());
	put(o, "count", document_number(g->count));
	if (k->a) {
		put(o, "base", document_number(g->base));
		put(o, "growth", document_number(group_growth(k, g)));
	}
	put(o, "node", document_number(node_of(w, g->stack)));
	if (g->kind == KIND_THREADS) {
		put(o, "start", document_number(page_text(w, start_text(k->b, g->start))));
		put(o, "main", json_boolean(g->flags & FMT_TASK_FLAG_MAIN));
		put(o, "adopted", json_boolean(g->flags & FMT_TASK_FLAG_ADOPTED));
		put(o, "stack_bytes", document_number(group_stack_bytes(k, g)));
	}
	if (g->kind == KIND_FDS)
		put(o, "origin", json_string(g->bad_close ? "hooked" : fd_origin_text(g->flags)));
	if (g->bad_close)
		put(o, "before", document_number(node_of(w, g->before)));
	for (uint32_t i = 0; i < g->n; i++)
		json_array_append_new(items, item_of(w, g, i));
	put(o, "items", items);
	document_row(&w->d, o);
}

static void put_kind(struct page_data *w, enum object_kind kind)
{
	const struct kinds *k = w->r->kinds;
	const struct kind_table *t = &k->table[kind];
	char key[32];

	document_open_rows(&w->d, kind_name[kind]);
	for (size_t i = 0; i < t->n; i++)
		put_group(w, &t->group[i]);
	document_close_rows(&w->d);
	json_t *o = json_object();
	put(o, "count", document_number(t->count));
	put(o, "leaks", document_number(t->leaks));
	put(o, "excused", document_number(t->excused));
	put(o, "base", k->a ? document_number(t->base) : json_null());
	put(o, "gone", k->a ? document_number(t->gone) : json_null());
	snprintf(key, sizeof(key), "%s_sum", kind_name[kind]);
	document_put(&w->d, key, o);
}

/* [serial, tid, name, start, state, flags, born, ended, seen, gone, cpu, stack_bytes], times in ns
 * of uptime */
static void put_lives(struct page_data *w)
{
	const struct history *h = w->r->history;

	document_open_rows(&w->d, "lives");
	for (uint32_t i = 0; h && i < h->n_lives; i++) {
		const struct life *l = &h->life[i];
		json_t *o = json_array();
		add(o, l->serial);
		add(o, l->tid);
		add(o, page_text(w, l->name));
		add(o, page_text(w, l->start));
		add(o, l->state);
		add(o, l->flags);
		add(o, l->born_ns);
		add(o, l->ended_ns);
		add(o, l->seen_ns);
		add(o, l->gone_ns);
		add(o, l->cpu_ns);
		add(o, l->stack_bytes);
		document_row(&w->d, o);
	}
	document_close_rows(&w->d);
}

/* Threads that will never go on: [serial, how (FMT_STUCK_*), where it waits, tid that it waits for
 * or 0, address, offset and bytes of the block that the address is in, where that was made] */
static void put_stuck(struct page_data *w)
{
	const struct snapshot *s = w->r->kinds->b;

	document_open_rows(&w->d, "stuck");
	for (uint32_t i = 0; i < s->n_tasks; i++) {
		if (!s->task[i].stuck)
			continue;
		const struct stuck *t = &s->stuck[s->task[i].stuck - 1];
		json_t *o = json_array();
		add(o, s->task[i].serial);
		add(o, t->how);
		add(o, node_of(w, t->stack));
		add(o, t->joins);
		add(o, t->address);
		add(o, t->offset);
		add(o, t->bytes);
		add(o, node_of(w, t->made));
		document_row(&w->d, o);
	}
	document_close_rows(&w->d);
}

/* Threads that were given back: [start, node, count, joined, detached, cpu_ns, life_ns (sum)] */
static void put_thread_sums(struct page_data *w)
{
	const struct snapshot *s = w->r->kinds->b;

	document_open_rows(&w->d, "thread_sums");
	for (uint32_t i = 0; i < s->n_task_sums; i++) {
		const struct task_sum *t = &s->task_sum[i];
		json_t *o = json_array();
		add(o, page_text(w, start_text(s, t->start)));
		add(o, node_of(w, t->stack));
		add(o, t->count);
		add(o, t->joined);
		add(o, t->detached);
		add(o, t->cpu_ns);
		add(o, t->life_ns);
		document_row(&w->d, o);
	}
	document_close_rows(&w->d);
}

void page_kinds(struct page_data *w)
{
	for (int kind = 0; kind < N_KINDS; kind++)
		put_kind(w, (enum object_kind)kind);
	put_lives(w);
	put_stuck(w);
	put_thread_sums(w);
}

/* ---- moments ---- */

/* -1 is not measured. */
static json_t *figure(int64_t n)
{
	return n < 0 ? json_null() : json_integer(n);
}

void page_moments(struct page_data *w)
{
	const struct history *h = w->r->history;

	document_open_rows(&w->d, "moments");
	for (uint32_t i = 0; h && i < h->n_moments; i++) {
		const struct moment *m = &h->moment[i];
		json_t *o = json_object();
		put(o, "uptime_ns", document_number(m->uptime_ns));
		put(o, "time_ns", document_number(m->time_ns));
		put(o, "sequence", document_number(m->sequence));
		put(o, "label", document_text(m->label));
		put(o, "reason", document_text(m->reason));
		put(o, "rss", figure(m->rss));
		put(o, "live_bytes", figure(m->live_bytes));
		put(o, "live_blocks", figure(m->live_blocks));
		put(o, "allocated_bytes", figure(m->allocated_bytes));
		put(o, "threads", figure(m->threads));
		put(o, "fds", figure(m->fds));
		put(o, "timers", figure(m->timers));
		document_row(&w->d, o);
	}
	document_close_rows(&w->d);
	document_put(&w->d, "other_snapshots", document_number(h ? h->n_others : 0));
}

/* ---- source ---- */

/* How many lines around those with figures are shown. */
enum { AROUND = 5 };

static void add_columns(json_t *o, const int64_t flat[N_COLUMNS], const int64_t cum[N_COLUMNS])
{
	for (int c = 0; c < N_COLUMNS; c++)
		json_array_append_new(o, json_integer(flat[c]));
	for (int c = 0; c < N_COLUMNS; c++)
		json_array_append_new(o, json_integer(cum[c]));
}

/* [line, flat (4), cum (4), inlined: [[function, file, line, depth, flat, cum], ...]] */
static json_t *source_line(struct page_data *w, const struct listing *l,
                           const struct listed_line *line)
{
	json_t *o = json_array(), *list = json_array();

	add(o, line->number);
	add_columns(o, line->flat, line->cum);
	for (uint32_t k = 0; k < line->n_inlined; k++) {
		const struct inlined *i = &l->inlined[line->inlined[k]];
		json_t *in = json_array();
		add(in, page_text(w, i->function));
		add(in, page_text(w, i->file));
		add(in, i->number);
		add(in, i->depth);
		add_columns(in, i->flat, i->cum);
		json_array_append_new(list, in);
	}
	json_array_append_new(o, list);
	return o;
}

/* The text of lines [from, to], those after `*shown` only. */
static void add_text(json_t *text, const struct source *s, uint32_t from, uint32_t to,
                     uint32_t *shown)
{
	if (from <= *shown)
		from = *shown + 1;
	for (uint32_t n = from; n <= to && n <= s->n_lines; n++) {
		json_t *pair = json_array();
		add(pair, n);
		json_array_append_new(pair, document_text(s->line[n - 1]));
		json_array_append_new(text, pair);
		*shown = n;
	}
}

static json_t *source_text(const struct listing *l)
{
	json_t *text = json_array();
	uint32_t shown = 0, first = l->n_lines ? l->line[0].number : 0;

	for (uint32_t i = 0; i < l->n_lines && !first; i++)
		first = l->line[i].number;
	if (l->sum->start && l->sum->start <= first)
		add_text(text, &l->source, l->sum->start, l->sum->start + 1, &shown);
	for (uint32_t i = 0; i < l->n_lines; i++) {
		uint32_t n = l->line[i].number;
		if (n && n <= l->source.n_lines)
			add_text(text, &l->source, n > AROUND ? n - AROUND : 1, n + AROUND, &shown);
	}
	return text;
}

void page_sources(struct page_data *w)
{
	const struct listings *all = w->r->listings;
	uint64_t started = INFO_U(&w->r->profile->b->info, START_TIME);

	document_open_rows(&w->d, "sources");
	for (uint32_t i = 0; all && i < all->n; i++) {
		const struct listing *l = &all->at[i];
		json_t *o = json_object(), *lines = json_array(), *sums = json_array();
		put(o, "function", document_number(page_text(w, l->sum->function)));
		put(o, "file", document_number(page_text(w, l->sum->file)));
		put(o, "module",
		    document_number(page_text(w, l->sum->module ? l->sum->module->path : NULL)));
		put(o, "path", document_number(page_text(w, l->source.path)));
		put(o, "changed",
		    json_boolean(l->source.path && started && l->source.changed_ns > started));
		add_columns(sums, l->sum->flat, l->sum->cum);
		put(o, "sums", sums);
		for (uint32_t k = 0; k < l->n_lines; k++)
			json_array_append_new(lines, source_line(w, l, &l->line[k]));
		put(o, "lines", lines);
		put(o, "text", source_text(l));
		document_row(&w->d, o);
	}
	document_close_rows(&w->d);
}
