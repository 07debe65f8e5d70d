/*
 * out_html.h - between the files of the page's writer: out_html.c (the page, who and when),
 * out_html_rows.c (stacks of the heap), out_html_kinds.c (threads, timers, descriptors, source),
 * out_html_trace.c (waits).
 * Nobody else includes it.
 *
 * The page's data is one JSON object. Texts are numbers of "strings", 0 is null; stacks are numbers
 * of "nodes", 0 is none. What a list holds stands where it is written.
 */
#ifndef OUTLIVE_OUT_HTML_H
#define OUTLIVE_OUT_HTML_H

#include "calltree.h"
#include "document.h"
#include "report.h"

struct page_data {
	struct document d; /* its file escapes what HTML could take for a tag */
	const struct report *r;
	struct calltree tree;
	struct ids strings;
};

/* The number of a text; 0 for NULL and for "". */
uint32_t page_text(struct page_data *w, const char *s);
/* One number of a list; first: no comma before it. */
void page_number(struct page_data *w, bool first, int64_t n);

/* "rows", "errors", and when they are differences "base_rows": a list a row. */
void page_rows(struct page_data *w);
/* "frames", "nodes", "strings": after all that refers to them. */
void page_tree(struct page_data *w);
/* "threads", "timers", "fds", "lives", "stuck", "thread_sums". */
void page_kinds(struct page_data *w);
/* "traced", "waits": of threads. */
void page_trace(struct page_data *w);
/* "moments". */
void page_moments(struct page_data *w);
/* "sources". */
void page_sources(struct page_data *w);

#endif
