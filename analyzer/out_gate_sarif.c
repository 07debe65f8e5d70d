/*
 * out_gate_sarif.c - SARIF 2.1.0, the format of code scanning (OASIS, "Static Analysis Results
 * Interchange Format Version 2.1.0"): one run, a rule for each kind of leak, a result for each
 * finding. A result lies where the thing was made: files below the root are relative to SRCROOT, as
 * code scanning wants them; the call stack stands beside. fingerprints: the stack's names, so that
 * a rebuild does not make a result new. What was accepted is left out: code scanning makes an alert
 * of whatever it is given, suppressed or not.
 */
#include "out_gate.h"

#include <string.h>

#include "document.h"
#include "gate_words.h"

#define SCHEMA "https://json.schemastore.org/sarif-2.1.0.json"

static json_t *owned(struct str *s)
{
	json_t *text = document_text(s->data);

	str_free(s);
	return text;
}

static json_t *message(struct str *s)
{
	return json_pack("{so}", "text", owned(s));
}

/* RFC 3986: what is neither unreserved nor a slash is written in percent. */
static void add_uri(struct str *s, const char *path)
{
	for (; *path; path++) {
		unsigned char c = (unsigned char)*path;
		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		    strchr("/-._~", c))
			str_add_mem(s, path, 1);
		else
			str_addf(s, "%%%02X", c);
	}
}

static json_t *artifact(const struct out_gate *o, const char *path)
{
	const char *relative = out_gate_relative(o, path);
	struct str uri = {0};

	if (!relative)
		str_add(&uri, *path == '/' ? "file://" : "");
	add_uri(&uri, relative ? relative : path);
	json_t *at = json_pack("{so}", "uri", owned(&uri));
	if (relative)
		json_object_set_new(at, "uriBaseId", json_string("SRCROOT"));
	return at;
}

static json_t *location(const struct out_gate *o, const struct finding_frame *f)
{
	json_t *at = json_object();

	if (f->file && f->line)
		json_object_set_new(at, "physicalLocation",
		                    json_pack("{so s{si}}", "artifactLocation",
		                              artifact(o, f->file), "region", "startLine",
		                              (int)f->line));
	if (f->function)
		json_object_set_new(at, "logicalLocations",
		                    json_pack("[{so ss}]", "fullyQualifiedName",
		                              document_text(f->function), "kind", "function"));
	return at;
}

static json_t *stack(const struct out_gate *o, const struct finding *f)
{
	json_t *frames = json_array();

	for (uint32_t i = 0; i < f->n_frames; i++) {
		const struct finding_frame *frame = &f->frame[i];
		struct str words = {0};

		json_t *at = location(o, frame);
		gate_frame(&words, frame);
		json_object_set_new(at, "message", message(&words));
		json_t *one = json_pack("{so}", "location", at);
		if (*frame->module)
			json_object_set_new(one, "module",
			                    document_text(gate_base_name(frame->module)));
		json_array_append_new(frames, one);
	}
	return json_pack("{s{ss} so}", "message", "text", "where it was made", "frames", frames);
}

static void add_rule_id(struct str *s, const struct finding *f)
{
	str_addf(s, "%s-%s", finding_kind_name[f->kind], f->why);
}

/* The same stack by its names, and the kind: the same tomorrow, unlike addresses. */
static json_t *fingerprint(const struct finding *f)
{
	uint64_t hash = 0;
	char text[32];

	for (uint32_t i = 0; i < f->n_frames; i++) {
		const char *name = f->frame[i].function ? f->frame[i].function : f->frame[i].module;
		/* FNV-1a (Fowler, Noll, Vo): not seeded, unlike table_hash(). */
		for (hash = hash ? hash : 0xcbf29ce484222325u; *name; name++)
			hash = (hash ^ (unsigned char)*name) * 0x100000001b3u;
		hash = (hash ^ '\n') * 0x100000001b3u;
	}
	snprintf(text, sizeof(text), "%016llx", (unsigned long long)hash);
	return json_pack("{ss}", "stack/v1", text);
}

static json_t *result(const struct findings *all, const struct out_gate *o, const struct finding *f)
{
	const struct finding_frame *place = out_gate_place(o, f);
	struct str id = {0}, text = {0};

	add_rule_id(&id, f);
	gate_title(&text, f);
	if (gate_site(f)) {
		str_add(&text, ", made in ");
		gate_frame(&text, gate_site(f));
	}
	str_add(&text, "; in ");
	gate_processes(&text, all, f);
	if (f->test)
		str_addf(&text, "; test %s", f->test);
	json_t *r = json_pack("{so ss so so so}", "ruleId", owned(&id), "level", "error", "message",
	                      message(&text), "partialFingerprints", fingerprint(f),
	                      "occurrenceCount", document_number(f->count ? f->count : 1));
	if (place)
		json_object_set_new(r, "locations", json_pack("[o]", location(o, place)));
	if (f->n_frames)
		json_object_set_new(r, "stacks", json_pack("[o]", stack(o, f)));
	return r;
}

/* One for each kind and reason that occurs. */
static json_t *rules(const struct findings *all)
{
	json_t *list = json_array(), *seen = json_object();

	for (size_t i = 0; i < all->n_counted; i++) {
		const struct finding *f = &all->at[i];
		struct str id = {0};

		add_rule_id(&id, f);
		if (!json_object_get(seen, id.data)) {
			json_object_set_new(seen, id.data, json_true());
			json_array_append_new(list,
			                      json_pack("{ss s{ss}}", "id", id.data,
			                                "shortDescription", "text", f->meaning));
		}
		str_free(&id);
	}
	json_decref(seen);
	return list;
}

static json_t *invocation(const struct findings *all, const struct out_gate *o)
{
	json_t *told = json_array();

	for (size_t i = 0; i < all->n_notes; i++)
		json_array_append_new(told, json_pack("{s{so} ss}", "message", "text",
		                                      document_text(all->note[i]), "level",
		                                      all->no_verdict ? "error" : "note"));
	for (size_t i = 0; i < all->n_processes; i++) {
		const struct finding_process *p = &all->process[i];
		struct str s = {0};

		if (!p->unclear)
			continue;
		str_addf(&s, "no verdict on %s (pid %llu): %s", p->command,
		         (unsigned long long)p->pid, p->unclear);
		json_array_append_new(
		        told, json_pack("{so ss}", "message", message(&s), "level", "error"));
	}
	return json_pack("[{sb si so}]", "executionSuccessful",
	                 (int)(all->verdict != VERDICT_LOSSY), "exitCode", o->status,
	                 "toolExecutionNotifications", told);
}

int out_gate_sarif(FILE *file, const struct findings *all, const struct out_gate *o,
                   struct err *err)
{
	json_t *results = json_array();
	struct str root = {0};

	for (size_t i = 0; i < all->n_counted; i++)
		json_array_append_new(results, result(all, o, &all->at[i]));
	json_t *run = json_pack("{s{s{ss ss ss so}} so so ss}", "tool", "driver", "name", "outlive",
	                        "version", OUTLIVE_VERSION, "semanticVersion", OUTLIVE_VERSION,
	                        "rules", rules(all), "invocations", invocation(all, o), "results",
	                        results, "columnKind", "unicodeCodePoints");
	if (o->root) {
		str_add(&root, "file://");
		add_uri(&root, o->root);
		json_object_set_new(run, "originalUriBaseIds",
		                    json_pack("{s{so}}", "SRCROOT", "uri", owned(&root)));
	}
	json_t *all_of_it =
	        json_pack("{ss ss s[o]}", "$schema", SCHEMA, "version", "2.1.0", "runs", run);
	int failed = json_dump_callback(all_of_it, print_json_text, file, JSON_INDENT(1)) ||
	             fputc('\n', file) == EOF;
	json_decref(all_of_it);
	if (failed || fflush(file))
		return err_set(err, "the report cannot be written");
	return 0;
}
