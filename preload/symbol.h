/*
 * symbol.h - which loaded object defines a name: by the objects' own hash tables, without ld.so.
 * A look-up of dlsym that fails makes a message with the program's malloc; and the first hook may
 * be called from the middle of just that, with its locks held (jemalloc begins with a syscall()).
 * And it costs a tenth of dlsym's time, in which the shortest programs have been and gone.
 * Walks the loader's list: at the start only, before there are threads.
 */
#ifndef OUTLIVE_SYMBOL_H
#define OUTLIVE_SYMBOL_H

#include <stdbool.h>
#include <stdint.h>

struct symbol_found {
	const char *path;  /* of the object, as the loader knows it; "" for the main program */
	uintptr_t address; /* 0: none */
};
/* The first definition in the objects that come before our own; at the start this is the order in
 * which ld.so looks. */
struct symbol_found symbol_before(const char *name);
/* True when one that comes behind has it: the first such definition, which is the one that
 * dlsym(RTLD_NEXT) finds. *address is 0 where only ld.so can tell it (an IFUNC). */
bool symbol_behind(const char *name, uintptr_t *address);

#endif
