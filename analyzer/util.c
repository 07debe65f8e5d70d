/*
 * util.c - errors, memory that does not fail, growing strings, interned strings, an index by hash.
 * Knows nothing of snapshots. One thread.
 */
#include "util.h"

#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>

int err_set(struct err *err, const char *fmt, ...)
{
	va_list ap;

	if (!err)
		return -1;
	va_start(ap, fmt);
	vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	return -1;
}

/* The one place outside main.c and cmd_* that ends the process: no caller could do better. */
static void __attribute__((noreturn, cold)) no_memory(size_t n)
{
	fprintf(stderr, "outlive: out of memory (%zu bytes wanted)\n", n);
	exit(EXIT_UNREADABLE);
}

void *xmalloc(size_t n)
{
	void *p = malloc(n ? n : 1);

	if (!p)
		no_memory(n);
	return p;
}

void *xcalloc(size_t n, size_t size)
{
	void *p = calloc(n ? n : 1, size ? size : 1);

	if (!p)
		no_memory(n * size);
	return p;
}

void release_pages(void *p, size_t n)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	uintptr_t from = ((uintptr_t)p + page - 1) & ~(page - 1),
	          to = ((uintptr_t)p + n) & ~(page - 1);

	if (from < to)
		madvise((void *)from, to - from, MADV_DONTNEED);
}

void *xrealloc(void *p, size_t n)
{
	p = realloc(p, n ? n : 1);
	if (!p)
		no_memory(n);
	return p;
}

char *xstrdup(const char *s)
{
	size_t n = strlen(s) + 1;

	return memcpy(xmalloc(n), s, n);
}

char *xasprintf(const char *fmt, ...)
{
	va_list ap;
	char *s;

	va_start(ap, fmt);
	int n = vasprintf(&s, fmt, ap);
	va_end(ap);
	if (n < 0)
		no_memory(0);
	return s;
}

void *xgrow(void *array, uint32_t n, uint32_t *cap, size_t item_bytes)
{
	if (n < *cap)
		return array;
	if (n >= UINT32_MAX / 2)
		no_memory((size_t)n * item_bytes);
	*cap = *cap ? *cap * 2 : 16;
	return xrealloc(array, *cap * item_bytes);
}

/* ---- strings ---- */

static void str_room(struct str *s, size_t n)
{
	if (s->len + n + 1 <= s->cap)
		return;
	s->cap = (s->len + n + 1) * 2;
	s->data = xrealloc(s->data, s->cap);
}

void str_add_mem(struct str *s, const void *p, size_t n)
{
	str_room(s, n);
	if (n)
		memcpy(s->data + s->len, p, n);
	s->len += n;
	s->data[s->len] = 0;
}

void str_add(struct str *s, const char *text)
{
	str_add_mem(s, text, strlen(text));
}

void str_addf(struct str *s, const char *fmt, ...)
{
	va_list ap, again;

	va_start(ap, fmt);
	va_copy(again, ap);
	int n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n > 0) {
		str_room(s, (size_t)n);
		vsnprintf(s->data + s->len, (size_t)n + 1, fmt, again);
		s->len += (size_t)n;
	}
	va_end(again);
}

void str_free(struct str *s)
{
	free(s->data);
	*s = (struct str){0};
}

/* ---- memory given back at once ---- */

struct pool_chunk {
	struct pool_chunk *older;
	_Alignas(16) char data[];
};

static char *pool_chunk(struct pool *pool, size_t n)
{
	struct pool_chunk *c = xcalloc(1, sizeof(*c) + n);

	c->older = pool->chunk;
	pool->chunk = c;
	return c->data;
}

void *pool_alloc(struct pool *pool, size_t n)
{
	enum { CHUNK = 64 << 10 };

	if (n > SIZE_MAX / 2)
		no_memory(n);
	n = (n + 15) & ~(size_t)15;
	if (n > CHUNK / 8) {
		/* A chunk of its own, behind the one that is being filled. */
		struct pool_chunk *filling = pool->chunk;
		char *p = pool_chunk(pool, n);
		if (filling) {
			struct pool_chunk *mine = pool->chunk;
			mine->older = filling->older;
			filling->older = mine;
			pool->chunk = filling;
		}
		return p;
	}
	if (n > pool->left) {
		pool_chunk(pool, CHUNK);
		pool->left = CHUNK;
		pool->next = 0;
	}
	char *p = pool->chunk->data + pool->next;
	pool->next += n;
	pool->left -= n;
	return p;
}

void pool_free(struct pool *pool)
{
	struct pool_chunk *older;

	for (struct pool_chunk *c = pool->chunk; c; c = older) {
		older = c->older;
		free(c);
	}
	*pool = (struct pool){0};
}

/* ---- index by hash ---- */

static uint64_t mix(uint64_t x)
{
	x ^= x >> 32;
	x *= 0xd6e8feb86659fd93u;
	x ^= x >> 32;
	x *= 0xd6e8feb86659fd93u;
	return x ^ x >> 32;
}

static uint64_t seed(void)
{
	static uint64_t value;

	if (!value) {
		const void *random =
		        (const void *)getauxval(AT_RANDOM); /* NOLINT: the kernel's 16 bytes */
		if (random)
			memcpy(&value, random, sizeof(value));
		value |= 1;
	}
	return value;
}

uint64_t table_hash(uint64_t a, uint64_t b)
{
	return mix(mix(a ^ seed()) + b * 0x9e3779b97f4a7c15u);
}

uint64_t table_hash_mem(const void *p, size_t n)
{
	const char *at = p;
	uint64_t h = n ^ seed(), word;

	for (; n >= sizeof(word); n -= sizeof(word), at += sizeof(word)) {
		memcpy(&word, at, sizeof(word));
		h = mix(h ^ word);
	}
	word = 0;
	if (n)
		memcpy(&word, at, n);
	return mix(h ^ word);
}

uint32_t table_find(const struct table *t, uint64_t hash,
                    bool (*same)(const void *ctx, uint32_t value, const void *key), const void *ctx,
                    const void *key)
{
	if (!t->slot)
		return TABLE_NONE;
	for (uint32_t i = (uint32_t)hash & t->mask;; i = (i + 1) & t->mask) {
		const struct table_slot *slot = &t->slot[i];
		if (!slot->value_plus_1)
			return TABLE_NONE;
		if (slot->hash == (uint32_t)hash && same(ctx, slot->value_plus_1 - 1, key))
			return slot->value_plus_1 - 1;
	}
}

static void table_insert(struct table *t, struct table_slot slot)
{
	uint32_t i = slot.hash & t->mask;

	while (t->slot[i].value_plus_1)
		i = (i + 1) & t->mask;
	t->slot[i] = slot;
}

static void table_grow(struct table *t)
{
	struct table_slot *old = t->slot;
	uint32_t n_old = old ? t->mask + 1 : 0, n_new = n_old ? n_old * 2 : 64;

	if (n_old >= UINT32_MAX / 2)
		no_memory(n_old * sizeof(*old));
	t->slot = xcalloc(n_new, sizeof(*t->slot));
	t->mask = n_new - 1;
	for (uint32_t i = 0; i < n_old; i++)
		if (old[i].value_plus_1)
			table_insert(t, old[i]);
	free(old);
}

void table_add(struct table *t, uint64_t hash, uint32_t value)
{
	if (!t->slot || t->n >= t->mask / 2)
		table_grow(t);
	table_insert(t, (struct table_slot){(uint32_t)hash, value + 1});
	t->n++;
}

void table_free(struct table *t)
{
	free(t->slot);
	*t = (struct table){0};
}

/* ---- interned strings ---- */

struct interned {
	const char *text;
	size_t len;
};
static struct pool g_text;
static struct interned *g_interned;
static uint32_t g_n_interned, g_cap_interned;
static struct table g_by_text;

static bool same_text(const void *ctx, uint32_t value, const void *key)
{
	const struct interned *have = &g_interned[value], *want = key;

	(void)ctx;
	return have->len == want->len && !memcmp(have->text, want->text, want->len);
}

const char *intern_mem(const char *s, size_t n)
{
	struct interned want = {s, n};
	uint64_t hash = table_hash_mem(s, n);
	uint32_t at = table_find(&g_by_text, hash, same_text, NULL, &want);

	if (at != TABLE_NONE)
		return g_interned[at].text;
	char *text = pool_alloc(&g_text, n + 1);
	if (n)
		memcpy(text, s, n);
	g_interned = xgrow(g_interned, g_n_interned, &g_cap_interned, sizeof(*g_interned));
	g_interned[g_n_interned] = (struct interned){text, n};
	table_add(&g_by_text, hash, g_n_interned++);
	return text;
}

const char *intern(const char *s)
{
	return intern_mem(s, strlen(s));
}
