/*
 * sym_line.h - source lines of one unit. For sym_dwarf.c alone.
 */
#ifndef OUTLIVE_SYM_LINE_H
#define OUTLIVE_SYM_LINE_H

#include <elfutils/libdw.h>

#include "profile.h"

/* A unit's tables of rows and files, and the folder that names in them are relative to. libdw owns
 * all of it. */
struct sym_lines {
	const char *folder;
	Dwarf_Lines *rows;
	size_t n_rows;
	Dwarf_Files *files;
	size_t n_files;
};

/* unit has the rows; calls in body number its files (another DIE in a .dwo file). What is missing
 * stays empty. */
void sym_lines_open(struct sym_lines *t, Dwarf_Die *unit, Dwarf_Die *body);
/* Fills in file and number of line; false, and nothing written, where the table has a gap. */
bool sym_lines_row(const struct sym_lines *t, uint64_t address, struct line *line);
/* Fills in where the inlined function was called, in its caller's line. */
void sym_lines_call(const struct sym_lines *t, Dwarf_Die *inlined, struct line *caller);

#endif
