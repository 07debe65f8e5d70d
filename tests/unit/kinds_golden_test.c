/*
 * kinds_golden_test.c - threads, timers, descriptors and the residue as people and programs are
 * shown them, word for word: tests/golden/{threads,timers,fds,residue,growth}_*.out.
 */
#include "check.h"

#include "analyzer/out_kinds.h"
#include "analyzer/residue.h"
#include "build_snap.h"
#include "fake_names.h"
#include "golden.h"

static const struct fake_name names[] = {
        {0x1200, "main", "/src/server/main.c", 88, NULL},
        {0x1300, "pool_start", "/src/server/pool.c", 41, NULL},
        {0x1400, "session_open", "/src/server/session.c", 57, NULL},
        {0x1500, "session_close", "/src/server/session.c", 99, NULL},
        {0x1600, "ticker\033[2J", "/src/server/tick\ner.c", 12, NULL},
        {0x1700, "worker", "/src/server/worker.c", 7, NULL},
        {0x1800, "cache_put", "/src/server/cache.c", 23, NULL},
        {0x78, "pthread_cond_wait", NULL, 0, NULL},
        {0},
};

#define MS UINT64_C(1000000)
#define S  (1000 * MS)

static void threads(struct build *b, unsigned exe, unsigned pool, bool later)
{
	build_task(b, &(struct build_task){.serial = 1,
	                                   .tid = 4711,
	                                   .flags = FMT_TASK_FLAG_MAIN,
	                                   .cpu_ns = 17 * MS,
	                                   .name = "server"});
	for (unsigned i = 0; i < (later ? 15 : 4); i++)
		build_task(b, &(struct build_task){.serial = 2 + i,
		                                   .tid = 4712 + i,
		                                   .state = FMT_TASK_ENDED,
		                                   .node = pool,
		                                   .creator = 1,
		                                   .module = exe,
		                                   .address = 0x1700,
		                                   .born = (1 + i) * S,
		                                   .ended = (2 + i) * S,
		                                   .cpu_ns = 2 * MS,
		                                   .stack_bytes = 8 << 20,
		                                   .name = "worker"});
	build_task(b, &(struct build_task){.serial = 60,
	                                   .tid = 4760,
	                                   .node = pool,
	                                   .module = exe,
	                                   .address = 0x9999,
	                                   .born = 2 * S,
	                                   .name = "flusher"});
	for (unsigned i = 0; later && i < 2; i++)
		build_task(b, &(struct build_task){.serial = 61 + i,
		                                   .tid = 4761 + i,
		                                   .node = pool,
		                                   .module = exe,
		                                   .address = 0x1700,
		                                   .born = (3 + i) * S,
		                                   .name = "worker"});
	build_task(b, &(struct build_task){.tid = 4770,
	                                   .flags = FMT_TASK_FLAG_ADOPTED | FMT_TASK_FLAG_UNSEEN,
	                                   .name = "jemalloc_bg_thd"});
	build_task_sum(b, pool, exe, 0x1700, 100, 20);
}

static void stuck(struct build *b, unsigned waits, unsigned made)
{
	build_stuck(b, &(struct build_stuck){.tid = 4761,
	                                     .address = 0x7f0000001010,
	                                     .node = waits,
	                                     .offset = 16,
	                                     .bytes = 64,
	                                     .made = made});
	build_stuck(b, &(struct build_stuck){.tid = 4762,
	                                     .how = FMT_STUCK_JOIN,
	                                     .address = 0x7f0000009d0,
	                                     .node = waits,
	                                     .joins = 4761});
}

static void timers(struct build *b, unsigned ticker)
{
	build_timer(b, &(struct build_timer){.kind = FMT_TIMER_FD,
	                                     .id = 9,
	                                     .node = ticker,
	                                     .born = S,
	                                     .interval_ns = S,
	                                     .expirations = 1,
	                                     .fd = 10});
	build_timer(b, &(struct build_timer){.flags = FMT_TIMER_FLAG_ARMED,
	                                     .node = ticker,
	                                     .born = 3 * S,
	                                     .interval_ns = 20 * MS,
	                                     .remaining_ns = MS,
	                                     .notify = 1,
	                                     .signal = 14});
	build_timer_sum(b, ticker, FMT_TIMER_POSIX, 5, 4);
}

static void descriptors(struct build *b, unsigned open, unsigned close, bool later)
{
	build_fd(b, &(struct build_fd){.fd = 0,
	                               .kind = FMT_FD_DEVICE,
	                               .flags = FMT_FD_FLAG_INHERITED,
	                               .names = "/dev/null"});
	for (unsigned i = 0; i < (later ? 6 : 2); i++)
		build_fd(b, &(struct build_fd){
		                    .fd = 7 + i,
		                    .kind = FMT_FD_SOCKET,
		                    .flags = FMT_FD_FLAG_CLOEXEC,
		                    .node = open,
		                    .born = (5 + i) * S,
		                    .names = "tcp 127.0.0.1:80 - 10.0.0.7:4242 CLOSE_WAIT"});
	build_fd(b, &(struct build_fd){.fd = 20,
	                               .kind = FMT_FD_FILE,
	                               .flags = FMT_FD_FLAG_UNSEEN,
	                               .names = "/var/log/evil\033[2J"});
	build_fd_sum(b, open, FMT_FD_SOCKET, 1000, 994);
	build_fd_bad(b, FMT_BAD_FOREIGN_CLOSE, 7, close, open, 2, 9 * S);
}

static struct snapshot *snapshot(uint64_t sequence)
{
	bool later = sequence > 1;
	struct build b = {0};
	struct snapshot *s;
	struct err err;

	build_start(&b);
	build_info_u(&b, FMT_INFO_PID, 4711);
	build_info_u(&b, FMT_INFO_SEQUENCE, sequence);
	build_info_u(&b, FMT_INFO_REASON, later ? FMT_REASON_EXIT : FMT_REASON_DEMAND);
	build_info_u(&b, FMT_INFO_TIME, 1795276800ull * S + sequence * 30 * S);
	build_info_u(&b, FMT_INFO_UPTIME, sequence * 30 * S);
	build_info_s(&b, FMT_INFO_COMMAND, "server");
	build_audit(&b, FMT_AUDIT_THREADS_UNSEEN, 1);
	build_audit(&b, FMT_AUDIT_THREADS_VANISHED, 0);
	if (later)
		build_audit(&b, FMT_AUDIT_LOST_FDS, 3);
	unsigned exe = build_module(&b, "/usr/bin/server", "v1", FMT_MODULE_MAIN);
	unsigned libc = build_module(&b, "/lib/libc.so.6", "libc", 0);
	unsigned main = build_node(&b, 0, exe, 0x1200);
	unsigned pool = build_node(&b, main, exe, 0x1300);
	unsigned open = build_node(&b, build_node(&b, main, exe, 0x1400), libc, 0x77);
	threads(&b, exe, pool, later);
	if (later)
		stuck(&b, build_node(&b, build_node(&b, main, exe, 0x1700), libc, 0x78), pool);
	timers(&b, build_node(&b, main, exe, 0x1600));
	descriptors(&b, open, build_node(&b, main, exe, 0x1500), later);
	build_site(&b, &(struct build_site){.node = build_node(&b, main, exe, 0x1800),
	                                    .allocs = 100,
	                                    .bytes = 6400,
	                                    .frees = 40,
	                                    .bytes_freed = 2560});
	build_end(&b);
	if (load_snapshot_mem(b.out.data, b.out.len, "server.2.snap", &s, &err)) {
		FAIL("%s", err.text);
		exit(1);
	}
	build_free(&b);
	fake_names(s, names);
	return s;
}

/* ---- what is printed of them ---- */

typedef int writer(FILE *f, struct kinds *k, enum object_kind kind, const struct out_options *o,
                   struct err *err);

static void finish(const char *name, FILE *f, char **text, const struct out_options *o, bool json)
{
	fclose(f);
	golden_compare(name, *text);
	for (const char *c = *text; *c && !o->color; c++)
		OK(*c == '\n' || (unsigned char)*c >= ' ');
	/* The width of a terminal is kept to. */
	for (const char *line = *text; o->width && !o->color && *line;) {
		size_t n = strcspn(line, "\n");
		OK(n <= o->width);
		line += n + (line[n] == '\n');
	}
	if (json) {
		json_t *d = json_loads(*text, 0, NULL);
		OK(json_is_array(json_object_get(d, "rows")) &&
		   json_is_object(json_object_get(d, "snapshot")) &&
		   json_is_object(json_object_get(d, "audit")));
		json_decref(d);
	}
	free(*text);
}

static void golden(const char *name, bool base, enum object_kind kind, writer *write,
                   struct out_options o)
{
	struct snapshot *a = base ? snapshot(1) : NULL, *b = snapshot(2);
	struct kinds *k;
	struct err err;
	char *text;
	size_t n;

	EQ(kinds_make(a, b, &(struct kinds_options){0}, &k, &err), 0);
	FILE *f = open_memstream(&text, &n);
	EQ(write(f, k, kind, &o, &err), 0);
	finish(name, f, &text, &o, write == out_json_kind);
	kinds_free(k);
	snapshot_free(a);
	snapshot_free(b);
}

#define GOLDEN(name, base, kind, write, ...)                                         \
	TEST(name)                                                                   \
	{                                                                            \
		golden(#name, base, kind, write, (struct out_options){__VA_ARGS__}); \
	}

GOLDEN(threads_pipe, false, KIND_THREADS, out_text_kind, 0)
GOLDEN(threads_base_narrow, true, KIND_THREADS, out_text_kind, .width = 72)
GOLDEN(threads_json, true, KIND_THREADS, out_json_kind, .n = 2)
GOLDEN(timers_pipe, false, KIND_TIMERS, out_text_kind, .color = true)
GOLDEN(timers_json, false, KIND_TIMERS, out_json_kind, 0)
GOLDEN(fds_base, true, KIND_FDS, out_text_kind, .n = 2)
GOLDEN(fds_wide, false, KIND_FDS, out_text_kind, .wide = true)
GOLDEN(fds_json, false, KIND_FDS, out_json_kind, 0)

static void growth(const char *name, uint64_t first, struct out_options o)
{
	struct snapshot *a = snapshot(first), *b = snapshot(2);
	struct nameless nameless = {0};
	struct kinds *k;
	struct err err;
	char *text;
	size_t n;

	EQ(kinds_make(a, b, &(struct kinds_options){0}, &k, &err), 0);
	struct page page = {.file = open_memstream(&text, &n), .width = o.width};
	out_text_growth(&page, k, &o, &nameless);
	out_stack_nameless(&page, &nameless);
	EQ(page_end(&page, &err), 0);
	finish(name, page.file, &text, &o, false);
	kinds_free(k);
	snapshot_free(a);
	snapshot_free(b);
}

TEST(growth_some)
{
	growth("growth_some", 1, (struct out_options){.n = 10, .width = 80});
}

TEST(growth_none)
{
	growth("growth_none", 2, (struct out_options){.n = 10});
}

static void residue(const char *name, uint64_t sequence, bool json, struct out_options o)
{
	struct snapshot *s = snapshot(sequence);
	struct rule rule = {RULE_TIMER, RULE_ANY, "ticker", "the ticker is kept", "built-in"};
	struct rules rules = {.at = &rule, .n = json};
	struct residue *r;
	struct err err;
	char *text;
	size_t n;

	EQ(residue_make(s, &rules, &(struct profile_options){0}, &r, &err), 0);
	FILE *f = open_memstream(&text, &n);
	EQ(json ? out_json_residue(f, r, &o, &err) : out_text_residue(f, r, "s.snap", &o, &err), 0);
	finish(name, f, &text, &o, json);
	residue_free(r);
	snapshot_free(s);
}

TEST(residue_terminal)
{
	residue("residue_terminal", 2, false, (struct out_options){.n = 5, .width = 80});
}

TEST(residue_live)
{
	residue("residue_live", 1, false, (struct out_options){.n = 1});
}

TEST(residue_json)
{
	residue("residue_json", 2, true, (struct out_options){0});
}

int main(int argc, char **argv)
{
	return check_main(argc, argv);
}
