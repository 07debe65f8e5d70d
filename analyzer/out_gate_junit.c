/*
 * out_gate_junit.c - JUnit's XML, in the dialect that Jenkins, GitLab and others read: a test suite
 * "outlive", in it one test case a finding, which fails, and one a kind without findings, which
 * passes, so that a board shows what was looked at. No verdict is an error, as there.
 */
#include "out_gate.h"

#include <string.h>

#include "gate_words.h"

/* Text or an attribute: names are other people's. str_add_safe() has taken the control characters
 * away, which XML has no way to write. */
static void add_xml(struct str *out, const char *text)
{
	struct str safe = {0};

	str_add_safe(&safe, text);
	for (const char *p = safe.data; p && *p; p++) {
		const char *at = strchr("&<>\"'", *p);
		static const char *const entity[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&apos;"};
		if (at)
			str_add(out, entity[at - strchr("&<>\"'", '&')]);
		else
			str_add_mem(out, p, 1);
	}
	str_free(&safe);
}

static void print_xml(FILE *f, const char *text)
{
	struct str s = {0};

	add_xml(&s, text);
	fputs(s.data ? s.data : "", f);
	str_free(&s);
}

static void begin_case(FILE *f, enum finding_kind kind, const char *name)
{
	fprintf(f, "    <testcase classname=\"outlive.%s\" time=\"0\" name=\"",
	        finding_kind_name[kind]);
	print_xml(f, name);
	fputs("\"", f);
}

static void print_finding(FILE *file, const struct findings *all, const struct finding *f)
{
	struct str name = {0}, title = {0}, more = {0};

	if (f->test)
		str_addf(&name, "%s: ", f->test);
	str_addf(&name, "%s", f->why);
	if (gate_site(f)) {
		str_add(&name, ": ");
		gate_frame(&name, gate_site(f));
	}
	gate_title(&title, f);
	begin_case(file, f->kind, name.data);
	fputs(">\n      <failure type=\"", file);
	print_xml(file, f->why);
	fputs("\" message=\"", file);
	print_xml(file, title.data);
	fputs("\">", file);
	for (uint32_t i = 0; i < f->n_frames; i++) {
		struct str frame = {0};
		gate_frame(&frame, &f->frame[i]);
		print_xml(file, frame.data);
		fputc('\n', file);
		str_free(&frame);
	}
	gate_processes(&more, all, f);
	print_xml(file, "in ");
	print_xml(file, more.data);
	if (f->words && *f->words) {
		fputs("; ", file);
		print_xml(file, f->words);
	}
	str_free(&more);
	if (gate_more(&more, all, f)) {
		fputs("\nmore: ", file);
		print_xml(file, more.data);
	}
	fputs("</failure>\n    </testcase>\n", file);
	str_free(&name);
	str_free(&title);
	str_free(&more);
}

/* What was not to be judged. */
static size_t print_errors(FILE *file, const struct findings *all, bool print)
{
	size_t n = 0;

	for (size_t i = 0; i < all->n_processes; i++) {
		const struct finding_process *p = &all->process[i];
		if (!p->unclear || (n++, !print))
			continue;
		fputs("    <testcase classname=\"outlive.verdict\" time=\"0\" name=\"", file);
		print_xml(file, p->command);
		fprintf(file, " (pid %llu)\">\n      <error type=\"no verdict\" message=\"",
		        (unsigned long long)p->pid);
		print_xml(file, p->unclear);
		fputs("\"/>\n    </testcase>\n", file);
	}
	for (size_t i = 0; all->no_verdict && i < all->n_notes; i++) {
		if (n++, !print)
			continue;
		fputs("    <testcase classname=\"outlive.verdict\" time=\"0\" name=\"the whole\">\n"
		      "      <error type=\"no verdict\" message=\"",
		      file);
		print_xml(file, all->note[i]);
		fputs("\"/>\n    </testcase>\n", file);
	}
	return n;
}

int out_gate_junit(FILE *file, const struct findings *all, const struct out_gate *o,
                   struct err *err)
{
	bool found[N_FINDING_KINDS] = {false};
	size_t clean = 0, errors = print_errors(file, all, false);
	struct str verdict = {0};

	for (size_t i = 0; i < all->n_counted; i++)
		found[all->at[i].kind] = true;
	for (int kind = 0; kind < N_FINDING_KINDS; kind++)
		clean += !found[kind];
	fprintf(file,
	        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
	        "<testsuites tests=\"%zu\" failures=\"%zu\" errors=\"%zu\" time=\"0\">\n"
	        "  <testsuite name=\"outlive\" tests=\"%zu\" failures=\"%zu\" errors=\"%zu\" "
	        "skipped=\"0\" time=\"0\">\n",
	        all->n_counted + clean + errors, all->n_counted, errors,
	        all->n_counted + clean + errors, all->n_counted, errors);
	for (size_t i = 0; i < all->n_counted; i++)
		print_finding(file, all, &all->at[i]);
	for (int kind = 0; kind < N_FINDING_KINDS; kind++) {
		if (found[kind])
			continue;
		begin_case(file, (enum finding_kind)kind, "nothing left behind");
		fputs("/>\n", file);
	}
	print_errors(file, all, true);
	gate_verdict(&verdict, all);
	if (o->command)
		str_addf(&verdict, "; the command %s", o->command);
	fputs("    <system-out>", file);
	print_xml(file, verdict.data);
	fputs("</system-out>\n  </testsuite>\n</testsuites>\n", file);
	str_free(&verdict);
	if (fflush(file) || ferror(file))
		return err_set(err, "the report cannot be written");
	return 0;
}
