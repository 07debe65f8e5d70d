/*
 * cmd_serve.c - `outlive serve PID|FOLDER`: Go's addresses, metrics and the report, by HTTP.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd.h"
#include "opt.h"
#include "serve_http.h"
#include "view.h"

struct request {
	const char *where, *token, *token_file;
	char *read_token;
	struct calls calls;
};

/* The first line of the file. */
static int read_token(struct request *r, struct err *err)
{
	char line[512];
	FILE *f = fopen(r->token_file, "re");

	if (!f)
		return err_set(err, "%s: %s", r->token_file, strerror(errno));
	bool got = fgets(line, sizeof(line), f) != NULL;
	fclose(f);
	line[got ? strcspn(line, "\r\n") : 0] = 0;
	r->token = r->read_token = xstrdup(line);
	return 0;
}

/* A pid, or a folder. */
static int choose(const char *word, struct request *r, struct target *t, struct err *err)
{
	struct stat st;

	if (word[strspn(word, "0123456789")]) {
		if (stat(word, &st))
			return err_set(err, "%s: %s", word, strerror(errno));
		if (!S_ISDIR(st.st_mode))
			return err_set(err, "%s is neither a pid nor a folder of snapshots", word);
		r->calls.folder = word;
		return 0;
	}
	long pid = strtol(word, NULL, 10);
	if (pid < 1 || pid > INT32_MAX)
		return err_set(err, "\"%s\" is not a pid", word);
	if (target_open(t, (pid_t)pid, err))
		return -1;
	int loaded = target_has_library(t, err);
	if (loaded < 0)
		return -1;
	if (!loaded)
		return err_set(err,
		               "process %ld (%s) runs without liboutlive.so; start it as `outlive "
		               "run -- COMMAND`, or with LD_PRELOAD=/path/to/liboutlive.so",
		               pid, t->comm);
	r->calls.target = t;
	return 0;
}

static void leave(int status)
{
	_exit(status);
}

static void tell(const struct serve_listen *l)
{
	printf("%s\n", l->url);
	fflush(stdout);
}

static int serve(const char *word, struct request *r)
{
	struct target t = {.pidfd = -1, .lock = -1};
	struct serve_listen l = {.fd = -1};
	struct err err = {{0}};
	bool usage = false;
	int rc = r->token_file ? read_token(r, &err) : 0;

	if (!rc && r->token && strlen(r->token) < 8) {
		usage = true;
		rc = err_set(&err, "a token has at least 8 characters");
	}
	if (!rc)
		rc = choose(word, r, &t, &err);
	if (!rc)
		rc = serve_listen(r->where, r->token != NULL, &l, &usage, &err);
	if (!rc) {
		struct serve_guard guard = {.token = r->token,
		                            .check_host = l.loopback && !r->token};
		r->calls.token = r->token;
		r->calls.no_cache = view_no_cache;
		r->calls.leave = leave;
		rc = serve_http(&r->calls, &guard, &l, tell, &err);
	}
	serve_unlisten(&l);
	target_close(&t);
	free(r->read_token);
	if (!rc)
		return EXIT_CLEAN;
	view_fail("serve", &err);
	return usage ? EXIT_USAGE : EXIT_UNREADABLE;
}

static int parse_timeout(const char *value, void *to, struct err *err)
{
	if (parse_time(value, to))
		return 0;
	return err_set(err, "--timeout is a time such as 500ms, 30s or 2m, not \"%s\"", value);
}

int cmd_serve(int argc, char **argv)
{
	struct request r = {.where = "127.0.0.1:6060", .calls.timeout_ns = UINT64_C(30000000000)};
	const struct opt options[] = {
	        {"listen", 0, OPT_TEXT, &r.where, "WHERE",
	         "ADDRESS:PORT (default 127.0.0.1:6060; port 0: any), or unix:/path (mode 0600);\n"
	         "addresses that other machines can reach only with a token",
	         NULL},
	        {"token", 0, OPT_TEXT, &r.token, "TEXT",
	         "answer only with \"Authorization: Bearer TEXT\" or ?token=TEXT; other users see\n"
	         "the command line: --token-file, rather",
	         NULL},
	        {"token-file", 0, OPT_TEXT, &r.token_file, "FILE", "the token is its first line",
	         NULL},
	        {"timeout", 0, OPT_PARSED, &r.calls.timeout_ns, "TIME",
	         "how long to wait for a snapshot (default 30s; 500ms, 2m)", parse_timeout},
	        {"no-cache", 0, OPT_FLAG, &view_no_cache, NULL,
	         "look all names up anew, and leave ~/.cache/outlive alone", NULL},
	        {0}};
	const struct opt_verb verb = {
	        .verb = "serve",
	        .synopsis = "[OPTION]... PID|FOLDER",
	        .about = "Answers at Go's own addresses for any process with liboutlive.so:\n"
	                 "/debug/pprof/ (heap, allocs, goroutine, threadcreate, fd, timer, "
	                 "cmdline), "
	                 "/metrics for\n"
	                 "Prometheus, / the report. Each answer is of a snapshot that is taken for "
	                 "it. Of a FOLDER\n"
	                 "its newest snapshots are shown. Until SIGTERM or Ctrl-C; prints its "
	                 "address first.",
	        .examples = "outlive serve $(pidof -s nginx)\n"
	                    "go tool pprof -top http://127.0.0.1:6060/debug/pprof/heap\n"
	                    "curl -s 'http://127.0.0.1:6060/debug/pprof/heap?gc=1' -o heap.pb.gz\n"
	                    "outlive serve --listen :6060 --token-file /etc/outlive.token 4711",
	        .least = 1,
	        .most = 1,
	        .operands = "name a process, or a folder of snapshots",
	        .options = options};

	int status = opt_parse(&verb, &argc, argv);
	return status >= 0 ? status : serve(argv[1], &r);
}
