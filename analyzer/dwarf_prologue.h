/*
 * dwarf_prologue.h - where a function's frame pointer stands, when its stack pointer is known and
 * the register is not.
 */
#ifndef OUTLIVE_DWARF_PROLOGUE_H
#define OUTLIVE_DWARF_PROLOGUE_H

#include "dwarf_unwind.h"

/*
 * `after`: the instruction behind "push %rbp; mov %rsp, %rbp". sp: at a call that the function is
 * in. True when what it reserved leads to a word behind a call of this very function, or behind a
 * call through a pointer: then *rbp is set. A function that has moved sp since (alloca) has none.
 */
bool prologue_rbp(const struct unwind_memory *memory, uint64_t after, uint64_t sp, uint64_t *rbp);
/* A call stands before the address: what a return address must have. */
bool prologue_follows_call(const struct unwind_memory *memory, uint64_t pc);

#endif
