/*
 * profile_test.c - rows: what is summed, what is matched with what, in which order. Churn is
 * churn_test.c's.
 */
#include "check.h"

#include "analyzer/profile.h"
#include "build_snap.h"
#include "fake_names.h"

static struct snapshot *load(struct build *b)
{
	struct snapshot *s;
	struct err err;

	build_end(b);
	if (load_snapshot_mem(b->out.data, b->out.len, "x.snap", &s, &err)) {
		FAIL("%s", err.text);
		exit(1);
	}
	build_free(b);
	return s;
}

static void start(struct build *b, unsigned pid, unsigned sequence, uint64_t seconds)
{
	*b = (struct build){0};
	build_start(b);
	build_info_u(b, FMT_INFO_PID, pid);
	build_info_u(b, FMT_INFO_SEQUENCE, sequence);
	build_info_u(b, FMT_INFO_START_TIME, 1000);
	build_info_u(b, FMT_INFO_UPTIME, seconds * 1000000000);
	build_info_s(b, FMT_INFO_BOOT_ID, "boot");
}

static struct profile *diff(struct snapshot *a, struct snapshot *b, const struct profile_options *o)
{
	struct profile_options by_space = {.sort = ALLOC_SPACE};
	struct profile *p = NULL;
	struct err err;

	if (profile_diff(a, b, o ? o : &by_space, &p, &err)) {
		FAIL("%s", err.text);
		exit(1);
	}
	return p;
}

static struct profile *top(struct snapshot *s, const struct profile_options *o)
{
	struct profile *p = NULL;
	struct err err;

	if (profile_top(s, o, &p, &err)) {
		FAIL("%s", err.text);
		exit(1);
	}
	return p;
}

static const char *site(const struct profile *p, size_t i)
{
	const struct row *r = profile_row(p, i);

	return r->n_frames && r->frame[r->site_frame]->n_lines
	               ? r->frame[r->site_frame]->line[r->site_line].function
	               : "";
}

static const struct fake_name names[] = {
        {0x10, "main", "main.c", 1, NULL},
        {0x20, "handle", "main.c", 20, NULL},
        {0x30, "store", "store.c", 30, NULL},
        {0x31, "store", "store.c", 31, NULL},
        {0x40, "xmalloc", "mem.c", 4, NULL},
        {0x50, "inner", "store.c", 50, NULL},
        {0x50, "outer", "store.c", 51, NULL},
        {0x51, "inner", "store.c", 50, NULL},
        {0x52, "outer", "store.c", 52, NULL},
        {0x60, "store", "store.c", 33, "store.part.0"},
        {0},
};

TEST(threads_of_one_stack_are_one_row)
{
	struct build b;
	start(&b, 1, 1, 1);
	unsigned exe = build_module(&b, "/bin/server", "id", 0), n = build_node(&b, 0, exe, 0x10);
	unsigned t1 = build_thread(&b, 1, 1, "a"), t2 = build_thread(&b, 2, 1, "b");
	build_site(&b, &(struct build_site){.node = n,
	                                    .thread = t1,
	                                    .allocs = 3,
	                                    .bytes = 30,
	                                    .size_min = 10,
	                                    .size_max = 10,
	                                    .ages = {{1, 1, 10}, {4, 2, 20}}});
	build_site(&b, &(struct build_site){.node = n,
	                                    .thread = t2,
	                                    .allocs = 1,
	                                    .bytes = 5,
	                                    .frees = 2,
	                                    .bytes_freed = 20,
	                                    .size_min = 5,
	                                    .size_max = 5,
	                                    .ages = {{0, 1, 5}, {4, 1, 5}}});
	struct snapshot *s = load(&b);
	struct profile *p = top(s, &(struct profile_options){.sort = ALLOC_SPACE});
	EQ(p->n_rows, 1);
	EQ(p->row[0].value[ALLOC_SPACE], 35);
	EQ(p->row[0].value[INUSE_OBJECTS], 2);
	EQ(p->row[0].size_min, 5);
	EQ(p->row[0].size_max, 10);
	EQ(p->row[0].ages.n, 3);
	EQ(p->row[0].ages.at[2].blocks, 3);
	EQ(p->row[0].ages.at[0].bucket, 0);
	profile_free(p);
	snapshot_free(s);
}

/* Node numbers, module numbers and load addresses differ from run to run. */
TEST(two_runs_match_by_build_id_and_offset)
{
	struct build b;
	start(&b, 1, 1, 1);
	unsigned exe = build_module(&b, "/bin/server", "id", 0);
	unsigned n = build_node(&b, build_node(&b, 0, exe, 0x10), exe, 0x30);
	build_site(&b, &(struct build_site){.node = n, .allocs = 10, .bytes = 100});
	struct snapshot *sa = load(&b);
	start(&b, 2, 1, 1);
	build_module(&b, "/lib/other.so", "lib", 0);
	exe = build_module(&b, "/elsewhere/server", "id", 0);
	build_node(&b, 0, 1, 0x99);
	n = build_node(&b, build_node(&b, 0, exe, 0x10), exe, 0x30);
	build_site(&b, &(struct build_site){.node = n, .allocs = 25, .bytes = 250});
	struct snapshot *sb = load(&b);
	struct profile *p = diff(sa, sb, NULL);
	OK(!p->same_run);
	EQ(p->n_rows, 1);
	EQ(p->row[0].value[ALLOC_OBJECTS], 15);
	EQ(p->row[0].base[ALLOC_SPACE], 100);
	EQ(p->n_unmatched, 0);
	profile_free(p);
	snapshot_free(sa);
	snapshot_free(sb);
}

/* The new build has its code elsewhere, inlines other functions, and a clone of one. */
TEST(two_builds_match_by_function_names_whatever_was_inlined)
{
	struct build b;
	start(&b, 1, 1, 1);
	unsigned exe = build_module(&b, "/bin/server", "old", 0);
	unsigned outer = build_node(&b, 0, exe, 0x10);
	build_site(&b, &(struct build_site){
	                       .node = build_node(&b, outer, exe, 0x50), .allocs = 1, .bytes = 10});
	build_site(&b, &(struct build_site){
	                       .node = build_node(&b, outer, exe, 0x30), .allocs = 1, .bytes = 5});
	build_site(&b, &(struct build_site){
	                       .node = build_node(&b, outer, exe, 0x31), .allocs = 1, .bytes = 6});
	struct snapshot *sa = load(&b);
	fake_names(sa, names);
	start(&b, 2, 1, 1);
	exe = build_module(&b, "/bin/server", "new", 0);
	outer = build_node(&b, 0, exe, 0x10);
	build_site(&b, &(struct build_site){
	                       .node = build_node(&b, build_node(&b, outer, exe, 0x52), exe, 0x51),
	                       .allocs = 1,
	                       .bytes = 12});
	build_site(&b, &(struct build_site){.node = build_node(&b, outer, exe, 0x60),
	                                    .allocs = 9,
	                                    .bytes = 111});
	struct snapshot *sb = load(&b);
	fake_names(sb, names);
	struct profile *p = diff(sa, sb, NULL);
	EQ(p->n_rows, 2);
	EQ(p->row[0].value[ALLOC_SPACE], 100); /* store: both lines of it */
	STREQ(site(p, 0), "store");
	EQ(p->row[1].value[ALLOC_SPACE], 2);
	STREQ(site(p, 1), "inner");
	EQ(p->n_unmatched, 0);
	profile_free(p);
	snapshot_free(sa);
	snapshot_free(sb);
}

TEST(a_librarys_version_in_its_name_does_not_part_it)
{
	struct build b;
	struct snapshot *s[2];
	for (int i = 0; i < 2; i++) {
		start(&b, 1 + i, 1, 1);
		unsigned lib = build_module(&b, i ? "/lib/libx.so.1.2.4" : "/lib/libx.so.1.2.3",
		                            i ? "b" : "a", 0);
		build_site(&b, &(struct build_site){.node = build_node(&b, 0, lib, 0x30 + i),
		                                    .allocs = 1 + i,
		                                    .bytes = 8});
		s[i] = load(&b);
		fake_names(s[i], names);
	}
	struct profile *p = diff(s[0], s[1], NULL);
	EQ(p->n_rows, 1);
	EQ(p->row[0].value[ALLOC_OBJECTS], 1);
	profile_free(p);
	snapshot_free(s[0]);
	snapshot_free(s[1]);
}

TEST(nameless_frames_of_two_builds_stay_apart_and_are_told)
{
	struct build b;
	struct snapshot *s[2];
	for (int i = 0; i < 2; i++) {
		start(&b, 1 + i, 1, 1);
		unsigned lib = build_module(&b, "/bin/stripped", i ? "b" : "a", 0);
		unsigned n = build_node(&b, build_node(&b, 0, lib, 0x10), lib, 0x77);
		build_site(&b, &(struct build_site){.node = n, .allocs = 1, .bytes = 8});
		s[i] = load(&b);
		fake_names(s[i], names);
	}
	struct profile *p = diff(s[0], s[1], NULL);
	EQ(p->n_rows, 2);
	EQ(p->n_unmatched, 2);
	EQ(p->unmatched, 8);
	EQ(p->row[0].value[ALLOC_SPACE], 8);
	EQ(p->row[1].value[ALLOC_SPACE], -8);
	OK(p->row[1].snapshot == s[0]);
	profile_free(p);
	snapshot_free(s[0]);
	snapshot_free(s[1]);
}

TEST(modules_without_build_id_match_by_address_within_one_run_only)
{
	for (int other_run = 0; other_run < 2; other_run++) {
		struct build b;
		struct snapshot *s[2];
		for (int i = 0; i < 2; i++) {
			start(&b, 1 + (other_run ? i : 0), 1 + i, 1 + i);
			unsigned lib = build_module(&b, "/bin/stripped", "", 0);
			build_site(&b, &(struct build_site){.node = build_node(&b, 0, lib, 0x77),
			                                    .allocs = 1 + i,
			                                    .bytes = 8});
			/* code without a module: JIT */
			build_site(&b, &(struct build_site){.node = build_node(&b, 0, 0, 0x7000),
			                                    .allocs = 1 + i,
			                                    .bytes = 8});
			s[i] = load(&b);
		}
		struct profile *p = diff(s[0], s[1], NULL);
		EQ(p->same_run, !other_run);
		EQ(p->n_rows, other_run ? 4 : 2);
		EQ(p->n_unmatched, other_run ? 4 : 0);
		profile_free(p);
		snapshot_free(s[0]);
		snapshot_free(s[1]);
	}
}

TEST(heap_and_mmap_of_one_stack_are_two_rows)
{
	struct build b;
	start(&b, 1, 1, 1);
	unsigned exe = build_module(&b, "/bin/server", "id", 0), n = build_node(&b, 0, exe, 0x10);
	build_site(&b, &(struct build_site){.node = n, .allocs = 1, .bytes = 10});
	build_site(&b, &(struct build_site){
	                       .node = n, .kind = FMT_KIND_MMAP, .allocs = 1, .bytes = 4096});
	struct snapshot *s = load(&b);
	struct profile *p = top(s, &(struct profile_options){.sort = ALLOC_SPACE});
	EQ(p->n_rows, 2);
	EQ(p->row[0].kind, FMT_KIND_MMAP);
	EQ(p->total[FMT_KIND_HEAP][ALLOC_SPACE], 10);
	EQ(p->total[FMT_KIND_MMAP][ALLOC_SPACE], 4096);
	profile_free(p);
	snapshot_free(s);
}

static struct snapshot *three_sites(void)
{
	struct build b;
	start(&b, 1, 1, 1);
	unsigned exe = build_module(&b, "/bin/server", "id", 0),
	         lib = build_module(&b, "/lib/libz.so.1", "z", 0);
	unsigned m = build_node(&b, 0, exe, 0x10), h = build_node(&b, m, exe, 0x20);
	build_site(&b, &(struct build_site){
	                       .node = build_node(&b, build_node(&b, h, exe, 0x30), exe, 0x40),
	                       .allocs = 1,
	                       .bytes = 300});
	build_site(&b, &(struct build_site){
	                       .node = build_node(&b, h, lib, 0x77), .allocs = 5, .bytes = 200});
	build_site(&b, &(struct build_site){
	                       .node = build_node(&b, m, exe, 0x40), .allocs = 9, .bytes = 100});
	struct snapshot *s = load(&b);
	fake_names(s, names);
	return s;
}

TEST(each_column_ranks)
{
	struct snapshot *s = three_sites();
	struct profile *p = top(s, &(struct profile_options){.sort = ALLOC_SPACE});
	STREQ(site(p, 0), "store");
	EQ(p->row[2].value[ALLOC_SPACE], 100);
	profile_free(p);
	p = top(s, &(struct profile_options){.sort = ALLOC_OBJECTS});
	STREQ(site(p, 0), "main");
	EQ(p->row[2].value[ALLOC_OBJECTS], 1);
	profile_free(p);
	snapshot_free(s);
}

TEST(raw_folds_nothing)
{
	struct snapshot *s = three_sites();
	struct profile *p = top(s, &(struct profile_options){.sort = ALLOC_SPACE, .raw = true});
	STREQ(site(p, 0), "xmalloc");
	profile_free(p);
	snapshot_free(s);
}

TEST(focus_and_ignore_look_at_whole_stacks_and_leave_totals_alone)
{
	struct snapshot *s = three_sites();
	struct profile *p =
	        top(s, &(struct profile_options){.focus = "^handle$", .ignore = "libz"});
	EQ(p->n_rows, 1);
	STREQ(site(p, 0), "store");
	EQ(p->total[FMT_KIND_HEAP][ALLOC_SPACE], 600);
	profile_free(p);
	p = top(s, &(struct profile_options){.focus = "store\\.c|libz"});
	EQ(p->n_rows, 2);
	profile_free(p);
	p = top(s, &(struct profile_options){.ignore = "main"});
	EQ(p->n_rows, 0);
	profile_free(p);
	struct err err;
	EQ(profile_top(s, &(struct profile_options){.focus = "("}, &p, &err), -1);
	OK(strstr(err.text, "\"(\" is no regular expression") != NULL);
	snapshot_free(s);
}

TEST(what_is_gone_in_b_has_as_much_less)
{
	struct build b;
	start(&b, 1, 1, 1);
	unsigned exe = build_module(&b, "/bin/server", "id", 0);
	build_site(&b, &(struct build_site){
	                       .node = build_node(&b, 0, exe, 0x10), .allocs = 4, .bytes = 40});
	struct snapshot *sa = load(&b);
	start(&b, 1, 2, 2);
	exe = build_module(&b, "/bin/server", "id", 0);
	build_site(&b, &(struct build_site){.node = build_node(&b, 0, exe, 0x10),
	                                    .allocs = 4,
	                                    .bytes = 40,
	                                    .frees = 4,
	                                    .bytes_freed = 40});
	struct snapshot *sb = load(&b);
	struct profile *p = diff(sa, sb, NULL);
	EQ(p->n_rows, 1);
	EQ(p->row[0].value[ALLOC_SPACE], 0);
	EQ(p->row[0].value[INUSE_SPACE], -40);
	EQ(p->row[0].bytes_freed, 40);
	OK(!p->row[0].churn);
	profile_free(p);
	/* The wrong way round: not since A, and no crash. */
	p = diff(sb, sa, NULL);
	OK(!p->same_run);
	EQ(p->row[0].value[INUSE_SPACE], 40);
	profile_free(p);
	snapshot_free(sa);
	snapshot_free(sb);
}

TEST(a_stack_that_nobody_knows_is_a_row)
{
	struct build b;
	start(&b, 1, 1, 1);
	build_site(&b, &(struct build_site){.node = 0, .allocs = 4, .bytes = 40});
	struct snapshot *s = load(&b);
	struct profile *p = top(s, &(struct profile_options){.sort = ALLOC_SPACE});
	EQ(p->n_rows, 1);
	EQ(profile_row(p, 0)->n_frames, 0);
	profile_free(p);
	snapshot_free(s);
}

int main(int argc, char **argv)
{
	return check_main(argc, argv);
}
