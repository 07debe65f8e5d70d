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
	uint32_t what; /* struct stack_kept; 0: empty */
	uint8_t length;
	uint8_t bytes[16];
};
enum { FRAMES = 1 << 12 };
static struct frame_bytes g_frames[FRAMES];
_Static_assert(sizeof(((struct stack_node *)0)->module) == 2 &&
                       sizeof(((struct stack_node *)0)->flags) == 2,
               "two numbers of three bytes and one of ten fit");

/* Frames are numbered as they are met; the flags that few of them have are the highest bits. */
static inline struct frame_bytes *frame_bytes_of(uint32_t what)
{
	return &g_frames[(what ^ what >> 20) % FRAMES];
}

static COLD void frame_bytes_make(struct frame_bytes *f, uint32_t what, uint32_t n_modules)
{
	struct stack_node v;
	uint8_t *at = f->bytes;

	stack_node_what(what, &v);
	const struct stack_module *m =
	        v.module && v.module <= n_modules ? stack_module(v.module) : NULL;

	at = snap_u_at(at, m ? v.module : 0);
	at = snap_u_at(at, m ? v.ip - m->bias : v.ip);
	at = snap_u_at(at, v.flags);
	f->length = (uint8_t)(at - f->bytes);
	/* A module that came while the tables were read will be in the next file. */
	f->what = m || !v.module ? what : 0;
}

static inline uint8_t *put_node(uint8_t *at, const struct stack_kept *node, uint32_t number,
                                uint32_t n_modules)
{
	static const struct frame_bytes nothing = {.length = 3};
	uint32_t parent = node->parent;
	struct frame_bytes *f = frame_bytes_of(node->what);
	const struct frame_bytes *says = f;

	if (unlikely(f->what != node->what))
		frame_bytes_make(f, node->what, n_modules);
	if (unlikely(parent >= number)) {
		parent = 0;
		says = &nothing;
	}
	at = snap_u28_at(at, snap_u28(parent));
	memcpy(at, says->bytes, sizeof(says->bytes));
	return at + says->length;
}
_Static_assert(STACK_NODE_MAX <= 1u << 28, "snap_u28()");

static void put_nodes(struct snap_out *o, uint32_t first, uint32_t last, uint32_t n_modules)
{
	snap_record(o, FMT_NODE);
	uint8_t *at = snap_item_at(o);

	for (uint32_t number = first, n; number <= last;) {
		const struct stack_kept *node = stack_nodes(number, last, &n), *end = node + n;

		for (; node < end; node++)
			at = put_node(snap_item_next(o, at), node, number++, n_modules);
	}
	snap_item_done(o, at);
	snap_record_end(o);
}

/* The thread went on counting since `frees` was read; what the reader derives for bucket 0 must not
 * be negative. */
static __attribute__((noinline)) uint8_t *put_lifetimes_of(uint8_t *at, const struct site *s,
                                                           uint64_t frees)
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

static inline uint8_t *put_lifetimes(uint8_t *at, const struct site *s, uint64_t frees)
{
	const uint64_t ages = __atomic_load_n(&s->ages, __ATOMIC_ACQUIRE);
	struct context_age one;

	if (!ages)
		return snap_u_at(at, 0);
	if (!context_ages_one(ages, &one) || !frees)
		return put_lifetimes_of(at, s, frees);
	at[0] = 1;
	at[1] = (uint8_t)one.bucket;
	at[2] = (uint8_t)(one.count < frees ? one.count : frees);
	return at + 3;
}

/* part of whole, of what `all` stands for. */
static uint64_t share(uint64_t all, uint64_t part, uint64_t whole)
{
	return whole ? (uint64_t)((unsigned __int128)all * part / whole) : 0;
}

/* Sampled: the blocks of a site are taken for alike, whatever their ages. */
static __attribute__((noinline)) uint8_t *put_ages(uint8_t *at, const struct snap_tally *t,
                                                   const struct snap_site *v)
{
	const struct snap_weight live = snap_tally_live(t, v);
	struct snap_age ages[256];
	unsigned n = snap_tally_ages(t, v, ages);

	at = snap_u_at(at, n);
	for (unsigned i = 0; i < n; i++) {
		at = snap_u_at(at, ages[i].key);
		at = snap_u_at(at, t->weights ? share(live.objects, ages[i].blocks, v->live_blocks)
		                              : ages[i].blocks);
		at = snap_u_at(at, t->weights ? share(live.bytes, ages[i].bytes, v->live_bytes)
		                              : ages[i].bytes);
	}
	return at;
}

/* Site s, of which the tally says v. False: a hole, or it says nothing, or it came while the table
 * was read, and its stack has frames that are not in the file. */
static inline bool is_to_put(const struct snap_tally *t, const struct snap_site *v,
                             const struct site *s, const struct snap_bounds *have)
{
	if (!(v->allocs | v->frees | v->live_blocks) || !site_is_there(s))
		return false;
	return likely(v <= t->sites + (have->sites - t->first)) ||
	       __atomic_load_n(&s->stack, __ATOMIC_ACQUIRE) <= have->stacks;
}

/* What was made and freed. Nearly all numbers are below 2^28; and most stacks made one block, or
 * blocks of one size, and what they made was freed: then one number is as another. */
static inline uint8_t *put_counters(uint8_t *at, const struct snap_site *v, uint32_t min,
                                    uint32_t max, uint64_t frees)
{
	const uint64_t temporary = v->temporary < v->frees ? sample_blocks(v->temporary) : frees;
	struct snap_u28 bytes = snap_u28((uint32_t)v->bytes), freed = bytes;

	at = snap_u_at(at, sample_blocks(v->allocs));
	if (unlikely((v->bytes | v->bytes_freed | max) >> 28)) {
		at = snap_u_at(at, v->bytes);
		at = snap_u_at(at, frees);
		at = snap_u_at(at, v->bytes_freed);
		at = snap_u_at(at, temporary);
		at = snap_u_at(at, min);
		return snap_u_at(at, max);
	}
	if (v->bytes_freed != v->bytes)
		freed = snap_u28((uint32_t)v->bytes_freed);
	at = snap_u28_at(at, bytes);
	at = snap_u_at(at, frees);
	at = snap_u28_at(at, freed);
	at = snap_u_at(at, temporary);
	if (min != v->bytes)
		bytes = snap_u28(min);
	at = snap_u28_at(at, bytes);
	return snap_u28_at(at, max == min ? bytes : snap_u28(max));
}

static inline uint8_t *put_site(uint8_t *at, const struct snap_tally *t, const struct snap_site *v,
                                const struct site *s, const struct snap_bounds *have)
{
	uint32_t stack = __atomic_load_n(&s->stack, __ATOMIC_ACQUIRE);
	uint32_t thread = __atomic_load_n(&s->context, __ATOMIC_RELAXED);
	uint32_t node = stack && stack <= have->stacks ? stack_leaf(stack) : 0;
	uint32_t min = __atomic_load_n(&s->size_min, __ATOMIC_RELAXED);
	uint32_t max = v->allocs ? __atomic_load_n(&s->size_max, __ATOMIC_RELAXED) : 0;
	const uint64_t frees = sample_blocks(v->frees);

	at = snap_u28_at(at, snap_u28(node <= have->nodes ? node : 0));
	at = snap_u_at(at, FMT_KIND_HEAP);
	at = snap_u_at(at, thread <= have->contexts ? thread : 0);
	at = put_counters(at, v, min < max ? min : max, max, frees);
	if (likely(!v->live_blocks)) {
		at = snap_u_at(at, 0);
		at = snap_u_at(at, 0);
	} else {
		struct snap_weight live = snap_tally_live(t, v);

		at = snap_u_at(at, live.objects);
		at = snap_u_at(at, live.bytes);
	}
	at = put_lifetimes(at, s, frees);
	return v->ages ? put_ages(at, t, v) : snap_u_at(at, 0);
}

/* What the estimates of the sites just written rest on; *number: of the sites before them. */
static void put_sampled(struct snap_out *o, const struct snap_tally *t,
                        const struct snap_bounds *have, uint32_t *number)
{
	snap_record(o, FMT_SAMPLED);
	for (uint32_t i = 0; i < t->count; i++) {
		const struct site *site = site_get(t->first + i);

		if (!site || !is_to_put(t, &t->sites[i], site, have))
			continue;
		++*number;
		const struct site_sampled *s = site_sampled(site);

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

static void put_portion(struct snap_out *o, const struct snap_tally *t,
                        const struct snap_bounds *have, struct snap_job *j)
{
	snap_record(o, FMT_SITE);
	uint8_t *at = snap_item_at(o);

	for (uint32_t i = 0, n; i < t->count; i += n) {
		const struct site *s = site_run(t->first + i, t->count - i, &n);
		const struct snap_site *v = &t->sites[i], *end = s ? v + n : v;

		for (; v < end; v++, s++) {
			if (!is_to_put(t, v, s, have))
				continue;
			at = put_site(snap_item_next(o, at), t, v, s, have);
			j->sites++;
			if (unlikely(t->reach))
				t->reach[v - t->sites].item = j->sites;
		}
	}
	snap_item_done(o, at);
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
		put_portion(o, &t, have, j);
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

	/* What items have at least, nearly all of them. */
	snap_out_expect(o, have.nodes * 5ul + have.stacks * 11ul);
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
