/*
 * out_stuck.c - threads that will never go on, and why that is certain: for people and as JSON.
 */
#include "out_stuck.h"
#include "wait_reason.h"
#include "waits.h"

enum { FEW = 3 };

static const struct stuck *stuck_of(const struct kinds *k, const struct group *g, uint32_t i)
{
	const struct task *t = &k->b->task[k->table[KIND_THREADS].item[g->first + i]];

	return t->stuck ? &k->b->stuck[t->stuck - 1] : NULL;
}

static bool is_shown(const struct group *g)
{
	return g->kind == KIND_THREADS && g->leak == LEAK_BLOCKED && g->n;
}

/* What libc's function is called that it waits in. */
static const char *object_of(const struct kinds *k, const struct stuck *t)
{
	struct wait_reason wait;

	wait_reason_futex(&wait);
	waits_functions(k->b, t->stack, &wait);
	return wait.kind == WAIT_LOCK ? "lock" : wait_kind_word(wait.kind);
}

const char *out_stuck_waits_on(struct kinds *k, const struct group *g)
{
	const struct stuck *first = is_shown(g) ? stuck_of(k, g, 0) : NULL;

	if (!first)
		return NULL;
	return first->how == FMT_STUCK_JOIN ? "thread" : object_of(k, first);
}

/* ---- for people ---- */

static void print_stuck(struct page *page, struct kinds *k, const struct stuck *t,
                        const struct out_options *o, struct nameless *nameless)
{
	const struct row *r = kinds_row(k, t->stack);
	char text[32];

	page_pad(page, 6);
	if (t->how == FMT_STUCK_JOIN)
		page_addf(page, STYLE_PLAIN,
		          "tid %u waits for the end of tid %u, which is blocked,", t->tid,
		          t->joins);
	else
		page_addf(page, STYLE_PLAIN, "tid %u waits for a %s", t->tid, object_of(k, t));
	if (r->n_frames) {
		page_add(page, STYLE_PLAIN, " at");
		out_stack_site(page, r, o, nameless);
		out_stack_callers(page, r, o, nameless);
	} else {
		page_end_line(page);
	}
	if (t->how == FMT_STUCK_JOIN)
		return;
	r = kinds_row(k, t->made);
	page_pad(page, 6);
	page_addf(page, STYLE_PLAIN,
	          "in a block of %s that only blocked threads can reach, made at",
	          human_bytes(text, (int64_t)(t->bytes > INT64_MAX ? INT64_MAX : t->bytes)));
	out_stack_site(page, r, o, nameless);
	if (o->wide)
		out_stack_callers(page, r, o, nameless);
}

void out_stuck_text(struct page *page, struct kinds *k, const struct group *g,
                    const struct out_options *o, struct nameless *nameless)
{
	uint32_t most = o->wide || g->n == FEW + 1 ? g->n : FEW;

	if (!is_shown(g))
		return;
	for (uint32_t i = 0; i < g->n && i < most; i++)
		if (stuck_of(k, g, i))
			print_stuck(page, k, stuck_of(k, g, i), o, nameless);
	if (g->n <= most)
		return;
	page_pad(page, 6);
	page_addf(page, STYLE_DIM, "... %u more (--wide)", g->n - most);
	page_end_line(page);
}

/* ---- JSON ---- */

static void put(json_t *o, const char *key, json_t *value)
{
	json_object_set_new(o, key, value);
}

static json_t *proof(struct kinds *k, const struct stuck *t)
{
	const struct row *r = kinds_row(k, t->stack);
	bool joins = t->how == FMT_STUCK_JOIN;
	json_t *o = json_object();

	put(o, "tid", document_number(t->tid));
	put(o, "waits_on", json_string(joins ? "thread" : object_of(k, t)));
	put(o, "address", document_number(t->address));
	put(o, "site", document_site(r));
	put(o, "stack", document_stack(r));
	put(o, "joins_tid", joins ? document_number(t->joins) : json_null());
	put(o, "block_bytes", joins ? json_null() : document_number(t->bytes));
	put(o, "block_offset", joins ? json_null() : document_number(t->offset));
	r = kinds_row(k, t->made);
	put(o, "block_site", joins ? json_null() : document_site(r));
	put(o, "block_stack", joins ? json_null() : document_stack(r));
	return o;
}

json_t *out_stuck_json(struct kinds *k, const struct group *g)
{
	json_t *all;

	if (!is_shown(g))
		return json_null();
	all = json_array();
	for (uint32_t i = 0; i < g->n; i++)
		if (stuck_of(k, g, i))
			json_array_append_new(all, proof(k, stuck_of(k, g, i)));
	return all;
}
