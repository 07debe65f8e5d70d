/*
 * serve_index.c - a table of links, as Go's. Names of programs are other people's: they are
 * escaped.
 */
#include "serve_index.h"

#include <errno.h>
#include <string.h>

static void put_text(FILE *f, const char *text)
{
	struct str safe = {0};

	str_add_safe(&safe, text);
	for (const char *c = safe.data ? safe.data : ""; *c; c++) {
		const char *as = *c == '<'    ? "&lt;"
		                 : *c == '>'  ? "&gt;"
		                 : *c == '&'  ? "&amp;"
		                 : *c == '"'  ? "&quot;"
		                 : *c == '\'' ? "&#39;"
		                              : NULL;
		if (as)
			fputs(as, f);
		else
			fputc(*c, f);
	}
	str_free(&safe);
}

/* As part of an address. */
static void put_quoted(FILE *f, const char *text)
{
	for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
		if ((*c >= '0' && *c <= '9') || ((*c | 32) >= 'a' && (*c | 32) <= 'z') ||
		    strchr("-._~", *c))
			fputc(*c, f);
		else
			fprintf(f, "%%%02X", *c);
	}
}

static void put_link(FILE *f, const struct serve_index *x, const char *to, const char *argument,
                     const char *text)
{
	char mark = '?';

	fprintf(f, "<a href=\"%s", to);
	if (*argument) {
		fprintf(f, "?%s", argument);
		mark = '&';
	}
	if (x->pid) {
		fprintf(f, "%spid=%llu", mark == '?' ? "?" : "&amp;", (unsigned long long)x->pid);
		mark = '&';
	}
	if (x->token) {
		fprintf(f, "%stoken=", mark == '?' ? "?" : "&amp;");
		put_quoted(f, x->token);
	}
	fputs("\">", f);
	put_text(f, text);
	fputs("</a>", f);
}

static void put_row(FILE *f, const struct serve_index *x, uint64_t count, const char *name,
                    const char *what)
{
	fprintf(f, "<tr><td>%llu</td><td>", (unsigned long long)count);
	put_link(f, x, name, "debug=1", name);
	fputs("</td><td>", f);
	put_text(f, what);
	fputs("</td></tr>\n", f);
}

static void put_processes(FILE *f, const struct serve_index *x)
{
	fputs("<h2>Processes in the folder</h2>\n<ul>\n", f);
	for (size_t i = 0; i < x->images->n; i++) {
		const struct folder_image *m = &x->images->at[i];
		struct serve_index one = *x;
		char text[64];
		one.pid = m->pid;
		snprintf(text, sizeof(text), "pid %llu: %u snapshot%s", (unsigned long long)m->pid,
		         m->n, m->n == 1 ? "" : "s");
		fputs("<li>", f);
		put_link(f, &one, "./", "", text);
		fputs("</li>\n", f);
	}
	fputs("</ul>\n", f);
}

static const char head[] =
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
        "<meta name=\"color-scheme\" content=\"light dark\"><title>/debug/pprof/</title>\n"
        "<style>body{font:16px/1.5 sans-serif;margin:2em;max-width:50em}"
        "td{padding:.1em 1em .1em 0}td:first-child{text-align:right}</style></head><body>\n";

int serve_index(FILE *f, const struct serve_index *x, struct err *err)
{
	const struct snapshot *s = x->profile->b;
	uint64_t stacks = x->profile->n_rows;

	fputs(head, f);
	fputs("<h1>/debug/pprof/</h1>\n<p>", f);
	put_text(f, INFO_S(&s->info, COMMAND));
	fprintf(f, ", pid %llu</p>\n<table>\n<tr><td>Count</td><td>Profile</td><td></td></tr>\n",
	        (unsigned long long)INFO_U(&s->info, PID));
	put_row(f, x, stacks, "allocs", "all that was allocated so far, by stack");
	put_row(f, x, s->n_fds, "fd", "open descriptors, by where they were opened");
	if (x->live)
		put_row(f, x, s->n_tasks, "goroutine", "what each thread does now");
	put_row(f, x, stacks, "heap", "what is allocated and not given back, by stack");
	put_row(f, x, s->n_tasks, "threadcreate", "threads, by where they were created");
	put_row(f, x, s->n_timers, "timer", "timers, by where they were made");
	fputs("</table>\n<ul>\n<li>", f);
	put_link(f, x, "../../", "", "the report");
	fputs("</li>\n<li>", f);
	put_link(f, x, "../../metrics", "", "metrics, for Prometheus");
	fputs("</li>\n<li>", f);
	put_link(f, x, "cmdline", "", "the command line");
	fputs("</li>\n", f);
	if (x->live) {
		fputs("<li>", f);
		put_link(f, x, "goroutine", "debug=2", "all threads' stacks in full");
		fputs("</li>\n", f);
	}
	fputs("</ul>\n", f);
	if (x->images)
		put_processes(f, x);
	fputs("</body></html>\n", f);
	return fflush(f) || ferror(f) ? err_set(err, "cannot write the page: %s", strerror(errno))
	                              : 0;
}
