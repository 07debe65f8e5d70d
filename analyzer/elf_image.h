/*
 * elf_image.h - ELF files of a live process that have no name to be opened by, and what kind of
 * program a file is.
 */
#ifndef OUTLIVE_ELF_IMAGE_H
#define OUTLIVE_ELF_IMAGE_H

#include "live_maps.h"

/*
 * A file in memory that holds what process pid has mapped of one file, maps[0..n), each part where
 * it stood in the file: text, unwind rules, exported names. Returns its descriptor, which the
 * caller closes, or -1.
 */
int elf_image_copy(pid_t pid, const struct live_map *maps, uint32_t n);
/* The file at path has a section of that name. */
bool elf_image_has_section(const char *path, const char *section);

#endif
