/*
 * out_folded.c - a ranked profile as folded stacks: "outer;inner value", what flamegraph.pl,
 * speedscope and their kin read.
 *
 * Owns the lines, in the profile's order. Reads nothing but the profile.
 */
#include "out.h"

#include <stdlib.h>
#include <string.h>

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
	const char *base = module_basename(&snap->module[loc->module]);
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

/* A stack may come twice, when only addresses told its rows apart: readers of this format sum.
 * Written as they come, since all stacks of a file at once could take any amount of memory. */
int out_folded(FILE *f, const struct profile *p, const struct out_options *o, struct err *err)
{
	bool failed = false;

	for (size_t i = 0; i < p->n_rows && !failed; i++) {
		int64_t value = p->row[i].value[o->sort];
		if (value <= 0)
			continue;
		char *stack = fold(p->b, profile_row(p, i), o->raw);
		print_safe(f, stack);
		failed = fprintf(f, " %lld\n", (long long)value) < 0;
		free(stack);
	}
	if (fflush(f) || failed)
		return err_set(err, "cannot write the folded stacks: %m");
	return 0;
}
