/*
 * stack.h - whole call stacks, interned. stack.c and the files behind it alone unwind.
 *
 * A stack is a path in a tree, outermost frame at the root, and has a dense number from 1 on.
 * Exact: each frame's return address is read from where the module's own unwind tables (CFI) say
 * it lies. No lock is taken when the stack was seen before; no system call, no allocation. There is
 * no other unwinder behind it: what compilers do not write, but people do, it interprets in full
 * (stack_full.c), and where a module has no tables, or there is no module (JIT code), it goes by
 * frame pointers, with care, and counts it as a fallback. libunwind would do no more, and would
 * keep two descriptors in the program.
 */
#ifndef OUTLIVE_STACK_H
#define OUTLIVE_STACK_H

#include <stdbool.h>
#include <stdint.h>

#include "track.h"

#define STACK_MAX       (1u << 22) /* distinct stacks; further ones are number 0, and counted */
#define STACK_DEPTH_MAX 1024
enum { STACK_NODE_MAX = 1 << 24 }; /* nodes are below it */

/* Per-thread caches, owned by the thread's context; inherited by the next thread that leases it. */
struct stack_cache;

/* Once, in the first hook: depth is the longest stack kept, in frames. 0 or -errno. */
int stack_init(unsigned depth);

/* NULL when there is no memory; captures then go without a cache. IN_TRACKER is set. */
struct stack_cache *stack_cache_new(void);
/* It is another thread's from now on, which runs on another stack. NULL is allowed. */
void stack_cache_leased(struct stack_cache *cache);

/*
 * The stack of the caller, innermost frame first from->ip. Returns its number, 0 when it cannot be
 * kept. IN_TRACKER is set by the caller of this function. Any thread, on any stack (signal,
 * coroutine); never faults on a stack that is cut or foreign.
 */
uint32_t stack_capture(struct stack_cache *cache, const struct caller *from);

/*
 * The stack of another thread, which stands still with these registers. No other runs, or this is a
 * copy of the process: 0 where a lock of ours is held, for nobody would open it. IN_TRACKER is not
 * needed.
 */
uint32_t stack_capture_other(const struct caller *from);

/* After dlclose: rules, records and modules of what is gone are retired. */
void stack_modules_changed(void);
void stack_fork_child(void);

/* ---- for the snapshot child: lock-free, no TLS; counts grow, items below a count read earlier
 * stay ---- */

struct stack_node {
	uintptr_t ip;    /* run-time address */
	uint32_t parent; /* 0: root */
	uint16_t module; /* number of the module that was there when it was captured, 0 none */
	uint16_t flags;  /* FMT_NODE_* */
};
struct stack_module {
	uintptr_t start, end, bias, text_start;
	uint64_t text_offset, loaded_ns, unloaded_ns;
	uint32_t flags; /* FMT_MODULE_* */
	uint32_t build_id_bytes;
	uint8_t build_id[32];
	const char *path;
};
uint32_t stack_count(void);          /* stacks are 1..count */
uint32_t stack_leaf(uint32_t stack); /* its innermost node */
uint32_t stack_node_count(void);     /* nodes are 1..count, parents before children */
bool stack_node(uint32_t node, struct stack_node *out);
/*
 * The same as they are kept, for who reads them all: so many lie together, from this one to `last`
 * at most, which is no larger than the count. Where `what` is the same, so are ip, module and
 * flags, for ever.
 */
struct stack_kept {
	uint32_t what, parent;
	uint32_t number; /* of the stack that ends here, 0 none yet */
	uint32_t first;  /* child; see stack_node.h */
};
const struct stack_kept *stack_nodes(uint32_t node, uint32_t last, uint32_t *n);
void stack_node_what(uint32_t what, struct stack_node *out);
uint32_t stack_module_count(void); /* modules are 1..count */
const struct stack_module *stack_module(uint32_t module);

/* Where leaves and nodes lie, and how, for a reader outside of the process. */
struct fmt_live;
void stack_describe(struct fmt_live *out);

struct stack_stats {
	uint64_t captures, predicted, fallbacks, truncated, broken, no_room, rules, bytes;
};
void stack_stats(struct stack_stats *out);

#endif
