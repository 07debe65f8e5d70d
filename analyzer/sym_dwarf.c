/*
 * sym_dwarf.c - functions, inline chains and source lines for many addresses at once. libdw only
 * parses: its own searches walk a whole unit for each address (34 s for 10,000). Here the addresses
 * are known beforehand and sorted, and the DIE tree of a unit is walked once: each function and
 * inlined call "paints" the addresses in its ranges with itself, the inner over the outer; what has
 * no address of ours in it is not entered. Units without addresses are only asked for their ranges.
 * Context: the analyzer's one thread.
 */
#include <dwarf.h>
#include <elfutils/libdw.h>
#include <stdlib.h>
#include <string.h>

#include "demangle.h"
#include "sym.h"
#include "sym_line.h"
#include "sym_name.h"

#define NO_SCOPE UINT32_MAX
enum { MAX_DEPTH = 200, MAX_CHAIN = 128 };
/* A small hostile file can name one long list of ranges from each of its DIEs. */
#define MAX_RANGES 200000000u

/* A function or an inlined call that has addresses of ours in it. */
struct scope {
	Dwarf_Die die;
	uint32_t parent; /* NO_SCOPE: not inlined */
};

struct dwarf {
	const struct sym_table *symbols;
	struct sym_names *names;
	uint64_t code_start; /* ranges below are of functions that the linker dropped */
	const uint64_t *address;
	size_t n;
	struct sym_answer *answer;
	bool *done;
	uint64_t budget;
	/* the unit at hand: its addresses, and the innermost scope of each */
	uint32_t unit;
	uint32_t *unit_of; /* by address[]: the last unit that claimed it, 0 none */
	uint32_t *index;   /* into address[], of the unit's own */
	uint64_t *mine;
	uint32_t *scope_of;
	size_t n_mine;
	struct scope *scope;
	uint32_t n_scopes, cap_scopes;
	bool deep; /* look for functions inside of functions */
};

/* Where in the tree: the function around, the scope around, the depth. */
struct place {
	uint32_t function, parent;
	unsigned depth;
};

/* ---- ranges ---- */

/* Goes on through the ranges of die that can hold code; *at starts at 0. */
static bool next_range(struct dwarf *d, Dwarf_Die *die, ptrdiff_t *at, Dwarf_Addr *base,
                       Dwarf_Addr *lo, Dwarf_Addr *hi)
{
	while (d->budget && (*at = dwarf_ranges(die, *at, base, lo, hi)) > 0) {
		d->budget--;
		if (*lo < *hi && *lo >= d->code_start)
			return true;
	}
	return false;
}

/* Marks with id what die covers: addresses that have no scope yet or one from `first` on. Returns
 * how many. */
static size_t paint(struct dwarf *d, Dwarf_Die *die, uint32_t id, uint32_t first)
{
	Dwarf_Addr base, lo, hi;
	size_t painted = 0;

	for (ptrdiff_t at = 0; next_range(d, die, &at, &base, &lo, &hi);)
		for (size_t i = sym_lower_bound(d->mine, d->n_mine, lo);
		     i < d->n_mine && d->mine[i] < hi; i++) {
			d->budget -= d->budget != 0;
			if (d->scope_of[i] != NO_SCOPE && d->scope_of[i] < first)
				continue;
			d->scope_of[i] = id;
			painted++;
		}
	return painted;
}

/* A block without ranges of its own may still hold something. */
static bool may_hold_ours(struct dwarf *d, Dwarf_Die *die)
{
	Dwarf_Addr base, lo, hi;
	bool any = false;

	for (ptrdiff_t at = 0; next_range(d, die, &at, &base, &lo, &hi); any = true) {
		size_t i = sym_lower_bound(d->mine, d->n_mine, lo);

		if (i < d->n_mine && d->mine[i] < hi)
			return true;
	}
	return !any;
}

/* ---- the tree ---- */

static void walk(struct dwarf *d, Dwarf_Die *parent, struct place p);

static uint32_t push_scope(struct dwarf *d, Dwarf_Die *die, uint32_t parent)
{
	if (d->n_scopes == d->cap_scopes) {
		d->cap_scopes = d->cap_scopes ? d->cap_scopes * 2 : 256;
		d->scope = xrealloc(d->scope, d->cap_scopes * sizeof(*d->scope));
	}
	d->scope[d->n_scopes] = (struct scope){*die, parent};
	return d->n_scopes++;
}

static void visit_function(struct dwarf *d, Dwarf_Die *die, struct place p)
{
	uint32_t id = push_scope(d, die, NO_SCOPE);

	if (paint(d, die, id, id)) {
		walk(d, die, (struct place){id, id, p.depth + 1});
		return;
	}
	d->n_scopes--;
	if (d->deep)
		walk(d, die, (struct place){NO_SCOPE, NO_SCOPE, p.depth + 1});
}

static void visit_inlined(struct dwarf *d, Dwarf_Die *die, struct place p)
{
	uint32_t id = push_scope(d, die, p.parent);

	if (paint(d, die, id, p.function))
		walk(d, die, (struct place){p.function, id, p.depth + 1});
	else
		d->n_scopes--;
}

static void visit(struct dwarf *d, Dwarf_Die *die, struct place p)
{
	bool in_function = p.function != NO_SCOPE;

	switch (dwarf_tag(die)) {
	case DW_TAG_subprogram:
		visit_function(d, die, p);
		return;
	case DW_TAG_inlined_subroutine:
		if (in_function)
			visit_inlined(d, die, p);
		return;
	case DW_TAG_lexical_block:
	case DW_TAG_try_block:
	case DW_TAG_catch_block:
	case DW_TAG_with_stmt:
		p.depth++;
		if (in_function ? may_hold_ours(d, die) : d->deep)
			walk(d, die, p);
		return;
	case DW_TAG_namespace:
	case DW_TAG_class_type:
	case DW_TAG_structure_type:
	case DW_TAG_union_type:
	case DW_TAG_interface_type:
	case DW_TAG_module:
		p.depth++;
		if (!in_function || d->deep)
			walk(d, die, p);
		return;
	default:
		return;
	}
}

static void walk(struct dwarf *d, Dwarf_Die *parent, struct place p)
{
	Dwarf_Die child;

	if (p.depth > MAX_DEPTH || dwarf_child(parent, &child))
		return;
	do
		visit(d, &child, p);
	while (d->budget && sym_next_die(&child));
}

/* ---- answers ---- */

void sym_symbol_name(const struct sym_symbol *s, struct line *line)
{
	line->linkage = intern_mem(s->name, s->name_len);
	line->function = demangle(line->linkage);
}

static size_t underscores(const char *name)
{
	return name ? strspn(name, "_") : 0;
}

/*
 * The symbol table knows two things better: the mangled name of a C++ function of one file, and by
 * which name the world calls a function of C that has several ("malloc", where DWARF says
 * "__libc_malloc").
 */
static void name_outermost(const struct dwarf *d, const struct die_name *name, uint64_t address,
                           struct line *line)
{
	const struct sym_symbol *s = sym_table_find(d->symbols, address);

	if (!s || name->mangled)
		return;
	const char *linkage = intern_mem(s->name, s->name_len),
	           *mangled = demangle_or_null(linkage);
	/* "malloc" for "__libc_malloc", "__libc_start_main" for "__libc_start_main_impl", never the
	 * other way */
	bool exported = !(s->rank >> 30),
	     better = exported && underscores(s->name) <= underscores(line->function);

	if (!mangled && line->function && !(better && line->function[0] == '_'))
		return;
	line->linkage = linkage;
	line->function = mangled ? mangled : demangle(linkage);
}

static void answer_one(struct dwarf *d, const struct sym_lines *t, size_t k)
{
	static const struct die_name nameless;
	const struct die_name *name = &nameless;
	struct sym_answer *a = &d->answer[d->index[k]];
	struct line innermost = {0};
	bool has_row = sym_lines_row(t, d->mine[k], &innermost);
	uint32_t n = 0, i = 0;

	for (uint32_t s = d->scope_of[k]; s != NO_SCOPE && n < MAX_CHAIN; s = d->scope[s].parent)
		n++;
	if (!n && !has_row)
		return;
	a->n_lines = n ? n : 1;
	a->line = sym_lines_new(a->n_lines);
	a->line[0] = innermost;
	for (uint32_t s = d->scope_of[k]; i < n; s = d->scope[s].parent, i++) {
		name = sym_names_get(d->names, &d->scope[s].die);
		a->line[i].function = name->function;
		a->line[i].linkage = name->linkage;
		a->line[i].start = name->start;
		if (i + 1 < n)
			sym_lines_call(t, &d->scope[s].die, &a->line[i + 1]);
	}
	name_outermost(d, name, d->mine[k], &a->line[a->n_lines - 1]);
	d->done[d->index[k]] = n != 0;
}

/* ---- units ---- */

static int by_index(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* The addresses in the unit's ranges that no unit before it had a function for. */
static void collect_mine(struct dwarf *d, Dwarf_Die *unit)
{
	Dwarf_Addr base, lo, hi;

	d->unit++;
	d->n_mine = 0;
	for (ptrdiff_t at = 0; next_range(d, unit, &at, &base, &lo, &hi);)
		for (size_t i = sym_lower_bound(d->address, d->n, lo);
		     i < d->n && d->address[i] < hi; i++) {
			d->budget -= d->budget != 0;
			if (d->done[i] || d->unit_of[i] == d->unit)
				continue;
			d->unit_of[i] = d->unit;
			d->index[d->n_mine++] = (uint32_t)i;
		}
	qsort(d->index, d->n_mine, sizeof(*d->index), by_index);
}

static bool all_found(const struct dwarf *d)
{
	for (size_t k = 0; k < d->n_mine; k++)
		if (d->scope_of[k] == NO_SCOPE)
			return false;
	return true;
}

/* unit has the ranges and the rows; body the functions: another DIE where they were split off into
 * a .dwo file. */
static void resolve_unit(struct dwarf *d, Dwarf_Die *unit, Dwarf_Die *body)
{
	struct place top = {NO_SCOPE, NO_SCOPE, 0};
	struct sym_lines lines;

	for (size_t k = 0; k < d->n_mine; k++) {
		d->mine[k] = d->address[d->index[k]];
		d->scope_of[k] = NO_SCOPE;
	}
	d->n_scopes = 0;
	d->deep = false;
	walk(d, body, top);
	if (!all_found(d)) {
		d->deep = true;
		walk(d, body, top);
	}
	sym_lines_open(&lines, unit, body);
	for (size_t k = 0; k < d->n_mine; k++)
		answer_one(d, &lines, k);
}

/* Addresses in no unit's ranges: a unit that does not tell them may stand in .debug_aranges. */
static void resolve_rest(struct dwarf *d, Dwarf *dw)
{
	Dwarf_Die unit, next;

	d->n_mine = 0;
	for (size_t i = 0; i <= d->n; i++) {
		bool found = i < d->n && !d->unit_of[i] && dwarf_addrdie(dw, d->address[i], &next);

		if (d->n_mine && (i == d->n || (found && next.addr != unit.addr))) {
			resolve_unit(d, &unit, &unit);
			d->n_mine = 0;
		}
		if (!found)
			continue;
		unit = next;
		d->index[d->n_mine++] = (uint32_t)i;
	}
}

static void resolve_all(struct dwarf *d, Dwarf *dw)
{
	Dwarf_CU *cu = NULL;
	Dwarf_Die unit, split;
	uint8_t type;
	size_t done = 0;

	while (d->budget && !dwarf_get_units(dw, cu, &cu, NULL, &type, &unit, &split)) {
		if (type != DW_UT_compile && type != DW_UT_skeleton)
			continue;
		collect_mine(d, &unit);
		if (!d->n_mine)
			continue;
		bool is_split = type == DW_UT_skeleton && dwarf_tag(&split) == DW_TAG_compile_unit;
		resolve_unit(d, &unit, is_split ? &split : &unit);
		done += d->n_mine;
		progress("looking up names", done < d->n ? done : d->n, d->n);
	}
	resolve_rest(d, dw);
}

static uint64_t lowest_code(Elf *elf)
{
	uint64_t lowest = UINT64_MAX;

	for (Elf_Scn *s = NULL; (s = elf_nextscn(elf, s));) {
		GElf_Shdr mem, *h = gelf_getshdr(s, &mem);

		if (h && h->sh_flags & SHF_EXECINSTR && h->sh_addr < lowest)
			lowest = h->sh_addr;
	}
	return lowest == UINT64_MAX ? 0 : lowest;
}

void sym_dwarf_resolve(Elf *elf, const struct sym_table *symbols, const uint64_t *address, size_t n,
                       struct sym_answer *answer)
{
	Dwarf *dw = dwarf_begin_elf(elf, DWARF_C_READ, NULL);

	if (!dw)
		return;
	struct dwarf d = {
	        .symbols = symbols,
	        .names = sym_names_new(),
	        .code_start = lowest_code(elf),
	        .address = address,
	        .n = n,
	        .answer = answer,
	        .done = xcalloc(n, sizeof(bool)),
	        .budget = MAX_RANGES,
	        .unit_of = xcalloc(n, sizeof(uint32_t)),
	        .index = xcalloc(n, sizeof(uint32_t)),
	        .mine = xcalloc(n, sizeof(uint64_t)),
	        .scope_of = xcalloc(n, sizeof(uint32_t)),
	};
	resolve_all(&d, dw);
	free(d.done);
	free(d.unit_of);
	free(d.index);
	free(d.mine);
	free(d.scope_of);
	free(d.scope);
	sym_names_free(d.names);
	dwarf_end(dw);
}
