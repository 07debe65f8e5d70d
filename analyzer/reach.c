/*
 * reach.c - see reach.h. Reads profiles and snapshots; opens nothing.
 */
#include "reach.h"

#include "document.h"

#include <stdlib.h>
#include <string.h>

const char *const reach_class_name[FMT_REACH_CLASSES] = {
        [FMT_REACH_LOST] = "lost",         [FMT_REACH_INDIRECT] = "indirect",
        [FMT_REACH_POSSIBLE] = "possible", [FMT_REACH_REACHABLE] = "reachable",
        [FMT_REACH_BLOCKED] = "blocked",
};

void reach_sum(struct reach *to, const struct reach *what)
{
	for (int k = 0; k < FMT_REACH_CLASSES; k++) {
		to->blocks[k] = addu_sat(to->blocks[k], what->blocks[k]);
		to->bytes[k] = addu_sat(to->bytes[k], what->bytes[k]);
	}
	if (what->owned <= to->owned)
		return;
	to->owner = what->owner;
	to->owned = what->owned;
}

void reach_add(struct pool *pool, struct reach **to, const struct reach *what)
{
	if (!*to) {
		*to = pool_alloc(pool, sizeof(**to));
		**to = (struct reach){.owner = 0};
	}
	reach_sum(*to, what);
}

const char *reach_verdict(const struct reach *r)
{
	static const enum fmt_reach worst_first[] = {FMT_REACH_LOST, FMT_REACH_INDIRECT,
	                                             FMT_REACH_BLOCKED, FMT_REACH_POSSIBLE,
	                                             FMT_REACH_REACHABLE};

	for (size_t i = 0; r && i < sizeof(worst_first) / sizeof(*worst_first); i++)
		if (r->blocks[worst_first[i]])
			return reach_class_name[worst_first[i]];
	return NULL;
}

bool reach_is_mixed(const struct reach *r)
{
	int n = 0;

	for (int k = 1; r && k < FMT_REACH_CLASSES; k++)
		n += r->blocks[k] != 0;
	return n > 1 || (n && r->owner);
}

static int64_t signed_of(uint64_t n)
{
	return n > INT64_MAX ? INT64_MAX : (int64_t)n;
}

void reach_words(struct str *s, const struct reach *r)
{
	static const char *const words[FMT_REACH_CLASSES] = {
	        [FMT_REACH_LOST] = "lost for certain",
	        [FMT_REACH_INDIRECT] = "held by lost ones only",
	        [FMT_REACH_POSSIBLE] = "possibly lost",
	        [FMT_REACH_REACHABLE] = "still reachable",
	        [FMT_REACH_BLOCKED] = "held by blocked threads only",
	};
	char bytes[32], blocks[32];
	bool first = true;

	for (int k = 1; k < FMT_REACH_CLASSES; k++) {
		if (!r->blocks[k])
			continue;
		str_addf(s, "%s%s in %s block%s %s", first ? "" : ", ",
		         human_bytes(bytes, signed_of(r->bytes[k])),
		         human_count(blocks, signed_of(r->blocks[k])), r->blocks[k] == 1 ? "" : "s",
		         words[k]);
		first = false;
	}
	if (first)
		str_add(s, "nothing is known of the blocks");
}

void reach_owner_words(struct str *s, const struct row *r)
{
	struct frames frames = {0};

	if (!r->reach || !r->reach->owner || r->reach->owner == r->stack)
		return;
	struct row owner = {.snapshot = r->snapshot, .stack = r->reach->owner};

	row_write_out(&owner, false, &frames);
	const struct location *loc = owner.n_frames ? owner.frame[owner.site_frame] : NULL;
	const struct line *l =
	        loc && owner.site_line < loc->n_lines ? &loc->line[owner.site_line] : NULL;
	const char *slash = l && l->file ? strrchr(l->file, '/') : NULL;

	str_add(s, "; held by ");
	str_add(s, l && l->function ? l->function : "blocks of a nameless function");
	if (l && l->file)
		str_addf(s, "  %s:%u", slash ? slash + 1 : l->file, l->number);
	free(frames.at);
}

void reach_heading(struct page *page, const struct snapshot *s, const struct reach *sum)
{
	struct str text = {0};

	if (snapshot_scan(s) == FMT_SCAN_DONE) {
		str_add(&text, "reach: ");
		reach_words(&text, sum);
		page_wrap(page, STYLE_PLAIN, 0, 4, text.data);
	} else if (snapshot_scan(s)) {
		str_addf(&text, "reach: no verdict: %s", INFO_S(&s->info, REACH_WHY));
		page_wrap(page, STYLE_WARNING, 0, 4, text.data);
	}
	str_free(&text);
}

/* ---- JSON ---- */

static json_t *class_json(uint64_t blocks, uint64_t bytes)
{
	json_t *o = json_object();

	json_object_set_new(o, "objects", document_number(blocks));
	json_object_set_new(o, "space", document_number(bytes));
	return o;
}

json_t *reach_json(const struct reach *r)
{
	if (!r)
		return json_null();
	json_t *o = json_object();

	for (int k = 1; k < FMT_REACH_CLASSES; k++)
		json_object_set_new(o, reach_class_name[k], class_json(r->blocks[k], r->bytes[k]));
	return o;
}

json_t *reach_scan_json(const struct snapshot *s, const struct reach *sum)
{
	uint64_t scan = snapshot_scan(s);

	if (!scan)
		return json_null();
	json_t *o = scan == FMT_SCAN_DONE && sum ? reach_json(sum) : json_object();

	json_object_set_new(o, "state", json_string(scan == FMT_SCAN_DONE ? "done" : "refused"));
	json_object_set_new(o, "why", document_text(INFO_S(&s->info, REACH_WHY)));
	json_object_set_new(o, "way", document_text(INFO_S(&s->info, REACH_WAY)));
	return o;
}

json_t *reach_owner_json(const struct row *r)
{
	struct frames frames = {0};
	json_t *o;

	if (!r->reach || !r->reach->owner)
		return json_null();
	struct row owner = {.snapshot = r->snapshot, .stack = r->reach->owner};

	row_write_out(&owner, false, &frames);
	o = document_site(&owner);
	free(frames.at);
	return o;
}
