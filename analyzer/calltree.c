/*
 * calltree.c - merges stacks into a tree. A snapshot's own tree is of addresses; here frames are
 * functions (or lines of them), of both snapshots of a diff.
 *
 * Owns the tree. Each node of a snapshot is looked at once, however many stacks go through it: a
 * small file can hold stacks that take hundreds of GB when they are written out.
 */
#include "calltree.h"

#include <stdlib.h>

void calltree_start(struct calltree *t, bool raw, bool lines)
{
	*t = (struct calltree){.raw = raw, .lines = lines};
	t->node = xgrow(t->node, 0, &t->cap_nodes, sizeof(*t->node));
	t->node[t->n_nodes++] = (struct call_node){0, 0};
}

static uint32_t add_frame(struct calltree *t, const struct call_frame *f)
{
	struct ids_key key = {
	        {(uintptr_t)f->function, (uintptr_t)f->file, (uintptr_t)f->module, f->number}};
	bool is_new;
	uint32_t i = ids_get(&t->by_frame, key, &is_new);

	if (is_new) {
		t->frame = xgrow(t->frame, t->n_frames, &t->cap_frames, sizeof(*t->frame));
		t->frame[t->n_frames++] = *f;
	}
	return i;
}

static const char *nameless(const struct module *m, uint64_t address)
{
	const char *base = module_basename(m);
	char *text = *base ? xasprintf("%s+0x%llx", base, (unsigned long long)address)
	                   : xasprintf("0x%llx", (unsigned long long)address);
	const char *name = intern(text);

	free(text);
	return name;
}

static uint32_t frame_of(struct calltree *t, const struct snapshot *s, const struct location *loc,
                         uint32_t line)
{
	const struct line *l = line < loc->n_lines ? &loc->line[line] : NULL;
	const struct module *m = &s->module[loc->module];
	struct call_frame f = {.module = m->path};

	if (!l || !l->function) {
		f.function = nameless(m, loc->address);
		f.nameless = true;
		return add_frame(t, &f);
	}
	f.function = l->function;
	f.file = l->file;
	f.number = t->lines ? l->number : 0;
	return add_frame(t, &f);
}

static uint32_t child(struct calltree *t, uint32_t parent, uint32_t frame)
{
	uint32_t number = edges_child(&t->edges, parent, frame);

	if (number < t->n_nodes)
		return number;
	t->node = xgrow(t->node, t->n_nodes, &t->cap_nodes, sizeof(*t->node));
	t->node[t->n_nodes++] = (struct call_node){parent, frame};
	return number;
}

/* The lines of a location from its outermost function in to line `last`. */
static uint32_t add_location(struct calltree *t, const struct snapshot *s, uint32_t at,
                             uint32_t location, uint32_t last)
{
	const struct location *loc = &s->location[location];

	if (!loc->n_lines)
		return child(t, at, frame_of(t, s, loc, 0));
	for (uint32_t i = loc->n_lines; i-- > last;)
		at = child(t, at, frame_of(t, s, loc, i));
	return at;
}

static struct call_side *side_of(struct calltree *t, const struct snapshot *s)
{
	struct call_side *side = !t->side[0].s || t->side[0].s == s ? &t->side[0] : &t->side[1];

	if (side->s != s) {
		side->s = s;
		side->of = xcalloc((size_t)s->n_nodes + 1, sizeof(*side->of));
	}
	return side;
}

/* The node here of a whole stack of a snapshot. */
static uint32_t add_stack(struct calltree *t, const struct snapshot *s, uint32_t node)
{
	struct call_side *side = side_of(t, s);
	uint32_t n = 0, at = 0;

	for (; node && !side->of[node]; node = s->node[node].parent) {
		t->path = xgrow(t->path, n, &t->cap_path, sizeof(*t->path));
		t->path[n++] = node;
	}
	if (node)
		at = side->of[node] - 1;
	while (n--) {
		node = t->path[n];
		at = add_location(t, s, at, s->node[node].location, 0);
		side->of[node] = at + 1;
	}
	return at;
}

static uint32_t add_marker(struct calltree *t, uint32_t at, const char *text)
{
	struct call_frame f = {.function = intern(text), .module = ""};

	return child(t, at, add_frame(t, &f));
}

uint32_t calltree_add(struct calltree *t, const struct row *r)
{
	const struct snapshot *s = r->snapshot;
	uint32_t node = s->stack[r->stack].node, at;

	if (!node) {
		at = add_marker(t, 0, "[unknown stack]");
	} else if (t->raw) {
		at = add_stack(t, s, node);
	} else {
		for (uint32_t f = 0; f < r->site_frame; f++)
			node = s->node[node].parent;
		at = add_stack(t, s, s->node[node].parent);
		at = add_location(t, s, at, s->node[node].location, r->site_line);
	}
	return r->kind == FMT_KIND_MMAP ? add_marker(t, at, "[mmap]") : at;
}

void calltree_free(struct calltree *t)
{
	free(t->frame);
	free(t->node);
	free(t->path);
	free(t->side[0].of);
	free(t->side[1].of);
	ids_free(&t->by_frame);
	edges_free(&t->edges);
	*t = (struct calltree){0};
}

/* ---- the other way ---- */

void calltree_children(const struct calltree *t, struct call_children *c)
{
	c->first = xcalloc(t->n_nodes, sizeof(*c->first));
	c->next = xcalloc(t->n_nodes, sizeof(*c->next));
	for (uint32_t i = t->n_nodes; i-- > 1;) {
		c->next[i] = c->first[t->node[i].parent];
		c->first[t->node[i].parent] = i;
	}
}

void call_children_free(struct call_children *c)
{
	free(c->first);
	free(c->next);
	*c = (struct call_children){0};
}

uint32_t *calltree_order(const struct calltree *t)
{
	uint32_t *place = xcalloc(t->n_nodes, sizeof(*place)), n = 0;
	struct call_children c;

	calltree_children(t, &c);
	for (uint32_t node = c.first[0]; node;) {
		place[node] = ++n;
		if (c.first[node]) {
			node = c.first[node];
			continue;
		}
		while (node && !c.next[node])
			node = t->node[node].parent;
		node = c.next[node];
	}
	call_children_free(&c);
	return place;
}
