/*
 * out_check.c - the findings of a check, one after another: what, how many, where it was made, and
 * the one command that shows more; then what was accepted, what could not be judged, and the
 * verdict, last, where a person who scrolls through a log finds it.
 */
#include "out_check.h"

#include "gate_words.h"
#include "page.h"

#include <stdlib.h>
#include <string.h>

enum { CALLERS = 5 };

/* ---- one finding ---- */

static void print_frame(struct page *page, const struct finding_frame *f, enum style style,
                        size_t indent, bool module, bool wide)
{
	page_pad(page, indent);
	if (f->function)
		page_add_name(page, style, f->function, wide);
	else
		page_addf(page, style, "%s%s0x%llx", gate_base_name(f->module),
		          *f->module ? "+" : "", (unsigned long long)f->address);
	if (f->file && f->line)
		page_addf(page, STYLE_DIM, "  %s:%u", wide ? f->file : gate_base_name(f->file),
		          f->line);
	else if (f->file)
		page_addf(page, STYLE_DIM, "  %s", wide ? f->file : gate_base_name(f->file));
	if (*f->module && (wide || (module && f->function)))
		page_addf(page, STYLE_DIM, "  (%s)", wide ? f->module : gate_base_name(f->module));
	page_end_line(page);
}

/* The C library's, and what calls main. */
static bool is_nobodys(const struct finding_frame *f)
{
	return f->system || (f->function && !strcmp(f->function, "_start"));
}

static void print_stack(struct page *page, const struct finding *f, const struct out_options *o)
{
	uint32_t shown = 0, i = o->raw ? 0 : f->site;

	if (!f->n_frames) {
		if (!f->limited) {
			page_pad(page, 5);
			page_add(page, STYLE_BOLD, "(no stack known)");
			page_end_line(page);
		}
		return;
	}
	for (; i < f->n_frames; i++) {
		const struct finding_frame *frame = &f->frame[i];
		if (i != f->site && !o->raw && is_nobodys(frame))
			continue;
		if (shown > CALLERS && !o->wide && !o->raw)
			break;
		bool other = !shown || strcmp(frame->module, f->frame[f->site].module) != 0;
		print_frame(page, frame, shown ? STYLE_PLAIN : STYLE_BOLD, shown ? 7 : 5, other,
		            o->wide);
		shown++;
	}
	if (i < f->n_frames || f->cut) {
		page_pad(page, 7);
		page_addf(page, STYLE_DIM, i < f->n_frames ? "... (--wide)" : "...");
		page_end_line(page);
	}
}

static void print_where(struct page *page, const struct findings *all, const struct finding *f)
{
	struct str s = {0};

	str_add(&s, "in ");
	gate_processes(&s, all, f);
	if (f->test)
		str_addf(&s, "; test %s", f->test);
	if (f->words && *f->words)
		str_addf(&s, "; %s", f->words);
	page_wrap(page, STYLE_PLAIN, 5, 7, s.data);
	str_free(&s);
	if (gate_more(&s, all, f)) {
		page_pad(page, 5);
		page_addf(page, STYLE_DIM, "more: %s", s.data);
		page_end_line(page);
	}
	str_free(&s);
}

static void print_finding(struct page *page, const struct findings *all, const struct finding *f,
                          size_t rank, const struct out_options *o)
{
	struct str s = {0};

	str_addf(&s, "%zu. ", rank);
	gate_title(&s, f);
	page_wrap(page, STYLE_WARNING, 0, 5, s.data);
	str_free(&s);
	print_stack(page, f, o);
	print_where(page, all, f);
}

/* ---- what was accepted ---- */

static void print_accepted(struct page *page, const struct findings *all, const struct out_check *o)
{
	uint64_t by_rule = 0, known = 0;
	struct str s = {0};

	for (size_t i = 0; i < all->n; i++) {
		by_rule += all->at[i].rule != NULL;
		known += !all->at[i].rule && all->at[i].known;
	}
	if (by_rule || known) {
		str_add(&s, "accepted:");
		if (by_rule)
			str_addf(&s, " %llu by rules", (unsigned long long)by_rule);
		if (known)
			str_addf(&s, "%s %llu by the baseline", by_rule ? "," : "",
			         (unsigned long long)known);
		str_add(&s, o->explain ? "" : " (--explain)");
		page_wrap(page, STYLE_DIM, 0, 2, s.data);
		str_free(&s);
	}
	for (size_t i = 0; o->explain && i < all->n; i++) {
		const struct finding *f = &all->at[i];
		if (finding_counts(f))
			continue;
		str_addf(&s, "%s %s: ", finding_kind_name[f->kind], f->why);
		gate_things(&s, f->kind, f->count);
		if (f->n_frames)
			str_addf(&s, " of %s",
			         f->frame[f->site].function
			                 ? f->frame[f->site].function
			                 : gate_base_name(f->frame[f->site].module));
		if (f->rule)
			str_addf(&s, ": %s:%s%s, %s", rule_kind_name[f->rule->kind],
			         rule_prefix(f->rule->where), f->rule->pattern,
			         *f->rule->reason ? f->rule->reason : f->rule->origin);
		else
			str_add(&s, ": known to the baseline");
		page_wrap(page, STYLE_DIM, 2, 4, s.data);
		str_free(&s);
	}
}

static bool is_builtin(const struct rule *r)
{
	return !strcmp(r->origin, "built-in");
}

/* A program that brings rules of its own has copies of all others, too: the same text of the same
 * place is the same rule. */
static bool is_rule(const struct rule *a, const struct rule *b)
{
	return a == b ||
	       (a && b && a->origin == b->origin && a->pattern == b->pattern && a->kind == b->kind);
}

static void print_use(struct page *page, const struct rule *r, uint64_t uses, uint64_t things)
{
	struct str s = {0};

	if (uses)
		str_addf(&s, "suppression used: %llu finding%s, %llu in all: ",
		         (unsigned long long)uses, uses == 1 ? "" : "s",
		         (unsigned long long)things);
	else
		str_add(&s, "suppression not used: ");
	str_addf(&s, "%s:%s%s (%s)", rule_kind_name[r->kind], rule_prefix(r->where), r->pattern,
	         r->origin);
	page_wrap(page, STYLE_DIM, 2, 4, s.data);
	str_free(&s);
}

/* Of those that a user has written: what they have accepted. Who keeps one that nothing matches any
 * more should know. */
static void print_uses(struct page *page, const struct findings *all, const struct out_check *o)
{
	size_t n = 0, unused = 0;
	struct str s = {0};

	for (size_t i = 0; o->rules && i < o->rules->n; i++) {
		const struct rule *r = &o->rules->at[i];
		uint64_t uses = 0, things = 0;
		if (is_builtin(r))
			continue;
		for (size_t k = 0; k < all->n; k++) {
			bool used = is_rule(all->at[k].rule, r);
			uses += used;
			things = addu_sat(things, used ? all->at[k].count : 0);
		}
		n++;
		unused += !uses;
		if (o->explain || o->uses)
			print_use(page, r, uses, things);
	}
	if (unused && !o->explain && !o->uses) {
		str_addf(&s, "%zu of %zu suppressions matched nothing (--explain)", unused, n);
		page_wrap(page, STYLE_DIM, 0, 2, s.data);
		str_free(&s);
	}
}

/* ---- what helps ---- */

/* For whoever sees such a report for the first time. */
static void print_advice(struct page *page, const struct findings *all, const struct out_check *o)
{
	const struct finding_frame *nameless = NULL;
	struct str s = {0};

	for (size_t i = 0; !nameless && i < all->n_counted; i++) {
		const struct finding_frame *site = gate_site(&all->at[i]);
		if (site && !site->function && *site->module)
			nameless = site;
	}
	if (nameless) {
		str_addf(
		        &s,
		        "hint: functions of %s have no names: build it with -g and do not strip it",
		        gate_base_name(nameless->module));
		page_wrap(page, STYLE_DIM, 0, 2, s.data);
		str_free(&s);
	}
	if (all->n_counted && !o->baseline)
		page_wrap(page, STYLE_DIM, 0, 2,
		          "hint: what is meant to stay is accepted by --suppressions FILE "
		          "(--generate-suppressions FILE writes it) or --baseline FILE "
		          "(--accept-new makes it)");
}

/* ---- what could not be judged, and the verdict ---- */

static void print_unclear(struct page *page, const struct findings *all)
{
	struct str s = {0};
	size_t told = 0, open = 0;

	for (size_t i = 0; i < all->n_notes; i++)
		page_wrap(page, STYLE_WARNING, 0, 2, all->note[i]);
	for (size_t i = 0; i < all->n_processes; i++) {
		const struct finding_process *p = &all->process[i];
		if (!p->unclear || (open++, ++told > 5))
			continue;
		str_addf(&s, "no verdict on %s (pid %llu): %s", p->command,
		         (unsigned long long)p->pid, p->unclear);
		page_wrap(page, STYLE_WARNING, 0, 2, s.data);
		str_free(&s);
	}
	if (open > 5) {
		str_addf(&s, "no verdict on %zu more processes", open - 5);
		page_wrap(page, STYLE_WARNING, 0, 2, s.data);
		str_free(&s);
	}
}

static void print_verdict(struct page *page, const struct findings *all, const struct out_check *o)
{
	struct str s = {0};

	str_add(&s, "outlive: check: ");
	gate_verdict(&s, all);
	if (o->command)
		str_addf(&s, "; the command %s", o->command);
	str_addf(&s, "; exit status %d", o->status);
	page_wrap(page, all->verdict == VERDICT_CLEAN ? STYLE_BOLD : STYLE_WARNING, 0, 2, s.data);
	str_free(&s);
}

int out_text_check(FILE *f, const struct findings *found, const struct out_check *o,
                   struct err *err)
{
	struct page page = {.file = f, .width = o->out->width, .color = o->out->color};
	size_t n = found->n_counted;

	if (o->out->n && n > o->out->n)
		n = o->out->n;
	for (size_t i = 0; i < n; i++) {
		print_finding(&page, found, &found->at[i], i + 1, o->out);
		page_end_line(&page);
	}
	if (n < found->n_counted) {
		page_addf(&page, STYLE_DIM, "... %zu more findings (--rows 0 shows all)",
		          found->n_counted - n);
		page_end_line(&page);
	}
	print_accepted(&page, found, o);
	print_uses(&page, found, o);
	print_unclear(&page, found);
	print_advice(&page, found, o);
	print_verdict(&page, found, o);
	return page_end(&page, err);
}
