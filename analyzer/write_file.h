/*
 * write_file.h - a file that appears whole or not at all: write_file.c.
 */
#ifndef OUTLIVE_WRITE_FILE_H
#define OUTLIVE_WRITE_FILE_H

#include "util.h"

/*
 * Lets write(f, ctx, err) fill the file at path, under a name beside it, and renames it when all
 * went well. "-" is stdout; a special file (/dev/null, a pipe) is written to as it is. -1 with err.
 */
int write_file(const char *path, int (*write)(FILE *f, void *ctx, struct err *err), void *ctx,
               struct err *err);

#endif
