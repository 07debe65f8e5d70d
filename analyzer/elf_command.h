/*
 * elf_command.h - what the file of a program tells about whether liboutlive.so can get into it.
 */
#ifndef OUTLIVE_ELF_COMMAND_H
#define OUTLIVE_ELF_COMMAND_H

#include <stdbool.h>

struct elf_facts {
	bool is_elf;
	bool is_native;        /* of this machine's kind, 64 bits */
	bool is_dynamic;       /* names a loader (PT_INTERP), so LD_PRELOAD means something to it */
	bool is_go;            /* built by the Go compiler */
	bool has_malloc;       /* exports a malloc of its own: that one wins over any library's */
	bool sanitizer_inside; /* the sanitizer is linked in, not a shared library */
	const char *sanitizer; /* "AddressSanitizer" ..., NULL: none */
	char loader[256];      /* PT_INTERP */
};

/* Reads the file at path; what cannot be read stays false. */
void elf_facts_read(const char *path, struct elf_facts *f);

#endif
