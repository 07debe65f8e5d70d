/*
 * hints.c - looks at what a profile is of, and says what the figures cannot. What it knows of
 * programs is in the tables below: to teach it one, add a row. Decides nothing else; prints
 * nothing.
 */
#include "hints.h"

#include "dpkg.h"
#include "symbolize.h"
#include "walk.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

enum { MODULES = 8, FRAMES = 7, MANY = 32 << 20 };

/* When a row of the table applies. */
enum when {
	POOLS, /* most of what is in use are mappings that these modules made themselves */
	UNSEEN /* they are there, and most of what is resident is not in the heap */
};
static const struct hint {
	const char *module[MODULES]; /* base names, globs */
	const char *function;        /* or a function by this name is in some stack */
	enum when when;
	const char *text;
} table[] = {
        {{"python3*", "libpython3*"},
         NULL,
         POOLS,
         "CPython serves objects of up to 512 bytes from arenas of its own, which stand here as "
         "large blocks: run it with PYTHONMALLOC=malloc to see who makes the objects"},
        {{"php*", "libphp*", "mod_php*"},
         NULL,
         POOLS,
         "PHP serves its values from chunks of its own: run it with USE_ZEND_ALLOC=0 to see who "
         "makes them"},
        {{"node", "nodejs", "libnode.so*", "electron", "chrome", "chromium", "d8", "libv8*"},
         NULL,
         UNSEEN,
         "V8 keeps JavaScript objects in pages of its own, out of malloc's sight: the heap here is "
         "that of native code and of Buffers. For objects: node --heapsnapshot-signal=SIGUSR2; for "
         "names of JavaScript frames: node --perf-basic-prof --interpreted-frames-native-stack"},
        {{"libjvm.so"},
         NULL,
         UNSEEN,
         "Java's heap is mapped by the JVM itself, out of malloc's sight: the heap here is that of "
         "the JVM and of native libraries. For objects: jcmd PID GC.class_histogram; for the JVM's "
         "own memory: -XX:NativeMemoryTracking=summary"},
        {{"libgo.so*"},
         "runtime.cgocall",
         UNSEEN,
         "Go's heap is mapped by its runtime, out of malloc's sight: the heap here is what cgo "
         "allocates. For Go's own: net/http/pprof"},
        {{"libcoreclr.so", "libmonosgen*", "mono-sgen"},
         NULL,
         UNSEEN,
         ".NET's heap is mapped by its runtime, out of malloc's sight: the heap here is that of "
         "native code. For objects: dotnet-gcdump"},
};

static void add(struct hints *h, char *text)
{
	if (h->n < HINTS_MAX)
		h->text[h->n++] = text;
	else
		free(text);
}

/* ---- what memory is not in the heap ---- */

static bool is_module(const struct hint *t, const struct module *m)
{
	for (int i = 0; i < MODULES && t->module[i]; i++)
		if (!fnmatch(t->module[i], module_basename(m), 0))
			return true;
	return false;
}

static bool is_there(const struct hint *t, const struct snapshot *s)
{
	for (uint32_t i = 1; i < s->n_modules; i++)
		if (is_module(t, &s->module[i]) && !(s->module[i].flags & FMT_MODULE_UNLOADED))
			return true;
	for (uint32_t i = 0; t->function && i < s->n_locations; i++)
		for (uint32_t k = 0; k < s->location[i].n_lines; k++)
			if (s->location[i].line[k].function &&
			    !strcmp(s->location[i].line[k].function, t->function))
				return true;
	return false;
}

static int64_t in_use(const struct row *r)
{
	return add_sat(r->value[INUSE_SPACE], r->base[INUSE_SPACE]);
}

static bool is_pool(const struct hint *t, const struct row *r)
{
	const struct snapshot *s = r->snapshot;
	uint32_t node = s->stack[r->stack].node;

	for (; node; node = s->node[node].parent) {
		const struct module *m = &s->module[s->location[s->node[node].location].module];
		if (!fold_is_system(m))
			return is_module(t, m);
	}
	return false;
}

/* Most of what is in use. */
static bool pools_dominate(const struct hint *t, const struct profile *p)
{
	int64_t all = 0, pools = 0;

	for (size_t i = 0; i < p->n_rows; i++) {
		const struct row *r = &p->row[i];
		if (in_use(r) <= 0)
			continue;
		all = add_sat(all, in_use(r));
		if (r->kind == FMT_KIND_MMAP && is_pool(t, r))
			pools = add_sat(pools, in_use(r));
	}
	return pools > all / 2;
}

static bool sees_mappings(const struct profile *p)
{
	return p->total[FMT_KIND_MMAP][ALLOC_OBJECTS] ||
	       p->base_total[FMT_KIND_MMAP][ALLOC_OBJECTS];
}

/* More of what is resident is in no block than is in blocks. */
static bool heap_is_small(const struct snapshot *s)
{
	uint64_t own = addu_sat(s->audit[FMT_AUDIT_OWN_TABLES], s->audit[FMT_AUDIT_OWN_ARENA]),
	         rss = s->audit[FMT_AUDIT_RSS], heap = s->audit[FMT_AUDIT_LIVE_BYTES];

	rss -= own < rss ? own : rss;
	return rss > MANY && heap < rss / 2;
}

static bool applies(const struct hint *t, const struct profile *p)
{
	if (!is_there(t, p->b))
		return false;
	if (t->when == UNSEEN)
		return heap_is_small(p->b);
	return sees_mappings(p) ? pools_dominate(t, p) : heap_is_small(p->b);
}

/* ---- names ---- */

struct nameless_modules {
	const struct module *at[MODULES];
	unsigned n;
};

static void note_module(struct nameless_modules *all, const struct module *m)
{
	for (unsigned i = 0; i < all->n; i++)
		if (all->at[i]->path == m->path)
			return;
	if (all->n < MODULES && *m->path == '/')
		all->at[all->n++] = m;
}

/* Modules of the frames that the reader looks at and cannot read. */
static void find_nameless(const struct profile *p, const struct hint_options *o,
                          struct nameless_modules *all)
{
	struct walk w;
	size_t end = p->n_rows - p->n_churn;

	if (o->rows && o->rows < end)
		end = o->rows;
	walk_start(&w, p, o->raw);
	for (size_t i = 0; i < end && p->row[i].value[o->sort] > 0; i++) {
		const struct row *r = &p->row[i];
		const struct walk_side *side = walk_side_of(&w, r);
		walk_row(&w, r);
		for (uint32_t k = 0; k < w.n && k < FRAMES; k++) {
			const struct line *l = walk_source(side, &w.step[k]);
			const struct location *loc = &side->s->location[w.step[k].location];
			if (!l || !l->function || (o->lines && !l->file))
				note_module(all, &r->snapshot->module[loc->module]);
		}
	}
	walk_end(&w);
}

static void hint_names(const struct profile *p, const struct hint_options *o, struct hints *h)
{
	struct nameless_modules all = {0};
	struct str packages = {0}, modules = {0};
	unsigned n = 0;

	if (!o->lists)
		return;
	find_nameless(p, o, &all);
	for (unsigned i = 0; i < all.n; i++) {
		enum symbol_source source = symbolize_source(all.at[i]);
		if (source != SYMBOLS_NONE && source != SYMBOLS_DYNSYM &&
		    (source != SYMBOLS_SYMTAB || !o->lines))
			continue;
		char *owner = dpkg_owner(o->lists, all.at[i]->path);
		if (!owner)
			continue;
		char *debug = dpkg_debug_package(owner);
		str_addf(&modules, "%s%s", n ? ", " : "", module_basename(all.at[i]));
		if (!packages.data || !strstr(packages.data, debug))
			str_addf(&packages, " %s", debug);
		n++;
		free(owner);
		free(debug);
	}
	if (n)
		add(h,
		    xasprintf("%s %s stripped; names come with: apt install%s%s", modules.data,
		              n == 1 ? "is" : "are", packages.data,
		              strstr(packages.data, "-dbgsym")
		                      ? " (-dbgsym packages are in Debian's archive "
		                        "debian-debug: https://wiki.debian.org/HowToGetABacktrace)"
		                      : ""));
	str_free(&packages);
	str_free(&modules);
}

void hints_find(const struct profile *p, const struct hint_options *o, struct hints *h)
{
	*h = (struct hints){0};
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
		if (applies(&table[i], p))
			add(h, xstrdup(table[i].text));
	hint_names(p, o, h);
}

void hints_free(struct hints *h)
{
	for (unsigned i = 0; i < h->n; i++)
		free(h->text[i]);
	*h = (struct hints){0};
}
