/*
 * elf_image.c - the kernel's vdso, and files that were replaced while they are mapped (every
 * upgrade does that): both can be read from the process's memory only.
 */
#include "elf_image.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sym.h"

/* A file longer than that is not copied. */
enum { MOST_BYTES = 256 << 20, CHUNK = 1 << 20 };

/* Reads maps[] into fd; returns the file's length, 0 when its beginning could not be read. */
static uint64_t copy_maps(int fd, pid_t pid, const struct live_map *maps, uint32_t n)
{
	uint8_t *chunk = xmalloc(CHUNK);
	uint64_t length = 0;

	for (uint32_t i = 0; i < n; i++) {
		const struct live_map *m = &maps[i];
		uint64_t bytes = m->end - m->start, at = 0;

		if (!m->readable || m->offset > MOST_BYTES || bytes > MOST_BYTES)
			continue;
		while (at < bytes) {
			size_t want = bytes - at < CHUNK ? (size_t)(bytes - at) : CHUNK;
			size_t got = live_read(pid, m->start + at, chunk, want);

			if (!got || pwrite(fd, chunk, got, (off_t)(m->offset + at)) != (ssize_t)got)
				break;
			at += got;
			if (m->offset + at > length)
				length = m->offset + at;
		}
	}
	free(chunk);
	return length;
}

/* Sections stand behind all that is mapped, as a rule: a table that is not there must not be
 * looked for. */
static bool cut_sections(int fd, uint64_t length)
{
	Elf64_Ehdr h;

	if (pread(fd, &h, sizeof(h), 0) != sizeof(h) || memcmp(h.e_ident, ELFMAG, SELFMAG) ||
	    h.e_ident[EI_CLASS] != ELFCLASS64)
		return false;
	if (h.e_shoff < length && (uint64_t)h.e_shnum * sizeof(Elf64_Shdr) <= length - h.e_shoff &&
	    h.e_shnum)
		return true;
	h.e_shoff = 0;
	h.e_shnum = h.e_shstrndx = 0;
	return pwrite(fd, &h, sizeof(h), 0) == sizeof(h);
}

int elf_image_copy(pid_t pid, const struct live_map *maps, uint32_t n)
{
	int fd = memfd_create("outlive", MFD_CLOEXEC);

	if (fd < 0)
		return -1;
	uint64_t length = copy_maps(fd, pid, maps, n);
	if (length && cut_sections(fd, length))
		return fd;
	close(fd);
	return -1;
}

bool elf_image_has_section(const char *path, const char *section)
{
	struct sym_elf *e = sym_elf_open(path);
	size_t names;
	bool found = false;

	if (!e)
		return false;
	if (!elf_getshdrstrndx(e->elf, &names))
		for (Elf_Scn *s = NULL; !found && (s = elf_nextscn(e->elf, s));) {
			GElf_Shdr mem, *h = gelf_getshdr(s, &mem);
			const char *name = h ? elf_strptr(e->elf, names, h->sh_name) : NULL;

			found = name && !strcmp(name, section);
		}
	sym_elf_close(e);
	return found;
}
