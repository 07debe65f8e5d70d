/*
 * elf_lsan.h - the suppressions that a program brings for LeakSanitizer: elf_lsan.c.
 */
#ifndef OUTLIVE_ELF_LSAN_H
#define OUTLIVE_ELF_LSAN_H

#include <stdbool.h>

/*
 * What the function __lsan_default_suppressions of the program at `path` returns, without running
 * it: where its code does nothing but return a constant text. To be freed; NULL when it has no such
 * function, when the file is not of that build, or when (*unclear) the function does more.
 */
char *elf_lsan_suppressions(const char *path, const char *build_id, bool *unclear);

#endif
