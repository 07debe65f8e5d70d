/*
 * snap_tests.c - tests, as tests.h knows them, into the snapshot: when each was, and what of that
 * which was made in it is there still. What has grown in the one that goes on is found out here.
 * Context: the snapshot child (snap.h).
 */
#include "context.h"
#include "fd.h"
#include "snap.h"
#include "sys.h"
#include "tests.h"

/* As many as fit into an item: three varints of 10 bytes and less. */
enum { ENTRIES = 1024 };

static uint64_t uptime(const struct snap_job *j, uint64_t ns)
{
	uint64_t start = j->begin_ns - j->uptime_ns;

	return ns > start ? ns - start : 1;
}

static void put_head(struct snap_out *o, const struct snap_job *j, const struct tests_span *s)
{
	snap_item(o);
	snap_u(o, uptime(j, s->begin_ns));
	snap_u(o, s->end_ns ? uptime(j, s->end_ns) : 0);
	snap_str(o, tests_name(s));
}

/* An item that says nothing of descriptors. */
static void put_grown(struct snap_out *o, const struct snap_job *j, const struct snap_bounds *have,
                      const struct tests_span *s, const struct tests_grown *grown, uint32_t n)
{
	put_head(o, j, s);
	snap_u(o, n);
	for (uint32_t i = 0; i < n; i++) {
		snap_put_node(o, have, grown[i].stack);
		snap_u(o, grown[i].blocks);
		snap_u(o, grown[i].bytes);
	}
	snap_u(o, 0);
}

static void put_fds(struct snap_out *o, const struct snap_job *j, uint32_t span,
                    const struct tests_span *s)
{
	uint32_t n = 0, limit = fd_limit(), fds[ENTRIES];
	struct fd_view v;

	for (uint32_t fd = 0; fd < limit && n < ENTRIES; fd++)
		if (fd_get(fd, &v) && tests_made_fd(span, fd, &v))
			fds[n++] = fd;
	put_head(o, j, s);
	snap_u(o, 0);
	snap_u(o, n);
	for (uint32_t i = 0; i < n; i++)
		snap_u(o, fds[i]);
}

static void put_ended(struct snap_out *o, const struct snap_job *j, const struct snap_bounds *have)
{
	uint32_t n = tests_grown_count(), used = 0, of = 0;
	struct tests_grown part[ENTRIES];
	struct tests_span s;

	for (uint32_t i = 0; i <= n; i++) {
		struct tests_grown g = {.blocks = 0};

		if (i < n)
			tests_grown_get(i, &g);
		if (used && (i == n || g.span != of || used == ENTRIES) && tests_get(of, &s)) {
			put_grown(o, j, have, &s, part, used);
			used = 0;
		}
		of = g.span;
		if (g.blocks)
			part[used++] = g;
	}
}

/* Without memory for it nothing is known of what goes on. */
static void put_open(struct snap_out *o, const struct snap_job *j, const struct snap_bounds *have,
                     uint32_t span, struct tests_sum *left)
{
	uint32_t n = have->stacks + 1, used = 0;
	struct tests_sum *sum = snap_scratch(n * sizeof(*sum));
	struct tests_grown part[ENTRIES];
	struct tests_span s;

	if (!sum || !tests_get(span, &s))
		return;
	tests_live(sum, n);
	tests_less_base(sum, n);
	for (uint32_t i = 1; i <= n; i++) {
		if (used == ENTRIES || (i == n && used)) {
			put_grown(o, j, have, &s, part, used);
			used = 0;
		}
		if (i == n || (int64_t)sum[i].blocks <= 0)
			continue;
		part[used] =
		        (struct tests_grown){.stack = i,
		                             .blocks = sum[i].blocks,
		                             .bytes = (int64_t)sum[i].bytes > 0 ? sum[i].bytes : 0};
		left->blocks += part[used].blocks;
		left->bytes += part[used++].bytes;
	}
	snap_scratch_free(sum);
}

/* left: of the one that goes on. */
static void put_figures(struct snap_out *o, const struct snap_job *j, const struct tests_sum *left)
{
	int64_t live = context_live_bytes();
	struct tests_span s;

	snap_record(o, FMT_TEST_SUM);
	for (uint32_t i = tests_first(); i < tests_count(); i++) {
		if (!tests_get(i, &s))
			continue;
		if (!s.end_ns) {
			s.allocs = tests_allocs() - s.allocs;
			s.left_blocks = left->blocks;
			s.left_bytes = left->bytes;
			if (live - s.live > (int64_t)s.peak)
				s.peak = (uint64_t)(live - s.live);
		}
		put_head(o, j, &s);
		snap_u(o, s.allocs);
		snap_u(o, s.left_blocks);
		snap_u(o, s.left_bytes);
		snap_u(o, s.peak);
	}
	snap_record_end(o);
}

void snap_tests(struct snap_out *o, const struct snap_job *j, const struct snap_bounds *have)
{
	uint32_t n = tests_count(), open;
	struct tests_sum left = {0, 0};
	struct tests_span s;

	if (!n)
		return;
	snap_record(o, FMT_TEST);
	for (uint32_t i = 0; i < n; i++)
		if (tests_get(i, &s))
			put_fds(o, j, i, &s);
	put_ended(o, j, have);
	if (tests_open(&open))
		put_open(o, j, have, open, &left);
	snap_record_end(o);
	put_figures(o, j, &left);
}
