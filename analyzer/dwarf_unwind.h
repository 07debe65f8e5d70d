/*
 * dwarf_unwind.h - the callers of a place in another process, by the unwind rules of its modules
 * (.eh_frame, .debug_frame), from registers and memory that were read before: nothing is stopped
 * here, nothing is asked of the process but through `read`.
 *
 * Registers may be missing: of a thread that sleeps in a system call only sp and pc are known. A
 * rule that needs one that is not known ends the walk; but for the frame pointer, which the
 * function's code often leads to (dwarf_prologue.h), believed only when the walk then comes to the
 * outermost frame.
 */
#ifndef OUTLIVE_DWARF_UNWIND_H
#define OUTLIVE_DWARF_UNWIND_H

#include <sys/types.h>

#include "machine.h"
#include "util.h"

/* By their DWARF numbers. */
enum {
	UNWIND_FP = MACHINE_FP,
	UNWIND_SP = MACHINE_SP,
	UNWIND_PC = MACHINE_RA,
	UNWIND_REGS = MACHINE_REGS
};
#define UNWIND_ALL ((uint32_t)((1ul << UNWIND_REGS) - 1))
struct unwind_regs {
	uint32_t known; /* bits */
	uint64_t value[UNWIND_REGS];
};

struct unwind_module {
	const char *file;    /* to open */
	uint64_t start, end; /* of its first to its last mapping */
	bool ok;             /* it is an ELF file; what follows is known */
	uint64_t bias;       /* run-time less link-time addresses */
	char build_id[129];  /* lower-case hex, "" if none */
	void *handle;
};

struct unwind_frame {
	uint64_t pc;
	bool exact;   /* pc is the instruction itself, not a return address */
	bool guessed; /* found by the frame pointer: its callee has no unwind rules */
};
enum unwind_end {
	UNWIND_WHOLE, /* to the outermost frame */
	UNWIND_DEEP,  /* more frames than there was room for */
	UNWIND_CUT    /* the last frame's caller could not be found */
};

struct unwind_memory {
	bool (*read)(void *arg, uint64_t address, uint64_t *word);
	/* May a caller be there? */
	bool (*is_code)(void *arg, uint64_t address);
	void *arg;
};

struct unwinder;
/* The modules must stay where they are. -1 with err: none of them is a program of this processor,
 * or its stacks are not read (machine.h). */
int unwinder_open(struct unwinder **out, pid_t pid, struct unwind_module *module, uint32_t n,
                  struct err *err);
/* Opens a module's file, if that was not done yet; true when it can be used. */
bool unwinder_know(struct unwinder *u, struct unwind_module *m);
/* Fills in frame[0..*n), *n at most `most`; the first is regs' own. */
enum unwind_end unwinder_walk(struct unwinder *u, pid_t tid, const struct unwind_regs *regs,
                              const struct unwind_memory *memory, struct unwind_frame *frame,
                              uint32_t most, uint32_t *n);
void unwinder_close(struct unwinder *u); /* NULL is fine */

#endif
