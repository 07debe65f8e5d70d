/*
 * sym_line.c - the line table of one unit: which row an address has, and names of files made
 * absolute. Context: the analyzer's one thread.
 */
#include "sym_line.h"

#include <dwarf.h>
#include <string.h>

#include "util.h"

/* "/a/./b//c/../d" as "/a/b/d": interned. Relative names stay relative. */
static const char *clean_path(const char *path)
{
	char buf[4096];
	size_t len = 0;

	if (!path || strlen(path) >= sizeof(buf) - 1)
		return path ? intern(path) : NULL;
	for (const char *p = path; *p;) {
		size_t n = strcspn(p, "/");
		const char *rest = p + n + (p[n] == '/');

		if (!n) {
			if (p == path)
				buf[len++] = '/';
		} else if (n == 2 && !memcmp(p, "..", 2) && len > 1 &&
		           !(len >= 3 && !memcmp(buf + len - 3, "../", 3) &&
		             (len == 3 || buf[len - 4] == '/'))) {
			for (len--; len && buf[len - 1] != '/';)
				len--;
		} else if (n != 1 || *p != '.') {
			memcpy(buf + len, p, n);
			len += n;
			buf[len++] = '/';
		}
		p = rest;
	}
	if (len > 1)
		len--;
	return intern_mem(buf, len);
}

/* The line table's row for address; NULL in gaps. */
static Dwarf_Line *row_of(const struct sym_lines *t, uint64_t address)
{
	size_t lo = 0, hi = t->n_rows;
	Dwarf_Addr at;
	bool end;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (dwarf_lineaddr(dwarf_onesrcline(t->rows, mid), &at))
			return NULL;
		if (at <= address)
			lo = mid + 1;
		else
			hi = mid;
	}
	Dwarf_Line *row = lo ? dwarf_onesrcline(t->rows, lo - 1) : NULL;
	return row && !dwarf_lineendsequence(row, &end) && !end ? row : NULL;
}

static uint32_t number_of(Dwarf_Die *die, unsigned attribute)
{
	Dwarf_Attribute mem;
	Dwarf_Word value;

	if (dwarf_formudata(dwarf_attr(die, attribute, &mem), &value) || value > INT32_MAX)
		return 0;
	return (uint32_t)value;
}

static const char *absolute(const struct sym_lines *t, const char *file)
{
	char buf[4096];

	if (!file || file[0] == '/' || !t->folder)
		return clean_path(file);
	int n = snprintf(buf, sizeof(buf), "%s/%s", t->folder, file);
	return clean_path(n > 0 && (size_t)n < sizeof(buf) ? buf : file);
}

void sym_lines_open(struct sym_lines *t, Dwarf_Die *unit, Dwarf_Die *body)
{
	Dwarf_Attribute mem;

	t->folder = dwarf_formstring(dwarf_attr(unit, DW_AT_comp_dir, &mem));
	if (dwarf_getsrclines(unit, &t->rows, &t->n_rows))
		t->n_rows = 0;
	if (dwarf_getsrcfiles(body, &t->files, &t->n_files))
		t->n_files = 0;
}

bool sym_lines_row(const struct sym_lines *t, uint64_t address, struct line *line)
{
	Dwarf_Line *row = row_of(t, address);
	int number;

	if (!row)
		return false;
	line->file = absolute(t, dwarf_linesrc(row, NULL, NULL));
	line->number = dwarf_lineno(row, &number) || number < 0 ? 0 : (uint32_t)number;
	return true;
}

void sym_lines_call(const struct sym_lines *t, Dwarf_Die *inlined, struct line *caller)
{
	uint32_t file = number_of(inlined, DW_AT_call_file);

	caller->number = number_of(inlined, DW_AT_call_line);
	if (file < t->n_files)
		caller->file = absolute(t, dwarf_filesrc(t->files, file, NULL, NULL));
}
