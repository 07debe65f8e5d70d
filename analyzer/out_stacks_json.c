/*
 * out_stacks_json.c - the stacks of a live process as JSON: rows are groups, each with its threads.
 */
#include <stdlib.h>

#include "document.h"
#include "out_stacks.h"

static void put(json_t *o, const char *key, json_t *value)
{
	json_object_set_new(o, key, value);
}

static json_t *number_or_null(bool known, uint64_t n)
{
	return known ? document_number(n) : json_null();
}

static json_t *wait_object(const struct wait_reason *r)
{
	json_t *o = json_object();
	struct str words = {0};
	char name[32];

	wait_reason_words(&words, r);
	put(o, "kind", json_string(wait_kind_json(r->kind)));
	put(o, "words", document_text(words.data));
	put(o, "system_call",
	    r->number >= 0 ? json_string(wait_call_name(name, r->number)) : json_null());
	put(o, "fd", r->fd >= 0 ? json_integer(r->fd) : json_null());
	put(o, "names", document_text(r->names));
	put(o, "address", number_or_null(r->address, r->address));
	put(o, "owner_tid", number_or_null(r->owner, r->owner));
	put(o, "owner_ended", json_boolean(r->owner_ended));
	put(o, "timed", json_boolean(r->timed));
	str_free(&words);
	return o;
}

static void put_created(json_t *o, const struct live_stacks *l, const struct live_thread *t)
{
	struct row r = {.snapshot = l->snapshot, .stack = t->made};
	struct frames frames = {0};

	row_write_out(&r, false, &frames);
	put(o, "serial", number_or_null(t->serial, t->serial));
	put(o, "age_s", t->serial ? json_real((double)t->age_ns / 1e9) : json_null());
	put(o, "creator_serial", number_or_null(t->creator.serial, t->creator.serial));
	put(o, "creator_tid", number_or_null(t->creator.tid, t->creator.tid));
	put(o, "created_site", t->made ? document_site(&r) : json_null());
	put(o, "created_stack", t->made ? document_stack(&r) : json_null());
	free(frames.at);
}

static json_t *thread_object(const struct live_stacks *l, const struct live_thread *t)
{
	json_t *o = json_object();

	put(o, "tid", document_number(t->tid));
	put(o, "name", document_text(t->name));
	put(o, "state", json_stringn(&t->state, 1));
	put(o, "since_s", t->idle_known ? json_real((double)t->idle_ns / 1e9) : json_null());
	put(o, "waits_on", wait_object(&t->wait));
	put(o, "stopped_ns", number_or_null(t->stopped, t->stopped_ns));
	put(o, "begun_anew", json_boolean(t->anew));
	put(o, "why", document_text(t->why));
	put(o, "idle", t->idle ? document_text(rule_text(t->idle)) : json_null());
	put_created(o, l, t);
	return o;
}

static void put_stack(json_t *o, const struct live_stacks *l, uint32_t stack)
{
	struct row r = {.snapshot = l->snapshot, .stack = stack};
	struct frames frames = {0};
	uint32_t flags = 0;

	row_write_out(&r, false, &frames);
	if (r.n_frames)
		flags = r.frame[r.n_frames - 1]->flags;
	put(o, "complete",
	    json_boolean(r.n_frames && !(flags & (FMT_NODE_TRUNCATED | FMT_NODE_BROKEN))));
	put(o, "site", document_site(&r));
	put(o, "stack", document_stack(&r));
	free(frames.at);
}

static json_t *group_object(const struct live_stacks *l, const struct live_group *g)
{
	const struct live_thread *t = &l->thread[g->first];
	json_t *o = json_object(), *threads = json_array();

	put(o, "count", document_number(g->n));
	put(o, "state",
	    json_string(t->wait.kind == WAIT_RUNNING ? "running"
	                : t->wait.kind == WAIT_ENDED ? "ended"
	                                             : "blocked"));
	put(o, "waits_on", json_string(wait_kind_json(t->wait.kind)));
	for (uint32_t i = 0; i < g->n; i++)
		json_array_append_new(threads, thread_object(l, &t[i]));
	put(o, "idle", t->idle ? document_text(rule_text(t->idle)) : json_null());
	put(o, "threads", threads);
	put_stack(o, l, t->stack);
	return o;
}

static json_t *deadlock_object(const struct live_stacks *l, const struct live_deadlock *d)
{
	static const char *const kind[] = {"cycle", "self", "owner_ended"};
	json_t *o = json_object(), *threads = json_array();

	put(o, "kind", json_string(kind[d->kind]));
	put(o, "behind", document_number(d->behind));
	for (uint32_t i = 0; i < d->n; i++) {
		const struct live_thread *t = &l->thread[d->thread[i]];
		json_t *one = thread_object(l, t);

		put_stack(one, l, t->stack);
		json_array_append_new(threads, one);
	}
	put(o, "threads", threads);
	return o;
}

int out_stacks_json(FILE *f, const struct live_stacks *l, struct err *err)
{
	struct document d = {.file = f};
	json_t *deadlocks = json_array(), *audit = json_object();

	document_put(&d, "snapshot", document_snapshot(l->snapshot));
	put(audit, "threads", document_number(l->n_threads));
	put(audit, "stopped", document_number(l->n_stopped));
	put(audit, "stopped_max_ns", document_number(l->stopped_max_ns));
	put(audit, "begun_anew", document_number(l->n_anew));
	put(audit, "unread", document_number(l->n_unread));
	document_put(&d, "audit", audit);
	document_put(&d, "runtime", document_text(l->runtime));
	for (uint32_t i = 0; i < l->n_deadlocks; i++)
		json_array_append_new(deadlocks, deadlock_object(l, &l->deadlock[i]));
	document_put(&d, "deadlocks", deadlocks);
	document_open_rows(&d, "rows");
	for (uint32_t i = 0; i < l->n_groups; i++)
		document_row(&d, group_object(l, &l->group[i]));
	document_close_rows(&d);
	return document_end(&d, err);
}
