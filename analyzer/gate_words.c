/*
 * gate_words.c - what a finding is called, for a terminal, an XML file, an annotation alike. Knows
 * no format: whoever writes one escapes what comes from here.
 */
#include "gate_words.h"

#include <stdlib.h>
#include <string.h>

#include "typed.h"

enum { PROCESSES = 3 };

static int64_t shown(uint64_t n)
{
	return n > INT64_MAX ? INT64_MAX : (int64_t)n;
}

void gate_things(struct str *s, enum finding_kind kind, uint64_t n)
{
	static const char *const one[] = {"block", "thread", "timer", "descriptor"};
	char count[32];

	str_addf(s, "%s %s%s", human_count(count, shown(n)), one[kind], n == 1 ? "" : "s");
}

const char *gate_base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

void gate_title(struct str *s, const struct finding *f)
{
	char bytes[32], limit[32];

	bool in_bytes = f->bytes && f->kind == FINDING_HEAP;

	str_addf(s, "%s %s: ", finding_kind_name[f->kind], f->why);
	/* Of a test's peak the blocks are not known. */
	if (f->count || !in_bytes)
		gate_things(s, f->kind, f->count);
	/* What threads' stacks take is among the words. */
	if (in_bytes)
		str_addf(s, "%s%s", f->count ? ", " : "", human_bytes(bytes, shown(f->bytes)));
	if (f->base)
		str_addf(s,
		         strcmp(f->why, "grew") ? " (the baseline knows %llu)"
		                                : ", where there were %llu",
		         (unsigned long long)f->base);
	str_addf(s, " - %s", f->meaning);
	if (f->limited)
		str_addf(s, " of %s",
		         f->bytes ? human_bytes(limit, (int64_t)f->limit)
		                  : human_count(limit, (int64_t)f->limit));
}

void gate_processes(struct str *s, const struct findings *all, const struct finding *f)
{
	for (uint32_t i = 0; i < f->n_shares && i < PROCESSES; i++) {
		const struct finding_process *p = &all->process[f->share[i].process];
		str_addf(s, "%s%s (pid %llu)", i ? ", " : "", *p->command ? p->command : "?",
		         (unsigned long long)p->pid);
	}
	if (f->n_shares > PROCESSES)
		str_addf(s, " and %u more processes", f->n_shares - PROCESSES);
}

bool gate_more(struct str *s, const struct findings *all, const struct finding *f)
{
	const struct finding_process *p = f->n_shares ? &all->process[f->share[0].process] : NULL;

	if (!p || !p->path)
		return false;
	char *typed = typed_path(p->path);
	str_addf(s, "outlive %s %s", finding_verb(f), typed);
	free(typed);
	return true;
}

void gate_frame(struct str *s, const struct finding_frame *f)
{
	if (f->function)
		str_add(s, f->function);
	else
		str_addf(s, "%s%s0x%llx", gate_base_name(f->module), *f->module ? "+" : "",
		         (unsigned long long)f->address);
	if (f->file && f->line)
		str_addf(s, " (%s:%u)", gate_base_name(f->file), f->line);
	else if (f->function && *f->module)
		str_addf(s, " (%s)", gate_base_name(f->module));
}

const struct finding_frame *gate_site(const struct finding *f)
{
	return f->n_frames ? &f->frame[f->site] : NULL;
}

void gate_amounts(struct str *s, const struct findings *all)
{
	uint64_t n[N_FINDING_KINDS] = {0};
	bool first = true;

	for (size_t i = 0; i < all->n_counted; i++) {
		const struct finding *f = &all->at[i];
		n[f->kind] = addu_sat(n[f->kind], f->count);
	}
	for (int kind = 0; kind < N_FINDING_KINDS; kind++) {
		if (!n[kind])
			continue;
		str_add(s, first ? "" : ", ");
		gate_things(s, (enum finding_kind)kind, n[kind]);
		first = false;
	}
}

static bool has_amounts(const struct findings *all)
{
	for (size_t i = 0; i < all->n_counted; i++)
		if (all->at[i].count)
			return true;
	return false;
}

void gate_verdict(struct str *s, const struct findings *all)
{
	size_t with = 0, seen = all->n_processes + all->n_quiet;

	for (size_t i = 0; i < all->n_processes; i++)
		with += all->process[i].findings != 0;
	if (all->verdict == VERDICT_LEAKS) {
		str_addf(s, "leaks: %zu finding%s", all->n_counted, all->n_counted == 1 ? "" : "s");
		if (has_amounts(all)) {
			str_add(s, " (");
			gate_amounts(s, all);
			str_add(s, ")");
		}
		str_addf(s, " in %zu of %zu process%s", with, seen, seen == 1 ? "" : "es");
	} else if (all->verdict == VERDICT_LOSSY) {
		str_add(s, "no verdict: nothing was found, but not all could be seen");
	} else {
		str_addf(s, "clean: %zu process%s", seen, seen == 1 ? "" : "es");
	}
	if (all->n_unseen)
		str_addf(s, ", and %llu that could not be seen", (unsigned long long)all->n_unseen);
}
