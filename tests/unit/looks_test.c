/*
 * looks_test.c - stacks seen in other ways: frames hidden and cut, sums by function and thread, who
 * calls whom, source lines; and hints, which must stay away where they do not apply.
 */
#include "check.h"

#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>

#include "analyzer/dpkg.h"
#include "analyzer/hints.h"
#include "analyzer/listing.h"
#include "build_snap.h"
#include "fake_names.h"

/* main -> loop -> {serve -> (store inlined:) put -> alloc, put -> put -> alloc, alloc} */
static const struct fake_name names[] = {
        {0x10, "main", "/src/main.c", 5, NULL},
        {0x20, "loop", "/src/main.c", 20, NULL},
        {0x30, "inner", "/src/store.h", 3, NULL},
        {0x30, "store", "/src/store.h", 9, NULL},
        {0x30, "serve", "/src/serve.c", 30, NULL},
        {0x40, "put", "/src/put.c", 40, NULL},
        {0x50, "alloc", "/src/alloc.c", 50, NULL},
        {0x60, "put", "/src/other/put.h", 60, NULL},
        {0},
};

struct case_data {
	struct build b;
	struct snapshot *s;
	struct profile *p;
};

static void add(struct build *b, unsigned node, unsigned thread, unsigned bytes)
{
	build_site(b, &(struct build_site){.node = node,
	                                   .thread = thread,
	                                   .allocs = 1,
	                                   .bytes = bytes,
	                                   .size_min = bytes,
	                                   .size_max = bytes,
	                                   .ages = {{1, 1, bytes}}});
}

static struct case_data open_case(struct profile_options o)
{
	struct case_data c = {0};
	struct err err;

	build_start(&c.b);
	build_info_u(&c.b, FMT_INFO_PID, 7);
	unsigned exe = build_module(&c.b, "/opt/shop", "beef", FMT_MODULE_MAIN),
	         lib = build_module(&c.b, "/opt/libbare.so.1", "bare", 0);
	unsigned t1 = build_thread(&c.b, 7, 1, "shop"), t2 = build_thread(&c.b, 8, 1, "clerk");
	unsigned loop = build_node(&c.b, build_node(&c.b, 0, exe, 0x10), exe, 0x20);
	unsigned serve = build_node(&c.b, loop, exe, 0x30),
	         put = build_node(&c.b, serve, exe, 0x40);
	add(&c.b, serve, t1, 1000);                           /* at inner, inlined */
	add(&c.b, build_node(&c.b, put, exe, 0x50), t1, 200); /* put -> alloc */
	add(&c.b, build_node(&c.b, build_node(&c.b, put, exe, 0x40), exe, 0x50), t2,
	    30);                                             /* twice */
	add(&c.b, build_node(&c.b, loop, lib, 0x99), t2, 4); /* nameless */
	add(&c.b, build_node(&c.b, loop, exe, 0x60), t2, 7); /* another put */
	add(&c.b, 0, t1, 1);                                 /* no stack */
	build_end(&c.b);
	EQ(load_snapshot_mem(c.b.out.data, c.b.out.len, "case", &c.s, &err), 0);
	fake_names(c.s, names);
	o.sort = INUSE_SPACE;
	o.samples = true;
	if (profile_top(c.s, &o, &c.p, &err)) {
		FAIL("%s", err.text);
		exit(1);
	}
	return c;
}

static void close_case(struct case_data *c)
{
	profile_free(c->p);
	snapshot_free(c->s);
	build_free(&c->b);
}

/* "200: alloc<put<inner,store,serve<loop<main", a row a line. */
static char *rows(const struct profile *p)
{
	struct str s = {0};

	str_add(&s, "");
	for (size_t i = 0; i < p->n_rows; i++) {
		const struct row *r = profile_row(p, i);
		str_addf(&s, "%lld:", (long long)r->value[INUSE_SPACE]);
		for (uint32_t f = 0; f < r->n_frames; f++) {
			const struct location *loc = r->frame[f];
			str_add(&s, f ? "<" : " ");
			for (uint32_t k = 0; k < loc->n_lines; k++)
				str_addf(&s, "%s%s", k ? "," : "", loc->line[k].function);
			if (!loc->n_lines)
				str_add(&s, "?");
		}
		str_add(&s, "\n");
	}
	return s.data;
}

#define ROWS_ARE(options, want)                                                  \
	do {                                                                     \
		struct case_data c = open_case((struct profile_options)options); \
		char *got = rows(c.p);                                           \
		STREQ(got, want);                                                \
		free(got);                                                       \
		close_case(&c);                                                  \
	} while (0)
#define O(...)              \
	{                   \
		__VA_ARGS__ \
	}

TEST(nothing_is_hidden_unasked)
{
	ROWS_ARE(O(.hide = NULL), "1000: inner,store,serve<loop<main\n"
	                          "200: alloc<put<inner,store,serve<loop<main\n"
	                          "30: alloc<put<put<inner,store,serve<loop<main\n"
	                          "7: put<loop<main\n"
	                          "4: ?<loop<main\n"
	                          "1:\n");
}

TEST(hidden_frames_let_equal_stacks_become_one)
{
	ROWS_ARE(O(.hide = "^put$"), "1000: inner,store,serve<loop<main\n"
	                             "230: alloc<inner,store,serve<loop<main\n"
	                             "7: loop<main\n"
	                             "4: ?<loop<main\n"
	                             "1:\n");
}

TEST(of_an_inline_chain_only_what_matches_is_hidden)
{
	ROWS_ARE(O(.hide = "store\\.h"), "1000: serve<loop<main\n"
	                                 "200: alloc<put<serve<loop<main\n"
	                                 "30: alloc<put<put<serve<loop<main\n"
	                                 "7: put<loop<main\n"
	                                 "4: ?<loop<main\n"
	                                 "1:\n");
}

TEST(a_hidden_module_takes_its_nameless_frames_along)
{
	ROWS_ARE(O(.hide = "libbare"), "1000: inner,store,serve<loop<main\n"
	                               "200: alloc<put<inner,store,serve<loop<main\n"
	                               "30: alloc<put<put<inner,store,serve<loop<main\n"
	                               "7: put<loop<main\n"
	                               "4: loop<main\n"
	                               "1:\n");
}

TEST(a_stack_of_which_nothing_stays_is_no_row_and_stays_in_the_totals)
{
	struct case_data c = open_case((struct profile_options){.hide = "shop"});
	char *got = rows(c.p);

	STREQ(got, "4: ?\n1:\n");
	EQ(c.p->total[FMT_KIND_HEAP][INUSE_SPACE], 1242);
	free(got);
	close_case(&c);
}

TEST(show_from_cuts_at_the_outermost_match)
{
	ROWS_ARE(O(.show_from = "^put$"), "200: alloc<put\n30: alloc<put<put\n7: put\n");
}

TEST(show_from_cuts_inside_of_an_inline_chain)
{
	ROWS_ARE(O(.show_from = "^store$"), "1000: inner,store\n"
	                                    "200: alloc<put<inner,store\n"
	                                    "30: alloc<put<put<inner,store\n");
}

TEST(show_from_by_module_keeps_whole_frames)
{
	ROWS_ARE(O(.show_from = "libbare"), "4: ?\n");
}

TEST(what_is_hidden_is_no_match_for_show_from)
{
	ROWS_ARE(O(.hide = "^serve$", .show_from = "^serve$"), "");
}

TEST(focus_sees_what_is_hidden)
{
	ROWS_ARE(O(.focus = "^alloc$", .hide = "^alloc$"),
	         "200: put<inner,store,serve<loop<main\n"
	         "30: put<put<inner,store,serve<loop<main\n");
}

/* ---- sums ---- */

static const struct sum *sum_of(const struct sums *s, const char *function, const char *file)
{
	for (uint32_t i = 0; i < s->n; i++)
		if (s->at[i].function && !strcmp(s->at[i].function, function) &&
		    (!file || strstr(s->at[i].file, file)))
			return &s->at[i];
	FAIL("no %s", function);
	exit(1);
}

static struct sums *sums(const struct case_data *c, enum sum_by by)
{
	return sums_make(c->p, &(struct sum_options){
	                               .by = by, .sort = INUSE_SPACE, .edges = by != SUM_THREAD});
}

TEST(a_stack_counts_once_for_a_function_that_recurs)
{
	struct case_data c = open_case((struct profile_options){0});
	struct sums *s = sums(&c, SUM_FUNCTION);

	EQ(sum_of(s, "put", "put.c")->cum[INUSE_SPACE], 230);
	EQ(sum_of(s, "put", "put.c")->flat[INUSE_SPACE], 0);
	EQ(sum_of(s, "put", "put.c")->n_stacks, 2);
	EQ(sum_of(s, "alloc", NULL)->flat[INUSE_SPACE], 230);
	EQ(sum_of(s, "main", NULL)->cum[INUSE_SPACE], 1241);
	sums_free(s);
	close_case(&c);
}

TEST(functions_of_one_name_in_two_files_are_two)
{
	struct case_data c = open_case((struct profile_options){0});
	struct sums *s = sums(&c, SUM_FUNCTION);

	EQ(sum_of(s, "put", "put.h")->flat[INUSE_SPACE], 7);
	EQ(sum_of(s, "put", "put.h")->cum[INUSE_SPACE], 7);
	sums_free(s);
	close_case(&c);
}

TEST(flat_sums_to_the_total_whatever_the_sum_is_by)
{
	for (int by = SUM_FUNCTION; by < N_SUM_BY; by++) {
		struct case_data c = open_case((struct profile_options){0});
		struct sums *s = sums(&c, (enum sum_by)by);
		int64_t flat = 0;

		for (uint32_t i = 0; i < s->n; i++) {
			flat += s->at[i].flat[INUSE_SPACE];
			OK(s->at[i].cum[INUSE_SPACE] >= s->at[i].flat[INUSE_SPACE]);
			OK(!i || s->at[i].flat[INUSE_SPACE] <= s->at[i - 1].flat[INUSE_SPACE]);
		}
		EQ(flat, 1242);
		EQ(s->total[INUSE_SPACE], 1242);
		sums_free(s);
		close_case(&c);
	}
}

TEST(threads_have_what_they_made)
{
	struct case_data c = open_case((struct profile_options){.ignore = "libbare"});
	struct sums *s = sums(&c, SUM_THREAD);

	EQ(s->n, 2);
	STREQ(s->at[0].thread->name, "shop");
	EQ(s->at[0].flat[INUSE_SPACE], 1201);
	EQ(s->at[1].flat[INUSE_SPACE], 37);
	sums_free(s);
	close_case(&c);
}

TEST(an_edge_counts_a_stack_once)
{
	struct case_data c = open_case((struct profile_options){0});
	struct sums *s = sums(&c, SUM_FUNCTION);
	int found = 0;

	for (uint32_t i = 0; i < s->n_edges; i++) {
		const struct sum *from = &s->at[s->edge[i].caller], *to = &s->at[s->edge[i].callee];
		if (!from->function || !to->function)
			continue;
		if (!strcmp(from->function, "put") && !strcmp(to->function, "alloc"))
			found += s->edge[i].value[INUSE_SPACE] == 230;
		if (!strcmp(from->function, "put") && !strcmp(to->function, "put"))
			found += s->edge[i].value[INUSE_SPACE] == 30;
		if (!strcmp(from->function, "store") && !strcmp(to->function, "inner"))
			found += s->edge[i].value[INUSE_SPACE] == 1230;
	}
	EQ(found, 3);
	sums_free(s);
	close_case(&c);
}

/* ---- source lines ---- */

TEST(inlined_calls_stand_below_the_line_that_holds_them)
{
	struct case_data c = open_case((struct profile_options){0});
	struct sums *s = sums(&c, SUM_FUNCTION);
	struct err err;

	EQ(sums_pick(s, "^serve$", &err), 1);
	struct listings *l = listings_make(s, &(struct listing_options){.sort = INUSE_SPACE});
	EQ(l->n, 1);
	EQ(l->at[0].n_lines, 1);
	const struct listed_line *line = &l->at[0].line[0];
	EQ(line->number, 30);
	EQ(line->flat[INUSE_SPACE], 0);
	EQ(line->cum[INUSE_SPACE], 1230);
	EQ(line->n_inlined, 2);
	const struct inlined *outer = &l->at[0].inlined[line->inlined[0]],
	                     *inner = &l->at[0].inlined[line->inlined[1]];
	STREQ(outer->function, "store");
	EQ(outer->depth, 0);
	EQ(outer->cum[INUSE_SPACE], 1230);
	STREQ(inner->function, "inner");
	EQ(inner->depth, 1);
	EQ(inner->flat[INUSE_SPACE], 1000);
	listings_free(l);
	sums_free(s);
	close_case(&c);
}

TEST(a_line_that_recurs_counts_a_stack_once)
{
	struct case_data c = open_case((struct profile_options){0});
	struct sums *s = sums(&c, SUM_FUNCTION);
	struct err err;

	EQ(sums_pick(s, "^put$", &err), 2);
	struct listings *l =
	        listings_make(s, &(struct listing_options){.sort = INUSE_SPACE, .n = 1});
	EQ(l->n, 1);
	EQ(l->n_more, 1);
	for (uint32_t i = 0; i < l->n; i++)
		if (strstr(l->at[i].sum->file, "put.c"))
			EQ(l->at[i].line[0].cum[INUSE_SPACE], 230);
	listings_free(l);
	sums_free(s);
	close_case(&c);
}

static char *temp_folder(void)
{
	static char path[] = "/tmp/outlive-looks.XXXXXX";

	OK(mkdtemp(path) != NULL);
	return path;
}

static int drop_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

static void drop(const char *folder)
{
	nftw(folder, drop_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void put_file(const char *folder, const char *name, const char *text)
{
	char *path = xasprintf("%s/%s", folder, name);
	FILE *f = fopen(path, "w");

	OK(f && fputs(text, f) >= 0 && !fclose(f));
	free(path);
}

TEST(source_is_found_by_the_longest_end_of_its_path)
{
	char *folder = temp_folder(), *sub = xasprintf("%s/src", folder);
	struct source s;

	mkdir(sub, 0700);
	put_file(folder, "a.c", "wrong\n");
	put_file(sub, "a.c", "one\r\n\ntwo \xe9");
	char *folders = xasprintf("/nowhere::%s//", folder);
	OK(source_open(&s, "/build/pkg/src/a.c", folders));
	EQ(s.n_lines, 3);
	STREQ(s.line[0], "one");
	STREQ(s.line[1], "");
	STREQ(s.line[2], "two \xe9");
	source_close(&s);
	OK(source_open(&s, "b/a.c", folders));
	STREQ(s.line[0], "wrong");
	source_close(&s);
	OK(!source_open(&s, "/build/none.c", folders));
	EQ(s.n_lines, 0);
	source_close(&s);
	OK(!source_open(&s, NULL, folders));
	drop(folder);
}

TEST(what_is_no_regular_file_is_no_source)
{
	char *folder = temp_folder(), *fifo = xasprintf("%s/fifo.c", folder);
	struct source s;

	EQ(mkfifo(fifo, 0600), 0);
	OK(!source_open(&s, fifo, NULL));
	OK(!source_open(&s, "/dev/zero", NULL));
	OK(!source_open(&s, folder, NULL));
	OK(!source_open(&s, "relative.c", NULL));
	drop(folder);
}

/* ---- hints ---- */

TEST(the_package_of_a_file_on_either_side_of_the_usr_merge)
{
	char *folder = temp_folder();

	put_file(folder, "libfoo1:amd64.list", "/.\n/usr\n/usr/lib/libfoo.so.1.2\n");
	put_file(folder, "libold.list", "/lib/libold.so.1.0\n/lib/libold.so.1");
	put_file(folder, "libfoo1:amd64.md5sums", "/usr/lib/libbar.so\n");
	char *foo = dpkg_owner(folder, "/usr/lib/libfoo.so.1.2"),
	     *merged = dpkg_owner(folder, "/usr/lib/libold.so.1"),
	     *split = dpkg_owner(folder, "/lib/libfoo.so.1.2");
	STREQ(foo, "libfoo1");
	STREQ(merged, "libold");
	STREQ(split, "libfoo1");
	OK(!dpkg_owner(folder, "/usr/lib/libfoo.so.1"));
	OK(!dpkg_owner(folder, "/usr/lib/libbar.so"));
	OK(!dpkg_owner(folder, "libfoo.so.1.2"));
	OK(!dpkg_owner("/nowhere", "/usr/lib/libfoo.so.1.2"));
	drop(folder);
}

TEST(packages_with_names_are_not_all_called_dbgsym)
{
	static const char *const want[][2] = {{"libfoo1", "libfoo1-dbgsym"},
	                                      {"libc6", "libc6-dbg"},
	                                      {"python3.11-minimal", "python3.11-dbg"},
	                                      {"libpython3.12", "python3.12-dbg"},
	                                      {"libpython3.11-stdlib", "python3.11-dbg"},
	                                      {"python3-numpy", "python3-numpy-dbgsym"}};

	for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
		char *got = dpkg_debug_package(want[i][0]);
		STREQ(got, want[i][1]);
		free(got);
	}
}

/* What a process with this module, these figures and an arena of its own is told. */
static unsigned hints_of(const char *module, uint64_t rss, unsigned heap, unsigned arena,
                         struct hints *h)
{
	struct build b = {0};
	struct snapshot *s;
	struct profile *p;
	struct err err;

	build_start(&b);
	unsigned exe = build_module(&b, module, "beef", FMT_MODULE_MAIN);
	unsigned node = build_node(&b, 0, exe, 0x10);
	add(&b, node, 0, heap);
	if (arena)
		build_site(&b, &(struct build_site){.node = node,
		                                    .kind = FMT_KIND_MMAP,
		                                    .allocs = 1,
		                                    .bytes = arena,
		                                    .size_min = arena,
		                                    .size_max = arena});
	build_audit(&b, FMT_AUDIT_RSS, rss);
	build_audit(&b, FMT_AUDIT_LIVE_BYTES, heap);
	build_end(&b);
	EQ(load_snapshot_mem(b.out.data, b.out.len, "hints", &s, &err), 0);
	EQ(profile_top(s, &(struct profile_options){.sort = INUSE_SPACE}, &p, &err), 0);
	hints_find(p, &(struct hint_options){.sort = INUSE_SPACE}, h);
	profile_free(p);
	snapshot_free(s);
	build_free(&b);
	return h->n;
}

TEST(hints_come_only_where_they_apply)
{
	struct hints h;

	EQ(hints_of("/usr/bin/python3.11", 50 << 20, 1 << 20, 8 << 20, &h), 1);
	OK(h.n && strstr(h.text[0], "PYTHONMALLOC=malloc"));
	hints_free(&h);
	EQ(hints_of("/usr/bin/python3.11", 50 << 20, 9 << 20, 8 << 20, &h), 0);
	EQ(hints_of("/usr/bin/python3.11", 900 << 20, 9 << 20, 1, &h), 0);
	EQ(hints_of("/usr/bin/python3.11", 900 << 20, 9 << 20, 0, &h), 1);
	hints_free(&h);
	EQ(hints_of("/opt/server", 900 << 20, 1 << 20, 8 << 20, &h), 0);
	EQ(hints_of("/usr/bin/node", 900 << 20, 1 << 20, 0, &h), 1);
	OK(h.n && strstr(h.text[0], "V8"));
	hints_free(&h);
	EQ(hints_of("/usr/bin/node", 900 << 20, 800 << 20, 0, &h), 0);
	EQ(hints_of("/usr/lib/jvm/lib/libjvm.so", 900 << 20, 1 << 20, 0, &h), 1);
	OK(h.n && strstr(h.text[0], "jcmd"));
	hints_free(&h);
	/* Too little to be worth a word. */
	EQ(hints_of("/usr/bin/node", 20 << 20, 1 << 20, 0, &h), 0);
}

int main(int argc, char **argv)
{
	return check_main(argc, argv);
}
