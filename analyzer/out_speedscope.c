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
	struct stack_end {
		uint32_t node, place;
		size_t row;
	} * end; /* neighbours of the tree beside one another: viewers join what is equal */
	uint32_t *path, cap_path;
	bool failed;
};

static void put_string(struct writer *w, const char *key, const char *text)
{
	json_t *value = document_text(text);

	fprintf(w->file, "\"%s\":", key);
	w->failed |= json_dump_callback(value, print_json_text, w->file,
	                                JSON_COMPACT | JSON_ENCODE_ANY) != 0;
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
		if (p->row[w->end[i].row].value[c] <= 0)
			continue;
		fputs(first ? "\n" : ",\n", w->file);
		first = false;
		put_stack(w, w->end[i].node);
	}
	fputs("],\n\"weights\":[", w->file);
	first = true;
	for (size_t i = 0; i < p->n_rows; i++) {
		int64_t value = p->row[w->end[i].row].value[c];
		if (value <= 0)
			continue;
		w->failed |= fprintf(w->file, first ? "%lld" : ",%lld", (long long)value) < 0;
		first = false;
	}
	fputs("]}", w->file);
}

static int by_place(const void *a, const void *b)
{
	const struct stack_end *x = a, *y = b;

	if (x->place != y->place)
		return x->place < y->place ? -1 : 1;
	return x->row < y->row ? -1 : x->row > y->row;
}

static void add_rows(struct writer *w)
{
	size_t n = w->p->n_rows;

	w->end = xcalloc(n + 1, sizeof(*w->end));
	for (size_t i = 0; i < n; i++)
		w->end[i] = (struct stack_end){.node = calltree_add(&w->tree, profile_row(w->p, i)),
		                               .row = i};
	uint32_t *place = calltree_order(&w->tree);
	for (size_t i = 0; i < n; i++)
		w->end[i].place = place[w->end[i].node];
	free(place);
	qsort(w->end, n, sizeof(*w->end), by_place);
}

int out_speedscope(FILE *f, const struct profile *p, const struct out_options *o, struct err *err)
{
	struct writer w = {.file = f, .p = p};
	const struct info *info = &p->b->info;
	struct str name = {0};

	calltree_start(&w.tree, o->raw, false);
	add_rows(&w);
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
	free(w.end);
	free(w.path);
	str_free(&name);
	if (fflush(f) || w.failed)
		return err_set(err, "cannot write the speedscope file: %m");
	return 0;
}
