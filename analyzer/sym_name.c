/*
 * sym_name.c - names of functions from DWARF. A name may stand in another DIE
 * (DW_AT_abstract_origin, DW_AT_specification), of another unit or of a dwz file. GCC gives no
 * linkage name to functions of one file (static, in an anonymous namespace, lambdas): these are
 * qualified by the classes and namespaces around them, for which a unit is walked once and only
 * then. Context: the analyzer's one thread.
 */
#include "sym_name.h"

#include <dwarf.h>
#include <stdlib.h>
#include <string.h>

#include "demangle.h"
#include "util.h"

enum { MAX_HOPS = 16, MAX_DEPTH = 200, MAX_PARTS = 32, NONE = -1 };

/* A namespace, class or function, and the DIEs within it. */
struct container {
	Dwarf_Off start, end;
	int32_t parent;
	bool whole; /* name is qualified already */
	const char *name;
};
struct unit {
	struct unit *next;
	Dwarf_CU *cu;
	struct container *at; /* ascending by start */
	size_t n, cap;
	Dwarf_Off last; /* while walking: the last DIE seen */
};
struct known {
	const void *die; /* NULL: free */
	struct die_name name;
};
struct sym_names {
	struct known *at; /* a hash table */
	size_t n, cap;    /* cap is a power of two */
	struct unit *units;
};

struct sym_names *sym_names_new(void)
{
	struct sym_names *names = xcalloc(1, sizeof(*names));

	names->cap = 1024;
	names->at = xcalloc(names->cap, sizeof(*names->at));
	return names;
}

void sym_names_free(struct sym_names *names)
{
	for (struct unit *u = names->units, *next; u; u = next) {
		next = u->next;
		free(u->at);
		free(u);
	}
	free(names->at);
	free(names);
}

bool sym_next_die(Dwarf_Die *child)
{
	Dwarf_Die next;

	if (dwarf_siblingof(child, &next) || (char *)next.addr <= (char *)child->addr)
		return false;
	*child = next;
	return true;
}

static const char *text_of(Dwarf_Die *die, unsigned attribute)
{
	Dwarf_Attribute mem;

	return dwarf_formstring(dwarf_attr(die, attribute, &mem));
}

struct parts {
	const char *name, *linkage;
	uint32_t line;
	Dwarf_Die root; /* whose surroundings qualify the name */
};

/* Each part from the first DIE that has it, from the code's own to the declaration. */
static void collect(Dwarf_Die *die, struct parts *p)
{
	*p = (struct parts){.root = *die};
	for (int hop = 0; hop < MAX_HOPS; hop++) {
		Dwarf_Attribute mem;
		Dwarf_Word line;
		Dwarf_Die next;

		if (!p->linkage)
			p->linkage = text_of(&p->root, DW_AT_linkage_name);
		if (!p->linkage)
			p->linkage = text_of(&p->root, DW_AT_MIPS_linkage_name);
		if (!p->name)
			p->name = text_of(&p->root, DW_AT_name);
		if (!p->line &&
		    !dwarf_formudata(dwarf_attr(&p->root, DW_AT_decl_line, &mem), &line) &&
		    line <= INT32_MAX)
			p->line = (uint32_t)line;
		if (!dwarf_formref_die(dwarf_attr(&p->root, DW_AT_abstract_origin, &mem), &next) &&
		    !dwarf_formref_die(dwarf_attr(&p->root, DW_AT_specification, &mem), &next))
			return;
		p->root = next;
	}
}

static bool is_container(int tag)
{
	return tag == DW_TAG_namespace || tag == DW_TAG_class_type ||
	       tag == DW_TAG_structure_type || tag == DW_TAG_union_type ||
	       tag == DW_TAG_interface_type || tag == DW_TAG_module ||
	       tag == DW_TAG_enumeration_type || tag == DW_TAG_subprogram;
}

static int32_t add_container(struct unit *u, Dwarf_Die *die, int32_t parent)
{
	struct container c = {.start = dwarf_dieoffset(die), .parent = parent};

	if (dwarf_tag(die) == DW_TAG_subprogram) {
		struct parts p;

		collect(die, &p);
		c.name = p.linkage ? demangle_or_null(p.linkage) : NULL;
		c.whole = c.name;
		c.name = c.name ? c.name : p.name;
	} else {
		c.name = text_of(die, DW_AT_name);
	}
	if (!c.name)
		c.name = dwarf_tag(die) == DW_TAG_namespace ? "(anonymous namespace)"
		                                            : "(anonymous)";
	if (u->n == u->cap) {
		u->cap = u->cap ? u->cap * 2 : 64;
		u->at = xrealloc(u->at, u->cap * sizeof(*u->at));
	}
	u->at[u->n] = c;
	return (int32_t)u->n++;
}

static void walk(struct unit *u, Dwarf_Die *parent_die, int32_t parent, unsigned depth)
{
	Dwarf_Die child;

	if (depth > MAX_DEPTH || dwarf_child(parent_die, &child))
		return;
	do {
		bool inside = dwarf_haschildren(&child) > 0;

		u->last = dwarf_dieoffset(&child);
		if (!inside || u->n >= INT32_MAX)
			continue;
		if (!is_container(dwarf_tag(&child))) {
			walk(u, &child, parent, depth + 1);
			continue;
		}
		int32_t own = add_container(u, &child, parent);
		walk(u, &child, own, depth + 1);
		u->at[own].end = u->last + 1;
	} while (sym_next_die(&child));
}

static struct unit *unit_of(struct sym_names *names, Dwarf_Die *die)
{
	for (struct unit *u = names->units; u; u = u->next)
		if (u->cu == die->cu)
			return u;
	struct unit *u = xcalloc(1, sizeof(*u));
	Dwarf_Die cu;

	u->cu = die->cu;
	u->next = names->units;
	names->units = u;
	if (dwarf_diecu(die, &cu, NULL, NULL))
		walk(u, &cu, NONE, 0);
	return u;
}

/* The innermost container of the DIE at off, not itself; NONE at the top. */
static int32_t container_of(const struct unit *u, Dwarf_Off off)
{
	size_t lo = 0, hi = u->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (u->at[mid].start < off)
			lo = mid + 1;
		else
			hi = mid;
	}
	int32_t i = (int32_t)lo - 1;
	while (i != NONE && u->at[i].end <= off)
		i = u->at[i].parent;
	return i;
}

static const char *qualify(struct sym_names *names, const struct parts *p)
{
	Dwarf_Die root = p->root;
	struct unit *u = unit_of(names, &root);
	const char *part[MAX_PARTS];
	unsigned n = 0;

	for (int32_t i = container_of(u, dwarf_dieoffset(&root)); i != NONE && n < MAX_PARTS;
	     i = u->at[i].parent) {
		part[n++] = u->at[i].name;
		if (u->at[i].whole)
			break;
	}
	if (!n)
		return intern(p->name);
	struct str s = {0};
	while (n) {
		str_add(&s, part[--n]);
		str_add(&s, "::");
	}
	str_add(&s, p->name);
	const char *text = intern(s.data);
	str_free(&s);
	return text;
}

/* Where names stand in namespaces and classes. */
static bool is_qualified_language(Dwarf_Die *die)
{
	Dwarf_Die cu;

	if (!dwarf_diecu(die, &cu, NULL, NULL))
		return false;
	switch (dwarf_srclang(&cu)) {
	case DW_LANG_C_plus_plus:
	case DW_LANG_C_plus_plus_03:
	case DW_LANG_C_plus_plus_11:
	case DW_LANG_C_plus_plus_14:
	case DW_LANG_Rust:
	case DW_LANG_D:
	case DW_LANG_Swift:
	case DW_LANG_ObjC_plus_plus:
		return true;
	default:
		return false;
	}
}

static struct die_name name_of(struct sym_names *names, Dwarf_Die *die)
{
	struct parts p;
	struct die_name out = {0};

	collect(die, &p);
	out.start = p.line;
	if (p.linkage) {
		out.linkage = intern(p.linkage);
		out.function = demangle_or_null(p.linkage);
		out.mangled = out.function;
	}
	if (out.function || !p.name) {
		out.function = out.function ? out.function : out.linkage;
		return out;
	}
	/* A linkage name that is no mangled one is an asm label: scanf is linked as __isoc99_scanf.
	 */
	out.function =
	        !p.linkage && is_qualified_language(&p.root) ? qualify(names, &p) : intern(p.name);
	out.linkage = out.linkage ? out.linkage : out.function;
	return out;
}

static size_t slot_of(const struct sym_names *names, const void *die)
{
	size_t i = (uintptr_t)die * 0x9e3779b97f4a7c15u >> 20;

	for (i &= names->cap - 1; names->at[i].die && names->at[i].die != die;)
		i = (i + 1) & (names->cap - 1);
	return i;
}

static void grow(struct sym_names *names)
{
	struct known *old = names->at;
	size_t n = names->cap;

	names->cap *= 2;
	names->at = xcalloc(names->cap, sizeof(*names->at));
	for (size_t i = 0; i < n; i++)
		if (old[i].die)
			names->at[slot_of(names, old[i].die)] = old[i];
	free(old);
}

const struct die_name *sym_names_get(struct sym_names *names, Dwarf_Die *die)
{
	Dwarf_Attribute mem;
	Dwarf_Die origin = *die;

	/* Hundreds of inlined copies share one origin: remember that one. */
	if (dwarf_tag(die) == DW_TAG_inlined_subroutine)
		dwarf_formref_die(dwarf_attr(die, DW_AT_abstract_origin, &mem), &origin);
	if (names->n * 2 >= names->cap)
		grow(names);
	struct known *k = &names->at[slot_of(names, origin.addr)];
	if (!k->die) {
		*k = (struct known){origin.addr, name_of(names, &origin)};
		names->n++;
	}
	return &k->name;
}
