/*
 * load.h - between the files of the loader: load.c (file, header, records), load_items.c (what is
 * in them; load_kinds.c for threads, timers and descriptors,
 * load_trace.c for what threads have waited for), load_tree.c (what can be checked and
 * numbered only when all is read). Nobody else includes it.
 */
#ifndef OUTLIVE_LOAD_H
#define OUTLIVE_LOAD_H

#include "profile.h"

/* A number that refers to something which may come later in the file: the largest one, and where it
 * stands. */
struct reference {
	uint64_t max, offset;
};

struct loader {
	struct snapshot *s;
	const char *name; /* of the file, for messages */
	const uint8_t *base, *at,
	        *end; /* the whole file; where we are; end of the payload being read */
	struct err *err;
	bool failed;
	uint32_t cap_modules, cap_locations, cap_nodes, cap_samples, cap_threads;
	struct stand *stand;
	struct stand_frame *stand_frame;
	uint32_t n_stands, n_stand_frames, cap_stands, cap_stand_frames;
	uint32_t cap_tasks, cap_stucks, cap_waits, cap_task_sums, cap_fds, cap_fd_sums, cap_fd_bads,
	        cap_timers, cap_timer_sums, cap_tests, cap_test_sums, cap_traced, cap_spans,
	        cap_sampled, n_sampled;
	struct table by_address;                       /* locations by module, address, flags */
	struct reference module, node, thread, origin; /* origin: the node of what is no site */
};

/* Notes what is wrong at byte `at` of the file, once: the first complaint stays. Returns -1. */
int load_bad(struct loader *l, const uint8_t *at, const char *fmt, ...)
        __attribute__((format(printf, 3, 4)));

/* What items are made of. After load_bad() all give 0 or "", and read nothing: callers look at
 * l->failed at the end of the item. */
uint64_t load_varint_slow(struct loader *l);
static inline uint64_t load_varint(struct loader *l)
{
	if (l->failed)
		return 0;
	if (l->at < l->end && *l->at < 0x80)
		return *l->at++;
	return load_varint_slow(l);
}
/* A number that fits in 32 bits, as all flags, kinds and thread ids do. */
uint32_t load_small(struct loader *l, const char *what);
/* A count or a sum: half the range at most, so that differences exist. */
uint64_t load_figure(struct loader *l, const char *what);
/* A name, interned, ends at a NUL, if there is one: nothing behind it could be shown. */
const char *load_string(struct loader *l);
/* Remembers a reference `to`, read at `at`, to be checked when the whole file is read. */
uint32_t load_refer(struct reference *r, const struct loader *l, uint64_t to, const uint8_t *at);
/* The number of a location; each is there once. */
uint32_t load_location(struct loader *l, const struct location *loc);

/* Reads all items of one record's payload, [at, end). 0 or -1. */
int load_info_items(struct loader *l);
int load_module_items(struct loader *l);
int load_node_items(struct loader *l);
int load_site_items(struct loader *l);
int load_reach_items(struct loader *l);
int load_sampled_items(struct loader *l);
/* Makes room for what is said of the first n sites: nothing, until it is. */
void load_sampled_up_to(struct loader *l, uint32_t n);
int load_thread_items(struct loader *l);
int load_audit_items(struct loader *l);
int load_task_items(struct loader *l);
int load_stuck_items(struct loader *l);
int load_wait_items(struct loader *l);
int load_wait_stack_items(struct loader *l);
int load_trace_items(struct loader *l);
int load_span_items(struct loader *l);
/* After the last record: spans by thread and beginning. */
void load_trace_finish(struct snapshot *s);
/* A place where something was made: `stack` is a node's number until load_finish(). */
uint32_t load_origin(struct loader *l);
/* A function by its entry: a location, or LOCATION_NONE. */
uint32_t load_function(struct loader *l);
/* A time; what is beyond the range is as good as its end. */
uint64_t load_nanoseconds(struct loader *l);
int load_task_sum_items(struct loader *l);
int load_fd_items(struct loader *l);
int load_fd_sum_items(struct loader *l);
int load_fd_bad_items(struct loader *l);
int load_timer_items(struct loader *l);
int load_timer_sum_items(struct loader *l);
int load_test_items(struct loader *l);
int load_test_sum_items(struct loader *l);
/* One number, alone in its payload. */
int load_number(struct loader *l, uint64_t *out);

/* After the last record: references, stacks without our own frames. 0 or -1. */
int load_finish(struct loader *l);
/* load_waits.c: when modules and waits are known: nodes for where threads wait, and whose they are;
 * `stack` of a wait is a node's number then. */
void load_stands(struct loader *l);
/* Of tasks and waits: which belong together. */
void load_find_waits(struct snapshot *s);

#endif
