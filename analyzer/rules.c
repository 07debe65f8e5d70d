/*
 * rules.c - holds stacks against patterns. Owns how a pattern matches and how a suppressions file
 * is read; what is built in is rules.def.
 *
 * Stacks are asked for one by one and walked frame by frame; what a location matches is worked out
 * once. Patterns are matched without recursion: a file may be hostile.
 */
#include "rules.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

const char *const rule_kind_name[N_RULE_KINDS] = {"leak", "thread", "timer", "fd"};

#define RULE(kind, where, pattern, reason) {RULE_##kind, RULE_##where, pattern, reason, "built-in"},
static const struct rule builtin[] = {
#include "rules.def"
};
#undef RULE

/* ---- patterns ---- */

/* The pattern's end that is given, or text's: does [p, end) match text? '*' is any text. At a
 * mismatch the last '*' takes one character more. */
static bool glob(const char *p, const char *end, const char *text)
{
	const char *star = NULL, *resume = NULL;

	while (*text) {
		if (p < end && *p == '*') {
			star = p++;
			resume = text;
		} else if (p < end && *p == *text) {
			p++;
			text++;
		} else if (star) {
			p = star + 1;
			text = ++resume;
		} else {
			return false;
		}
	}
	while (p < end && *p == '*')
		p++;
	return p == end;
}

/* [p, end) with its anchors. Without them there is a '*' at each end. */
static bool matches(const char *p, const char *end, const char *text)
{
	bool head = p < end && *p == '^', tail = p < end && end[-1] == '$';

	if (!text || !*text)
		return false;
	p += head;
	end -= tail && end > p;
	if (p == end)
		return false;
	if (head && tail)
		return glob(p, end, text);
	struct str s = {0};
	if (!head)
		str_add_mem(&s, "*", 1);
	str_add_mem(&s, p, (size_t)(end - p));
	if (!tail)
		str_add_mem(&s, "*", 1);
	bool yes = glob(s.data, s.data + s.len, text);
	str_free(&s);
	return yes;
}

bool rule_matches_text(const char *pattern, const char *text)
{
	return matches(pattern, pattern + strlen(pattern), text);
}

/* One of the patterns joined by '|'. */
static bool any_matches(const char *patterns, const char *text)
{
	for (;;) {
		size_t n = strcspn(patterns, "|");
		if (matches(patterns, patterns + n, text))
			return true;
		if (!patterns[n])
			return false;
		patterns += n + 1;
	}
}

static bool matches_location(const struct rule *r, const struct snapshot *s,
                             const struct location *loc)
{
	bool (*test)(const char *, const char *) =
	        r->where == RULE_ALL ? any_matches : rule_matches_text;

	if (test(r->pattern, s->module[loc->module].path))
		return true;
	for (uint32_t i = 0; i < loc->n_lines; i++)
		if (test(r->pattern, loc->line[i].function) ||
		    test(r->pattern, loc->line[i].linkage) || test(r->pattern, loc->line[i].file))
			return true;
	return false;
}

/* ---- lists of rules ---- */

static void add(struct rules *r, struct rule rule)
{
	r->at = xgrow(r->at, (uint32_t)r->n, &r->cap, sizeof(rule));
	r->at[r->n++] = rule;
}

void rules_add_builtin(struct rules *r)
{
	for (size_t i = 0; i < sizeof(builtin) / sizeof(*builtin); i++)
		add(r, builtin[i]);
}

void rules_free(struct rules *r)
{
	free(r->at);
	*r = (struct rules){0};
}

/* text: without blanks at its ends. */
static int add_line(struct rules *r, const char *path, unsigned number, const char *text,
                    struct err *err)
{
	for (int kind = 0; kind < N_RULE_KINDS; kind++) {
		size_t n = strlen(rule_kind_name[kind]);
		if (strncmp(text, rule_kind_name[kind], n) || text[n] != ':')
			continue;
		if (!text[n + 1])
			return err_set(err, "%s:%u: no pattern behind \"%s\"", path, number, text);
		add(r, (struct rule){(enum rule_kind)kind, RULE_ANY, intern(text + n + 1), "",
		                     intern(path)});
		return 0;
	}
	return err_set(err,
	               "%s:%u: a line is leak:, thread:, timer: or fd: and a pattern, not \"%s\"",
	               path, number, text);
}

int rules_add_file(struct rules *r, const char *path, struct err *err)
{
	FILE *f = fopen(path, "re");
	char *line = NULL;
	size_t cap = 0;
	int rc = 0;

	if (!f)
		return err_set(err, "%s: %s", path, strerror(errno));
	for (unsigned number = 1; !rc && getline(&line, &cap, f) >= 0; number++) {
		char *text = line, *end = line + strlen(line);
		while (isspace((unsigned char)*text))
			text++;
		while (end > text && isspace((unsigned char)end[-1]))
			end--;
		*end = 0;
		if (*text && *text != '#')
			rc = add_line(r, path, number, text, err);
	}
	if (!rc && ferror(f))
		rc = err_set(err, "%s: %s", path, strerror(errno));
	free(line);
	fclose(f);
	return rc;
}

/* ---- stacks ---- */

/* What is known of a location: a bit for each rule, two bits in a row of words. */
struct rule_work {
	const struct rules *rules;
	const struct snapshot *s;
	size_t words;
	uint64_t **hits; /* by location; NULL: not worked out yet */
	struct pool pool;
	uint64_t *every; /* of the stack at hand: rules that all frames match */
	uint64_t *mask[N_RULE_KINDS][RULE_ALL + 1]; /* the rules that speak of a kind, in a way */
};

struct rule_work *rules_begin(const struct rules *r, const struct snapshot *s)
{
	struct rule_work *w = xcalloc(1, sizeof(*w));

	w->rules = r;
	w->s = s;
	w->words = (r->n + 63) / 64;
	w->hits = xcalloc(s->n_locations + 1, sizeof(*w->hits));
	w->every = xcalloc(w->words + 1, sizeof(*w->every));
	for (int kind = 0; kind < N_RULE_KINDS; kind++)
		for (int where = 0; where <= RULE_ALL; where++)
			w->mask[kind][where] =
			        pool_alloc(&w->pool, (w->words + 1) * sizeof(uint64_t));
	for (size_t i = 0; i < r->n; i++)
		w->mask[r->at[i].kind][r->at[i].where][i / 64] |= UINT64_C(1) << i % 64;
	return w;
}

void rules_end(struct rule_work *w)
{
	if (!w)
		return;
	pool_free(&w->pool);
	free(w->hits);
	free(w->every);
	free(w);
}

static const uint64_t *hits_of(struct rule_work *w, uint32_t location)
{
	uint64_t *hits = w->hits[location];

	if (hits)
		return hits;
	hits = w->hits[location] = pool_alloc(&w->pool, (w->words + 1) * sizeof(*hits));
	for (size_t i = 0; i < w->rules->n; i++)
		if (matches_location(&w->rules->at[i], w->s, &w->s->location[location]))
			hits[i / 64] |= UINT64_C(1) << i % 64;
	return hits;
}

/* The first rule of `kind` that speaks this way, and whose bit is set. */
static const struct rule *first_of(const struct rule_work *w, enum rule_kind kind,
                                   enum rule_where where, const uint64_t *bits)
{
	const uint64_t *mask = w->mask[kind][where];

	for (size_t i = 0; i < w->words; i++)
		if (bits[i] & mask[i])
			return &w->rules->at[i * 64 + (size_t)__builtin_ctzll(bits[i] & mask[i])];
	return NULL;
}

static const struct rule *find_name(const struct rules *r, enum rule_kind kind, const char *name)
{
	for (size_t i = 0; name && *name && i < r->n; i++)
		if (r->at[i].kind == kind && r->at[i].where == RULE_ANY &&
		    rule_matches_text(r->at[i].pattern, name))
			return &r->at[i];
	return NULL;
}

static const struct rule *find_stack(struct rule_work *w, enum rule_kind kind, uint32_t stack)
{
	const struct snapshot *s = w->s;
	uint32_t last = 0, first = s->stack[stack].node;

	memset(w->every, 0xff, w->words * sizeof(*w->every));
	for (uint32_t node = first; node; node = s->node[node].parent) {
		const uint64_t *hits = hits_of(w, s->node[node].location);
		const struct rule *found = NULL;
		for (size_t i = 0; i < w->words; i++)
			w->every[i] &= hits[i];
		if (node == first)
			found = first_of(w, kind, RULE_FIRST, hits);
		if (!found)
			found = first_of(w, kind, RULE_ANY, hits);
		if (found)
			return found;
		last = s->node[node].location;
	}
	/* Of a stack that breaks off nobody knows all frames. */
	if (!first || s->location[last].flags & (FMT_NODE_BROKEN | FMT_NODE_TRUNCATED))
		return NULL;
	return first_of(w, kind, RULE_ALL, w->every);
}

const struct rule *rules_find(struct rule_work *w, enum rule_kind kind, uint32_t stack,
                              uint32_t start, const char *name)
{
	const struct rule *found = find_stack(w, kind, stack);

	if (!found && start != LOCATION_NONE)
		found = first_of(w, kind, RULE_ANY, hits_of(w, start));
	return found ? found : find_name(w->rules, kind, name);
}
