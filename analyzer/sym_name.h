/*
 * sym_name.h - the name of the function that a DIE stands for. For sym_dwarf.c alone.
 */
#ifndef OUTLIVE_SYM_NAME_H
#define OUTLIVE_SYM_NAME_H

#include <elfutils/libdw.h>
#include <stdbool.h>
#include <stdint.h>

struct die_name {
	const char *function; /* demangled or qualified; interned; NULL when the DIE has no name */
	const char *linkage;  /* interned; the plain name where there is no other */
	uint32_t start;       /* line of the declaration, 0 unknown */
	bool mangled;         /* linkage was given, and function is what it stands for */
};

struct sym_names; /* what was named already, and where classes and namespaces begin and end */

struct sym_names *sym_names_new(void);
void sym_names_free(struct sym_names *names);
/* Of a subprogram or inlined_subroutine. Valid until the next call. */
const struct die_name *sym_names_get(struct sym_names *names, Dwarf_Die *die);

/* The DIE after child at its level. DW_AT_sibling may point anywhere: never goes back. False at the
 * end. */
bool sym_next_die(Dwarf_Die *child);

#endif
