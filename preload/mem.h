/*
 * mem.h - which of the program's memory an unwinder may read without a fault. Any context;
 * async-signal-safe.
 */
#ifndef OUTLIVE_MEM_H
#define OUTLIVE_MEM_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "sys.h"

/* A function may use this much below sp; and one that was interrupted in its epilogue has its saved
 * registers there. */
enum { MEM_PAGE = 4096, MEM_RED_ZONE = 128 };

/*
 * What a walk that stands at lo may read: [lo, hi). A thread's own stack is known as a whole: it
 * stays mapped as long as the thread runs. Any other stack (a coroutine's, a signal handler's) may
 * have been unmapped and mapped anew since it was last seen: nothing is remembered of it, each walk
 * asks the kernel for each page beyond the first.
 */
struct mem_window {
	uintptr_t lo, hi;
	bool own;
};

/* A thread's own stack ends at a known place: below the thread's control block where libc made the
 * stack, below the kernel's random bytes on the first thread's. From there down it is [lo, top). */
struct mem_own {
	uintptr_t lo, top;
	uintptr_t far_lo, far_hi; /* sp in here: another stack, and above it a hole */
};
extern TLS struct mem_own t_mem_own __attribute__((visibility("hidden")));

/* Once. */
void mem_init(void);
void mem_enter_unknown(struct mem_window *w, uintptr_t sp, bool running);
/* Opens a window at sp. running: this thread runs on that stack just below sp. */
static inline void mem_enter(struct mem_window *w, uintptr_t sp, bool running)
{
	const struct mem_own *o = &t_mem_own;

	if (unlikely(sp - o->lo >= o->top - o->lo))
		return mem_enter_unknown(w, sp, running);
	w->lo = sp;
	w->hi = o->top;
	w->own = true;
}
bool mem_extend(struct mem_window *w, uintptr_t address);
/* May the 8 bytes at address be read? */
static inline bool mem_has(struct mem_window *w, uintptr_t address)
{
	if (likely(address >= w->lo && address <= w->hi - 8))
		return true;
	return mem_extend(w, address);
}
/* Reads other functions' frames: that is its job, and no error for a sanitizer. */
__attribute__((no_sanitize_address)) static inline uint64_t mem_word(uintptr_t address)
{
	uint64_t v;

	memcpy(&v, (const void *)address, 8);
	return v;
}
/* Asks the kernel, about any address: are the 8 bytes there readable? */
bool mem_probe(uintptr_t address);

#endif
