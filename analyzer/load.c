/*
 * load.c - reads a snapshot file: the header, the records, their lengths and checksums.
 *
 * With load_items.c and load_tree.c it is the one parser of the format. A file is hostile until
 * proven whole: every length is held against what is left, nothing is allocated on a count's word,
 * nothing recurses. The file is read, not mapped: a file that shrinks while it is read must not
 * become a SIGBUS.
 */
#include "load.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#define MAX_FILE ((size_t)16 << 30)

int load_bad(struct loader *l, const uint8_t *at, const char *fmt, ...)
{
	char what[512];
	va_list ap;

	if (l->failed)
		return -1;
	l->failed = true;
	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	return err_set(l->err, "%s: damaged at byte %zu: %s", l->name, (size_t)(at - l->base),
	               what);
}

static uint32_t get32(const uint8_t *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static uint64_t get64(const uint8_t *p)
{
	return get32(p) | (uint64_t)get32(p + 4) << 32;
}

/* ---- records ---- */

struct record {
	uint32_t tag;
	const uint8_t *start, *payload;
	uint64_t len;
};

static int check_header(struct loader *l)
{
	size_t n = (size_t)(l->end - l->base);

	if (!n)
		return err_set(l->err, "%s: the file is empty, not a snapshot", l->name);
	if (memcmp(l->base, FMT_MAGIC, n < 8 ? n : 8))
		return err_set(l->err,
		               "%s: not a snapshot of outlive (byte 0: it does not begin with "
		               "\"OUTLIVE\")",
		               l->name);
	if (n < FMT_HEADER_SIZE)
		return err_set(l->err, "%s: cut off at byte %zu, within the header", l->name, n);
	if (get32(l->base + 12) != crc32(0, l->base, 12))
		return load_bad(l, l->base + 12, "the header's checksum is wrong");
	l->s->major = l->base[8] | (unsigned)l->base[9] << 8;
	l->s->minor = l->base[10] | (unsigned)l->base[11] << 8;
	if (l->s->major > FMT_MAJOR)
		return err_set(l->err,
		               "%s: snapshot version %u, this analyzer reads up to %u; use the "
		               "outlive that belongs to "
		               "the liboutlive.so that wrote it",
		               l->name, l->s->major, FMT_MAJOR);
	if (!l->s->major)
		return load_bad(l, l->base + 8, "there is no version 0");
	return 0;
}

static bool is_zero(const uint8_t *p, size_t n)
{
	while (n && !*p) {
		p++;
		n--;
	}
	return !n;
}

static int next_record(struct loader *l, const uint8_t **at, const uint8_t *file_end,
                       struct record *r)
{
	size_t left = (size_t)(file_end - *at);

	if (left < FMT_RECORD_SIZE)
		return err_set(l->err, "%s: cut off at byte %zu: its last record is missing",
		               l->name, (size_t)(file_end - l->base));
	*r = (struct record){get32(*at), *at, *at + FMT_RECORD_SIZE, get64(*at + 8)};
	left -= FMT_RECORD_SIZE;
	if (r->len > FMT_MAX_PAYLOAD)
		return load_bad(l, *at + 8, "a record of %llu bytes, the most is %u",
		                (unsigned long long)r->len, FMT_MAX_PAYLOAD);
	size_t padded = ((size_t)r->len + 7) & ~(size_t)7;
	if (padded > left)
		return err_set(l->err,
		               "%s: cut off at byte %zu, within a record that begins at %zu",
		               l->name, (size_t)(file_end - l->base), (size_t)(*at - l->base));
	if (!is_zero(r->payload + r->len, padded - (size_t)r->len))
		return load_bad(l, r->payload + r->len,
		                "bytes between two records that should be 0");
	*at = r->payload + padded;
	return 0;
}

static int check_crc(struct loader *l, const struct record *r)
{
	uLong crc = crc32(0, r->start, 4);

	crc = crc32(crc, r->start + 8, (uInt)(8 + r->len));
	if (get32(r->start + 4) == crc)
		return 0;
	return load_bad(l, r->start + 4, "the record's checksum is wrong");
}

/* The tag as text: "node", or "?" for what is no letter or digit. */
static const char *tag_text(uint32_t tag, char buf[5])
{
	for (int i = 0; i < 4; i++) {
		char c = (char)(tag >> (8 * i));
		bool letter =
		        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
		buf[i] = letter ? c : '?';
	}
	buf[4] = 0;
	return buf;
}

static int read_items(struct loader *l, const struct record *r)
{
	char text[5];

	l->at = r->payload;
	l->end = r->payload + r->len;
	switch (r->tag) {
	case FMT_INFO:
		return load_info_items(l);
	case FMT_MODULE:
		return load_module_items(l);
	case FMT_NODE:
		return load_node_items(l);
	case FMT_SITE:
		return load_site_items(l);
	case FMT_REACH:
		return load_reach_items(l);
	case FMT_SAMPLED:
		return load_sampled_items(l);
	case FMT_THREAD:
		return load_thread_items(l);
	case FMT_AUDIT:
		return load_audit_items(l);
	case FMT_TASK:
		return load_task_items(l);
	case FMT_STUCK:
		return load_stuck_items(l);
	case FMT_WAIT:
		return load_wait_items(l);
	case FMT_WAIT_STACK:
		return load_wait_stack_items(l);
	case FMT_TRACE:
		return load_trace_items(l);
	case FMT_SPAN:
		return load_span_items(l);
	case FMT_TASK_SUM:
		return load_task_sum_items(l);
	case FMT_FD:
		return load_fd_items(l);
	case FMT_FD_SUM:
		return load_fd_sum_items(l);
	case FMT_FD_BAD:
		return load_fd_bad_items(l);
	case FMT_TIMER:
		return load_timer_items(l);
	case FMT_TIMER_SUM:
		return load_timer_sum_items(l);
	case FMT_TEST:
		return load_test_items(l);
	case FMT_TEST_SUM:
		return load_test_sum_items(l);
	default:
		/* format.h: a first letter that is a capital may be skipped. */
		if ((r->tag & 0xff) >= 'A' && (r->tag & 0xff) <= 'Z')
			return 0;
		return load_bad(l, r->start,
		                "a record \"%s\" that this analyzer does not know and may not skip",
		                tag_text(r->tag, text));
	}
}

static int read_done(struct loader *l, const struct record *r, uint64_t n_before,
                     const uint8_t *after, const uint8_t *file_end)
{
	uint64_t n;

	l->at = r->payload;
	l->end = r->payload + r->len;
	if (load_number(l, &n))
		return -1;
	if (n != n_before)
		return load_bad(l, r->payload, "%llu records before the end, it says %llu",
		                (unsigned long long)n_before, (unsigned long long)n);
	if (after != file_end)
		return load_bad(l, after, "bytes after the end");
	return 0;
}

/* info_only: other records are walked over, not even their checksums are looked at. */
static int read_records(struct loader *l, size_t n, bool info_only)
{
	const uint8_t *at = l->base + FMT_HEADER_SIZE, *file_end = l->base + n;
	struct record r = {0};

	for (uint64_t count = 0;; count++) {
		if (next_record(l, &at, file_end, &r))
			return -1;
		if (info_only && r.tag != FMT_INFO && r.tag != FMT_DONE)
			continue;
		if (check_crc(l, &r))
			return -1;
		if (r.tag == FMT_DONE)
			return read_done(l, &r, count, at, file_end);
		if (read_items(l, &r))
			return -1;
		if (!info_only)
			progress("reading", (uint64_t)(at - l->base), n);
	}
}

/* ---- a snapshot ---- */

static struct snapshot *new_snapshot(const char *name, size_t n)
{
	struct snapshot *s = xcalloc(1, sizeof(*s));

	s->path = intern(name);
	s->file_bytes = n;
	for (int i = 0; i < INFO_KEYS; i++)
		s->info.s[i] = "";
	s->module = xcalloc(1, sizeof(*s->module));
	s->module[0].path = s->module[0].build_id = "";
	s->thread = xcalloc(1, sizeof(*s->thread));
	s->thread[0].name = "";
	s->node = xcalloc(1, sizeof(*s->node));
	s->n_modules = s->n_threads = s->n_nodes = 1;
	return s;
}

static int load(const void *data, size_t n, const char *name, bool info_only, struct snapshot **out,
                struct err *err)
{
	struct loader l = {.name = name, .base = data, .err = err};
	int rc = -1;

	*out = NULL;
	l.s = new_snapshot(name, n);
	l.end = l.base + n;
	l.cap_modules = l.cap_threads = l.cap_nodes = 1;
	if (check_header(&l) || read_records(&l, n, info_only))
		goto out;
	rc = load_finish(&l);
out:
	progress(NULL, 0, 0);
	table_free(&l.by_address);
	free(l.stand);
	free(l.stand_frame);
	if (rc)
		snapshot_free(l.s);
	else
		*out = l.s;
	return rc;
}

int load_snapshot_mem(const void *data, size_t n, const char *name, struct snapshot **out,
                      struct err *err)
{
	return load(data, n, name, false, out, err);
}

void snapshot_free(struct snapshot *s)
{
	if (!s)
		return;
	free(s->module);
	free(s->location);
	free(s->node);
	free(s->stack);
	free(s->sample);
	free(s->sampled);
	free(s->thread);
	free(s->task);
	free(s->stuck);
	free(s->wait);
	free(s->traced);
	free(s->span);
	free(s->task_sum);
	free(s->fd);
	free(s->fd_sum);
	free(s->fd_bad);
	free(s->timer);
	free(s->timer_sum);
	free(s->test);
	free(s->test_sum);
	pool_free(&s->pool);
	free(s);
}

/* ---- the file ---- */

/* read() until n bytes are there or the file ends. -1 with err; *n says how many there are, also
 * then. */
static int read_some(int fd, const char *path, uint8_t *buf, size_t *n, size_t upto,
                     struct err *err)
{
	while (*n < upto) {
		ssize_t got = read(fd, buf + *n, upto - *n);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_set(err, "%s: %m (at byte %zu)", path, *n);
		if (!got)
			break;
		*n += (size_t)got;
	}
	return 0;
}

/* Reads what is there, to the end, in one buffer. The first bytes tell what is no snapshot: nobody
 * wants a disk image, or /dev/zero, in memory first. size: of a regular file, 0 for a pipe. */
static int read_all(int fd, const char *path, size_t size, uint8_t **data, size_t *n,
                    struct err *err)
{
	size_t cap = FMT_HEADER_SIZE;
	uint8_t *buf = xmalloc(cap);

	*n = 0;
	if (read_some(fd, path, buf, n, cap, err))
		goto failed;
	if (*n == cap && !memcmp(buf, FMT_MAGIC, 8)) {
		/* One byte more than it has shows its end without another turn. */
		for (cap = size < MAX_FILE ? size + 1 : MAX_FILE; *n < MAX_FILE; cap = *n * 2) {
			if (cap < 65536)
				cap = 65536;
			buf = xrealloc(buf, cap);
			if (read_some(fd, path, buf, n, cap, err))
				goto failed;
			if (*n < cap)
				break;
		}
	}
	if (*n >= MAX_FILE) {
		err_set(err, "%s: more than %zu bytes, and no end", path, MAX_FILE);
		goto failed;
	}
	*data = buf;
	return 0;
failed:
	free(buf);
	return -1;
}

/* A pipe that somebody has handed to us, not one that lies in a folder. */
static bool is_handed(const char *path)
{
	return !strncmp(path, "/dev/fd/", 8) || !strcmp(path, "/dev/stdin") ||
	       !strncmp(path, "/proc/", 6);
}

/* Looked at before it is opened: to open a device can be an act, to open a pipe can be for ever. */
static int check_type(const char *path, const struct stat *st, struct err *err)
{
	if (S_ISREG(st->st_mode) || (S_ISFIFO(st->st_mode) && is_handed(path)))
		return 0;
	if (S_ISDIR(st->st_mode))
		return err_set(err,
		               "%s: a folder, not a snapshot (`outlive diff FOLDER` takes one)",
		               path);
	if (S_ISFIFO(st->st_mode))
		return err_set(err, "%s: a pipe, not a file (/dev/stdin reads one)", path);
	/* One end of a pair of sockets may be our standard input, too. */
	if (S_ISSOCK(st->st_mode) && is_handed(path))
		return 0;
	return err_set(err, "%s: a device or a socket, not a snapshot", path);
}

static int open_file(const char *path, size_t *size, struct err *err)
{
	struct stat st;

	if (stat(path, &st))
		return err_set(err, "%s: %m", path);
	if (check_type(path, &st, err))
		return -1;
	int fd = open(path,
	              O_RDONLY | O_CLOEXEC | O_NOCTTY | (S_ISREG(st.st_mode) ? O_NONBLOCK : 0));
	if (fd < 0)
		return err_set(err, "%s: %m", path);
	if (fstat(fd, &st) < 0 || check_type(path, &st, err)) {
		err_set(err, "%s: it was changed while it was opened", path);
		close(fd);
		return -1;
	}
	*size = S_ISREG(st.st_mode) ? (size_t)st.st_size : 0;
	return fd;
}

static int load_path(const char *path, bool info_only, struct snapshot **out, struct err *err)
{
	uint8_t *data = NULL;
	size_t n = 0, size = 0;

	*out = NULL;
	int fd = open_file(path, &size, err);
	if (fd < 0)
		return -1;
	int rc = read_all(fd, path, size, &data, &n, err);
	close(fd);
	if (!rc)
		rc = load(data, n, path, info_only, out, err);
	free(data);
	return rc;
}

int load_snapshot(const char *path, struct snapshot **out, struct err *err)
{
	return load_path(path, false, out, err);
}

int load_snapshot_info(const char *path, struct snapshot **out, struct err *err)
{
	return load_path(path, true, out, err);
}
