/*
 * focus.c - regular expressions over the names in stacks. A pattern is tried once a location, not
 * once a stack: what a stack has matched follows from its parent's.
 */
#include "focus.h"

#include <stdlib.h>

int focus_compile(regex_t *re, const char *pattern, struct err *err)
{
	char why[200];
	int rc = regcomp(re, pattern, REG_EXTENDED | REG_NOSUB);

	if (!rc)
		return 0;
	regerror(rc, re, why, sizeof(why));
	return err_set(err, "\"%s\" is no regular expression: %s", pattern, why);
}

static bool matches_text(const regex_t *re, const char *text)
{
	return text && *text && !regexec(re, text, 0, NULL, 0);
}

bool focus_in_line(const regex_t *re, const struct line *line)
{
	return matches_text(re, line->function) || matches_text(re, line->file) ||
	       matches_text(re, line->linkage);
}

bool focus_in_module(const regex_t *re, const struct module *module)
{
	return matches_text(re, module->path);
}

static bool matches(const regex_t *re, const struct snapshot *s, const struct location *loc)
{
	if (focus_in_module(re, &s->module[loc->module]))
		return true;
	for (uint32_t i = 0; i < loc->n_lines; i++)
		if (focus_in_line(re, &loc->line[i]))
			return true;
	return false;
}

/* hit[node]: some frame of the stack matches. */
static uint8_t *hits(const regex_t *re, const struct snapshot *s)
{
	uint8_t *location = xcalloc(s->n_locations + 1, 1), *hit = xcalloc(s->n_nodes, 1);

	for (uint32_t i = 0; i < s->n_locations; i++)
		location[i] = matches(re, s, &s->location[i]);
	for (uint32_t i = 1; i < s->n_nodes; i++)
		hit[i] = hit[s->node[i].parent] | location[s->node[i].location];
	free(location);
	return hit;
}

static int hits_of(const char *pattern, const struct snapshot *s, uint8_t **hit, struct err *err)
{
	regex_t re;

	*hit = NULL;
	if (!pattern)
		return 0;
	if (focus_compile(&re, pattern, err))
		return -1;
	*hit = hits(&re, s);
	regfree(&re);
	return 0;
}

int focus_nodes(const struct snapshot *s, const struct profile_options *o, uint8_t **shown,
                struct err *err)
{
	uint8_t *focus = NULL, *ignore = NULL;
	int rc = -1;

	*shown = NULL;
	if (hits_of(o->focus, s, &focus, err) || hits_of(o->ignore, s, &ignore, err))
		goto out;
	rc = 0;
	if (!focus && !ignore)
		goto out;
	*shown = xcalloc(s->n_nodes, 1);
	for (uint32_t i = 0; i < s->n_nodes; i++)
		(*shown)[i] = (!focus || focus[i]) && (!ignore || !ignore[i]);
out:
	free(focus);
	free(ignore);
	return rc;
}

int focus_check(const char *pattern, struct err *err)
{
	regex_t re;

	if (focus_compile(&re, pattern, err))
		return -1;
	regfree(&re);
	return 0;
}
