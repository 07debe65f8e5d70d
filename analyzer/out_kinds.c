/*
 * out_kinds.c - threads, timers and descriptors as tables for people.
 *
 *   count  state    leak             age  made at
 *   1      3  ended    unjoined     54.4 ms  pool_start  pool.c:14  (server)
 *          ran worker; 25.2 MB of address space; tids 4711, 4712, 4713
 *          main  server.c:30
 */
#include "out_kinds.h"

#include "notes.h"
#include "out_stuck.h"
#include "out_waits.h"

#include <signal.h>
#include <string.h>

enum { FEW = 3, SECTION = 5 };

/* "3 timers", "1 timer" */
static const char *noun(enum object_kind kind, uint64_t n)
{
	static const char *const one[] = {"thread", "timer", "descriptor"};
	static const char *const many[] = {"threads", "timers", "descriptors"};

	return n == 1 ? one[kind] : many[kind];
}

static uint64_t age_of(const struct kinds *k, uint64_t born_ns)
{
	uint64_t now = INFO_U(&k->b->info, UPTIME);

	return now > born_ns ? now - born_ns : 0;
}

static uint32_t item(const struct kinds *k, const struct group *g, uint32_t i)
{
	return k->table[g->kind].item[g->first + i];
}

/* ---- details of a group ---- */

static void thread_words(struct str *s, const struct kinds *k, const struct group *g)
{
	const char *start = start_text(k->b, g->start);
	uint64_t held = group_stack_bytes(k, g);
	char text[32];

	if (start)
		str_addf(s, "%s %s", g->type == FMT_TASK_ENDED ? "ran" : "runs", start);
	if (held)
		str_addf(s, "%s%s of address space", s->len ? "; " : "",
		         human_bytes(text, (int64_t)(held > INT64_MAX ? INT64_MAX : held)));
}

static const char *notify_text(uint32_t notify)
{
	switch (notify) {
	case SIGEV_SIGNAL + 1:
		return "by signal";
	case SIGEV_THREAD + 1:
		return "by thread";
	case SIGEV_THREAD_ID + 1:
		return "by signal to a thread";
	default:
		return "";
	}
}

static void timer_words(struct str *s, const struct kinds *k, const struct group *g)
{
	const struct timer *t = &k->b->timer[item(k, g, 0)];
	char text[32];

	if (!timer_is_armed(t))
		str_add(s, "not armed");
	else if (t->interval_ns)
		str_addf(s, "every %s", human_ns(text, t->interval_ns));
	else
		str_addf(s, "once, in %s", human_ns(text, t->remaining_ns));
	if (*notify_text(t->notify))
		str_addf(s, ", %s", notify_text(t->notify));
	if (t->expirations && t->kind == FMT_TIMER_FD)
		str_add(s, ", expired and not read");
	else if (t->expirations)
		str_addf(s, ", expired %s time%s", human_count(text, (int64_t)t->expirations),
		         t->expirations == 1 ? "" : "s");
	if (t->fd)
		str_addf(s, "; descriptor %u", t->fd - 1);
	if (g->n > 1)
		str_add(s, " (the first of them)");
}

static void fd_words(struct str *s, const struct kinds *k, const struct group *g)
{
	if (g->bad_close) {
		const struct fd_bad *f = &k->b->fd_bad[item(k, g, 0)];
		str_addf(s, "descriptor %u", f->fd);
		return;
	}
	const struct fd *f = &k->b->fd[item(k, g, 0)];
	str_addf(s, "%u: %s", f->fd, *f->names ? f->names : fd_type_text(f->kind));
	if (g->n > 1)
		str_addf(s, ", ...");
}

char *out_group_words(char *buf, size_t size, struct kinds *k, const struct group *g)
{
	struct str s = {0};

	if (g->kind == KIND_THREADS)
		thread_words(&s, k, g);
	else if (g->kind == KIND_TIMERS)
		timer_words(&s, k, g);
	else
		fd_words(&s, k, g);
	const char *waits_on = out_stuck_waits_on(k, g);
	if (waits_on)
		str_addf(&s, "%swaits for a %s for ever", s.len ? "; " : "", waits_on);
	snprintf(buf, size, "%s", s.data ? s.data : "");
	str_free(&s);
	return buf;
}

/* "tids 1, 2, 3 and 97 more" */
static void print_threads(struct page *page, const struct kinds *k, const struct group *g,
                          const struct out_options *o)
{
	uint32_t most = o->wide ? g->n : 4 * FEW;
	const char *name = NULL;
	struct str s = {0};
	bool same = true;

	thread_words(&s, k, g);
	str_add(&s, s.len ? "; tid" : "tid");
	for (uint32_t i = 0; i < g->n && i < most; i++) {
		const struct task *t = &k->b->task[item(k, g, i)];
		str_addf(&s, "%s %u", i ? "," : "", t->tid);
		same = same && (!name || name == t->name);
		name = t->name;
	}
	if (g->n > most)
		str_addf(&s, " and %u more", g->n - most);
	if (name && *name && same)
		str_addf(&s, " \"%s\"", name);
	page_wrap(page, STYLE_DIM, 10, 12, s.data);
	str_free(&s);
}

static void print_timers(struct page *page, const struct kinds *k, const struct group *g)
{
	struct str s = {0};

	timer_words(&s, k, g);
	page_wrap(page, STYLE_DIM, 10, 12, s.data);
	str_free(&s);
}

static void print_fd(struct page *page, const struct kinds *k, const struct group *g, uint32_t i)
{
	page_pad(page, 10);
	if (g->bad_close) {
		const struct fd_bad *bad = &k->b->fd_bad[item(k, g, i)];
		page_addf(page, STYLE_DIM, "descriptor %u, %llu time%s", bad->fd,
		          (unsigned long long)bad->count, bad->count == 1 ? "" : "s");
		page_end_line(page);
		return;
	}
	const struct fd *f = &k->b->fd[item(k, g, i)];
	uint32_t other;
	bool is_pipe;
	page_addf(page, STYLE_DIM, "%u: %s", f->fd, *f->names ? f->names : fd_type_text(f->kind));
	if (pipes_other_end(&k->pipes, f, &other, &is_pipe))
		page_addf(page, STYLE_DIM, ", the other is %u", other);
	else if (is_pipe)
		page_add(page, STYLE_DIM, ", the other is not in this process");
	if (f->flags & FMT_FD_FLAG_CLOEXEC)
		page_add(page, STYLE_DIM, "  cloexec");
	if (f->flags & FMT_FD_FLAG_LIBC)
		page_addf(page, STYLE_DIM, "  %s", fd_kept_by_libc);
	page_end_line(page);
}

static void print_fds(struct page *page, const struct kinds *k, const struct group *g,
                      const struct out_options *o)
{
	uint32_t most = o->wide || g->n == FEW + 1 ? g->n : FEW;

	for (uint32_t i = 0; i < g->n && i < most; i++)
		print_fd(page, k, g, i);
	if (g->n > most) {
		page_pad(page, 10);
		page_addf(page, STYLE_DIM, "... %u more (--wide)", g->n - most);
		page_end_line(page);
	}
}

static void print_bad_close(struct page *page, struct kinds *k, const struct group *g,
                            const struct out_options *o, struct nameless *nameless)
{
	const struct row *r = kinds_row(k, g->before);

	page_pad(page, 6);
	page_add(page, STYLE_PLAIN,
	         g->type == FMT_BAD_DOUBLE_CLOSE ? "closed before at" : "had been opened at");
	out_stack_site(page, r, o, nameless);
	out_stack_callers(page, r, o, nameless);
}

static void print_details(struct page *page, const struct kinds *k, const struct group *g,
                          const struct out_options *o, struct nameless *nameless)
{
	if (g->kind == KIND_THREADS) {
		print_threads(page, k, g, o);
		out_waits_text(page, k, g, o, nameless);
	} else if (g->kind == KIND_TIMERS)
		print_timers(page, k, g);
	else
		print_fds(page, k, g, o);
	if (!g->rule)
		return;
	page_pad(page, 10);
	page_addf(page, STYLE_DIM, "known: %s", g->rule->reason);
	page_end_line(page);
}

/* ---- rows ---- */

/* What there is to say of a group that is no leak. */
static const char *leak_text(const struct group *g)
{
	if (g->leak)
		return leak_name[g->leak];
	if (g->kind == KIND_FDS && g->flags)
		return fd_origin_text(g->flags);
	if (g->kind == KIND_THREADS && g->flags)
		return g->flags & FMT_TASK_FLAG_MAIN ? "main" : "unseen";
	return "-";
}

static void print_heads(struct page *page, const struct kinds *k, enum object_kind kind)
{
	page_end_line(page);
	page_addf(page, STYLE_BOLD, "%3s", "");
	if (k->a)
		page_addf(page, STYLE_BOLD, "%7s", "grew");
	page_addf(page, STYLE_BOLD, "%7s  %-10s%-14s%9s", "count",
	          kind == KIND_THREADS ? "state" : "type", "leak", "age");
	if (kind == KIND_THREADS)
		page_addf(page, STYLE_BOLD, "%9s", "cpu");
	page_add(page, STYLE_BOLD, "  made at");
	page_end_line(page);
}

static void print_row(struct page *page, struct kinds *k, const struct group *g, size_t rank,
                      const struct out_options *o, struct nameless *nameless)
{
	char text[32];
	uint64_t grown = group_growth(k, g), cpu = 0;

	page_addf(page, STYLE_BOLD, "%3zu", rank);
	if (k->a) {
		human_count(text, (int64_t)grown);
		page_addf(page, STYLE_PLAIN, "%*s%s", (int)(7 - strlen(text)), grown ? "+" : "",
		          grown ? text : "-");
	}
	page_addf(page, STYLE_PLAIN, "%7s  %-10s", human_count(text, (int64_t)g->count),
	          group_type_text(g));
	page_addf(page, g->leak && !g->rule ? STYLE_WARNING : STYLE_PLAIN, "%-14s", leak_text(g));
	page_addf(page, STYLE_PLAIN, "%9s",
	          g->flags & (FMT_FD_FLAG_UNSEEN | FMT_FD_FLAG_INHERITED) && g->kind == KIND_FDS
	                  ? "-"
	                  : human_ns(text, age_of(k, g->born_ns)));
	for (uint32_t i = 0; g->kind == KIND_THREADS && i < g->n; i++)
		cpu = addu_sat(cpu, k->b->task[item(k, g, i)].cpu_ns);
	if (g->kind == KIND_THREADS)
		page_addf(page, STYLE_PLAIN, "%9s", human_ns(text, cpu));
	const struct row *r = kinds_row(k, g->stack);
	out_stack_site(page, r, o, nameless);
	print_details(page, k, g, o, nameless);
	if (r->n_frames)
		out_stack_callers(page, r, o, nameless);
	if (g->bad_close)
		print_bad_close(page, k, g, o, nameless);
	out_stuck_text(page, k, g, o, nameless);
}

/* ---- what stands around the rows ---- */

static void print_threads_sum(struct page *page, const struct kinds *k)
{
	uint64_t alive = 0, unjoined = 0, held = 0, given_back = 0, joined = 0;
	bool main_ended = false;
	char text[32];

	for (uint32_t i = 0; i < k->b->n_tasks; i++) {
		const struct task *t = &k->b->task[i];
		bool is_unjoined = leak_of_task(t, false) == LEAK_UNJOINED;
		alive += t->state != FMT_TASK_ENDED;
		unjoined += is_unjoined;
		held = addu_sat(held, is_unjoined ? t->stack_bytes : 0);
		/* Nobody has to join it: the process goes on without. */
		main_ended |= t->state == FMT_TASK_ENDED && t->flags & FMT_TASK_FLAG_MAIN;
	}
	for (uint32_t i = 0; i < k->b->n_task_sums; i++) {
		given_back = addu_sat(given_back, k->b->task_sum[i].count);
		joined = addu_sat(joined, k->b->task_sum[i].joined);
	}
	struct str s = {0};
	str_addf(&s, "threads: %llu alive", (unsigned long long)alive);
	if (main_ended)
		str_add(&s, ", the first one has ended");
	if (unjoined)
		str_addf(&s, ", %llu ended and not joined (%s of address space)",
		         (unsigned long long)unjoined,
		         human_bytes(text, (int64_t)(held > INT64_MAX ? INT64_MAX : held)));
	if (given_back)
		str_addf(&s, "; %llu given back (%llu joined)", (unsigned long long)given_back,
		         (unsigned long long)joined);
	page_wrap(page, STYLE_PLAIN, 0, 4, s.data);
	str_free(&s);
}

static void print_sum(struct page *page, const struct kinds *k, enum object_kind kind)
{
	const struct snapshot *s = k->b;
	uint64_t given_back = 0;

	if (kind == KIND_THREADS) {
		print_threads_sum(page, k);
		return;
	}
	for (uint32_t i = 0; kind == KIND_TIMERS && i < s->n_timer_sums; i++)
		given_back = addu_sat(given_back, s->timer_sum[i].deleted);
	for (uint32_t i = 0; kind == KIND_FDS && i < s->n_fd_sums; i++)
		given_back = addu_sat(given_back, s->fd_sum[i].closed);
	page_addf(page, STYLE_PLAIN, "%s: %llu %s; %llu %s", noun(kind, 2),
	          (unsigned long long)k->table[kind].count, kind == KIND_FDS ? "open" : "there",
	          (unsigned long long)given_back, kind == KIND_FDS ? "closed" : "deleted");
	page_end_line(page);
}

static void print_base(struct page *page, const struct kinds *k, enum object_kind kind)
{
	const struct kind_table *t = &k->table[kind];
	char age[32];

	if (!k->a)
		return;
	page_addf(page, STYLE_PLAIN, "snapshot %llu had %llu; %zu group%s grew",
	          (unsigned long long)INFO_U(&k->a->info, SEQUENCE), (unsigned long long)t->base,
	          t->n_grown, t->n_grown == 1 ? "" : "s");
	if (snapshot_same_run(k->a, k->b) &&
	    INFO_U(&k->b->info, UPTIME) > INFO_U(&k->a->info, UPTIME))
		page_addf(page, STYLE_PLAIN, " in %s",
		          human_ns(age, INFO_U(&k->b->info, UPTIME) - INFO_U(&k->a->info, UPTIME)));
	page_end_line(page);
}

static void print_lost(struct page *page, const struct snapshot *s)
{
	char text[128];

	if (!kinds_lost(s))
		return;
	snprintf(text, sizeof(text),
	         "warning: %llu events of threads, timers and descriptors are not in the tables",
	         (unsigned long long)kinds_lost(s));
	page_wrap(page, STYLE_WARNING, 2, 4, text);
}

int out_text_kind(FILE *f, struct kinds *k, enum object_kind kind, const struct out_options *o,
                  struct err *err)
{
	struct page page = {.file = f, .width = o->width, .color = o->color};
	const struct kind_table *t = &k->table[kind];
	size_t n = o->n && o->n < t->n ? o->n : t->n;
	struct nameless nameless = {0};
	static const uint64_t family[] = {FMT_FAMILY_THREADS, FMT_FAMILY_TIMERS, FMT_FAMILY_FDS};

	notes_moment(&page, k->b);
	print_sum(&page, k, kind);
	print_base(&page, k, kind);
	if (kind == KIND_THREADS)
		out_older_text(&page, k);
	print_lost(&page, k->b);
	if (k->a)
		notes_left_out(&page, k->a, family[kind]);
	notes_left_out(&page, k->b, family[kind]);
	for (size_t i = 0; i < n; i++) {
		if (!i)
			print_heads(&page, k, kind);
		print_row(&page, k, &t->group[i], i + 1, o, &nameless);
	}
	page_end_line(&page);
	if (!t->n)
		page_wrap(&page, STYLE_PLAIN, 0, 0, "Nothing to show.");
	if (n < t->n)
		page_addf(&page, STYLE_PLAIN, "%zu more group%s (-n 0 shows all)", t->n - n,
		          t->n - n == 1 ? "" : "s");
	if (n < t->n)
		page_end_line(&page);
	out_stack_nameless(&page, &nameless);
	return page_end(&page, err);
}

/* ---- in a diff ---- */

static void print_section(struct page *page, struct kinds *k, enum object_kind kind,
                          const struct out_options *o, struct nameless *nameless)
{
	const struct kind_table *t = &k->table[kind];
	size_t most = o->n && o->n < SECTION ? o->n : SECTION;

	if (!t->n_grown)
		return;
	page_end_line(page);
	page_addf(page, STYLE_BOLD, "%s: %llu, then %llu", noun(kind, 2),
	          (unsigned long long)t->base, (unsigned long long)t->count);
	page_end_line(page);
	print_heads(page, k, kind);
	for (size_t i = 0; i < t->n_grown && (!o->n || i < most); i++)
		print_row(page, k, &t->group[i], i + 1, o, nameless);
	if (!o->n || t->n_grown <= most)
		return;
	page_addf(page, STYLE_PLAIN, "%zu more group%s grew (outlive %s --base A B)",
	          t->n_grown - most, t->n_grown - most == 1 ? "" : "s", kind_name[kind]);
	page_end_line(page);
}

void out_text_growth(struct page *page, struct kinds *k, const struct out_options *o,
                     struct nameless *nameless)
{
	bool any = false;

	for (int kind = 0; kind < N_KINDS; kind++) {
		print_section(page, k, (enum object_kind)kind, o, nameless);
		any = any || k->table[kind].n_grown;
	}
	if (!any)
		notes_other_kinds(page, k->b, "nothing new");
	notes_left_out(page, k->b, FMT_FAMILY_THREADS | FMT_FAMILY_TIMERS | FMT_FAMILY_FDS);
	print_lost(page, k->b);
}
