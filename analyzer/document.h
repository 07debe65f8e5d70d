/*
 * document.h - what every JSON document of ours has: who, and how far it can be trusted.
 * document.c. All return a new reference, never NULL.
 */
#ifndef OUTLIVE_DOCUMENT_H
#define OUTLIVE_DOCUMENT_H

#include <jansson.h>

#include "hints.h"

json_t *document_text(const char *s);                /* null for NULL and for "" */
json_t *document_number(uint64_t n);                 /* at most INT64_MAX */
json_t *document_snapshot(const struct snapshot *s); /* "snapshot" */
json_t *document_audit(const struct snapshot *s);    /* "audit" */
json_t *document_stack(const struct row *r);         /* "stack": of a row written out */
json_t *document_site(const struct row *r);          /* "site" */
json_t *document_hints(const struct hints *h);       /* "hints": sentences; NULL: none */
json_t *document_columns(const int64_t value[N_COLUMNS]);

/*
 * A document is written piece by piece: rows are many, and each takes a hundred times its size as a
 * json_t. Takes over the reference `value`; the first piece opens the document.
 */
struct document {
	FILE *file;
	bool failed;
	size_t n_keys, n_rows;
};
void document_put(struct document *d, const char *key, json_t *value);
void document_open_rows(struct document *d, const char *key);
void document_row(struct document *d, json_t *row);
void document_close_rows(struct document *d);
/* Ends it. -1 with err when the file refused something. */
int document_end(struct document *d, struct err *err);

const char *snapshot_reason_text(const struct snapshot *s); /* "on demand", "at exit" ... */
/* "2026-11-21 14:00:43" UTC; "" for 0. separator: ' ' or 'T'. */
char *utc_time(char buf[32], uint64_t ns, char separator);

#endif
