/*
 * process_match.h - what a process can know of itself before libc is ready: its name, its
 * environment. At start only, where nothing else is said.
 */
#ifndef OUTLIVE_PROCESS_MATCH_H
#define OUTLIVE_PROCESS_MATCH_H

#include <stdbool.h>
#include <stddef.h>

/* True when one of the globs ("redis-*+python3", joined by +; empty matches all) fits the base name
 * that the program was started by, or that of its file. */
bool process_match(const char *globs, const char *started_as);
/* The same of one base name, at any time. */
bool process_match_name(const char *globs, const char *name);
/* * any text, ? any character, [a-z] one of these. The whole name must fit. */
bool process_glob(const char *glob, size_t n, const char *name);
/* The rest of the variable that begins with `prefix` ("NAME="), as exec set it, cut to fit. */
bool process_environment(const char *prefix, char *value, size_t size);

#endif
