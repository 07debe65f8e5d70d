/*
 * golden_test.c - what people and programs are shown, word for word:
 * tests/golden/<verb>_<case>.out, made from the frozen snapshots tests/data/v1_*.snap. Names come
 * from a table, so that no file of this machine has a say.
 *
 * GOLDEN_WRITE=1 writes tests/golden anew (read the difference before committing it);
 * GOLDEN_WRITE=data the snapshots, too: only for a new major version, frozen files are there to be
 * read for ever. Runs in the project's folder.
 */
#include "check.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "analyzer/document.h"
#include "analyzer/out.h"
#include "analyzer/out_list.h"
#include "analyzer/out_sums.h"
#include "analyzer/out_traces.h"
#include "analyzer/profile.h"
#include "build_snap.h"
#include "fake_names.h"
#include "golden.h"

#define DATA "tests/data/"

static const struct fake_name names[] = {
        {0x1100, "_start", NULL, 0, NULL},
        {0x1200, "main", "/src/server/main.c", 88, NULL},
        {0x1300, "event_loop", "/src/server/loop.c", 41, NULL},
        {0x1400, "handle_request", "/src/server/request.c", 310, NULL},
        {0x1500, "session_open", "/src/server/session.c", 57, NULL},
        {0x1600, "xmalloc", "/src/server/mem.c", 12, NULL},
        {0x1700, "parse_header", "/src/server/parse.c", 140, NULL},
        {0x1700, "parse_request", "/src/server/parse.c", 199, NULL},
        {0x1800, "list_add", "/src/server/list.c", 23, NULL},
        {0x1900, "std::vector<Job, std::allocator<Job> >::push_back",
         "/usr/include/c++/12/bits/stl_vector.h", 1287,
         "_ZNSt6vectorI3JobSaIS0_EE9push_backERKS0_"},
        {0x1900, "Queue::put", "/src/server/queue.cc", 77, "_ZN5Queue3putERK3Job"},
        {0x1a00, "worker", "/src/server/worker.c", 30, NULL},
        {0x1b00, "map_segment\033[2J", "/src/server/seg\nment.c", 9, NULL},
        {0x9100, "malloc", NULL, 0, NULL},
        {0x9200, "__libc_start_main", NULL, 0, NULL},
        {0x9300, "start_thread", NULL, 0, NULL},
        {0},
};

/* ---- the frozen snapshots ---- */

enum { SEC = 1000000000 };
#define AGE(seconds) fmt_fine_bucket((uint64_t)((seconds)*1e9) >> FMT_TICK_SHIFT)

static void save(struct build *b, const char *name)
{
	char path[200];

	snprintf(path, sizeof path, DATA "%s.snap", name);
	EQ(build_save(b, path), 0);
	build_free(b);
}

struct program {
	unsigned exe, libc, lib, session, header, queue, list, lib_site, map, worker;
};

static struct program program(struct build *b, unsigned pid, unsigned sequence, uint64_t uptime_s,
                              const char *build_id)
{
	struct program p;

	*b = (struct build){0};
	build_start(b);
	build_info_u(b, FMT_INFO_PID, pid);
	build_info_u(b, FMT_INFO_PPID, 1);
	build_info_u(b, FMT_INFO_SEQUENCE, sequence);
	build_info_u(b, FMT_INFO_REASON, FMT_REASON_DEMAND);
	build_info_u(b, FMT_INFO_START_TIME, 1795262400ull * SEC + pid);
	build_info_u(b, FMT_INFO_TIME, (1795262400 + uptime_s) * SEC);
	build_info_u(b, FMT_INFO_UPTIME, uptime_s * SEC);
	build_info_u(b, FMT_INFO_DEPTH, 128);
	build_info_s(b, FMT_INFO_COMMAND, "server");
	build_info_s(b, FMT_INFO_EXE, "/opt/server/bin/server");
	build_info_s(b, FMT_INFO_BOOT_ID, "5e0c1a52-0000-4000-8000-000000000001");
	build_info_s(b, FMT_INFO_VERSION, "0.1.0");
	if (sequence == 2)
		build_info_s(b, FMT_INFO_LABEL, "after load");
	p.exe = build_module(b, "/opt/server/bin/server", build_id, FMT_MODULE_MAIN);
	p.libc = build_module(b, "/lib/x86_64-linux-gnu/libc.so.6", "libc", 0);
	p.lib = build_module(b, "/opt/server/lib/libcodec.so.2", "codec", 0);
	unsigned n = build_node(b, 0, p.exe, 0x1100);
	n = build_node(b, n, p.libc, 0x9200);
	n = build_node(b, n, p.exe, 0x1200);
	unsigned loop = build_node(b, n, p.exe, 0x1300),
	         request = build_node(b, loop, p.exe, 0x1400);
	p.session =
	        build_node(b, build_node(b, build_node(b, request, p.exe, 0x1500), p.exe, 0x1600),
	                   p.libc, 0x9100);
	p.header = build_node(b, build_node(b, request, p.exe, 0x1700), p.exe, 0x1600);
	p.queue = build_node(b, request, p.exe, 0x1900);
	p.list = build_node(b, loop, p.exe, 0x1800);
	p.lib_site = build_node(b, request, p.lib, 0x4242);
	p.map = build_node(b, loop, p.exe, 0x1b00);
	n = build_node(b, build_node_flags(b, 0, p.libc, 0x9300, FMT_NODE_TRUNCATED), p.exe,
	               0x1a00);
	p.worker = build_node(b, n, p.exe, 0x1500);
	return p;
}

static void write_first(const char *name)
{
	struct build b;
	struct program p = program(&b, 4711, 1, 10, "v1");
	unsigned t = build_thread(&b, 4711, 1, "server");

	build_site(&b, &(struct build_site){.node = p.session,
	                                    .thread = t,
	                                    .allocs = 100,
	                                    .bytes = 6400,
	                                    .size_min = 64,
	                                    .size_max = 64,
	                                    .ages = {{AGE(4), 100, 6400}}});
	build_site(&b, &(struct build_site){.node = p.header,
	                                    .thread = t,
	                                    .allocs = 5000,
	                                    .bytes = 5120000,
	                                    .frees = 5000,
	                                    .bytes_freed = 5120000,
	                                    .size_min = 1024,
	                                    .size_max = 1024,
	                                    .temporary = 4000,
	                                    .lifetimes = {{1, 400, 0}}});
	build_site(&b, &(struct build_site){.node = p.list,
	                                    .thread = t,
	                                    .allocs = 1,
	                                    .bytes = 4096,
	                                    .size_min = 4096,
	                                    .size_max = 4096,
	                                    .ages = {{AGE(9), 1, 4096}}});
	build_audit(&b, FMT_AUDIT_LIVE_BLOCKS, 101);
	build_audit(&b, FMT_AUDIT_LIVE_BYTES, 10496);
	build_end(&b);
	save(&b, name);
}

static void write_second(const char *name, unsigned pid, const char *build_id)
{
	struct build b;
	struct program p = program(&b, pid, 2, 70, build_id);
	unsigned t = build_thread(&b, pid, 1, "server"), w = build_thread(&b, pid + 1, 8, "worker");

	/* grows: 900 more sessions, 300 of them opened by workers */
	build_site(&b, &(struct build_site){.node = p.session,
	                                    .thread = t,
	                                    .allocs = 700,
	                                    .bytes = 44800,
	                                    .size_min = 64,
	                                    .size_max = 64,
	                                    .ages = {{AGE(20), 600, 38400}, {AGE(64), 100, 6400}}});
	build_site(&b, &(struct build_site){.node = p.worker,
	                                    .thread = w,
	                                    .allocs = 300,
	                                    .bytes = 19200,
	                                    .size_min = 64,
	                                    .size_max = 64,
	                                    .ages = {{AGE(5), 300, 19200}}});
	/* churn: all freed, but for requests in flight */
	build_site(&b, &(struct build_site){.node = p.header,
	                                    .thread = t,
	                                    .allocs = 905003,
	                                    .bytes = 926723072,
	                                    .frees = 905000,
	                                    .bytes_freed = 926720000,
	                                    .size_min = 1024,
	                                    .size_max = 1024,
	                                    .temporary = 800000,
	                                    .lifetimes = {{1, 80400, 0}},
	                                    .ages = {{0, 3, 3072}}});
	/* a list that grows by realloc */
	build_site(&b, &(struct build_site){.node = p.list,
	                                    .thread = t,
	                                    .allocs = 9,
	                                    .bytes = 2093056,
	                                    .frees = 8,
	                                    .bytes_freed = 1044480,
	                                    .size_min = 4096,
	                                    .size_max = 1048576,
	                                    .lifetimes = {{9, 2, 0}, {10, 5, 0}, {12, 1, 0}},
	                                    .ages = {{AGE(1), 1, 1048576}}});
	build_site(&b, &(struct build_site){.node = p.queue,
	                                    .thread = t,
	                                    .allocs = 12,
	                                    .bytes = 131040,
	                                    .frees = 11,
	                                    .bytes_freed = 65504,
	                                    .size_min = 32,
	                                    .size_max = 65536,
	                                    .lifetimes = {{3, 10, 0}, {11, 1, 0}},
	                                    .ages = {{AGE(30), 1, 65536}}});
	build_site(&b, &(struct build_site){.node = p.lib_site,
	                                    .thread = t,
	                                    .allocs = 7,
	                                    .bytes = 28672,
	                                    .size_min = 4096,
	                                    .size_max = 4096,
	                                    .ages = {{AGE(11), 7, 28672}}});
	build_site(&b, &(struct build_site){.node = p.map,
	                                    .kind = FMT_KIND_MMAP,
	                                    .thread = t,
	                                    .allocs = 1,
	                                    .bytes = 16777216,
	                                    .size_min = 16777216,
	                                    .size_max = 16777216,
	                                    .ages = {{AGE(50), 1, 16777216}}});
	build_site(&b, &(struct build_site){.node = 0,
	                                    .thread = t,
	                                    .allocs = 2,
	                                    .bytes = 48,
	                                    .size_min = 24,
	                                    .size_max = 24,
	                                    .ages = {{AGE(33), 2, 48}}});
	build_audit(&b, FMT_AUDIT_LOST_NO_STACK, 2);
	build_audit(&b, FMT_AUDIT_UNKNOWN_FREES, 5);
	build_audit(&b, FMT_AUDIT_LIVE_BYTES, 1209600);
	build_audit(&b, FMT_AUDIT_MALLOC_INUSE, 1250000);
	build_audit(&b, FMT_AUDIT_RSS, 24000000);
	build_audit(&b, FMT_AUDIT_OWN_TABLES, 1200000);
	build_audit(&b, FMT_AUDIT_OWN_ARENA, 40000);
	build_end(&b);
	save(&b, name);
}

static void write_bad(void)
{
	struct build b = {0};

	save(&b, "bad_empty");
	str_add(&b.out, "\177ELF\2\1\1 is another kind of file");
	save(&b, "bad_foreign");
	build_start_version(&b, FMT_MAJOR + 1, 0);
	build_end(&b);
	save(&b, "bad_newer");
	for (int i = 0; i < 6; i++) {
		static const char *const name[] = {"bad_cut",    "bad_checksum", "bad_length",
		                                   "bad_parent", "bad_module",   "bad_histogram"};
		struct program p = program(&b, 1, 1, 1, "v1");
		if (i == 3)
			build_node(&b, 1000000000, p.exe, 1);
		if (i == 4)
			build_node(&b, p.session, 4000000000, 1);
		build_site(&b, &(struct build_site){.node = p.session, .allocs = 1, .bytes = 1});
		if (i == 5) {
			b.site.len -= 1;
			build_varint(&b.site, UINT64_MAX / 24);
		}
		build_end(&b);
		if (i == 0)
			b.out.len = b.out.len / 2;
		if (i == 1)
			b.out.data[b.out.len / 2] ^= 1;
		if (i == 2)
			memset(b.out.data + 24, 0xff, 8);
		save(&b, name[i]);
	}
}

static void write_data(void)
{
	write_first("v1_server_1");
	write_second("v1_server_2", 4711, "v1");
	write_second("v1_other_build", 815, "v2");
	write_bad();
}

/* ---- what is printed of them ---- */

static struct snapshot *load(const char *name)
{
	struct snapshot *s;
	struct err err;
	char path[200];

	snprintf(path, sizeof path, DATA "%s.snap", name);
	if (load_snapshot(path, &s, &err)) {
		FAIL("%s", err.text);
		exit(1);
	}
	fake_names(s, names);
	return s;
}

typedef int writer(FILE *f, const struct profile *p, const struct out_options *o, struct err *err);

static void golden(const char *name, const char *a, const char *b, writer *write,
                   struct out_options o)
{
	struct snapshot *sb = load(b), *sa = a ? load(a) : NULL;
	struct profile_options po = {.sort = o.sort, .raw = o.raw, .samples = true};
	struct profile *p;
	struct err err;
	char *text;
	size_t n;

	EQ(a ? profile_diff(sa, sb, &po, &p, &err) : profile_top(sb, &po, &p, &err), 0);
	FILE *f = open_memstream(&text, &n);
	EQ(write(f, p, &o, &err), 0);
	fclose(f);
	golden_compare(name, text);
	for (const char *c = text; *c && !o.color; c++)
		OK(*c == '\n' || (unsigned char)*c >= ' ');
	if (*text == '{') {
		json_t *json = json_loads(text, 0, NULL);
		OK(json && json_is_object(json_object_get(json, "snapshot")) &&
		   json_is_object(json_object_get(json, "audit")) &&
		   json_is_array(json_object_get(json, "rows")));
		json_decref(json);
	}
	free(text);
	profile_free(p);
	snapshot_free(sa);
	snapshot_free(sb);
}

/* Writers of what is made from a profile first. */
static struct sums *sums_of(const struct profile *p, const struct out_options *o, bool edges)
{
	return sums_make(p, &(struct sum_options){.by = o->by,
	                                          .sort = o->sort,
	                                          .cum = o->cum,
	                                          .churn = o->churn,
	                                          .edges = edges,
	                                          .raw = o->raw});
}

static int sums(FILE *f, const struct profile *p, const struct out_options *o, struct err *err)
{
	struct sums *s = sums_of(p, o, false);
	int rc = out_text_sums(f, s, o, err);

	sums_free(s);
	return rc;
}

static int sums_json(FILE *f, const struct profile *p, const struct out_options *o, struct err *err)
{
	struct sums *s = sums_of(p, o, false);
	int rc = out_json_sums(f, s, o, err);

	sums_free(s);
	return rc;
}

static int tree(FILE *f, const struct profile *p, const struct out_options *o, struct err *err)
{
	struct sums *s = sums_of(p, o, true);
	int rc = out_text_tree(f, s, o, err);

	sums_free(s);
	return rc;
}

static int peek_json(FILE *f, const struct profile *p, const struct out_options *o, struct err *err)
{
	struct sums *s = sums_of(p, o, true);

	EQ(sums_pick(s, "^handle_", err), 1);
	int rc = out_json_tree(f, s, o, err);
	sums_free(s);
	return rc;
}

/* A source file that is younger than the program would be told of; a checkout is young. */
static void age_source(void)
{
	struct timespec old[2] = {{.tv_sec = 1}, {.tv_sec = 1}};

	EQ(utimensat(AT_FDCWD, DATA "server/parse.c", old, 0), 0);
}

/* Source that nobody has, and a folder with a piece of it. */
static int list(FILE *f, const struct profile *p, const struct out_options *o, struct err *err)
{
	struct sums *s = sums_of(p, o, false);

	age_source();
	OK(sums_pick(s, "session_open|parse_|Queue", err) > 0);
	struct listings *l = listings_make(
	        s, &(struct listing_options){.source_path = "/nowhere:" DATA, .sort = o->sort});
	int rc = out_text_list(f, l, o, err);
	listings_free(l);
	sums_free(s);
	return rc;
}

static int list_json(FILE *f, const struct profile *p, const struct out_options *o, struct err *err)
{
	struct sums *s = sums_of(p, o, false);

	OK(sums_pick(s, "parse_", err) > 0);
	struct listings *l =
	        listings_make(s, &(struct listing_options){.source_path = DATA, .sort = o->sort});
	int rc = out_json_list(f, l, o, err);
	listings_free(l);
	sums_free(s);
	return rc;
}

#define GOLDEN(name, a, b, write, ...)                                         \
	TEST(name)                                                             \
	{                                                                      \
		golden(#name, a, b, write, (struct out_options){__VA_ARGS__}); \
	}

GOLDEN(top_pipe, NULL, "v1_server_2", out_text_top, .n = 10, .sort = INUSE_SPACE)
GOLDEN(top_terminal, NULL, "v1_server_2", out_text_top, .n = 3, .width = 80, .color = true,
       .sort = INUSE_SPACE)
GOLDEN(top_wide, NULL, "v1_server_2", out_text_top, .n = 10, .wide = true, .sort = ALLOC_OBJECTS)
GOLDEN(top_raw, NULL, "v1_server_2", out_text_top, .n = 2, .raw = true, .sort = INUSE_OBJECTS)
GOLDEN(top_json, NULL, "v1_server_2", out_json_top, .n = 2, .sort = INUSE_SPACE)
GOLDEN(diff_pipe, "v1_server_1", "v1_server_2", out_text_diff, .n = 10, .sort = ALLOC_SPACE)
GOLDEN(diff_narrow, "v1_server_1", "v1_server_2", out_text_diff, .n = 3, .width = 72,
       .sort = ALLOC_SPACE)
GOLDEN(diff_churn, "v1_server_1", "v1_server_2", out_text_diff, .n = 1, .churn = true,
       .sort = ALLOC_SPACE)
GOLDEN(diff_json, "v1_server_1", "v1_server_2", out_json_diff, .churn = true, .sort = ALLOC_SPACE)
GOLDEN(diff_builds, "v1_server_1", "v1_other_build", out_text_diff, .n = 4, .sort = ALLOC_SPACE)
GOLDEN(diff_swapped, "v1_server_2", "v1_server_1", out_text_diff, .n = 4, .sort = ALLOC_SPACE)
GOLDEN(diff_same, "v1_server_2", "v1_server_2", out_text_diff, .n = 4, .sort = ALLOC_SPACE)

GOLDEN(top_function, NULL, "v1_server_2", sums, .n = 5, .by = SUM_FUNCTION, .sort = INUSE_SPACE)
GOLDEN(top_line, NULL, "v1_server_2", sums, .n = 8, .by = SUM_LINE, .cum = true, .width = 80,
       .sort = ALLOC_OBJECTS)
GOLDEN(top_module, NULL, "v1_server_2", sums, .by = SUM_MODULE, .sort = INUSE_SPACE)
GOLDEN(top_thread, NULL, "v1_server_2", sums, .by = SUM_THREAD, .sort = INUSE_SPACE)
GOLDEN(diff_function, "v1_server_1", "v1_server_2", sums, .n = 5, .by = SUM_FUNCTION,
       .sort = ALLOC_SPACE)
GOLDEN(diff_thread, "v1_server_1", "v1_server_2", sums, .by = SUM_THREAD, .churn = true,
       .sort = ALLOC_SPACE)
GOLDEN(diff_function_builds, "v1_server_1", "v1_other_build", sums, .by = SUM_FUNCTION, .cum = true,
       .sort = ALLOC_SPACE)
GOLDEN(top_function_json, NULL, "v1_server_2", sums_json, .n = 2, .by = SUM_FUNCTION,
       .sort = INUSE_SPACE)
GOLDEN(diff_thread_json, "v1_server_1", "v1_server_2", sums_json, .by = SUM_THREAD,
       .sort = INUSE_SPACE)
GOLDEN(tree, NULL, "v1_server_2", tree, .n = 6, .by = SUM_FUNCTION, .sort = INUSE_SPACE)
GOLDEN(tree_diff, "v1_server_1", "v1_server_2", tree, .by = SUM_FUNCTION, .cum = true, .width = 80,
       .sort = ALLOC_SPACE)
GOLDEN(peek_json, NULL, "v1_server_2", peek_json, .by = SUM_FUNCTION, .sort = INUSE_SPACE)
GOLDEN(list, NULL, "v1_server_2", list, .by = SUM_FUNCTION, .sort = INUSE_SPACE)
GOLDEN(list_wide, "v1_server_1", "v1_server_2", list, .by = SUM_FUNCTION, .wide = true,
       .sort = ALLOC_SPACE)
GOLDEN(list_json, NULL, "v1_server_2", list_json, .by = SUM_FUNCTION, .sort = INUSE_SPACE)
GOLDEN(traces, NULL, "v1_server_2", out_text_traces, .sort = INUSE_SPACE)

/* One line with file and offset for each. */
TEST(bad_files)
{
	static const char *const bad[] = {"empty",  "foreign", "newer",  "cut",      "checksum",
	                                  "length", "parent",  "module", "histogram"};
	struct str all = {0};

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct snapshot *s = NULL;
		struct err err = {.text = ""};
		char path[200];
		snprintf(path, sizeof path, DATA "bad_%s.snap", bad[i]);
		OK(load_snapshot(path, &s, &err) == -1 && !s);
		str_addf(&all, "%s\n", err.text);
	}
	golden_compare("load_bad", all.data);
	str_free(&all);
}

int main(int argc, char **argv)
{
	const char *write = getenv("GOLDEN_WRITE");

	if (write && !strcmp(write, "data"))
		write_data();
	return check_main(argc, argv);
}
