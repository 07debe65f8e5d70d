/*
 * cmd_run.c - `outlive run -- COMMAND`: the command with liboutlive.so before it, its own exit
 * status, and a few words at the end on stderr. Every key of OUTLIVE_OPTIONS is a flag here, by the
 * table preload/options.def.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd.h"
#include "command.h"
#include "run_child.h"
#include "run_summary.h"
#include "settings.h"
#include "target.h"

static void print_usage(FILE *f)
{
	fputs("usage: outlive run [OPTION VALUE]... [--] COMMAND [ARGUMENT]...\n"
	      "\n"
	      "Runs COMMAND with liboutlive.so before it. It writes snapshots as it ends, when\n"
	      "`outlive snapshot PID` asks, and as the options say. The exit status is COMMAND's;\n"
	      "127: not found, 126: cannot be run.\n"
	      "\n",
	      f);
	for (size_t i = 0; i < n_settings; i++) {
		char *flag = xasprintf("--%s %s", settings[i].name, settings[i].argument);
		fprintf(f, "  %-22s %s", flag, settings[i].help);
		fprintf(f, *settings[i].def ? " (%s)\n" : "\n", settings[i].def);
		free(flag);
	}
	fputs("\nThe same options stand in OUTLIVE_OPTIONS=\"key=value,key=value\" when a program "
	      "is started\n"
	      "with LD_PRELOAD alone; flags win over the variable.\n",
	      f);
}

static int usage_error(const char *text)
{
	fprintf(stderr, "outlive run: %s\n", text);
	return EXIT_USAGE;
}

static int unknown_option(const char *name)
{
	const char *names[64];
	size_t n = 0;

	for (; n < n_settings && n < 63; n++)
		names[n] = settings[n].name;
	names[n] = NULL;
	const char *near = nearest(name, names);
	fprintf(stderr, "outlive run: there is no option --");
	print_safe(stderr, name);
	if (near)
		fprintf(stderr, "; did you mean --%s?\n", near);
	else
		fputs(" (outlive run --help)\n", stderr);
	return EXIT_USAGE;
}

/* Relative folders are meant from here, also by processes that change theirs. */
static char *absolute(const char *folder)
{
	char cwd[PATH_MAX];

	if (*folder == '/' || !getcwd(cwd, sizeof cwd))
		return xstrdup(folder);
	if (!strcmp(folder, ".") || !*folder)
		return xstrdup(cwd);
	return xasprintf("%s/%s", strcmp(cwd, "/") ? cwd : "", folder);
}

static int add_setting(struct str *options, const struct setting *s, const char *value)
{
	struct err err;
	char *folder = NULL;

	if (setting_check(s, value, &err))
		return usage_error(err.text);
	if (!strcmp(s->name, "out"))
		value = folder = absolute(value);
	int failed = settings_add(options, s->name, value, &err);
	free(folder);
	return failed ? usage_error(err.text) : 0;
}

/*
 * "--key=value" or "--key value"; a BOOL may stand alone. *at moves to the last word that was used.
 * 0, or an exit status.
 */
static int parse_flag(int argc, char **argv, int *at, struct str *options)
{
	char *name = xstrdup(argv[*at] + 2), *equals = strchr(name, '=');
	const char *value = equals ? equals + 1 : NULL;
	int status;

	if (equals)
		*equals = 0;
	const struct setting *s = setting_find(name);
	if (!s) {
		status = unknown_option(name);
		goto out;
	}
	bool next = *at + 1 < argc;
	if (!value && s->type == SETTING_BOOL)
		value = next && setting_is_bool(argv[*at + 1]) ? argv[++*at] : "yes";
	else if (!value && next)
		value = argv[++*at];
	if (!value) {
		fprintf(stderr, "outlive run: --%s wants a value: %s\n", name, s->argument);
		status = EXIT_USAGE;
		goto out;
	}
	status = add_setting(options, s, value);
out:
	free(name);
	return status;
}

/* Flags up to the command. -1: go on, with *command the index of its name; else an exit status. */
static int parse(int argc, char **argv, struct str *options, int *command)
{
	int i = 1, status;

	for (; i < argc && argv[i][0] == '-'; i++) {
		if (!strcmp(argv[i], "--")) {
			i++;
			break;
		}
		if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) {
			print_usage(stdout);
			return EXIT_CLEAN;
		}
		if (strncmp(argv[i], "--", 2))
			return unknown_option(argv[i] + 1);
		status = parse_flag(argc, argv, &i, options);
		if (status)
			return status;
	}
	if (i >= argc)
		return usage_error("run which command? outlive run [OPTION VALUE]... -- COMMAND "
		                   "[ARGUMENT]...");
	*command = i;
	return -1;
}

/* liboutlive.so beside us, or where an installation has it. To be freed; NULL: nowhere. */
static char *find_library(void)
{
	static const char *const places[] = {
	        "liboutlive.so", "../lib/liboutlive.so", "../lib/outlive/liboutlive.so",
	        "../lib/x86_64-linux-gnu/liboutlive.so", "../lib64/liboutlive.so"};
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);

	if (n <= 0)
		return NULL;
	self[n] = 0;
	*strrchr(self, '/') = 0;
	for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
		char *candidate = xasprintf("%s/%s", self, places[i]);
		char *real = realpath(candidate, NULL);
		free(candidate);
		if (real)
			return real;
	}
	return NULL;
}

/* To be freed. NULL: it cannot be used, and has been told. */
static char *usable_library(void)
{
	char *library = find_library();

	if (!library) {
		fputs("outlive: liboutlive.so is neither beside this program nor in ../lib\n",
		      stderr);
		return NULL;
	}
	/* The loader parts LD_PRELOAD at both, and knows no quotes. */
	if (!strpbrk(library, " :"))
		return library;
	fprintf(stderr,
	        "outlive: the path %s holds a blank or a colon, which LD_PRELOAD cannot carry\n",
	        library);
	free(library);
	return NULL;
}

/* Others of the same name, as of an `outlive run` around us, would count everything twice. */
static char *preload_list(const char *library)
{
	const char *old = getenv("LD_PRELOAD");
	struct str s = {0};

	str_add(&s, library);
	for (const char *at = old ? old : ""; *at;) {
		size_t n = strcspn(at, ": ");
		const char *slash = memrchr(at, '/', n);
		const char *base = slash ? slash + 1 : at;
		size_t base_n = n - (size_t)(base - at);
		if (n &&
		    !(base_n == strlen("liboutlive.so") && !strncmp(base, "liboutlive.so", base_n)))
			str_addf(&s, ":%.*s", (int)n, at);
		at += n;
		at += strspn(at, ": ");
	}
	return s.data;
}

/* A script without "#!" is for the shell, as execvp has it; a program for another machine is not.
 */
static void exec_file(const struct command *command, char *const argv[])
{
	size_t n = 0;

	execv(command->path, argv);
	if (errno != ENOEXEC || command->is_elf)
		return;
	while (argv[n])
		n++;
	char **sh = xcalloc(n + 2, sizeof *sh), shell[] = "/bin/sh";
	sh[0] = shell;
	sh[1] = command->path;
	for (size_t i = 1; i < n; i++)
		sh[i + 1] = argv[i];
	execv(sh[0], sh);
}

struct start {
	const struct command *command;
	char *const *argv;
	const char *library, *options;
};

/* In the new process. */
static void start_command(const void *arg, int report)
{
	const struct start *start = arg;
	char *list = preload_list(start->library);

	if (setenv("LD_PRELOAD", list, 1) || setenv("OUTLIVE_OPTIONS", start->options, 1))
		errno = ENOMEM;
	else
		exec_file(start->command, start->argv);
	int error = errno;
	ssize_t ignored = write(report, &error, sizeof error);
	(void)ignored;
	_exit(error == ENOENT ? 127 : 126);
}

static int run(char **argv, const char *options, const char *out, const struct command *command)
{
	char *library = usable_library();
	struct run_summary summary;
	struct child child;
	struct err err;

	if (!library)
		return EXIT_USAGE;
	run_summary_begin(&summary, out);
	const struct start start = {command, argv, library, options};
	int failed = child_run(start_command, &start, &child, &err);
	free(library);
	if (!failed)
		target_forget(child.pid);
	if (failed) {
		fprintf(stderr, "outlive: %s\n", err.text);
		run_summary_free(&summary);
		return 126;
	}
	if (child.exec_error)
		fprintf(stderr, "outlive: %s: %s\n", argv[0], strerror(child.exec_error));
	else
		run_summary_print(&summary, stderr, command, &child, options);
	run_summary_free(&summary);
	fflush(stderr);
	child_die_alike(&child);
	return child_exit_status(&child);
}

int cmd_run(int argc, char **argv)
{
	const char *inherited = getenv("OUTLIVE_OPTIONS");
	struct str options = {0};
	struct command command;
	int first = 0, status;

	str_add(&options, inherited ? inherited : "");
	char *given = settings_get(options.data, "out");
	if (!given)
		add_setting(&options, setting_find("out"), ".");
	free(given);
	status = parse(argc, argv, &options, &first);
	if (status >= 0) {
		str_free(&options);
		return status;
	}
	command_inspect(argv[first], &command);
	if (!command.path) {
		fprintf(stderr, "outlive: ");
		print_safe(stderr, argv[first]);
		fprintf(stderr, ": %s\n",
		        command.error == ENOENT ? "command not found" : strerror(command.error));
		status = command.error == ENOENT ? 127 : 126;
	} else {
		if (command.warning)
			fprintf(stderr, "outlive: %s\n", command.warning);
		char *out = settings_get(options.data, "out"), *folder = absolute(out);
		status = run(argv + first, options.data, folder, &command);
		free(out);
		free(folder);
	}
	command_free(&command);
	str_free(&options);
	return status;
}
