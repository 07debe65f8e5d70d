/*
 * symbolize.h - names for addresses. symbolize.c and the files behind it alone open ELF and DWARF
 * (libdw, libelf).
 *
 * Finds: functions, inline chains, files and lines from DWARF; separate debug files by build id
 * under /usr/lib/debug/.build-id and by .gnu_debuglink; else .symtab, .dynsym; else nothing
 * (n_lines stays 0). A file on disk whose build id differs from the snapshot's is not used. C++ and
 * Rust names are demangled. Never uses the network.
 */
#ifndef OUTLIVE_SYMBOLIZE_H
#define OUTLIVE_SYMBOLIZE_H

#include "profile.h"

struct symbolize_options {
	const char *const *debug_dirs; /* NULL-ended, searched first; or NULL */
	bool no_inlines;
	bool no_cache; /* the cache on disk, keyed by build id */
};

/*
 * Fills in line[] and n_lines of all locations of s. A return address is looked up at address - 1,
 * an FMT_NODE_EXACT one at address. Problems (no file, other build id) are not errors: they are
 * noted per module.
 */
int symbolize_snapshot(struct snapshot *s, const struct symbolize_options *o, struct err *err);

/* What was found for a module: for `info`. */
enum symbol_source {
	SYMBOLS_NONE,
	SYMBOLS_NO_FILE,
	SYMBOLS_OTHER_BUILD,
	SYMBOLS_DYNSYM,
	SYMBOLS_SYMTAB,
	SYMBOLS_DWARF
};
enum symbol_source symbolize_source(const struct module *m);

#endif
