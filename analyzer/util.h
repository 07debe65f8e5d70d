/*
 * util.h - errors, text, growing arrays, for the whole analyzer.
 * Functions that can fail return 0 or -1 and fill in a struct err; only main.c and cmd_* may exit.
 */
#ifndef OUTLIVE_UTIL_H
#define OUTLIVE_UTIL_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Exit status of every verb. */
enum {
	EXIT_CLEAN = 0,
	EXIT_FINDINGS = 1,
	EXIT_USAGE = 2,
	EXIT_UNREADABLE = 3,
	EXIT_NO_VERDICT = 4
};

struct err {
	char text[1024]; /* one line: what was wrong, where (file, offset), what to do */
};
/* Always returns -1, so that `return err_set(...)` reads well. err may be NULL. */
int err_set(struct err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Never return NULL: the analyzer ends with a line on stderr when memory is gone (exit 3). */
void *xmalloc(size_t n);
void *xcalloc(size_t n, size_t size);
void *xrealloc(void *p, size_t n);
/* What is in [p, p + n), a part of a block, is not needed any more: whole pages go back to the
 * kernel. The block is freed as ever. */
void release_pages(void *p, size_t n);
char *xstrdup(const char *s);
char *xasprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* A growing array: makes room for one more. Returns the array, moved perhaps; *cap in items. */
void *xgrow(void *array, uint32_t n, uint32_t *cap, size_t item_bytes);

/* A growing string. Zero is valid and empty. data is always ended by NUL once something was added.
 */
struct str {
	char *data;
	size_t len, cap;
};
void str_add(struct str *s, const char *text);
void str_add_mem(struct str *s, const void *p, size_t n);
void str_addf(struct str *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* As print_safe(), into a string. */
void str_add_safe(struct str *s, const char *text);
void str_free(struct str *s);

/* Interned strings: equal strings have equal pointers, for the life of the process. */
const char *intern(const char *s);
const char *intern_mem(const char *s, size_t n);

/* Memory that is given back all at once. Zero is valid and empty. Never NULL; zeroed; aligned for
 * anything. */
struct pool {
	struct pool_chunk *chunk;
	size_t left, next;
};
void *pool_alloc(struct pool *pool, size_t n);
void pool_free(struct pool *pool);

/*
 * An index by hash over items that the caller keeps in an array of its own. Zero is valid and
 * empty. Hashes are seeded anew in each process, so that a file cannot be made to collide.
 */
struct table {
	struct table_slot {
		uint32_t hash, value_plus_1;
	} * slot;
	uint32_t mask, n;
};
#define TABLE_NONE UINT32_MAX
uint64_t table_hash(uint64_t a, uint64_t b);
uint64_t table_hash_mem(const void *p, size_t n);
/* The value for which same(ctx, value, key) holds, or TABLE_NONE. */
uint32_t table_find(const struct table *t, uint64_t hash,
                    bool (*same)(const void *ctx, uint32_t value, const void *key), const void *ctx,
                    const void *key);
/* value must be below TABLE_NONE and not yet in there. */
void table_add(struct table *t, uint64_t hash, uint32_t value);
void table_free(struct table *t);

/* Sums that stop at the ends of their type, instead of wrapping: figures in a file are other
 * people's. */
int64_t add_sat(int64_t a, int64_t b);
int64_t sub_sat(int64_t a, int64_t b);
uint64_t addu_sat(uint64_t a, uint64_t b);

/* For a terminal or a table: control characters, escapes and what turns the direction of text are
 * replaced by '?'. Names in snapshots are other people's text. */
void print_safe(FILE *out, const char *s);
/* On a line of its own, for a script: as it is, but for what would make two lines of it, or goes to
 * a terminal. */
void print_path_line(FILE *out, const char *path);
/* Whole characters of a JSON document, to a FILE: what print_safe() would replace is written as \u
 * escapes, so that the value stays as it is. For json_dump_callback(): -1 when it cannot be. */
int print_json_text(const char *text, size_t n, void *file);
/* How many columns print_safe(s) takes (a character of UTF-8 counts as one). */
size_t safe_width(const char *s);

/* "12.3 MB" (powers of 1000), "1.2 M" (objects), "3 m 20 s": into buf, returned. */
char *human_bytes(char buf[32], int64_t bytes);
char *human_count(char buf[32], int64_t n);
char *human_ns(char buf[32], uint64_t ns);

/* "30s", "500ms", "2m", "1.5h": seconds without a unit. False when it is nothing of the kind. */
bool parse_time(const char *s, uint64_t *ns);

/* Of `candidates` (ended by NULL) the one nearest to what was typed, or NULL when none is near. */
const char *nearest(const char *typed, const char *const *candidates);

/* Progress on stderr, only on a terminal and only when more than two seconds have passed.
 * NULL what: done, wipes the line. */
void progress(const char *what, uint64_t done, uint64_t total);

#endif
