/*
 * rules_file.c - rules as text: reads LeakSanitizer's suppressions and ours, and writes such lines.
 * A file is a person's, and may be anything at all: it is read to its end or refused with the place
 * that is wrong, never half.
 */
#include "rules.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* More than any hand has written. */
enum { LONGEST_LINE = 4096, LARGEST_FILE = 16 << 20 };

struct reader {
	const char *name;
	unsigned line;
	struct err *err;
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f';
}

const char *rule_prefix(enum rule_where where)
{
	return where == RULE_FUNCTION ? "function="
	       : where == RULE_FILE   ? "file="
	       : where == RULE_MODULE ? "module="
	       : where == RULE_WAIT   ? "wait="
	                              : "";
}

/* The prefix in front of the pattern; *text moves behind it. */
static enum rule_where take_where(enum rule_kind kind, const char **text)
{
	static const enum rule_where ways[] = {RULE_FUNCTION, RULE_FILE, RULE_MODULE, RULE_WAIT};

	for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
		size_t n = strlen(rule_prefix(ways[i]));
		if (strncmp(*text, rule_prefix(ways[i]), n) ||
		    (ways[i] == RULE_WAIT && kind != RULE_IDLE))
			continue;
		*text += n;
		return ways[i];
	}
	return RULE_ANY;
}

/* Anchors and stars alone match anything, and would accept everything. */
static bool is_empty(const char *pattern)
{
	return !pattern[strspn(pattern, "^*$")];
}

static int add_line(struct rules *r, const struct reader *in, const char *text)
{
	for (int kind = 0; kind < N_RULE_KINDS; kind++) {
		size_t n = strlen(rule_kind_name[kind]);
		if (strncmp(text, rule_kind_name[kind], n) || text[n] != ':')
			continue;
		const char *pattern = text + n + 1;
		enum rule_where where = take_where((enum rule_kind)kind, &pattern);
		if (is_empty(pattern) && strcmp(pattern, "*"))
			return err_set(in->err, "%s:%u: no pattern behind \"%s\"", in->name,
			               in->line, text);
		char *origin = xasprintf("%s:%u", in->name, in->line);
		rules_add(r, (struct rule){(enum rule_kind)kind, where, intern(pattern), "",
		                           intern(origin)});
		free(origin);
		return 0;
	}
	return err_set(in->err,
	               "%s:%u: a line is leak:, thread:, timer:, fd: or idle: and a pattern, not "
	               "\"%.200s\"",
	               in->name, in->line, text);
}

/* One line, [at, end), without its line feed. */
static int read_line(struct rules *r, const struct reader *in, const char *at, const char *end)
{
	char line[LONGEST_LINE + 1];

	while (at < end && is_blank(*at))
		at++;
	while (end > at && is_blank(end[-1]))
		end--;
	if (at == end || *at == '#')
		return 0;
	if (end - at > LONGEST_LINE)
		return err_set(in->err, "%s:%u: the line is longer than %d bytes", in->name,
		               in->line, LONGEST_LINE);
	if (memchr(at, 0, (size_t)(end - at)))
		return err_set(in->err, "%s:%u: a NUL byte: this is no text", in->name, in->line);
	memcpy(line, at, (size_t)(end - at));
	line[end - at] = 0;
	return add_line(r, in, line);
}

int rules_add_text(struct rules *r, const char *name, const char *text, size_t n, struct err *err)
{
	struct reader in = {.name = name, .err = err};
	const char *end = text + n;
	size_t before = r->n;

	if (n >= 3 && !memcmp(text, "\xef\xbb\xbf", 3))
		text += 3;
	while (text < end) {
		const char *feed = memchr(text, '\n', (size_t)(end - text));
		in.line++;
		if (read_line(r, &in, text, feed ? feed : end)) {
			r->n = before;
			return -1;
		}
		text = feed ? feed + 1 : end;
	}
	return 0;
}

int rules_add_file(struct rules *r, const char *path, struct err *err)
{
	FILE *f = fopen(path, "re");
	struct str text = {0};
	char part[4096];
	size_t n;
	int rc = 0;

	if (!f)
		return err_set(err, "%s: %s", path, strerror(errno));
	while ((n = fread(part, 1, sizeof(part), f)) && text.len < LARGEST_FILE)
		str_add_mem(&text, part, n);
	if (ferror(f))
		rc = err_set(err, "%s: %s", path, strerror(errno));
	else if (n)
		rc = err_set(err, "%s: larger than %d MB: this is no list of rules", path,
		             LARGEST_FILE >> 20);
	else if (text.len)
		rc = rules_add_text(r, path, text.data, text.len, err);
	str_free(&text);
	fclose(f);
	return rc;
}

void rules_write(struct str *s, enum rule_kind kind, const char *function, const char *module)
{
	const char *slash = module ? strrchr(module, '/') : NULL;

	if (function)
		str_addf(s, "%s:^", rule_kind_name[kind]);
	else
		str_addf(s, "%s:module=", rule_kind_name[kind]);
	str_add_safe(s, function ? function : slash ? slash : module ? module : "");
	str_add(s, "$\n");
}
