/*
 * perf_map_test.c - names of code made at run time; the file lies where everybody may put one.
 */
#include <time.h>

#include "tests/unit/sym_support.h"

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static char g_map[64];

static void remove_map(void)
{
	unlink(g_map);
}

/* This test's own process is the one that has the code. */
static void write_map(const char *text)
{
	snprintf(g_map, sizeof(g_map), "/tmp/perf-%d.map", (int)getpid());
	FILE *f = fopen(g_map, "w");
	if (!f)
		abort();
	fputs(text, f);
	fclose(f);
	atexit(remove_map);
}

static const struct line *find(uint64_t address, uint64_t uid, uint64_t started_ns)
{
	static struct sym_answer a;

	a = (struct sym_answer){.address = address};
	perf_map_resolve((uint64_t)getpid(), uid, started_ns, &address, 1, &a);
	return a.n_lines ? a.line : NULL;
}

static const struct line *look(uint64_t address)
{
	return find(address, getuid(), now_ns() - 1000000000u);
}

TEST(functions_of_v8_have_their_file_and_line)
{
	write_map("1000 20 JS:*grow file:///srv/app/cache.js:12:17\n"
	          "1020 20 LazyCompile:~ /srv/app/main.js:3:1\n"
	          "1040 20 Builtin:ArrayPush\n"
	          "1060 20 JS:^get size /srv/my app/a b.js:7:1\n"
	          "1080 20 JS:^\n");
	const struct line *l = look(0x1000);
	OK(l != NULL);
	STREQ(l->function, "grow");
	STREQ(l->file, "/srv/app/cache.js");
	EQ(l->number, 12);
	l = look(0x103f);
	OK(l != NULL);
	STREQ(l->function, "(anonymous)");
	STREQ(l->file, "/srv/app/main.js");
	EQ(l->number, 3);
	STREQ(look(0x1050)->function, "Builtin:ArrayPush");
	l = look(0x1060);
	STREQ(l->function, "get size");
	STREQ(l->file, "/srv/my app/a b.js");
	EQ(l->start, 7);
	STREQ(look(0x1080)->function, "(anonymous)");
	OK(look(0xfff) == NULL && look(0x10a0) == NULL);
}

TEST(code_that_moved_has_its_last_name)
{
	write_map("1000 100 Lold;::one\n2000 10 Lold;::two\n1080 40 Lnew;::one\n");
	STREQ(look(0x1000)->function, "Lold;::one");
	STREQ(look(0x1081)->function, "Lnew;::one");
	STREQ(look(0x10c0)->function, "Lold;::one");
}

TEST(garbage_is_skipped)
{
	write_map("\n \nxyz\n1000\n1000 \n1000 20\nffffffffffffffff ffffffffffffffff all\n"
	          "1000 0 empty\n0x1000 0x10 good\n");
	STREQ(look(0x1000)->function, "good");
	OK(look(0x2000) == NULL);
}

TEST(file_of_another_user_is_not_read)
{
	write_map("1000 20 evil\n");
	OK(look(0x1000) != NULL);
	if (getuid())
		return;
	OK(!chown(g_map, 12345, 0));
	OK(look(0x1000) == NULL);
	OK(find(0x1000, 12345, 0) != NULL); /* it is the process's user's own */
}

TEST(symbolic_link_is_not_followed)
{
	write_map("");
	remove_map();
	FILE *f = fopen(in_folder("map"), "w");
	fputs("1000 20 evil\n", f);
	fclose(f);
	OK(!symlink(in_folder("map"), g_map));
	OK(look(0x1000) == NULL);
}

TEST(file_of_an_older_process_with_this_pid_is_not_read)
{
	write_map("1000 20 old\n");
	OK(find(0x1000, getuid(), now_ns() + 60000000000u) == NULL);
}

TEST(locations_without_module_are_looked_up_there)
{
	struct module module = {.path = "", .build_id = ""};
	struct location l[2] = {{.address = 0x1020}, {.address = 0x1021}};
	struct snapshot s = {.module = &module, .n_modules = 1, .location = l, .n_locations = 2};

	write_map("1000 20 first\n1020 20 second\n");
	s.info.u[FMT_INFO_PID] = (uint64_t)getpid();
	s.info.u[FMT_INFO_UID] = getuid();
	symbolize_snapshot(&s, NULL, NULL);
	EQ(l[0].n_lines, 1);
	STREQ(l[0].line->function, "first"); /* a return address */
	STREQ(l[1].line->function, "second");
}

int main(int argc, char **argv)
{
	return check_main(argc, argv);
}
