/*
 * elf_command.c - reads a program's ELF file before it is run: loader, architecture, sanitizers, an
 * allocator of its own.
 *
 * Uses libelf's headers and sections only; reads no DWARF, and says nothing: command.c makes
 * sentences of the facts.
 */
#include "elf_command.h"

#include <fcntl.h>
#include <gelf.h>
#include <string.h>
#include <unistd.h>

#include "machine.h"

/* A shared runtime by the beginning of its name, one that is linked in by the symbol that it
 * exports. */
static const struct {
	const char *name, *library, *clang_library, *symbol;
} sanitizers[] = {
        {"AddressSanitizer", "libasan.so", "libclang_rt.asan", "__asan_init"},
        {"ThreadSanitizer", "libtsan.so", "libclang_rt.tsan", "__tsan_init"},
        {"LeakSanitizer", "liblsan.so", "libclang_rt.lsan", "__lsan_init"},
        {"MemorySanitizer", "libmsan.so", "libclang_rt.msan", "__msan_init"},
        {"HWAddressSanitizer", "libhwasan.so", "libclang_rt.hwasan", "__hwasan_init"},
};
#define N_SANITIZERS (sizeof sanitizers / sizeof sanitizers[0])

static bool starts_with(const char *s, const char *prefix)
{
	return !strncmp(s, prefix, strlen(prefix));
}

static void read_loader(Elf *elf, struct elf_facts *f)
{
	size_t n = 0, size = 0;
	GElf_Phdr ph;

	elf_getphdrnum(elf, &n);
	const char *file = elf_rawfile(elf, &size);
	for (size_t i = 0; i < n; i++) {
		if (!gelf_getphdr(elf, (int)i, &ph) || ph.p_type != PT_INTERP)
			continue;
		f->is_dynamic = true;
		if (!file || ph.p_offset > size || ph.p_filesz > size - ph.p_offset)
			continue;
		size_t len = ph.p_filesz < sizeof f->loader ? ph.p_filesz : sizeof f->loader - 1;
		memcpy(f->loader, file + ph.p_offset, len);
		f->loader[len] = 0;
	}
}

static void read_needed(Elf *elf, Elf_Data *data, const GElf_Shdr *sh, struct elf_facts *f)
{
	GElf_Dyn dyn;

	for (int i = 0; gelf_getdyn(data, i, &dyn); i++) {
		const char *name = dyn.d_tag == DT_NEEDED
		                           ? elf_strptr(elf, sh->sh_link, dyn.d_un.d_val)
		                           : NULL;
		for (size_t s = 0; name && s < N_SANITIZERS; s++)
			if (starts_with(name, sanitizers[s].library) ||
			    starts_with(name, sanitizers[s].clang_library))
				f->sanitizer = sanitizers[s].name;
	}
}

static void read_exports(Elf *elf, Elf_Data *data, const GElf_Shdr *sh, struct elf_facts *f)
{
	GElf_Sym sym;

	for (int i = 1; gelf_getsym(data, i, &sym); i++) {
		/* A fixed-position program gives a value (of its PLT) to what it only calls: the
		 * section tells. */
		const char *name = sym.st_shndx != SHN_UNDEF
		                           ? elf_strptr(elf, sh->sh_link, sym.st_name)
		                           : NULL;
		if (!name)
			continue;
		f->has_malloc |= !strcmp(name, "malloc");
		for (size_t s = 0; s < N_SANITIZERS; s++) {
			if (strcmp(name, sanitizers[s].symbol))
				continue;
			f->sanitizer = sanitizers[s].name;
			f->sanitizer_inside = true;
		}
	}
}

static void read_sections(Elf *elf, struct elf_facts *f)
{
	size_t names = 0;
	GElf_Shdr sh;

	elf_getshdrstrndx(elf, &names);
	for (Elf_Scn *s = NULL; (s = elf_nextscn(elf, s));) {
		if (!gelf_getshdr(s, &sh))
			continue;
		const char *name = elf_strptr(elf, names, sh.sh_name);
		f->is_go |= name &&
		            (!strcmp(name, ".go.buildinfo") || !strcmp(name, ".note.go.buildid"));
		bool dynamic = sh.sh_type == SHT_DYNAMIC;
		Elf_Data *data = dynamic || sh.sh_type == SHT_DYNSYM ? elf_getdata(s, NULL) : NULL;
		if (data && dynamic)
			read_needed(elf, data, &sh, f);
		else if (data)
			read_exports(elf, data, &sh, f);
	}
}

void elf_facts_read(const char *path, struct elf_facts *f)
{
	GElf_Ehdr eh;

	*f = (struct elf_facts){0};
	elf_version(EV_CURRENT);
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return;
	Elf *elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
	if (elf && elf_kind(elf) == ELF_K_ELF && gelf_getehdr(elf, &eh)) {
		f->is_elf = true;
		f->is_native = gelf_getclass(elf) == ELFCLASS64 && eh.e_machine == MACHINE_ELF;
		read_loader(elf, f);
		read_sections(elf, f);
	}
	elf_end(elf);
	close(fd);
}
