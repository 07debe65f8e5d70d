/*
 * run_status.c - one line that is drawn over, on a terminal; and a line each so often, as Go
 * programs print their MemStats.
 *
 * The terminal is the command's. Nothing is drawn while a program has it in a mode of its own (an
 * editor, a shell), nor while the command writes; the cursor is left where the line begins.
 */
#include "run_status.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define SECOND UINT64_C(1000000000)

struct figures {
	bool heap; /* is known */
	uint64_t allocs, alloc_bytes, frees, free_bytes;
	uint64_t rss, threads, fds, snapshots;
};

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * SECOND + (uint64_t)t.tv_nsec;
}

int run_status_parse(const char *value, void *to, struct err *err)
{
	struct run_status *s = to;
	const char *comma = strchr(value, ',');
	char *time =
	        xasprintf("%.*s", (int)(comma ? comma - value : (ptrdiff_t)strlen(value)), value);
	bool good = parse_time(time, &s->stats_ns) && s->stats_ns >= SECOND / 10 &&
	            !(comma && !comma[1]);

	free(time);
	if (!good)
		return err_set(err,
		               "--stats is a time of at least 100ms, and perhaps a file: 5s, or "
		               "5s,stats.txt; not \"%s\"",
		               value);
	free(s->stats_file);
	s->stats_file = comma ? xstrdup(comma + 1) : NULL;
	return 0;
}

/* ---- figures ---- */

/* A number behind `key` in a file of /proc; 0 when it is not there. */
static uint64_t proc_number(pid_t pid, const char *file, const char *key)
{
	char path[64], line[256];
	uint64_t n = 0;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	FILE *f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, key, strlen(key)))
			n = strtoull(line + strlen(key), NULL, 10);
	if (f)
		fclose(f);
	return n;
}

static uint64_t count_fds(pid_t pid)
{
	char path[64];
	uint64_t n = 0;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	DIR *d = opendir(path);
	for (struct dirent *e; d && (e = readdir(d));)
		n += e->d_name[0] != '.';
	if (d)
		closedir(d);
	return n;
}

/* The page of what the process is now: an exec makes another one. */
static struct fmt_control *page_of(struct run_status *s, pid_t pid)
{
	if (s->has_target && (!s->target.control || target_check_control(&s->target, NULL) ||
	                      s->target.control->state == FMT_CONTROL_OFF)) {
		target_close(&s->target);
		s->has_target = false;
	}
	if (!s->has_target) {
		s->has_target = true;
		if (!target_open(&s->target, pid, NULL))
			target_open_control(&s->target, NULL);
	}
	return s->target.control;
}

/* What was asked for at the last look, and asks anew. */
static void read_heap(struct run_status *s, struct fmt_control *c, struct figures *f)
{
	uint32_t given = __atomic_load_n(&c->counts_given, __ATOMIC_ACQUIRE);

	f->heap = given != 0;
	f->allocs = c->allocs;
	f->alloc_bytes = c->alloc_bytes;
	f->frees = c->frees;
	f->free_bytes = c->free_bytes;
	f->snapshots = c->sequence;
	if (!s->asked || given == __atomic_load_n(&c->counts_asked, __ATOMIC_RELAXED))
		s->asked = __atomic_add_fetch(&c->counts_asked, 1, __ATOMIC_ACQ_REL);
}

static void read_figures(struct run_status *s, pid_t pid, struct figures *f)
{
	struct fmt_control *c = page_of(s, pid);

	*f = (struct figures){.threads = proc_number(pid, "status", "Threads:"),
	                      .fds = count_fds(pid)};
	/* Last: the kernel takes memory before descriptors from who ends. */
	f->rss = proc_number(pid, "status", "VmRSS:") * 1024;
	if (c)
		read_heap(s, c, f);
}

static uint64_t less(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

/* ---- the line that is drawn over ---- */

/* True while a program reads keys as they come, or does not want to see them. */
static bool is_taken(void)
{
	struct termios t;

	return tcgetattr(STDERR_FILENO, &t) || !(t.c_lflag & ICANON) || !(t.c_lflag & ECHO) ||
	       tcgetpgrp(STDERR_FILENO) != getpgrp();
}

/* True when it wrote something since the last look, and on this terminal, for all we know. */
static bool has_written(struct run_status *s, pid_t pid)
{
	uint64_t written = proc_number(pid, "io", "wchar:"), before = s->written;

	s->written = written;
	return isatty(STDOUT_FILENO) && written != before;
}

static void wipe(struct run_status *s)
{
	if (s->drawn)
		fputs("\r\033[K", stderr);
	s->drawn = false;
}

static void draw(struct run_status *s, pid_t pid, const struct figures *f)
{
	char time[32], live[32], rss[32];
	struct winsize size = {0};
	struct str line = {0};

	if (is_taken() || has_written(s, pid))
		return;
	str_addf(&line, "outlive: %s", human_ns(time, (now_ns() - s->start_ns) / SECOND * SECOND));
	if (f->heap)
		str_addf(&line, ", %s live",
		         human_bytes(live, (int64_t)less(f->alloc_bytes, f->free_bytes)));
	str_addf(&line, ", RSS %s, %llu thread%s, %llu fds, %llu snapshot%s",
	         human_bytes(rss, (int64_t)f->rss), (unsigned long long)f->threads,
	         f->threads == 1 ? "" : "s", (unsigned long long)f->fds,
	         (unsigned long long)f->snapshots, f->snapshots == 1 ? "" : "s");
	/* A line that wraps could not be drawn over. */
	size_t columns = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) || !size.ws_col ? 80 : size.ws_col;
	fprintf(stderr, "\r\033[K%.*s\r", (int)columns - 1, line.data);
	fflush(stderr);
	s->drawn = true;
	str_free(&line);
}

/* ---- the line each so often ---- */

/* Exact in a file, for a person elsewhere. */
static void put_bytes(const struct run_status *s, const char *name, uint64_t n)
{
	char text[32];

	if (s->stats_file)
		fprintf(s->out, "\t%s = %llu", name, (unsigned long long)n);
	else
		fprintf(s->out, "\t%s = %s", name, human_bytes(text, (int64_t)n));
}
static void put_count(const struct run_status *s, const char *name, uint64_t n)
{
	fprintf(s->out, "\t%s = %llu", name, (unsigned long long)n);
}

static void put_stats(struct run_status *s, const struct figures *f)
{
	fprintf(s->out, "outlive: %.1fs", (double)(now_ns() - s->start_ns) / 1e9);
	if (f->heap) {
		put_bytes(s, "Alloc", less(f->alloc_bytes, f->free_bytes));
		put_bytes(s, "TotalAlloc", f->alloc_bytes);
		put_count(s, "Mallocs", f->allocs);
		put_count(s, "Frees", f->frees);
		put_count(s, "HeapObjects", less(f->allocs, f->frees));
	}
	put_bytes(s, "RSS", f->rss);
	put_count(s, "Threads", f->threads);
	put_count(s, "FDs", f->fds);
	put_count(s, "Snapshots", f->snapshots);
	fputc('\n', s->out);
	fflush(s->out);
}

static void look(void *ctx, pid_t pid)
{
	struct run_status *s = ctx;
	uint64_t now = now_ns();
	struct figures f;

	read_figures(s, pid, &f);
	if (!f.rss) /* it is on its way out: these are nobody's figures any more */
		return;
	if (s->stats_ns && now >= s->next_stats_ns) {
		wipe(s);
		put_stats(s, &f);
		s->next_stats_ns += s->stats_ns;
		if (s->next_stats_ns <= now)
			s->next_stats_ns = now + s->stats_ns;
	}
	if (s->line && now - s->start_ns >= 2 * SECOND)
		draw(s, pid, &f);
}

int run_status_begin(struct run_status *s, const struct child_watch **watch, struct err *err)
{
	const char *term = getenv("TERM");

	*watch = NULL;
	s->line = !s->off && isatty(STDERR_FILENO) && term && *term && strcmp(term, "dumb") != 0;
	s->start_ns = now_ns();
	s->next_stats_ns = s->start_ns + s->stats_ns;
	s->out = stderr;
	if (s->stats_ns && s->stats_file) {
		s->out = fopen(s->stats_file, "ae");
		if (!s->out)
			return err_set(err, "%s: %s", s->stats_file, strerror(errno));
	}
	if (!s->line && !s->stats_ns)
		return 0;
	uint64_t each = s->stats_ns && s->stats_ns < SECOND ? s->stats_ns : SECOND;
	s->watch = (struct child_watch){.interval_ns = each, .fn = look, .ctx = s};
	*watch = &s->watch;
	return 0;
}

void run_status_end(struct run_status *s)
{
	wipe(s);
	if (s->has_target)
		target_close(&s->target);
	if (s->out && s->out != stderr)
		fclose(s->out);
	free(s->stats_file);
	s->stats_file = NULL;
	s->out = NULL;
	s->has_target = false;
}
