/*
 * run_summary.c - finds the snapshots that a run has written, and says the little that a person
 * needs first.
 *
 * A snapshot belongs to the run when its name is new, and it was written under the very same
 * OUTLIVE_OPTIONS by a process that started after us: another run may use the same folder at the
 * same time.
 */
#include "run_summary.h"

#include <glob.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "profile.h"
#include "settings.h"

/* A program with thousands of children is not worth thousands of files read: the rest is believed
 * by its name. */
#define MAX_LOADED 64

/* The files of one process. */
struct process {
	long pid;
	const char *first,
	        *last; /* by sequence; of an image that others followed (exec), the last one's */
	unsigned long sequence_first, sequence_last;
	unsigned n;
};

struct found {
	glob_t files;
	struct process *process;
	size_t n_processes, n_files;
	struct snapshot *main; /* the last of the command itself; NULL: none */
};

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void run_summary_begin(struct run_summary *s, const char *out)
{
	char *escaped = settings_glob(out);
	struct timespec now;
	glob_t g;

	*s = (struct run_summary){0};
	s->pattern = xasprintf("%s/outlive.*.*.*.snap", escaped);
	free(escaped);
	if (!glob(s->pattern, GLOB_NOSORT, NULL, &g)) {
		s->before = xcalloc(g.gl_pathc, sizeof *s->before);
		for (; s->n_before < g.gl_pathc; s->n_before++)
			s->before[s->n_before] = xstrdup(g.gl_pathv[s->n_before]);
		qsort(s->before, s->n_before, sizeof *s->before, by_text);
		globfree(&g);
	}
	clock_gettime(CLOCK_REALTIME, &now);
	s->start_ns = (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

void run_summary_free(struct run_summary *s)
{
	for (size_t i = 0; i < s->n_before; i++)
		free(s->before[i]);
	free(s->before);
	free(s->pattern);
}

/* outlive.<command>.<pid>.<sequence>.snap: the command may hold dots, so from the end. */
static bool parse_name(const char *path, long *pid, unsigned long *sequence)
{
	char name[NAME_MAX + 1], *end;
	const char *slash = strrchr(path, '/');

	snprintf(name, sizeof name, "%s", slash ? slash + 1 : path);
	char *dot = strrchr(name, '.'); /* of ".snap" */
	if (!dot)
		return false;
	*dot = 0;
	dot = strrchr(name, '.');
	if (!dot)
		return false;
	*sequence = strtoul(dot + 1, &end, 10);
	*dot = 0;
	dot = strrchr(name, '.');
	if (!dot || *end)
		return false;
	*pid = strtol(dot + 1, &end, 10);
	return !*end && end != dot + 1;
}

static void add_file(struct found *f, const char *path)
{
	unsigned long sequence;
	long pid;
	size_t i = 0;

	if (!parse_name(path, &pid, &sequence))
		return;
	while (i < f->n_processes && f->process[i].pid != pid)
		i++;
	if (i == f->n_processes) {
		f->process = xrealloc(f->process, (i + 1) * sizeof *f->process);
		f->process[f->n_processes++] =
		        (struct process){.pid = pid, .sequence_first = ULONG_MAX};
	}
	struct process *p = &f->process[i];
	p->n++;
	if (sequence < p->sequence_first) {
		p->sequence_first = sequence;
		p->first = path;
	}
	if (sequence >= p->sequence_last) {
		p->sequence_last = sequence;
		p->last = path;
	}
}

/* The last snapshot of p when it is of this run, else NULL. */
static struct snapshot *load_ours(const struct run_summary *s, const struct process *p,
                                  const char *options)
{
	struct snapshot *snap;

	if (load_snapshot_info(p->last, &snap, NULL))
		return NULL;
	/* A process's clock starts a little before its first hook reads it; ours has another
	 * source. Allow a second. */
	uint64_t start = INFO_U(&snap->info, START_TIME);
	if (!strcmp(INFO_S(&snap->info, OPTIONS), options) &&
	    start + UINT64_C(1000000000) >= s->start_ns)
		return snap;
	snapshot_free(snap);
	return NULL;
}

static void find(const struct run_summary *s, const struct child *child, const char *options,
                 struct found *f)
{
	size_t kept = 0;

	*f = (struct found){0};
	if (glob(s->pattern, 0, NULL, &f->files))
		f->files.gl_pathc = 0;
	for (size_t i = 0; i < f->files.gl_pathc; i++)
		if (!s->n_before || !bsearch(&f->files.gl_pathv[i], s->before, s->n_before,
		                             sizeof *s->before, by_text))
			add_file(f, f->files.gl_pathv[i]);
	for (size_t i = 0; i < f->n_processes; i++) {
		struct process p = f->process[i];
		bool is_main = p.pid == child->pid;
		struct snapshot *snap =
		        is_main || i < MAX_LOADED ? load_ours(s, &p, options) : NULL;
		if (!snap && (is_main || i < MAX_LOADED))
			continue;
		snapshot_free(snap);
		if (is_main && load_snapshot(p.last, &f->main, NULL))
			f->main = NULL;
		f->process[kept++] = p;
		f->n_files += p.n;
	}
	f->n_processes = kept;
}

/* ---- words ---- */

/* As a person would type it here: without the current folder, quoted for the shell where needed. */
static void print_path(FILE *f, const char *path)
{
	char cwd[PATH_MAX];
	size_t n = getcwd(cwd, sizeof cwd) ? strlen(cwd) : 0;

	if (n && !strncmp(path, cwd, n) && path[n] == '/')
		path += n + 1;
	bool plain = !strpbrk(path, " \t\n'\"\\$`!*?[]{}()<>|&;#~");
	if (plain) {
		print_safe(f, path);
		return;
	}
	fputc('\'', f);
	for (const char *c = path; *c; c++) {
		char text[2] = {*c, 0};
		if (*c == '\'')
			fputs("'\\''", f);
		else
			print_safe(f, text);
	}
	fputc('\'', f);
}

static const char *when(uint64_t reason)
{
	switch (reason) {
	case FMT_REASON_EXIT:
	case FMT_REASON_QUICK_EXIT:
		return "at exit";
	case FMT_REASON_ABORT:
		return "when it aborted";
	case FMT_REASON_SIGNAL:
		return "when a signal ended it";
	default:
		return "at its last snapshot; its end was not seen";
	}
}

static void print_live(FILE *f, const struct snapshot *s, pid_t pid)
{
	int64_t sum[N_COLUMNS] = {0};
	char count[32], size[32];

	for (uint32_t i = 0; i < s->n_samples; i++)
		for (int c = 0; c < N_COLUMNS; c++)
			sum[c] = add_sat(sum[c], s->sample[i].value[c]);
	fputs("outlive: ", f);
	print_safe(f, INFO_S(&s->info, COMMAND));
	fprintf(f, " (pid %d): ", (int)pid);
	if (sum[ALLOC_OBJECTS])
		fprintf(f, "%s blocks, %s live %s\n", human_count(count, sum[INUSE_OBJECTS]),
		        human_bytes(size, sum[INUSE_SPACE]), when(INFO_U(&s->info, REASON)));
	else
		fputs("not one allocation was seen: it makes none, or by an allocator of its own\n",
		      f);
	uint64_t lost = snapshot_lost(s);
	if (lost)
		fprintf(f, "outlive: %s events were lost; outlive info says why\n",
		        human_count(count, (int64_t)lost));
}

/* Ends the sentence that begins with what was not seen. */
static void print_why(FILE *f, const struct command *command, const struct child *child,
                      const char *options)
{
	char *only = settings_get(options, "only");

	if (command->blind)
		fputs(", for the reason above", f);
	else if (WIFSIGNALED(child->status) && WTERMSIG(child->status) == SIGKILL)
		fputs("; SIGKILL ended it and left no time for a snapshot (--interval 30s writes "
		      "on the way)",
		      f);
	else if (only && *only)
		fputs("; perhaps --only leaves it out", f);
	else
		fputs("; perhaps liboutlive.so was never loaded (a static or setuid program, or a "
		      "wrapper that "
		      "clears LD_PRELOAD, such as sudo), or the folder cannot be written",
		      f);
	fputs(". This says nothing about leaks.\n", f);
	free(only);
}

static void print_unseen(FILE *f, const struct command *command, const struct child *child,
                         const char *options)
{
	fputs("outlive: NOTHING WAS SEEN of ", f);
	print_safe(f, command->path);
	fprintf(f, " (pid %d)", (int)child->pid);
	print_why(f, command, child, options);
}

/* It was seen until it became another program, which was not. */
static void print_unseen_image(FILE *f, const struct snapshot *last, const struct command *command,
                               const struct child *child, const char *options)
{
	fputs("outlive: ", f);
	print_safe(f, INFO_S(&last->info, COMMAND));
	fprintf(f, " (pid %d) became another program by exec, and NOTHING WAS SEEN of that",
	        (int)child->pid);
	print_why(f, command, child, options);
}

static const struct process *process_of(const struct found *f, pid_t pid)
{
	for (size_t i = 0; i < f->n_processes; i++)
		if (f->process[i].pid == pid)
			return &f->process[i];
	return NULL;
}

static void print_files(FILE *f, const struct found *found, const struct process *p)
{
	if (found->n_files == 1)
		fputs("outlive: 1 snapshot: ", f);
	else
		fprintf(f, "outlive: %zu snapshots of %zu process%s, the last: ", found->n_files,
		        found->n_processes, found->n_processes == 1 ? "" : "es");
	print_path(f, p->last);
	fputs("\noutlive: next: outlive ", f);
	/* Two snapshots of one image can be told apart: what grew. */
	if (p->n > 1) {
		fputs("diff ", f);
		print_path(f, p->first);
		fputc(' ', f);
	} else {
		fputs("top ", f);
	}
	print_path(f, p->last);
	fputc('\n', f);
}

void run_summary_print(struct run_summary *s, FILE *f, const struct command *command,
                       const struct child *child, const char *options)
{
	struct found found;

	find(s, child, options, &found);
	const struct process *p = process_of(&found, child->pid);
	bool is_exec = found.main && INFO_U(&found.main->info, REASON) == FMT_REASON_EXEC;
	if (is_exec)
		print_unseen_image(f, found.main, command, child, options);
	else if (found.main && !command->blind)
		print_live(f, found.main, child->pid);
	else
		print_unseen(f, command, child, options);
	if (found.n_processes)
		print_files(f, &found, p ? p : &found.process[0]);
	snapshot_free(found.main);
	free(found.process);
	globfree(&found.files);
}
