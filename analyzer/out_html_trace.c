/*
 * out_html_trace.c - for the page: what threads have waited for, with the option trace. A page is
 * for a person: of each thread the latest waits, and of all together as many as a browser draws at
 * once.
 */
#include "out_html.h"
#include "spans.h"

enum { LATEST = 400, ALL = 40000 };

static void add(json_t *list, uint64_t n)
{
	json_array_append_new(list, document_number(n));
}

static uint32_t node_of(struct page_data *w, uint32_t stack)
{
	return stack ? calltree_add(&w->tree, kinds_row(w->r->kinds, stack)) : 0;
}

/* [serial, begin, end, 0 ended 1 goes on 2 left, kind, words, node], times in ns of uptime */
static void put_wait(struct page_data *w, const struct traced *t, const struct span *wait)
{
	const struct snapshot *s = w->r->kinds->b;
	struct str words = {0};
	json_t *o = json_array();

	add(o, t->serial);
	add(o, wait->begin_ns);
	add(o, span_end_ns(s, wait));
	add(o, wait->is_open ? 1 : wait->is_left ? 2 : 0);
	add(o, page_text(w, wait_kind_word(span_words(s, wait, &words))));
	add(o, page_text(w, words.data));
	add(o, node_of(w, wait->stack));
	document_row(&w->d, o);
	str_free(&words);
}

static void put_waits(struct page_data *w)
{
	const struct snapshot *s = w->r->kinds->b;
	uint32_t left = ALL;

	document_open_rows(&w->d, "waits");
	for (uint32_t i = 0; i < s->n_traced; i++) {
		const struct traced *t = &s->traced[i];
		uint32_t n = t->n_spans < LATEST ? t->n_spans : LATEST;
		if (n > left)
			n = left;
		left -= n;
		for (uint32_t k = t->n_spans - n; k < t->n_spans; k++)
			put_wait(w, t, &s->span[t->span + k]);
	}
	document_close_rows(&w->d);
}

/* [serial, node, waits, of them not kept, brief ones, their time] */
static void put_traced(struct page_data *w)
{
	const struct snapshot *s = w->r->kinds->b;

	document_open_rows(&w->d, "traced");
	for (uint32_t i = 0; i < s->n_traced; i++) {
		const struct traced *t = &s->traced[i];
		json_t *o = json_array();
		add(o, t->serial);
		add(o, node_of(w, t->stack));
		add(o, t->waits);
		add(o, traced_overwritten(s, t));
		add(o, t->brief);
		add(o, t->brief_ns);
		document_row(&w->d, o);
	}
	document_close_rows(&w->d);
}

void page_trace(struct page_data *w)
{
	put_traced(w);
	put_waits(w);
}
