/*
 * out_residue.c - what is left over, as four short tables, worst first; a line a group: how many,
 * why it is a leak, the first own frame of where it was made, a few words. The verb that shows more
 * heads each table.
 */
#include "residue.h"

#include "notes.h"
#include "out_kinds.h"
#include "reach.h"

#include <string.h>

static const char *const title[N_KINDS] = {"threads", "timers", "descriptors"};

/* A command that is cut cannot be typed: where it has no room it takes a line of its own. */
static void print_head(struct page *page, const char *text, const char *verb, const char *path)
{
	struct str command = {0};

	str_addf(&command, "  (outlive %s %s)", verb, path);
	page_add(page, STYLE_BOLD, text);
	if (page->width && page->columns + safe_width(command.data) > page->width)
		page_end_line(page);
	page_add(page, STYLE_DIM, command.data);
	page_end_line(page);
	str_free(&command);
}

/* "function  file.c:12" of the row's first own frame. */
static void add_site(struct page *page, const struct row *r)
{
	if (!r->n_frames) {
		page_add(page, STYLE_PLAIN, "(no stack known)");
		return;
	}
	const struct location *loc = r->frame[r->site_frame];
	const struct module *m = &r->snapshot->module[loc->module];
	const struct line *l = r->site_line < loc->n_lines ? &loc->line[r->site_line] : NULL;
	if (l && l->function)
		page_add_name(page, STYLE_PLAIN, l->function, false);
	else
		page_addf(page, STYLE_PLAIN, "%s+0x%llx", module_basename(m),
		          (unsigned long long)loc->address);
	if (l && l->file) {
		const char *slash = strrchr(l->file, '/');
		page_addf(page, STYLE_DIM, "  %s:%u", slash ? slash + 1 : l->file, l->number);
	}
}

/* ---- tables ---- */

/* Leaks that no rule excuses come before what is none. */
static size_t n_leaks(const struct kind_table *t)
{
	size_t n = 0;

	while (n < t->n && t->group[n].leak && !t->group[n].rule)
		n++;
	return n;
}

static void print_group(struct page *page, struct kinds *k, const struct group *g)
{
	char count[32], words[256];

	page_addf(page, STYLE_PLAIN, "%9s  %-13s  ", human_count(count, (int64_t)g->count),
	          leak_name[g->leak]);
	add_site(page, kinds_row(k, g->stack));
	if (*out_group_words(words, sizeof(words), k, g)) {
		page_add(page, STYLE_DIM, "  ");
		page_add(page, STYLE_DIM, words);
	}
	page_end_line(page);
}

static void print_more(struct page *page, size_t n)
{
	if (!n)
		return;
	page_addf(page, STYLE_PLAIN, "%9s  %zu more place%s", "...", n, n == 1 ? "" : "s");
	page_end_line(page);
}

static void print_kind(struct page *page, struct kinds *k, enum object_kind kind, const char *path,
                       const struct out_options *o)
{
	const struct kind_table *t = &k->table[kind];
	size_t all = n_leaks(t), n = o->n && o->n < all ? o->n : all;
	char text[64];

	if (!all)
		return;
	snprintf(text, sizeof(text), "%s: %llu", title[kind], (unsigned long long)t->leaks);
	print_head(page, text, kind_name[kind], path);
	for (size_t i = 0; i < n; i++)
		print_group(page, k, &t->group[i]);
	print_more(page, all - n);
}

static void print_heap(struct page *page, struct residue *r, const char *path,
                       const struct out_options *o)
{
	const struct profile *p = r->profile;
	int64_t objects = 0, space = 0;
	char a[32], b[32], text[160];

	for (int kind = 0; kind < 2; kind++) {
		objects = add_sat(objects, p->total[kind][INUSE_OBJECTS]);
		space = add_sat(space, p->total[kind][INUSE_SPACE]);
	}
	objects = sub_sat(objects, r->known_objects);
	space = sub_sat(space, r->known_space);
	if (objects <= 0)
		return;
	snprintf(text, sizeof(text), "heap%s: %s in %s block%s still in use %s%s",
	         p->total[FMT_KIND_MMAP][INUSE_OBJECTS] > 0 ? " and mappings" : "",
	         human_bytes(a, space), human_count(b, objects), objects == 1 ? "" : "s",
	         r->kinds->final ? "at the end" : "then",
	         snapshot_scan(p->b) == FMT_SCAN_DONE ? "" : " (not a verdict)");
	print_head(page, text, "top", path);
	reach_heading(page, p->b, &p->reach);
	for (size_t i = 0; i < r->n_sites && (!o->n || i < o->n); i++) {
		const struct residue_site *site = &r->site[i];
		page_addf(page, STYLE_PLAIN, "%9s  in %-10s  ", human_bytes(a, site->space),
		          human_count(b, site->objects));
		add_site(page, profile_row(p, site->row));
		page_end_line(page);
	}
}

static void print_known(struct page *page, const struct residue *r)
{
	struct str s = {0};
	char a[32], b[32];

	if (!r->known_things && !r->known_objects)
		return;
	str_add(&s, "known and harmless, not shown: ");
	if (r->known_things)
		str_addf(&s, "%s thread%s, timers or descriptors%s",
		         human_count(a, (int64_t)r->known_things), "s",
		         r->known_objects ? "; " : "");
	if (r->known_objects)
		str_addf(&s, "%s in %s block%s", human_bytes(a, r->known_space),
		         human_count(b, r->known_objects), r->known_objects == 1 ? "" : "s");
	str_add(&s, " (outlive rules)");
	page_wrap(page, STYLE_DIM, 0, 2, s.data);
	str_free(&s);
}

int out_text_residue(FILE *f, struct residue *r, const char *path, const struct out_options *o,
                     struct err *err)
{
	struct page page = {.file = f, .width = o->width, .color = o->color};

	if (!r->kinds->final)
		page_wrap(&page, STYLE_PLAIN, 0, 2,
		          "This snapshot is not of the process's end: what was there then may yet "
		          "be given back, and is not called a leak.");
	for (int kind = 0; kind < N_KINDS; kind++)
		print_kind(&page, r->kinds, (enum object_kind)kind, path, o);
	if (!residue_findings(r))
		notes_other_kinds(&page, r->kinds->b, "nothing left behind");
	notes_left_out(&page, r->kinds->b, ~UINT64_C(0));
	print_heap(&page, r, path, o);
	print_known(&page, r);
	if (kinds_lost(r->kinds->b))
		page_wrap(&page, STYLE_WARNING, 0, 2,
		          "warning: not all threads, timers and descriptors are in the tables "
		          "(outlive info)");
	return page_end(&page, err);
}

/* ---- JSON ---- */

static json_t *heap_row(const struct residue *r, const struct residue_site *site)
{
	const struct row *row = profile_row(r->profile, site->row);
	json_t *o = json_object();

	json_object_set_new(o, "kind", json_string(row->kind == FMT_KIND_MMAP ? "mmap" : "heap"));
	json_object_set_new(o, "inuse_objects", json_integer(site->objects));
	json_object_set_new(o, "inuse_space", json_integer(site->space));
	json_object_set_new(o, "verdict", document_text(reach_verdict(row->reach)));
	json_object_set_new(o, "reach", reach_json(row->reach));
	json_object_set_new(o, "site", document_site(row));
	/* Of the largest of its rows. */
	json_object_set_new(o, "stack", document_stack(row));
	return o;
}

static json_t *heap(const struct residue *r, const struct out_options *o)
{
	const struct profile *p = r->profile;
	json_t *all = json_object(), *rows = json_array();

	json_object_set_new(all, "heap", document_columns(p->total[FMT_KIND_HEAP]));
	json_object_set_new(all, "mmap", document_columns(p->total[FMT_KIND_MMAP]));
	for (size_t i = 0; i < r->n_sites && (!o->n || i < o->n); i++)
		json_array_append_new(rows, heap_row(r, &r->site[i]));
	json_object_set_new(all, "reach", reach_scan_json(p->b, &p->reach));
	json_object_set_new(all, "rows", rows);
	return all;
}

int out_json_residue(FILE *f, struct residue *r, const struct out_options *o, struct err *err)
{
	struct document d = {.file = f};
	json_t *known = json_object();

	json_object_set_new(known, "things", document_number(r->known_things));
	json_object_set_new(known, "inuse_objects", json_integer(r->known_objects));
	json_object_set_new(known, "inuse_space", json_integer(r->known_space));
	document_put(&d, "snapshot", document_snapshot(r->kinds->b));
	document_put(&d, "audit", document_audit(r->kinds->b));
	document_put(&d, "final", json_boolean(r->kinds->final));
	document_put(&d, "findings", document_number(residue_findings(r)));
	document_put(&d, "known", known);
	document_open_rows(&d, "rows");
	for (int kind = 0; kind < N_KINDS; kind++) {
		const struct kind_table *t = &r->kinds->table[kind];
		size_t n = n_leaks(t);
		for (size_t i = 0; i < n && (!o->n || i < o->n); i++)
			out_json_group(&d, r->kinds, &t->group[i], i + 1);
	}
	document_close_rows(&d);
	document_put(&d, "heap", heap(r, o));
	return document_end(&d, err);
}
