/*
 * out_gate_github.c - for people who look at a pull request: annotations on the lines that made
 * what was left behind (workflow commands of GitHub Actions), and a summary in Markdown.
 */
#include "out_gate.h"

#include <string.h>

#include "gate_words.h"

/* ---- annotations ---- */

/* The data of a workflow command, and with `property` a property of it: what would end either is
 * written in percent. Names are other people's: a line feed in one would begin a command. */
static void add_escaped(struct str *out, const char *text, bool property)
{
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;
		if (c == '%' || c < ' ' || c == 0x7f || (property && (c == ':' || c == ',')))
			str_addf(out, "%%%02X", c);
		else
			str_add_mem(out, text, 1);
	}
}

static void print_escaped(FILE *f, const char *text, bool property)
{
	struct str s = {0};

	add_escaped(&s, text ? text : "", property);
	print_safe(f, s.data ? s.data : "");
	str_free(&s);
}

static void annotate(FILE *file, const struct findings *all, const struct out_gate *o,
                     const struct finding *f)
{
	const struct finding_frame *place = out_gate_place(o, f);
	struct str s = {0};

	fputs("::error ", file);
	if (place) {
		const char *relative = out_gate_relative(o, place->file);
		fputs("file=", file);
		print_escaped(file, relative ? relative : place->file, true);
		fprintf(file, ",line=%u,", place->line);
	}
	str_addf(&s, "outlive: %s %s", finding_kind_name[f->kind], f->why);
	fputs("title=", file);
	print_escaped(file, s.data, true);
	fputs("::", file);
	str_free(&s);
	gate_title(&s, f);
	for (uint32_t i = f->site, shown = 0; i < f->n_frames && shown < 8; i++) {
		const char *name = f->frame[i].function;
		if (f->frame[i].system || (name && !strcmp(name, "_start")))
			continue;
		str_add(&s, shown++ ? "\n  " : "\nmade in ");
		gate_frame(&s, &f->frame[i]);
	}
	str_add(&s, "\nin ");
	gate_processes(&s, all, f);
	if (f->test)
		str_addf(&s, "; test %s", f->test);
	print_escaped(file, s.data, false);
	fputc('\n', file);
	str_free(&s);
}

int out_gate_github(FILE *file, const struct findings *all, const struct out_gate *o,
                    struct err *err)
{
	struct str s = {0};

	for (size_t i = 0; i < all->n_counted; i++)
		annotate(file, all, o, &all->at[i]);
	gate_verdict(&s, all);
	if (o->command)
		str_addf(&s, "; the command %s", o->command);
	fprintf(file, "::%s title=outlive::", all->verdict == VERDICT_CLEAN ? "notice" : "error");
	print_escaped(file, s.data, false);
	fputc('\n', file);
	str_free(&s);
	if (fflush(file) || ferror(file))
		return err_set(err, "the report cannot be written");
	return 0;
}

/* ---- Markdown ---- */

/* In a table's cell. Whatever could be markup or HTML is escaped. */
static void print_cell(FILE *f, const char *text)
{
	struct str safe = {0};

	str_add_safe(&safe, text ? text : "");
	for (const char *p = safe.data; p && *p; p++) {
		if (*p == '<' || *p == '>' || *p == '&')
			fputs(*p == '<' ? "&lt;" : *p == '>' ? "&gt;" : "&amp;", f);
		else if (strchr("\\`*_{}[]()#|~!@", *p))
			fprintf(f, "\\%c", *p);
		else
			fputc(*p, f);
	}
	str_free(&safe);
}

static void print_stack(FILE *file, const struct finding *f)
{
	for (uint32_t i = 0; i < f->n_frames; i++) {
		struct str s = {0};
		gate_frame(&s, &f->frame[i]);
		fputs(i ? "<br>" : "", file);
		print_cell(file, s.data);
		str_free(&s);
	}
}

static void print_row(FILE *file, const struct findings *all, const struct finding *f)
{
	struct str title = {0}, site = {0}, where = {0};

	gate_title(&title, f);
	if (gate_site(f))
		gate_frame(&site, gate_site(f));
	gate_processes(&where, all, f);
	fputs("| ", file);
	print_cell(file, title.data);
	fputs(" | <details><summary>", file);
	print_cell(file, site.data ? site.data : "no stack known");
	fputs("</summary>", file);
	print_stack(file, f);
	fputs("</details> | ", file);
	print_cell(file, f->test ? f->test : "");
	fputs(" | ", file);
	print_cell(file, where.data);
	fputs(" |\n", file);
	str_free(&title);
	str_free(&site);
	str_free(&where);
}

int out_gate_markdown(FILE *file, const struct findings *all, const struct out_gate *o,
                      struct err *err)
{
	enum { ROWS = 50 }; /* a summary is limited to 1 MB */
	struct str s = {0};

	gate_verdict(&s, all);
	fprintf(file,
	        "### %s outlive: ", all->verdict == VERDICT_CLEAN ? ":white_check_mark:" : ":x:");
	print_cell(file, s.data);
	str_free(&s);
	if (o->command) {
		fputs("; the command ", file);
		print_cell(file, o->command);
	}
	fputs("\n\n", file);
	if (all->n_counted)
		fputs("| what | made in | test | process |\n|---|---|---|---|\n", file);
	for (size_t i = 0; i < all->n_counted && i < ROWS; i++)
		print_row(file, all, &all->at[i]);
	if (all->n_counted > ROWS)
		fprintf(file, "\n%zu more findings are in the log.\n", all->n_counted - ROWS);
	for (size_t i = 0; i < all->n_notes; i++) {
		fputs("\n- ", file);
		print_cell(file, all->note[i]);
	}
	for (size_t i = 0; i < all->n_processes; i++) {
		if (!all->process[i].unclear)
			continue;
		fputs("\n- no verdict on ", file);
		print_cell(file, all->process[i].command);
		fprintf(file, " (pid %llu): ", (unsigned long long)all->process[i].pid);
		print_cell(file, all->process[i].unclear);
	}
	fputc('\n', file);
	if (fflush(file) || ferror(file))
		return err_set(err, "the report cannot be written");
	return 0;
}
