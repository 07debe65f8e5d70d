/*
 * out_svg.c - a ranked profile as a still flame graph: an SVG that any browser shows, with the
 * figures of each box as its tooltip. Of two snapshots: red grows, blue shrinks, and a box is as
 * wide as the larger side of each stack, summed.
 *
 * Owns the drawing; the tree is calltree.c's. Boxes too narrow to be seen are left out.
 */
#include "calltree.h"
#include "out.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { WIDTH = 1200, ROW = 17, MARGIN = 10, TOP = 52, DEEPEST = 1000 };
#define LEAST  0.3 /* pixels */
#define LETTER 6.7

/* By node of the tree; sums over what is below. */
struct drawing {
	FILE *file;
	const struct profile *p;
	enum column column;
	struct calltree tree;
	double *now, *base, *width;
	struct call_children children;
	uint32_t depth;
	struct box {
		uint32_t node, level;
		double x;
	} * box;
	uint32_t n_boxes, cap_boxes;
	bool failed;
};

/* ---- sums ---- */

static void add_row(struct drawing *d, size_t i, uint32_t *cap)
{
	const struct row *r = profile_row(d->p, i);
	uint32_t node = calltree_add(&d->tree, r), n = d->tree.n_nodes;
	double value = (double)r->value[d->column], base = (double)r->base[d->column];

	if (n > *cap) {
		uint32_t old = *cap;
		*cap = n * 2;
		d->now = xrealloc(d->now, *cap * sizeof(double));
		d->base = xrealloc(d->base, *cap * sizeof(double));
		memset(d->now + old, 0, (*cap - old) * sizeof(double));
		memset(d->base + old, 0, (*cap - old) * sizeof(double));
	}
	d->now[node] += fmax(0, value + base);
	d->base[node] += fmax(0, base);
}

static void sum_up(struct drawing *d)
{
	uint32_t n = d->tree.n_nodes;

	d->width = xcalloc(n, sizeof(double));
	for (uint32_t i = 0; i < n; i++)
		d->width[i] = fmax(d->now[i], d->base[i]);
	for (uint32_t i = n; i-- > 1;) {
		uint32_t parent = d->tree.node[i].parent;
		d->now[parent] += d->now[i];
		d->base[parent] += d->base[i];
		d->width[parent] += d->width[i];
	}
}

/* ---- layout ---- */

static int wider_first(const void *a, const void *b, void *ctx)
{
	const double *width = ctx;
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	if (width[x] != width[y])
		return width[x] > width[y] ? -1 : 1;
	return x < y ? -1 : x > y;
}

/* Puts the children of a box above it, the widest first. */
static void add_children(struct drawing *d, struct box at, double scale)
{
	uint32_t n = 0, cap = 0, *list = NULL;

	if (at.level >= DEEPEST)
		return;
	for (uint32_t c = d->children.first[at.node]; c; c = d->children.next[c]) {
		if (d->width[c] * scale < LEAST)
			continue;
		list = xgrow(list, n, &cap, sizeof(*list));
		list[n++] = c;
	}
	if (n)
		qsort_r(list, n, sizeof(*list), wider_first, d->width);
	for (uint32_t i = 0; i < n; i++) {
		d->box = xgrow(d->box, d->n_boxes, &d->cap_boxes, sizeof(*d->box));
		d->box[d->n_boxes++] = (struct box){list[i], at.level + 1, at.x};
		at.x += d->width[list[i]] * scale;
	}
	free(list);
}

static void lay_out(struct drawing *d)
{
	double scale = d->width[0] > 0 ? (WIDTH - 2 * MARGIN) / d->width[0] : 0;

	calltree_children(&d->tree, &d->children);
	d->box = xgrow(d->box, 0, &d->cap_boxes, sizeof(*d->box));
	d->box[d->n_boxes++] = (struct box){0, 0, MARGIN};
	for (uint32_t i = 0; i < d->n_boxes; i++) {
		add_children(d, d->box[i], scale);
		if (d->box[i].level > d->depth)
			d->depth = d->box[i].level;
	}
}

/* ---- drawing ---- */

/* As text of XML: names are other people's. At most `most` characters, 0: all. */
static void put_text(struct drawing *d, const char *text, size_t most)
{
	struct str safe = {0};
	size_t n = 0;

	str_add_safe(&safe, text);
	bool cut = most && safe_width(text) > most;
	for (const char *c = safe.data; c && *c; c++) {
		/* Bytes that go on with a character of UTF-8 are no character of their own. */
		if ((*c & 0xC0) != 0x80 && cut && ++n > most - 1) {
			fputs("\xE2\x80\xA6", d->file);
			break;
		}
		if (*c == '<')
			fputs("&lt;", d->file);
		else if (*c == '>')
			fputs("&gt;", d->file);
		else if (*c == '&')
			fputs("&amp;", d->file);
		else if (*c == '"')
			fputs("&quot;", d->file);
		else
			fputc(*c, d->file);
	}
	str_free(&safe);
}

static const char *figure(char buf[32], const struct drawing *d, double n)
{
	int64_t value = (int64_t)n;

	return d->column == ALLOC_SPACE || d->column == INUSE_SPACE ? human_bytes(buf, value)
	                                                            : human_count(buf, value);
}

static unsigned hash(const char *s)
{
	unsigned h = 2166136261u;

	for (; *s; s++)
		h = (h ^ (unsigned char)*s) * 16777619u;
	return h;
}

/* A hue for each module, a shade for each function. */
static void put_color(struct drawing *d, uint32_t node)
{
	if (!node) {
		fputs("hsl(210,8%,88%)", d->file);
		return;
	}
	const struct call_frame *f = &d->tree.frame[d->tree.node[node].frame];
	fprintf(d->file, "hsl(%u,76%%,%u%%)", 6 + hash(f->module) % 50,
	        72 + hash(f->function) % 10);
}

/* Red where it grows, blue where it shrinks, the paler the smaller its share of the larger side. */
static void put_difference_color(struct drawing *d, uint32_t node)
{
	double now = d->now[node], base = d->base[node], larger = fmax(now, base);
	double share = larger > 0 ? (now - base) / larger : 0, strength = sqrt(fabs(share));

	fprintf(d->file, "hsl(%d,%.0f%%,%.0f%%)", share < 0 ? 213 : 4,
	        fabs(share) < 0.001 ? 6 : 20 + 60 * strength, 88 - 26 * strength);
}

static const char *name_of(const struct drawing *d, uint32_t node)
{
	return node ? d->tree.frame[d->tree.node[node].frame].function : "all";
}

static void put_box(struct drawing *d, const struct box *b, double scale)
{
	double w = d->width[b->node] * scale, now = d->now[b->node], base = d->base[b->node];
	unsigned y = TOP + (d->depth - b->level) * ROW;
	char a[32], c[32], e[32];

	fprintf(d->file, "<g><title>");
	put_text(d, name_of(d, b->node), 0);
	if (d->p->a)
		fprintf(d->file, ": %s, then %s (%s%s)", figure(a, d, base), figure(c, d, now),
		        now > base ? "+" : "", figure(e, d, now - base));
	else
		fprintf(d->file, ": %s, %.1f %%", figure(a, d, now),
		        d->width[0] > 0 ? 100 * now / d->width[0] : 0);
	fprintf(d->file, "</title><rect x=\"%.1f\" y=\"%u\" width=\"%.1f\" height=\"%d\" fill=\"",
	        b->x, y, w > 1 ? w - 0.4 : w, ROW - 1);
	if (d->p->a)
		put_difference_color(d, b->node);
	else
		put_color(d, b->node);
	fputs("\"/>", d->file);
	if (w > 3 * LETTER) {
		fprintf(d->file, "<text x=\"%.1f\" y=\"%u\">", b->x + 3, y + ROW - 5);
		put_text(d, name_of(d, b->node), (size_t)((w - 6) / LETTER));
		fputs("</text>", d->file);
	}
	d->failed |= fputs("</g>\n", d->file) < 0;
}

static void put_head(struct drawing *d)
{
	const struct info *i = &d->p->b->info;
	unsigned height = TOP + (d->depth + 1) * ROW + MARGIN;
	char a[32], b[32];

	fprintf(d->file,
	        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
	        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %u\" width=\"%d\" "
	        "height=\"%u\" role=\"img\">\n"
	        "<style>text{font:11px ui-monospace,'DejaVu Sans "
	        "Mono',Menlo,monospace;fill:#1c1410}"
	        ".h{font:600 14px system-ui,'DejaVu Sans',sans-serif}.d{font:12px "
	        "system-ui,'DejaVu Sans',sans-serif;fill:#5c6870}"
	        "rect:hover{stroke:#000}</style>\n"
	        "<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n"
	        "<text class=\"h\" x=\"%d\" y=\"22\">",
	        WIDTH, height, WIDTH, height, MARGIN);
	put_text(d, *INFO_S(i, COMMAND) ? INFO_S(i, COMMAND) : "(unnamed)", 0);
	fprintf(d->file, " (pid %llu): %s</text>\n<text class=\"d\" x=\"%d\" y=\"40\">",
	        (unsigned long long)INFO_U(i, PID), column_name[d->column], MARGIN);
	if (d->p->a)
		fprintf(d->file, "%s, then %s; red grows, blue shrinks, width: the larger side",
		        figure(a, d, d->base[0]), figure(b, d, d->now[0]));
	else
		fprintf(d->file, "%s in all", figure(a, d, d->now[0]));
	fputs("</text>\n", d->file);
}

int out_svg(FILE *f, const struct profile *p, const struct out_options *o, struct err *err)
{
	struct drawing d = {.file = f, .p = p, .column = o->sort};
	size_t n = p->a && !o->churn ? p->n_rows - p->n_churn : p->n_rows;
	uint32_t cap = 1;

	calltree_start(&d.tree, o->raw, false);
	d.now = xcalloc(1, sizeof(double));
	d.base = xcalloc(1, sizeof(double));
	for (size_t i = 0; i < n; i++)
		add_row(&d, i, &cap);
	sum_up(&d);
	lay_out(&d);
	put_head(&d);
	double scale = d.width[0] > 0 ? (WIDTH - 2 * MARGIN) / d.width[0] : 0;
	for (uint32_t i = 0; i < d.n_boxes; i++)
		put_box(&d, &d.box[i], scale);
	d.failed |= fputs("</svg>\n", f) < 0;
	calltree_free(&d.tree);
	free(d.now);
	free(d.base);
	free(d.width);
	call_children_free(&d.children);
	free(d.box);
	if (fflush(f) || d.failed)
		return err_set(err, "cannot write the SVG: %m");
	return 0;
}
