/*
 * rebind.c - see rebind.h. Reads the dynamic sections that ld.so has relocated; owns nothing.
 * Context: the first hooked call of the process, or the first sight of a module; IN_TRACKER set.
 */
#include "rebind.h"

#include <string.h>
#include <sys/mman.h>

#include "sys.h"

struct walk {
	rebind_find *find;
	unsigned done;
};

/* What a module's dynamic section says; addresses at run time. */
struct object {
	uintptr_t bias, start, end;
	uintptr_t relro_start, relro_end; /* read-only since ld.so has relocated it */
	const Elf64_Sym *symbols;
	const char *strings;
	const Elf64_Rela *table[2]; /* data, calls */
	size_t bytes[2], relative;  /* that many of the data come first, and name nothing */
	const Elf64_Half *versions; /* by symbol; NULL: none */
	const Elf64_Verneed *needed;
};

/* ld.so has made most of these addresses, but leaves those of read-only sections as offsets. */
static uintptr_t address(const struct object *o, Elf64_Addr v)
{
	return v < o->bias ? o->bias + v : v;
}

static void read_dynamic(struct object *o, const Elf64_Dyn *d)
{
	for (; d->d_tag != DT_NULL; d++) {
		uintptr_t at = address(o, d->d_un.d_ptr);

		if (d->d_tag == DT_SYMTAB)
			o->symbols = (const Elf64_Sym *)at;
		if (d->d_tag == DT_STRTAB)
			o->strings = (const char *)at;
		if (d->d_tag == DT_RELA)
			o->table[0] = (const Elf64_Rela *)at;
		if (d->d_tag == DT_RELASZ)
			o->bytes[0] = d->d_un.d_val;
		if (d->d_tag == DT_RELACOUNT)
			o->relative = d->d_un.d_val;
		if (d->d_tag == DT_JMPREL)
			o->table[1] = (const Elf64_Rela *)at;
		if (d->d_tag == DT_PLTRELSZ)
			o->bytes[1] = d->d_un.d_val;
		if (d->d_tag == DT_VERSYM)
			o->versions = (const Elf64_Half *)at;
		if (d->d_tag == DT_VERNEED)
			o->needed = (const Elf64_Verneed *)at;
	}
}

static void read_object(struct object *o, uintptr_t bias, const Elf64_Phdr *headers, unsigned n)
{
	const Elf64_Dyn *dynamic = NULL;

	*o = (struct object){.bias = bias, .start = UINTPTR_MAX};
	for (const Elf64_Phdr *p = headers; p < headers + n; p++) {
		uintptr_t start = o->bias + p->p_vaddr, end = start + p->p_memsz;

		if (p->p_type == PT_DYNAMIC)
			dynamic = (const Elf64_Dyn *)start;
		if (p->p_type == PT_GNU_RELRO) {
			o->relro_start = start & -4096ul;
			o->relro_end = end & -4096ul;
		}
		if (p->p_type == PT_LOAD) {
			o->start = start < o->start ? start : o->start;
			o->end = end > o->end ? end : o->end;
		}
	}
	if (dynamic)
		read_dynamic(o, dynamic);
}

static bool is_in(const struct object *o, const void *p)
{
	return (uintptr_t)p >= o->start && (uintptr_t)p < o->end;
}

static bool set_slot(const struct object *o, uintptr_t slot, void *to)
{
	uintptr_t page = slot & -4096ul;
	bool sealed = page >= o->relro_start && page < o->relro_end;

	if (sealed && sys_call(SYS_mprotect, page, 4096, PROT_READ | PROT_WRITE))
		return false;
	__atomic_store_n((void **)slot, to, __ATOMIC_RELEASE);
	if (sealed)
		sys_call(SYS_mprotect, page, 4096, PROT_READ);
	return true;
}

/* The version that the module asks for; NULL: any. */
static const char *version_of(const struct object *o, uint32_t symbol)
{
	const Elf64_Verneed *n = o->versions ? o->needed : NULL;

	while (n) {
		const Elf64_Vernaux *a = (const Elf64_Vernaux *)((const char *)n + n->vn_aux);

		for (unsigned i = 0; i < n->vn_cnt; i++) {
			if (a->vna_other == (o->versions[symbol] & 0x7fff))
				return o->strings + a->vna_name;
			a = (const Elf64_Vernaux *)((const char *)a + a->vna_next);
		}
		n = n->vn_next ? (const Elf64_Verneed *)((const char *)n + n->vn_next) : NULL;
	}
	return NULL;
}

/* Only what leads to the original now, or is bound at its first call, is led elsewhere. */
static bool rebind_one(const struct object *o, const Elf64_Rela *r, const struct rebind *row)
{
	uintptr_t slot = o->bias + r->r_offset;
	void *now = *(void **)slot;

	if (is_in(o, row->original) || is_in(o, row->to) || (slot & 7))
		return false;
	bool lazy = ELF64_R_TYPE(r->r_info) == ARCH_ELF_JUMP && is_in(o, now);
	if (now != row->original && !lazy)
		return false;
	if (lazy && row->unlike) {
		const char *version = version_of(o, (uint32_t)ELF64_R_SYM(r->r_info));

		if (version && !strcmp(version, row->unlike))
			return false;
	}
	return set_slot(o, slot, row->to);
}

static unsigned each_slot(const struct object *o, rebind_find *find)
{
	unsigned done = 0;

	if (!o->symbols || !o->strings)
		return 0;
	for (int t = 0; t < 2; t++)
		for (size_t i = t ? 0 : o->relative;
		     o->table[t] && i < o->bytes[t] / sizeof(Elf64_Rela); i++) {
			const Elf64_Rela *r = &o->table[t][i];
			uint64_t type = ELF64_R_TYPE(r->r_info);

			if (type != ARCH_ELF_JUMP && type != ARCH_ELF_DATA &&
			    (type != ARCH_ELF_WORD || r->r_addend))
				continue;
			const Elf64_Sym *s = &o->symbols[ELF64_R_SYM(r->r_info)];

			if (s->st_shndx != SHN_UNDEF)
				continue;
			const struct rebind *row = find(o->strings + s->st_name);
			if (row && row->original && rebind_one(o, r, row))
				done++;
		}
	return done;
}

unsigned rebind_object(rebind_find *find, uintptr_t bias, const Elf64_Phdr *headers, unsigned n)
{
	struct object o;

	read_object(&o, bias, headers, n);
	return each_slot(&o, find);
}

static int each_object(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct walk *w = arg;

	(void)size;
	w->done += rebind_object(w->find, info->dlpi_addr, info->dlpi_phdr, info->dlpi_phnum);
	return 0;
}

unsigned rebind_all(rebind_find *find)
{
	struct walk w = {find, 0};

	dl_iterate_phdr(each_object, &w);
	return w.done;
}
