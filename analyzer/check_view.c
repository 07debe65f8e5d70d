/*
 * check_view.c - the options of the gate, and the way from findings to a report and an exit status.
 */
#include "check_view.h"

#include "out_check.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void check_choice_default(struct check_choice *c)
{
	*c = (struct check_choice){0};
	check_gates_default(&c->gates);
}

/* ---- options ---- */

/* The next of the names joined by '+'. False at the end. */
static bool next_name(const char **at, const char **name, size_t *n)
{
	if (!*at)
		return false;
	*name = *at;
	*n = strcspn(*at, "+");
	*at = (*at)[*n] ? *at + *n + 1 : NULL;
	return true;
}

static bool is_name(const char *name, size_t n, const char *want)
{
	return strlen(want) == n && !strncmp(name, want, n);
}

static uint32_t leak_named(enum object_kind kind, const char *name, size_t n)
{
	for (int leak = 0; leak < N_LEAKS; leak++)
		if (check_leaks_of(kind) & CHECK_LEAK(leak) && is_name(name, n, leak_name[leak]))
			return CHECK_LEAK(leak);
	return 0;
}

static int unknown_name(const char *option, enum object_kind kind, const char *value,
                        struct err *err)
{
	struct str names = {0};

	for (int leak = 0; leak < N_LEAKS; leak++)
		if (check_leaks_of(kind) & CHECK_LEAK(leak))
			str_addf(&names, "%s, ", leak_name[leak]);
	err_set(err, "--%s is %sgrowth (joined by +) or off, not \"%s\"", option, names.data,
	        value);
	str_free(&names);
	return -1;
}

static int parse_leaks(enum object_kind kind, const char *value, struct check_gates *g,
                       struct err *err)
{
	static const enum finding_kind finding[N_KINDS] = {FINDING_THREAD, FINDING_TIMER,
	                                                   FINDING_FD};
	uint32_t leaks = 0, growth = 0;
	const char *at = value, *name;
	size_t n;

	while (next_name(&at, &name, &n)) {
		uint32_t leak = leak_named(kind, name, n);
		if (is_name(name, n, "growth"))
			growth = CHECK_GROWTH(finding[kind]);
		else if (!leak && !is_name(name, n, "off"))
			return unknown_name(kind_name[kind], kind, value, err);
		leaks |= leak;
	}
	g->leaks = (g->leaks & ~check_leaks_of(kind)) | leaks;
	g->growth = (g->growth & ~CHECK_GROWTH(finding[kind])) | growth;
	return 0;
}

int check_parse_threads(const char *value, void *to, struct err *err)
{
	return parse_leaks(KIND_THREADS, value, to, err);
}

int check_parse_timers(const char *value, void *to, struct err *err)
{
	return parse_leaks(KIND_TIMERS, value, to, err);
}

int check_parse_fds(const char *value, void *to, struct err *err)
{
	return parse_leaks(KIND_FDS, value, to, err);
}

int check_parse_heap(const char *value, void *to, struct err *err)
{
	struct check_gates *g = to;
	const char *at = value, *name;
	size_t n;

	g->heap = CHECK_HEAP_OFF;
	g->growth &= ~CHECK_GROWTH(FINDING_HEAP);
	while (next_name(&at, &name, &n)) {
		if (is_name(name, n, "lost"))
			g->heap = CHECK_HEAP_LOST;
		else if (is_name(name, n, "growth"))
			g->growth |= CHECK_GROWTH(FINDING_HEAP);
		else if (!is_name(name, n, "off"))
			return err_set(err,
			               "--heap is lost, growth (joined by +) or off, not \"%s\"",
			               value);
	}
	return 0;
}

int check_parse_per(const char *value, void *to, struct err *err)
{
	struct check_gates *g = to;

	static const char *const names[] = {"process", "stack", "test"};

	for (int per = 0; per < 3; per++)
		if (!strcmp(value, names[per])) {
			g->per = (enum check_per)per;
			return 0;
		}
	return err_set(err, "--per is process, stack or test, not \"%s\"", value);
}

/* A number with a unit: k, M, G for bytes as everywhere powers of 1024. */
static int parse_limit(const char *value, bool bytes, struct check_limit *to, struct err *err)
{
	char *end;
	uint64_t n = strtoull(value, &end, 10), shift = 0;

	if (*value < '0' || *value > '9')
		return err_set(err, "a limit is a number, not \"%s\"", value);
	if (bytes && *end) {
		const char *unit = strchr("kKmMgG", *end);
		shift = unit ? 10 + 10 * (uint64_t)((unit - "kKmMgG") / 2) : 0;
		end += unit != NULL;
		end += unit && *end == 'B';
	}
	if (*end || n > (UINT64_MAX >> 1 >> shift))
		return err_set(err, "a limit is a number%s, not \"%s\"",
		               bytes ? " with k, M or G" : "", value);
	*to = (struct check_limit){true, n << shift};
	return 0;
}

int check_parse_bytes(const char *value, void *to, struct err *err)
{
	return parse_limit(value, true, to, err);
}

int check_parse_count(const char *value, void *to, struct err *err)
{
	return parse_limit(value, false, to, err);
}

int check_choice_ready(struct check_choice *c, FILE *to, struct err *err)
{
	if (!c->baseline && (c->update_baseline || c->accept_new))
		return err_set(err, "--%s wants --baseline FILE",
		               c->accept_new ? "accept-new" : "update-baseline");
	view_ready(&c->view);
	/* The view is of stdout, which may be the command's. */
	if (to != stdout && !isatty(fileno(to))) {
		c->view.out.width = 0;
		c->view.out.color = c->view.color == VIEW_COLOR_ALWAYS;
	}
	return 0;
}

/* ---- one process ---- */

static void note_no_base(struct findings *f, const struct folder_image *image)
{
	char *text = xasprintf("no growth to be seen of pid %llu: there is no earlier snapshot",
	                       (unsigned long long)image->pid);

	findings_note(f, true, text);
	free(text);
}

int check_image(struct findings *f, const struct check *c, const char *base,
                const struct folder_image *image, struct err *err)
{
	struct check_process p = {0};
	int rc = load_snapshot(image->last, &p.last, err);

	if (!base && c->gates.growth && image->n > 1)
		base = image->first;
	if (!rc && base)
		rc = load_snapshot(base, &p.base, err);
	/* Of a suite's processes few have one. */
	if (!rc && c->gates.growth && !base && !c->ended)
		note_no_base(f, image);
	if (!rc && c->gates.peak.given && image->peak)
		rc = load_snapshot(image->peak, &p.peak, err);
	if (!rc)
		rc = check_process(f, c, &p, err);
	snapshot_free(p.base);
	snapshot_free(p.peak);
	snapshot_free(p.last);
	return rc;
}

/* ---- the end ---- */

int check_status(const struct findings *f, const struct check_choice *c)
{
	if (f->verdict == VERDICT_LEAKS)
		return c->error_exitcode.given ? (int)(c->error_exitcode.value & 0xff)
		                               : EXIT_FINDINGS;
	return f->verdict == VERDICT_LOSSY ? EXIT_NO_VERDICT : EXIT_CLEAN;
}

int check_report(FILE *to, const struct findings *f, const struct check_choice *c,
                 const struct rules *rules, const char *command, int status, struct err *err)
{
	const struct out_check o = {.out = &c->view.out,
	                            .rules = rules,
	                            .explain = c->explain,
	                            .uses = c->uses,
	                            .baseline = c->baseline || c->rules.n_files || c->generate,
	                            .status = status,
	                            .command = command};

	const struct out_gate gate = {.status = status, .command = command};

	if (c->json ? out_gate_json(to, f, &gate, err) : out_text_check(to, f, &o, err))
		return -1;
	return gate_reports_write(&c->reports, f, &gate, to, err);
}
