/*
 * out_stack.c - where something was made, as lines of a page: the first own frame, its callers.
 * Wrappers and the C library's frames are not the reader's business.
 */
#include "out_stack.h"

#include <string.h>

enum { CALLERS = 6 };

static void note_nameless(struct nameless *all, const struct module *m)
{
	for (unsigned i = 0; i < all->n; i++)
		if (!strcmp(all->module[i]->path, m->path))
			return;
	if (all->n < 8 && *m->path)
		all->module[all->n++] = m;
}

/* The name of one line of a location: "function", "libfoo.so+0x1234". */
static void add_function(struct page *page, enum style style, const struct row *r,
                         const struct location *loc, uint32_t line, bool wide,
                         struct nameless *nameless)
{
	const struct module *m = &r->snapshot->module[loc->module];

	if (line < loc->n_lines && loc->line[line].function) {
		page_add_name(page, style, loc->line[line].function, wide);
		return;
	}
	note_nameless(nameless, m);
	page_addf(page, style, "%s%s0x%llx", module_basename(m), *m->path ? "+" : "",
	          (unsigned long long)loc->address);
}

static void add_place(struct page *page, const struct location *loc, uint32_t line, bool wide)
{
	const char *file = line < loc->n_lines ? loc->line[line].file : NULL;

	if (!file)
		return;
	const char *slash = strrchr(file, '/');
	if (loc->line[line].number)
		page_addf(page, STYLE_DIM, "  %s:%u", wide || !slash ? file : slash + 1,
		          loc->line[line].number);
	else
		page_addf(page, STYLE_DIM, "  %s", wide || !slash ? file : slash + 1);
}

static void add_module(struct page *page, const struct row *r, const struct location *loc,
                       bool wide)
{
	const struct module *m = &r->snapshot->module[loc->module];

	if (*m->path)
		page_addf(page, STYLE_DIM, "  (%s)", wide ? m->path : module_basename(m));
}

static size_t site_width(const struct page *page, const struct row *r, bool wide)
{
	const struct location *loc = r->frame[r->site_frame];
	const struct line *l = loc->n_lines ? &loc->line[r->site_line] : NULL;
	const char *base = module_basename(&r->snapshot->module[loc->module]);
	size_t n = safe_width(base) + 4;

	n += l && l->function ? page_name_width(page, l->function, wide) : safe_width(base) + 14;
	if (l && l->file) {
		const char *slash = strrchr(l->file, '/');
		n += safe_width(slash ? slash + 1 : l->file) + 8;
	}
	return n;
}

void out_stack_site(struct page *page, const struct row *r, const struct out_options *o,
                    struct nameless *nameless)
{
	/* Behind figures; a line that has hardly begun gains nothing by another. */
	if (page->width && page->columns > 20 && r->n_frames &&
	    page->columns + 2 + site_width(page, r, o->wide) > page->width) {
		page_end_line(page);
		page_pad(page, 6);
	} else {
		page_add(page, STYLE_PLAIN, "  ");
	}
	if (r->kind == FMT_KIND_MMAP)
		page_add(page, STYLE_PLAIN, "mmap: ");
	if (!r->n_frames) {
		page_add(page, STYLE_BOLD, "(no stack known)");
		page_end_line(page);
		return;
	}
	const struct location *loc = r->frame[r->site_frame];
	add_function(page, STYLE_BOLD, r, loc, r->site_line, o->wide, nameless);
	add_place(page, loc, r->site_line, o->wide);
	add_module(page, r, loc, o->wide);
	page_end_line(page);
}

static const char *broken_end(const struct row *r)
{
	uint32_t flags = r->n_frames ? r->frame[r->n_frames - 1]->flags : 0;

	if (flags & FMT_NODE_TRUNCATED && !INFO_U(&r->snapshot->info, DEPTH))
		return "(the stack is deeper than is shown)";
	if (flags & FMT_NODE_TRUNCATED)
		return "(the stack was deeper than was kept: depth=N in OUTLIVE_OPTIONS)";
	if (flags & FMT_NODE_BROKEN)
		return "(the stack could not be followed further)";
	return NULL;
}

void out_stack_callers(struct page *page, const struct row *r, const struct out_options *o,
                       struct nameless *nameless)
{
	static const struct line no_line;
	uint32_t shown = 0, hidden = 0, module = r->n_frames ? r->frame[r->site_frame]->module : 0;

	for (uint32_t f = r->site_frame; f < r->n_frames; f++) {
		const struct location *loc = r->frame[f];
		uint32_t n = loc->n_lines ? loc->n_lines : 1;
		for (uint32_t i = f == r->site_frame ? r->site_line + 1 : 0; i < n; i++) {
			const struct line *l = loc->n_lines ? &loc->line[i] : &no_line;
			if (!o->raw && fold_is_wrapper(l, &r->snapshot->module[loc->module]))
				continue;
			if (shown == CALLERS && !o->wide && !o->raw && !o->callers) {
				hidden++;
				continue;
			}
			shown++;
			page_pad(page, 10);
			add_function(page, STYLE_PLAIN, r, loc, i, o->wide, nameless);
			add_place(page, loc, i, o->wide);
			if (loc->module != module || o->wide)
				add_module(page, r, loc, o->wide);
			module = loc->module;
			page_end_line(page);
		}
	}
	if (hidden || broken_end(r)) {
		page_pad(page, 10);
		if (hidden)
			page_addf(page, STYLE_DIM, "... %u more (--wide)", hidden);
		if (broken_end(r))
			page_addf(page, STYLE_DIM, "%s%s", hidden ? ", " : "", broken_end(r));
		page_end_line(page);
	}
}

void out_stack_nameless(struct page *page, const struct nameless *nameless)
{
	struct str s = {0};

	if (!nameless->n)
		return;
	str_add(&s, "no names known for frames in");
	for (unsigned i = 0; i < nameless->n; i++)
		str_addf(&s, "%s %s", i ? "," : "", module_basename(nameless->module[i]));
	str_add(&s, " (`outlive info` says why)");
	page_wrap(page, STYLE_PLAIN, 2, 4, s.data);
	str_free(&s);
}
