/*
 * out_go.c - "heap profile: 3: 96 [7: 224] @ heap/2", and a paragraph for each stack: its figures
 * and addresses, then a line for each function.
 *
 * Go's rate in the first line is twice the bytes between two samples. Here it always says that all
 * was counted: the figures of sampled snapshots are estimates of all already, and no reader shall
 * scale them again.
 */
#include "out_go.h"

#include <errno.h>
#include <string.h>

static uint64_t run_time_address(const struct snapshot *s, const struct location *loc)
{
	return loc->module && loc->module < s->n_modules
	               ? loc->address + s->module[loc->module].bias
	               : loc->address;
}

static void put_line(FILE *f, uint64_t address, const struct line *l)
{
	fprintf(f, "#\t0x%llx\t", (unsigned long long)address);
	print_safe(f, l->function ? l->function : "[unknown]");
	fputs("\t\t", f);
	if (l->file) {
		print_safe(f, l->file);
		fprintf(f, ":%u", l->number);
	}
	fputc('\n', f);
}

static void put_nameless(FILE *f, const struct snapshot *s, const struct location *loc,
                         uint64_t address)
{
	fprintf(f, "#\t0x%llx\t", (unsigned long long)address);
	print_safe(f, module_basename(&s->module[loc->module]));
	fprintf(f, "+0x%llx\n", (unsigned long long)loc->address);
}

/* After the figures: the addresses, then the functions, from the row's site outwards. */
static void put_stack(FILE *f, const struct snapshot *s, const struct row *r, bool raw)
{
	uint32_t first = raw ? 0 : r->site_frame;

	fputs(" @", f);
	for (uint32_t i = first; i < r->n_frames; i++)
		fprintf(f, " 0x%llx", (unsigned long long)run_time_address(s, r->frame[i]));
	fputc('\n', f);
	for (uint32_t i = first; i < r->n_frames; i++) {
		const struct location *loc = r->frame[i];
		uint64_t address = run_time_address(s, loc);
		for (uint32_t l = !raw && i == first ? r->site_line : 0; l < loc->n_lines; l++)
			put_line(f, address, &loc->line[l]);
		if (!loc->n_lines)
			put_nameless(f, s, loc, address);
	}
}

static void put_figures(FILE *f, const int64_t value[N_COLUMNS])
{
	fprintf(f, "%lld: %lld [%lld: %lld]", (long long)value[INUSE_OBJECTS],
	        (long long)value[INUSE_SPACE], (long long)value[ALLOC_OBJECTS],
	        (long long)value[ALLOC_SPACE]);
}

static void put_mem_stats(FILE *f, const struct snapshot *s, const int64_t sum[N_COLUMNS])
{
	fprintf(f,
	        "\n# runtime.MemStats\n# Alloc = %lld\n# TotalAlloc = %lld\n# Mallocs = %lld\n"
	        "# Frees = %lld\n# HeapAlloc = %lld\n# HeapObjects = %lld\n",
	        (long long)sum[INUSE_SPACE], (long long)sum[ALLOC_SPACE],
	        (long long)sum[ALLOC_OBJECTS],
	        (long long)sub_sat(sum[ALLOC_OBJECTS], sum[INUSE_OBJECTS]),
	        (long long)sum[INUSE_SPACE], (long long)sum[INUSE_OBJECTS]);
	if (s->has_audit[FMT_AUDIT_RSS])
		fprintf(f, "# RSS = %llu\n", (unsigned long long)s->audit[FMT_AUDIT_RSS]);
	if (s->has_audit[FMT_AUDIT_RSS_PEAK])
		fprintf(f, "# MaxRSS = %llu\n", (unsigned long long)s->audit[FMT_AUDIT_RSS_PEAK]);
}

static int end(FILE *f, struct err *err)
{
	return fflush(f) || ferror(f)
	               ? err_set(err, "cannot write the profile: %s", strerror(errno))
	               : 0;
}

int out_go_heap(FILE *f, const struct profile *p, const struct out_options *o, struct err *err)
{
	int64_t sum[N_COLUMNS] = {0};

	for (size_t i = 0; i < p->n_rows; i++)
		for (int c = 0; c < N_COLUMNS; c++)
			sum[c] = add_sat(sum[c], p->row[i].value[c]);
	fputs("heap profile: ", f);
	put_figures(f, sum);
	fputs(" @ heap/2\n", f);
	for (size_t i = 0; i < p->n_rows; i++) {
		const struct row *r = profile_row(p, i);
		put_figures(f, r->value);
		put_stack(f, p->b, r, o->raw);
		if (r->kind == FMT_KIND_MMAP)
			fputs("#\tmmap\n", f);
		fputc('\n', f);
	}
	put_mem_stats(f, p->b, sum);
	return end(f, err);
}

/* As Go writes those of goroutines. */
static void put_labels(FILE *f, const struct row *r)
{
	if (!r->type && !r->leak)
		return;
	fputs("# labels: {", f);
	if (r->type)
		fprintf(f, "\"type\":\"%s\"%s", r->type, r->leak ? ", " : "");
	if (r->leak)
		fprintf(f, "\"leak\":\"%s\"", r->leak);
	fputs("}\n", f);
}

int out_go_counts(FILE *f, const struct profile *p, const char *name, const struct out_options *o,
                  struct err *err)
{
	int64_t sum = 0;

	for (size_t i = 0; i < p->n_rows; i++)
		sum = add_sat(sum, p->row[i].value[INUSE_OBJECTS]);
	fprintf(f, "%s profile: total %lld\n", name, (long long)sum);
	for (size_t i = 0; i < p->n_rows; i++) {
		const struct row *r = profile_row(p, i);
		fprintf(f, "%lld", (long long)r->value[INUSE_OBJECTS]);
		put_stack(f, p->b, r, o->raw);
		put_labels(f, r);
		fputc('\n', f);
	}
	return end(f, err);
}
