/*
 * live_build.h - a snapshot made of a live process's stacks, for all that names, folds and writes
 * stacks. Between the files of live_stacks.h.
 */
#ifndef OUTLIVE_LIVE_BUILD_H
#define OUTLIVE_LIVE_BUILD_H

#include "dwarf_unwind.h"
#include "live_modules.h"
#include "profile.h"

struct live_build {
	struct snapshot *s;
	struct live_modules *modules;
	struct unwinder *unwinder;
	struct table by_location, by_node;
	uint32_t cap_locations, cap_nodes, cap_stacks;
	uint32_t *stack_of; /* by node; 0: none yet */
	uint32_t cap_stack_of;
};
/* A snapshot of process t with its modules and no stacks. The modules' build ids are filled in when
 * a stack meets them. */
void live_build_begin(struct live_build *b, struct live_modules *modules, struct unwinder *unwinder,
                      const struct target *t);
/* The number of the stack frame[0..n), innermost first. in_call: the first stands behind a system
 * call's instruction. Frames of liboutlive.so are left out. */
uint32_t live_build_stack(struct live_build *b, const struct unwind_frame *frame, uint32_t n,
                          enum unwind_end end, bool in_call);
/* Frees all but the snapshot, which is the caller's. */
void live_build_end(struct live_build *b);

#endif
