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

#include "residue.h"
#include "settings.h"
#include "typed.h"

/* A program with thousands of children is not worth thousands of files read: the rest is believed
 * by its name. */
#define MAX_LOADED 64

/* The files of one image of a process: exec makes another of the same pid, mostly by another name.
 */
struct image {
	long pid;
	size_t stem;              /* length of the path up to the pid */
	const char *first, *last; /* by sequence */
	unsigned long sequence_first, sequence_last;
	unsigned n;
	uint64_t time_ns; /* of the last */
};

struct found {
	glob_t files;
	struct image *image;
	size_t n_images, n_files, n_processes;
	const struct image *main; /* the last image of the command itself; NULL: none */
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
static bool parse_name(const char *path, struct image *image, unsigned long *sequence)
{
	const char *dot[3] = {path + strlen(path)};
	char *end;

	for (int i = 0; i < 3; i++) {
		const char *from = i ? dot[i - 1] : dot[0];
		dot[i] = memrchr(path, '.', (size_t)(from - path));
		if (!dot[i])
			return false;
	}
	*sequence = strtoul(dot[1] + 1, &end, 10);
	if (end != dot[0])
		return false;
	image->pid = strtol(dot[2] + 1, &end, 10);
	image->stem = (size_t)(dot[1] - path);
	return end == dot[1];
}

/* Files come sorted by name, so those of an image come together. */
static void add_file(struct found *f, const char *path)
{
	struct image new = {.first = path, .last = path}, *last;
	unsigned long sequence;

	if (!parse_name(path, &new, &sequence))
		return;
	last = f->n_images ? &f->image[f->n_images - 1] : NULL;
	if (!last || last->stem != new.stem || memcmp(last->first, path, new.stem)) {
		new.sequence_first = new.sequence_last = sequence;
		f->image = xrealloc(f->image, (f->n_images + 1) * sizeof *f->image);
		last = &f->image[f->n_images++];
		*last = new;
	}
	last->n++;
	if (sequence < last->sequence_first) {
		last->sequence_first = sequence;
		last->first = path;
	}
	if (sequence > last->sequence_last) {
		last->sequence_last = sequence;
		last->last = path;
	}
}

/* True when the image's last snapshot is of this run; fills in its time. */
static bool is_ours(const struct run_summary *s, struct image *image, const char *options)
{
	struct snapshot *snap;

	if (load_snapshot_info(image->last, &snap, NULL))
		return false;
	image->time_ns = INFO_U(&snap->info, TIME);
	/* A process works its start out from two clocks. Allow a second. */
	uint64_t start = INFO_U(&snap->info, START_TIME);
	bool ours = !strcmp(INFO_S(&snap->info, OPTIONS), options) &&
	            start + UINT64_C(1000000000) >= s->start_ns;
	snapshot_free(snap);
	return ours;
}

static bool is_new_process(const struct found *f, size_t n, long pid)
{
	for (size_t i = 0; i < n; i++)
		if (f->image[i].pid == pid)
			return false;
	return true;
}

static void find(const struct run_summary *s, const struct child *child, const char *options,
                 struct found *f)
{
	size_t kept = 0, main = SIZE_MAX;

	*f = (struct found){0};
	if (glob(s->pattern, GLOB_NOSORT, NULL, &f->files))
		f->files.gl_pathc = 0;
	/* By bytes, not as a locale has it: names of one image must come together. */
	qsort(f->files.gl_pathv, f->files.gl_pathc, sizeof *f->files.gl_pathv, by_text);
	for (size_t i = 0; i < f->files.gl_pathc; i++)
		if (!s->n_before || !bsearch(&f->files.gl_pathv[i], s->before, s->n_before,
		                             sizeof *s->before, by_text))
			add_file(f, f->files.gl_pathv[i]);
	for (size_t i = 0; i < f->n_images; i++) {
		struct image image = f->image[i];
		bool is_main = image.pid == child->pid;
		if ((is_main || i < MAX_LOADED) && !is_ours(s, &image, options))
			continue;
		if (is_main && (main == SIZE_MAX || image.time_ns > f->image[main].time_ns))
			main = kept;
		f->n_processes += kept > MAX_LOADED || is_new_process(f, kept, image.pid);
		f->n_files += image.n;
		f->image[kept++] = image;
	}
	f->n_images = kept;
	f->main = main == SIZE_MAX ? NULL : &f->image[main];
}

/* ---- words ---- */

static void print_path(FILE *f, const char *path)
{
	char *typed = typed_path(path);

	print_safe(f, typed);
	free(typed);
}

/* Threads, timers, descriptors and heap that it has left behind. */
static void print_residue(FILE *f, struct snapshot *s, const char *path)
{
	char *typed = typed_path(path);
	struct err err;

	if (residue_summary(f, s, typed, &err)) {
		fputs("outlive: ", f);
		print_safe(f, err.text);
		fputc('\n', f);
	}
	free(typed);
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
	if (*INFO_S(&s->info, UNSEEN)) {
		fputs("its heap was NOT SEEN: malloc is that of ", f);
		print_safe(f, INFO_S(&s->info, UNSEEN));
		fputs(", which stands before liboutlive.so. This says nothing about leaks.\n", f);
		return;
	}
	if (sum[ALLOC_OBJECTS])
		fprintf(f, "%s%s blocks, %s live %s\n", INFO_U(&s->info, SAMPLE) ? "about " : "",
		        human_count(count, sum[INUSE_OBJECTS]), human_bytes(size, sum[INUSE_SPACE]),
		        when(INFO_U(&s->info, REASON)));
	else if (INFO_U(&s->info, SAMPLE))
		fputs("none of its allocations was in the sample\n", f);
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

/* True when the first and the last snapshot are of one image, so that their difference says what
 * grew. */
static bool can_diff(const struct image *image)
{
	struct snapshot *a = NULL, *b = NULL;
	bool same = image->n > 1 && !load_snapshot_info(image->first, &a, NULL) &&
	            !load_snapshot_info(image->last, &b, NULL) && snapshot_same_run(a, b);

	snapshot_free(a);
	snapshot_free(b);
	return same;
}

static void print_files(FILE *f, const struct found *found)
{
	const struct image *image = found->main ? found->main : &found->image[0];

	if (found->n_files == 1)
		fputs("outlive: 1 snapshot: ", f);
	else
		fprintf(f, "outlive: %zu snapshots of %zu process%s, the last: ", found->n_files,
		        found->n_processes, found->n_processes == 1 ? "" : "es");
	print_path(f, image->last);
	fputs("\noutlive: next: outlive ", f);
	if (can_diff(image)) {
		fputs("diff ", f);
		print_path(f, image->first);
		fputc(' ', f);
	} else {
		fputs("top ", f);
	}
	print_path(f, image->last);
	fputc('\n', f);
}

void run_summary_print(struct run_summary *s, FILE *f, const struct command *command,
                       const struct child *child, const char *options)
{
	struct snapshot *main = NULL;
	struct found found;

	find(s, child, options, &found);
	if (found.main && load_snapshot(found.main->last, &main, NULL))
		main = NULL;
	if (main && INFO_U(&main->info, REASON) == FMT_REASON_EXEC) {
		print_unseen_image(f, main, command, child, options);
	} else if (main && !command->blind) {
		print_live(f, main, child->pid);
		print_residue(f, main, found.main->last);
	} else {
		print_unseen(f, command, child, options);
	}
	if (found.n_images)
		print_files(f, &found);
	snapshot_free(main);
	free(found.image);
	globfree(&found.files);
}
