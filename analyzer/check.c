/*
 * check.c - turns a snapshot into findings: what is left over of threads, timers and descriptors,
 * and whether the snapshot can stand for a verdict at all.
 *
 * What is a leak leaks.c says; here it is weighed by how the process ended. One that a signal or
 * abort has ended, or that became another program, had no chance to give back: of it only that
 * is a finding which is wrong at any time.
 */
#include "check.h"

#include "blame.h"
#include "document.h"
#include "out_kinds.h"
#include "symbolize.h"

#include <stdlib.h>
#include <string.h>

static const enum finding_kind finding_kind_of[N_KINDS] = {FINDING_THREAD, FINDING_TIMER,
                                                           FINDING_FD};

uint32_t check_leaks_of(enum object_kind kind)
{
	static const uint32_t of[N_KINDS] = {
	        [KIND_THREADS] = CHECK_LEAK(LEAK_BLOCKED) | CHECK_LEAK(LEAK_UNJOINED) |
	                         CHECK_LEAK(LEAK_RUNNING),
	        [KIND_TIMERS] = CHECK_LEAK(LEAK_UNREAD) | CHECK_LEAK(LEAK_FIRING) |
	                        CHECK_LEAK(LEAK_UNDELETED),
	        [KIND_FDS] = CHECK_LEAK(LEAK_OPEN) | CHECK_LEAK(LEAK_DOUBLE_CLOSE) |
	                     CHECK_LEAK(LEAK_FOREIGN_CLOSE),
	};

	return of[kind];
}

void check_gates_default(struct check_gates *g)
{
	*g = (struct check_gates){0};
	for (int kind = 0; kind < N_KINDS; kind++)
		g->leaks |= check_leaks_of((enum object_kind)kind);
	/* Shells, and not they alone, close numbers twice in children that are about to end. */
	g->leaks &= ~CHECK_BAD_CLOSES;
}

/* ---- can there be a verdict? ---- */

/* A clause, or NULL. */
static const char *unclear_kinds(const struct snapshot *s, const struct check_gates *g)
{
	static const struct {
		enum object_kind kind;
		uint64_t family, lost;
		const char *off, *full;
	} need[] = {{KIND_THREADS, FMT_FAMILY_THREADS, FMT_AUDIT_LOST_THREADS,
	             "threads were not recorded (families=)", "the table of threads was full"},
	            {KIND_TIMERS, FMT_FAMILY_TIMERS, FMT_AUDIT_LOST_TIMERS,
	             "timers were not recorded (families=)", "the table of timers was full"},
	            {KIND_FDS, FMT_FAMILY_FDS, FMT_AUDIT_LOST_FDS,
	             "descriptors were not recorded (families=)",
	             "events of descriptors were lost"}};

	for (size_t i = 0; i < sizeof(need) / sizeof(*need); i++) {
		if (!(g->leaks & check_leaks_of(need[i].kind)))
			continue;
		if (!snapshot_records(s, need[i].family))
			return need[i].off;
		if (s->audit[need[i].lost])
			return need[i].full;
	}
	return NULL;
}

/* Of a scan that could not be made, or was not asked for. */
static const char *unclear_scan(const struct check_work *w)
{
	const struct snapshot *s = w->b;

	if (!check_heap_asks_for_lost(w) || snapshot_scan(s) == FMT_SCAN_DONE)
		return NULL;
	if (snapshot_scan(s) == FMT_SCAN_REFUSED) {
		char *why = xasprintf("its heap was not judged: %s", INFO_S(&s->info, REACH_WHY));
		const char *interned = intern(why);
		free(why);
		return interned;
	}
	if (w->check->gates.heap == CHECK_HEAP_LOST)
		return "no scan of its heap was asked for (reach=exit)";
	findings_note(w->findings, false,
	              "heap: lost blocks are told only where a scan was asked for (reach=exit)");
	return NULL;
}

static const char *unclear_heap(const struct check_work *w)
{
	const struct check_gates *g = &w->check->gates;
	const struct snapshot *s = w->b;

	if (!check_heap_asks_for_lost(w) && !(g->growth & CHECK_GROWTH(FINDING_HEAP)) &&
	    !check_gates_limit(g))
		return NULL;
	if (*INFO_S(&s->info, UNSEEN))
		return "its heap was not seen: another malloc stands before liboutlive.so";
	if (!snapshot_records(s, FMT_FAMILY_HEAP))
		return "the heap was not recorded (families=)";
	if (INFO_U(&s->info, SAMPLE))
		return "its heap was sampled (sample=): what is left may not have been seen";
	return snapshot_lost(s) ? "events of the heap were lost (outlive info tells which)"
	                        : unclear_scan(w);
}

static const char *unclear(const struct check_work *w)
{
	const struct check_gates *g = &w->check->gates;
	const char *why = NULL;

	/* It is not what is tested. */
	if (w->system)
		return NULL;
	if (w->check->ended && !snapshot_is_final(w->b))
		why = INFO_U(&w->b->info, BEFORE_FILTER)
		              ? "it set a seccomp filter, behind which nothing is seen, nor what "
		                "it starts"
		              : "it left no word of its end (SIGKILL, or exit_group without libc)";
	if (!why)
		why = unclear_kinds(w->b, g);
	return why ? why : unclear_heap(w);
}

/* No verdict is wanted on a program of the system, but none whose heap was not seen is clean. */
static void tell_unseen_heap(const struct check_work *w)
{
	struct str s = {0};

	if (!w->system || !*INFO_S(&w->b->info, UNSEEN) || !check_heap_asks_for_lost(w))
		return;
	str_addf(&s,
	         "not seen: the heap of %s: another malloc stands before liboutlive.so (a program "
	         "of the system: --only names it for a verdict)",
	         INFO_S(&w->b->info, COMMAND));
	findings_note(w->findings, false, s.data);
	str_free(&s);
}

static void add_process(struct check_work *w)
{
	const struct info *info = &w->b->info;
	const char *end = snapshot_reason_text(w->b);

	w->process = findings_add_process(
	        w->findings,
	        &(struct finding_process){.pid = INFO_U(info, PID),
	                                  .command = INFO_S(info, COMMAND),
	                                  .exe = INFO_S(info, EXE),
	                                  .cmdline = INFO_S(info, CMDLINE),
	                                  .path = w->b->path ? intern(w->b->path) : NULL,
	                                  .end = end ? end : "",
	                                  .unclear = unclear(w)});
}

/* ---- threads, timers, descriptors ---- */

/* Those that count for how this process ended. */
static uint32_t leaks_of_end(const struct check_work *w)
{
	const uint32_t always = CHECK_LEAK(LEAK_BLOCKED) | CHECK_LEAK(LEAK_UNJOINED) |
	                        CHECK_LEAK(LEAK_UNREAD) | CHECK_LEAK(LEAK_DOUBLE_CLOSE) |
	                        CHECK_LEAK(LEAK_FOREIGN_CLOSE);
	uint64_t reason = INFO_U(&w->b->info, REASON);
	bool by_itself = reason == FMT_REASON_EXIT || reason == FMT_REASON_QUICK_EXIT;

	return w->check->gates.leaks & (by_itself ? UINT32_MAX : always);
}

static bool has_leaks(const struct check_work *w)
{
	const struct snapshot *s = w->b;
	uint32_t leaks = leaks_of_end(w);
	bool final = snapshot_is_final(s), exec = INFO_U(&s->info, REASON) == FMT_REASON_EXEC;

	for (uint32_t i = 0; i < s->n_tasks; i++)
		if (leak_of_task_in(s, &s->task[i], final) &&
		    leaks & CHECK_LEAK(leak_of_task_in(s, &s->task[i], final)))
			return true;
	for (uint32_t i = 0; i < s->n_timers; i++)
		if (leak_of_timer(&s->timer[i], final) &&
		    leaks & CHECK_LEAK(leak_of_timer(&s->timer[i], final)))
			return true;
	for (uint32_t i = 0; i < s->n_fds; i++)
		if (leak_of_fd(&s->fd[i], final, exec) &&
		    leaks & CHECK_LEAK(leak_of_fd(&s->fd[i], final, exec)))
			return true;
	return s->n_fd_bads &&
	       leaks & (CHECK_LEAK(LEAK_DOUBLE_CLOSE) | CHECK_LEAK(LEAK_FOREIGN_CLOSE));
}

/* "descriptor 11; closed before by close_twice" */
static const char *words(struct kinds *k, const struct group *g)
{
	char text[512];
	struct str s = {0};

	str_add(&s, out_group_words(text, sizeof(text), k, g));
	if (g->bad_close) {
		const struct row *r = kinds_row(k, g->before);
		const struct location *loc = r->n_frames ? r->frame[r->site_frame] : NULL;
		const char *by = loc && r->site_line < loc->n_lines
		                         ? loc->line[r->site_line].function
		                         : NULL;
		str_addf(&s, "; %s by %s",
		         g->type == FMT_BAD_DOUBLE_CLOSE ? "closed before" : "opened",
		         by ? by : "a function without a name");
	}
	const char *interned = intern(s.data ? s.data : "");
	str_free(&s);
	return interned;
}

static void add_group(struct check_work *w, struct kinds *k, const struct group *g,
                      const struct finding *what)
{
	struct finding new = *what;
	struct finding_frame *frames;

	new.kind = finding_kind_of[g->kind];
	new.bytes = group_stack_bytes(k, g);
	new.words = words(k, g);
	new.start = start_text(k->b, g->start);
	new.rule = g->rule;
	new.test = blame_group(k, g);
	const struct row *row = kinds_row(k, g->stack);
	check_stack(&new, row, &frames);
	if (!new.rule)
		new.rule = check_system_rule(w, new.kind, row);
	findings_add(w->findings, &new, w->process);
	free(frames);
}

static void add_kind(struct check_work *w, struct kinds *k, enum object_kind kind)
{
	const struct kind_table *t = &k->table[kind];
	const struct check_gates *gates = &w->check->gates;
	uint32_t leaks = leaks_of_end(w);

	for (size_t i = 0; i < t->n; i++) {
		const struct group *g = &t->group[i];
		uint64_t grown = gates->growth & CHECK_GROWTH(finding_kind_of[kind])
		                         ? group_growth(k, g)
		                         : 0;
		if (g->leak && leaks & CHECK_LEAK(g->leak))
			add_group(w, k, g,
			          &(struct finding){.why = leak_name[g->leak],
			                            .meaning = leak_meaning[g->leak],
			                            .count = g->count});
		else if (grown && !g->rule)
			add_group(w, k, g,
			          &(struct finding){.why = "grew",
			                            .meaning = "more than there were at the base",
			                            .count = grown,
			                            .base = g->base});
	}
}

int check_process(struct findings *f, const struct check *c, const struct check_process *p,
                  struct err *err)
{
	struct check_work w = {.findings = f, .check = c, .b = p->last, .peak = p->peak};
	struct kinds *k = NULL;

	w.a = c->gates.growth ? p->base : NULL;
	w.system = check_is_system(&w);
	add_process(&w);
	tell_unseen_heap(&w);
	f->n_tests += p->last->n_test_sums;
	bool things = has_leaks(&w) || w.a, heap = check_heap_wants_names(&w);
	/* Names cost more than all the rest, and most processes leave nothing. */
	if (!things && !heap)
		return check_heap(&w, err);
	if (symbolize_snapshot(w.b, NULL, err) || (w.a && symbolize_snapshot(w.a, NULL, err)) ||
	    (w.peak && c->gates.per == CHECK_PER_STACK && symbolize_snapshot(w.peak, NULL, err)))
		return -1;
	w.rules = check_rules_of(c->rules, w.b, f);
	if (things) {
		if (kinds_make(w.a, w.b, &(struct kinds_options){.rules = w.rules}, &k, err))
			return -1;
		for (int kind = 0; kind < N_KINDS; kind++)
			add_kind(&w, k, (enum object_kind)kind);
		kinds_free(k);
	}
	return check_heap(&w, err);
}
