/*
 * match.c - equal stacks get equal numbers, across ASLR and across two builds of a program.
 *
 * Both trees of stacks are folded into one, node by node, parents first: a node's number follows
 * from its parent's and from the key of its own frame. So the cost is one look-up a node, whatever
 * the depth. Owns the keys of frames. Reads snapshots, changes nothing.
 */
#include "match.h"

#include "edges.h"

#include <stdlib.h>
#include <string.h>

/* What a frame is known by: a module (interned text, or a number) and an address or a name in it.
 */
struct key {
	uint64_t module, place;
};

struct matcher {
	const struct snapshot *a, *b;
	bool same_run;
	struct key *key;
	uint32_t n_keys, cap_keys;
	struct table by_key;
	struct edges edges;
};

/* Keys of all locations of a snapshot: those of location i are list[first[i]] ... list[first[i + 1]
 * - 1], outermost first: one by address, or one for each function inlined there. */
struct keys {
	uint32_t *first, *list;
	uint32_t n_list, cap_list;
	uint8_t *nameless; /* by location: it can be matched with nothing of the other snapshot */
	uint32_t n_nameless;
};

static bool same_key(const void *ctx, uint32_t value, const void *key)
{
	const struct key *have = &((const struct matcher *)ctx)->key[value], *want = key;

	return have->module == want->module && have->place == want->place;
}

static uint32_t key_number(struct matcher *m, struct key k)
{
	uint64_t hash = table_hash(k.module, k.place);
	uint32_t i = table_find(&m->by_key, hash, same_key, m, &k);

	if (i != TABLE_NONE)
		return i;
	m->key = xgrow(m->key, m->n_keys, &m->cap_keys, sizeof(k));
	m->key[m->n_keys] = k;
	table_add(&m->by_key, hash, m->n_keys);
	return m->n_keys++;
}

/* ---- modules ---- */

static bool has_build_id(const struct snapshot *s, const char *build_id)
{
	for (uint32_t i = 1; i < s->n_modules; i++)
		if (s->module[i].build_id == build_id)
			return true;
	return false;
}

static bool has_path(const struct snapshot *s, const struct module *like)
{
	for (uint32_t i = 1; i < s->n_modules; i++)
		if (s->module[i].path == like->path && !*s->module[i].build_id)
			return true;
	return false;
}

/*
 * By module: the text that its addresses are keyed with, NULL where addresses mean nothing in the
 * other snapshot and names must do. Build ids are interned, as paths are: pointers compare.
 */
static const char **address_keys(const struct matcher *m, const struct snapshot *s)
{
	const struct snapshot *other = s == m->b ? m->a : m->b;
	const char **key = xcalloc(s->n_modules, sizeof(*key));

	/* Without a module an address means something within one run only: JIT code. */
	key[0] = !other || m->same_run ? "" : NULL;
	for (uint32_t i = 1; i < s->n_modules; i++) {
		const struct module *mod = &s->module[i];
		if (*mod->build_id && (!other || has_build_id(other, mod->build_id)))
			key[i] = mod->build_id;
		else if (!*mod->build_id && (!other || (m->same_run && has_path(other, mod))))
			key[i] = *mod->path ? mod->path : "?";
	}
	return key;
}

/* ---- frames ---- */

/* The name of a function without what differs from build to build: suffixes of clones, the hash in
 * Rust's names. */
static const char *stable_name(const struct line *l)
{
	static const char *const suffix[] = {".part.", ".constprop.", ".isra.",
	                                     ".cold",  ".lto_priv.",  ".llvm."};
	const char *name = l->linkage ? l->linkage : l->function;
	size_t n = strlen(name);

	for (size_t i = 0; i < sizeof(suffix) / sizeof(*suffix); i++) {
		const char *at = strstr(name, suffix[i]);
		if (at && at > name && (size_t)(at - name) < n)
			n = (size_t)(at - name);
	}
	if (n > 20 && name[n - 1] == 'E' && !strncmp(name + n - 20, "17h", 3))
		n -= 20;
	return intern_mem(name, n);
}

static void add_key(struct keys *k, uint32_t key)
{
	k->list = xgrow(k->list, k->n_list, &k->cap_list, sizeof(*k->list));
	k->list[k->n_list++] = key;
}

static void location_keys(struct matcher *m, const struct snapshot *s, uint32_t i,
                          const char *by_address, const char *family_name, struct keys *k)
{
	const struct location *loc = &s->location[i];
	uint32_t before = k->n_list;

	if (by_address) {
		add_key(k, key_number(m, (struct key){(uintptr_t)by_address, loc->address}));
		return;
	}
	for (uint32_t n = loc->n_lines; n-- > 0;)
		if (loc->line[n].linkage || loc->line[n].function)
			add_key(k,
			        key_number(m, (struct key){(uintptr_t)family_name,
			                                   (uintptr_t)stable_name(&loc->line[n])}));
	if (k->n_list > before)
		return;
	/* Its own in this snapshot: the module's number, never an address of a text. */
	k->nameless[i] = 1;
	k->n_nameless++;
	add_key(k,
	        key_number(m, (struct key){2 * (uint64_t)loc->module + (s == m->b), loc->address}));
}

static void all_keys(struct matcher *m, const struct snapshot *s, struct keys *k)
{
	const char **by_address = address_keys(m, s);
	const char **families = xcalloc(s->n_modules, sizeof(*families));

	*k = (struct keys){.first = xcalloc(s->n_locations + 1, sizeof(*k->first)),
	                   .nameless = xcalloc(s->n_locations + 1, 1)};
	for (uint32_t i = 0; i < s->n_modules; i++)
		families[i] = module_family(&s->module[i]);
	for (uint32_t i = 0; i < s->n_locations; i++) {
		uint32_t mod = s->location[i].module;
		k->first[i] = k->n_list;
		location_keys(m, s, i, by_address[mod], families[mod], k);
	}
	k->first[s->n_locations] = k->n_list;
	free(families);
	free(by_address);
}

static void number_nodes(struct matcher *m, const struct snapshot *s, struct match *out)
{
	struct keys k;

	all_keys(m, s, &k);
	out->meaning = xcalloc(s->n_nodes, sizeof(*out->meaning));
	if (k.n_nameless)
		out->unmatched = xcalloc(s->n_nodes, 1);
	if (!out->need)
		edges_reserve(&m->edges, s->n_nodes);
	for (uint32_t i = 1; i < s->n_nodes; i++) {
		if (out->need && !out->need[i])
			continue;
		uint32_t parent = s->node[i].parent, loc = s->node[i].location;
		uint32_t number = out->meaning[parent];
		for (uint32_t at = k.first[loc]; at < k.first[loc + 1]; at++)
			/* NOLINTNEXTLINE: there is a list where first[] counts keys */
			number = edges_child(&m->edges, number, k.list[at]);
		out->meaning[i] = number;
		if (out->unmatched)
			out->unmatched[i] = out->unmatched[parent] | k.nameless[loc];
	}
	free(k.first);
	free(k.list);
	free(k.nameless);
}

/* From by node to by stack: a tenth of the memory. */
static void keep_stacks(const struct snapshot *s, struct match *m)
{
	struct match by_stack = {.meaning = xcalloc(s->n_stacks, sizeof(*m->meaning))};

	if (m->unmatched)
		by_stack.unmatched = xcalloc(s->n_stacks, 1);
	for (uint32_t i = 0; i < s->n_stacks; i++) {
		by_stack.meaning[i] = m->meaning[s->stack[i].node];
		if (m->unmatched)
			by_stack.unmatched[i] = m->unmatched[s->stack[i].node];
	}
	match_free(m);
	*m = by_stack;
}

static void match(const struct snapshot *a, const struct snapshot *b, struct match *ma,
                  struct match *mb, bool by_stack)
{
	struct matcher m = {.a = a, .b = b, .same_run = a && snapshot_same_run(a, b)};

	number_nodes(&m, b, mb);
	if (by_stack)
		keep_stacks(b, mb);
	if (a)
		number_nodes(&m, a, ma);
	if (a && by_stack)
		keep_stacks(a, ma);
	table_free(&m.by_key);
	edges_free(&m.edges);
	free(m.key);
}

void match_nodes(const struct snapshot *a, const struct snapshot *b, struct match *ma,
                 struct match *mb)
{
	match(a, b, ma, mb, false);
}

void match_stacks(const struct snapshot *a, const struct snapshot *b, struct match *ma,
                  struct match *mb)
{
	match(a, b, ma, mb, true);
}

void match_free(struct match *m)
{
	free(m->meaning);
	free(m->unmatched);
	*m = (struct match){0};
}

uint8_t *match_need_objects(const struct snapshot *s)
{
	uint8_t *need = xcalloc(s->n_nodes, 1);

	for (uint32_t i = 0; i < s->n_tasks; i++)
		need[s->stack[s->task[i].stack].node] = 1;
	for (uint32_t i = 0; i < s->n_waits; i++)
		need[s->stack[s->wait[i].stack].node] = 1;
	for (uint32_t i = 0; i < s->n_task_sums; i++)
		need[s->stack[s->task_sum[i].stack].node] = 1;
	for (uint32_t i = 0; i < s->n_fds; i++)
		need[s->stack[s->fd[i].stack].node] = 1;
	for (uint32_t i = 0; i < s->n_fd_sums; i++)
		need[s->stack[s->fd_sum[i].stack].node] = 1;
	for (uint32_t i = 0; i < s->n_fd_bads; i++) {
		need[s->stack[s->fd_bad[i].stack].node] = 1;
		need[s->stack[s->fd_bad[i].before].node] = 1;
	}
	for (uint32_t i = 0; i < s->n_timers; i++)
		need[s->stack[s->timer[i].stack].node] = 1;
	for (uint32_t i = 0; i < s->n_timer_sums; i++)
		need[s->stack[s->timer_sum[i].stack].node] = 1;
	/* Callers stand before their callees. */
	for (uint32_t i = s->n_nodes; i-- > 1;)
		need[s->node[i].parent] |= need[i];
	return need;
}
