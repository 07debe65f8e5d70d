/*
 * out_stacks_go.c - stacks in the two forms in which Go programs show theirs, so that eyes and
 * tools that know those read ours. What Go has no place for stands in lines that begin with '#'.
 */
#include "out_stacks.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static int finish(FILE *f, struct err *err)
{
	errno = 0;
	if (!fflush(f) && !ferror(f))
		return 0;
	return err_set(err, "cannot write the stacks: %s", strerror(errno ? errno : EIO));
}

/* The run-time address: of a call, the call's and not where it returns to. */
static uint64_t run_time(const struct snapshot *s, const struct location *loc, bool inside)
{
	bool exact = loc->flags & (FMT_NODE_EXACT | FMT_NODE_SIGNAL);

	return loc->address + s->module[loc->module].bias - (inside && !exact && loc->address);
}

static void print_function(FILE *f, const struct snapshot *s, const struct location *loc,
                           uint32_t line)
{
	const struct module *m = &s->module[loc->module];

	if (line < loc->n_lines && loc->line[line].function)
		print_safe(f, loc->line[line].function);
	else if (*m->path) {
		print_safe(f, module_basename(m));
		fprintf(f, "+0x%" PRIx64, loc->address);
	} else
		fprintf(f, "0x%" PRIx64, loc->address);
}

static void print_place(FILE *f, const struct snapshot *s, const struct location *loc,
                        uint32_t line)
{
	const char *file = line < loc->n_lines ? loc->line[line].file : NULL;

	print_safe(f, file ? file : s->module[loc->module].path);
	if (file && loc->line[line].number)
		fprintf(f, ":%u", loc->line[line].number);
}

static void print_more(FILE *f, const char *intro, const struct wait_reason *r)
{
	struct str words = {0};

	wait_reason_words(&words, r);
	if (words.len) {
		fputs(intro, f);
		print_safe(f, words.data);
	}
	str_free(&words);
}

static void print_idle(FILE *f, const struct live_thread *t)
{
	if (t->idle) {
		fputs("; idle: ", f);
		print_safe(f, rule_text(t->idle));
	}
}

static void print_deadlocks(FILE *f, const struct live_stacks *l)
{
	for (uint32_t i = 0; i < l->n_deadlocks; i++) {
		struct str words = {0};

		out_stacks_dead_words(&words, &l->deadlock[i]);
		fprintf(f, "# %s\n", words.data);
		str_free(&words);
	}
	if (l->runtime)
		fprintf(f, "# %s\n", l->runtime);
}

/* ---- debug=1 ---- */

static void print_addresses(FILE *f, const struct snapshot *s, uint32_t stack)
{
	for (uint32_t node = s->stack[stack].node; node; node = s->node[node].parent)
		fprintf(f, " 0x%" PRIx64, run_time(s, &s->location[s->node[node].location], false));
}

static void print_frames(FILE *f, const struct snapshot *s, uint32_t stack)
{
	for (uint32_t node = s->stack[stack].node; node; node = s->node[node].parent) {
		const struct location *loc = &s->location[s->node[node].location];

		for (uint32_t i = 0; i < loc->n_lines || !i; i++) {
			fprintf(f, "#\t0x%" PRIx64 "\t", run_time(s, loc, true));
			print_function(f, s, loc, i);
			fputc('\t', f);
			print_place(f, s, loc, i);
			fputc('\n', f);
		}
	}
}

static void print_group(FILE *f, const struct live_stacks *l, const struct live_group *g)
{
	enum { MOST = 32 };
	const struct live_thread *t = &l->thread[g->first];

	/* A stack of no frames would not be one to those who read this. */
	fprintf(f, "%u @", g->n);
	if (t->stack)
		print_addresses(f, l->snapshot, t->stack);
	else
		fputs(" 0x0", f);
	fprintf(f, "\n# [%s]", wait_kind_word(t->wait.kind));
	print_more(f, " ", &t->wait);
	fputs("; threads", f);
	for (uint32_t i = 0; i < g->n && i < MOST; i++)
		fprintf(f, " %u", t[i].tid);
	if (g->n > MOST)
		fprintf(f, " and %u more", g->n - MOST);
	print_idle(f, t);
	if (t->why)
		fprintf(f, "; %s", t->why);
	fputc('\n', f);
	print_frames(f, l->snapshot, t->stack);
	fputc('\n', f);
}

/* pprof wants to know what lies where. */
static void print_modules(FILE *f, const struct snapshot *s)
{
	fputs("--- Memory map: ---\n", f);
	for (uint32_t i = 1; i < s->n_modules; i++) {
		fprintf(f, "%" PRIx64 "-%" PRIx64 " r-xp 00000000 00:00 0 ", s->module[i].start,
		        s->module[i].end);
		print_safe(f, s->module[i].path);
		fputc('\n', f);
	}
}

int out_stacks_groups(FILE *f, const struct live_stacks *l, struct err *err)
{
	fprintf(f, "thread profile: total %u\n", l->n_threads);
	print_deadlocks(f, l);
	for (uint32_t i = 0; i < l->n_groups; i++)
		print_group(f, l, &l->group[i]);
	print_modules(f, l->snapshot);
	return finish(f, err);
}

/* ---- debug=2 ---- */

/* As Go: "created by main.start in goroutine 1", and the place. */
static void print_created(FILE *f, const struct live_stacks *l, const struct live_thread *t)
{
	struct row r = {.snapshot = l->snapshot, .stack = t->made};
	struct frames frames = {0};

	row_write_out(&r, false, &frames);
	if (r.n_frames) {
		const struct location *loc = r.frame[r.site_frame];

		fputs("created by ", f);
		print_function(f, l->snapshot, loc, r.site_line);
		if (t->creator.tid)
			fprintf(f, " in thread %u", t->creator.tid);
		fputs("\n\t", f);
		print_place(f, l->snapshot, loc, r.site_line);
		fprintf(f, " 0x%" PRIx64 "\n", run_time(l->snapshot, loc, true));
	}
	free(frames.at);
}

static void print_thread(FILE *f, const struct live_stacks *l, const struct live_thread *t)
{
	const struct snapshot *s = l->snapshot;
	uint64_t minutes = t->idle_known ? t->idle_ns / UINT64_C(60000000000) : 0;

	fprintf(f, "thread %u [%s", t->tid, wait_kind_word(t->wait.kind));
	if (minutes && t->wait.kind != WAIT_RUNNING)
		fprintf(f, ", %" PRIu64 " minutes", minutes);
	fputs("]:\n# ", f);
	print_safe(f, t->name);
	print_more(f, ": ", &t->wait);
	print_idle(f, t);
	if (t->why)
		fprintf(f, "; %s", t->why);
	fputc('\n', f);
	for (uint32_t node = s->stack[t->stack].node; node; node = s->node[node].parent) {
		const struct location *loc = &s->location[s->node[node].location];

		for (uint32_t i = 0; i < loc->n_lines || !i; i++) {
			print_function(f, s, loc, i);
			fputs("(...)\n\t", f);
			print_place(f, s, loc, i);
			fprintf(f, " 0x%" PRIx64 "\n", run_time(s, loc, true));
		}
	}
	print_created(f, l, t);
	fputc('\n', f);
}

int out_stacks_threads(FILE *f, const struct live_stacks *l, struct err *err)
{
	print_deadlocks(f, l);
	for (uint32_t i = 0; i < l->n_groups; i++)
		for (uint32_t k = 0; k < l->group[i].n; k++)
			print_thread(f, l, &l->thread[l->group[i].first + k]);
	return finish(f, err);
}
