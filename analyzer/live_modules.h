/*
 * live_modules.h - the program, libraries and vdso of a live process, and files to open for them.
 * Between the files of live_stacks.h.
 */
#ifndef OUTLIVE_LIVE_MODULES_H
#define OUTLIVE_LIVE_MODULES_H

#include "dwarf_unwind.h"
#include "live_maps.h"
#include "profile.h"
#include "target.h"

struct live_modules {
	/* module[i] of the one is module[i + 1] of a snapshot. */
	struct unwind_module *unwind;
	struct module *module;
	uint32_t n;
	int *fd; /* of copies, closed by live_modules_free() */
	uint32_t n_fds, cap_fds;
};
void live_modules_find(struct live_modules *l, const struct target *t,
                       const struct live_maps *maps);
/* Index of the module that address lies in plus 1; 0: none. */
uint32_t live_modules_at(const struct live_modules *l, uint64_t address);
void live_modules_free(struct live_modules *l);

#endif
