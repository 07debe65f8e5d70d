/*
 * watch.c - the model behind the live view. Each look is a snapshot that the process writes as for
 * `outlive snapshot`; its file is ours alone and goes as soon as it is read, so a view that is left
 * open for days leaves nothing behind.
 */
#include "watch.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ask.h"
#include "target.h"
#include "view.h"
#include "written.h"

static bool has_ended(pid_t pid)
{
	struct target t;
	struct err err;
	bool ended = target_open(&t, pid, &err) || t.state == 'Z' || t.state == 'X';

	target_close(&t);
	return ended;
}

static int64_t audit(const struct snapshot *s, unsigned key)
{
	return s->has_audit[key] ? (int64_t)s->audit[key] : -1;
}

static void add_point(struct watch *w, const struct snapshot *s)
{
	struct watch_point p = {.uptime_ns = INFO_U(&s->info, UPTIME),
	                        .rss = audit(s, FMT_AUDIT_RSS)};

	for (uint32_t i = 0; i < s->n_samples; i++) {
		const struct sample *sample = &s->sample[i];
		if (sample->kind != FMT_KIND_HEAP)
			continue;
		p.live = add_sat(p.live, sample->value[INUSE_SPACE]);
		p.blocks = add_sat(p.blocks, sample->value[INUSE_OBJECTS]);
		p.allocated = add_sat(p.allocated, sample->value[ALLOC_SPACE]);
		p.allocated_blocks = add_sat(p.allocated_blocks, sample->value[ALLOC_OBJECTS]);
	}
	if (w->n_points == WATCH_POINTS)
		memmove(w->point, w->point + 1, sizeof(*w->point) * --w->n_points);
	w->point[w->n_points++] = p;
}

/* Who the process is must be known before it is asked: afterwards it may have ended. */
static int ask_and_load(pid_t pid, struct ask *ask, struct snapshot **out, struct err *err)
{
	char *path = NULL, name[40];
	struct target t;
	int fd = -1, rc = -1;

	if (target_open(&t, pid, err) || ask_snapshot(pid, ask, &path, err))
		goto out;
	target_refresh(&t);
	fd = written_take(&t, path, err);
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	rc = fd < 0 ? -1 : view_load(name, out, err);
out:
	if (fd >= 0)
		close(fd);
	free(path);
	target_close(&t);
	return rc;
}

int watch_look(struct watch *w, uint64_t timeout_ns)
{
	struct ask ask = {.label = "watch", .timeout_ns = timeout_ns};
	struct snapshot *s = NULL;

	*w->problem.text = 0;
	if (ask_and_load(w->pid, &ask, &s, &w->problem)) {
		w->gone = has_ended(w->pid);
		return -1;
	}
	if (w->now != w->mark)
		snapshot_free(w->now);
	w->now = s;
	if (!w->mark)
		w->mark = s;
	w->looks++;
	add_point(w, s);
	watch_rank(w);
	return 0;
}

void watch_rank(struct watch *w)
{
	struct kinds_options kinds = {.profile = &w->options, .rules = &w->rules};
	int rc;

	profile_free(w->profile);
	kinds_free(w->kinds);
	w->profile = NULL;
	w->kinds = NULL;
	if (!w->now)
		return;
	if (w->mark == w->now)
		rc = profile_top(w->now, &w->options, &w->profile, &w->problem);
	else
		rc = profile_diff(w->mark, w->now, &w->options, &w->profile, &w->problem);
	if (!rc)
		kinds_make(w->mark == w->now ? NULL : w->mark, w->now, &kinds, &w->kinds,
		           &w->problem);
	size_t n = watch_rows(w);
	if (w->selected >= n)
		w->selected = n ? n - 1 : 0;
}

void watch_set_mark(struct watch *w)
{
	profile_free(w->profile);
	kinds_free(w->kinds);
	w->profile = NULL;
	w->kinds = NULL;
	if (w->mark != w->now)
		snapshot_free(w->mark);
	w->mark = w->now;
	watch_rank(w);
}

void watch_free(struct watch *w)
{
	profile_free(w->profile);
	kinds_free(w->kinds);
	if (w->mark != w->now)
		snapshot_free(w->mark);
	snapshot_free(w->now);
	rules_free(&w->rules);
}

size_t watch_rows(const struct watch *w)
{
	if (w->tab != TAB_HEAP)
		return w->kinds ? w->kinds->table[w->tab - TAB_THREADS].n : 0;
	if (!w->profile)
		return 0;
	return w->profile->n_rows - w->profile->n_noise - (w->churn ? 0 : w->profile->n_churn);
}

double watch_rate(const struct watch *w, bool blocks)
{
	size_t back = w->n_points < 4 ? w->n_points : 4;

	if (back < 2)
		return 0;
	const struct watch_point *a = &w->point[w->n_points - back];
	const struct watch_point *b = &w->point[w->n_points - 1];
	double seconds = (double)(b->uptime_ns - a->uptime_ns) / 1e9;
	int64_t made =
	        blocks ? b->allocated_blocks - a->allocated_blocks : b->allocated - a->allocated;

	return seconds > 0 ? (double)made / seconds : 0;
}
