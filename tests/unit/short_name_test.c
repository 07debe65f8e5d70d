/* short_name_test.c - short_name.c: names of templates, and names that only look like them. */
#include "analyzer/short_name.h"

#include "tests/unit/check.h"

#include <stdlib.h>
#include <string.h>

static char g_text[4096];

static const char *shortened(const char *name, size_t fit)
{
	struct str s = {0};

	str_add(&s, "");
	short_name(&s, name, fit);
	snprintf(g_text, sizeof(g_text), "%s", s.data);
	str_free(&s);
	return g_text;
}

TEST(what_fits_stays)
{
	STREQ(shortened("std::vector<int>::push_back", 80), "std::vector<int>::push_back");
	STREQ(shortened("", 80), "");
	STREQ(shortened("main", 0), "main");
}

TEST(arguments_go_from_the_inside_out)
{
	const char *name =
	        "std::map<std::string, std::vector<int, std::allocator<std::string> > >::emplace";

	STREQ(shortened(name, 71),
	      "std::map<std::string, std::vector<int, std::allocator<...> > >::emplace");
	STREQ(shortened(name, 50), "std::map<std::string, std::vector<...> >::emplace");
	STREQ(shortened(name, 20), "std::map<...>::emplace");
}

TEST(operators_are_no_brackets)
{
	STREQ(shortened("a::operator<< <b::c<d> >", 10), "a::operator<< <...>");
	STREQ(shortened("a::operator()<b<c>, d>", 10), "a::operator()<...>");
	STREQ(shortened("a<bbbbbbbbbbbbbbbb>::operator->", 10), "a<...>::operator->");
	STREQ(shortened("my_operator<aaaaaaaaaaaaaaaaaaa>", 10), "my_operator<...>");
	STREQ(shortened("a::operator()(bbbbbbbbbbbbbbb)::{lambda()#1}", 10),
	      "a::operator()(...)::{lambda()#1}");
	STREQ(shortened("x<aaaaaaaaaaa, (b)1>::operator<=><int>", 10), "x<...>::operator<=><...>");
	STREQ(shortened("<alloc::vec::Vec<T> as core::ops::Fn(A) -> B>::call", 10), "<...>::call");
}

TEST(brackets_that_do_not_match_are_text)
{
	STREQ(shortened("a<b<c", 2), "a<b<c");
	STREQ(shortened("a>b>c<d", 2), "a>b>c<d");
	STREQ(shortened(")(", 1), ")(");
}

TEST(no_name_takes_more_than_its_line)
{
	static char name[100000];

	memset(name, 'x', sizeof(name) - 1);
	EQ(strlen(shortened(name, 80)), SHORT_NAME_MOST);
	for (size_t i = 0; i + 2 < sizeof(name); i++)
		name[i] = "\xc3\xa4"[i % 2];
	name[sizeof(name) - 2] = 0;
	const char *s = shortened(name, 80);
	OK(strlen(s) <= SHORT_NAME_MOST && strstr(s, "\xa4...\xc3\xa4"));
	memset(name, '<', sizeof(name) / 2);
	memset(name + sizeof(name) / 2, '>', sizeof(name) / 2 - 1);
	OK(strlen(shortened(name, 80)) <= SHORT_NAME_MOST);
}

int main(int argc, char **argv)
{
	return check_main(argc, argv);
}
