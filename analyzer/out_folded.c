/*
 * out_folded.c - a ranked profile as folded stacks: "outer;inner value", what flamegraph.pl,
 * speedscope and their kin read.
 *
 * Owns the lines, in a stable order, each stack once. Reads nothing but the profile.
 */
#include "out.h"

#include <stdlib.h>
#include <string.h>

struct folded {
	char *stack;
	uint64_t value;
};

/* ';' parts frames, a newline stacks; C++ and JIT names may hold either. */
static void add_name(struct str *s, const char *name)
{
	if (s->len)
		str_add_mem(s, ";", 1);
	for (const char *c = name; *c; c++) {
		char out = *c == ';' ? ':' : (unsigned char)*c < ' ' || *c == 0x7f ? '_' : *c;
		str_add_mem(s, &out, 1);
	}
}

static void add_nameless(struct str *s, const struct snapshot *snap, const struct location *loc)
{
	const char *path = loc->module < snap->n_modules ? snap->module[loc->module].path : "";
	const char *slash = strrchr(path, '/');
	const char *base = slash ? slash + 1 : path;
	char *name = *base ? xasprintf("%s+0x%llx", base, (unsigned long long)loc->address)
	                   : xasprintf("0x%llx", (unsigned long long)loc->address);

	add_name(s, name);
	free(name);
}

static char *fold(const struct snapshot *snap, const struct row *r, bool raw)
{
	uint32_t first = raw ? 0 : r->site_frame;
	struct str s = {0};

	for (uint32_t f = r->n_frames; f-- > first;) {
		const struct location *loc = r->frame[f];
		uint32_t line = !raw && f == first ? r->site_line : 0;
		for (uint32_t l = loc->n_lines; l-- > line;)
			add_name(&s, loc->line[l].function ? loc->line[l].function : "[unknown]");
		if (!loc->n_lines)
			add_nameless(&s, snap, loc);
	}
	if (!s.len)
		add_name(&s, "[unknown stack]");
	if (r->kind == FMT_KIND_MMAP)
		add_name(&s, "[mmap]");
	return s.data;
}

static int by_stack(const void *a, const void *b)
{
	return strcmp(((const struct folded *)a)->stack, ((const struct folded *)b)->stack);
}

int out_folded(FILE *f, const struct profile *p, const struct out_options *o, struct err *err)
{
	struct folded *all = xcalloc(p->n_rows + 1, sizeof *all);
	size_t n = 0;
	bool failed = false;

	for (size_t i = 0; i < p->n_rows; i++) {
		int64_t v = p->row[i].value[o->sort];
		if (v > 0)
			all[n++] = (struct folded){fold(p->b, profile_row(p, i), o->raw), (uint64_t)v};
	}
	qsort(all, n, sizeof *all, by_stack);
	for (size_t i = 0; i < n; i++) {
		uint64_t sum = all[i].value;
		for (; i + 1 < n && !strcmp(all[i].stack, all[i + 1].stack); i++) {
			free(all[i].stack);
			sum += all[i + 1].value;
		}
		failed |= fprintf(f, "%s %llu\n", all[i].stack, (unsigned long long)sum) < 0;
		free(all[i].stack);
	}
	free(all);
	if (fflush(f) || failed)
		return err_set(err, "cannot write the folded stacks: %m");
	return 0;
}
