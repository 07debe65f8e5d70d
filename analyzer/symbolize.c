/*
 * symbolize.c - names for all locations of a snapshot: which addresses of which module are not
 * known yet, and who is asked (the cache, DWARF, symbol tables, the map of a just-in-time
 * compiler). What was found is remembered for the life of the process, so that the second snapshot
 * of a diff costs nothing. Context: the analyzer's one thread; opens no file itself.
 */
#include "symbolize.h"

#include <stdlib.h>
#include <string.h>

#include "sym.h"

/* What is known of a module, whichever snapshot names it: path and build id are interned. */
struct known {
	struct known *next;
	const char *path, *build_id;
	enum symbol_source source;
	bool has_source, cache_read;
	struct sym_answers answers;
};
static struct known *g_known;

size_t sym_lower_bound(const uint64_t *at, size_t n, uint64_t address)
{
	size_t lo = 0, hi = n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (at[mid] < address)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* ---- what is known ---- */

static struct known *known_of(const struct module *m)
{
	const char *path = intern(m->path), *build_id = intern(m->build_id);

	for (struct known *k = g_known; k; k = k->next)
		if (k->path == path && k->build_id == build_id)
			return k;
	struct known *k = xcalloc(1, sizeof(*k));
	k->path = path;
	k->build_id = build_id;
	k->next = g_known;
	g_known = k;
	return k;
}

static const struct sym_answer *find(const struct sym_answers *a, uint64_t address)
{
	size_t lo = 0, hi = a->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (a->at[mid].address < address)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < a->n && a->at[lo].address == address ? &a->at[lo] : NULL;
}

/* Adds b, of which a has no address or which are of the same worth. */
static void merge(struct sym_answers *a, const struct sym_answer *b, size_t n)
{
	struct sym_answer *all = xcalloc(a->n + n ? a->n + n : 1, sizeof(*all));
	size_t i = 0, k = 0, out = 0;

	while (i < a->n || k < n) {
		if (k == n || (i < a->n && a->at[i].address < b[k].address)) {
			all[out++] = a->at[i++];
			continue;
		}
		i += i < a->n && a->at[i].address == b[k].address;
		all[out++] = b[k++];
	}
	free(a->at);
	*a = (struct sym_answers){all, out};
}

/* Keeps those of address[0..n) that are not known; returns how many. */
static size_t drop_known(const struct sym_answers *a, uint64_t *address, size_t n)
{
	size_t kept = 0;

	for (size_t i = 0; i < n; i++)
		if (!find(a, address[i]))
			address[kept++] = address[i];
	return kept;
}

/* ---- one module ---- */

static void resolve(const struct sym_files *f, const uint64_t *address, size_t n,
                    struct sym_answers *known)
{
	struct sym_answer *answer = xcalloc(n, sizeof(*answer));
	struct sym_table symbols = {0};
	const struct sym_elf *dwarf = f->debug && f->debug->has_dwarf ? f->debug : f->main;

	for (size_t i = 0; i < n; i++)
		answer[i].address = address[i];
	if (f->main)
		sym_table_add(&symbols, f->main);
	if (f->debug)
		sym_table_add(&symbols, f->debug);
	sym_table_sort(&symbols);
	if (dwarf && dwarf->has_dwarf)
		sym_dwarf_resolve(dwarf->elf, &symbols, address, n, answer);
	for (size_t i = 0; i < n; i++) {
		const struct sym_symbol *s =
		        answer[i].n_lines ? NULL : sym_table_find(&symbols, address[i]);
		if (!s)
			continue;
		answer[i].line = sym_lines_new(1);
		answer[i].n_lines = 1;
		sym_symbol_name(s, answer[i].line);
	}
	sym_table_free(&symbols);
	merge(known, answer, n);
	free(answer);
}

/* Makes address[0..n) (ascending; used up) known where that is possible. */
static void learn(struct known *k, const struct module *m, uint64_t *address, size_t n,
                  const struct symbolize_options *o)
{
	struct sym_files files;

	n = drop_known(&k->answers, address, n);
	if (!n)
		return;
	sym_files_find(&files, m, o->debug_dirs);
	k->source = files.source;
	k->has_source = true;
	bool any = files.main || files.debug;
	uint64_t identity = any ? sym_files_identity(&files) : 0;
	if (!o->no_cache && !k->cache_read) {
		struct sym_answers cached;

		sym_cache_load(m->build_id, identity, &cached);
		merge(&k->answers, cached.at, cached.n);
		free(cached.at);
		k->cache_read = true;
		n = drop_known(&k->answers, address, n);
	}
	if (n && any) {
		resolve(&files, address, n, &k->answers);
		if (!o->no_cache)
			sym_cache_save(m->build_id, identity, &k->answers);
	}
	sym_files_close(&files);
}

/* ---- the snapshot ---- */

/* The instruction that is meant: a return address stands behind the call, perhaps in the next line
 * or function. */
static uint64_t meant(const struct location *l)
{
	bool exact = l->flags & (FMT_NODE_EXACT | FMT_NODE_SIGNAL);

	return exact || !l->address ? l->address : l->address - 1;
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static size_t sort_unique(uint64_t *at, size_t n)
{
	size_t kept = 0;

	qsort(at, n, sizeof(*at), by_value);
	for (size_t i = 0; i < n; i++)
		if (!kept || at[i] != at[kept - 1])
			at[kept++] = at[i];
	return kept;
}

static void fill(struct location *l, const struct sym_answers *a, bool no_inlines)
{
	const struct sym_answer *found = find(a, meant(l));

	if (!found || !found->n_lines)
		return;
	l->line = no_inlines ? found->line + found->n_lines - 1 : found->line;
	l->n_lines = no_inlines ? 1 : found->n_lines;
}

/* loc[0..n) are indices of s->location, all of module `number`. */
static void symbolize_module(struct snapshot *s, uint32_t number, const uint32_t *loc, size_t n,
                             const struct symbolize_options *o)
{
	uint64_t *address = xcalloc(n, sizeof(*address));
	struct sym_answers run_time = {0}, *answers = &run_time;

	for (size_t i = 0; i < n; i++)
		address[i] = meant(&s->location[loc[i]]);
	size_t n_address = sort_unique(address, n);
	if (number) {
		struct known *k = known_of(&s->module[number]);

		learn(k, &s->module[number], address, n_address, o);
		answers = &k->answers;
	} else {
		const uint64_t *u = s->info.u;

		run_time.n = n_address;
		run_time.at = xcalloc(n_address, sizeof(*run_time.at));
		for (size_t i = 0; i < n_address; i++)
			run_time.at[i].address = address[i];
		perf_map_resolve(u[FMT_INFO_PID], u[FMT_INFO_UID], u[FMT_INFO_START_TIME], address,
		                 n_address, run_time.at);
	}
	for (size_t i = 0; i < n; i++)
		fill(&s->location[loc[i]], answers, o->no_inlines);
	free(run_time.at);
	free(address);
}

int symbolize_snapshot(struct snapshot *s, const struct symbolize_options *o, struct err *err)
{
	static const struct symbolize_options defaults;
	size_t *first = xcalloc((size_t)s->n_modules + 2, sizeof(*first));
	uint32_t *loc = xcalloc((size_t)s->n_locations + 1, sizeof(*loc));

	(void)err; /* what is not found is not an error */
	/* A counting sort of the locations by module. */
	for (uint32_t i = 0; i < s->n_locations; i++)
		first[s->location[i].module + 2]++;
	for (uint32_t m = 0; m < s->n_modules; m++)
		first[m + 2] += first[m + 1];
	for (uint32_t i = 0; i < s->n_locations; i++)
		loc[first[s->location[i].module + 1]++] = i;
	for (uint32_t m = 0; m < s->n_modules; m++) {
		if (first[m + 1] > first[m])
			symbolize_module(s, m, loc + first[m], first[m + 1] - first[m],
			                 o ? o : &defaults);
		progress("symbols: modules", m + 1, s->n_modules);
	}
	progress(NULL, 0, 0);
	free(loc);
	free(first);
	return 0;
}

enum symbol_source symbolize_source(const struct module *m)
{
	struct known *k = known_of(m);
	struct sym_files files;

	if (!k->has_source) {
		sym_files_find(&files, m, NULL);
		k->source = files.source;
		k->has_source = true;
		sym_files_close(&files);
	}
	return k->source;
}
