/*
 * check_rules.c - remembers for each program what rules it brings. A program's own do not hold for
 * another: each such program has a list of its own, which begins with everybody's.
 */
#include "check_rules.h"

#include "elf_lsan.h"

#include <stdlib.h>

struct program {
	const char *exe, *build_id;
	struct rules *rules; /* NULL: it brings none */
};

struct check_rules {
	const struct rules *base;
	struct program *at;
	uint32_t n, cap;
};

struct check_rules *check_rules_new(const struct rules *base)
{
	struct check_rules *all = xcalloc(1, sizeof(*all));

	all->base = base;
	return all;
}

static const struct module *main_module(const struct snapshot *s)
{
	for (uint32_t i = 1; i < s->n_modules; i++)
		if (s->module[i].flags & FMT_MODULE_MAIN)
			return &s->module[i];
	return NULL;
}

static struct rules *rules_with(const struct rules *base, const char *name, const char *text,
                                size_t n, struct err *err)
{
	struct rules *r = xcalloc(1, sizeof(*r));

	for (size_t i = 0; i < base->n; i++)
		rules_add(r, base->at[i]);
	if (!rules_add_text(r, name, text, n, err))
		return r;
	rules_free(r);
	free(r);
	return NULL;
}

static struct rules *read_program(const struct check_rules *all, const struct module *m,
                                  struct findings *f)
{
	struct rules *r = NULL;
	struct err err;
	bool unclear;
	char *text = elf_lsan_suppressions(m->path, m->build_id, &unclear), *note = NULL;

	if (unclear)
		note = xasprintf("%s has a __lsan_default_suppressions() that does more than to "
		                 "return a text: not taken over; --suppressions=FILE does it",
		                 m->path);
	if (text) {
		char *name = xasprintf("%s: __lsan_default_suppressions", m->path);
		size_t n = 0;
		while (text[n])
			n++;
		r = rules_with(all->base, name, text, n, &err);
		if (!r)
			note = xasprintf("not taken over: %s", err.text);
		free(name);
		free(text);
	}
	if (note)
		findings_note(f, false, note);
	free(note);
	return r;
}

const struct rules *check_rules_of(struct check_rules *all, const struct snapshot *s,
                                   struct findings *f)
{
	const struct module *m = main_module(s);
	struct program *p;

	if (!m)
		return all->base;
	for (uint32_t i = 0; i < all->n; i++) {
		p = &all->at[i];
		if (p->exe == m->path && p->build_id == m->build_id)
			return p->rules ? p->rules : all->base;
	}
	all->at = xgrow(all->at, all->n, &all->cap, sizeof(*all->at));
	p = &all->at[all->n++];
	*p = (struct program){m->path, m->build_id, read_program(all, m, f)};
	return p->rules ? p->rules : all->base;
}

void check_rules_free(struct check_rules *all)
{
	for (uint32_t i = 0; all && i < all->n; i++) {
		if (all->at[i].rules)
			rules_free(all->at[i].rules);
		free(all->at[i].rules);
	}
	if (all)
		free(all->at);
	free(all);
}
