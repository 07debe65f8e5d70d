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

#include "answer.h"
#include "cmd.h"
#include "command.h"
#include "lsan_options.h"
#include "machine.h"
#include "run_check.h"
#include "run_child.h"
#include "run_status.h"
#include "run_summary.h"
#include "settings.h"
#include "target.h"

struct request {
	struct str options; /* OUTLIVE_OPTIONS for the command */
	bool check;
	struct run_check gate;
	struct run_status status;
};

/* Those that the library knows nothing of. */
#define GATE_OPTIONS(r)                                                                        \
	{"check",                                                                              \
	 0,                                                                                    \
	 OPT_FLAG,                                                                             \
	 &(r)->check,                                                                          \
	 NULL,                                                                                 \
	 "fail when the command, or a process that "                                           \
	 "it started, leaves something behind",                                                \
	 NULL},                                                                                \
	        CHECK_OPTIONS(&(r)->gate.choice),                                              \
	        {"unseen",                                                                     \
	         0,                                                                            \
	         OPT_PARSED,                                                                   \
	         &(r)->gate.accept_unseen,                                                     \
	         "WHAT",                                                                       \
	         "refuse (default): no verdict when a program of your own could not be seen; " \
	         "accept",                                                                     \
	         run_check_parse_unseen},                                                      \
	{                                                                                      \
		0                                                                              \
	}

/* clang-format off */
#define STATUS_OPTIONS(r) \
	{"stats", 0, OPT_PARSED, &(r)->status, "TIME[,FILE]", \
	 "a line each so long, as Go programs print their MemStats, on stderr or behind\n" \
	 "what FILE holds; of the command's own process", run_status_parse}, \
	{"no-status", 0, OPT_FLAG, &(r)->status.off, NULL, \
	 "no status line, where stderr is a terminal", NULL}
/* clang-format on */

static void print_usage(FILE *f)
{
	struct request none = {.check = false};
	const struct opt gate[] = {GATE_OPTIONS(&none)};
	const struct opt status[] = {STATUS_OPTIONS(&none), {0}};

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
	fputs("\nWhile it runs:\n\n", f);
	opt_print(status, f);
	fputs("\nThe gate, for CI (a report on stderr; status 1: findings, 4: no verdict, else "
	      "COMMAND's):\n\n",
	      f);
	opt_print(gate, f);
	fputs("\nThe options of the first list stand in OUTLIVE_OPTIONS=\"key=value,key=value\" "
	      "when a program "
	      "is started\n"
	      "with LD_PRELOAD alone; flags win over the variable.\n",
	      f);
}

static int usage_error(const char *text)
{
	fprintf(stderr, "outlive run: %s\n", text);
	return EXIT_USAGE;
}

static int unknown_option(const char *name, const struct opt *gate)
{
	const char *names[64];
	size_t n = 0;

	for (; n < n_settings && n < 63; n++)
		names[n] = settings[n].name;
	for (; gate->name && n < 63; gate++)
		names[n++] = gate->name;
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
static int parse_flag(int argc, char **argv, int *at, struct request *r)
{
	const struct opt gate[] = {STATUS_OPTIONS(r), GATE_OPTIONS(r)};
	const struct opt_verb verb = {.verb = "run", .options = gate};
	char *name = xstrdup(argv[*at] + 2), *equals = strchr(name, '=');
	const char *value = equals ? equals + 1 : NULL;
	int status = 0;

	if (equals)
		*equals = 0;
	const struct setting *s = setting_find(name);
	if (!s && opt_try(&verb, argc, argv, at, &status)) {
		status = status < 0 ? 0 : status;
		goto out;
	}
	if (!s) {
		status = unknown_option(name, gate);
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
	status = add_setting(&r->options, s, value);
out:
	free(name);
	return status;
}

/* Flags up to the command. -1: go on, with *command the index of its name; else an exit status. */
static int parse(int argc, char **argv, struct request *r, int *command)
{
	const struct opt gate[] = {STATUS_OPTIONS(r), GATE_OPTIONS(r)};
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
			return unknown_option(argv[i] + 1, gate);
		status = parse_flag(argc, argv, &i, r);
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
	static const char debian[] = "../lib/" MACHINE_FOLDER "/liboutlive.so";
	static const char *const places[] = {"liboutlive.so", "../lib/liboutlive.so",
	                                     "../lib/outlive/liboutlive.so", debian,
	                                     "../lib64/liboutlive.so"};
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

/* library: NULL for none. Others of the same name, as of an `outlive run` around us, would count
 * everything twice. */
static char *preload_list(const char *library)
{
	const char *old = getenv("LD_PRELOAD");
	struct str s = {0};

	if (library)
		str_add(&s, library);
	for (const char *at = old ? old : ""; *at;) {
		size_t n = strcspn(at, ": ");
		const char *slash = memrchr(at, '/', n);
		const char *base = slash ? slash + 1 : at;
		size_t base_n = n - (size_t)(base - at);
		if (n &&
		    !(base_n == strlen("liboutlive.so") && !strncmp(base, "liboutlive.so", base_n)))
			str_addf(&s, "%s%.*s", s.len ? ":" : "", (int)n, at);
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
	char *list = preload_list(start->command->keep_out ? NULL : start->library);

	if ((list && *list ? setenv("LD_PRELOAD", list, 1) : unsetenv("LD_PRELOAD")) ||
	    setenv("OUTLIVE_OPTIONS", start->options, 1))
		errno = ENOMEM;
	else
		exec_file(start->command, start->argv);
	int error = errno;
	ssize_t ignored = write(report, &error, sizeof error);
	(void)ignored;
	_exit(error == ENOENT ? 127 : 126);
}

/* 0, with *child as it ended; else the exit status. */
static int run(char **argv, struct request *r, const struct command *command, struct child *child)
{
	char *library = usable_library();
	const struct child_watch *watch;
	struct err err;

	if (!library)
		return EXIT_USAGE;
	if (run_status_begin(&r->status, &watch, &err)) {
		free(library);
		view_fail("run", &err);
		return EXIT_USAGE;
	}
	const struct start start = {command, argv, library, r->options.data};
	int failed = child_run(start_command, &start, watch, child, &err);
	run_status_end(&r->status);
	free(library);
	if (failed) {
		fprintf(stderr, "outlive: %s\n", err.text);
		return 126;
	}
	target_forget(child->pid);
	if (!child->exec_error)
		return 0;
	fprintf(stderr, "outlive: %s: %s\n", argv[0], strerror(child->exec_error));
	return child_exit_status(child);
}

static int run_beside_answer(char **argv, struct request *r, const struct command *command,
                             struct child *child)
{
	struct answer answer;

	answer_start(&answer, &r->gate.choice, &r->options);
	int status = run(argv, r, command, child);
	answer_end(&answer);
	return status;
}

static int run_and_sum_up(char **argv, struct request *r, const char *out,
                          const struct command *command)
{
	struct run_summary summary;
	struct child child;

	run_summary_begin(&summary, out);
	int status = run_beside_answer(argv, r, command, &child);
	const char *options = r->options.data;
	if (!status)
		run_summary_print(&summary, stderr, command, &child, options);
	run_summary_free(&summary);
	if (status)
		return status;
	fflush(stderr);
	child_die_alike(&child);
	return child_exit_status(&child);
}

static int run_and_check(char **argv, struct request *r, const char *out,
                         const struct command *command)
{
	struct child child;
	struct err err;
	int status;

	if (check_choice_ready(&r->gate.choice, stderr, &err)) {
		view_fail("run", &err);
		return EXIT_USAGE;
	}
	if (run_check_begin(&r->gate, out, &r->options, &err)) {
		run_check_cancel(&r->gate);
		status = view_fail("run", &err);
	} else if (!(status = run_beside_answer(argv, r, command, &child))) {
		status = run_check_report(&r->gate, command, &child, r->options.data);
		/* Nothing of ours is to be told: its parent sees the same end. */
		if (status == child_exit_status(&child))
			child_die_alike(&child);
	} else {
		run_check_cancel(&r->gate);
	}
	run_check_end(&r->gate);
	return status;
}

static int start(char **argv, struct request *r)
{
	struct command command;
	int status;

	command_inspect(argv[0], &command);
	if (!command.path) {
		fprintf(stderr, "outlive: ");
		print_safe(stderr, argv[0]);
		fprintf(stderr, ": %s\n",
		        command.error == ENOENT ? "command not found" : strerror(command.error));
		status = command.error == ENOENT ? 127 : 126;
	} else {
		if (command.warning)
			fprintf(stderr, "outlive: %s\n", command.warning);
		char *out = settings_get(r->options.data, "out"), *folder = absolute(out);
		status = r->check ? run_and_check(argv, r, folder, &command)
		                  : run_and_sum_up(argv, r, folder, &command);
		free(out);
		free(folder);
	}
	command_free(&command);
	return status;
}

int cmd_run(int argc, char **argv)
{
	const char *inherited = getenv("OUTLIVE_OPTIONS");
	struct request r = {.check = false};
	int first = 0, status;

	check_choice_default(&r.gate.choice);
	lsan_options_read(getenv("LSAN_OPTIONS"), &r.gate.choice);
	str_add(&r.options, inherited ? inherited : "");
	char *given = settings_get(r.options.data, "out");
	if (!given)
		add_setting(&r.options, setting_find("out"), ".");
	free(given);
	status = parse(argc, argv, &r, &first);
	if (status < 0)
		status = start(argv + first, &r);
	str_free(&r.options);
	return status;
}
