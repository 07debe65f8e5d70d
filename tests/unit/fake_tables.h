/*
 * fake_tables.h - tables for the tests of the snapshot writer, behind the headers of the real ones
 * (archive members that define the same are then not linked): contexts with counters as their
 * threads write them, a live table that is an array, stacks that are a comb. And the moments at
 * which the writer can be stopped or made to fault.
 */
#ifndef OUTLIVE_FAKE_TABLES_H
#define OUTLIVE_FAKE_TABLES_H

#include <pthread.h>
#include <string.h>

#include "preload/context.h"
#include "preload/fd.h"
#include "preload/intended.h"
#include "preload/live.h"
#include "preload/map.h"
#include "preload/options.h"
#include "preload/reach.h"
#include "preload/reach_stuck.h"
#include "preload/snapshot.h"
#include "preload/stack.h"
#include "preload/stack_far.h"
#include "preload/task.h"
#include "preload/tests.h"
#include "preload/timer.h"
#include "preload/trace.h"
#include "preload/track.h"

#define FAKE_THREADS 4
#define FAKE_STACKS  16
#define FAKE_BLOCKS  4096 /* of each thread */
#define FAKE_SITES   (FAKE_THREADS * FAKE_STACKS)

TLS struct self t_self;
bool g_tracking;
struct options g_options;

static struct site fake_sites[FAKE_SITES + 1];
static uint32_t fake_lifetimes[FAKE_SITES + 1][FMT_AGE_BUCKETS];
static uint32_t fake_site_count = FAKE_SITES;
static uint32_t fake_now;
/* A block lives while its site is not 0. */
static struct block fake_live[FAKE_THREADS * FAKE_BLOCKS];
/* Called at each walk of the live table. */
static void (*fake_walk_hook)(void);
static unsigned fake_walks;

/* Stack s: a leaf on a root that all share; its module is the only one, at 0x400000. */
uint32_t stack_count(void)
{
	return FAKE_STACKS;
}
uint32_t stack_leaf(uint32_t stack)
{
	return stack + 1;
}
uint32_t stack_node_count(void)
{
	return FAKE_STACKS + 1;
}
bool stack_node(uint32_t node, struct stack_node *out)
{
	*out = (struct stack_node){0x400000 + node * 16, node > 1, (uint16_t)(node != 2), 0};
	return true;
}
const struct stack_kept *stack_nodes(uint32_t node, uint32_t last, uint32_t *n)
{
	static struct stack_kept kept[FAKE_STACKS + 2];

	kept[node] = (struct stack_kept){.what = node, .parent = node > 1};
	*n = node < last && node % 4 != 3 ? 2 : 1; /* chunks end anywhere */
	kept[node + *n - 1] = (struct stack_kept){.what = node + *n - 1, .parent = node + *n > 2};
	return &kept[node];
}
void stack_node_what(uint32_t what, struct stack_node *out)
{
	stack_node(what, out);
}
uint32_t stack_module_count(void)
{
	return 1;
}
const struct stack_module *stack_module(uint32_t module)
{
	static const struct stack_module only = {.start = 0x400000,
	                                         .end = 0x7fffffffffff,
	                                         .bias = 0x400000,
	                                         .text_start = 0x401000,
	                                         .text_offset = 0x1000,
	                                         .flags = FMT_MODULE_MAIN,
	                                         .build_id_bytes = 4,
	                                         .build_id = {0xde, 0xad, 0xbe, 0xef},
	                                         .path = "/usr/bin/fake"};
	return module == 1 ? &only : NULL;
}
void stack_stats(struct stack_stats *out)
{
	*out = (struct stack_stats){.captures = 11, .rules = 7, .bytes = 4096};
}

/* A thread that waits stands in stack 1, wherever it really is. */
void stack_far_walk(struct stack_far *f, uint32_t pid, const struct cfi_regs *regs, bool is_exact)
{
	(void)pid;
	(void)is_exact;
	f->n = regs->known >> CFI_SP & 1 ? 2 : 0;
	f->frame[0] = (struct stack_far_frame){0x400020, 1, 0};
	f->frame[1] = (struct stack_far_frame){0x400010, 1, FMT_NODE_BROKEN};
}
bool stack_far_is_call(uint32_t pid, uintptr_t address)
{
	(void)pid;
	(void)address;
	return false;
}

uint32_t context_count(void)
{
	return FAKE_THREADS;
}
void context_info(uint32_t context, struct context_info *out)
{
	*out = (struct context_info){context + 100, context, "worker", true};
}
uint32_t site_count(void)
{
	return fake_site_count;
}
const struct site *site_get(uint32_t site)
{
	return site && site <= FAKE_SITES && fake_sites[site].stack ? &fake_sites[site] : NULL;
}
const struct site *site_run(uint32_t site, uint32_t most, uint32_t *n)
{
	*n = most > 3 && site + 2 <= FAKE_SITES ? 3 : 1; /* chunks end anywhere */
	return site && site <= FAKE_SITES ? &fake_sites[site] : NULL;
}
void context_audit(struct context_audit *out)
{
	*out = (struct context_audit){.lost = {0, 21, 22, 23, 24}, .unknown_frees = 5};
}
static int64_t fake_live_bytes;
int64_t context_live_bytes(void)
{
	return fake_live_bytes;
}
uint64_t context_bytes_used(void)
{
	return sizeof(fake_sites);
}
uint32_t context_tick(void)
{
	return fake_now;
}
uint64_t live_bytes_used(void)
{
	return sizeof(fake_live);
}
void live_walk(void (*fn)(uintptr_t, const struct block *, void *), void *arg)
{
	__atomic_fetch_add(&fake_walks, 1, __ATOMIC_SEQ_CST);
	if (fake_walk_hook)
		fake_walk_hook();
	for (unsigned i = 0; i < FAKE_THREADS * FAKE_BLOCKS; i++) {
		struct block b = fake_live[i];

		if (__atomic_load_n(&fake_live[i].site, __ATOMIC_ACQUIRE))
			fn(0x10000 + i * 16ul, &b, arg);
	}
}

/* ---- what threads do to the tables: only their own counters, plain stores, as the real ones ----
 */

static uint32_t fake_site(unsigned thread, unsigned stack)
{
	uint32_t n = thread * FAKE_STACKS + stack + 1;
	struct site *s = &fake_sites[n];

	s->context = thread + 1;
	__atomic_store_n(&s->stack, stack + 1, __ATOMIC_RELEASE);
	return n;
}

static void bump(uint64_t *counter, uint64_t by)
{
	__atomic_store_n(counter, *counter + by, __ATOMIC_RELEASE);
}

static void fake_alloc(unsigned thread, unsigned stack, unsigned slot, uint32_t size)
{
	uint32_t n = fake_site(thread, stack);
	struct site *s = &fake_sites[n];
	struct block *b = &fake_live[thread * FAKE_BLOCKS + slot];

	if (!s->size_max || size < s->size_min)
		s->size_min = size;
	if (size > s->size_max)
		s->size_max = size;
	bump(&s->allocs, 1);
	bump(&s->bytes, size);
	b->size = size;
	b->birth = fake_now;
	__atomic_store_n(&b->site, n, __ATOMIC_RELEASE);
}

/* Thread `by` gives back a block that thread `of` has made. */
static void fake_free(unsigned by, unsigned of, unsigned slot)
{
	struct block *b = &fake_live[of * FAKE_BLOCKS + slot];
	uint32_t made = __atomic_load_n(&b->site, __ATOMIC_ACQUIRE);

	if (!made)
		return;
	uint32_t n = fake_site(by, fake_sites[made].stack - 1);
	uint64_t size = b->size;
	uint32_t age = fake_now - b->birth;
	struct site *s = &fake_sites[n];

	__atomic_store_n(&b->site, 0, __ATOMIC_RELEASE);
	bump(&s->frees, 1);
	bump(&s->bytes_freed, size);
	if (age) {
		fake_lifetimes[n][fmt_age_bucket(age)]++;
		__atomic_store_n(&s->ages, (uintptr_t)fake_lifetimes[n], __ATOMIC_RELEASE);
	}
}

/* No threads, descriptors or timers in the tables: all that the kernel lists is unseen. */
uint32_t task_slots(void)
{
	return 0;
}
bool task_get(uint32_t slot, struct task_view *out)
{
	(void)slot, (void)out;
	return false;
}
uint32_t task_site_count(void)
{
	return 0;
}
void task_site_get(uint32_t site, struct task_site *out)
{
	(void)site;
	*out = (struct task_site){0};
}
uint32_t task_unborn(void)
{
	return 0;
}
bool task_ended_lately(uint32_t tid)
{
	(void)tid;
	return false;
}
uint64_t task_lost(void)
{
	return 0;
}
uint64_t task_bytes_used(void)
{
	return 0;
}
uint32_t fd_limit(void)
{
	return 0;
}
bool fd_get(uint32_t fd, struct fd_view *out)
{
	(void)fd, (void)out;
	return false;
}
uint32_t fd_next(uint32_t fd)
{
	(void)fd;
	return 0;
}
uint32_t fd_generation(void)
{
	return 0;
}
bool fd_born_after(const struct fd_view *v, uint32_t generation)
{
	(void)v, (void)generation;
	return false;
}
bool fd_same_object(uint32_t fd, const struct fd_view *v, uint64_t device, uint64_t inode)
{
	(void)fd, (void)v, (void)device, (void)inode;
	return true;
}
bool fd_sum_get(uint32_t stack, struct fd_sum *out)
{
	(void)stack, (void)out;
	return false;
}
uint32_t fd_sum_next(uint32_t stack, uint32_t last)
{
	(void)stack;
	return last + 1;
}
bool fd_bad_get(uint32_t i, struct fd_bad *out)
{
	(void)i, (void)out;
	return false;
}
uint64_t fd_lost(void)
{
	return 0;
}
uint64_t fd_bytes_used(void)
{
	return 0;
}
uint32_t timer_slots(void)
{
	return 0;
}
bool timer_get(uint32_t slot, struct timer_view *out)
{
	(void)slot, (void)out;
	return false;
}
uint32_t timer_site_count(void)
{
	return 0;
}
void timer_site_get(uint32_t site, struct timer_site *out)
{
	(void)site;
	*out = (struct timer_site){0};
}
uint64_t timer_lost(void)
{
	return 0;
}

uint32_t g_track_families = ~0u;
uint32_t map_site_count(void)
{
	return 0;
}
const struct map_site *map_site_get(uint32_t site)
{
	(void)site;
	return NULL;
}
uint32_t map_count(void)
{
	return 0;
}
bool map_get(uint32_t mapping, struct map_view *out)
{
	(void)mapping, (void)out;
	return false;
}
uint64_t map_lost(void)
{
	return 0;
}
uint64_t map_bytes_used(void)
{
	return 0;
}

/* No tests, and nothing is intended. */
uint32_t tests_count(void)
{
	return 0;
}
bool tests_get(uint32_t span, struct tests_span *out)
{
	(void)span, (void)out;
	return false;
}
uint32_t tests_first(void)
{
	return 0;
}
uint64_t tests_allocs(void)
{
	return 0;
}
const char *tests_name(const struct tests_span *s)
{
	(void)s;
	return "";
}
bool tests_open(uint32_t *span)
{
	(void)span;
	return false;
}
void tests_live(struct tests_sum *by_stack, uint32_t n)
{
	(void)by_stack, (void)n;
}
void tests_less_base(struct tests_sum *by_stack, uint32_t n)
{
	(void)by_stack, (void)n;
}
uint32_t tests_grown_count(void)
{
	return 0;
}
void tests_grown_get(uint32_t i, struct tests_grown *out)
{
	(void)i, (void)out;
}
bool tests_made_fd(uint32_t span, uint32_t fd, const struct fd_view *v)
{
	(void)span, (void)fd, (void)v;
	return false;
}
bool intended_fd(uint32_t fd, const struct fd_view *v)
{
	(void)fd, (void)v;
	return false;
}
bool intended_thread(uint64_t serial)
{
	(void)serial;
	return false;
}
bool intended_timer(uint64_t serial)
{
	(void)serial;
	return false;
}

/* Two threads' waits, when the test wants them: the second has ended, and its third wait is being
 * overwritten. */
bool g_track_waits;
uint32_t trace_rings(void)
{
	return 2;
}
uint32_t trace_room(void)
{
	return g_track_waits ? 4 : 0;
}
bool trace_get(uint32_t ring, struct trace_view *out)
{
	*out = (struct trace_view){.number = ring + 1,
	                           .serial = ring + 7,
	                           .tid = 100 + ring,
	                           .stack = 1,
	                           .born_ns = sys_now_ns(),
	                           .ended_ns = ring ? sys_now_ns() : 0,
	                           .name = "fake",
	                           .waits = 6,
	                           .brief = 9};
	return g_track_waits;
}
bool trace_wait_at(uint32_t ring, uint64_t number, uint64_t i, struct trace_wait *out)
{
	(void)number;
	*out = (struct trace_wait){.begin_ns = sys_now_ns(),
	                           .end_ns = sys_now_ns() + 50000,
	                           .object = 0x1000 + i,
	                           .what = 2u << 8 | FMT_SPAN_MUTEX,
	                           .other = 101};
	return !(ring && i == 2);
}
bool trace_wait_now(uint32_t ring, uint64_t number, struct trace_wait *out)
{
	trace_wait_at(ring, number, 99, out);
	out->end_ns = 0;
	return true;
}
void trace_stats(struct trace_stats *out)
{
	*out = (struct trace_stats){.lost = 3, .forgotten = 4, .bytes = 8192};
}

/* A scan that says what the test wants to hear; none at first. */
struct reach_report g_reach_report;
struct reach_stuck_threads g_reach_stuck;
static unsigned fake_class;
static uint32_t fake_owner;
unsigned reach_class(uintptr_t address, const struct block *b, uint32_t *owner)
{
	(void)address, (void)b;
	*owner = fake_class == FMT_REACH_INDIRECT ? fake_owner : 0;
	return fake_class;
}
bool reach_copy(const void *frame)
{
	(void)frame;
	return false;
}
void reach_copied(long child)
{
	(void)child;
}
void reach_mark_copy(void)
{
}
void reach_forget_request(void)
{
}

#endif
