/*
 * out_perfetto.c - lives and counters of a process as Chrome's trace events. Times are microseconds
 * since the process's first hooked call.
 *
 * Owns the JSON, an event at a time. Reads snapshot and history, changes nothing.
 */
#include "out_trace.h"

#include "document.h"
#include "kinds.h"
#include "spans.h"

#include <stdlib.h>
#include <string.h>

struct writer {
	struct document d;
	const struct snapshot *s;
	const struct history *h;
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
static json_t *stack_of(struct writer *w, uint32_t stack)
{
	struct row r = {.snapshot = w->s, .stack = stack};
	json_t *list = json_array();

	row_write_out(&r, false, &w->frames);
	for (uint32_t f = r.site_frame; f < r.n_frames; f++) {
		const struct location *loc = r.frame[f];
		for (uint32_t i = f == r.site_frame ? r.site_line : 0; i < loc->n_lines || !i;
		     i++) {
			const struct line *l = loc->n_lines ? &loc->line[i] : NULL;
			const char *slash = l && l->file ? strrchr(l->file, '/') : NULL;
			struct str s = {0};
			if (l && l->function)
				str_add(&s, l->function);
			else
				str_addf(&s, "%s+0x%llx",
				         module_basename(&w->s->module[loc->module]),
				         (unsigned long long)loc->address);
			if (slash && l->number)
				str_addf(&s, " %s:%u", slash + 1, l->number);
			json_array_append_new(list, document_text(s.data));
			str_free(&s);
		}
	}
	return list;
}

/* ---- threads ---- */

static bool same_serial(const void *ctx, uint32_t value, const void *key)
{
	return ((const struct snapshot *)ctx)->task[value].serial == *(const uint64_t *)key;
}

static bool same_traced(const void *ctx, uint32_t value, const void *key)
{
	return ((const struct snapshot *)ctx)->traced[value].serial == *(const uint64_t *)key;
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

/* A thread as the last snapshot tells of it. */
struct thread {
	const struct life *life;
	int64_t track;
	const struct task *task;     /* NULL: it was given back */
	const struct traced *traced; /* NULL: its waits are not kept */
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

static void put_life(struct writer *w, const struct thread *t, const char *name, uint64_t from,
                     uint64_t to)
{
	json_t *o = span(w, t, "thread", name, from, to), *args = json_object();
	const struct traced *r = t->traced;

	json_object_set_new(args, "number", document_number(t->life->serial));
	json_object_set_new(args, "cpu_ms", json_real((double)t->life->cpu_ns / 1e6));
	json_object_set_new(args, "stack_bytes", document_number(t->life->stack_bytes));
	json_object_set_new(args, "created_at",
	                    t->task     ? stack_of(w, t->task->stack)
	                    : t->traced ? stack_of(w, t->traced->stack)
	                                : json_array());
	if (r) {
		json_object_set_new(args, "waits", document_number(r->waits));
		json_object_set_new(args, "waits_not_kept",
		                    document_number(traced_overwritten(w->s, r)));
		json_object_set_new(args, "brief_waits", document_number(r->brief));
		json_object_set_new(args, "brief_waits_ms", json_real((double)r->brief_ns / 1e6));
	}
	json_object_set_new(o, "args", args);
	document_row(&w->d, o);
}

/* "mutex", "epoll fd 5": what is the same in many waits has one name, and so one colour. */
static void put_wait(struct writer *w, const struct thread *t, const struct span *wait)
{
	struct str words = {0}, name = {0};
	enum wait_kind kind = span_words(w->s, wait, &words);

	str_add(&name, wait_kind_word(kind));
	if (words.len)
		str_addf(&name, " %s", words.data);
	json_t *o = span(w, t, "wait", name.data, wait->begin_ns, span_end_ns(w->s, wait));
	json_t *args = json_object();
	json_object_set_new(args, "reason", json_string(wait_kind_json(kind)));
	json_object_set_new(args, "ended", json_boolean(!wait->is_open));
	/* by longjmp or pthread_cancel: then, or before */
	json_object_set_new(args, "left", json_boolean(wait->is_left));
	json_object_set_new(args, "waits_at", stack_of(w, wait->stack));
	json_object_set_new(o, "args", args);
	document_row(&w->d, o);
	str_free(&words);
	str_free(&name);
}

/* What was there before the oldest that is kept, and the waits themselves. */
static void put_waits(struct writer *w, const struct thread *t)
{
	uint64_t overwritten = traced_overwritten(w->s, t->traced);
	uint32_t first = t->traced->span;

	if (overwritten && t->traced->n_spans) {
		char name[64];
		snprintf(name, sizeof(name), "%llu earlier waits, not kept",
		         (unsigned long long)overwritten);
		document_row(&w->d, span(w, t, "not kept", name, t->life->born_ns,
		                         w->s->span[first].begin_ns));
	}
	for (uint32_t i = 0; i < t->traced->n_spans; i++)
		put_wait(w, t, &w->s->span[first + i]);
}

static void put_thread(struct writer *w, const struct thread *t)
{
	const struct life *l = t->life;
	uint64_t end = l->ended_ns ? l->ended_ns : l->gone_ns ? l->gone_ns : w->end_ns;
	struct str name = {0};

	str_add(&name, l->name ? l->name : "");
	if (t->track >= MOST_TIDS)
		str_addf(&name, "%stid %u", name.len ? ", " : "", l->tid);
	put_name(w, "thread_name", t->track, name.data);
	str_free(&name);
	put_life(w, t, l->start ? l->start : l->name, l->born_ns, end);
	if (t->task && leak_of_task(t->task, false) == LEAK_UNJOINED)
		put_life(w, t, "ended, neither joined nor detached", end, w->end_ns);
	if (t->traced)
		put_waits(w, t);
}

static void put_threads(struct writer *w)
{
	struct table tasks = {0}, traces = {0};

	number_tracks(w);
	for (uint32_t i = 0; i < w->s->n_tasks; i++)
		table_add(&tasks, table_hash(w->s->task[i].serial, 0), i);
	for (uint32_t i = 0; i < w->s->n_traced; i++)
		table_add(&traces, table_hash(w->s->traced[i].serial, 0), i);
	for (uint32_t i = 0; i < w->h->n_lives; i++) {
		const uint64_t *serial = &w->h->life[i].serial;
		uint64_t hash = table_hash(*serial, 0);
		uint32_t task = table_find(&tasks, hash, same_serial, w->s, serial);
		uint32_t traced = table_find(&traces, hash, same_traced, w->s, serial);
		put_thread(w,
		           &(struct thread){
		                   .life = &w->h->life[i],
		                   .track = w->track[i],
		                   .task = task == TABLE_NONE ? NULL : &w->s->task[task],
		                   .traced = traced == TABLE_NONE ? NULL : &w->s->traced[traced]});
	}
	table_free(&tasks);
	table_free(&traces);
	free(w->track);
}

/* ---- descriptors and timers: open until they are given back, so until the end ---- */

static void put_open(struct writer *w, const char *kind, const char *name, const char *id,
                     uint64_t born, uint32_t stack)
{
	for (int end = 0; end < 2; end++) {
		json_t *o = event(w, end ? "e" : "b", name, end ? w->end_ns : born);
		json_object_set_new(o, "cat", json_string(kind));
		json_object_set_new(o, "id", json_string(id));
		if (!end) {
			json_t *args = json_object();
			json_object_set_new(args, "made_at", stack_of(w, stack));
			json_object_set_new(o, "args", args);
		}
		document_row(&w->d, o);
	}
}

static void put_fds(struct writer *w)
{
	for (uint32_t i = 0; i < w->s->n_fds; i++) {
		const struct fd *f = &w->s->fd[i];
		struct str name = {0};
		char id[32];
		if (f->flags & (FMT_FD_FLAG_INHERITED | FMT_FD_FLAG_UNSEEN | FMT_FD_FLAG_OWN))
			continue;
		str_addf(&name, "%u: %s %s", f->fd, fd_type_text(f->kind),
		         f->names ? f->names : "");
		snprintf(id, sizeof(id), "fd%u", f->fd);
		put_open(w, "descriptor", name.data, id, f->born_ns, f->stack);
		str_free(&name);
	}
}

static void put_timers(struct writer *w)
{
	for (uint32_t i = 0; i < w->s->n_timers; i++) {
		const struct timer *t = &w->s->timer[i];
		struct str name = {0};
		char id[32], every[32];
		str_addf(&name, "%s timer", timer_type_text(t->kind));
		if (t->interval_ns)
			str_addf(&name, ", every %s", human_ns(every, t->interval_ns));
		snprintf(id, sizeof(id), "timer%u", i);
		put_open(w, "timer", name.data, id, t->born_ns, t->stack);
		str_free(&name);
	}
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

int out_perfetto(FILE *f, const struct snapshot *s, const struct history *h, struct err *err)
{
	struct writer w = {.d.file = f,
	                   .s = s,
	                   .h = h,
	                   .pid = (int64_t)(INFO_U(&s->info, PID) & INT64_MAX),
	                   .end_ns = INFO_U(&s->info, UPTIME)};

	document_put(&w.d, "displayTimeUnit", json_string("ms"));
	document_put(&w.d, "otherData", document_snapshot(s));
	document_open_rows(&w.d, "traceEvents");
	put_name(&w, "process_name", w.pid, INFO_S(&s->info, COMMAND));
	put_threads(&w);
	put_fds(&w);
	put_timers(&w);
	put_moments(&w);
	document_close_rows(&w.d);
	free(w.frames.at);
	return document_end(&w.d, err);
}
