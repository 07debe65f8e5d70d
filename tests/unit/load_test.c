/*
 * load_test.c - the loader against damaged, cut, foreign and hostile files: a sentence with file
 * and offset, never a crash, and memory that follows the file's size, not its words.
 */
#include "check.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "analyzer/profile.h"
#include "build_snap.h"

static struct snapshot *load(const struct build *b, struct err *err)
{
	struct snapshot *s;

	err->text[0] = 0;
	int rc = load_snapshot_mem(b->out.data, b->out.len, "x.snap", &s, err);
	OK((rc == 0) == (s != NULL));
	OK((rc == 0) == (err->text[0] == 0));
	return s;
}

static bool has(const char *text, const char *part)
{
	if (strstr(text, part))
		return true;
	printf("# \"%s\" is not in: %s\n", part, text);
	return false;
}

/* The file is refused; the line names it and says each of the parts. */
static void refused(const struct build *b, const char *part, const char *more)
{
	struct err err;
	struct snapshot *s = load(b, &err);

	OK(!s);
	OK(has(err.text, "x.snap"));
	OK(has(err.text, part));
	OK(!more || has(err.text, more));
	OK(!strchr(err.text, '\n'));
	snapshot_free(s);
}

static struct build small_file(void)
{
	struct build b = {0};

	build_start(&b);
	build_info_u(&b, FMT_INFO_PID, 42);
	build_info_s(&b, FMT_INFO_COMMAND, "server");
	unsigned exe = build_module(&b, "/bin/server", "\xbe\xef", FMT_MODULE_MAIN);
	unsigned outer = build_node(&b, 0, exe, 0x1000), inner = build_node(&b, outer, exe, 0x2000);
	unsigned thread = build_thread(&b, 43, 2, "worker");
	build_site(&b, &(struct build_site){.node = inner,
	                                    .thread = thread,
	                                    .allocs = 10,
	                                    .bytes = 640,
	                                    .frees = 4,
	                                    .bytes_freed = 256,
	                                    .size_min = 64,
	                                    .size_max = 64,
	                                    .lifetimes = {{3, 1, 0}},
	                                    .ages = {{0, 2, 128}, {17, 4, 256}}});
	build_audit(&b, FMT_AUDIT_LOST_EARLY, 3);
	build_end(&b);
	return b;
}

TEST(everything_in_a_file_is_found_again)
{
	struct build b = small_file();
	struct err err;
	struct snapshot *s = load(&b, &err);

	if (!s) {
		FAIL("%s", err.text);
		return;
	}
	EQ(INFO_U(&s->info, PID), 42);
	STREQ(INFO_S(&s->info, COMMAND), "server");
	STREQ(INFO_S(&s->info, LABEL), "");
	EQ(s->n_modules, 2);
	STREQ(s->module[1].build_id, "beef");
	STREQ(s->module[1].path, "/bin/server");
	EQ(s->n_stacks, 2);
	EQ(s->stack[1].n, 2);
	uint32_t node = s->stack[1].node;
	EQ(s->location[s->node[node].location].address, 0x2000);
	node = s->node[node].parent;
	EQ(s->location[s->node[node].location].address, 0x1000);
	EQ(s->node[node].parent, 0);
	EQ(s->n_samples, 1);
	const struct sample *p = &s->sample[0];
	EQ(p->value[ALLOC_OBJECTS], 10);
	EQ(p->value[ALLOC_SPACE], 640);
	EQ(p->value[INUSE_OBJECTS], 6);
	EQ(p->value[INUSE_SPACE], 384);
	EQ(p->live_blocks, 6);
	EQ(s->thread[p->thread].tid, 43);
	/* Bucket 0 is what the others leave. */
	EQ(p->lifetimes.n, 2);
	EQ(p->lifetimes.at[0].bucket, 0);
	EQ(p->lifetimes.at[0].blocks, 3);
	EQ(p->lifetimes.at[1].bucket, 3);
	EQ(p->ages.n, 2);
	EQ(p->ages.at[1].bytes, 256);
	EQ(s->audit[FMT_AUDIT_LOST_EARLY], 3);
	OK(s->has_audit[FMT_AUDIT_LOST_EARLY] && !s->has_audit[FMT_AUDIT_RSS]);
	snapshot_free(s);
	build_free(&b);
}

TEST(a_file_cut_anywhere_is_refused)
{
	struct build b = small_file();
	size_t whole = b.out.len;

	for (b.out.len = 0; b.out.len < whole; b.out.len++) {
		/* A copy of just that size, so that a byte read too far is seen. */
		struct err err = {.text = ""};
		struct snapshot *s;
		char *copy = malloc(b.out.len ? b.out.len : 1);
		memcpy(copy, b.out.data, b.out.len);
		OK(load_snapshot_mem(copy, b.out.len, "x.snap", &s, &err) == -1 && !s);
		OK(has(err.text, "x.snap"));
		OK(has(err.text, b.out.len ? "byte" : "empty"));
		free(copy);
	}
	build_free(&b);
}

TEST(any_flipped_bit_is_found)
{
	struct build b = small_file();
	int unseen = 0;

	for (size_t i = 0; i < b.out.len * 8; i++) {
		struct err err;
		struct snapshot *s;
		b.out.data[i / 8] ^= (char)(1 << i % 8);
		if (!load_snapshot_mem(b.out.data, b.out.len, "x.snap", &s, &err)) {
			unseen++;
			snapshot_free(s);
		}
		b.out.data[i / 8] ^= (char)(1 << i % 8);
	}
	EQ(unseen, 0);
	build_free(&b);
}

TEST(foreign_files_are_named_so)
{
	struct build b = {0};

	str_add(&b.out, "\x7f"
	                "ELF and so on, longer than a header");
	refused(&b, "not a snapshot", "byte 0");
	build_free(&b);
	str_add(&b.out, "x");
	refused(&b, "not a snapshot", NULL);
	build_free(&b);
}

TEST(a_newer_major_version_is_refused_with_a_sentence)
{
	struct build b = {0};

	build_start_version(&b, FMT_MAJOR + 1, 0);
	build_end(&b);
	refused(&b, "snapshot version 2, this analyzer reads up to 1", NULL);
	build_free(&b);
}

TEST(a_newer_minor_version_and_unknown_optional_records_are_skipped)
{
	struct build b = {0};
	struct err err;

	build_start_version(&b, FMT_MAJOR, FMT_MINOR + 7);
	build_record(&b, FMT_TAG('N', 'e', 'w', '!'), "whatever", 8);
	build_info_u(&b, 127, 1);
	build_info_s(&b, 12345, "a key of tomorrow");
	build_info_u(&b, FMT_INFO_PID, 7);
	build_audit(&b, 99999, 5);
	build_end(&b);
	struct snapshot *s = load(&b, &err);
	OK(s && INFO_U(&s->info, PID) == 7);
	snapshot_free(s);
	build_free(&b);
}

TEST(an_unknown_required_record_is_refused)
{
	struct build b = {0};

	build_start(&b);
	build_record(&b, FMT_TAG('n', 'e', 'w', 27), "whatever", 8);
	build_done(&b);
	refused(&b, "\"new?\"", "byte 16");
	build_free(&b);
}

TEST(repeated_records_continue)
{
	struct build b = {0};
	struct err err;

	build_start(&b);
	unsigned exe = build_module(&b, "/bin/server", "", 0);
	unsigned outer = build_node(&b, 0, exe, 1);
	build_flush(&b);
	unsigned lib = build_module(&b, "/lib/x.so", "", 0);
	unsigned inner = build_node(&b, outer, lib, 2);
	build_site(&b, &(struct build_site){.node = inner, .allocs = 1, .bytes = 1});
	build_flush(&b);
	build_site(&b, &(struct build_site){.node = inner, .allocs = 2, .bytes = 2});
	build_end(&b);
	struct snapshot *s = load(&b, &err);
	OK(s != NULL);
	if (s) {
		EQ(s->n_modules, 3);
		EQ(s->n_samples, 2);
		EQ(s->n_stacks, 2);
		EQ(s->stack[1].n, 2);
	}
	snapshot_free(s);
	build_free(&b);
}

TEST(references_to_what_is_not_there_are_refused)
{
	for (int i = 0; i < 4; i++) {
		struct build b = {0};
		static const char *const part[] = {"module 2 of 1", "node 9 of 1", "thread 5 of 0",
		                                   "parent 2"};
		build_start(&b);
		unsigned exe = build_module(&b, "/bin/server", "", 0);
		build_node(&b, i == 3 ? 2 : 0, i == 0 ? 2 : exe, 1);
		build_site(&b, &(struct build_site){.node = i == 1 ? 9 : 1,
		                                    .thread = i == 2 ? 5 : 0,
		                                    .allocs = 1});
		build_end(&b);
		refused(&b, part[i], "byte");
		build_free(&b);
	}
}

TEST(frames_of_outlive_itself_are_left_out_wherever_they_stand)
{
	struct build b = {0};
	struct err err;

	build_start(&b);
	unsigned exe = build_module(&b, "/bin/server", "", 0);
	unsigned own = build_module(&b, "/lib/liboutlive.so", "", FMT_MODULE_OUTLIVE);
	unsigned n = build_node(&b, 0, exe, 1);
	n = build_node(&b, n, own, 2);
	n = build_node(&b, n, own, 3);
	n = build_node(&b, n, exe, 4);
	n = build_node(&b, n, own, 5);
	build_site(&b, &(struct build_site){.node = n, .allocs = 1});
	unsigned only_own = build_node(&b, 0, own, 6);
	build_site(&b, &(struct build_site){.node = only_own, .allocs = 1});
	build_end(&b);
	struct snapshot *s = load(&b, &err);
	OK(s != NULL);
	if (s) {
		const struct stack *stack = &s->stack[s->sample[0].stack];
		EQ(stack->n, 2);
		EQ(s->location[s->node[stack->node].location].address, 4);
		EQ(s->location[s->node[s->node[stack->node].parent].location].address, 1);
		EQ(s->sample[1].stack, 0);
	}
	snapshot_free(s);
	build_free(&b);
}

TEST(payloads_with_a_right_checksum_and_wrong_contents_are_refused)
{
	static const struct {
		uint32_t tag;
		const char *payload;
		size_t n;
		const char *part;
	} bad[] = {
	        {FMT_NODE, "\x80", 1, "the end of its record cuts"},
	        {FMT_NODE, "\x00", 1, "the end of its record cuts"},
	        {FMT_NODE, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10, "longer than 64 bits"},
	        {FMT_NODE, "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", 11,
	         "longer than 64 bits"},
	        {FMT_INFO, "\x80\x01\x7fxyz", 6, "a text of 127 bytes"},
	        {FMT_INFO, "\x80\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01x", 13,
	         "its record has 1 left"},
	        {FMT_MODULE, "\x02\x01\x00\x00\x00\x00\x00\x00\x00\x00", 10,
	         "ends before it starts"},
	        {FMT_MODULE, "\x00\x00\x00\x00\x00\x00\x00\x00\x7f", 9, "a text of 127 bytes"},
	        /* kind 2 */
	        {FMT_SITE, "\x00\x02\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", 14,
	         "kind 2"},
	        /* 2^63 allocations */
	        {FMT_SITE,
	         "\x00\x00\x00\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01\x00\x00\x00\x00\x00\x00\x00"
	         "\x00\x00\x00",
	         23, "allocations of 9223372036854775808"},
	        /* 2^56 bins */
	        {FMT_SITE,
	         "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80\x80\x80\x80\x80\x80\x80\x80"
	         "\x01\x00",
	         22, "a histogram of 72057594037927936 bins"},
	        /* bin 40 of lifetimes; two bins 3 */
	        {FMT_SITE, "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x28\x01\x00", 16,
	         "bucket 40"},
	        {FMT_SITE,
	         "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x03\x01\x01\x03\x01\x01",
	         20, "out of order"},
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct build b = {0};
		build_start(&b);
		build_record(&b, bad[i].tag, bad[i].payload, bad[i].n);
		build_done(&b);
		refused(&b, bad[i].part, "damaged at byte");
		build_free(&b);
	}
}

TEST(the_last_record_counts_and_is_last)
{
	struct build b = {0};

	build_start(&b);
	b.n_records = 5;
	build_done(&b);
	refused(&b, "0 records before the end, it says 5", "byte 32");
	build_free(&b);
	build_start(&b);
	b.n_records = 0;
	build_done(&b);
	build_done(&b);
	refused(&b, "after the end", NULL);
	build_free(&b);
}

static long peak_kb(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return u.ru_maxrss;
}

/* A million frames in one stack, and a site at every one of them: written out, 2 TB. */
TEST(a_chain_of_a_million_nodes_takes_memory_by_the_file_not_by_the_stacks)
{
	struct build b = {0};
	struct err err;
	const unsigned n = 1000000;

	build_start(&b);
	unsigned exe = build_module(&b, "/bin/server", "", 0), node = 0;
	for (unsigned i = 0; i < n; i++) {
		node = build_node(&b, node, exe, i);
		build_site(&b, &(struct build_site){.node = node, .allocs = 1, .bytes = i});
		if (i % 100000 == 0)
			build_flush(&b);
	}
	build_end(&b);
	long before = peak_kb();
	struct snapshot *s = load(&b, &err);
	OK(s != NULL);
	long file = (long)(b.out.len / 1024), loaded = peak_kb() - before;
	if (s) {
		EQ(s->n_stacks, n + 1);
		EQ(s->stack[n].n, n);
		struct profile *p = NULL;
		struct profile_options o = {.sort = ALLOC_SPACE};
		EQ(profile_diff(s, s, &o, &p, &err), 0);
		EQ(p->n_rows, 0);
		profile_free(p);
		EQ(profile_top(s, &o, &p, &err), 0);
		EQ(p->n_rows, n);
		EQ(profile_row(p, 0)->n_frames, n);
		profile_free(p);
	}
	long used = peak_kb() - before;
	printf("# a file of %ld kB took %ld kB, ranked and compared %ld kB\n", file, loaded, used);
#ifndef __SANITIZE_ADDRESS__
	/* The smallest items that there can be: others are three times their size. */
	OK(loaded < 12 * file);
	OK(used < 24 * file);
#endif
	snapshot_free(s);
	build_free(&b);
}

TEST(counts_up_to_the_largest_do_not_overflow_sums)
{
	struct build b = {0};
	struct err err;

	build_start(&b);
	unsigned exe = build_module(&b, "/bin/server", "", 0), node = build_node(&b, 0, exe, 1);
	for (int i = 0; i < 3; i++)
		build_site(&b,
		           &(struct build_site){
		                   .node = node,
		                   .allocs = INT64_MAX,
		                   .bytes = INT64_MAX,
		                   .frees = i ? INT64_MAX : 0,
		                   .live_blocks = 1,
		                   .live_bytes = 1,
		                   .lifetimes = {{1, INT64_MAX, 0}, {2, INT64_MAX, 0}, {3, 1, 0}},
		                   .ages = {{0, INT64_MAX, INT64_MAX}, {1, INT64_MAX, INT64_MAX}}});
	build_end(&b);
	struct snapshot *s = load(&b, &err);
	OK(s != NULL);
	if (s) {
		struct profile *p;
		struct profile_options o = {.sort = ALLOC_SPACE};
		EQ(profile_top(s, &o, &p, &err), 0);
		EQ(p->row[0].value[ALLOC_SPACE], INT64_MAX);
		EQ(p->total[FMT_KIND_HEAP][ALLOC_OBJECTS], INT64_MAX);
		profile_free(p);
		EQ(profile_diff(s, s, &o, &p, &err), 0);
		profile_free(p);
	}
	snapshot_free(s);
	build_free(&b);
}

TEST(what_is_no_regular_file_is_refused_or_read_to_its_end)
{
	struct build b = small_file();
	struct snapshot *s;
	struct err err;
	int fd[2];
	char path[64];

	EQ(load_snapshot("/", &s, &err), -1);
	OK(has(err.text, "folder"));
	EQ(load_snapshot("/nonexistent", &s, &err), -1);
	OK(has(err.text, "No such file"));
	EQ(load_snapshot("/dev/zero", &s, &err), -1);
	OK(has(err.text, "not a snapshot"));
	EQ(load_snapshot("/dev/null", &s, &err), -1);
	OK(has(err.text, "a device or a socket, not a snapshot"));
	EQ(pipe(fd), 0);
	EQ(write(fd[1], b.out.data, b.out.len), b.out.len);
	close(fd[1]);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd[0]);
	EQ(load_snapshot(path, &s, &err), 0);
	OK(s && INFO_U(&s->info, PID) == 42);
	snapshot_free(s);
	close(fd[0]);
	build_free(&b);
}

TEST(names_that_would_drive_a_terminal_are_made_safe)
{
	struct str s = {0};

	str_add_safe(&s, "a\033[31mred\r\n\tb\x7f\xc2\x9b"
	                 "c\xe2\x80\xae"
	                 "d\xff\xc0\xaf\xc3\xa9");
	STREQ(s.data, "a?[31mred???b??c?d???\xc3\xa9");
	EQ(safe_width("\xc3\xa9t\xc3\xa9"), 3);
	str_free(&s);
}

TEST(a_command_line_is_one_that_a_shell_takes_back)
{
	struct build b = {0};
	struct err err;
	static const char args[] = "./a b\0--x=1\0it's\0\0$(rm)";

	build_start(&b);
	build_varint(&b.info, FMT_INFO_CMDLINE);
	build_string(&b.info, args, sizeof(args));
	build_end(&b);
	struct snapshot *s = load(&b, &err);
	OK(s != NULL);
	if (s)
		STREQ(INFO_S(&s->info, CMDLINE), "'./a b' --x=1 'it'\\''s' '' '$(rm)'");
	snapshot_free(s);
	build_free(&b);
}

int main(int argc, char **argv)
{
	return check_main(argc, argv);
}
