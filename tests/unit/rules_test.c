/*
 * rules_test.c - patterns as LeakSanitizer has them, where in a stack they are looked for, and
 * files of them.
 */
#include "check.h"

#include "analyzer/rules.h"
#include "build_snap.h"
#include "fake_names.h"

TEST(a_pattern_is_found_anywhere_unless_it_is_anchored)
{
	OK(rule_matches_text("leak", "my_leak_here"));
	OK(rule_matches_text("^my", "my_leak"));
	OK(!rule_matches_text("^leak", "my_leak"));
	OK(rule_matches_text("leak$", "my_leak"));
	OK(!rule_matches_text("my$", "my_leak"));
	OK(rule_matches_text("^main$", "main"));
	OK(!rule_matches_text("^main$", "main2"));
	/* The first place where it could end is not the only one. */
	OK(rule_matches_text("foo$", "foofoo"));
}

TEST(a_star_is_any_text)
{
	OK(rule_matches_text("a*c", "xxabbbcxx"));
	OK(rule_matches_text("^a*c$", "ac"));
	OK(!rule_matches_text("^a*c$", "acd"));
	OK(rule_matches_text("*", "x"));
	OK(rule_matches_text("a**b*", "ab"));
	OK(!rule_matches_text("a*b*c", "acb"));
}

TEST(nothing_matches_what_is_not_there)
{
	OK(!rule_matches_text("*", ""));
	OK(!rule_matches_text("*", NULL));
	OK(!rule_matches_text("", "main"));
	OK(!rule_matches_text("^", "main"));
	OK(!rule_matches_text("$", "main"));
	OK(!rule_matches_text("^$", "main"));
}

/* Backtracking over many stars would take for ever. */
TEST(a_hostile_pattern_takes_no_time)
{
	char text[4000];

	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = 0;
	OK(!rule_matches_text("a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b", text));
}

static const struct fake_name names[] = {
        {0x10, "main", "/src/main.c", 1, NULL},
        {0x20, "pool_start", "/src/pool.c", 20, NULL},
        {0x30, "setlocale", NULL, 0, NULL},
        {0x40, "spawn", "/src/spawn.h", 4, NULL},
        {0x40, "outer", "/src/pool.c", 44, "_Z5outerv"},
        {0x50, "worker", "/src/worker.c", 5, NULL},
        {0},
};

struct world {
	struct snapshot *s;
	struct rules rules;
	struct rule_work *work;
};

/* Three sites: main > pool_start > (gomp); main > setlocale > (strdup); libstdc++ < ld.so. */
static struct world world(const struct rule *rule, size_t n)
{
	struct world w = {0};
	struct build b = {0};
	struct err err;

	build_start(&b);
	unsigned exe = build_module(&b, "/bin/server", "aa", FMT_MODULE_MAIN);
	unsigned gomp = build_module(&b, "/usr/lib/libgomp.so.1", "bb", 0);
	unsigned cxx = build_module(&b, "/usr/lib/libstdc++.so.6", "cc", 0);
	unsigned ld = build_module(&b, "/lib/ld-linux-x86-64.so.2", "dd", 0);
	unsigned libc = build_module(&b, "/lib/libc.so.6", "ee", 0);
	unsigned main = build_node(&b, 0, exe, 0x10);
	unsigned pool = build_node(&b, main, exe, 0x20);
	unsigned team = build_node(&b, pool, gomp, 0x99);
	unsigned user = build_node(&b, team, exe, 0x40);
	unsigned locale = build_node(&b, build_node(&b, main, exe, 0x30), cxx, 0x98);
	unsigned init = build_node(&b, build_node(&b, main, ld, 0x97), cxx, 0x96);
	unsigned via = build_node(&b, team, libc, 0x95);
	unsigned at[] = {team, user, locale, init, via};
	for (int i = 0; i < 5; i++)
		build_site(&b, &(struct build_site){.node = at[i], .allocs = 1, .bytes = 1});
	build_task(&b, &(struct build_task){.node = user, .module = exe, .address = 0x50});
	build_end(&b);
	EQ(load_snapshot_mem(b.out.data, b.out.len, "x", &w.s, &err), 0);
	fake_names(w.s, names);
	w.rules.at = xcalloc(n, sizeof(*rule));
	memcpy(w.rules.at, rule, n * sizeof(*rule));
	w.rules.n = n;
	build_free(&b);
	return w;
}

enum { TEAM = 1, USER, LOCALE, INIT, VIA_LIBC };

static bool excuses(struct rule rule, uint32_t stack)
{
	struct world w = world(&rule, 1);

	w.work = rules_begin(&w.rules, w.s);
	const struct rule *found = rules_find(w.work, rule.kind, stack, LOCATION_NONE, NULL);
	OK(!found || found == w.rules.at);
	/* What is remembered is the same. */
	OK(found == rules_find(w.work, rule.kind, stack, LOCATION_NONE, NULL));
	OK(!rules_find(w.work, rule.kind == RULE_FD ? RULE_TIMER : RULE_FD, stack, LOCATION_NONE,
	               NULL));
	rules_end(w.work);
	rules_free(&w.rules);
	snapshot_free(w.s);
	return found != NULL;
}

TEST(functions_files_and_modules_of_any_frame_are_looked_at)
{
	OK(excuses((struct rule){RULE_HEAP, RULE_ANY, "^setlocale$", "", ""}, LOCALE));
	OK(!excuses((struct rule){RULE_HEAP, RULE_ANY, "^setlocale$", "", ""}, TEAM));
	OK(excuses((struct rule){RULE_HEAP, RULE_ANY, "pool.c", "", ""}, TEAM));
	OK(excuses((struct rule){RULE_HEAP, RULE_ANY, "libgomp", "", ""}, USER));
	OK(excuses((struct rule){RULE_HEAP, RULE_ANY, "^outer$", "", ""}, USER));
	OK(excuses((struct rule){RULE_HEAP, RULE_ANY, "^_Z5outerv$", "", ""}, USER));
}

/* A user's callback that a library calls has the library's frames further out. */
TEST(the_first_frame_alone_tells_a_library_from_its_user)
{
	OK(excuses((struct rule){RULE_THREAD, RULE_FIRST, "/libgomp.so", "", ""}, TEAM));
	OK(!excuses((struct rule){RULE_THREAD, RULE_FIRST, "/libgomp.so", "", ""}, USER));
	/* strdup() and its like want nothing for themselves. */
	OK(excuses((struct rule){RULE_HEAP, RULE_FIRST, "/libgomp.so", "", ""}, VIA_LIBC));
}

TEST(a_chain_needs_all_its_frames_in_order)
{
	OK(excuses((struct rule){RULE_HEAP, RULE_CHAIN, "libstdc++<ld-linux", "", ""}, INIT));
	OK(excuses((struct rule){RULE_HEAP, RULE_CHAIN, "libstdc++<ld-linux<main", "", ""}, INIT));
	OK(!excuses((struct rule){RULE_HEAP, RULE_CHAIN, "libstdc++<ld-linux", "", ""}, LOCALE));
	OK(!excuses((struct rule){RULE_HEAP, RULE_CHAIN, "a<libstdc++", "", ""}, INIT));
	OK(!excuses((struct rule){RULE_HEAP, RULE_CHAIN, "libstdc++<ld-linux<main<x", "", ""},
	            INIT));
}

TEST(the_unknown_stack_is_excused_by_nothing)
{
	OK(!excuses((struct rule){RULE_HEAP, RULE_ANY, "*", "", ""}, 0));
	OK(!excuses((struct rule){RULE_HEAP, RULE_FIRST, "*", "", ""}, 0));
}

TEST(a_start_routine_and_a_name_count_as_well)
{
	struct rule rules[] = {{RULE_THREAD, RULE_ANY, "^worker$", "", ""},
	                       {RULE_FD, RULE_ANY, "/var/log/", "", ""}};
	struct world w = world(rules, 2);

	w.work = rules_begin(&w.rules, w.s);
	OK(!rules_find(w.work, RULE_THREAD, TEAM, LOCATION_NONE, "main"));
	OK(rules_find(w.work, RULE_THREAD, TEAM, LOCATION_NONE, "worker"));
	OK(rules_find(w.work, RULE_THREAD, TEAM, w.s->task[0].start, NULL));
	OK(rules_find(w.work, RULE_FD, 0, LOCATION_NONE, "/var/log/x"));
	OK(!rules_find(w.work, RULE_FD, 0, LOCATION_NONE, "/var/lib/x"));
	rules_end(w.work);
	rules_free(&w.rules);
	snapshot_free(w.s);
}

/* More rules than a word has bits. */
TEST(the_hundredth_rule_is_found_too)
{
	struct rule rules[100];

	for (int i = 0; i < 100; i++)
		rules[i] = (struct rule){RULE_HEAP, RULE_ANY, i == 99 ? "^setlocale$" : "nobody",
		                         "", ""};
	struct world w = world(rules, 100);
	w.work = rules_begin(&w.rules, w.s);
	OK(rules_find(w.work, RULE_HEAP, LOCALE, LOCATION_NONE, NULL) == &w.rules.at[99]);
	rules_end(w.work);
	rules_free(&w.rules);
	snapshot_free(w.s);
}

static int read_file(const char *text, struct rules *r, struct err *err)
{
	char path[] = "/tmp/outlive-rules.XXXXXX";
	int fd = mkstemp(path);

	*r = (struct rules){0};
	EQ(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	int rc = rules_add_file(r, path, err);
	unlink(path);
	return rc;
}

TEST(a_leaksanitizer_file_is_read_as_it_is)
{
	struct rules r;
	struct err err;

	EQ(read_file("# comment\n\nleak:^foo*\n  thread:worker \r\nfd:/tmp/a b\ntimer:x", &r, &err),
	   0);
	EQ(r.n, 4);
	EQ(r.at[0].kind, RULE_HEAP);
	STREQ(r.at[0].pattern, "^foo*");
	EQ(r.at[1].kind, RULE_THREAD);
	STREQ(r.at[1].pattern, "worker");
	STREQ(r.at[2].pattern, "/tmp/a b");
	EQ(r.at[3].kind, RULE_TIMER);
	rules_free(&r);
}

TEST(a_bad_line_is_named_by_its_number)
{
	struct rules r;
	struct err err;

	EQ(read_file("leak:a\nheap:b\n", &r, &err), -1);
	OK(strstr(err.text, ":2: ") && strstr(err.text, "heap:b"));
	rules_free(&r);
	EQ(read_file("leak:\n", &r, &err), -1);
	OK(strstr(err.text, ":1: no pattern"));
	rules_free(&r);
	EQ(rules_add_file(&r, "/nowhere/at/all", &err), -1);
	OK(strstr(err.text, "/nowhere/at/all"));
}

TEST(a_part_of_the_frame_may_be_named)
{
	OK(excuses((struct rule){RULE_HEAP, RULE_FUNCTION, "^setlocale$", "", ""}, LOCALE));
	OK(excuses((struct rule){RULE_HEAP, RULE_FUNCTION, "^_Z5outerv$", "", ""}, USER));
	OK(excuses((struct rule){RULE_HEAP, RULE_FILE, "pool.c", "", ""}, TEAM));
	OK(excuses((struct rule){RULE_HEAP, RULE_MODULE, "libgomp", "", ""}, USER));
	OK(!excuses((struct rule){RULE_HEAP, RULE_FUNCTION, "pool.c", "", ""}, TEAM));
	OK(!excuses((struct rule){RULE_HEAP, RULE_FUNCTION, "libgomp", "", ""}, USER));
	OK(!excuses((struct rule){RULE_HEAP, RULE_FILE, "libgomp", "", ""}, USER));
	OK(!excuses((struct rule){RULE_HEAP, RULE_FILE, "outer", "", ""}, USER));
	OK(!excuses((struct rule){RULE_HEAP, RULE_MODULE, "outer", "", ""}, USER));
}

static int read_text(const char *text, size_t n, struct rules *r, struct err *err)
{
	*r = (struct rules){0};
	return rules_add_text(r, "x.supp", text, n, err);
}

TEST(lines_know_where_they_are_from_and_what_part_they_mean)
{
	struct rules r;
	struct err err;
	const char text[] =
	        "\xef\xbb\xbf# x\r\n\nfd:function=^a$\r\nthread:file=b.c\nleak:module=c";

	EQ(read_text(text, sizeof(text) - 1, &r, &err), 0);
	EQ(r.n, 3);
	EQ(r.at[0].where, RULE_FUNCTION);
	STREQ(r.at[0].pattern, "^a$");
	STREQ(r.at[0].origin, "x.supp:3");
	EQ(r.at[1].where, RULE_FILE);
	STREQ(r.at[1].pattern, "b.c");
	EQ(r.at[2].where, RULE_MODULE);
	STREQ(r.at[2].origin, "x.supp:5");
	rules_free(&r);
}

/* Half a file would accept what its other half was to say. */
TEST(a_hostile_file_is_refused_whole)
{
	static const struct {
		const char *text;
		size_t n;
		const char *says;
	} bad[] = {
	        {"fd:a\0b\n", 7, ":1: a NUL"},
	        {"fd:a\nfd:^$\n", 11, ":2: no pattern"},
	        {"fd:^*$", 6, ":1: no pattern"},
	        {"fd:function=\n", 13, ":1: no pattern"},
	        {"fd:a\nELF\x7f\n", 10, ":2: a line is"},
	        {"leak", 4, ":1: a line is"},
	        {":a", 2, ":1: a line is"},
	};
	char *longest = malloc(5000);
	struct rules r;
	struct err err;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		EQ(read_text(bad[i].text, bad[i].n, &r, &err), -1);
		OK(strstr(err.text, bad[i].says));
		EQ(r.n, 0);
		rules_free(&r);
	}
	memset(longest, 'a', 5000);
	memcpy(longest, "fd:", 3);
	EQ(read_text(longest, 5000, &r, &err), -1);
	OK(strstr(err.text, "longer"));
	rules_free(&r);
	EQ(read_text(longest, 4096, &r, &err), 0);
	EQ(r.n, 1);
	rules_free(&r);
	free(longest);
	EQ(read_text("leak:*\n", 7, &r, &err), 0);
	rules_free(&r);
	EQ(read_text("", 0, &r, &err), 0);
	rules_free(&r);
}

TEST(what_is_written_can_be_read)
{
	struct rules r;
	struct err err;
	struct str s = {0};

	rules_write(&s, RULE_FD, "open\nfd:*", NULL);
	rules_write(&s, RULE_HEAP, NULL, "/usr/lib/libx.so.1");
	rules_write(&s, RULE_TIMER, NULL, "");
	EQ(read_text(s.data, s.len, &r, &err), -1);
	OK(strstr(err.text, ":3:"));
	s.len = (size_t)(strstr(s.data, "timer") - s.data);
	EQ(read_text(s.data, s.len, &r, &err), 0);
	EQ(r.n, 2);
	STREQ(r.at[0].pattern, "^open?fd:*$");
	EQ(r.at[1].where, RULE_MODULE);
	STREQ(r.at[1].pattern, "/libx.so.1$");
	rules_free(&r);
	str_free(&s);
}

/* A built-in pattern that is empty, or matches everything, would excuse everything. */
TEST(no_built_in_rule_excuses_a_users_own_code)
{
	struct rules r = {0};

	rules_add_builtin(&r);
	OK(r.n > 50);
	for (size_t i = 0; i < r.n; i++) {
		OK(*r.at[i].pattern && *r.at[i].reason);
		OK(!rule_matches_text(r.at[i].pattern, "main"));
		OK(!rule_matches_text(r.at[i].pattern, "/usr/bin/server"));
		OK(!rule_matches_text(r.at[i].pattern, "/src/server/request.c"));
		/* A whole module is meant only where it is the first frame's. */
		OK(r.at[i].where != RULE_ANY || r.at[i].pattern[0] == '^');
	}
	rules_free(&r);
}

int main(int argc, char **argv)
{
	return check_main(argc, argv);
}
