/*
 * typed.h - a path as a person would type it: typed.c.
 */
#ifndef OUTLIVE_TYPED_H
#define OUTLIVE_TYPED_H

/* Without the current folder, quoted for the shell where needed. To be freed. */
char *typed_path(const char *path);

#endif
