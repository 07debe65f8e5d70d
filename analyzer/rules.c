/*
 * rules.c - holds stacks against patterns. Owns how a pattern matches; what is built in is
 * rules.def, files are read by rules_file.c.
 *
 * What a location matches is worked out once, and what a node of the tree of stacks follows from
 * its parent's: a snapshot may hold many deep stacks. Nothing is worked out that nobody asks for.
 */
#include "rules.h"

#include <stdlib.h>
#include <string.h>

const char *const rule_kind_name[N_RULE_KINDS] = {"leak", "thread", "timer", "fd", "idle"};

#define RULE(kind, where, pattern, reason) {RULE_##kind, RULE_##where, pattern, reason, "built-in"},
static const struct rule builtin[] = {
#include "rules.def"
};
#undef RULE

/* ---- patterns ---- */

/*
 * [p, end) with its anchors; without them any text may stand before and behind. '*' is any text. At
 * a mismatch the last '*' takes one character more: no recursion, and nothing is tried twice.
 */
static bool matches(const char *p, const char *end, const char *text)
{
	bool head = p < end && *p == '^', tail = p + head < end && end[-1] == '$';
	const char *star = NULL, *resume = text;

	p += head;
	end -= tail;
	if (!text || !*text || p == end)
		return false;
	if (!head)
		star = p;
	while (*text) {
		if (p == end && !tail)
			return true;
		if (p < end && *p == '*') {
			star = ++p;
			resume = text;
		} else if (p < end && *p == *text) {
			p++;
			text++;
		} else if (star) {
			p = star;
			text = ++resume;
		} else {
			return false;
		}
	}
	while (p < end && *p == '*')
		p++;
	return p == end;
}

const char *rule_text(const struct rule *r)
{
	return *r->reason ? r->reason : r->origin;
}

bool rule_matches_text(const char *pattern, const char *text)
{
	return matches(pattern, pattern + strlen(pattern), text);
}

bool rule_matches_part(const char *pattern, const char *end, const char *text)
{
	return matches(pattern, end, text);
}

static bool matches_line(const char *p, const char *end, enum rule_where where,
                         const struct line *l)
{
	bool function = where != RULE_FILE && where != RULE_MODULE;
	bool file = where != RULE_FUNCTION && where != RULE_MODULE;

	return (function && (matches(p, end, l->function) || matches(p, end, l->linkage))) ||
	       (file && matches(p, end, l->file));
}

bool rule_matches_location(const char *p, const char *end, enum rule_where where,
                           const struct snapshot *s, const struct location *loc)
{
	if (where != RULE_FUNCTION && where != RULE_FILE &&
	    matches(p, end, s->module[loc->module].path))
		return true;
	for (uint32_t i = 0; i < loc->n_lines; i++)
		if (matches_line(p, end, where, &loc->line[i]))
			return true;
	return false;
}

/* ---- lists of rules ---- */

void rules_add(struct rules *r, struct rule rule)
{
	r->at = xgrow(r->at, (uint32_t)r->n, &r->cap, sizeof(rule));
	r->at[r->n++] = rule;
}

void rules_add_builtin(struct rules *r)
{
	for (size_t i = 0; i < sizeof(builtin) / sizeof(*builtin); i++)
		rules_add(r, builtin[i]);
}

void rules_free(struct rules *r)
{
	free(r->at);
	*r = (struct rules){0};
}

/* ---- stacks ---- */

enum { ANY_UNKNOWN, ANY_NONE, ANY_RULE }; /* ANY_RULE + i: rule i */

/* What is known of a location: a bit for each rule; of a chain for its first pattern. */
struct rule_work {
	const struct rules *rules;
	const struct snapshot *s;
	size_t words;
	uint64_t **hits; /* by location; NULL: not worked out yet */
	struct pool pool;
	uint32_t
	        *any[N_RULE_KINDS]; /* by node: the rule that a frame of its stack matches, ANY_* */
	uint32_t *path;             /* nodes that are being worked out */
	uint32_t cap_path;
	uint64_t *mask[N_RULE_KINDS][RULE_CHAIN + 1]; /* the rules that speak of a kind, in a way */
};

/* Those that look at all frames are asked for together. */
static enum rule_where way_of(const struct rule *r)
{
	return r->where == RULE_FIRST || r->where == RULE_CHAIN ? r->where : RULE_ANY;
}

struct rule_work *rules_begin(const struct rules *r, const struct snapshot *s)
{
	struct rule_work *w = xcalloc(1, sizeof(*w));

	w->rules = r;
	w->s = s;
	w->words = (r->n + 63) / 64;
	w->hits = xcalloc(s->n_locations + 1, sizeof(*w->hits));
	for (int kind = 0; kind < N_RULE_KINDS; kind++)
		for (int where = 0; where <= RULE_CHAIN; where++)
			w->mask[kind][where] =
			        pool_alloc(&w->pool, (w->words + 1) * sizeof(uint64_t));
	for (size_t i = 0; i < r->n; i++)
		if (r->at[i].kind != RULE_IDLE)
			w->mask[r->at[i].kind][way_of(&r->at[i])][i / 64] |= UINT64_C(1) << i % 64;
	return w;
}

void rules_end(struct rule_work *w)
{
	if (!w)
		return;
	pool_free(&w->pool);
	for (int kind = 0; kind < N_RULE_KINDS; kind++)
		free(w->any[kind]);
	free(w->path);
	free(w->hits);
	free(w);
}

static const uint64_t *hits_of(struct rule_work *w, uint32_t location)
{
	uint64_t *hits = w->hits[location];

	if (hits)
		return hits;
	hits = w->hits[location] = pool_alloc(&w->pool, (w->words + 1) * sizeof(*hits));
	for (size_t i = 0; i < w->rules->n; i++) {
		const struct rule *r = &w->rules->at[i];
		if (r->kind == RULE_IDLE)
			continue;
		size_t n = r->where == RULE_CHAIN ? strcspn(r->pattern, "<") : strlen(r->pattern);
		if (rule_matches_location(r->pattern, r->pattern + n, r->where, w->s,
		                          &w->s->location[location]))
			hits[i / 64] |= UINT64_C(1) << i % 64;
	}
	return hits;
}

/* The first rule of `kind` that speaks this way, and whose bit is set. */
static const struct rule *first_of(const struct rule_work *w, enum rule_kind kind,
                                   enum rule_where where, const uint64_t *bits)
{
	const uint64_t *mask = w->mask[kind][where];
	const struct rule *rule = w->rules->at;

	for (size_t i = 0; rule && i < w->words; i++)
		if (bits[i] & mask[i])
			return &rule[i * 64 + (size_t)__builtin_ctzll(bits[i] & mask[i])];
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

/* Of the chain, the first pattern matches the frame at node: do the others match its callers? */
static bool chain_holds(const struct rule_work *w, const struct rule *r, uint32_t node)
{
	const struct snapshot *s = w->s;

	for (const char *p = strchr(r->pattern, '<'); p; p = strchr(p, '<')) {
		p++;
		node = s->node[node].parent;
		if (!node || !rule_matches_location(p, p + strcspn(p, "<"), RULE_CHAIN, s,
		                                    &s->location[s->node[node].location]))
			return false;
	}
	return true;
}

static const struct rule *find_chain(const struct rule_work *w, enum rule_kind kind, uint32_t node,
                                     const uint64_t *hits)
{
	const uint64_t *mask = w->mask[kind][RULE_CHAIN];
	const struct rule *rule = w->rules->at;

	for (size_t i = 0; rule && i < w->words; i++) {
		for (uint64_t bits = hits[i] & mask[i]; bits; bits &= bits - 1) {
			const struct rule *r = &rule[i * 64 + (size_t)__builtin_ctzll(bits)];
			if (chain_holds(w, r, node))
				return r;
		}
	}
	return NULL;
}

/* The innermost frame that matches counts. */
static const struct rule *find_any(struct rule_work *w, enum rule_kind kind, uint32_t node)
{
	const struct snapshot *s = w->s;
	uint32_t n = 0;

	if (!w->any[kind])
		w->any[kind] = xcalloc(s->n_nodes, sizeof(*w->any[kind]));
	uint32_t *any = w->any[kind];
	any[0] = ANY_NONE;
	for (; !any[node]; node = s->node[node].parent) {
		w->path = xgrow(w->path, n, &w->cap_path, sizeof(*w->path));
		w->path[n++] = node;
	}
	uint32_t outer = any[node];
	while (n) {
		node = w->path[--n];
		const struct rule *found =
		        first_of(w, kind, RULE_ANY, hits_of(w, s->node[node].location));
		outer = any[node] = found ? ANY_RULE + (uint32_t)(found - w->rules->at) : outer;
	}
	return outer >= ANY_RULE ? &w->rules->at[outer - ANY_RULE] : NULL;
}

bool rule_is_libc(const struct snapshot *s, uint32_t node)
{
	const char *base = module_basename(&s->module[s->location[s->node[node].location].module]);

	return !strncmp(base, "libc.so", 7) || !strncmp(base, "libc-2.", 7);
}

/* Who called strdup() is who wanted the block. */
uint32_t rule_behind_libc(const struct snapshot *s, uint32_t node)
{
	uint32_t first = node;

	while (first && rule_is_libc(s, first))
		first = s->node[first].parent;
	return first ? first : node;
}

static const struct rule *find_stack(struct rule_work *w, enum rule_kind kind, uint32_t stack)
{
	uint32_t node = w->s->stack[stack].node;

	if (!node || !w->rules->at)
		return NULL;
	uint32_t first = rule_behind_libc(w->s, node);
	const struct rule *found =
	        first_of(w, kind, RULE_FIRST, hits_of(w, w->s->node[first].location));
	if (!found)
		found = find_chain(w, kind, node, hits_of(w, w->s->node[node].location));
	return found ? found : find_any(w, kind, node);
}

const struct rule *rules_find(struct rule_work *w, enum rule_kind kind, uint32_t stack,
                              uint32_t start, const char *name)
{
	const struct rule *found = find_stack(w, kind, stack);

	if (!found && start != LOCATION_NONE)
		found = first_of(w, kind, RULE_ANY, hits_of(w, start));
	return found ? found : find_name(w->rules, kind, name);
}
