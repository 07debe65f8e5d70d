/*
 * symbol.c - see symbol.h. Context: the first hooked call of the process, IN_TRACKER set; no call
 * of libc but string functions.
 */
#include "symbol.h"

#include <link.h>
#include <stddef.h>
#include <string.h>

struct tables {
	const Elf64_Sym *symbols;
	const char *strings;
	const uint32_t *gnu, *sysv;
	const Elf64_Versym *versions; /* NULL: none has one */
};

/* ld.so has made most of these addresses, but leaves those of read-only sections as offsets. */
static const void *table(const struct link_map *m, const Elf64_Dyn *d)
{
	uintptr_t at = d->d_un.d_ptr;

	return (const void *)(at < m->l_addr ? at + m->l_addr : at);
}

static struct tables read_tables(const struct link_map *m)
{
	struct tables t = {NULL, NULL, NULL, NULL, NULL};

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

static bool is_it(const struct tables *t, uint32_t i, const char *name)
{
	const Elf64_Sym *s = &t->symbols[i];

	return s->st_shndx != SHN_UNDEF && s->st_value && !is_hidden(t, i) &&
	       !strcmp(t->strings + s->st_name, name);
}

/* Header: buckets, first symbol in the table, words of the Bloom filter, its shift. */
static uint32_t find_gnu(const struct tables *t, const char *name)
{
	uint32_t n = t->gnu[0], first = t->gnu[1], hash = 5381;
	const uint32_t *bucket = t->gnu + 4 + (size_t)t->gnu[2] * 2, *chain = bucket + n;

	for (const char *c = name; *c; c++)
		hash = hash * 33 + (unsigned char)*c;
	uint32_t i = n ? bucket[hash % n] : 0;
	while (i >= first && i) {
		uint32_t h = chain[i - first];

		if ((h | 1) == (hash | 1) && is_it(t, i, name))
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

static uintptr_t find(const struct link_map *m, const char *name)
{
	struct tables t = read_tables(m);
	uint32_t i = 0;

	if (!t.symbols || !t.strings)
		return 0;
	if (t.gnu)
		i = find_gnu(&t, name);
	if (!t.gnu && t.sysv)
		i = find_sysv(&t, name);
	return i ? m->l_addr + t.symbols[i].st_value : 0;
}

/* ---- the loader's list ---- */

extern const Elf64_Dyn own_dynamic[] __asm__("_DYNAMIC") __attribute__((visibility("hidden")));

struct symbol_found symbol_before(const char *name)
{
	for (const struct link_map *m = _r_debug.r_map; m && m->l_ld != own_dynamic;
	     m = m->l_next) {
		uintptr_t at = find(m, name);

		if (at)
			return (struct symbol_found){m->l_name, at};
	}
	return (struct symbol_found){NULL, 0};
}

bool symbol_is_behind(const char *name)
{
	const struct link_map *m = _r_debug.r_map;

	while (m && m->l_ld != own_dynamic)
		m = m->l_next;
	while (m && (m = m->l_next))
		if (find(m, name))
			return true;
	return false;
}
