/*
 * cmd_info.c - `outlive info`: who and when, the modules and where their names come from, and what
 * the snapshot can be trusted for.
 */
#include "cmd.h"
#include "document.h"
#include "notes.h"
#include "reach.h"
#include "symbolize.h"
#include "view.h"

#include <stdlib.h>
#include <string.h>

enum { NAME_COLUMN = 2, VALUE_COLUMN = 24 };

static const char *const source_text[] = {
        [SYMBOLS_NONE] = "no names in it",
        [SYMBOLS_NO_FILE] = "its file is not here",
        [SYMBOLS_OTHER_BUILD] = "the file here is another build",
        [SYMBOLS_DYNSYM] = "exported names only (stripped)",
        [SYMBOLS_SYMTAB] = "names, no lines",
        [SYMBOLS_DWARF] = "names, inlines, lines",
};
static const char *const source_key[] = {
        [SYMBOLS_NONE] = "none",
        [SYMBOLS_NO_FILE] = "no_file",
        [SYMBOLS_OTHER_BUILD] = "other_build",
        [SYMBOLS_DYNSYM] = "dynsym",
        [SYMBOLS_SYMTAB] = "symtab",
        [SYMBOLS_DWARF] = "dwarf",
};

/* What is summed up for it. */
struct figures {
	int64_t total[2][N_COLUMNS]; /* by FMT_KIND_* */
	struct reach reach;
	uint64_t *frames; /* by module: its addresses in stacks */
};

/* ---- JSON ---- */

static json_t *module_row(const struct module *m, uint64_t frames)
{
	json_t *o = json_object();

	json_object_set_new(o, "module", document_text(m->path));
	json_object_set_new(o, "build_id", document_text(m->build_id));
	json_object_set_new(o, "symbols", json_string(source_key[symbolize_source(m)]));
	json_object_set_new(o, "frames", document_number(frames));
	json_object_set_new(o, "main", json_boolean(m->flags & FMT_MODULE_MAIN));
	json_object_set_new(o, "unloaded", json_boolean(m->flags & FMT_MODULE_UNLOADED));
	json_object_set_new(o, "start", document_number(m->start));
	json_object_set_new(o, "end", document_number(m->end));
	return o;
}

static json_t *settings(const struct snapshot *s)
{
	json_t *o = json_object();

	json_object_set_new(o, "format_major", document_number(s->major));
	json_object_set_new(o, "format_minor", document_number(s->minor));
	json_object_set_new(o, "file_bytes", document_number(s->file_bytes));
	json_object_set_new(o, "version", document_text(INFO_S(&s->info, VERSION)));
	json_object_set_new(o, "options", document_text(INFO_S(&s->info, OPTIONS)));
	json_object_set_new(o, "allocator", document_text(INFO_S(&s->info, ALLOCATOR)));
	json_object_set_new(o, "cwd", document_text(INFO_S(&s->info, CWD)));
	json_object_set_new(o, "boot_id", document_text(INFO_S(&s->info, BOOT_ID)));
	json_object_set_new(o, "uid", document_number(INFO_U(&s->info, UID)));
	json_object_set_new(o, "depth", document_number(INFO_U(&s->info, DEPTH)));
	json_object_set_new(o, "sample", document_number(INFO_U(&s->info, SAMPLE)));
	json_object_set_new(o, "forked", json_boolean(INFO_U(&s->info, FORKED) != 0));
	json_object_set_new(o, "signal",
	                    INFO_U(&s->info, SIGNAL) ? document_number(INFO_U(&s->info, SIGNAL))
	                                             : json_null());
	return o;
}

static json_t *totals_of(const int64_t total[2][N_COLUMNS])
{
	json_t *o = json_object();

	json_object_set_new(o, "heap", document_columns(total[FMT_KIND_HEAP]));
	json_object_set_new(o, "mmap", document_columns(total[FMT_KIND_MMAP]));
	return o;
}

static int print_json(const struct snapshot *s, const struct figures *f, struct err *err)
{
	struct document d = {.file = stdout};

	document_put(&d, "snapshot", document_snapshot(s));
	document_put(&d, "audit", document_audit(s));
	document_put(&d, "settings", settings(s));
	document_put(&d, "totals", totals_of(f->total));
	document_put(&d, "reach", reach_scan_json(s, &f->reach));
	document_open_rows(&d, "rows");
	for (uint32_t i = 1; i < s->n_modules; i++)
		document_row(&d, module_row(&s->module[i], f->frames[i]));
	document_close_rows(&d);
	return document_end(&d, err);
}

/* ---- text ---- */

static void line(struct page *page, const char *name, const char *value)
{
	if (!*value)
		return;
	page_pad(page, NAME_COLUMN);
	page_add(page, STYLE_DIM, name);
	page_pad(page, VALUE_COLUMN);
	page_add(page, STYLE_PLAIN, value);
	page_end_line(page);
}

static void linef(struct page *page, const char *name, const char *fmt, ...)
        __attribute__((format(printf, 3, 4)));
static void linef(struct page *page, const char *name, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	line(page, name, text);
}

static void head(struct page *page, const char *text)
{
	page_end_line(page);
	page_add(page, STYLE_BOLD, text);
	page_end_line(page);
}

static void print_who(struct page *page, const struct snapshot *s)
{
	const struct info *i = &s->info;
	char date[32], age[32], size[32], sequence[40];

	snprintf(sequence, sizeof(sequence), ", snapshot %llu",
	         (unsigned long long)INFO_U(i, SEQUENCE));
	notes_who(page, s, sequence);
	linef(page, "file", "%s (%s, format %u.%u)", s->path,
	      human_bytes(size, (int64_t)s->file_bytes), s->major, s->minor);
	linef(page, "written", "%s UTC %s, %s after the start",
	      utc_time(date, INFO_U(i, TIME), ' '), snapshot_reason_text(s),
	      human_ns(age, INFO_U(i, UPTIME)));
	line(page, "label", INFO_S(i, LABEL));
	if (INFO_U(i, BEFORE_FILTER))
		line(page, "from here on",
		     "nothing was seen, nor what it started: it set a seccomp filter, which may "
		     "kill for what a profiler asks of the kernel");
	line(page, "command", INFO_S(i, CMDLINE));
	line(page, "program", INFO_S(i, EXE));
	line(page, "processor", INFO_S(i, MACHINE));
	line(page, "folder", INFO_S(i, CWD));
	linef(page, "process", "parent %llu, user %llu%s", (unsigned long long)INFO_U(i, PPID),
	      (unsigned long long)INFO_U(i, UID), INFO_U(i, FORKED) ? ", came by fork" : "");
	if (INFO_U(i, SIGNAL))
		linef(page, "signal", "%llu", (unsigned long long)INFO_U(i, SIGNAL));
	linef(page, "liboutlive.so", "%s%s%s", INFO_S(i, VERSION),
	      *INFO_S(i, OPTIONS) ? ", OUTLIVE_OPTIONS=" : "", INFO_S(i, OPTIONS));
	if (INFO_U(i, SAMPLE))
		linef(page, "counted",
		      "of the heap a sample, one allocation in %llu bytes (%s); all else whole; "
		      "stacks of up to %llu frames",
		      (unsigned long long)INFO_U(i, SAMPLE),
		      human_bytes(size, (int64_t)INFO_U(i, SAMPLE)),
		      (unsigned long long)INFO_U(i, DEPTH));
	else
		linef(page, "counted", "every event; stacks of up to %llu frames",
		      (unsigned long long)INFO_U(i, DEPTH));
}

static void print_totals(struct page *page, const char *kind, const int64_t v[N_COLUMNS])
{
	char a[32], b[32], c[32], d[32];

	if (v[ALLOC_OBJECTS])
		linef(page, kind, "%s in use in %s blocks; %s allocated in %s blocks",
		      human_bytes(a, v[INUSE_SPACE]), human_count(b, v[INUSE_OBJECTS]),
		      human_bytes(c, v[ALLOC_SPACE]), human_count(d, v[ALLOC_OBJECTS]));
}

static void count(struct page *page, const struct snapshot *s, unsigned key, const char *name,
                  const char *meaning)
{
	if (s->has_audit[key])
		linef(page, name, "%llu%s%s", (unsigned long long)s->audit[key],
		      s->audit[key] ? ": " : "", s->audit[key] ? meaning : "");
}

static void print_losses(struct page *page, const struct snapshot *s)
{
	head(page, "What it missed");
	count(page, s, FMT_AUDIT_LOST_REENTRANT, "lost, in signals",
	      "signal handlers allocated inside of outlive's own work");
	count(page, s, FMT_AUDIT_LOST_NO_MEMORY, "lost, no memory", "a table had no room");
	count(page, s, FMT_AUDIT_LOST_EARLY, "lost, early",
	      "allocations before the real malloc was found");
	count(page, s, FMT_AUDIT_LOST_NO_STACK, "without a stack",
	      "counted in the totals, in no stack");
	count(page, s, FMT_AUDIT_UNKNOWN_FREES, "unknown frees",
	      "blocks that were never seen made: by a library bound past the hooks "
	      "(RTLD_DEEPBIND), or an allocator's own");
	count(page, s, FMT_AUDIT_UNSEEN_FREES, "unseen frees",
	      "blocks whose address malloc gave out again without a free");
	count(page, s, FMT_AUDIT_TRUNCATED_STACKS, "stacks cut", "deeper than was kept (depth=N)");
	count(page, s, FMT_AUDIT_BROKEN_STACKS, "stacks broken off",
	      "the unwinder could not go on: code without unwind tables");
	count(page, s, FMT_AUDIT_LOST_THREADS, "lost threads", "their table had no room");
	count(page, s, FMT_AUDIT_LOST_FDS, "lost descriptors", "opened or closed, not recorded");
	count(page, s, FMT_AUDIT_LOST_TIMERS, "lost timers", "their table had no room");
	count(page, s, FMT_AUDIT_LOST_MAPS, "lost mappings", "made or unmapped, not recorded");
	count(page, s, FMT_AUDIT_SNAPSHOTS_FAILED, "snapshots failed", "could not be written");
}

/* One figure of the memory table, with what it has more than the line before. */
static void memory(struct page *page, const struct snapshot *s, unsigned key, unsigned before,
                   const char *name, const char *meaning)
{
	char size[32], more[32];

	if (!s->has_audit[key])
		return;
	int64_t v = s->audit[key] > INT64_MAX ? INT64_MAX : (int64_t)s->audit[key];
	human_bytes(size, v);
	if (before && s->has_audit[before]) {
		int64_t d = sub_sat(v, s->audit[before] > INT64_MAX ? INT64_MAX
		                                                    : (int64_t)s->audit[before]);
		linef(page, name, "%10s  %s%s: %s", size, d > 0 ? "+" : "", human_bytes(more, d),
		      meaning);
		return;
	}
	linef(page, name, "%10s  %s", size, meaning);
}

static void print_memory(struct page *page, const struct snapshot *s)
{
	bool je = s->has_audit[FMT_AUDIT_JEMALLOC_ALLOCATED];
	unsigned own = je ? FMT_AUDIT_JEMALLOC_ALLOCATED : FMT_AUDIT_MALLOC_INUSE;
	unsigned held = je ? FMT_AUDIT_JEMALLOC_RESIDENT : FMT_AUDIT_MALLOC_ARENA;

	head(page, "Memory");
	memory(page, s, FMT_AUDIT_LIVE_BYTES, 0, "live blocks",
	       "what the program asked for and has not given back");
	memory(page, s, own, FMT_AUDIT_LIVE_BYTES,
	       je ? "jemalloc's own count" : "malloc's own count",
	       "rounding to its sizes and headers, and blocks that were not seen");
	memory(page, s, held, own, je ? "jemalloc holds" : "malloc holds",
	       "free for reuse: fragmentation and caches");
	memory(page, s, FMT_AUDIT_RSS, held, "resident (RSS)",
	       "code, stacks, mappings, less what is not resident");
	memory(page, s, FMT_AUDIT_RSS_PEAK, 0, "highest RSS", "");
	memory(page, s, FMT_AUDIT_OWN_TABLES, 0, "outlive's tables", "part of RSS");
	memory(page, s, FMT_AUDIT_OWN_ARENA, 0, "outlive's heap", "part of RSS");
	line(page, "allocator", INFO_S(&s->info, ALLOCATOR));
}

static void print_work(struct page *page, const struct snapshot *s)
{
	char a[32], b[32];

	head(page, "outlive's work");
	if (s->has_audit[FMT_AUDIT_STACKS])
		linef(page, "distinct stacks", "%s, of %s frames",
		      human_count(a, (int64_t)s->audit[FMT_AUDIT_STACKS]),
		      human_count(b, (int64_t)s->audit[FMT_AUDIT_NODES]));
	if (s->has_audit[FMT_AUDIT_CAPTURES])
		linef(page, "stacks captured", "%s, of them %s by libunwind",
		      human_count(a, (int64_t)s->audit[FMT_AUDIT_CAPTURES]),
		      human_count(b, (int64_t)s->audit[FMT_AUDIT_FALLBACK_STACKS]));
	if (s->has_audit[FMT_AUDIT_WRITE_NS])
		linef(page, "writing this file", "%s", human_ns(a, s->audit[FMT_AUDIT_WRITE_NS]));
}

static void print_trace(struct page *page, const struct snapshot *s)
{
	char bytes[32];

	if (!INFO_U(&s->info, TRACE))
		return;
	head(page, "What threads have waited for");
	linef(page, "trace", "%llu waits of each thread, %u threads, %s",
	      (unsigned long long)INFO_U(&s->info, TRACE), s->n_traced,
	      human_bytes(bytes, (int64_t)(INFO_U(&s->info, TRACE_BYTES) & INT64_MAX)));
	if (INFO_U(&s->info, TRACE_FORGOTTEN))
		linef(page, "forgotten", "waits of %llu ended threads had to make room",
		      (unsigned long long)INFO_U(&s->info, TRACE_FORGOTTEN));
	if (INFO_U(&s->info, TRACE_LOST))
		linef(page, "not traced", "%llu threads found no room",
		      (unsigned long long)INFO_U(&s->info, TRACE_LOST));
}

static void print_reach(struct page *page, const struct snapshot *s)
{
	const uint64_t *a = s->audit;
	uint64_t scan = snapshot_scan(s);
	char b[32], c[32], d[32];

	if (!scan)
		return;
	head(page, "Which blocks can still be reached");
	if (scan == FMT_SCAN_DONE)
		linef(page, "scan", "%s blocks in %s, %s of memory for it",
		      human_count(b, (int64_t)a[FMT_AUDIT_REACH_BLOCKS]),
		      human_ns(c, a[FMT_AUDIT_REACH_MARK_NS]),
		      human_bytes(d, (int64_t)a[FMT_AUDIT_REACH_MEMORY]));
	else
		linef(page, "no verdict", "%s", INFO_S(&s->info, REACH_WHY));
	if (a[FMT_AUDIT_REACH_THREADS] > 1)
		linef(page, "threads", "%llu; the others stood still, by %s, for %s",
		      (unsigned long long)a[FMT_AUDIT_REACH_THREADS], INFO_S(&s->info, REACH_WAY),
		      human_ns(b, a[FMT_AUDIT_REACH_FROZEN_NS]));
	count(page, s, FMT_AUDIT_REACH_ABSENT, "absent blocks",
	      "live in the table, and not mapped");
}

/* Our tables beside the kernel's lists. What is in one only is told, and is nobody's fault. */
static void print_kernel(struct page *page, const struct snapshot *s)
{
	const uint64_t *a = s->audit;
	uint32_t ended = 0;

	if (!s->has_audit[FMT_AUDIT_THREADS_NOW] && !s->has_audit[FMT_AUDIT_FDS_NOW])
		return;
	for (uint32_t i = 0; i < s->n_tasks; i++)
		ended += s->task[i].state == FMT_TASK_ENDED;
	head(page, "Beside the kernel's lists");
	if (s->has_audit[FMT_AUDIT_THREADS_NOW])
		linef(page, "threads",
		      "%llu in /proc/self/task; the tables had %u, and %u that ended",
		      (unsigned long long)a[FMT_AUDIT_THREADS_NOW], s->n_tasks - ended, ended);
	count(page, s, FMT_AUDIT_THREADS_UNSEEN, "  unseen",
	      "made by a path without hooks, no hooked call yet");
	count(page, s, FMT_AUDIT_THREADS_VANISHED, "  vanished",
	      "ended by a path without hooks, or just then");
	if (s->has_audit[FMT_AUDIT_FDS_NOW])
		linef(page, "descriptors", "%llu in /proc/self/fd; the tables had %u",
		      (unsigned long long)a[FMT_AUDIT_FDS_NOW], s->n_fds);
	count(page, s, FMT_AUDIT_FDS_UNSEEN, "  unseen",
	      "opened by a path without hooks: no stack, no verdict");
	count(page, s, FMT_AUDIT_FDS_VANISHED, "  vanished",
	      "closed by a path without hooks, or just then");
}

static void print_modules(struct page *page, const struct snapshot *s, const uint64_t *frames)
{
	head(page, "Modules");
	for (uint32_t i = 1; i < s->n_modules; i++) {
		const struct module *m = &s->module[i];
		page_pad(page, NAME_COLUMN);
		page_addf(page, STYLE_PLAIN, "%-32s", source_text[symbolize_source(m)]);
		page_addf(page, STYLE_PLAIN, "%6llu frames  ", (unsigned long long)frames[i]);
		page_addf(page, STYLE_DIM, "%-12.12s  ",
		          *m->build_id ? m->build_id : "(no build id)");
		page_add(page, STYLE_PLAIN, *m->path ? m->path : "(unnamed)");
		if (m->flags & FMT_MODULE_UNLOADED)
			page_add(page, STYLE_DIM, "  (dlclosed)");
		page_end_line(page);
	}
}

static int print_text(const struct snapshot *s, const struct figures *f, const struct view *v,
                      struct err *err)
{
	struct page page = {.file = stdout, .width = v->out.width, .color = v->out.color};

	print_who(&page, s);
	notes_left_out(&page, s, ~UINT64_C(0));
	print_totals(&page, "heap", f->total[FMT_KIND_HEAP]);
	print_totals(&page, "mmap", f->total[FMT_KIND_MMAP]);
	print_losses(&page, s);
	print_kernel(&page, s);
	print_reach(&page, s);
	print_trace(&page, s);
	print_memory(&page, s);
	print_work(&page, s);
	print_modules(&page, s, f->frames);
	return page_end(&page, err);
}

static void count_up(const struct snapshot *s, struct figures *f)
{
	f->frames = xcalloc(s->n_modules, sizeof(*f->frames));
	for (uint32_t i = 0; i < s->n_locations; i++)
		f->frames[s->location[i].module]++;
	for (uint32_t i = 0; i < s->n_samples; i++)
		if (s->sample[i].reach)
			reach_sum(&f->reach, s->sample[i].reach);
	for (uint32_t i = 0; i < s->n_samples; i++)
		for (int c = 0; c < N_COLUMNS; c++)
			f->total[s->sample[i].kind][c] =
			        add_sat(f->total[s->sample[i].kind][c], s->sample[i].value[c]);
}

static int print_info(const char *path, const struct view *v, struct err *err)
{
	struct snapshot *s;
	struct figures f = {0};

	if (view_load(path, &s, err))
		return -1;
	count_up(s, &f);
	int rc = v->json ? print_json(s, &f, err) : print_text(s, &f, v, err);
	free(f.frames);
	snapshot_free(s);
	return rc;
}

int cmd_info(int argc, char **argv)
{
	struct view v = {0};
	struct opt options[] = {VIEW_OPT_JSON(&v),
	                        VIEW_OPT_WIDE(&v, "whole lines, also on a terminal"),
	                        VIEW_OPT_COLOR(&v),
	                        {0}};
	struct opt_verb verb = {
	        .verb = "info",
	        .synopsis = "[OPTION]... SNAPSHOT",
	        .about = "Who wrote a snapshot and when; what it missed, by reason; its live bytes "
	                 "beside the allocator's\n"
	                 "own count and RSS; what outlive itself took; the modules, and where "
	                 "their names come from.",
	        .examples = "outlive info outlive.server.4711.2.snap\n"
	                    "outlive info --json outlive.server.4711.2.snap | jq .audit",
	        .least = 1,
	        .most = 1,
	        .operands = "name one snapshot",
	        .options = options};
	struct err err;

	int status = opt_parse(&verb, &argc, argv);
	if (status >= 0)
		return status;
	view_ready(&v);
	return print_info(argv[1], &v, &err) ? view_fail("info", &err) : EXIT_CLEAN;
}
