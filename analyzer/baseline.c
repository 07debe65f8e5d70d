/*
 * baseline.c - known findings, by names: kind, reason, and the functions of the user's own frames
 * from the site outwards. Neither lines nor addresses, nor frames of the C library: another build,
 * another machine, an edit above the place leave the entry as it is. Frames without a name count as
 * their module.
 *
 * Several findings may have one name (a function that leaks at two lines): they are counted
 * together. The file is a person's, and may be anything at all.
 */
#include "baseline.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum { VERSION = 1 };

struct entry {
	const char *key;     /* kind, why and stack, joined by line feeds; interned */
	uint64_t count, now; /* in the file; found */
};

struct baseline {
	struct entry *at;
	uint32_t n, cap;
	struct table by_key;
};

/* ---- names ---- */

/* "libfoo.so.1.2" is "libfoo.so". */
static void add_module(struct str *s, const char *path)
{
	const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path,
	           *so = strstr(base, ".so");

	/* Safe, as functions are: a line feed in it would part the entry's frames. */
	char *name = so && (!so[3] || so[3] == '.') ? xasprintf("%.*s.so", (int)(so - base), base)
	                                            : xasprintf("%s", *base ? base : "?");
	str_add_safe(s, name);
	free(name);
}

static bool is_own(const struct finding_frame *f)
{
	return !f->system && (!f->function || strcmp(f->function, "_start") != 0);
}

/* Lines "function (module)"; of frames without a name that follow one another, "(module)" once. */
static void add_stack(struct str *s, const struct finding *f)
{
	const char *nameless = NULL;
	bool any = false;

	for (uint32_t i = f->site; i < f->n_frames; i++)
		any |= is_own(&f->frame[i]);
	for (uint32_t i = f->site; i < f->n_frames; i++) {
		const struct finding_frame *frame = &f->frame[i];
		if (any && !is_own(frame))
			continue;
		if (!frame->function && nameless == frame->module)
			continue;
		nameless = frame->function ? NULL : frame->module;
		str_add(s, "\n");
		if (frame->function) {
			str_add_safe(s, frame->function);
			str_add(s, " ");
		}
		str_add(s, "(");
		add_module(s, frame->module);
		str_add(s, ")");
	}
}

static const char *key_of(const struct finding *f)
{
	struct str s = {0};

	str_addf(&s, "%s\n%s", finding_kind_name[f->kind], f->why);
	if (f->start) {
		str_add(&s, "\nruns ");
		str_add_safe(&s, f->start);
	}
	add_stack(&s, f);
	const char *key = intern(s.data);
	str_free(&s);
	return key;
}

/* ---- entries ---- */

static bool same_key(const void *ctx, uint32_t value, const void *key)
{
	return ((const struct baseline *)ctx)->at[value].key == key;
}

static struct entry *find(struct baseline *b, const char *key)
{
	uint32_t i = table_find(&b->by_key, table_hash((uintptr_t)key, 0), same_key, b, key);

	return i == TABLE_NONE ? NULL : &b->at[i];
}

static struct entry *find_or_add(struct baseline *b, const char *key)
{
	struct entry *e = find(b, key);

	if (e)
		return e;
	b->at = xgrow(b->at, b->n, &b->cap, sizeof(*b->at));
	b->at[b->n] = (struct entry){.key = key};
	table_add(&b->by_key, table_hash((uintptr_t)key, 0), b->n);
	return &b->at[b->n++];
}

struct baseline *baseline_new(void)
{
	return xcalloc(1, sizeof(struct baseline));
}

void baseline_free(struct baseline *b)
{
	if (!b)
		return;
	table_free(&b->by_key);
	free(b->at);
	free(b);
}

/* Of a limit what exceeded it; of all else how many: bytes differ from run to run. */
static uint64_t amount(const struct finding *f)
{
	return f->limited && f->bytes ? f->bytes : f->count;
}

static void count_now(struct baseline *b, const struct findings *f, bool add)
{
	for (uint32_t i = 0; i < b->n; i++)
		b->at[i].now = 0;
	for (size_t i = 0; i < f->n; i++) {
		if (f->at[i].rule)
			continue;
		const char *key = key_of(&f->at[i]);
		struct entry *e = add ? find_or_add(b, key) : find(b, key);
		if (e)
			e->now = addu_sat(e->now, amount(&f->at[i]));
	}
}

void baseline_apply(struct baseline *b, struct findings *f)
{
	count_now(b, f, false);
	for (size_t i = 0; i < f->n; i++) {
		struct finding *found = &f->at[i];
		const struct entry *e = found->rule ? NULL : find(b, key_of(found));
		found->known = e && e->now <= e->count;
		if (e && !found->known)
			found->base = e->count;
	}
}

size_t baseline_stale(const struct baseline *b)
{
	size_t n = 0;

	for (uint32_t i = 0; i < b->n; i++)
		n += b->at[i].now < b->at[i].count;
	return n;
}

void baseline_update(struct baseline *b, struct findings *f, bool grow)
{
	count_now(b, f, grow);
	for (uint32_t i = 0; i < b->n; i++)
		if (grow || b->at[i].now < b->at[i].count)
			b->at[i].count = b->at[i].now;
}

/* ---- the file ---- */

static int by_key(const void *a, const void *b)
{
	return strcmp(((const struct entry *)a)->key, ((const struct entry *)b)->key);
}

/* Takes the next line off *at. */
static json_t *next_line(const char **at)
{
	size_t n = strcspn(*at, "\n");
	json_t *line = json_stringn(*at, n);

	*at += n + ((*at)[n] != 0);
	return line ? line : json_string("?");
}

void baseline_text(const struct baseline *b, struct str *out)
{
	struct entry *sorted = xcalloc(b->n + 1, sizeof(*sorted));
	json_t *all = json_object(), *findings = json_array();

	if (b->n)
		memcpy(sorted, b->at, b->n * sizeof(*sorted));
	qsort(sorted, b->n, sizeof(*sorted), by_key);
	for (uint32_t i = 0; i < b->n; i++) {
		const char *at = sorted[i].key;
		json_t *entry = json_object(), *stack = json_array();
		if (!sorted[i].count) {
			json_decref(entry);
			json_decref(stack);
			continue;
		}
		json_object_set_new(entry, "kind", next_line(&at));
		json_object_set_new(entry, "why", next_line(&at));
		json_object_set_new(entry, "count", json_integer((json_int_t)sorted[i].count));
		while (*at)
			json_array_append_new(stack, next_line(&at));
		json_object_set_new(entry, "stack", stack);
		json_array_append_new(findings, entry);
	}
	json_object_set_new(all, "outlive_baseline", json_integer(VERSION));
	json_object_set_new(all, "findings", findings);
	char *text = json_dumps(all, JSON_INDENT(2));
	str_add(out, text ? text : "{}");
	str_add(out, "\n");
	free(text);
	json_decref(all);
	free(sorted);
}

static const char *text_in(const json_t *o, const char *key)
{
	const char *text = json_string_value(json_object_get(o, key));

	return text && *text && !strchr(text, '\n') ? text : NULL;
}

static int add_entry(struct baseline *b, const char *path, size_t i, const json_t *o,
                     struct err *err)
{
	const char *kind = text_in(o, "kind"), *why = text_in(o, "why");
	const json_t *stack = json_object_get(o, "stack"), *count = json_object_get(o, "count");
	struct str key = {0};
	int rc = 0;

	if (!kind || !why || !json_is_array(stack) || !json_is_integer(count) ||
	    json_integer_value(count) < 0)
		return err_set(err, "%s: entry %zu is not one with kind, why, count and stack",
		               path, i + 1);
	str_addf(&key, "%s\n%s", kind, why);
	for (size_t k = 0; !rc && k < json_array_size(stack); k++) {
		const char *frame = json_string_value(json_array_get(stack, k));
		if (!frame || !*frame || strchr(frame, '\n'))
			rc = err_set(err, "%s: entry %zu: frame %zu is no line of text", path,
			             i + 1, k + 1);
		else
			str_addf(&key, "\n%s", frame);
	}
	if (!rc) {
		struct entry *e = find_or_add(b, intern(key.data));
		e->count = addu_sat(e->count, (uint64_t)json_integer_value(count));
		e->count = e->count > INT64_MAX ? INT64_MAX : e->count;
	}
	str_free(&key);
	return rc;
}

static int read_all(struct baseline *b, const char *path, const json_t *all, struct err *err)
{
	const json_t *version = json_object_get(all, "outlive_baseline");
	const json_t *findings = json_object_get(all, "findings");

	if (!json_is_integer(version) || !json_is_array(findings))
		return err_set(err,
		               "%s: not a baseline (outlive check --update-baseline makes one)",
		               path);
	if (json_integer_value(version) != VERSION)
		return err_set(err, "%s: a baseline of version %lld; this analyzer knows %d", path,
		               (long long)json_integer_value(version), VERSION);
	for (size_t i = 0; i < json_array_size(findings); i++)
		if (add_entry(b, path, i, json_array_get(findings, i), err))
			return -1;
	return 0;
}

int baseline_load(const char *path, struct baseline **out, struct err *err)
{
	FILE *f = fopen(path, "re");
	json_error_t where;

	*out = NULL;
	if (!f)
		return err_set(err, "%s: %s", path, strerror(errno));
	json_t *all = json_loadf(f, JSON_REJECT_DUPLICATES, &where);
	fclose(f);
	if (!all)
		return err_set(err, "%s:%d: %s", path, where.line, where.text);
	struct baseline *b = baseline_new();
	int rc = read_all(b, path, all, err);
	json_decref(all);
	if (rc)
		baseline_free(b);
	else
		*out = b;
	return rc;
}
