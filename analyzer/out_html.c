/*
 * out_html.c - a report as one HTML file that needs nothing else: style, script and data in it.
 *
 * Owns the frame and what is said of the snapshot itself. Names in a snapshot are other people's:
 * data goes into a script element of type application/json, in which no '<' is ever written, so
 * that no name can end it; the page's script puts it on the screen as text, never as HTML.
 */
#include "out_html.h"

#include "notes.h"
#include "reach.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* out_html_page.S: the files of analyzer/report. */
extern const char page_html[], page_css[], page_js[];

/* ---- a stream that writes no '<' ---- */

static ssize_t write_escaped(void *cookie, const char *buf, size_t n)
{
	FILE *f = cookie;

	for (size_t done = 0; done < n;) {
		const char *at = memchr(buf + done, '<', n - done);
		size_t plain = at ? (size_t)(at - buf) - done : n - done;
		if (fwrite(buf + done, 1, plain, f) != plain)
			return 0;
		done += plain;
		if (at && fputs("\\u003c", f) < 0)
			return 0;
		done += at != NULL;
	}
	return (ssize_t)n;
}

static FILE *escaped(FILE *f)
{
	return fopencookie(f, "w", (cookie_io_functions_t){.write = write_escaped});
}

/* ---- what is said of the snapshots ---- */

/* The lines that stand above a table elsewhere. */
static json_t *warnings_of(const struct snapshot *a, const struct snapshot *b, bool same_run)
{
	json_t *list = json_array();
	char *text = NULL, *rest = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);
	struct page page = {.file = f};

	if (!f)
		return list;
	if (a && !same_run)
		notes_warnings(&page, a);
	notes_warnings(&page, b);
	page_end(&page, NULL);
	fclose(f);
	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		json_array_append_new(list, document_text(line + strspn(line, " ")));
	free(text);
	return list;
}

static json_t *settings(const struct snapshot *s)
{
	json_t *o = json_object();

	json_object_set_new(o, "version", document_text(INFO_S(&s->info, VERSION)));
	json_object_set_new(o, "options", document_text(INFO_S(&s->info, OPTIONS)));
	json_object_set_new(o, "allocator", document_text(INFO_S(&s->info, ALLOCATOR)));
	json_object_set_new(o, "cwd", document_text(INFO_S(&s->info, CWD)));
	json_object_set_new(o, "sample", document_number(INFO_U(&s->info, SAMPLE)));
	json_object_set_new(o, "depth", document_number(INFO_U(&s->info, DEPTH)));
	json_object_set_new(o, "final", json_boolean(snapshot_is_final(s)));
	json_object_set_new(o, "lost", document_number(addu_sat(snapshot_lost(s), kinds_lost(s))));
	return o;
}

static json_t *totals(const int64_t total[2][N_COLUMNS])
{
	json_t *o = json_object();

	json_object_set_new(o, "heap", document_columns(total[FMT_KIND_HEAP]));
	json_object_set_new(o, "mmap", document_columns(total[FMT_KIND_MMAP]));
	return o;
}

static void put_modules(struct page_data *w, const struct snapshot *s)
{
	document_open_rows(&w->d, "modules");
	for (uint32_t i = 1; i < s->n_modules; i++) {
		json_t *o = json_object();
		json_object_set_new(o, "path", document_text(s->module[i].path));
		json_object_set_new(o, "build_id", document_text(s->module[i].build_id));
		json_object_set_new(o, "unloaded",
		                    json_boolean(s->module[i].flags & FMT_MODULE_UNLOADED));
		document_row(&w->d, o);
	}
	document_close_rows(&w->d);
}

static void put_who(struct page_data *w)
{
	const struct profile *p = w->r->profile;
	struct document *d = &w->d;

	document_put(d, "tool", json_string(OUTLIVE_VERSION));
	document_put(d, "snapshot", document_snapshot(p->b));
	document_put(d, "audit", document_audit(p->b));
	document_put(d, "settings", settings(p->b));
	document_put(d, "warnings", warnings_of(p->a, p->b, p->same_run));
	document_put(d, "hints", document_hints(&w->r->hints));
	document_put(d, "totals", totals(p->total));
	document_put(d, "reach", reach_scan_json(p->b, &p->reach));
	document_put(d, "raw", json_boolean(w->r->raw));
	if (!p->a)
		return;
	json_t *base = json_object();
	json_object_set_new(base, "snapshot", document_snapshot(p->a));
	json_object_set_new(base, "audit", document_audit(p->a));
	json_object_set_new(base, "totals", totals(p->base_total));
	json_object_set_new(base, "same_run", json_boolean(p->same_run));
	json_object_set_new(base, "swapped", json_boolean(p->swapped));
	json_object_set_new(base, "since_ns", document_number(p->since_ns));
	json_object_set_new(base, "unmatched", document_number(p->n_unmatched));
	document_put(d, "base", base);
}

/* ---- the page ---- */

static int put_data(FILE *f, const struct report *r, struct err *err)
{
	struct page_data w = {.d.file = escaped(f), .r = r};

	if (!w.d.file)
		return err_set(err, "cannot write the report: %s", strerror(errno));
	calltree_start(&w.tree, r->raw, true);
	put_who(&w);
	put_modules(&w, r->profile->b);
	page_rows(&w);
	page_kinds(&w);
	page_trace(&w);
	page_moments(&w);
	page_sources(&w);
	page_tree(&w);
	int rc = document_end(&w.d, err);
	if (fclose(w.d.file) && !rc)
		rc = err_set(err, "cannot write the report: %s", strerror(errno));
	calltree_free(&w.tree);
	ids_free(&w.strings);
	return rc;
}

/* The template up to a mark, and on from behind it. */
static const char *put_up_to(FILE *f, const char *at, const char *mark)
{
	const char *end = strstr(at, mark);

	if (!end)
		return at;
	fwrite(at, 1, (size_t)(end - at), f);
	return end + strlen(mark);
}

int out_html(FILE *f, const struct report *r, struct err *err)
{
	const char *at = put_up_to(f, page_html, "@CSS@");

	fputs(page_css, f);
	at = put_up_to(f, at, "@DATA@");
	if (put_data(f, r, err))
		return -1;
	at = put_up_to(f, at, "@NONCE@");
	if (r->nonce)
		fprintf(f, " nonce=\"%s\"", r->nonce);
	at = put_up_to(f, at, "@JS@");
	fputs(page_js, f);
	fputs(at, f);
	if (fflush(f) || ferror(f))
		return err_set(err, "cannot write the report: %s", strerror(errno));
	return 0;
}
