/*
 * load_items.c - the items inside the records of a snapshot (format.h, section 2).
 *
 * Every item is checked as it is read; numbers that may refer to something later in the file are
 * noted, and checked by load_tree.c. Threads, timers and descriptors are in load_kinds.c. What is
 * stored of an item is a small multiple of its bytes, whatever its counts say.
 */
#include "load.h"

#include <string.h>

/* ---- integers and strings ---- */

uint64_t load_varint_slow(struct loader *l)
{
	const uint8_t *start = l->at;
	uint64_t v = 0;

	for (unsigned shift = 0; l->at < l->end; shift += 7) {
		uint8_t byte = *l->at++;
		if (shift == 63 && byte > 1) {
			load_bad(l, start, "a number longer than 64 bits");
			return 0;
		}
		v |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80))
			return v;
	}
	load_bad(l, start, "a number that the end of its record cuts");
	return 0;
}

uint32_t load_small(struct loader *l, const char *what)
{
	const uint8_t *start = l->at;
	uint64_t v = load_varint(l);

	if (v <= UINT32_MAX)
		return (uint32_t)v;
	load_bad(l, start, "%s %llu", what, (unsigned long long)v);
	return 0;
}

uint64_t load_figure(struct loader *l, const char *what)
{
	const uint8_t *start = l->at;
	uint64_t v = load_varint(l);

	if (v <= INT64_MAX)
		return v;
	load_bad(l, start, "%s of %llu", what, (unsigned long long)v);
	return 0;
}

static const char *bytes(struct loader *l, size_t *n)
{
	const uint8_t *start = l->at;
	uint64_t len = load_varint(l);

	*n = 0;
	if (l->failed)
		return "";
	if (len > (uint64_t)(l->end - l->at)) {
		load_bad(l, start, "a text of %llu bytes, its record has %zu left",
		         (unsigned long long)len, (size_t)(l->end - l->at));
		return "";
	}
	const char *p = (const char *)l->at;
	l->at += len;
	*n = (size_t)len;
	return p;
}

const char *load_string(struct loader *l)
{
	size_t n;
	const char *p = bytes(l, &n);

	return n ? intern_mem(p, strnlen(p, n)) : "";
}

static const char *hex(struct loader *l)
{
	static const char digit[] = "0123456789abcdef";
	const uint8_t *start = l->at;
	char text[2 * 64];
	size_t n;
	const char *p = bytes(l, &n);

	if (n > 64) {
		load_bad(l, start, "a build id of %zu bytes", n);
		return "";
	}
	for (size_t i = 0; i < n; i++) {
		text[2 * i] = digit[(uint8_t)p[i] >> 4];
		text[2 * i + 1] = digit[p[i] & 15];
	}
	return n ? intern_mem(text, 2 * n) : "";
}

static int status(const struct loader *l)
{
	return l->failed ? -1 : 0;
}

int load_number(struct loader *l, uint64_t *out)
{
	*out = load_varint(l);
	if (!l->failed && l->at != l->end)
		return load_bad(l, l->at, "a record that is longer than its one number");
	return status(l);
}

uint32_t load_refer(struct reference *r, const struct loader *l, uint64_t to, const uint8_t *at)
{
	if (to > r->max) {
		r->max = to;
		r->offset = (uint64_t)(at - l->base);
	}
	return to > UINT32_MAX ? UINT32_MAX : (uint32_t)to;
}

/* ---- who and when ---- */

/* Arguments, each ended by NUL, as one line that a shell would take back. */
static const char *command_line(const char *p, size_t n)
{
	struct str s = {0};

	while (n) {
		size_t len = strnlen(p, n);
		bool plain = len && strcspn(p, " \t\n'\"\\$`*?[]{}()<>|&;~#!") >= len;
		if (s.len)
			str_add(&s, " ");
		if (!plain)
			str_add(&s, "'");
		for (size_t i = 0; i < len; i++)
			str_add_mem(&s, p[i] == '\'' ? "'\\''" : &p[i], p[i] == '\'' ? 4 : 1);
		if (!plain)
			str_add(&s, "'");
		p += len;
		n -= len;
		if (n) {
			p++;
			n--;
		}
	}
	const char *text = s.data ? intern_mem(s.data, s.len) : "";
	str_free(&s);
	return text;
}

static void info_text(struct loader *l, uint64_t key)
{
	size_t n;

	if (key != FMT_INFO_CMDLINE) {
		const char *text = load_string(l);
		if (key < 128 + INFO_KEYS)
			l->s->info.s[key - 128] = text;
		return;
	}
	const char *p = bytes(l, &n);
	/* A copy that is ended by NUL: strcspn() stops nowhere else. */
	l->s->info.s[key - 128] = command_line(intern_mem(p, n), n);
}

int load_info_items(struct loader *l)
{
	while (l->at < l->end && !l->failed) {
		uint64_t key = load_varint(l);
		if (l->failed)
			break;
		if (key >= 128)
			info_text(l, key);
		else
			l->s->info.u[key] = load_varint(l);
	}
	return status(l);
}

int load_audit_items(struct loader *l)
{
	while (l->at < l->end && !l->failed) {
		uint64_t key = load_varint(l), value = load_varint(l);
		if (key < AUDIT_KEYS && !l->failed) {
			l->s->audit[key] = value;
			l->s->has_audit[key] = true;
		}
	}
	return status(l);
}

/* ---- modules, threads ---- */

int load_module_items(struct loader *l)
{
	struct snapshot *s = l->s;

	while (l->at < l->end && !l->failed) {
		const uint8_t *start = l->at;
		struct module m = {0};
		m.start = load_varint(l);
		m.end = load_varint(l);
		m.bias = load_varint(l);
		m.text_start = load_varint(l);
		m.text_offset = load_varint(l);
		m.flags = load_small(l, "module flags");
		m.loaded_ns = load_varint(l);
		m.unloaded_ns = load_varint(l);
		m.build_id = hex(l);
		m.path = load_string(l);
		if (!l->failed && m.end < m.start)
			load_bad(l, start, "a module that ends before it starts");
		if (l->failed)
			break;
		s->module = xgrow(s->module, s->n_modules, &l->cap_modules, sizeof(m));
		s->module[s->n_modules++] = m;
	}
	return status(l);
}

int load_thread_items(struct loader *l)
{
	struct snapshot *s = l->s;

	while (l->at < l->end && !l->failed) {
		struct thread_group t;
		t.tid = load_small(l, "thread id");
		t.n_threads = load_small(l, "number of threads");
		t.name = load_string(l);
		if (l->failed)
			break;
		s->thread = xgrow(s->thread, s->n_threads, &l->cap_threads, sizeof(t));
		s->thread[s->n_threads++] = t;
	}
	return status(l);
}

/* ---- the tree of stacks ---- */

static bool same_location(const void *ctx, uint32_t value, const void *key)
{
	const struct location *have = &((const struct snapshot *)ctx)->location[value], *want = key;

	return have->address == want->address && have->module == want->module &&
	       have->flags == want->flags;
}

uint32_t load_location(struct loader *l, const struct location *loc)
{
	struct snapshot *s = l->s;
	uint64_t hash = table_hash(loc->address, (uint64_t)loc->module << 32 | loc->flags);
	uint32_t i = table_find(&l->by_address, hash, same_location, s, loc);

	if (i != TABLE_NONE)
		return i;
	s->location = xgrow(s->location, s->n_locations, &l->cap_locations, sizeof(*loc));
	s->location[s->n_locations] = *loc;
	table_add(&l->by_address, hash, s->n_locations);
	return s->n_locations++;
}

int load_node_items(struct loader *l)
{
	struct snapshot *s = l->s;

	while (l->at < l->end && !l->failed) {
		const uint8_t *start = l->at;
		uint64_t parent = load_varint(l);
		const uint8_t *at_module = l->at;
		struct location loc = {0};
		loc.module = load_refer(&l->module, l, load_varint(l), at_module);
		loc.address = load_varint(l);
		loc.flags = load_small(l, "node flags");
		if (!l->failed && parent >= s->n_nodes)
			load_bad(l, start, "node %u has the parent %llu, which is not before it",
			         s->n_nodes, (unsigned long long)parent);
		if (l->failed)
			break;
		s->node = xgrow(s->node, s->n_nodes, &l->cap_nodes, sizeof(*s->node));
		s->node[s->n_nodes].parent = (uint32_t)parent;
		s->node[s->n_nodes++].location = load_location(l, &loc);
	}
	return status(l);
}

/* ---- counters ---- */

/* Of what is counted by the billion for a year. */
static uint64_t at_most(uint64_t blocks)
{
	return blocks < BIN_MOST ? blocks : BIN_MOST;
}

_Static_assert(sizeof(struct bin) == 16, "two words");

/*
 * Reads the n bins of a histogram, with bytes or without. n is believed only as far as bytes are
 * there for it. `first` is a bin to stand before them (bucket 0 of lifetimes, which is not
 * written).
 */
static void bins(struct loader *l, struct histogram *h, bool with_bytes, uint32_t max,
                 uint32_t reserve)
{
	const uint8_t *start = l->at;
	uint64_t n = load_varint(l), least = with_bytes ? 3 : 2;

	if (n > (uint64_t)(l->end - l->at) / least) {
		load_bad(l, start, "a histogram of %llu bins, its record has %zu bytes left",
		         (unsigned long long)n, (size_t)(l->end - l->at));
		return;
	}
	if (n > max) {
		load_bad(l, start, "a histogram of %llu bins, the most is %u",
		         (unsigned long long)n, max);
		return;
	}
	if (n + reserve)
		h->at = pool_alloc(&l->s->pool, (n + reserve) * sizeof(*h->at));
	h->n = reserve;
	for (uint64_t i = 0; i < n && !l->failed; i++) {
		const uint8_t *at = l->at;
		uint32_t bucket = load_small(l, "bucket");
		uint64_t blocks = load_figure(l, "blocks");
		uint64_t bytes = with_bytes ? load_figure(l, "bytes") : 0;
		bool ascends = h->n == 0 || bucket > h->at[h->n - 1].bucket;
		if (!l->failed && (bucket >= max || !ascends))
			load_bad(l, at, "histogram bucket %u is out of order or beyond %u", bucket,
			         max - 1);
		else if (blocks)
			h->at[h->n++] =
			        (struct bin){bucket & 1023, at_most(blocks) & BIN_MOST, bytes};
	}
}

/* Bucket 0 is what the others leave of the frees. Nothing is left when they add up to more: a shard
 * of a running thread was read between its two additions. */
static void lifetimes(struct loader *l, struct sample *p)
{
	uint64_t others = 0, frees = sample_frees(p);

	bins(l, &p->lifetimes, false, FMT_AGE_BUCKETS, frees ? 1 : 0);
	if (l->failed || !frees)
		return;
	for (uint32_t i = 1; i < p->lifetimes.n; i++)
		others = addu_sat(others, p->lifetimes.at[i].blocks);
	if (others < frees) {
		p->lifetimes.at[0].blocks = at_most(frees - others) & BIN_MOST;
		return;
	}
	p->lifetimes.n--;
	memmove(p->lifetimes.at, p->lifetimes.at + 1, p->lifetimes.n * sizeof(struct bin));
}

static void one_site(struct loader *l, struct sample *p)
{
	const uint8_t *start = l->at;
	uint64_t allocs, space, frees, bytes_freed;

	/* The number of a node for now: load_tree.c makes stacks of them. */
	p->stack = load_refer(&l->node, l, load_varint(l), start);
	const uint8_t *at = l->at;
	uint32_t kind = load_small(l, "kind");
	if (!l->failed && kind > FMT_KIND_MMAP)
		load_bad(l, at, "kind %u", kind);
	p->kind = kind & 3;
	at = l->at;
	/* One that is out of range is told later, by the largest. */
	p->thread = load_refer(&l->thread, l, load_varint(l), at) & ((1u << 30) - 1);
	allocs = load_figure(l, "allocations");
	space = load_figure(l, "bytes");
	frees = load_figure(l, "frees");
	bytes_freed = load_figure(l, "bytes freed");
	p->temporary = load_figure(l, "temporary allocations");
	p->size_min = load_figure(l, "size");
	p->size_max = load_figure(l, "size");
	p->live_blocks = load_figure(l, "blocks");
	load_figure(l, "bytes");
	p->value[ALLOC_OBJECTS] = (int64_t)allocs;
	p->value[ALLOC_SPACE] = (int64_t)space;
	p->value[INUSE_OBJECTS] = (int64_t)allocs - (int64_t)frees;
	p->value[INUSE_SPACE] = (int64_t)space - (int64_t)bytes_freed;
	lifetimes(l, p);
	bins(l, &p->ages, true, fmt_fine_bucket(UINT64_MAX) + 1, 0);
}

int load_site_items(struct loader *l)
{
	struct snapshot *s = l->s;

	while (l->at < l->end && !l->failed) {
		struct sample p = {0};
		one_site(l, &p);
		if (l->failed)
			break;
		s->sample = xgrow(s->sample, s->n_samples, &l->cap_samples, sizeof(p));
		s->sample[s->n_samples++] = p;
	}
	return status(l);
}

static void one_sampled(struct loader *l, struct sampled *out)
{
	out->made = load_figure(l, "samples");
	out->freed = load_figure(l, "samples");
	out->variance_made[0] = (double)load_varint(l);
	out->variance_made[1] = (double)load_varint(l);
	out->variance_freed[0] = (double)load_varint(l);
	out->variance_freed[1] = (double)load_varint(l);
}

int load_sampled_items(struct loader *l)
{
	struct snapshot *s = l->s;

	while (l->at < l->end && !l->failed) {
		const uint8_t *start = l->at;
		uint64_t number = load_varint(l);
		struct sampled v;
		one_sampled(l, &v);
		if (!l->failed && (!number || number > s->n_samples))
			load_bad(l, start, "samples of site %llu of %u", (unsigned long long)number,
			         s->n_samples);
		if (l->failed)
			break;
		load_sampled_up_to(l, (uint32_t)number);
		s->sampled[number - 1] = v;
	}
	return status(l);
}

void load_sampled_up_to(struct loader *l, uint32_t n)
{
	struct snapshot *s = l->s;

	while (l->n_sampled < n) {
		s->sampled = xgrow(s->sampled, l->n_sampled, &l->cap_sampled, sizeof(*s->sampled));
		s->sampled[l->n_sampled++] = (struct sampled){0};
	}
}
