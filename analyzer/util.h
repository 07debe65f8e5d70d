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
enum { EXIT_CLEAN = 0, EXIT_FINDINGS = 1, EXIT_USAGE = 2, EXIT_UNREADABLE = 3, EXIT_NO_VERDICT = 4 };

struct err {
	char text[1024]; /* one line: what was wrong, where (file, offset), what to do */
};
/* Always returns -1, so that `return err_set(...)` reads well. err may be NULL. */
int err_set(struct err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Never return NULL: the analyzer ends with a line on stderr when memory is gone (exit 3). */
void *xmalloc(size_t n);
void *xcalloc(size_t n, size_t size);
void *xrealloc(void *p, size_t n);
char *xstrdup(const char *s);
char *xasprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* A growing string. Zero is valid and empty. data is always ended by NUL once something was added. */
struct str {
	char *data;
	size_t len, cap;
};
void str_add(struct str *s, const char *text);
void str_add_mem(struct str *s, const void *p, size_t n);
void str_addf(struct str *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void str_free(struct str *s);

/* Interned strings: equal strings have equal pointers, for the life of the process. */
const char *intern(const char *s);
const char *intern_mem(const char *s, size_t n);

/* For a terminal or a table: control characters and escapes replaced by '?', in a static or given buffer.
 * Names in snapshots are other people's text. */
void print_safe(FILE *out, const char *s);

/* "12.3 MB", "1.2 M" (objects), "3 m 20 s": into buf, returned. */
char *human_bytes(char buf[32], int64_t bytes);
char *human_count(char buf[32], int64_t n);
char *human_ns(char buf[32], uint64_t ns);

/* Progress on stderr, only on a terminal and only when more than two seconds have passed. NULL what: done, wipes the line. */
void progress(const char *what, uint64_t done, uint64_t total);

#endif
