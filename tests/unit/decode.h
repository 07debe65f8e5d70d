/*
 * decode.h - a second reader of snapshots, for the writer's tests: it follows the text of format.h,
 * shares no code with the analyzer's loader, and accepts nothing that the text does not allow.
 */
#ifndef OUTLIVE_DECODE_H
#define OUTLIVE_DECODE_H

#include <dirent.h>
#include <fcntl.h>
#include <zlib.h>

#include "check.h"
#include "preload/format.h"

struct decoded_site {
	uint64_t node, kind, thread, allocs, bytes, frees, bytes_freed, temporary;
	uint64_t size_min, size_max, live_blocks, live_bytes, in_buckets, age_blocks, age_bytes;
	unsigned n_ages;
};
struct decoded {
	struct decoded *next; /* all live as long as the test, and a leak checker finds them here */
	const char *wrong;    /* NULL: all is as the text says */
	uint64_t info[128], audit[128];
	bool has_info[256], has_audit[128];
	char text[256][4096]; /* strings of info, by key */
	size_t text_bytes[256];
	unsigned n_modules, n_nodes, n_threads, n_records;
	struct decoded_site *sites;
	unsigned n_sites;
	struct {
		uint64_t parent, module, address, flags;
	} * nodes; /* from 1 */
};

static struct decoded *g_decoded;

struct cursor {
	const uint8_t *at, *end;
	bool bad;
};

static uint64_t get_u(struct cursor *c)
{
	uint64_t v = 0;

	for (unsigned shift = 0; shift < 70; shift += 7) {
		if (c->at >= c->end)
			break;
		uint8_t b = *c->at++;
		v |= (uint64_t)(b & 127) << shift;
		if (!(b & 128))
			return v;
	}
	c->bad = true;
	return 0;
}

static const uint8_t *get_mem(struct cursor *c, size_t *n)
{
	*n = get_u(c);
	if (c->bad || *n > (size_t)(c->end - c->at)) {
		c->bad = true;
		*n = 0;
		return c->at;
	}
	c->at += *n;
	return c->at - *n;
}

static uint64_t get_fixed(const uint8_t *p, unsigned n)
{
	uint64_t v = 0;

	while (n--)
		v = v << 8 | p[n];
	return v;
}

static void decode_info(struct decoded *d, struct cursor *c)
{
	uint64_t key = get_u(c);

	if (key >= 256) {
		c->bad = true;
		return;
	}
	d->has_info[key] = true;
	if (key < 128) {
		d->info[key] = get_u(c);
		return;
	}
	const uint8_t *p = get_mem(c, &d->text_bytes[key]);
	size_t n = d->text_bytes[key] < 4095 ? d->text_bytes[key] : 4095;
	memcpy(d->text[key], p, n);
}

static void decode_site(struct decoded *d, struct cursor *c)
{
	struct decoded_site s = {0};
	uint64_t *fields[] = {&s.node,     &s.kind,     &s.thread,      &s.allocs,
	                      &s.bytes,    &s.frees,    &s.bytes_freed, &s.temporary,
	                      &s.size_min, &s.size_max, &s.live_blocks, &s.live_bytes};
	uint64_t before = 0;

	for (unsigned i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		*fields[i] = get_u(c);
	for (uint64_t n = get_u(c); n && !c->bad; n--) {
		uint64_t bucket = get_u(c);

		if (bucket <= before || bucket >= FMT_AGE_BUCKETS)
			d->wrong = "lifetimes";
		before = bucket;
		s.in_buckets += get_u(c);
	}
	before = 0;
	s.n_ages = (unsigned)get_u(c);
	for (unsigned i = 0; i < s.n_ages && !c->bad; i++) {
		uint64_t bucket = get_u(c) + 1;

		if (bucket <= before)
			d->wrong = "ages";
		before = bucket;
		s.age_blocks += get_u(c);
		s.age_bytes += get_u(c);
	}
	if (s.node > d->n_nodes || s.thread > d->n_threads || s.in_buckets > s.frees ||
	    s.temporary > s.frees || s.size_min > s.size_max || s.age_blocks > s.live_blocks)
		d->wrong = "site";
	if (!(d->n_sites & (d->n_sites + 1)))
		d->sites = realloc(d->sites, (2 * d->n_sites + 2) * sizeof(s));
	d->sites[d->n_sites++] = s;
}

static void decode_node(struct decoded *d, struct cursor *c)
{
	if (!(d->n_nodes & (d->n_nodes + 1)) || !d->n_nodes)
		d->nodes = realloc(d->nodes, (2 * d->n_nodes + 3) * sizeof(*d->nodes));
	d->n_nodes++;
	d->nodes[d->n_nodes].parent = get_u(c);
	d->nodes[d->n_nodes].module = get_u(c);
	d->nodes[d->n_nodes].address = get_u(c);
	d->nodes[d->n_nodes].flags = get_u(c);
	if (d->nodes[d->n_nodes].parent >= d->n_nodes || d->nodes[d->n_nodes].module > d->n_modules)
		d->wrong = "node";
}

static void decode_item(struct decoded *d, uint32_t tag, struct cursor *c)
{
	size_t n;

	switch (tag) {
	case FMT_INFO:
		decode_info(d, c);
		return;
	case FMT_MODULE:
		d->n_modules++;
		for (int i = 0; i < 8; i++)
			get_u(c);
		get_mem(c, &n);
		get_mem(c, &n);
		return;
	case FMT_NODE:
		decode_node(d, c);
		return;
	case FMT_SITE:
		decode_site(d, c);
		return;
	case FMT_THREAD:
		d->n_threads++;
		get_u(c);
		get_u(c);
		get_mem(c, &n);
		return;
	case FMT_AUDIT: {
		uint64_t key = get_u(c), v = get_u(c);

		if (key < 128) {
			d->has_audit[key] = true;
			d->audit[key] = v;
		}
		return;
	}
	default:
		c->at = c->end;
	}
}

static void decode_bytes(struct decoded *d, const uint8_t *p, size_t n)
{
	bool done = false;

	*d = (struct decoded){.next = d->next};
	if (n < 16 || memcmp(p, FMT_MAGIC, 8) || get_fixed(p + 8, 2) != FMT_MAJOR ||
	    get_fixed(p + 12, 4) != crc32(0, p, 12))
		d->wrong = "header";
	for (size_t at = 16; !d->wrong && at < n;) {
		if (done || at % 8 || n - at < 16) {
			d->wrong = "something after done, or a cut record head";
			return;
		}
		uint32_t tag = (uint32_t)get_fixed(p + at, 4);
		uint64_t length = get_fixed(p + at + 8, 8);
		struct cursor c = {p + at + 16, p + at + 16 + length, false};

		if (length > FMT_MAX_PAYLOAD || length > n - at - 16 ||
		    get_fixed(p + at + 4, 4) !=
		            crc32(crc32(0, p + at, 4), p + at + 8, (uInt)(8 + length))) {
			d->wrong = "length or CRC of a record";
			return;
		}
		if (tag == FMT_DONE) {
			done = true;
			if (get_u(&c) != d->n_records || c.at != c.end)
				d->wrong = "done";
		}
		while (c.at < c.end && !c.bad)
			decode_item(d, tag, &c);
		if (c.bad)
			d->wrong = "an item spans records";
		d->n_records += tag != FMT_DONE;
		at += 16 + length;
		for (; at % 8; at++)
			if (at >= n || p[at])
				d->wrong = "padding";
	}
	if (!done && !d->wrong)
		d->wrong = "no done";
}

__attribute__((unused)) static struct decoded *decode_file(const char *path)
{
	struct decoded *d = calloc(1, sizeof(*d));

	d->next = g_decoded;
	g_decoded = d;
	FILE *f = fopen(path, "rb");
	uint8_t *p = NULL;
	size_t have = 0, got;

	if (!f) {
		d->wrong = "no such file";
		return d;
	}
	do {
		p = realloc(p, have + (1 << 20));
		got = fread(p + have, 1, 1 << 20, f);
		have += got;
	} while (got);
	fclose(f);
	decode_bytes(d, p, have);
	free(p);
	return d;
}

#endif
