/*
 * idle.c - holds a wait against the rules of the kind "idle". Pure. The frames that count are those
 * of now, where it waits, not those that made the thread: a callback of an event loop that waits
 * for something else has the loop's frames, too, further out.
 */
#include "idle.h"

#include <string.h>

#include "waits.h"

static bool may_be_idle(enum wait_kind kind)
{
	switch (kind) {
	case WAIT_FUTEX:
	case WAIT_COND:
	case WAIT_SEM:
	case WAIT_BARRIER:
	case WAIT_READ:
	case WAIT_RECV:
	case WAIT_ACCEPT:
	case WAIT_POLL:
	case WAIT_SELECT:
	case WAIT_EPOLL:
	case WAIT_SLEEP:
	case WAIT_SIGNAL:
	case WAIT_MESSAGE:
	case WAIT_IO:
	case WAIT_JOIN: /* where a rule names the very function: says_idle() */
		return true;
	default:
		return false;
	}
}

static const struct location *at(const struct snapshot *s, uint32_t node)
{
	return &s->location[s->node[node].location];
}

/* One of the patterns between `head` and `end`, which '|' joins. */
static bool matches(const char *head, const char *end, const struct rule *r,
                    const struct snapshot *s, const struct location *loc)
{
	for (const char *p = head; p < end;) {
		const char *bar = memchr(p, '|', (size_t)(end - p));

		if (rule_matches_location(p, bar ? bar : end, r->where, s, loc))
			return true;
		p = bar ? bar + 1 : end;
	}
	return false;
}

static bool frame_matches(const struct rule *r, const struct snapshot *s, uint32_t node)
{
	return node && matches(r->pattern, r->pattern + strlen(r->pattern), r, s, at(s, node));
}

/* Some frame, or a name. */
static bool any_matches(const struct rule *r, const struct snapshot *s, const struct idle_wait *w)
{
	for (uint32_t node = s->stack[w->stack].node; node; node = s->node[node].parent)
		if (frame_matches(r, s, node))
			return true;
	if (r->where == RULE_ANY && w->name && rule_matches_text(r->pattern, w->name))
		return true;
	return w->start != LOCATION_NONE &&
	       matches(r->pattern, r->pattern + strlen(r->pattern), r, s, &s->location[w->start]);
}

/* All frames but libc's: nobody else's code has a part in it. A stack that was cut proves nothing.
 */
static bool whole_matches(const struct rule *r, const struct snapshot *s, uint32_t stack)
{
	bool any = false;

	for (uint32_t node = s->stack[stack].node; node; node = s->node[node].parent) {
		if (at(s, node)->flags & (FMT_NODE_BROKEN | FMT_NODE_TRUNCATED))
			return false;
		if (rule_is_libc(s, node))
			continue;
		if (!frame_matches(r, s, node))
			return false;
		any = true;
	}
	return any;
}

/* "name<module": a thread of that name, which waits in that module's code. */
static bool named_matches(const struct rule *r, const struct snapshot *s, const struct idle_wait *w)
{
	const char *module = strchr(r->pattern, '<');
	uint32_t node = rule_behind_libc(s, s->stack[w->stack].node);

	return module && node && w->name && rule_matches_part(r->pattern, module, w->name) &&
	       matches(module + 1, r->pattern + strlen(r->pattern), r, s, at(s, node));
}

static bool chain_matches(const struct rule *r, const struct snapshot *s, uint32_t node)
{
	for (const char *p = r->pattern;; node = s->node[node].parent) {
		size_t n = strcspn(p, "<");

		if (!node || !matches(p, p + n, r, s, at(s, node)))
			return false;
		if (!p[n])
			return true;
		p += n + 1;
	}
}

static bool says_idle(const struct rule *r, const struct snapshot *s, const struct idle_wait *w)
{
	uint32_t node = s->stack[w->stack].node;

	if (w->kind == WAIT_JOIN && r->where != RULE_FIRST)
		return false;
	switch (r->where) {
	case RULE_WAIT:
		return !strcmp(r->pattern, wait_kind_json(w->kind));
	case RULE_FIRST:
		return frame_matches(r, s, rule_behind_libc(s, node));
	case RULE_CHAIN:
		return chain_matches(r, s, node);
	case RULE_WHOLE:
		return whole_matches(r, s, w->stack);
	case RULE_NAMED:
		return named_matches(r, s, w);
	default:
		return any_matches(r, s, w);
	}
}

const struct rule *idle_find(const struct rules *r, const struct snapshot *s,
                             const struct idle_wait *w)
{
	if (!may_be_idle(w->kind))
		return NULL;
	for (size_t i = 0; i < r->n; i++)
		if (r->at[i].kind == RULE_IDLE && says_idle(&r->at[i], s, w))
			return &r->at[i];
	return NULL;
}

/* Threads of a pool stand together, and alike. */
static bool same_wait(const struct idle_wait *x, const struct idle_wait *y)
{
	return x->kind == y->kind && x->stack == y->stack && x->start == y->start &&
	       x->name == y->name;
}

const struct rule **idle_tasks(const struct snapshot *s, const struct rules *r)
{
	const struct rule **idle = xcalloc((size_t)s->n_tasks + 1, sizeof(*idle)), *found = NULL;
	struct idle_wait last = {.kind = WAIT_KIND_COUNT};

	for (uint32_t i = 0; i < s->n_tasks; i++) {
		const struct task *t = &s->task[i];
		struct wait_reason reason;

		if (!waits_reason(s, t, &reason))
			continue;
		const struct idle_wait w = {reason.kind, s->wait[t->wait - 1].stack, t->start,
		                            t->name};
		if (!same_wait(&w, &last))
			found = idle_find(r, s, &w);
		last = w;
		idle[i] = found;
	}
	return idle;
}
