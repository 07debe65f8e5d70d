/*
 * out_speedscope.c - a ranked profile as a file of speedscope's own format
 * (https://www.speedscope.app/file-format-schema.json): a "sampled" profile for each column, whose
 * samples are stacks, outermost frame first, and whose weights are the column's values.
 *
 * Owns the JSON. Reads nothing but the profile. Written as it comes: all stacks of a file at once
 * could take any amount of memory.
 */
#include "calltree.h"
#include "document.h"
#include "out.h"

#include <stdlib.h>

struct writer {
	FILE *file;
	const struct profile *p;
	struct calltree tree;
	uint32_t *node; /* by row */
	uint32_t *path, cap_path;
	bool failed;
};

static void put_string(struct writer *w, const char *key, const char *text)
{
	json_t *value = document_text(text);

	fprintf(w->file, "\"%s\":", key);
	w->failed |= json_dumpf(value, w->file, JSON_COMPACT | JSON_ENCODE_ANY) != 0;
	json_decref(value);
}

static void put_frames(struct writer *w)
{
	fputs("\"shared\":{\"frames\":[", w->file);
	for (uint32_t i = 0; i < w->tree.n_frames; i++) {
		const struct call_frame *f = &w->tree.frame[i];
		fputs(i ? ",\n{" : "\n{", w->file);
		put_string(w, "name", f->function);
		if (f->file) {
			fputc(',', w->file);
			put_string(w, "file", f->file);
		} else if (*f->module) {
			fputc(',', w->file);
			put_string(w, "file", f->module);
		}
		fputc('}', w->file);
	}
	fputs("]}", w->file);
}

static void put_stack(struct writer *w, uint32_t node)
{
	uint32_t n = 0;

	for (; node; node = w->tree.node[node].parent) {
		w->path = xgrow(w->path, n, &w->cap_path, sizeof(*w->path));
		w->path[n++] = w->tree.node[node].frame;
	}
	fputc('[', w->file);
	while (n--)
		fprintf(w->file, n ? "%u," : "%u", w->path[n]);
	w->failed |= fputc(']', w->file) < 0;
}

static void put_profile(struct writer *w, const char *name, enum column c)
{
	const struct profile *p = w->p;
	int64_t total = 0;
	bool first = true;

	for (size_t i = 0; i < p->n_rows; i++)
		if (p->row[i].value[c] > 0)
			total = add_sat(total, p->row[i].value[c]);
	fprintf(w->file,
	        "{\"type\":\"sampled\",\"name\":\"%s\",\"unit\":\"%s\",\"startValue\":0,"
	        "\"endValue\":%lld,\n\"samples\":[",
	        name, c == ALLOC_SPACE || c == INUSE_SPACE ? "bytes" : "none", (long long)total);
	for (size_t i = 0; i < p->n_rows; i++) {
		if (p->row[i].value[c] <= 0)
			continue;
		fputs(first ? "\n" : ",\n", w->file);
		first = false;
		put_stack(w, w->node[i]);
	}
	fputs("],\n\"weights\":[", w->file);
	first = true;
	for (size_t i = 0; i < p->n_rows; i++) {
		if (p->row[i].value[c] <= 0)
			continue;
		w->failed |= fprintf(w->file, first ? "%lld" : ",%lld",
		                     (long long)p->row[i].value[c]) < 0;
		first = false;
	}
	fputs("]}", w->file);
}

int out_speedscope(FILE *f, const struct profile *p, const struct out_options *o, struct err *err)
{
	struct writer w = {.file = f, .p = p};
	const struct info *info = &p->b->info;
	struct str name = {0};

	calltree_start(&w.tree, o->raw, false);
	w.node = xcalloc(p->n_rows + 1, sizeof(*w.node));
	for (size_t i = 0; i < p->n_rows; i++)
		w.node[i] = calltree_add(&w.tree, profile_row(p, i));
	str_addf(&name, "%s (pid %llu), snapshot %llu", INFO_S(info, COMMAND),
	         (unsigned long long)INFO_U(info, PID), (unsigned long long)INFO_U(info, SEQUENCE));
	fputs("{\"$schema\":\"https://www.speedscope.app/file-format-schema.json\",\n", f);
	put_string(&w, "exporter", "outlive " OUTLIVE_VERSION);
	fputc(',', f);
	put_string(&w, "name", name.data);
	fprintf(f, ",\"activeProfileIndex\":%d,\n", o->counted ? 0 : (int)o->sort);
	put_frames(&w);
	fputs(",\n\"profiles\":[\n", f);
	if (o->counted)
		put_profile(&w, o->counted, INUSE_OBJECTS);
	for (int c = 0; c < N_COLUMNS && !o->counted; c++) {
		fputs(c ? ",\n" : "", f);
		put_profile(&w, column_name[c], (enum column)c);
	}
	w.failed |= fputs("]}\n", f) < 0;
	calltree_free(&w.tree);
	free(w.node);
	free(w.path);
	str_free(&name);
	if (fflush(f) || w.failed)
		return err_set(err, "cannot write the speedscope file: %m");
	return 0;
}
