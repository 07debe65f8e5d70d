/*
 * sym_elf.c - one ELF file for the symbolizer: its build id, and a table of its functions sorted by
 * address (libdw's own search is linear: 3 seconds for 10,000 addresses). Any file may be hostile.
 * Context: the analyzer's one thread.
 */
#include <elfutils/libdwelf.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sym.h"

enum { MAX_NAME = 8192, MAX_BACKWARD = 64, MAX_SECTIONS = 1 << 16 };

static void read_build_id(struct sym_elf *e)
{
	const void *id;
	ssize_t n = dwelf_elf_gnu_build_id(e->elf, &id);

	if (n <= 0 || (size_t)n > sizeof(e->build_id) / 2)
		return;
	for (ssize_t i = 0; i < n; i++)
		snprintf(e->build_id + 2 * i, 3, "%02x", ((const unsigned char *)id)[i]);
}

static void read_sections(struct sym_elf *e)
{
	size_t names;

	if (elf_getshdrstrndx(e->elf, &names))
		return;
	for (Elf_Scn *s = NULL; (s = elf_nextscn(e->elf, s));) {
		GElf_Shdr mem, *h = gelf_getshdr(s, &mem);
		const char *name = h ? elf_strptr(e->elf, names, h->sh_name) : NULL;

		if (!name || h->sh_type == SHT_NOBITS)
			continue;
		e->has_symtab |= h->sh_type == SHT_SYMTAB;
		e->has_dwarf |= !strcmp(name, ".debug_info") || !strcmp(name, ".zdebug_info");
	}
}

struct sym_elf *sym_elf_open(const char *path)
{
	struct stat st;
	/* A snapshot may name a FIFO or a device: neither waits here, nor is it opened at all, for
	 * with some devices (watchdogs, tapes) that is an act. */
	int fd = stat(path, &st) || !S_ISREG(st.st_mode)
	                 ? -1
	                 : open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return NULL;
	struct sym_elf *e = xcalloc(1, sizeof(*e));
	e->fd = fd;
	e->path = xstrdup(path);
	elf_version(EV_CURRENT);
	/* files of /proc that wait for something (kmsg) are regular ones, but have no size */
	if (!fstat(fd, &e->st) && S_ISREG(e->st.st_mode) && e->st.st_size > 0)
		e->elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
	if (!e->elf || elf_kind(e->elf) != ELF_K_ELF) {
		sym_elf_close(e);
		return NULL;
	}
	read_build_id(e);
	read_sections(e);
	return e;
}

void sym_elf_close(struct sym_elf *e)
{
	if (!e)
		return;
	elf_end(e->elf);
	close(e->fd);
	free(e->path);
	free(e);
}

/*
 * Of several names for one address the one that a person knows: exported before local ("malloc",
 * not "ptmalloc_x"), no leading underscores before some ("open", not "__open"), global before weak,
 * the current version before old ones, the shorter. Equal ranks are settled by the alphabet, so
 * that every run shows the same.
 */
static uint32_t rank_of(const char *name, size_t len, size_t bare, const GElf_Sym *sym)
{
	int bind = GELF_ST_BIND(sym->st_info), type = GELF_ST_TYPE(sym->st_info);
	uint32_t rank = 0;

	if (type == STT_NOTYPE || !sym->st_size)
		rank |= 1u << 31;
	if (bind == STB_LOCAL)
		rank |= 1u << 30;
	if (name[0] == '_' && strncmp(name, "_Z", 2) && strncmp(name, "_R", 2))
		rank |= name[1] == '_' ? 2u << 28 : 1u << 28;
	if (bind == STB_WEAK)
		rank |= 1u << 27;
	if (bare < len && name[bare + 1] != '@')
		rank |= 1u << 26;
	return rank | (uint32_t)bare;
}

static void add_symbol(struct sym_table *t, const GElf_Sym *sym, const char *name)
{
	size_t len = strnlen(name, MAX_NAME);
	const char *version = memchr(name, '@', len);
	size_t bare = version ? (size_t)(version - name) : len;

	/* "$x" and ".L1" are marks, not functions */
	if (!bare || len == MAX_NAME || name[0] == '$' || name[0] == '.')
		return;
	if (t->n == t->cap) {
		t->cap = t->cap ? t->cap * 2 : 1024;
		t->at = xrealloc(t->at, t->cap * sizeof(*t->at));
	}
	uint64_t end = sym->st_value + sym->st_size;
	t->at[t->n++] = (struct sym_symbol){
	        .start = sym->st_value,
	        .end = end < sym->st_value ? sym->st_value : end,
	        .name = name,
	        .name_len = (uint32_t)bare,
	        .rank = rank_of(name, len, bare, sym),
	};
}

/* By section index: 1 where it holds code. Of a debug file too, whose sections are empty but keep
 * their flags. */
static unsigned char *code_sections(Elf *elf, size_t *n)
{
	if (elf_getshdrnum(elf, n) || !*n || *n > MAX_SECTIONS)
		return NULL;
	unsigned char *code = xcalloc(*n, 1);
	for (Elf_Scn *s = NULL; (s = elf_nextscn(elf, s));) {
		GElf_Shdr mem, *h = gelf_getshdr(s, &mem);

		if (h && elf_ndxscn(s) < *n)
			code[elf_ndxscn(s)] = (h->sh_flags & SHF_EXECINSTR) != 0;
	}
	return code;
}

static void add_section(struct sym_table *t, Elf *elf, Elf_Scn *s, const GElf_Shdr *h,
                        const unsigned char *code, size_t n_code)
{
	Elf_Data *data = elf_getdata(s, NULL);
	size_t n = data && h->sh_entsize ? data->d_size / h->sh_entsize : 0;

	for (size_t i = 0; i < n && i < INT32_MAX; i++) {
		GElf_Sym mem, *sym = gelf_getsym(data, (int)i, &mem);

		if (!sym)
			break;
		int type = GELF_ST_TYPE(sym->st_info);
		bool function = type == STT_FUNC || type == STT_GNU_IFUNC || type == STT_NOTYPE;
		if (!function || sym->st_shndx == SHN_UNDEF || sym->st_shndx >= n_code ||
		    !code[sym->st_shndx])
			continue;
		const char *name = elf_strptr(elf, h->sh_link, sym->st_name);
		if (name)
			add_symbol(t, sym, name);
	}
}

void sym_table_add(struct sym_table *t, struct sym_elf *e)
{
	size_t n_code;
	unsigned char *code = code_sections(e->elf, &n_code);

	if (!code)
		return;
	for (Elf_Scn *s = NULL; (s = elf_nextscn(e->elf, s));) {
		GElf_Shdr mem, *h = gelf_getshdr(s, &mem);

		if (h && (h->sh_type == SHT_SYMTAB || h->sh_type == SHT_DYNSYM))
			add_section(t, e->elf, s, h, code, n_code);
	}
	free(code);
}

static int by_address_then_rank(const void *a, const void *b)
{
	const struct sym_symbol *x = a, *y = b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	if (x->rank != y->rank)
		return x->rank < y->rank ? -1 : 1;
	size_t n = x->name_len < y->name_len ? x->name_len : y->name_len;
	int order = memcmp(x->name, y->name, n);
	return order ? order : (int)x->name_len - (int)y->name_len;
}

/* Of each start the best name stays, with the largest size that any of its aliases has. */
void sym_table_sort(struct sym_table *t)
{
	size_t kept = 0;
	uint64_t reach = 0;

	if (t->n)
		qsort(t->at, t->n, sizeof(*t->at), by_address_then_rank);
	for (size_t i = 0; i < t->n; i++) {
		struct sym_symbol *last = kept ? &t->at[kept - 1] : NULL;

		if (last && last->start == t->at[i].start) {
			last->end = t->at[i].end > last->end ? t->at[i].end : last->end;
			continue;
		}
		t->at[kept++] = t->at[i];
	}
	t->n = kept;
	for (size_t i = 0; i < kept; i++) {
		reach = t->at[i].end > reach ? t->at[i].end : reach;
		t->at[i].reach = reach;
	}
}

const struct sym_symbol *sym_table_find(const struct sym_table *t, uint64_t address)
{
	size_t lo = 0, hi = t->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (t->at[mid].start <= address)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (!lo)
		return NULL;
	const struct sym_symbol *nearest = &t->at[lo - 1];
	/* A label inside a function does not hide it; but a symbol without a size, as hand-written
	 * assembly has, counts up to the next one where no function covers the address. Static
	 * functions of a stripped file have no symbol at all: beyond the end of a sized one nothing
	 * is known. */
	for (size_t i = lo, steps = 0; i-- && steps < MAX_BACKWARD; steps++) {
		if (t->at[i].end > address)
			return &t->at[i];
		if (t->at[i].reach <= address)
			break;
	}
	return nearest->end == nearest->start ? nearest : NULL;
}

void sym_table_free(struct sym_table *t)
{
	free(t->at);
	*t = (struct sym_table){0};
}
