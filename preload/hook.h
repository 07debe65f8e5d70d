/*
 * hook.h - for hook_*.c and real.c only: the originals, and how to add an interposer.
 *
 * To interpose a function: 1. a row in hooks.def; 2. the function in hook_<family>.c, marked
 * EXPORT;
 * 3. what it records is a call of track.h; 4. a program in tests/progs and a test named for the
 * hazard. The caller sees exactly what the real function returns, and its errno.
 */
#ifndef OUTLIVE_HOOK_H
#define OUTLIVE_HOOK_H

#include <dirent.h>
#include <fts.h>
#include <malloc.h>
#include <mqueue.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/time.h>
#include <sys/types.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

#include "track.h"

#define EXPORT __attribute__((visibility("default")))

struct file_handle;

/* What we export. */
#define HOOK(family, ret, name, params)     ret name params;
#define HOOK_MAY(family, ret, name, params) ret name params;
#define TRAMPOLINE(family, name)
#define LOOKUP(ret, name, params)
#define API(ret, name, params)
#include "hooks.def"
#undef HOOK
#undef HOOK_MAY
#undef TRAMPOLINE
#undef LOOKUP
#undef API

/*
 * The originals. Those of the boot family (malloc and friends) are never NULL: until they are
 * resolved they point to functions that resolve first and serve what dlsym itself asks for from a
 * small buffer. The rest is valid after hook_ready(); rows of HOOK_MAY may be NULL.
 */
struct real {
#define HOOK(family, ret, name, params)     ret(*name) params;
#define HOOK_MAY(family, ret, name, params) ret(*name) params;
#define TRAMPOLINE(family, name)            void (*name)(void);
#define LOOKUP(ret, name, params)           ret(*name) params;
#define API(ret, name, params)
#include "hooks.def"
#undef HOOK
#undef HOOK_MAY
#undef TRAMPOLINE
#undef LOOKUP
#undef API
};
extern struct real real __attribute__((visibility("hidden")));

/* True for a block of the boot buffer: never pass it to the real free or realloc. */
#define REAL_BOOT_BYTES 32768
extern char g_real_boot[REAL_BOOT_BYTES] __attribute__((visibility("hidden")));
static inline bool real_is_boot(const void *p)
{
	return (uintptr_t)p - (uintptr_t)g_real_boot < REAL_BOOT_BYTES;
}
/* Bytes of it that were given out: no more after the start. */
size_t real_boot_used(void);
/* A copy of such a block from the real malloc, n bytes large. */
void *real_boot_move(void *p, size_t n);
/* The original of a C++ function, looked for in C++ runtimes that came by dlopen, too. NULL when
 * there is none. */
void *real_late(const char *name);
/* In sampled mode, what a malloc is that is no sample's: real.malloc, once g_sample_direct. */
extern void *(*hook_passed_malloc)(size_t n) __attribute__((visibility("hidden")));
/* What the loader calls this library by. */
const char *real_own_path(void);
/* There is a sanitizer in the program that bears no other look at its memory. */
bool real_is_refused(void);
/* The module that f lies in is an allocator: what it maps is not the program's doing. */
void real_add_allocator(const void *f);
bool real_is_allocator(uintptr_t address);
/* Where the program finds malloc when it does not find ours: the module's path, "" for the main
 * program; NULL when it does. Its free then is real_program_free(). */
extern const char *g_unseen_malloc __attribute__((visibility("hidden")));
void real_program_free(void *p);
/* Leads calls of entry points that only some allocators have to us (hook_family.c). At the start;
 * original: looks a name up. */
void hook_families_init(void *(*original)(const char *name));
/* The same for calls that wait (hook_wait.c), with the option trace; and for those of a module that
 * has come since, while its code is on the stack. */
void hook_waits_init(void *(*original)(const char *name));
void hook_waits_found(uintptr_t bias, const void *headers, unsigned n);
/* In an exported function that may wait, around the original. No cleanup attribute: the frame of a
 * cancelled thread would be unwound by two copies of libgcc, the program's and ours. */
#define WAITS(kind, object, other) WAITS_IF(true, kind, object, other)
#define WAITS_IF(may, kind, object, other)    \
	struct track_wait waiting;            \
                                              \
	waiting.ring = NULL;                  \
	if (unlikely(g_track_waits) && (may)) \
	track_wait_begin(&waiting, kind, (uint64_t)(object), (uint32_t)(other), &CALLER())
#define WAITED()                                  \
	do {                                      \
		if (unlikely(waiting.ring))       \
			track_wait_end(&waiting); \
	} while (0)
/* Makes `real` valid, and starts tracking if it can. Cheap after the first time. Call it first in
 * each hook that is not of the heap family: hooks run before any constructor. */
void hook_start(void);
extern bool g_hooks_ready __attribute__((visibility("hidden")));
static inline void hook_ready(void)
{
	if (unlikely(!__atomic_load_n(&g_hooks_ready, __ATOMIC_ACQUIRE)))
		hook_start();
}

#endif
