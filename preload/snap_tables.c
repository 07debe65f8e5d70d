/*
 * snap_tables.c - the tables into records: modules, threads, the stack tree, sites. Context: the
 * snapshot child (snap.h), while all threads go on. Tables only grow; so the number of sites is
 * read first, and then what they refer to: a site's stack and thread are in the file.
 */
#include <errno.h>
#include <string.h>

#include "context_ages.h"
#include "map.h"
#include "reach.h"
#include "snap.h"
#include "sys.h"

static void put_modules(struct snap_out *o, uint32_t n)
{
	static const struct stack_module none;

	snap_record(o, FMT_MODULE);
	for (uint32_t i = 1; i <= n; i++) {
		const struct stack_module *m = stack_module(i);

		if (!m)
			m = &none; /* its number stays taken */
		snap_item(o);
		snap_u(o, m->start);
		snap_u(o, m->end);
		snap_u(o, m->bias);
		snap_u(o, m->text_start);
		snap_u(o, m->text_offset);
		snap_u(o, m->flags);
		snap_u(o, m->loaded_ns);
		snap_u(o, __atomic_load_n(&m->unloaded_ns, __ATOMIC_RELAXED));
		snap_mem(o, m->build_id,
		         m->build_id_bytes <= sizeof(m->build_id) ? m->build_id_bytes : 0);
		snap_str(o, m->path);
	}
	snap_record_end(o);
}

static void put_threads(struct snap_out *o, uint32_t n)
{
	snap_record(o, FMT_THREAD);
	for (uint32_t i = 1; i <= n; i++) {
		struct context_info c = {0};
		size_t length = 0;

		context_info(i, &c);
		while (length < sizeof(c.name) && c.name[length])
			length++;
		snap_item(o);
		snap_u(o, c.tid);
		snap_u(o, c.n_threads);
		snap_mem(o, c.name, length);
	}
	snap_record_end(o);
}

/*
 * What a node says but for its parent, as it was written for another: there are thousands of frames
 * and millions of nodes. Kept for the next snapshot: what a module's number stands for stays.
 */
struct frame_bytes {
	uintptr_t ip;
	uint16_t module, flags;
	uint8_t length; /* 0: empty */
	uint8_t bytes[16];
};
#define FRAMES_LOG2 12
static struct frame_bytes g_frames[1 << FRAMES_LOG2];
_Static_assert(sizeof(((struct stack_node *)0)->module) == 2 &&
                       sizeof(((struct stack_node *)0)->flags) == 2,
               "two numbers of three bytes and one of ten fit");

static inline struct frame_bytes *frame_bytes_of(const struct stack_node *v)
{
	return &g_frames[v->ip * 0x9e3779b97f4a7c15ul >> (64 - FRAMES_LOG2)];
}

static inline bool frame_bytes_are(const struct frame_bytes *f, const struct stack_node *v)
{
	return f->length && f->ip == v->ip && f->module == v->module && f->flags == v->flags;
}

static void frame_bytes_make(struct frame_bytes *f, const struct stack_node *v)
{
	const struct stack_module *m = v->module ? stack_module(v->module) : NULL;
	uint8_t *at = f->bytes;

	f->module = m ? v->module : 0;
	at = snap_u_at(at, f->module);
	at = snap_u_at(at, m ? v->ip - m->bias : v->ip);
	at = snap_u_at(at, v->flags);
	f->ip = v->ip;
	f->flags = v->flags;
	f->length = (uint8_t)(at - f->bytes);
}

static void put_nodes(struct snap_out *o, uint32_t first, uint32_t last, uint32_t n_modules)
{
	snap_record(o, FMT_NODE);
	for (uint32_t i = first; i <= last; i++) {
		struct stack_node v = {0};
		uint8_t *at = snap_item_at(o);

		if (!stack_node(i, &v) || v.parent >= i)
			v = (struct stack_node){0};
		if (unlikely(v.module > n_modules))
			v.module = 0;
		struct frame_bytes *f = frame_bytes_of(&v);

		if (unlikely(!frame_bytes_are(f, &v)))
			frame_bytes_make(f, &v);
		at = snap_u_at(at, v.parent);
		memcpy(at, f->bytes, sizeof(f->bytes));
		snap_item_done(o, at + f->length);
	}
	snap_record_end(o);
}

/* The thread went on counting since `frees` was read; what the reader derives for bucket 0 must not
 * be negative. */
static uint8_t *put_lifetimes(uint8_t *at, const struct site *s, uint64_t frees)
{
	struct context_age age[FMT_AGE_BUCKETS];
	unsigned n = context_ages_list(s, age), i;

	for (i = 0; i < n && frees; i++) {
		if (age[i].count > frees)
			age[i].count = (uint32_t)frees;
		frees -= age[i].count;
	}
	n = i;
	at = snap_u_at(at, n);
	for (i = 0; i < n; i++) {
		at = snap_u_at(at, age[i].bucket);
		at = snap_u_at(at, age[i].count);
	}
	return at;
}

/* part of whole, of what `all` stands for. */
static uint64_t share(uint64_t all, uint64_t part, uint64_t whole)
{
	return whole ? (uint64_t)((unsigned __int128)all * part / whole) : 0;
}

/* Sampled: the blocks of a site are taken for alike, whatever their ages. */
static uint8_t *put_ages(uint8_t *at, const struct snap_tally *t, const struct snap_site *v,
                         const struct snap_weight *live)
{
	struct snap_age ages[256];
	unsigned n = snap_tally_ages(t, v, ages);

	at = snap_u_at(at, n);
	for (unsigned i = 0; i < n; i++) {
		at = snap_u_at(at, ages[i].key);
		at = snap_u_at(at, t->weights ? share(live->objects, ages[i].blocks, v->live_blocks)
		                              : ages[i].blocks);
		at = snap_u_at(at, t->weights ? share(live->bytes, ages[i].bytes, v->live_bytes)
		                              : ages[i].bytes);
	}
	return at;
}

/* The i-th of the tally; NULL: a hole, or it says nothing, or it came while the table was read, and
 * its stack has frames that are not in the file. */
static const struct site *site_to_put(const struct snap_tally *t, uint32_t i,
                                      const struct snap_bounds *have)
{
	const struct snap_site *v = &t->sites[i];
	const struct site *s =
	        v->allocs | v->frees | v->live_blocks ? site_get(t->first + i) : NULL;

	if (s && t->first + i > have->sites &&
	    __atomic_load_n(&s->stack, __ATOMIC_ACQUIRE) > have->stacks)
		return NULL;
	return s;
}

static void put_site(struct snap_out *o, const struct snap_tally *t, uint32_t i,
                     const struct site *s, const struct snap_bounds *have)
{
	const struct snap_site *v = &t->sites[i];
	uint32_t stack = __atomic_load_n(&s->stack, __ATOMIC_ACQUIRE);
	uint32_t thread = __atomic_load_n(&s->context, __ATOMIC_RELAXED);
	uint32_t node = stack && stack <= have->stacks ? stack_leaf(stack) : 0;
	uint64_t min = __atomic_load_n(&s->size_min, __ATOMIC_RELAXED);
	uint64_t max = __atomic_load_n(&s->size_max, __ATOMIC_RELAXED);
	struct snap_weight live = snap_tally_live(t, i);
	uint8_t *at = snap_item_at(o);

	at = snap_u_at(at, node <= have->nodes ? node : 0);
	at = snap_u_at(at, FMT_KIND_HEAP);
	at = snap_u_at(at, thread <= have->contexts ? thread : 0);
	at = snap_u_at(at, sample_blocks(v->allocs));
	at = snap_u_at(at, v->bytes);
	at = snap_u_at(at, sample_blocks(v->frees));
	at = snap_u_at(at, v->bytes_freed);
	at = snap_u_at(at, sample_blocks(v->temporary < v->frees ? v->temporary : v->frees));
	at = snap_u_at(at, v->allocs ? (min < max ? min : max) : 0);
	at = snap_u_at(at, v->allocs ? max : 0);
	at = snap_u_at(at, live.objects);
	at = snap_u_at(at, live.bytes);
	at = put_lifetimes(at, s, sample_blocks(v->frees));
	snap_item_done(o, put_ages(at, t, v, &live));
}

/* What the estimates of the sites just written rest on; *number: of the sites before them. */
static void put_sampled(struct snap_out *o, const struct snap_tally *t,
                        const struct snap_bounds *have, uint32_t *number)
{
	snap_record(o, FMT_SAMPLED);
	for (uint32_t i = 0; i < t->count; i++) {
		const struct site *site = site_to_put(t, i, have);
		const struct site_sampled *s = site ? site_sampled(site) : NULL;

		*number += site != NULL;
		if (!s)
			continue;
		snap_item(o);
		snap_u(o, *number);
		snap_u(o, __atomic_load_n(&s->made, __ATOMIC_RELAXED));
		snap_u(o, __atomic_load_n(&s->freed, __ATOMIC_RELAXED));
		snap_u(o, __atomic_load_n(&s->objects_variance, __ATOMIC_RELAXED));
		snap_u(o, __atomic_load_n(&s->bytes_variance, __ATOMIC_RELAXED));
		snap_u(o, __atomic_load_n(&s->objects_variance_freed, __ATOMIC_RELAXED));
		snap_u(o, __atomic_load_n(&s->bytes_variance_freed, __ATOMIC_RELAXED));
	}
	snap_record_end(o);
}

static void put_sites(struct snap_out *o, const struct snap_bounds *have, struct snap_job *j)
{
	struct snap_tally t;
	uint32_t number = 0;

	snap_tally_begin(&t, have->sites, j->tick);
	for (uint32_t first = 1; first <= have->sites && !o->error; first += t.count) {
		snap_tally_take(&t, first, have->sites);
		if (first == 1) {
			j->live_blocks = t.blocks;
			j->live_bytes = t.bytes;
		}
		snap_record(o, FMT_SITE);
		for (uint32_t i = 0; i < t.count; i++) {
			const struct site *s = site_to_put(&t, i, have);

			if (!s)
				continue;
			put_site(o, &t, i, s, have);
			j->sites++;
			if (t.reach)
				t.reach[i].item = j->sites;
		}
		snap_record_end(o);
		if (g_sample_period)
			put_sampled(o, &t, have, &number);
		if (t.reach)
			snap_reach(o, &t, have);
	}
	snap_tally_end(&t);
}

/* The scan has taken stacks of threads that wait for ever. */
static void put_new_nodes(struct snap_out *o, struct snap_bounds *have)
{
	uint32_t stacks = stack_count(), nodes = stack_node_count();

	if (nodes > have->nodes)
		put_nodes(o, have->nodes + 1, nodes, have->modules);
	have->stacks = stacks;
	have->nodes = nodes;
}

int snap_tables(struct snap_out *o, struct snap_job *j)
{
	struct snap_bounds have;

	have.sites = site_count();
	have.map_sites = map_site_count();
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	have.contexts = context_count();
	have.stacks = stack_count();
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	have.nodes = stack_node_count();
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	have.modules = stack_module_count();
	j->stacks = have.stacks;
	j->nodes = have.nodes;

	put_modules(o, have.modules);
	put_threads(o, have.contexts);
	put_nodes(o, 1, have.nodes, have.modules);
	/* What the kernel is asked about comes first: a copy of the process takes seconds to mark.
	 */
	if (track_has(TRACK_THREADS))
		snap_tasks(o, j, &have);
	if (track_has(TRACK_FDS))
		snap_fds(o, j, &have);
	if (track_has(TRACK_TIMERS))
		snap_timers(o, j, &have);
	snap_fds_done();
	if (j->is_copy) {
		reach_mark_copy();
		put_new_nodes(o, &have);
	}
	snap_stuck(o, &have);
	put_sites(o, &have, j);
	snap_maps(o, j, &have);
	snap_tests(o, j, &have);
	return o->error;
}
