/*
 * main.c - finds the verb, runs it, makes sure that what it printed arrived. Nothing else: a verb
 * is a file.
 */
#include "cmd.h"

#include <errno.h>
#include <malloc.h>
#include <string.h>

struct verb {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *help;
};
#define VERB(verb, help) {#verb, cmd_##verb, help},
static const struct verb verbs[] = {CMD_VERBS(VERB){NULL, NULL, NULL}};
#undef VERB

static void print_help(FILE *f)
{
	fputs("usage: outlive VERB [OPTION]... [OPERAND]...\n\n"
	      "What outlives its use in a running native program.\n\n",
	      f);
	for (const struct verb *v = verbs; v->name; v++)
		fprintf(f, "  %-10s  %s\n", v->name, v->help);
	fputs("\n`outlive VERB --help` tells the rest. A first session:\n\n"
	      "  outlive run -- ./server --port 7777      or: LD_PRELOAD=/path/liboutlive.so "
	      "./server\n"
	      "  outlive snapshot PID                     now, and once more later\n"
	      "  outlive diff FIRST.snap SECOND.snap      what grew\n\n"
	      "exit status: 0 clean, 1 findings, 2 usage, 3 unreadable input, 4 no verdict\n",
	      f);
}

static int unknown_verb(const char *typed)
{
	const char *names[sizeof(verbs) / sizeof(*verbs)];

	for (size_t i = 0; i < sizeof(verbs) / sizeof(*verbs); i++)
		names[i] = verbs[i].name;
	const char *near = nearest(typed, names);
	fputs("outlive: there is no verb \"", stderr);
	print_safe(stderr, typed);
	if (near)
		fprintf(stderr, "\"; did you mean %s? (outlive --help)\n", near);
	else
		fputs("\" (outlive --help)\n", stderr);
	return EXIT_USAGE;
}

/* A report that a full disk swallowed must not look like a good one. A reader that has gone away
 * has seen enough. */
static int check_stdout(int status)
{
	errno = 0;
	if (!fflush(stdout) && !ferror(stdout) && !fclose(stdout))
		return status;
	/* A verb that has failed has said so, and knows why. */
	if (errno == EPIPE || status == EXIT_UNREADABLE)
		return status;
	fprintf(stderr, "outlive: cannot write the output: %s\n", strerror(errno ? errno : EIO));
	return EXIT_UNREADABLE;
}

int main(int argc, char **argv)
{
	/* Large tables come and go: each goes back to the kernel, whatever was freed before it. */
	mallopt(M_MMAP_THRESHOLD, 256 << 10);
	if (argc < 2) {
		print_help(stderr);
		return EXIT_USAGE;
	}
	/* "help VERB" is "VERB --help". */
	static char help[] = "--help";
	if (argc == 3 && !strcmp(argv[1], "help")) {
		argv[1] = argv[2];
		argv[2] = help;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
		print_help(stdout);
		return check_stdout(EXIT_CLEAN);
	}
	if (!strcmp(argv[1], "--version")) {
		printf("outlive %s\n", OUTLIVE_VERSION);
		return check_stdout(EXIT_CLEAN);
	}
	for (const struct verb *v = verbs; v->name; v++)
		if (!strcmp(argv[1], v->name))
			return check_stdout(v->run(argc - 1, argv + 1));
	return unknown_verb(argv[1]);
}
