/*
 * out_perfetto.c - lives and counters of a process as Chrome's trace events. Times are microseconds
 * since the process's first hooked call. What only an earlier snapshot has was over by the next
 * one, nobody knows when: it is drawn as long as it was seen.
 *
 * Owns the JSON, an event at a time. Reads snapshots and history, changes nothing.
 */
#include "out_trace.h"

#include "document.h"
#include "kinds.h"
#include "spans.h"
#include "traces.h"

#include <stdlib.h>
#include <string.h>

struct writer {
	struct document d;
	const struct snapshot *const *all, *last; /* oldest first; that one is `last` */
	uint32_t n_all;
	const struct history *h;
	struct traces traces;
	struct trace_part *part; /* room for those of a thread */
	struct frames frames;
	int64_t pid;
	uint64_t end_ns;
	int64_t *track; /* of each life of h: its thread's number, or one that no thread can have */
};

static json_t *event(struct writer *w, const char *phase, const char *name, uint64_t ns)
{
	json_t *o = json_object();

	json_object_set_new(o, "ph", json_string(phase));
	json_object_set_new(o, "pid", json_integer(w->pid));
	json_object_set_new(o, "ts", json_real((double)ns / 1000));
	json_object_set_new(o, "name",
	                    name && *name ? document_text(name) : json_string("(unnamed)"));
	return o;
}

static void put_name(struct writer *w, const char *what, int64_t tid, const char *name)
{
	json_t *o = event(w, "M", what, 0), *args = json_object();

	json_object_set_new(args, "name", document_text(name));
	json_object_set_new(o, "tid", json_integer(tid));
	json_object_set_new(o, "args", args);
	document_row(&w->d, o);
}

/* "open_session session.c:57", the site first. */
static json_t *stack_of(struct writer *w, const struct snapshot *s, uint32_t stack)
{
	struct row r = {.snapshot = s, .stack = stack};
	json_t *list = json_array();

	row_write_out(&r, false, &w->frames);
	for (uint32_t f = r.site_frame; f < r.n_frames; f++) {
		const struct location *loc = r.frame[f];
		for (uint32_t i = f == r.site_frame ? r.site_line : 0; i < loc->n_lines || !i;
		     i++) {
			const struct line *l = loc->n_lines ? &loc->line[i] : NULL;
			const char *slash = l && l->file ? strrchr(l->file, '/') : NULL;
			struct str text = {0};
			if (l && l->function)
				str_add(&text, l->function);
			else
				str_addf(&text, "%s+0x%llx",
				         module_basename(&s->module[loc->module]),
				         (unsigned long long)loc->address);
			if (slash && l->number)
				str_addf(&text, " %s:%u", slash + 1, l->number);
			json_array_append_new(list, document_text(text.data));
			str_free(&text);
		}
	}
	return list;
}

/* ---- threads ---- */

static bool same_serial(const void *ctx, uint32_t value, const void *key)
{
	return ((const struct snapshot *)ctx)->task[value].serial == *(const uint64_t *)key;
}

static bool same_tid(const void *ctx, uint32_t value, const void *key)
{
	return ((const struct history *)ctx)->life[value].tid == *(const uint32_t *)key;
}

/* A thread's number is used again: the latest has it, those before it get others, above all that
 * the kernel gives. */
enum { MOST_TIDS = 1 << 22 };

static void number_tracks(struct writer *w)
{
	struct table latest = {0};

	w->track = xcalloc(w->h->n_lives + 1, sizeof(*w->track));
	for (uint32_t i = w->h->n_lives; i--;) {
		uint64_t hash = table_hash(w->h->life[i].tid, 0);
		bool taken =
		        table_find(&latest, hash, same_tid, w->h, &w->h->life[i].tid) != TABLE_NONE;
		w->track[i] = taken ? (int64_t)MOST_TIDS + i : w->h->life[i].tid;
		if (!taken)
			table_add(&latest, hash, i);
	}
	table_free(&latest);
}

struct thread {
	const struct life *life;
	int64_t track;
	const struct snapshot *s;       /* the last one that has it in a table, and */
	const struct task *task;        /* its row there; NULL: it was given back before any */
	const struct trace_part *trace; /* of the snapshots that have kept its waits */
	uint32_t n_traces;
};

static json_t *span(struct writer *w, const struct thread *t, const char *category,
                    const char *name, uint64_t from, uint64_t to)
{
	json_t *o = event(w, "X", name, from);

	json_object_set_new(o, "cat", json_string(category));
	json_object_set_new(o, "tid", json_integer(t->track));
	json_object_set_new(o, "dur", json_real(to > from ? (double)(to - from) / 1000 : 0));
	return o;
}

static json_t *made_at(struct writer *w, const struct thread *t)
{
	if (t->task)
		return stack_of(w, t->s, t->task->stack);
	if (t->n_traces)
		return stack_of(w, t->trace->s, t->trace->t->stack);
	return json_array();
}

/* Of all snapshots: the last one has counted all. */
static void add_waits(json_t *args, const struct thread *t)
{
	const struct traced *last = t->trace[t->n_traces - 1].t;
	uint64_t lost = 0;

	for (uint32_t i = 0; i < t->n_traces; i++)
		lost += t->trace[i].lost;
	json_object_set_new(args, "waits", document_number(last->waits));
	json_object_set_new(args, "waits_not_kept", document_number(lost));
	json_object_set_new(args, "brief_waits", document_number(last->brief));
	json_object_set_new(args, "brief_waits_ms", json_real((double)last->brief_ns / 1e6));
}

static void put_life(struct writer *w, const struct thread *t, const char *name, uint64_t from,
                     uint64_t to)
{
	json_t *o = span(w, t, "thread", name, from, to), *args = json_object();

	json_object_set_new(args, "number", document_number(t->life->serial));
	json_object_set_new(args, "cpu_ms", json_real((double)t->life->cpu_ns / 1e6));
	json_object_set_new(args, "stack_bytes", document_number(t->life->stack_bytes));
	json_object_set_new(args, "created_at", made_at(w, t));
	if (t->n_traces)
		add_waits(args, t);
	json_object_set_new(o, "args", args);
	document_row(&w->d, o);
}

/* "mutex", "epoll fd 5": what is the same in many waits has one name, and so one colour. */
static void put_wait(struct writer *w, const struct thread *t, const struct snapshot *s,
                     const struct span *wait)
{
	struct str words = {0}, name = {0};
	enum wait_kind kind = span_words(s, wait, &words);

	str_add(&name, wait_kind_word(kind));
	if (words.len)
		str_addf(&name, " %s", words.data);
	json_t *o = span(w, t, "wait", name.data, wait->begin_ns, span_end_ns(s, wait));
	json_t *args = json_object();
	json_object_set_new(args, "reason", json_string(wait_kind_json(kind)));
	json_object_set_new(args, "ended", json_boolean(!wait->is_open));
	/* by longjmp or pthread_cancel: then, or before */
	json_object_set_new(args, "left", json_boolean(wait->is_left));
	json_object_set_new(args, "waits_at", stack_of(w, s, wait->stack));
	json_object_set_new(o, "args", args);
	document_row(&w->d, o);
	str_free(&words);
	str_free(&name);
}

/* Of one snapshot: those that no later one tells of, behind what was there before its oldest and is
 * not kept. */
static void put_waits(struct writer *w, const struct thread *t, const struct trace_part *p)
{
	const struct trace_part *later = p + 1 < t->trace + t->n_traces ? p + 1 : NULL;

	if (p->lost) {
		char name[64];
		snprintf(name, sizeof(name), "%llu earlier waits, not kept",
		         (unsigned long long)p->lost);
		document_row(&w->d, span(w, t, "not kept", name, p->lost_from_ns, p->lost_to_ns));
	}
	for (uint32_t i = 0; i < p->t->n_spans; i++) {
		const struct span *wait = &p->s->span[p->t->span + i];
		if (!later || !trace_has(later, wait))
			put_wait(w, t, p->s, wait);
	}
}

static void put_thread(struct writer *w, const struct thread *t)
{
	const struct life *l = t->life;
	uint64_t end = l->ended_ns ? l->ended_ns : l->gone_ns ? l->gone_ns : w->end_ns;
	bool still = t->task && t->s == w->last;
	struct str name = {0};

	str_add(&name, l->name ? l->name : "");
	if (t->track >= MOST_TIDS)
		str_addf(&name, "%stid %u", name.len ? ", " : "", l->tid);
	put_name(w, "thread_name", t->track, name.data);
	str_free(&name);
	put_life(w, t, l->start ? l->start : l->name, l->born_ns, end);
	if (still && leak_of_task(t->task, false) == LEAK_UNJOINED)
		put_life(w, t, "ended, neither joined nor detached", end, w->end_ns);
	for (uint32_t i = 0; i < t->n_traces; i++)
		put_waits(w, t, &t->trace[i]);
}

/* Its row in the last snapshot that has one. */
static void find_task(struct writer *w, const struct table *tasks, struct thread *t)
{
	uint64_t hash = table_hash(t->life->serial, 0);

	for (uint32_t i = w->n_all; i-- && !t->task;) {
		uint32_t k = table_find(&tasks[i], hash, same_serial, w->all[i], &t->life->serial);
		if (k != TABLE_NONE) {
			t->s = w->all[i];
			t->task = &w->all[i]->task[k];
		}
	}
}

static void put_threads(struct writer *w)
{
	struct table *tasks = xcalloc((size_t)w->n_all + 1, sizeof(*tasks));

	number_tracks(w);
	traces_open(&w->traces, w->all, w->n_all);
	w->part = xcalloc((size_t)w->n_all + 1, sizeof(*w->part));
	for (uint32_t i = 0; i < w->n_all; i++)
		for (uint32_t k = 0; k < w->all[i]->n_tasks; k++)
			table_add(&tasks[i], table_hash(w->all[i]->task[k].serial, 0), k);
	for (uint32_t i = 0; i < w->h->n_lives; i++) {
		struct thread t = {.life = &w->h->life[i], .track = w->track[i], .trace = w->part};
		t.n_traces = traces_of(&w->traces, t.life->serial, w->part);
		find_task(w, tasks, &t);
		put_thread(w, &t);
	}
	for (uint32_t i = 0; i < w->n_all; i++)
		table_free(&tasks[i]);
	free(tasks);
	free(w->part);
	traces_close(&w->traces);
	free(w->track);
}

/* ---- descriptors and timers: open to the end, or as long as a snapshot has seen them ---- */

static void put_open(struct writer *w, const struct snapshot *s, const char *kind, const char *name,
                     const char *id, uint64_t born, uint32_t stack)
{
	for (int end = 0; end < 2; end++) {
		json_t *o = event(w, end ? "e" : "b", name, end ? INFO_U(&s->info, UPTIME) : born);
		json_object_set_new(o, "cat", json_string(kind));
		json_object_set_new(o, "id", json_string(id));
		if (!end) {
			json_t *args = json_object();
			json_object_set_new(args, "made_at", stack_of(w, s, stack));
			json_object_set_new(o, "args", args);
		}
		document_row(&w->d, o);
	}
}

static bool same_fd(const void *ctx, uint32_t value, const void *key)
{
	const struct fd *x = &((const struct snapshot *)ctx)->fd[value], *y = key;

	return x->fd == y->fd && x->born_ns == y->born_ns;
}

static bool same_timer(const void *ctx, uint32_t value, const void *key)
{
	const struct timer *x = &((const struct snapshot *)ctx)->timer[value], *y = key;

	return x->id == y->id && x->kind == y->kind && x->born_ns == y->born_ns;
}

/* Those that the next snapshot, NULL: none, has not. */
static void put_fds(struct writer *w, const struct snapshot *s, const struct snapshot *next)
{
	struct table later = {0};

	for (uint32_t i = 0; next && i < next->n_fds; i++)
		table_add(&later, table_hash(next->fd[i].fd, next->fd[i].born_ns), i);
	for (uint32_t i = 0; i < s->n_fds; i++) {
		const struct fd *f = &s->fd[i];
		struct str name = {0};
		char id[32];
		if (f->flags & (FMT_FD_FLAG_INHERITED | FMT_FD_FLAG_UNSEEN | FMT_FD_FLAG_OWN) ||
		    table_find(&later, table_hash(f->fd, f->born_ns), same_fd, next, f) !=
		            TABLE_NONE)
			continue;
		str_addf(&name, "%u: %s %s", f->fd, fd_type_text(f->kind),
		         f->names ? f->names : "");
		snprintf(id, sizeof(id), "fd%u", f->fd);
		put_open(w, s, "descriptor", name.data, id, f->born_ns, f->stack);
		str_free(&name);
	}
	table_free(&later);
}

static void put_timers(struct writer *w, const struct snapshot *s, const struct snapshot *next)
{
	struct table later = {0};

	for (uint32_t i = 0; next && i < next->n_timers; i++)
		table_add(&later, table_hash(next->timer[i].id, next->timer[i].born_ns), i);
	for (uint32_t i = 0; i < s->n_timers; i++) {
		const struct timer *t = &s->timer[i];
		struct str name = {0};
		char id[48], every[32];
		if (table_find(&later, table_hash(t->id, t->born_ns), same_timer, next, t) !=
		    TABLE_NONE)
			continue;
		str_addf(&name, "%s timer", timer_type_text(t->kind));
		if (t->interval_ns)
			str_addf(&name, ", every %s", human_ns(every, t->interval_ns));
		snprintf(id, sizeof(id), "timer%u of %llu", i,
		         (unsigned long long)INFO_U(&s->info, SEQUENCE));
		put_open(w, s, "timer", name.data, id, t->born_ns, t->stack);
		str_free(&name);
	}
	table_free(&later);
}

/* ---- moments ---- */

static void put_counter(struct writer *w, const char *name, uint64_t ns, int64_t value)
{
	if (value < 0)
		return;
	json_t *o = event(w, "C", name, ns), *args = json_object();
	json_object_set_new(args, "value", json_integer(value));
	json_object_set_new(o, "args", args);
	document_row(&w->d, o);
}

static void put_moments(struct writer *w)
{
	for (uint32_t i = 0; i < w->h->n_moments; i++) {
		const struct moment *m = &w->h->moment[i];
		char name[48];
		put_counter(w, "resident bytes", m->uptime_ns, m->rss);
		put_counter(w, "live bytes", m->uptime_ns, m->live_bytes);
		put_counter(w, "live blocks", m->uptime_ns, m->live_blocks);
		put_counter(w, "allocated bytes", m->uptime_ns, m->allocated_bytes);
		put_counter(w, "threads", m->uptime_ns, m->threads);
		put_counter(w, "descriptors", m->uptime_ns, m->fds);
		put_counter(w, "timers", m->uptime_ns, m->timers);
		snprintf(name, sizeof(name), "snapshot %llu", (unsigned long long)m->sequence);
		json_t *o = event(w, "i", name, m->uptime_ns), *args = json_object();
		json_object_set_new(o, "s", json_string("p"));
		json_object_set_new(args, "label", document_text(m->label));
		json_object_set_new(args, "reason", document_text(m->reason));
		json_object_set_new(o, "args", args);
		document_row(&w->d, o);
	}
}

int out_perfetto(FILE *f, const struct snapshot *const *s, uint32_t n, const struct history *h,
                 struct err *err)
{
	const struct snapshot *last = s[n - 1];
	struct writer w = {.d.file = f,
	                   .all = s,
	                   .n_all = n,
	                   .last = last,
	                   .h = h,
	                   .pid = (int64_t)(INFO_U(&last->info, PID) & INT64_MAX),
	                   .end_ns = INFO_U(&last->info, UPTIME)};

	document_put(&w.d, "displayTimeUnit", json_string("ms"));
	document_put(&w.d, "otherData", document_snapshot(last));
	document_open_rows(&w.d, "traceEvents");
	put_name(&w, "process_name", w.pid, INFO_S(&last->info, COMMAND));
	put_threads(&w);
	for (uint32_t i = 0; i < n; i++)
		put_fds(&w, s[i], i + 1 < n ? s[i + 1] : NULL);
	for (uint32_t i = 0; i < n; i++)
		put_timers(&w, s[i], i + 1 < n ? s[i + 1] : NULL);
	put_moments(&w);
	document_close_rows(&w.d);
	free(w.frames.at);
	return document_end(&w.d, err);
}
