/*
 * options.h - settings of this process, from OUTLIVE_OPTIONS. Read-only after options_init().
 */
#ifndef OUTLIVE_OPTIONS_H
#define OUTLIVE_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#define OPT_C_STRING    const char *
#define OPT_C_LIST      const char *
#define OPT_C_COUNT     uint64_t
#define OPT_C_BYTES     uint64_t
#define OPT_C_TIME      uint64_t /* ns */
#define OPT_C_BOOL      bool
#define OPT_C_STEP      uint64_t /* bytes, or OPTIONS_PERCENT and a percentage */
#define OPT_C_FAMILIES  uint64_t /* TRACK_* */
#define OPTIONS_PERCENT (1ull << 63)

struct options {
#define OPT(name, type, def, arg, help) OPT_C_##type name;
#include "options.def"
#undef OPT
	const char *text; /* the variable as it was, "" if unset */
};
extern struct options g_options __attribute__((visibility("hidden")));

/*
 * Parses `text` (NULL: not set; it is copied: programs overwrite their environment). A mistake is
 * one line by sys_log() that names the nearest key; the default then stands. Returns the number of
 * mistakes.
 */
int options_init(const char *text);

#endif
