/*
 * serve_render.c - from snapshots to what is answered: the writers of `export` and `report`, behind
 * Go's names. Reads files by descriptor: those of a live process have no name any more.
 */
#include "serve_render.h"

#include "folder.h"
#include "kind_view.h"
#include "out_go.h"
#include "out_prometheus.h"
#include "out_stacks.h"
#include "report.h"
#include "serve_index.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Time series that a process may add to a Prometheus. */
enum { SITES = 20 };

static int load_fd(int fd, struct snapshot **out, struct err *err)
{
	char path[40];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (view_load(path, out, err))
		return -1;
	/* A name that leads nowhere, to whoever reads the answer. */
	(*out)->path = "";
	return 0;
}

/* ---- which snapshots ---- */

struct look {
	const struct serve_work *w;
	struct snapshot *a, *b; /* a: NULL: no difference */
	struct rules rules;
	char *first, *last; /* of a folder */
};

/* The process that was asked for, else the one that wrote last. */
static int choose_image(struct look *k, const struct folder_images *all, struct err *err)
{
	const struct folder_image *best = NULL;

	for (size_t i = 0; i < all->n; i++) {
		const struct folder_image *m = &all->at[i];
		if ((!k->w->route.pid || m->pid == k->w->route.pid) &&
		    (!best || m->last_time >= best->last_time))
			best = m;
	}
	if (!best && k->w->route.pid)
		return err_set(err, "there is no snapshot of a process %llu in the folder",
		               (unsigned long long)k->w->route.pid);
	if (!best)
		return err_set(err, "there is no snapshot in the folder yet");
	k->first = xstrdup(best->first);
	k->last = xstrdup(best->last);
	return 0;
}

/* with_base: the report shows what grew. */
static int look_open(struct look *k, const struct serve_work *w, bool with_base, struct err *err)
{
	struct folder_images all;

	*k = (struct look){.w = w};
	rules_add_builtin(&k->rules);
	if (!w->folder)
		return load_fd(w->b, &k->b, err) || (w->a >= 0 && load_fd(w->a, &k->a, err)) ? -1
		                                                                             : 0;
	if (folder_look(w->folder, &all, err))
		return -1;
	int rc = choose_image(k, &all, err);
	folder_images_free(&all);
	if (rc || view_load(k->last, &k->b, err))
		return -1;
	return with_base && strcmp(k->first, k->last) ? view_load(k->first, &k->a, err) : 0;
}

static void look_close(struct look *k)
{
	rules_free(&k->rules);
	snapshot_free(k->a);
	snapshot_free(k->b);
	free(k->first);
	free(k->last);
}

/* ---- /debug/pprof ---- */

static int put_heap(FILE *f, struct look *k, struct err *err)
{
	struct out_options out = {.sort = k->w->route.what == SERVE_ALLOCS ? ALLOC_SPACE
	                                                                   : INUSE_SPACE};
	struct profile_options o = {.sort = out.sort};
	struct profile *p = NULL;
	int rc = k->a ? profile_diff(k->a, k->b, &o, &p, err) : profile_top(k->b, &o, &p, err);

	if (!rc && p->a && !p->same_run)
		rc = err_set(err, "the process has become another program meanwhile");
	if (!rc)
		rc = k->w->route.debug ? out_go_heap(f, p, &out, err) : out_pprof(f, p, &out, err);
	profile_free(p);
	return rc;
}

static int put_kind(FILE *f, struct look *k, enum object_kind kind, const char *name,
                    struct err *err)
{
	struct out_options out = {.sort = INUSE_OBJECTS, .counted = kind_name[kind]};
	struct profile_options o = {.sort = INUSE_OBJECTS};
	struct kinds *kinds = NULL;

	if (kinds_make(NULL, k->b, &(struct kinds_options){.profile = &o, .rules = &k->rules},
	               &kinds, err))
		return -1;
	struct profile *p = kinds_profile(kinds, kind);
	int rc = k->w->route.debug ? out_go_counts(f, p, name, &out, err)
	                           : out_pprof(f, p, &out, err);
	profile_free(p);
	kinds_free(kinds);
	return rc;
}

/* Arguments, each ended by NUL, as Go's. */
static int put_cmdline(FILE *f, const struct serve_work *w, struct err *err)
{
	char path[40], part[4096];
	struct str words = {0};
	size_t n;

	if (w->folder) {
		struct look k;
		int rc = look_open(&k, w, false, err);
		if (!rc)
			print_safe(f, INFO_S(&k.b->info, CMDLINE));
		look_close(&k);
		return rc;
	}
	snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)w->pid);
	FILE *in = fopen(path, "re");
	if (!in)
		return err_set(err, "%s: %s", path, strerror(errno));
	while ((n = fread(part, 1, sizeof(part), in)) > 0)
		str_add_mem(&words, part, n);
	fclose(in);
	/* Many ask by curl, at a terminal; each word ends by a NUL, as in Go. */
	for (size_t at = 0; at < words.len; at += strlen(words.data + at) + 1) {
		print_safe(f, words.data + at);
		if (at + strlen(words.data + at) < words.len)
			putc(0, f);
	}
	str_free(&words);
	return 0;
}

/* Threads of one stack and one kind of wait are one sample. */
static int put_stacks_profile(FILE *f, const struct live_stacks *l, struct err *err)
{
	struct out_options out = {
	        .sort = INUSE_OBJECTS, .counted = kind_name[KIND_THREADS], .raw = true};
	struct row *row = xcalloc(l->n_groups + 1, sizeof(*row));

	for (uint32_t i = 0; i < l->n_groups; i++) {
		const struct live_thread *t = &l->thread[l->group[i].first];
		row[i].stack = t->stack;
		row[i].value[INUSE_OBJECTS] = l->group[i].n;
		row[i].type = wait_kind_word(t->wait.kind);
		row[i].idle = t->idle ? rule_text(t->idle) : NULL;
	}
	struct profile *p = profile_of_counts(l->snapshot, row, l->n_groups, true);
	int rc = out_pprof(f, p, &out, err);
	profile_free(p);
	free(row);
	return rc;
}

static int put_stacks(FILE *f, const struct serve_work *w, struct err *err)
{
	struct rules rules = {0};
	struct live_stacks *l;

	rules_add_builtin(&rules);
	if (live_stacks_take(w->pid, &(struct live_options){.rules = &rules}, &l, err)) {
		rules_free(&rules);
		return -1;
	}
	int rc = w->route.debug == 1   ? out_stacks_groups(f, l, err)
	         : w->route.debug == 2 ? out_stacks_threads(f, l, err)
	                               : put_stacks_profile(f, l, err);
	live_stacks_free(l);
	rules_free(&rules);
	return rc;
}

/* ---- /metrics ---- */

struct metrics {
	struct metrics_of *of;
	struct snapshot **s; /* two each, the earlier one perhaps NULL */
	size_t n;
};

static int add_process(struct metrics *m, struct snapshot *base, struct snapshot *s,
                       const struct rules *rules, struct err *err)
{
	struct profile_options o = {.sort = INUSE_SPACE};
	struct profile *p = NULL, *growth = NULL;
	struct kinds *kinds = NULL;
	int rc = profile_top(s, &o, &p, err) ||
	                         kinds_make(NULL, s,
	                                    &(struct kinds_options){.profile = &o, .rules = rules},
	                                    &kinds, err)
	                 ? -1
	                 : 0;

	o.sort = ALLOC_SPACE;
	/* Of another run it would not be growth. */
	if (!rc && base && snapshot_same_run(base, s))
		rc = profile_diff(base, s, &o, &growth, err);
	m->s[2 * m->n] = base;
	m->s[2 * m->n + 1] = s;
	m->of[m->n++] = (struct metrics_of){p, kinds, growth};
	return rc;
}

static int load_image(const struct folder_image *m, struct snapshot **base, struct snapshot **s,
                      struct err *err)
{
	if (strcmp(m->first, m->last) && view_load(m->first, base, err))
		return -1;
	return view_load(m->last, s, err);
}

static int load_pair(const struct serve_work *w, struct snapshot **base, struct snapshot **s,
                     struct err *err)
{
	return (w->a >= 0 && load_fd(w->a, base, err)) || load_fd(w->b, s, err) ? -1 : 0;
}

static int put_metrics(FILE *f, const struct serve_work *w, struct err *err)
{
	struct folder_images all = {0};
	struct rules rules = {0};
	struct timespec now;
	int rc = w->folder ? folder_look(w->folder, &all, err) : 0;
	size_t n = w->folder ? all.n : 1;
	struct metrics m = {xcalloc(n + 1, sizeof(*m.of)), xcalloc(2 * n + 1, sizeof(*m.s)), 0};

	rules_add_builtin(&rules);
	for (size_t i = 0; i < n && !rc; i++) {
		struct snapshot *base = NULL, *s = NULL;
		if (w->folder && w->route.pid && all.at[i].pid != w->route.pid)
			continue;
		rc = w->folder ? load_image(&all.at[i], &base, &s, err)
		               : load_pair(w, &base, &s, err);
		if (!rc)
			rc = add_process(&m, base, s, &rules, err);
	}
	clock_gettime(CLOCK_REALTIME, &now);
	if (!rc)
		rc = out_prometheus(f, m.of, m.n,
		                    &(struct metrics_options){
		                            .openmetrics = w->route.openmetrics,
		                            .named = true,
		                            .n_sites = SITES,
		                            .now_ns = (uint64_t)now.tv_sec * UINT64_C(1000000000) +
		                                      (uint64_t)now.tv_nsec},
		                    err);
	for (size_t i = 0; i < m.n; i++) {
		profile_free((struct profile *)m.of[i].profile);
		profile_free((struct profile *)m.of[i].growth);
		kinds_free((struct kinds *)m.of[i].kinds);
		snapshot_free(m.s[2 * i]);
		snapshot_free(m.s[2 * i + 1]);
	}
	free(m.of);
	free(m.s);
	rules_free(&rules);
	folder_images_free(&all);
	return rc;
}

/* ---- / ---- */

static void add_moments(struct history *h, const struct look *k)
{
	history_add(h, k->b, k->b);
	if (k->a)
		history_add(h, k->b, k->a);
	for (unsigned i = 0; i < k->w->n_moments; i++) {
		struct snapshot *s;
		char path[40];
		snprintf(path, sizeof(path), "/proc/self/fd/%d", k->w->moment[i]);
		if (load_snapshot(path, &s, NULL))
			continue;
		history_add(h, k->b, s);
		snapshot_free(s);
	}
	history_finish(h);
}

static int put_report(FILE *f, struct look *k, struct err *err)
{
	struct report_options o = {.profile.sort = k->a ? ALLOC_SPACE : INUSE_SPACE,
	                           .rules = &k->rules,
	                           .no_source = true};
	struct history history = {0};
	struct report r = {0};

	add_moments(&history, k);
	int rc = report_make(k->a, k->b, &history, &o, &r, err);
	r.nonce = k->w->nonce;
	if (!rc)
		rc = out_html(f, &r, err);
	report_free(&r);
	history_free(&history);
	return rc;
}

/* ---- all of them ---- */

static int put_index(FILE *f, struct look *k, struct err *err)
{
	struct serve_index x = {
	        .token = k->w->token, .live = !k->w->folder, .pid = k->w->route.pid};
	struct profile_options o = {.sort = INUSE_SPACE};
	struct folder_images all = {0};
	int rc = k->w->folder ? folder_look(k->w->folder, &all, err) : 0;

	x.images = k->w->folder ? &all : NULL;
	if (!rc)
		rc = profile_top(k->b, &o, &x.profile, err);
	if (!rc)
		rc = serve_index(f, &x, err);
	profile_free(x.profile);
	folder_images_free(&all);
	return rc;
}

static int put(FILE *f, struct look *k, struct err *err)
{
	switch (k->w->route.what) {
	case SERVE_HEAP:
	case SERVE_ALLOCS:
		return put_heap(f, k, err);
	case SERVE_THREADS:
		return put_kind(f, k, KIND_THREADS, "threadcreate", err);
	case SERVE_TIMERS:
		return put_kind(f, k, KIND_TIMERS, "timer", err);
	case SERVE_FDS:
		return put_kind(f, k, KIND_FDS, "fd", err);
	case SERVE_INDEX:
		return put_index(f, k, err);
	default:
		return put_report(f, k, err);
	}
}

int serve_render(FILE *f, const struct serve_work *w, struct err *err)
{
	struct look k;

	view_no_cache = w->no_cache;
	if (w->route.what == SERVE_CMDLINE)
		return put_cmdline(f, w, err);
	if (w->route.what == SERVE_METRICS)
		return put_metrics(f, w, err);
	if (w->route.what == SERVE_GOROUTINE)
		return put_stacks(f, w, err);
	int rc = look_open(&k, w, w->route.what == SERVE_REPORT, err);
	if (!rc)
		rc = put(f, &k, err);
	look_close(&k);
	return rc;
}
