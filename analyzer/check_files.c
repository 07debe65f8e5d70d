/*
 * check_files.c - the files that a check reads and writes beside its report: the baseline, and
 * suppressions that would accept what it found. Declared in check_view.h.
 */
#include "baseline.h"
#include "check_view.h"
#include "write_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int write_text(FILE *f, void *ctx, struct err *err)
{
	const struct str *text = ctx;

	if (fwrite(text->data, 1, text->len, f) != text->len)
		return err_set(err, "cannot write: %s", strerror(errno));
	return 0;
}

static void note(struct findings *f, const char *fmt, const char *path, size_t n)
{
	char *text = xasprintf(fmt, path, n);

	findings_note(f, false, text);
	free(text);
}

/* ---- the baseline ---- */

static int save_baseline(struct baseline *b, struct findings *f, const struct check_choice *c,
                         struct err *err)
{
	struct str text = {0};

	if (f->no_verdict) {
		note(f, "%s stays as it is: not all could be seen", c->baseline, 0);
		return 0;
	}
	baseline_update(b, f, c->accept_new);
	baseline_text(b, &text);
	int rc = write_file(c->baseline, write_text, &text, err);
	str_free(&text);
	return rc;
}

static int open_baseline(const struct check_choice *c, struct baseline **b, struct err *err)
{
	if (!c->accept_new || !access(c->baseline, F_OK))
		return baseline_load(c->baseline, b, err);
	*b = baseline_new();
	return 0;
}

int check_files_look(const struct check_choice *c, struct err *err)
{
	struct baseline *b = NULL;
	int rc = c->baseline ? open_baseline(c, &b, err) : 0;

	baseline_free(b);
	return rc;
}

static int use_baseline(struct findings *f, const struct check_choice *c, struct err *err)
{
	struct baseline *b = NULL;
	int rc = 0;

	if (open_baseline(c, &b, err))
		return -1;
	baseline_apply(b, f);
	size_t stale = baseline_stale(b);
	if (c->update_baseline || c->accept_new) {
		rc = save_baseline(b, f, c, err);
		baseline_apply(b, f);
	} else if (stale) {
		note(f,
		     "%s: %zu of its entries occur less often now, or no more "
		     "(--update-baseline says so there)",
		     c->baseline, stale);
	}
	baseline_free(b);
	findings_finish(f);
	return rc;
}

/* ---- suppressions ---- */

static enum rule_kind rule_kind_of(enum finding_kind kind)
{
	static const enum rule_kind of[N_FINDING_KINDS] = {RULE_HEAP, RULE_THREAD, RULE_TIMER,
	                                                   RULE_FD};

	return of[kind];
}

static void add_suppression(struct str *text, const struct findings *all, const struct finding *f)
{
	const struct finding_frame *site = f->n_frames ? &f->frame[f->site] : NULL;
	const struct finding_process *p = &all->process[f->share[0].process];
	struct str line = {0};

	if (!site) {
		str_addf(text, "# %s %s: no stack is known by which it could be accepted\n",
		         finding_kind_name[f->kind], f->why);
		return;
	}
	rules_write(&line, rule_kind_of(f->kind), site->function, site->module);
	/* Places in one function, or without names, have one line. */
	if (!text->data || !strstr(text->data, line.data)) {
		str_addf(text, "# %s %s, %llu, in ", finding_kind_name[f->kind], f->why,
		         (unsigned long long)f->count);
		str_add_safe(text, p->command);
		str_add(text, "\n");
		str_add(text, line.data);
	}
	str_free(&line);
}

static int generate(const struct findings *f, const char *path, struct err *err)
{
	struct str text = {0};

	str_add(&text, "# What outlive check found: a line that stays here accepts it.\n");
	for (size_t i = 0; i < f->n_counted; i++)
		add_suppression(&text, f, &f->at[i]);
	int rc = write_file(path, write_text, &text, err);
	str_free(&text);
	return rc;
}

int check_finish(struct findings *f, const struct check_choice *c, struct err *err)
{
	if (c->gates.per == CHECK_PER_TEST && check_gates_limit(&c->gates) && !f->n_tests)
		findings_note(
		        f, true,
		        "limits are for each test, and no test has told its name (an adapter, "
		        "outlive_test_begin() or OUTLIVE_TEST)");
	if (c->lsan)
		findings_note(f, false, c->lsan);
	findings_finish(f);
	if (c->baseline && use_baseline(f, c, err))
		return -1;
	return c->generate ? generate(f, c->generate, err) : 0;
}
