/*
 * build_snap.h - writes a snapshot, record by record, into memory: for the tests of whoever reads
 *one.
 *
 *	struct build b = {0};
 *	build_start(&b);                                     header
 *	build_info_u(&b, FMT_INFO_PID, 42);                  info, audit: any number, in any order
 *	unsigned exe = build_module(&b, "/bin/server", "beef", FMT_MODULE_MAIN);
 *	unsigned n1 = build_node(&b, 0, exe, 0x1000);        outermost first
 *	unsigned n2 = build_node(&b, n1, exe, 0x2000);
 *	build_site(&b, &(struct build_site){.node = n2, .allocs = 10, .bytes = 640});
 *	build_end(&b);                                       b.out.data, b.out.len: the file
 *	build_free(&b);
 *
 * Items collect in one payload per kind of record; build_flush() writes them out as records.
 *build_record() writes any record at all, so that a test can say things that no writer would.
 */
#ifndef OUTLIVE_BUILD_SNAP_H
#define OUTLIVE_BUILD_SNAP_H

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "analyzer/util.h"
#include "preload/format.h"

struct build_bin {
	uint64_t bucket, blocks, bytes;
};

struct build_site {
	unsigned node, kind, thread;
	uint64_t allocs, bytes, frees, bytes_freed, temporary, size_min, size_max, live_blocks,
	        live_bytes;
	/* Ended by a bin without blocks. */
	struct build_bin lifetimes[8], ages[8];
};

/* Fields as in format.h; a task's start routine is at `address` in `module`. */
struct build_task {
	uint64_t serial;
	unsigned tid, state, flags, node;
	uint64_t creator;
	unsigned module;
	uint64_t address, born, ended, cpu_ns, stack_bytes;
	unsigned thread;
	const char *name;
};

struct build_fd {
	unsigned fd, kind, flags, node;
	uint64_t task, born;
	const char *names;
};

struct build_timer {
	unsigned kind, id, flags, node;
	uint64_t task, born, interval_ns, remaining_ns, expirations;
	unsigned fd, notify, signal;
};

struct build {
	struct str out;
	struct str info, modl, node, site, thrd, audt;
	struct str task, stuk, tsum, fdsc, fsum, fbad, timr, tmsm;
	unsigned n_modules, n_nodes, n_threads, n_records;
};

static inline void build_le(struct str *s, uint64_t v, int bytes)
{
	for (int i = 0; i < bytes; i++, v >>= 8)
		str_add_mem(s, &(unsigned char){(unsigned char)v}, 1);
}

static inline void build_varint(struct str *s, uint64_t v)
{
	for (; v >= 0x80; v >>= 7)
		str_add_mem(s, &(unsigned char){(unsigned char)(v | 0x80)}, 1);
	str_add_mem(s, &(unsigned char){(unsigned char)v}, 1);
}

static inline void build_string(struct str *s, const void *p, size_t n)
{
	build_varint(s, n);
	str_add_mem(s, p, n);
}

static inline void build_start_version(struct build *b, unsigned major, unsigned minor)
{
	str_add_mem(&b->out, FMT_MAGIC, 8);
	build_le(&b->out, major, 2);
	build_le(&b->out, minor, 2);
	build_le(&b->out, crc32(0, (const unsigned char *)b->out.data, 12), 4);
}

static inline void build_start(struct build *b)
{
	build_start_version(b, FMT_MAJOR, FMT_MINOR);
}

static inline void build_record(struct build *b, uint32_t tag, const void *payload, size_t n)
{
	uint8_t head[12];

	for (int i = 0; i < 4; i++)
		head[i] = (uint8_t)(tag >> (8 * i));
	for (int i = 0; i < 8; i++)
		head[4 + i] = (uint8_t)((uint64_t)n >> (8 * i));
	unsigned long crc = crc32(0, head, sizeof(head));

	build_le(&b->out, tag, 4);
	build_le(&b->out, n ? crc32(crc, payload, (unsigned)n) : crc, 4);
	build_le(&b->out, n, 8);
	str_add_mem(&b->out, payload, n);
	str_add_mem(&b->out, "\0\0\0\0\0\0\0", (8 - n % 8) % 8);
	b->n_records++;
}

static inline void build_flush_one(struct build *b, uint32_t tag, struct str *payload)
{
	if (payload->len)
		build_record(b, tag, payload->data, payload->len);
	payload->len = 0;
}

/* Writes what was collected. Items added later go into further records of the same kinds. */
static inline void build_flush(struct build *b)
{
	build_flush_one(b, FMT_INFO, &b->info);
	build_flush_one(b, FMT_MODULE, &b->modl);
	build_flush_one(b, FMT_NODE, &b->node);
	build_flush_one(b, FMT_SITE, &b->site);
	build_flush_one(b, FMT_THREAD, &b->thrd);
	build_flush_one(b, FMT_TASK, &b->task);
	build_flush_one(b, FMT_STUCK, &b->stuk);
	build_flush_one(b, FMT_TASK_SUM, &b->tsum);
	build_flush_one(b, FMT_FD, &b->fdsc);
	build_flush_one(b, FMT_FD_SUM, &b->fsum);
	build_flush_one(b, FMT_FD_BAD, &b->fbad);
	build_flush_one(b, FMT_TIMER, &b->timr);
	build_flush_one(b, FMT_TIMER_SUM, &b->tmsm);
	build_flush_one(b, FMT_AUDIT, &b->audt);
}

static inline void build_done(struct build *b)
{
	struct str n = {0};

	build_varint(&n, b->n_records);
	build_record(b, FMT_DONE, n.data, n.len);
	str_free(&n);
}

static inline void build_end(struct build *b)
{
	build_flush(b);
	build_done(b);
}

static inline void build_free(struct build *b)
{
	str_free(&b->out);
	str_free(&b->info);
	str_free(&b->modl);
	str_free(&b->node);
	str_free(&b->site);
	str_free(&b->thrd);
	str_free(&b->audt);
	str_free(&b->task);
	str_free(&b->stuk);
	str_free(&b->tsum);
	str_free(&b->fdsc);
	str_free(&b->fsum);
	str_free(&b->fbad);
	str_free(&b->timr);
	str_free(&b->tmsm);
}

static inline void build_info_u(struct build *b, unsigned key, uint64_t value)
{
	build_varint(&b->info, key);
	build_varint(&b->info, value);
}

static inline void build_info_s(struct build *b, unsigned key, const char *value)
{
	build_varint(&b->info, key);
	build_string(&b->info, value, strlen(value));
}

static inline void build_audit(struct build *b, unsigned key, uint64_t value)
{
	build_varint(&b->audt, key);
	build_varint(&b->audt, value);
}

/* A module whose place in memory follows from its number; build_id are raw bytes, ended by NUL.
 * Returns its number. */
static inline unsigned build_module(struct build *b, const char *path, const char *build_id,
                                    unsigned flags)
{
	uint64_t bias = 0x500000000000 + ++b->n_modules * 0x10000000ull;

	build_varint(&b->modl, bias);
	build_varint(&b->modl, bias + 0x1000000);
	build_varint(&b->modl, bias);
	build_varint(&b->modl, bias + 0x1000);
	build_varint(&b->modl, 0x1000);
	build_varint(&b->modl, flags);
	build_varint(&b->modl, 0);
	build_varint(&b->modl, 0);
	build_string(&b->modl, build_id, strlen(build_id));
	build_string(&b->modl, path, strlen(path));
	return b->n_modules;
}

static inline unsigned build_node_flags(struct build *b, unsigned parent, unsigned module,
                                        uint64_t address, unsigned flags)
{
	build_varint(&b->node, parent);
	build_varint(&b->node, module);
	build_varint(&b->node, address);
	build_varint(&b->node, flags);
	return ++b->n_nodes;
}

/* A frame inside (called by) `parent`. Returns its number. */
static inline unsigned build_node(struct build *b, unsigned parent, unsigned module,
                                  uint64_t address)
{
	return build_node_flags(b, parent, module, address, 0);
}

static inline unsigned build_thread(struct build *b, unsigned tid, unsigned n, const char *name)
{
	build_varint(&b->thrd, tid);
	build_varint(&b->thrd, n);
	build_string(&b->thrd, name, strlen(name));
	return ++b->n_threads;
}

static inline void build_bins(struct str *s, const struct build_bin *bin, int max, bool with_bytes)
{
	int n = 0;

	while (n < max && bin[n].blocks)
		n++;
	build_varint(s, (uint64_t)n);
	for (int i = 0; i < n; i++) {
		build_varint(s, bin[i].bucket);
		build_varint(s, bin[i].blocks);
		if (with_bytes)
			build_varint(s, bin[i].bytes);
	}
}

/* lifetimes: bucket 0 is not written, it follows from frees. Live blocks are what `ages` add up to,
 * unless given. */
static inline void build_site(struct build *b, const struct build_site *p)
{
	uint64_t blocks = p->live_blocks, bytes = p->live_bytes;

	for (int i = 0; !p->live_blocks && i < 8 && p->ages[i].blocks; i++) {
		blocks += p->ages[i].blocks;
		bytes += p->ages[i].bytes;
	}
	uint64_t field[] = {p->node,     p->kind,     p->thread,      p->allocs,
	                    p->bytes,    p->frees,    p->bytes_freed, p->temporary,
	                    p->size_min, p->size_max, blocks,         bytes};
	for (size_t i = 0; i < sizeof(field) / sizeof(*field); i++)
		build_varint(&b->site, field[i]);
	build_bins(&b->site, p->lifetimes, 8, false);
	build_bins(&b->site, p->ages, 8, true);
}

static inline void build_varints(struct str *s, const uint64_t *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		build_varint(s, v[i]);
}
#define BUILD_VARINTS(s, ...)                             \
	build_varints(s, (const uint64_t[]){__VA_ARGS__}, \
	              sizeof((const uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t))

static inline void build_task(struct build *b, const struct build_task *t)
{
	const char *name = t->name ? t->name : "";

	BUILD_VARINTS(&b->task, t->serial, t->tid, t->state ? t->state : FMT_TASK_RUNNING, t->flags,
	              t->node, t->creator, t->module, t->address, t->born, t->ended, t->cpu_ns,
	              t->stack_bytes, t->thread);
	build_string(&b->task, name, strlen(name));
}

struct build_stuck {
	unsigned tid, how;
	uint64_t address;
	unsigned node, joins;
	uint64_t offset, bytes;
	unsigned made;
};

static inline void build_stuck(struct build *b, const struct build_stuck *t)
{
	BUILD_VARINTS(&b->stuk, t->tid, t->how ? t->how : FMT_STUCK_BLOCK, t->address, t->node,
	              t->joins, t->offset, t->bytes, t->made);
}

static inline void build_task_sum(struct build *b, unsigned node, unsigned module, uint64_t address,
                                  uint64_t joined, uint64_t detached)
{
	BUILD_VARINTS(&b->tsum, node, module, address, joined + detached, joined, detached, 1000,
	              2000);
}

static inline void build_fd(struct build *b, const struct build_fd *f)
{
	const char *names = f->names ? f->names : "";

	BUILD_VARINTS(&b->fdsc, f->fd, f->kind, f->flags, f->node, f->task, f->born);
	build_string(&b->fdsc, names, strlen(names));
}

static inline void build_fd_sum(struct build *b, unsigned node, unsigned kind, uint64_t opened,
                                uint64_t closed)
{
	BUILD_VARINTS(&b->fsum, node, kind, opened, closed);
}

static inline void build_fd_bad(struct build *b, unsigned what, unsigned fd, unsigned node,
                                unsigned before, uint64_t count, uint64_t last)
{
	BUILD_VARINTS(&b->fbad, what, fd, node, before, count, last);
}

static inline void build_timer(struct build *b, const struct build_timer *t)
{
	BUILD_VARINTS(&b->timr, t->kind ? t->kind : FMT_TIMER_POSIX, t->id, t->flags, t->node,
	              t->task, t->born, t->interval_ns, t->remaining_ns, t->expirations, t->fd,
	              t->notify, t->signal);
}

static inline void build_timer_sum(struct build *b, unsigned node, unsigned kind, uint64_t created,
                                   uint64_t deleted)
{
	BUILD_VARINTS(&b->tmsm, node, kind, created, deleted);
}

/* Writes b's file to `path`. */
static inline int build_save(const struct build *b, const char *path)
{
	FILE *f = fopen(path, "wb");

	if (!f)
		return -1;
	size_t n = fwrite(b->out.data, 1, b->out.len, f);
	return fclose(f) || n != b->out.len ? -1 : 0;
}

#endif
