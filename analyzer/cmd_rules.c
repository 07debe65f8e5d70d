/*
 * cmd_rules.c - `outlive rules`: what is taken for known and harmless, and why.
 */
#include "cmd.h"
#include "document.h"
#include "kind_view.h"
#include "page.h"

static const char *where_text(enum rule_where where)
{
	static const char *const text[] = {
	        [RULE_ANY] = "any",    [RULE_FUNCTION] = "any", [RULE_FILE] = "any",
	        [RULE_MODULE] = "any", [RULE_FIRST] = "first",  [RULE_CHAIN] = "chain",
	        [RULE_WAIT] = "wait",  [RULE_WHOLE] = "all",    [RULE_NAMED] = "named"};

	return text[where];
}

/* Of the frame: what the pattern is held against; NULL: all. */
static const char *part_text(enum rule_where where)
{
	return where == RULE_FUNCTION ? "function"
	       : where == RULE_FILE   ? "file"
	       : where == RULE_MODULE ? "module"
	                              : NULL;
}

static int print_json(const struct rules *rules, struct err *err)
{
	struct document d = {.file = stdout};

	document_open_rows(&d, "rows");
	for (size_t i = 0; i < rules->n; i++) {
		const struct rule *r = &rules->at[i];
		json_t *o = json_object();
		json_object_set_new(o, "kind", json_string(rule_kind_name[r->kind]));
		json_object_set_new(o, "frames", json_string(where_text(r->where)));
		json_object_set_new(o, "part", document_text(part_text(r->where)));
		json_object_set_new(o, "pattern", document_text(r->pattern));
		json_object_set_new(o, "reason", document_text(r->reason));
		json_object_set_new(o, "origin", document_text(r->origin));
		document_row(&d, o);
	}
	document_close_rows(&d);
	return document_end(&d, err);
}

static int print_text(const struct rules *rules, const struct view *v, struct err *err)
{
	struct page page = {.file = stdout, .width = v->out.width, .color = v->out.color};

	page_wrap(
	        &page, STYLE_PLAIN, 0, 0,
	        "A stack is known and harmless when any of its frames matches; or the first one, "
	        "which called malloc, pthread_create or open; or a chain of frames from the first "
	        "one on. What is idle is held against the stack in which a thread waits: against "
	        "all frames but libc's, against the kind of wait, or against the thread's name and "
	        "the first frame.");
	page_addf(&page, STYLE_BOLD, "%-6s %-46s %s", "frames", "rule", "reason");
	page_end_line(&page);
	for (size_t i = 0; i < rules->n; i++) {
		const struct rule *r = &rules->at[i];
		page_addf(&page, STYLE_PLAIN, "%-6s ", where_text(r->where));
		page_addf(&page, STYLE_PLAIN, "%s:%s%s", rule_kind_name[r->kind],
		          rule_prefix(r->where), r->pattern);
		page_pad(&page, 54);
		page_add(&page, STYLE_DIM, *r->reason ? r->reason : r->origin);
		page_end_line(&page);
	}
	return page_end(&page, err);
}

static int print(const struct rule_choice *choice, const struct view *v, struct err *err)
{
	struct rules rules;
	int rc = -1;

	if (!rule_choice_load(choice, &rules, err))
		rc = v->json ? print_json(&rules, err) : print_text(&rules, v, err);
	rules_free(&rules);
	return rc;
}

int cmd_rules(int argc, char **argv)
{
	struct view v = {0};
	struct rule_choice choice = {0};
	struct opt options[] = {VIEW_OPT_JSON(&v), RULE_OPTIONS(&choice), VIEW_OPT_COLOR(&v), {0}};
	struct opt_verb verb = {
	        .verb = "rules",
	        .synopsis = "[OPTION]...",
	        .about = "Lists what `outlive residue` takes for known and harmless, with the "
	                 "reason. "
	                 "A rule is a line\n"
	                 "of LeakSanitizer's suppressions, leak:PATTERN, or the same for thread:, "
	                 "timer:, fd:, idle:. A pattern\n"
	                 "is found anywhere in a function's, file's or module's name; * is any "
	                 "text, "
	                 "^ and $ its ends.",
	        .examples = "outlive rules\n"
	                    "outlive rules --no-builtin --suppressions=lsan.supp",
	        .least = 0,
	        .most = 0,
	        .operands = "",
	        .options = options};
	struct err err;

	int status = opt_parse(&verb, &argc, argv);
	if (status >= 0)
		return status;
	view_ready(&v);
	return print(&choice, &v, &err) ? view_fail("rules", &err) : EXIT_CLEAN;
}
