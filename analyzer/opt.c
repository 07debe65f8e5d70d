/*
 * opt.c - reads a verb's options and prints its help, so that both say the same and every verb says
 * it alike.
 */
#include "opt.h"

#include <stdlib.h>
#include <string.h>

static int usage_error(const struct opt_verb *v, const char *fmt, ...)
        __attribute__((format(printf, 2, 3)));
static int usage_error(const struct opt_verb *v, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	fprintf(stderr, "outlive %s: ", v->verb);
	print_safe(stderr, text);
	fprintf(stderr, " (outlive %s --help)\n", v->verb);
	return EXIT_USAGE;
}

/* ---- help ---- */

/* Text with line feeds, each line after `indent` blanks but the first. */
static void print_lines(FILE *f, const char *text, int indent)
{
	for (const char *end; (end = strchr(text, '\n')); text = end + 1)
		fprintf(f, "%.*s\n%*s", (int)(end - text), text, indent, "");
	fprintf(f, "%s\n", text);
}

static void print_option(FILE *f, const struct opt *o)
{
	char left[64];
	enum { COLUMN = 26 };

	int n = snprintf(left, sizeof(left), "  %s%.1s%s--%s%s%s", o->letter ? "-" : "  ",
	                 o->letter ? &o->letter : "", o->letter ? ", " : "  ", o->name,
	                 o->argument ? " " : "", o->argument ? o->argument : "");
	fprintf(f, "%s", left);
	if (n >= COLUMN)
		fprintf(f, "\n%*s", COLUMN, "");
	else
		fprintf(f, "%*s", COLUMN - n, "");
	print_lines(f, o->help, COLUMN);
}

void opt_print(const struct opt *options, FILE *f)
{
	for (const struct opt *o = options; o->name; o++)
		print_option(f, o);
}

static void print_help(const struct opt_verb *v)
{
	printf("usage: outlive %s %s\n\n", v->verb, v->synopsis);
	print_lines(stdout, v->about, 0);
	printf("\noptions:\n");
	opt_print(v->options, stdout);
	printf("      --help              this text\n");
	if (v->examples) {
		printf("\nexamples:\n  ");
		print_lines(stdout, v->examples, 2);
	}
}

/* ---- reading ---- */

/* The option that `name` (n bytes) is, or is an unambiguous beginning of. NULL with *several when
 * it is none's or many's. */
static const struct opt *find_long(const struct opt_verb *v, const char *name, size_t n,
                                   bool *several)
{
	const struct opt *found = NULL;

	*several = false;
	for (const struct opt *o = v->options; o->name; o++) {
		if (strncmp(o->name, name, n))
			continue;
		if (!o->name[n])
			return o;
		*several |= found != NULL;
		found = o;
	}
	return *several ? NULL : found;
}

static const struct opt *find_letter(const struct opt_verb *v, char letter)
{
	for (const struct opt *o = v->options; o->name; o++)
		if (o->letter && o->letter == letter)
			return o;
	return NULL;
}

static int unknown_long(const struct opt_verb *v, const char *name, size_t n, bool several)
{
	const char *names[64];
	size_t count = 0;
	char typed[64];

	if (several)
		return usage_error(v, "--%.*s could be more than one option", (int)n, name);
	for (const struct opt *o = v->options; o->name && count < 63; o++)
		names[count++] = o->name;
	names[count] = NULL;
	snprintf(typed, sizeof(typed), "%.*s", (int)(n < 60 ? n : 60), name);
	const char *near = nearest(typed, names);
	if (near)
		return usage_error(v, "there is no option --%s; did you mean --%s?", typed, near);
	return usage_error(v, "there is no option --%s", typed);
}

static int set(const struct opt_verb *v, const struct opt *o, const char *value)
{
	struct err err;

	switch (o->type) {
	case OPT_FLAG:
		*(bool *)o->to = true;
		return -1;
	case OPT_TEXT:
		*(const char **)o->to = value;
		return -1;
	case OPT_COUNT: {
		struct opt_count *count = o->to;
		char *end;
		count->value = strtoull(value, &end, 10);
		count->given = true;
		if (*value < '0' || *value > '9' || *end)
			return usage_error(v, "%s%s wants a number, not \"%s\"",
			                   o->letter ? "-" : "--",
			                   o->letter ? (char[]){o->letter, 0} : o->name, value);
		return -1;
	}
	case OPT_PARSED:
		if (o->parse(value, o->to, &err))
			return usage_error(v, "%s", err.text);
		return -1;
	}
	return -1;
}

/* One long option at argv[*i]; takes argv[*i + 1] where its value stands there. */
static int read_long(const struct opt_verb *v, int argc, char **argv, int *i)
{
	const char *name = argv[*i] + 2, *equals = strchr(name, '='),
	           *value = equals ? equals + 1 : NULL;
	size_t n = equals ? (size_t)(equals - name) : strlen(name);
	bool several;

	if (n == 4 && !strncmp(name, "help", 4)) {
		print_help(v);
		return EXIT_CLEAN;
	}
	const struct opt *o = find_long(v, name, n, &several);
	if (!o)
		return unknown_long(v, name, n, several);
	if (o->type == OPT_FLAG && value)
		return usage_error(v, "--%s takes no value", o->name);
	if (o->type != OPT_FLAG && !value) {
		if (*i + 1 >= argc)
			return usage_error(v, "--%s wants a value: --%s %s", o->name, o->name,
			                   o->argument);
		value = argv[++*i];
	}
	return set(v, o, value);
}

/* A cluster of letters: "-n5", "-n 5". */
static int read_short(const struct opt_verb *v, int argc, char **argv, int *i)
{
	for (const char *at = argv[*i] + 1; *at; at++) {
		const struct opt *o = find_letter(v, *at);
		if (!o && *at == 'h') {
			print_help(v);
			return EXIT_CLEAN;
		}
		if (!o)
			return usage_error(v, "there is no option -%.1s", at);
		if (o->type != OPT_FLAG) {
			const char *value = at[1] ? at + 1 : NULL;
			if (!value && *i + 1 >= argc)
				return usage_error(v, "-%c wants a value: -%c %s", *at, *at,
				                   o->argument);
			return set(v, o, value ? value : argv[++*i]);
		}
		set(v, o, NULL);
	}
	return -1;
}

bool opt_try(const struct opt_verb *verb, int argc, char **argv, int *i, int *status)
{
	const char *name = argv[*i] + 2;
	size_t n = strcspn(name, "=");

	for (const struct opt *o = verb->options; o->name; o++) {
		if (strlen(o->name) == n && !strncmp(o->name, name, n)) {
			*status = read_long(verb, argc, argv, i);
			return true;
		}
	}
	return false;
}

int opt_parse(const struct opt_verb *verb, int *argc, char **argv)
{
	int n = 1;
	bool options = true;

	for (int i = 1; i < *argc; i++) {
		int status = -1;
		if (options && !strcmp(argv[i], "--"))
			options = false;
		else if (options && !strncmp(argv[i], "--", 2))
			status = read_long(verb, *argc, argv, &i);
		else if (options && argv[i][0] == '-' && argv[i][1])
			status = read_short(verb, *argc, argv, &i);
		else
			argv[n++] = argv[i];
		if (status >= 0)
			return status;
	}
	*argc = n;
	if (n - 1 < verb->least)
		return usage_error(verb, "%s", verb->operands);
	if (n - 1 > verb->most)
		return usage_error(verb, "\"%s\" is too much; %s", argv[verb->most + 1],
		                   verb->operands);
	return -1;
}
