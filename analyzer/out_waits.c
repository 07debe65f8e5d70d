/*
 * out_waits.c - the system call that a thread of a snapshot was in, told as what it waits for.
 * Knows of libc only what its futexes look like: there is no stack of the moment in a snapshot, so
 * a futex is called a mutex where its words are those of one that a living thread holds, and a join
 * where the word is that thread's number.
 */
#include "out_waits.h"

#include <stdlib.h>
#include <string.h>

#include "wait_reason.h"
#include "waits.h"

enum { FEW = 3 };

static const struct wait *wait_of(const struct kinds *k, const struct task *t)
{
	return t->wait ? &k->b->wait[t->wait - 1] : NULL;
}

/* Most who hold something wait for something else. The others are looked for among the first
 * thousands only: a file may name any number. */
static bool is_thread(const struct snapshot *s, uint32_t tid)
{
	if (waits_of_tid(s, tid))
		return true;
	for (uint32_t i = 0; tid && i < s->n_tasks && i < 4096; i++)
		if (s->task[i].tid == tid && s->task[i].state == FMT_TASK_RUNNING)
			return true;
	return false;
}

/* The layout of glibc's pthread_mutex_t: lock, count, owner, number of users; a thread's number in
 * its control block becomes 0 when it ends. */
static void look_at_futex(struct wait_reason *r, const struct snapshot *s, const struct wait *w)
{
	uint32_t lock = (uint32_t)w->word[0], owner = (uint32_t)w->word[1];

	if (r->kind != WAIT_FUTEX || lock != r->expected)
		return;
	if (lock == 2 && is_thread(s, owner)) {
		r->kind = WAIT_MUTEX;
		r->owner = owner;
	} else if (lock > 2 && is_thread(s, lock)) {
		r->kind = WAIT_JOIN;
		r->owner = lock;
	}
}

static const char *fd_names(const struct snapshot *s, int64_t fd)
{
	for (uint32_t i = 0; fd >= 0 && i < s->n_fds; i++)
		if (s->fd[i].fd == (uint64_t)fd)
			return *s->fd[i].names ? s->fd[i].names : NULL;
	return NULL;
}

/* Of functions of the kernel that threads sleep in, where no call is told: Linux 4.0 to 6.12. */
static enum wait_kind kind_of_kernel(const char *function)
{
	static const struct {
		const char *part;
		enum wait_kind kind;
	} known[] = {
	        {"futex", WAIT_FUTEX},         {"ep_poll", WAIT_EPOLL},
	        {"epoll", WAIT_EPOLL},         {"poll_sched", WAIT_POLL},
	        {"do_sys_poll", WAIT_POLL},    {"do_select", WAIT_SELECT},
	        {"nanosleep", WAIT_SLEEP},     {"accept", WAIT_ACCEPT},
	        {"recv", WAIT_RECV},           {"pipe_read", WAIT_READ},
	        {"pipe_write", WAIT_WRITE},    {"do_wait", WAIT_CHILD},
	        {"sigtimedwait", WAIT_SIGNAL}, {"sigsuspend", WAIT_SIGNAL},
	        {"pause", WAIT_SIGNAL},        {"stream_read", WAIT_RECV},
	        {"eventfd_read", WAIT_READ},   {"n_tty_read", WAIT_READ},
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (strstr(function, known[i].part))
			return known[i].kind;
	return WAIT_UNKNOWN;
}

static bool reason_of(const struct kinds *k, const struct task *t, struct wait_reason *r)
{
	const struct wait *w = wait_of(k, t);

	if (!w)
		return false;
	memset(r, 0, sizeof(*r));
	r->fd = -1;
	r->number = WAIT_NO_CALL;
	if (!w->call) {
		r->kind = kind_of_kernel(w->kernel);
		return *w->kernel != 0;
	}
	struct wait_call call = {.number = (int64_t)w->call - 1};
	memcpy(call.args, w->args, sizeof(call.args));
	wait_reason_decode(&call, r);
	look_at_futex(r, k->b, w);
	r->names = fd_names(k->b, r->fd);
	return true;
}

static void add_reason(struct str *s, const struct wait_reason *r)
{
	struct str more = {0};

	wait_reason_words(&more, r);
	str_addf(s, "%s%s%s", wait_kind_word(r->kind), more.len ? " " : "",
	         more.data ? more.data : "");
	str_free(&more);
}

/* ---- of a group ---- */

struct alike {
	struct wait_reason reason; /* of the first */
	uint32_t n, first;         /* index into the group */
	uint64_t least_ns;         /* all of them, at least */
};

static const struct task *task_of(const struct kinds *k, const struct group *g, uint32_t i)
{
	return &k->b->task[k->table[KIND_THREADS].item[g->first + i]];
}

static int by_count(const void *a, const void *b)
{
	const struct alike *x = a, *y = b;

	if (x->n != y->n)
		return x->n > y->n ? -1 : 1;
	return x->first < y->first ? -1 : x->first > y->first;
}

/* At most one for each kind of wait: kinds are few. Returns how many. */
static size_t find_alike(const struct kinds *k, const struct group *g,
                         struct alike at[WAIT_KIND_COUNT])
{
	struct wait_reason r;
	size_t n = 0;

	for (uint32_t i = 0; i < g->n; i++) {
		size_t j = 0;
		if (!reason_of(k, task_of(k, g, i), &r))
			continue;
		uint64_t ns = waits_ns(k->a, k->b, task_of(k, g, i));
		while (j < n && at[j].reason.kind != r.kind)
			j++;
		if (j == n)
			at[n++] = (struct alike){r, 0, i, ns};
		at[j].n++;
		at[j].least_ns = ns < at[j].least_ns ? ns : at[j].least_ns;
	}
	qsort(at, n, sizeof(*at), by_count);
	return n;
}

void out_waits_text(struct page *page, const struct kinds *k, const struct group *g, bool all)
{
	struct alike at[WAIT_KIND_COUNT];
	size_t n = g->kind == KIND_THREADS ? find_alike(k, g, at) : 0;
	char text[32];

	for (size_t i = 0; i < n && (all || i < FEW); i++) {
		struct str s = {0};
		if (at[i].n < g->n)
			str_addf(&s, "%u of them: ", at[i].n);
		add_reason(&s, &at[i].reason);
		if (at[i].n > 1)
			str_add(&s, " (the first of them)");
		if (at[i].least_ns)
			str_addf(&s, "; for %s or more", human_ns(text, at[i].least_ns));
		page_pad(page, 10);
		page_add(page, STYLE_DIM, "in ");
		page_add(page, STYLE_DIM, s.data);
		page_end_line(page);
		str_free(&s);
	}
}

json_t *out_waits_json(const struct kinds *k, const struct group *g)
{
	struct alike at[WAIT_KIND_COUNT];
	size_t n = find_alike(k, g, at);
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++) {
		struct str s = {0};
		json_t *tids = json_array(), *o = json_object();
		for (uint32_t j = 0; j < g->n; j++) {
			struct wait_reason r;
			if (reason_of(k, task_of(k, g, j), &r) && r.kind == at[i].reason.kind)
				json_array_append_new(tids, document_number(task_of(k, g, j)->tid));
		}
		add_reason(&s, &at[i].reason);
		json_object_set_new(o, "count", document_number(at[i].n));
		json_object_set_new(o, "kind", json_string(wait_kind_json(at[i].reason.kind)));
		json_object_set_new(o, "waits_on", document_text(s.data));
		json_object_set_new(o, "at_least_s",
		                    at[i].least_ns ? json_real((double)at[i].least_ns / 1e9)
		                                   : json_null());
		json_object_set_new(o, "tids", tids);
		json_array_append_new(list, o);
		str_free(&s);
	}
	return list;
}

const char *out_waits_on(const struct kinds *k, const struct group *g)
{
	struct alike at[WAIT_KIND_COUNT];

	return g->kind == KIND_THREADS && find_alike(k, g, at) ? wait_kind_json(at[0].reason.kind)
	                                                       : NULL;
}
