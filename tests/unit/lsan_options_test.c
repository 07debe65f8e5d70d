/*
 * lsan_options_test.c - what LSAN_OPTIONS says holds where it means something, the rest is told,
 * and nothing in it can fail a run.
 */
#include "check.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "analyzer/lsan_options.h"

static struct check_choice read_text(const char *text)
{
	struct check_choice c;

	check_choice_default(&c);
	lsan_options_read(text, &c);
	return c;
}

TEST(not_set_or_empty_changes_nothing)
{
	static const char *const none[] = {NULL, "", ":", " , : \n"};

	for (size_t i = 0; i < sizeof(none) / sizeof(*none); i++) {
		struct check_choice c = read_text(none[i]);
		OK(!c.lsan);
		OK(!c.error_exitcode.given && !c.view.n.given && !c.rules.n_files && !c.uses);
		EQ(c.gates.heap, CHECK_HEAP_AUTO);
	}
}

TEST(what_means_something_is_heeded)
{
	struct check_choice c = read_text("exitcode=42:max_leaks=3,print_suppressions=1");

	EQ(c.error_exitcode.value, 42);
	OK(c.error_exitcode.given);
	EQ(c.view.n.value, 3);
	OK(c.uses);
	STREQ(c.lsan, "LSAN_OPTIONS: heeded: exitcode=42, max_leaks=3, print_suppressions=1");
	EQ(c.gates.heap, CHECK_HEAP_AUTO);

	c = read_text("detect_leaks=0");
	EQ(c.gates.heap, CHECK_HEAP_OFF);
	STREQ(c.lsan, "LSAN_OPTIONS: heeded: detect_leaks=0 (as --heap off)");
	/* As it is anyhow. */
	OK(!read_text("detect_leaks=1").lsan);
}

TEST(what_means_nothing_here_is_told)
{
	struct check_choice c = read_text("report_objects=1:exitcode=7:use_stacks=0:alone");

	EQ(c.error_exitcode.value, 7);
	STREQ(c.lsan,
	      "LSAN_OPTIONS: heeded: exitcode=7; not heeded: report_objects=1, use_stacks=0, "
	      "alone=");
	static const char *const bad[] = {"exitcode=x",    "exitcode=256",
	                                  "exitcode=",     "exitcode=-1",
	                                  "max_leaks=ten", "max_leaks=99999999999999999999"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		c = read_text(bad[i]);
		OK(!c.error_exitcode.given && !c.view.n.given);
		OK(c.lsan && strstr(c.lsan, "not heeded:"));
	}
}

TEST(files_of_suppressions_are_added_where_they_can_be_read)
{
	char path[] = "/tmp/outlive lsan.XXXXXX", text[128];
	int fd = mkstemp(path);

	close(fd);
	snprintf(text, sizeof(text), "suppressions=\"%s\":exitcode=1", path);
	struct check_choice c = read_text(text);
	EQ(c.rules.n_files, 1);
	STREQ(c.rules.file[0], path);
	EQ(c.error_exitcode.value, 1);
	unlink(path);
	c = read_text(text);
	EQ(c.rules.n_files, 0);
	OK(strstr(c.lsan, "(not to be read from this folder)"));
}

TEST(no_text_is_too_odd)
{
	static const char *const odd[] = {"=",         "==:=",        "a=\"",
	                                  "a='b",      "a=\"b\"c",    "\"a\"=b",
	                                  "=exitcode", "exitcode==3", "\033[2J=\033"};

	for (size_t i = 0; i < sizeof(odd) / sizeof(*odd); i++) {
		struct check_choice c = read_text(odd[i]);
		OK(!c.error_exitcode.given);
		OK(c.lsan && !strchr(c.lsan, '\033'));
	}
}

int main(int argc, char **argv)
{
	return check_main(argc, argv);
}
