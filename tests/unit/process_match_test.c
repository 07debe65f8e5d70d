#include "preload/process_match.h"

#include "tests/unit/check.h"

static bool glob(const char *g, const char *name)
{
	return process_glob(g, strlen(g), name);
}

TEST(a_name_is_matched_whole)
{
	OK(glob("redis", "redis"));
	OK(!glob("redis", "redis-server"));
	OK(!glob("redis-server", "redis"));
	OK(glob("", ""));
	OK(!glob("", "x"));
}

TEST(a_star_goes_back_for_a_longer_match)
{
	OK(glob("*", ""));
	OK(glob("redis-*", "redis-server"));
	OK(glob("*-*r", "redis-server-r"));
	OK(glob("*ab", "aab"));
	OK(glob("a*b*c", "a.bb.b.cc"));
	OK(!glob("a*b*c", "a.bb.b.cd"));
	OK(glob("**x", "yyx"));
}

TEST(sets_and_single_characters)
{
	OK(glob("python3.1[0-3]", "python3.11"));
	OK(!glob("python3.1[0-3]", "python3.15"));
	OK(glob("[!a-c]?", "dx"));
	OK(!glob("[!a-c]?", "bx"));
	OK(!glob("?", ""));
	OK(glob("[]x]", "]"));
	OK(glob("[a-]", "-"));
	/* no end: the bracket is itself */
	OK(glob("[ab", "[ab"));
	OK(!glob("[ab", "a"));
}

TEST(a_glob_ends_where_its_length_says)
{
	OK(process_glob("ls+perl", 2, "ls"));
	OK(!process_glob("[a]", 2, "a"));
}

TEST(any_of_the_globs_fits_the_base_name)
{
	OK(process_match("", "/bin/ls"));
	OK(process_match("cat+ls", "/bin/ls"));
	OK(process_match("ls+cat", "ls"));
	OK(!process_match("cat+l", "/bin/ls"));
	OK(!process_match("bin", "/bin/ls"));
	/* the file itself, under whatever name it was started */
	OK(process_match("process_match_*", "/bin/ls"));
}

TEST(the_environment_is_read_as_exec_set_it)
{
	char value[8];

	setenv("OUTLIVE_LATE", "1", 1);
	OK(!process_environment("OUTLIVE_LATE=", value, sizeof(value)));
	OK(process_environment("PATH=", value, sizeof(value)));
	OK(!strncmp(value, getenv("PATH"), 7));
	EQ(strlen(value), 7);
	OK(!process_environment("ATH=", value, sizeof(value)));
}

int main(int argc, char **argv)
{
	return check_main(argc, argv);
}
