/*
 * load.h - between the files of the loader: load.c (file, header, records), load_items.c (what is
 * in them), load_tree.c (what can be checked and numbered only when all is read). Nobody else
 * includes it.
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
	struct table by_address; /* locations by module, address, flags */
	struct reference module, node, thread;
};

/* Notes what is wrong at byte `at` of the file, once: the first complaint stays. Returns -1. */
int load_bad(struct loader *l, const uint8_t *at, const char *fmt, ...)
        __attribute__((format(printf, 3, 4)));

/* Reads all items of one record's payload, [at, end). 0 or -1. */
int load_info_items(struct loader *l);
int load_module_items(struct loader *l);
int load_node_items(struct loader *l);
int load_site_items(struct loader *l);
int load_thread_items(struct loader *l);
int load_audit_items(struct loader *l);
/* One number, alone in its payload. */
int load_number(struct loader *l, uint64_t *out);

/* After the last record: references, stacks without our own frames. 0 or -1. */
int load_finish(struct loader *l);

#endif
