/*
 * module.h - the modules (program, libraries, vdso) in which return addresses were seen, numbered
 * from 1 on. A module is registered at the first sight of an address in it. The number tells apart
 * two modules that lay at one address one after the other; a module that comes back as it was gets
 * its number back. IN_TRACKER is set; reading is lock-free.
 */
#ifndef OUTLIVE_MODULE_H
#define OUTLIVE_MODULE_H

#include "cfi.h"
#include "stack.h"

enum { MODULE_MAX = 65535 };

/* What it takes to unwind a module's code. */
struct module_tables {
	const uint8_t *eh_frame_hdr; /* NULL: none */
	struct cfi_range in;         /* the segment that it lies in */
};

void module_init(void);
/* The module of an address: its number, and its tables. 0 when it lies in none (or MODULE_MAX are
 * known: then the tables are given all the same). */
uint32_t module_of(uintptr_t ip, struct module_tables *out);
/* The same, but a module that nobody has met yet stays without a number, and its tables are given:
 * no lock, no TLS, for the snapshot child. */
uint32_t module_look(uintptr_t ip, struct module_tables *out);
/* Marks modules that are gone. */
void module_sweep(void);
bool module_is_gone(uint32_t module);
/* Grows when a module was found gone: what was learnt from it is void. */
extern uint32_t g_module_epoch __attribute__((visibility("hidden")));

/* Set at the start by who wants to know of modules at their first sight, while code of theirs runs:
 * bias and program headers. Called with a lock of ours held. May be NULL. */
extern void (*g_module_found)(uintptr_t bias, const void *headers, unsigned n)
        __attribute__((visibility("hidden")));

uint32_t module_count(void);
const struct stack_module *module_get(uint32_t module);
void module_fork_child(void);
/* Does a thread hold the lock? For who looks while all others stand still. */
bool module_is_busy(void);

#endif
