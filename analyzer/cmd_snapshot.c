/*
 * cmd_snapshot.c - `outlive snapshot PID...`: one more snapshot of live processes, now.
 *
 * Prints each file's absolute path on a line of its own, the last thing on stdout.
 */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "ask.h"
#include "cmd.h"

static const char usage[] =
        "usage: outlive snapshot [--label TEXT] [--timeout TIME] PID...\n"
        "\n"
        "Asks each process, which must run with liboutlive.so, for one more snapshot, now.\n"
        "Prints the absolute path of each new file on a line of its own.\n"
        "\n"
        "  --label TEXT     kept in the snapshot: \"before the load\"\n"
        "  --timeout TIME   how long to wait for the file (default 30s; 500ms, 2m)\n";

/* "30s", "500ms", "2m": seconds without a unit. False when it is nothing of the kind. */
static bool parse_time(const char *s, uint64_t *ns)
{
	static const struct {
		const char *unit;
		double ns;
	} units[] = {{"", 1e9}, {"s", 1e9},  {"ms", 1e6},  {"us", 1e3},
	             {"ns", 1}, {"m", 60e9}, {"h", 3600e9}};
	char *end;
	double n = strtod(s, &end);

	for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
		if (end == s || strcmp(end, units[i].unit) || !(n >= 0) || n * units[i].ns > 1e18)
			continue;
		*ns = (uint64_t)(n * units[i].ns);
		return true;
	}
	return false;
}

static int parse(int argc, char **argv, struct ask *a)
{
	static const struct option options[] = {{"label", required_argument, NULL, 'l'},
	                                        {"timeout", required_argument, NULL, 't'},
	                                        {"help", no_argument, NULL, 'h'},
	                                        {0}};
	int c;

	optind = 1;
	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (c) {
		case 'l':
			a->label = optarg;
			break;
		case 't':
			if (parse_time(optarg, &a->timeout_ns))
				break;
			fprintf(stderr,
			        "outlive: --timeout: '%s' is not a time such as 500ms, 30s, 2m\n",
			        optarg);
			return EXIT_USAGE;
		case 'h':
			fputs(usage, stdout);
			return EXIT_CLEAN;
		default:
			fputs("Try `outlive snapshot --help`.\n", stderr);
			return EXIT_USAGE;
		}
	}
	if (optind < argc)
		return -1;
	fputs("outlive: snapshot of which process? Name its pid; see `outlive snapshot --help`.\n",
	      stderr);
	return EXIT_USAGE;
}

int cmd_snapshot(int argc, char **argv)
{
	struct ask a = {.label = "", .timeout_ns = UINT64_C(30000000000)};
	int status = parse(argc, argv, &a);

	if (status >= 0)
		return status;
	status = EXIT_CLEAN;
	for (int i = optind; i < argc; i++) {
		char *end, *path = NULL;
		struct err err = {{0}};
		long pid = strtol(argv[i], &end, 10);
		if (*end || end == argv[i] || pid < 1 || pid > INT32_MAX) {
			fprintf(stderr, "outlive: '%s' is not a pid\n", argv[i]);
			status = EXIT_USAGE;
			continue;
		}
		if (ask_snapshot((pid_t)pid, &a, &path, &err)) {
			fputs("outlive: ", stderr);
			print_safe(stderr, err.text);
			fputc('\n', stderr);
			status = status ? status : EXIT_UNREADABLE;
			continue;
		}
		printf("%s\n", path);
		fflush(stdout);
		free(path);
	}
	return status;
}
