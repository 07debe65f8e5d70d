/*
 * cmd_export.c - `outlive export`: snapshots as files for other tools: pprof's profile.proto,
 * folded stacks.
 *
 * Files appear whole or not at all: written beside their place, then renamed.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd.h"
#include "out.h"
#include "profile.h"
#include "symbolize.h"

static const char usage[] =
        "usage: outlive export [--format pprof|folded] [-o FILE] SNAPSHOT...\n"
        "\n"
        "  --format pprof     gzip profile.proto for `go tool pprof` (default), into SNAPSHOT's "
        "name\n"
        "                     with .pb.gz for .snap, in the current folder; prints the path\n"
        "  --format folded    one line a stack for flame graphs: \"main;run;parse 4096\", to "
        "stdout\n"
        "  -o, --output FILE  write there; - is stdout\n"
        "  --column COLUMN    alloc_objects, alloc_space, inuse_objects or inuse_space (default): "
        "the values of\n"
        "                     folded, and what pprof shows first; also --sort\n"
        "  --focus REGEX      only stacks with a function, file or module that matches\n"
        "  --ignore REGEX     no stacks with one\n"
        "  --raw              with allocation wrappers (operator new, xmalloc ...) at the end of "
        "stacks\n"
        "\n"
        "  go tool pprof -top -sample_index=alloc_space -diff_base first.pb.gz second.pb.gz\n";

struct export
{
	bool folded;
	const char *output; /* NULL: by the snapshot's name, or stdout */
	struct profile_options profile;
	struct out_options out;
};

static bool parse_column(const char *name, enum column *column)
{
	struct err err;

	if (!column_parse(name, column, &err))
		return true;
	fputs("outlive: ", stderr);
	print_safe(stderr, err.text);
	fputc('\n', stderr);
	return false;
}

static bool parse_format(const char *name, struct export *e)
{
	e->folded = !strcmp(name, "folded");
	if (e->folded || !strcmp(name, "pprof"))
		return true;
	fputs("outlive: export knows the formats pprof and folded\n", stderr);
	return false;
}

/* -1: go on with the operands from optind; else an exit status. */
static int parse(int argc, char **argv, struct export *e)
{
	static const struct option options[] = {{"format", required_argument, NULL, 'f'},
	                                        {"output", required_argument, NULL, 'o'},
	                                        {"column", required_argument, NULL, 'c'},
	                                        {"sort", required_argument, NULL, 'c'},
	                                        {"focus", required_argument, NULL, 'F'},
	                                        {"ignore", required_argument, NULL, 'I'},
	                                        {"raw", no_argument, NULL, 'r'},
	                                        {"help", no_argument, NULL, 'h'},
	                                        {0}};
	bool ok = true;
	int c;

	optind = 1;
	while (ok && (c = getopt_long(argc, argv, "o:h", options, NULL)) != -1) {
		switch (c) {
		case 'f':
			ok = parse_format(optarg, e);
			break;
		case 'o':
			e->output = optarg;
			break;
		case 'c':
			ok = parse_column(optarg, &e->out.sort);
			break;
		case 'F':
			e->profile.focus = optarg;
			break;
		case 'I':
			e->profile.ignore = optarg;
			break;
		case 'r':
			e->profile.raw = e->out.raw = true;
			break;
		case 'h':
			fputs(usage, stdout);
			return EXIT_CLEAN;
		default:
			ok = false;
		}
	}
	e->profile.sort = e->out.sort;
	if (ok && optind == argc) {
		fputs("outlive: export which snapshot? Name its file.\n", stderr);
		ok = false;
	}
	if (ok && e->output && argc - optind > 1 && strcmp(e->output, "-")) {
		fputs("outlive: -o names one file, for one snapshot\n", stderr);
		ok = false;
	}
	if (ok)
		return -1;
	fputs("Try `outlive export --help`.\n", stderr);
	return EXIT_USAGE;
}

static int write_to(FILE *f, const struct profile *p, const struct export *e, struct err *err)
{
	return e->folded ? out_folded(f, p, &e->out, err) : out_pprof(f, p, &e->out, err);
}

static int write_stdout(const struct profile *p, const struct export *e, struct err *err)
{
	if (!e->folded && isatty(STDOUT_FILENO))
		return err_set(err, "a pprof file is not for a terminal: -o FILE, or pipe it");
	return write_to(stdout, p, e, err);
}

/* A special file (/dev/null, a pipe) is written to as it is. */
static int write_special(const char *path, const struct profile *p, const struct export *e,
                         struct err *err)
{
	FILE *f = fopen(path, "we");

	if (!f)
		return err_set(err, "%s: %s", path, strerror(errno));
	int result = write_to(f, p, e, err);
	if (fclose(f) && !result)
		result = err_set(err, "%s: %s", path, strerror(errno));
	return result;
}

static int write_file(const char *path, const struct profile *p, const struct export *e,
                      struct err *err)
{
	struct stat st;

	if (!stat(path, &st) && !S_ISREG(st.st_mode))
		return write_special(path, p, e, err);
	char *temp = xasprintf("%s.XXXXXX", path);
	int fd = mkostemp(temp, O_CLOEXEC), result = -1;
	FILE *f = fd < 0 ? NULL : fdopen(fd, "w");
	if (!f) {
		err_set(err, "%s: %s", path, strerror(errno));
	} else {
		/* mkostemp makes it private; a profile is as public as what else we write. */
		mode_t mask = umask(0);
		umask(mask);
		fchmod(fd, 0666 & ~mask);
		result = write_to(f, p, e, err);
		if (fclose(f) && !result)
			result = err_set(err, "%s: %s", path, strerror(errno));
		if (!result && rename(temp, path))
			result = err_set(err, "%s: %s", path, strerror(errno));
		if (result)
			unlink(temp);
	}
	free(temp);
	return result;
}

/* outlive.redis-server.17.1.snap -> outlive.redis-server.17.1.pb.gz, here. To be freed. */
static char *default_name(const char *snapshot)
{
	const char *slash = strrchr(snapshot, '/');
	const char *base = slash ? slash + 1 : snapshot;
	size_t n = strlen(base);

	if (n > 5 && !strcmp(base + n - 5, ".snap"))
		n -= 5;
	return xasprintf("%.*s.pb.gz", (int)n, base);
}

static int write_profile(const char *snapshot, const struct profile *p, const struct export *e,
                         struct err *err)
{
	if (e->output ? !strcmp(e->output, "-") : e->folded)
		return write_stdout(p, e, err);
	char *path = e->output ? xstrdup(e->output) : default_name(snapshot);
	int result = write_file(path, p, e, err);
	if (!result)
		printf("%s\n", path);
	free(path);
	return result;
}

static int export_one(const char *path, const struct export *e, struct err *err)
{
	struct snapshot *snap = NULL;
	struct profile *profile = NULL;
	int result = -1;

	if (load_snapshot(path, &snap, err))
		goto out;
	if (symbolize_snapshot(snap, NULL, err))
		goto out;
	if (profile_top(snap, &e->profile, &profile, err))
		goto out;
	result = write_profile(path, profile, e, err);
out:
	profile_free(profile);
	snapshot_free(snap);
	return result;
}

int cmd_export(int argc, char **argv)
{
	struct export e = {.out.sort = INUSE_SPACE};
	int status = parse(argc, argv, &e);

	if (status >= 0)
		return status;
	status = EXIT_CLEAN;
	for (int i = optind; i < argc; i++) {
		struct err err;
		if (!export_one(argv[i], &e, &err))
			continue;
		fputs("outlive: ", stderr);
		print_safe(stderr, err.text);
		fputc('\n', stderr);
		status = EXIT_UNREADABLE;
	}
	return status;
}
