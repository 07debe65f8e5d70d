/*
 * short_name.c - what stands between brackets is left out of long names, from the inside out. Pure.
 * Names are other people's: brackets need not match.
 */
#include "short_name.h"

#include <ctype.h>
#include <string.h>

enum { DEEPEST = 64 };

/* The length of an operator's name at p that has brackets of its own: "operator<<", "operator()".
 */
static size_t operator_length(const char *name, const char *p)
{
	static const char *const with_brackets[] = {
	        "<<=", ">>=", "<=>", "->*", "<<", ">>", "<=", ">=", "->", "()", "[]", "<", ">"};
	const size_t n = strlen("operator");

	if (strncmp(p, "operator", n) ||
	    (p > name && (isalnum((unsigned char)p[-1]) || p[-1] == '_')))
		return 0;
	for (size_t i = 0; i < sizeof(with_brackets) / sizeof(*with_brackets); i++)
		if (!strncmp(p + n, with_brackets[i], strlen(with_brackets[i])))
			return n + strlen(with_brackets[i]);
	return 0;
}

/* 1: opens, -1: closes, 0: neither; "->" is an arrow. Braces are no arguments: "{lambda(int)#1}".
 */
static int bracket(const char *name, const char *p)
{
	if (*p == '<' || *p == '(')
		return 1;
	return *p == ')' || (*p == '>' && (p == name || p[-1] != '-')) ? -1 : 0;
}

/* Adds the name without what lies deeper than `depth` brackets; how deep it goes, DEEPEST at
 * most, 0 when its brackets do not match. */
static unsigned fold(struct str *s, const char *name, unsigned depth)
{
	unsigned at = 0, deepest = 0;

	for (const char *p = name; *p;) {
		size_t n = operator_length(name, p);
		int turn = n ? 0 : bracket(name, p);

		n = n ? n : 1;
		if (turn < 0 && !at--)
			return 0;
		if (at <= depth)
			str_add_mem(s, p, n);
		if (turn > 0) {
			if (at++ == depth && p[1] != ')' && p[1] != '>')
				str_add(s, "...");
			deepest = at > deepest ? at : deepest;
		}
		p += n;
	}
	return at ? 0 : deepest < DEEPEST ? deepest : DEEPEST;
}

static bool begins_character(char c)
{
	return ((unsigned char)c & 0xc0) != 0x80;
}

/* The end tells more than the beginning, which is a namespace. */
static void cut(struct str *s, const char *name, size_t len)
{
	size_t head = SHORT_NAME_MOST / 3, tail = len - (SHORT_NAME_MOST - 3 - head);

	while (head && !begins_character(name[head]))
		head--;
	while (tail < len && !begins_character(name[tail]))
		tail++;
	str_add_mem(s, name, head);
	str_add(s, "...");
	str_add(s, name + tail);
}

void short_name(struct str *s, const char *name, size_t fit)
{
	struct str folded = {0};

	if (strlen(name) <= fit) {
		str_add(s, name);
		return;
	}
	unsigned deepest = fold(&folded, name, UINT32_MAX), depth = deepest;
	while (depth && folded.len > fit) {
		depth--;
		folded.len = 0;
		fold(&folded, name, depth);
	}
	if (!deepest || folded.len >= strlen(name)) {
		folded.len = 0;
		str_add(&folded, name);
	}
	if (folded.len > SHORT_NAME_MOST)
		cut(s, folded.data, folded.len);
	else
		str_add(s, folded.data);
	str_free(&folded);
}
