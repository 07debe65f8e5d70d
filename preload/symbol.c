/*
 * symbol.c - see symbol.h. Context: the first hooked call of the process, IN_TRACKER set; no call
 * of libc but string functions.
 */
#include "symbol.h"

#include <link.h>
#include <stddef.h>
#include <string.h>

struct tables {
	uintptr_t base;
	const Elf64_Sym *symbols;
	const char *strings;
	const uint32_t *gnu, *sysv;
	const Elf64_Versym *versions; /* NULL: none has one */
};

/* With GNU's hash of it, which most objects want. */
struct name {
	const char *text;
	uint32_t hash;
};

static struct name name_of(const char *text)
{
	struct name n = {text, 5381};

	for (const char *c = text; *c; c++)
		n.hash = n.hash * 33 + (unsigned char)*c;
	return n;
}

/* ld.so has made most of these addresses, but leaves those of read-only sections as offsets. */
static const void *table(const struct link_map *m, const Elf64_Dyn *d)
{
	uintptr_t at = d->d_un.d_ptr;

	return (const void *)(at < m->l_addr ? at + m->l_addr : at);
}

static struct tables read_tables(const struct link_map *m)
{
	struct tables t = {.base = m->l_addr};

	for (const Elf64_Dyn *d = m->l_ld; d && d->d_tag != DT_NULL; d++) {
		if (d->d_tag == DT_SYMTAB)
			t.symbols = table(m, d);
		if (d->d_tag == DT_STRTAB)
			t.strings = table(m, d);
		if (d->d_tag == DT_GNU_HASH)
			t.gnu = table(m, d);
		if (d->d_tag == DT_HASH)
			t.sysv = table(m, d);
		if (d->d_tag == DT_VERSYM)
			t.versions = table(m, d);
	}
	return t;
}

/* A name that is kept for old programs only (libc's cfree) is none that dlsym finds. */
static bool is_hidden(const struct tables *t, uint32_t i)
{
	return t->versions && t->versions[i] & 0x8000;
}

/* Not strcmp: that of a sanitizer starts the sanitizer, which calls us before anything is found. */
static bool is_same(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return *a == *b;
}

static bool is_it(const struct tables *t, uint32_t i, const char *name)
{
	const Elf64_Sym *s = &t->symbols[i];

	return s->st_shndx != SHN_UNDEF && s->st_value && !is_hidden(t, i) &&
	       is_same(t->strings + s->st_name, name);
}

/* Header: buckets, first symbol in the table, words of the Bloom filter, its shift. The filter is
 * there for names that an object has not: nearly all, in nearly all objects. */
static uint32_t find_gnu(const struct tables *t, const struct name *name)
{
	uint32_t n = t->gnu[0], first = t->gnu[1], words = t->gnu[2], hash = name->hash;
	const uint64_t *filter = (const uint64_t *)(t->gnu + 4);
	const uint32_t *bucket = t->gnu + 4 + (size_t)words * 2, *chain = bucket + n;
	uint64_t bits = 1ull << (hash & 63) | 1ull << (hash >> (t->gnu[3] & 31) & 63);

	if (!n || (words && (filter[(hash >> 6) % words] & bits) != bits))
		return 0;
	uint32_t i = bucket[hash % n];
	while (i >= first && i) {
		uint32_t h = chain[i - first];

		if ((h | 1) == (hash | 1) && is_it(t, i, name->text))
			return i;
		if (h & 1)
			break;
		i++;
	}
	return 0;
}

static uint32_t find_sysv(const struct tables *t, const char *name)
{
	uint32_t n = t->sysv[0], hash = 0;
	const uint32_t *bucket = t->sysv + 2, *chain = bucket + n;

	for (const char *c = name; *c; c++) {
		hash = (hash << 4) + (unsigned char)*c;
		hash = (hash ^ (hash >> 24 & 0xf0)) & 0xfffffff;
	}
	for (uint32_t i = n ? bucket[hash % n] : 0; i; i = chain[i])
		if (is_it(t, i, name))
			return i;
	return 0;
}

/* NULL: not there. */
static const Elf64_Sym *find(const struct tables *t, const struct name *name)
{
	uint32_t i = 0;

	if (!t->symbols || !t->strings)
		return NULL;
	if (t->gnu)
		i = find_gnu(t, name);
	if (!t->gnu && t->sysv)
		i = find_sysv(t, name->text);
	return i ? &t->symbols[i] : NULL;
}

/* ---- the loader's list ---- */

extern const Elf64_Dyn own_dynamic[] __asm__("_DYNAMIC") __attribute__((visibility("hidden")));

struct symbol_found symbol_before(const char *text)
{
	struct name name = name_of(text);

	for (const struct link_map *m = _r_debug.r_map; m && m->l_ld != own_dynamic;
	     m = m->l_next) {
		struct tables t = read_tables(m);
		const Elf64_Sym *s = find(&t, &name);

		if (s)
			return (struct symbol_found){m->l_name, m->l_addr + s->st_value};
	}
	return (struct symbol_found){NULL, 0};
}

/* Some 300 names are looked for, all in the same objects. */
enum { READ_ONCE = 32 };
static struct tables g_behind[READ_ONCE];
static unsigned g_n_behind;
static const struct link_map *g_more; /* behind those */

static void read_behind(void)
{
	const struct link_map *m = _r_debug.r_map;

	while (m && m->l_ld != own_dynamic)
		m = m->l_next;
	for (m = m ? m->l_next : NULL; m && g_n_behind < READ_ONCE; m = m->l_next)
		g_behind[g_n_behind++] = read_tables(m);
	g_more = m;
}

/* Code that only ld.so can tell where it is: what chooses it has to be called. */
static uintptr_t address_of(const struct tables *t, const Elf64_Sym *s)
{
	unsigned type = ELF64_ST_TYPE(s->st_info);

	return type == STT_FUNC || type == STT_NOTYPE ? t->base + s->st_value : 0;
}

bool symbol_behind(const char *text, uintptr_t *address)
{
	struct name name = name_of(text);
	const Elf64_Sym *s;

	if (!g_n_behind)
		read_behind();
	for (unsigned i = 0; i < g_n_behind; i++)
		if ((s = find(&g_behind[i], &name))) {
			*address = address_of(&g_behind[i], s);
			return true;
		}
	for (const struct link_map *m = g_more; m; m = m->l_next) {
		struct tables t = read_tables(m);

		if ((s = find(&t, &name))) {
			*address = address_of(&t, s);
			return true;
		}
	}
	return false;
}
