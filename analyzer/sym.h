/*
 * sym.h - what the files behind symbolize.h share, and no other file includes:
 *
 *	symbolize.c  which addresses of which module, who is asked, what is remembered
 *	sym_find.c   the module's file and its debug file: by path, by build id, by .gnu_debuglink
 *	sym_elf.c    one ELF file: build id, symbol table
 *	sym_dwarf.c  functions, inline chains and lines of DWARF
 *	sym_name.c   the name of a DIE
 *	sym_line.c   the line table of a unit
 *	sym_pool.c   memory of answers
 *	sym_cache.c  answers on disk, keyed by build id
 *	perf_map.c   /tmp/perf-PID.map of just-in-time compilers
 *	elf_lsan.c   a text that a program brings for LeakSanitizer
 *
 * All of it reads files that other people made, and snapshots that name any file: nothing but a
 *regular file is opened, every loop over a file's content is bounded.
 *
 * An "address" here is a link-time address inside the instruction that is meant: a return address
 *minus one.
 */
#ifndef OUTLIVE_SYM_H
#define OUTLIVE_SYM_H

#include <gelf.h>
#include <sys/stat.h>

#include "symbolize.h"

/* ---- answers (symbolize.c): never freed, as interned strings: a second snapshot asks the same
 * again ---- */

struct sym_answer {
	uint64_t address;
	struct line *line; /* innermost first; NULL when nothing is known */
	uint32_t n_lines;
};
struct sym_answers {
	struct sym_answer *at; /* ascending, each address once */
	size_t n;
};

/* Zeroed lines for one answer, for ever (sym_pool.c). */
struct line *sym_lines_new(size_t n);
/* Index of the first of at[0..n) that is not below address, n if none. */
size_t sym_lower_bound(const uint64_t *at, size_t n, uint64_t address);

/* ---- sym_elf.c ---- */

struct sym_elf {
	char *path;
	int fd;
	Elf *elf;
	struct stat st;
	char build_id[129]; /* lower-case hex, "" if none */
	bool has_dwarf, has_symtab;
};
/* NULL when path is not a regular file, or not ELF. */
struct sym_elf *sym_elf_open(const char *path);
void sym_elf_close(struct sym_elf *e); /* NULL is fine */

struct sym_symbol {
	uint64_t start, end; /* end == start: no size given */
	uint64_t reach;      /* the largest end of this and all before */
	const char *name;    /* in the ELF file's memory, with "@VERSION" */
	uint32_t name_len;   /* without it */
	uint32_t rank;       /* among aliases the smallest is shown */
};
struct sym_table {
	struct sym_symbol *at;
	size_t n, cap;
};
/* Adds the functions of e's .symtab and .dynsym. e must stay open as long as the table is used. */
void sym_table_add(struct sym_table *t, struct sym_elf *e);
void sym_table_sort(struct sym_table *t); /* once, before the first find */
/* The function that address lies in, or NULL. */
const struct sym_symbol *sym_table_find(const struct sym_table *t, uint64_t address);
void sym_table_free(struct sym_table *t);

/* ---- sym_find.c ---- */

struct sym_files {
	struct sym_elf *main;  /* the module itself, or NULL */
	struct sym_elf *debug; /* where the DWARF (or at least .symtab) is: another file, or NULL */
	enum symbol_source source;
};
/* debug_dirs: as in symbolize_options. Close with sym_files_close, also when nothing was found. */
void sym_files_find(struct sym_files *f, const struct module *m, const char *const *debug_dirs);
void sym_files_close(struct sym_files *f);
/* Tells these files from others: what the cache compares. */
uint64_t sym_files_identity(const struct sym_files *f);

/* ---- sym_dwarf.c ---- */

/* Answers what DWARF knows of address[0..n), which ascend; the names of outermost functions are
 * compared with symbols. answer[i] is left alone where DWARF has no function. */
void sym_dwarf_resolve(Elf *elf, const struct sym_table *symbols, const uint64_t *address, size_t n,
                       struct sym_answer *answer);
/* Of a symbol that stands for itself: its lines' function and linkage. */
void sym_symbol_name(const struct sym_symbol *s, struct line *line);

/* ---- sym_cache.c ---- */

/* Empty when there is none, or when it is damaged, or (identity not 0) was made from other files.
 */
void sym_cache_load(const char *build_id, uint64_t identity, struct sym_answers *out);
/* Failures are silent: the cache is only ever a shortcut. */
void sym_cache_save(const char *build_id, uint64_t identity, const struct sym_answers *a);

/* ---- perf_map.c ---- */

/* Answers for run-time addresses of code made at run time by process pid; the file must be uid's
 * own, or root's, and not older than started_ns (since 1970; 0: unknown). */
void perf_map_resolve(uint64_t pid, uint64_t uid, uint64_t started_ns, const uint64_t *address,
                      size_t n, struct sym_answer *answer);

#endif
