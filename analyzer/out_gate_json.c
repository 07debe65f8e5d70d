/*
 * out_gate_json.c - the findings as one JSON document, and as SARIF, which is another. Names are
 * other people's: document_text() makes them fit for JSON.
 */
#include "out_gate.h"

#include <string.h>

#include "document.h"
#include "gate_words.h"

const char *out_gate_relative(const struct out_gate *o, const char *path)
{
	size_t n = o->root ? strlen(o->root) : 0;

	if (!path)
		return NULL;
	/* Compilers note what they were given: "src/a.c" is below the folder that they ran in. */
	if (*path != '/')
		return strncmp(path, "../", 3) ? path : NULL;
	return n && !strncmp(path, o->root, n) ? path + n : NULL;
}

const struct finding_frame *out_gate_place(const struct out_gate *o, const struct finding *f)
{
	const struct finding_frame *any = NULL;

	for (uint32_t i = f->site; i < f->n_frames; i++) {
		const struct finding_frame *frame = &f->frame[i];
		if (frame->system || !frame->file || !frame->line)
			continue;
		if (out_gate_relative(o, frame->file))
			return frame;
		any = any ? any : frame;
	}
	return any;
}

static json_t *owned(struct str *s)
{
	json_t *text = document_text(s->data);

	str_free(s);
	return text;
}

static json_t *line_number(uint32_t line)
{
	return line ? document_number(line) : json_null();
}

static json_t *frame_json(const struct finding_frame *f)
{
	char address[32];

	snprintf(address, sizeof(address), "0x%llx", (unsigned long long)f->address);
	return json_pack("{so so so so ss sb}", "function", document_text(f->function), "file",
	                 document_text(f->file), "line", line_number(f->line), "module",
	                 document_text(f->module), "address", address, "inlined", (int)f->inlined);
}

static json_t *stack_json(const struct finding *f)
{
	json_t *stack = json_array();

	for (uint32_t i = 0; i < f->n_frames; i++)
		json_array_append_new(stack, frame_json(&f->frame[i]));
	return stack;
}

static json_t *process_json(const struct finding_process *p)
{
	return json_pack("{so so so so so so so so}", "pid", document_number(p->pid), "command",
	                 document_text(p->command), "exe", document_text(p->exe), "cmdline",
	                 document_text(p->cmdline), "snapshot", document_text(p->path), "end",
	                 document_text(p->end), "unclear", document_text(p->unclear), "findings",
	                 document_number(p->findings));
}

static json_t *shares_json(const struct findings *all, const struct finding *f)
{
	json_t *shares = json_array();

	for (uint32_t i = 0; i < f->n_shares; i++) {
		const struct finding_process *p = &all->process[f->share[i].process];
		json_array_append_new(shares,
		                      json_pack("{so so so so}", "pid", document_number(p->pid),
		                                "command", document_text(p->command), "count",
		                                document_number(f->share[i].count), "bytes",
		                                document_number(f->share[i].bytes)));
	}
	return shares;
}

/* Who accepts it, or null. */
static json_t *accepted_json(const struct finding *f)
{
	struct str s = {0};

	if (f->rule)
		str_addf(&s, "%s:%s%s", rule_kind_name[f->rule->kind], rule_prefix(f->rule->where),
		         f->rule->pattern);
	else if (f->known)
		str_add(&s, "baseline");
	return owned(&s);
}

static json_t *finding_json(const struct findings *all, const struct finding *f)
{
	const struct finding_frame *site = gate_site(f);
	struct str more = {0};

	gate_more(&more, all, f);
	return json_pack("{ss ss ss so so so so so so so so so so so so}", "kind",
	                 finding_kind_name[f->kind], "why", f->why, "meaning", f->meaning, "count",
	                 document_number(f->count), "bytes", document_number(f->bytes), "limit",
	                 f->limited ? document_number(f->limit) : json_null(), "base",
	                 f->base ? document_number(f->base) : json_null(), "start_routine",
	                 document_text(f->start), "words", document_text(f->words), "test",
	                 document_text(f->test), "accepted_by", accepted_json(f), "site",
	                 site ? frame_json(site) : json_null(), "stack", stack_json(f), "processes",
	                 shares_json(all, f), "more", owned(&more));
}

int out_gate_json(FILE *file, const struct findings *all, const struct out_gate *o, struct err *err)
{
	struct document d = {.file = file};
	json_t *notes = json_array();

	for (size_t i = 0; i < all->n_notes; i++)
		json_array_append_new(notes, document_text(all->note[i]));
	document_put(&d, "verdict", json_string(verdict_name[all->verdict]));
	document_put(&d, "status", json_integer(o->status));
	document_put(&d, "command", document_text(o->command));
	document_put(&d, "notes", notes);
	document_put(&d, "quiet_processes", document_number(all->n_quiet));
	document_put(&d, "unseen_processes", document_number(all->n_unseen));
	document_open_rows(&d, "processes");
	for (size_t i = 0; i < all->n_processes; i++)
		document_row(&d, process_json(&all->process[i]));
	document_close_rows(&d);
	document_open_rows(&d, "findings");
	for (size_t i = 0; i < all->n_counted; i++)
		document_row(&d, finding_json(all, &all->at[i]));
	document_close_rows(&d);
	document_open_rows(&d, "accepted");
	for (size_t i = all->n_counted; i < all->n; i++)
		document_row(&d, finding_json(all, &all->at[i]));
	document_close_rows(&d);
	return document_end(&d, err);
}
