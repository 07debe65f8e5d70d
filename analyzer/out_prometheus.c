/*
 * out_prometheus.c - a snapshot's figures as OpenMetrics, or as Prometheus' text format.
 *
 * Owns the names, which are for ever: dashboards and alerts hold them. A table says what there is;
 * a metric's samples stand together, whatever the number of processes. Sites are the only labels
 * that a program decides upon: they are few, and cut.
 */
#include "out_prometheus.h"

#include "reach.h"
#include "sums.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { LABEL_LONGEST = 120 };

struct writer {
	FILE *file;
	const struct metrics_of *at;
	size_t n;
	const struct metrics_options *o;
	/* Of the metric being written: */
	const char *name, *suffix;
	const struct metrics_of *of;
	size_t process;
	bool failed;
};

/* ---- samples ---- */

static void put_escaped(struct writer *w, const char *text)
{
	struct str safe = {0};
	size_t n = 0;

	str_add_safe(&safe, text);
	for (const char *c = safe.data; c && *c; c++) {
		if ((*c & 0xC0) != 0x80 && ++n > LABEL_LONGEST)
			break;
		if (*c == '\\' || *c == '"')
			fputc('\\', w->file);
		fputc(*c, w->file);
	}
	str_free(&safe);
}

static void put_label(struct writer *w, bool *any, const char *key, const char *value)
{
	if (!key)
		return;
	fprintf(w->file, "%s%s=\"", *any ? "," : "{", key);
	put_escaped(w, value ? value : "");
	fputc('"', w->file);
	*any = true;
}

/* The name with its labels: of the process, and three pairs, whose keys may be NULL. */
static void put_series(struct writer *w, const char *const label[6])
{
	const struct info *info = &w->of->profile->b->info;
	bool any = false;
	char pid[24];

	fprintf(w->file, "%s%s", w->name, w->suffix);
	if (w->o->named || w->n > 1) {
		snprintf(pid, sizeof(pid), "%llu", (unsigned long long)INFO_U(info, PID));
		put_label(w, &any, "command", INFO_S(info, COMMAND));
		put_label(w, &any, "pid", pid);
	}
	for (int i = 0; i < 6; i += 2)
		put_label(w, &any, label[i], label[i + 1]);
	fputs(any ? "} " : " ", w->file);
}

static void sample(struct writer *w, const char *key, const char *value, uint64_t n)
{
	put_series(w, (const char *[6]){key, value});
	w->failed |= fprintf(w->file, "%llu\n", (unsigned long long)n) < 0;
}

static void sample_seconds(struct writer *w, double seconds)
{
	put_series(w, (const char *[6]){NULL});
	w->failed |= fprintf(w->file, "%.3f\n", seconds) < 0;
}

/* ---- the heap ---- */

static const char *const kind_text[] = {[FMT_KIND_HEAP] = "heap", [FMT_KIND_MMAP] = "mmap"};

/* Of the later snapshot. */
static uint64_t total(const struct writer *w, int kind, enum column c)
{
	const struct profile *p = w->of->profile;
	int64_t n = add_sat(p->total[kind][c], p->base_total[kind][c]);

	return n > 0 ? (uint64_t)n : 0;
}
static void put_totals(struct writer *w, enum column c)
{
	for (int kind = 0; kind < 2; kind++)
		sample(w, "kind", kind_text[kind], total(w, kind, c));
}
static void allocated_bytes(struct writer *w)
{
	put_totals(w, ALLOC_SPACE);
}
static void allocated_objects(struct writer *w)
{
	put_totals(w, ALLOC_OBJECTS);
}
static void live_bytes(struct writer *w)
{
	put_totals(w, INUSE_SPACE);
}
static void live_objects(struct writer *w)
{
	put_totals(w, INUSE_OBJECTS);
}
static void put_freed(struct writer *w, enum column made, enum column live)
{
	for (int kind = 0; kind < 2; kind++) {
		uint64_t all = total(w, kind, made), left = total(w, kind, live);
		sample(w, "kind", kind_text[kind], all > left ? all - left : 0);
	}
}
static void freed_bytes(struct writer *w)
{
	put_freed(w, ALLOC_SPACE, INUSE_SPACE);
}
static void freed_objects(struct writer *w)
{
	put_freed(w, ALLOC_OBJECTS, INUSE_OBJECTS);
}

/* Of the last scan of what the program can reach, where there was one. */
static void reach_bytes(struct writer *w)
{
	const struct profile *p = w->of->profile;

	for (int k = 1; k < FMT_REACH_CLASSES && snapshot_scan(p->b) == FMT_SCAN_DONE; k++)
		sample(w, "verdict", reach_class_name[k], p->reach.bytes[k]);
}

/* ---- threads, timers, descriptors ---- */

static void threads(struct writer *w)
{
	const struct snapshot *s = w->of->profile->b;
	uint64_t running = 0, blocked = 0, unjoined = 0, ended = 0;

	for (uint32_t i = 0; i < s->n_tasks; i++) {
		const struct task *t = &s->task[i];
		enum leak leak = leak_of_task(t, false);
		if (t->state != FMT_TASK_ENDED)
			++*(leak == LEAK_BLOCKED ? &blocked : &running);
		else
			++*(leak == LEAK_UNJOINED ? &unjoined : &ended);
	}
	sample(w, "state", "running", running);
	sample(w, "state", "blocked", blocked);
	sample(w, "state", "unjoined", unjoined);
	sample(w, "state", "ended", ended);
}
static void threads_finished(struct writer *w)
{
	const struct snapshot *s = w->of->profile->b;
	uint64_t joined = 0, detached = 0;

	for (uint32_t i = 0; i < s->n_task_sums; i++) {
		joined = addu_sat(joined, s->task_sum[i].joined);
		detached = addu_sat(detached, s->task_sum[i].detached);
	}
	sample(w, "how", "joined", joined);
	sample(w, "how", "detached", detached);
}
static void fds(struct writer *w)
{
	const struct snapshot *s = w->of->profile->b;
	uint64_t n[FMT_FD_OTHER + 1] = {0};

	for (uint32_t i = 0; i < s->n_fds; i++)
		n[s->fd[i].kind < FMT_FD_OTHER ? s->fd[i].kind : FMT_FD_OTHER]++;
	for (uint32_t i = 0; i <= FMT_FD_OTHER; i++)
		sample(w, "type", fd_type_text(i), n[i]);
}
static void bad_closes(struct writer *w)
{
	const struct snapshot *s = w->of->profile->b;
	uint64_t n[2] = {0};

	for (uint32_t i = 0; i < s->n_fd_bads; i++) {
		uint64_t *to = &n[s->fd_bad[i].what == FMT_BAD_FOREIGN_CLOSE];
		*to = addu_sat(*to, s->fd_bad[i].count);
	}
	sample(w, "what", leak_name[LEAK_DOUBLE_CLOSE], n[0]);
	sample(w, "what", leak_name[LEAK_FOREIGN_CLOSE], n[1]);
}
static void timers(struct writer *w)
{
	const struct snapshot *s = w->of->profile->b;
	uint64_t n[FMT_TIMER_ITIMER + 1] = {0};

	for (uint32_t i = 0; i < s->n_timers; i++)
		n[s->timer[i].kind <= FMT_TIMER_ITIMER ? s->timer[i].kind : 0]++;
	for (uint32_t i = FMT_TIMER_POSIX; i <= FMT_TIMER_ITIMER; i++)
		sample(w, "type", timer_type_text(i), n[i]);
}
static void leaks(struct writer *w)
{
	for (int kind = 0; kind < N_KINDS; kind++)
		sample(w, "kind", kind_name[kind], w->of->kinds->table[kind].leaks);
}

/* ---- the process, and what the snapshot can be trusted for ---- */

static void audit(struct writer *w, unsigned key, const char *label, const char *value)
{
	const struct snapshot *s = w->of->profile->b;

	if (s->has_audit[key])
		sample(w, label, value, s->audit[key]);
}
static void resident(struct writer *w)
{
	audit(w, FMT_AUDIT_RSS, NULL, NULL);
}
static void resident_peak(struct writer *w)
{
	audit(w, FMT_AUDIT_RSS_PEAK, NULL, NULL);
}
static void own_memory(struct writer *w)
{
	audit(w, FMT_AUDIT_OWN_TABLES, "part", "tables");
	audit(w, FMT_AUDIT_OWN_ARENA, "part", "heap");
}
static void lost_events(struct writer *w)
{
	audit(w, FMT_AUDIT_LOST_REENTRANT, "reason", "reentrant");
	audit(w, FMT_AUDIT_LOST_NO_MEMORY, "reason", "no_memory");
	audit(w, FMT_AUDIT_LOST_EARLY, "reason", "early");
	audit(w, FMT_AUDIT_LOST_NO_STACK, "reason", "no_stack");
	audit(w, FMT_AUDIT_LOST_THREADS, "reason", "threads");
	audit(w, FMT_AUDIT_LOST_FDS, "reason", "fds");
	audit(w, FMT_AUDIT_LOST_TIMERS, "reason", "timers");
	audit(w, FMT_AUDIT_LOST_MAPS, "reason", "maps");
}
static void unknown_frees(struct writer *w)
{
	audit(w, FMT_AUDIT_UNKNOWN_FREES, NULL, NULL);
}
static void snapshot_time(struct writer *w)
{
	sample_seconds(w, (double)INFO_U(&w->of->profile->b->info, TIME) / 1e9);
}
static void snapshot_age(struct writer *w)
{
	uint64_t then = INFO_U(&w->of->profile->b->info, TIME);

	if (w->o->now_ns)
		sample_seconds(w, w->o->now_ns > then ? (double)(w->o->now_ns - then) / 1e9 : 0);
}
static void snapshot_sequence(struct writer *w)
{
	sample(w, NULL, NULL, INFO_U(&w->of->profile->b->info, SEQUENCE));
}
static void uptime(struct writer *w)
{
	sample_seconds(w, (double)INFO_U(&w->of->profile->b->info, UPTIME) / 1e9);
}

/* ---- sites ---- */

static const char *base_name(const char *path)
{
	const char *slash = path ? strrchr(path, '/') : NULL;

	return slash ? slash + 1 : path;
}

/* What is told of a function; two of them may read alike once they are cut, and are one then. */
struct site {
	char *label[3]; /* function, file, module */
	int64_t value;
};

static char *cut(const char *text)
{
	struct str safe = {0};
	size_t n = 0;

	str_add_safe(&safe, text ? text : "");
	for (char *c = safe.data; c && *c; c++) {
		/* Bytes that go on with a character of UTF-8 are no character of their own. */
		if ((*c & 0xC0) != 0x80 && ++n > LABEL_LONGEST) {
			*c = 0;
			break;
		}
	}
	return safe.data ? safe.data : xstrdup("");
}

static struct site site_of(const struct sum *s, enum column c)
{
	char address[24];
	const char *name = s->function;

	snprintf(address, sizeof(address), "+0x%llx", (unsigned long long)s->address);
	if (!name)
		name = s->module ? address : "[unknown stack]";
	return (struct site){{cut(name), cut(base_name(s->file)),
	                      cut(s->module ? module_basename(s->module) : NULL)},
	                     s->flat[c]};
}

static void site_free(struct site *s)
{
	for (int i = 0; i < 3; i++)
		free(s->label[i]);
}

static struct site *find_site(struct site *at, size_t n, const struct site *like)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(at[i].label[0], like->label[0]) &&
		    !strcmp(at[i].label[1], like->label[1]) &&
		    !strcmp(at[i].label[2], like->label[2]))
			return &at[i];
	return NULL;
}

/* Functions, ranked. */
static void put_sites(struct writer *w, const struct profile *p, enum column c)
{
	struct sums *g = sums_make(
	        p, &(struct sum_options){.by = SUM_FUNCTION, .sort = c, .raw = w->o->raw});
	struct site *site = xcalloc(w->o->n_sites + 1, sizeof(*site));
	size_t n = 0;

	for (uint32_t i = 0; i < g->n && n < w->o->n_sites && g->at[i].flat[c] > 0; i++) {
		struct site new = site_of(&g->at[i], c), *have = find_site(site, n, &new);
		if (have) {
			have->value = add_sat(have->value, new.value);
			site_free(&new);
		} else {
			site[n++] = new;
		}
	}
	for (size_t i = 0; i < n; i++) {
		put_series(w, (const char *[6]){"function", site[i].label[0], "file",
		                                site[i].label[1], "module", site[i].label[2]});
		w->failed |= fprintf(w->file, "%lld\n", (long long)site[i].value) < 0;
		site_free(&site[i]);
	}
	free(site);
	sums_free(g);
}
static void site_bytes(struct writer *w)
{
	if (!w->of->profile->a)
		put_sites(w, w->of->profile, INUSE_SPACE);
}
static void site_growth(struct writer *w)
{
	const struct profile *p = w->of->growth ? w->of->growth : w->of->profile;

	if (p->a)
		put_sites(w, p, ALLOC_SPACE);
}

/* ---- all of it ---- */

/* M(name, unit or "", type, help, samples). A counter's samples end in _total. */
#define METRICS(M)                                                                                \
	M("allocated_bytes", "bytes", "counter", "Bytes allocated so far.", allocated_bytes)      \
	M("allocated_objects", "", "counter", "Blocks allocated so far.", allocated_objects)      \
	M("freed_bytes", "bytes", "counter", "Bytes given back so far.", freed_bytes)             \
	M("freed_objects", "", "counter", "Blocks given back so far.", freed_objects)             \
	M("live_bytes", "bytes", "gauge", "Bytes in use.", live_bytes)                            \
	M("live_objects", "", "gauge", "Blocks in use.", live_objects)                            \
	M("reach_bytes", "bytes", "gauge", "Bytes in use by whether the program can reach them.", \
	  reach_bytes)                                                                            \
	M("site_live_bytes", "bytes", "gauge", "Bytes in use by function, the largest.",          \
	  site_bytes)                                                                             \
	M("site_growth_bytes", "bytes", "gauge",                                                  \
	  "Bytes allocated since the base by function, the largest; without churn.", site_growth) \
	M("threads", "", "gauge",                                                                 \
	  "Threads: running, blocked for ever, ended and not joined, ended.", threads)            \
	M("threads_finished", "", "counter", "Threads that ended and were given back.",           \
	  threads_finished)                                                                       \
	M("fds", "", "gauge", "Open descriptors.", fds)                                           \
	M("bad_closes", "", "counter", "Closes of what was closed, or of another part's.",        \
	  bad_closes)                                                                             \
	M("timers", "", "gauge", "Timers.", timers)                                               \
	M("leaks", "", "gauge", "Threads, timers and descriptors that are leaks.", leaks)         \
	M("resident_bytes", "bytes", "gauge", "RSS of the process.", resident)                    \
	M("resident_peak_bytes", "bytes", "gauge", "Highest RSS of the process.", resident_peak)  \
	M("own_bytes", "bytes", "gauge", "What outlive itself takes of it.", own_memory)          \
	M("lost_events", "", "counter", "Events that are missing in the figures.", lost_events)   \
	M("unknown_frees", "", "counter", "Frees of blocks that were never seen made.",           \
	  unknown_frees)                                                                          \
	M("snapshot_timestamp_seconds", "seconds", "gauge", "When the figures were taken.",       \
	  snapshot_time)                                                                          \
	M("snapshot_age_seconds", "seconds", "gauge", "How long ago that was.", snapshot_age)     \
	M("snapshot_sequence", "", "gauge", "The snapshot's number.", snapshot_sequence)          \
	M("uptime_seconds", "seconds", "gauge", "From the first hooked call to the snapshot.",    \
	  uptime)

static const struct metric {
	const char *name, *unit, *type, *help;
	void (*put)(struct writer *w);
} metric[] = {
#define METRIC(name, unit, type, help, put) {"outlive_" name, unit, type, help, put},
        METRICS(METRIC)
#undef METRIC
};

static void put_metric(struct writer *w, const struct metric *m)
{
	bool counter = !strcmp(m->type, "counter");
	/* OpenMetrics names the family, Prometheus' text format the samples. */
	const char *end = counter && !w->o->openmetrics ? "_total" : "";

	w->name = m->name;
	w->suffix = counter ? "_total" : "";
	fprintf(w->file, "# HELP %s%s %s\n# TYPE %s%s %s\n", m->name, end, m->help, m->name, end,
	        m->type);
	if (w->o->openmetrics && *m->unit)
		fprintf(w->file, "# UNIT %s %s\n", m->name, m->unit);
	for (w->process = 0; w->process < w->n; w->process++) {
		w->of = &w->at[w->process];
		m->put(w);
	}
}

int out_prometheus(FILE *f, const struct metrics_of *at, size_t n, const struct metrics_options *o,
                   struct err *err)
{
	struct writer w = {.file = f, .at = at, .n = n, .o = o};

	for (size_t i = 0; i < sizeof(metric) / sizeof(*metric); i++)
		put_metric(&w, &metric[i]);
	if (o->openmetrics)
		fputs("# EOF\n", f);
	if (fflush(f) || w.failed)
		return err_set(err, "cannot write the metrics: %s", strerror(errno));
	return 0;
}
