/*
 * out_json.c - profiles as JSON documents. The shape is stable: keys may be added, none is removed
 * or changed.
 *
 * top:  snapshot, audit, totals {heap, mmap: the four columns}, hints (sentences), rows
 * diff: the same of B; base {snapshot, audit, totals} of A; churn {the four columns, stacks};
 * same_run, since_ns, unmatched; threads, timers, fds: what grew beside the heap, rows as in
 * out_kinds_json.c. A row: rank, kind, the four columns, temporary, sizes, lifetimes of what was
 * freed (ns, upper bounds), ages of what lives (ns, lower bounds; of a diff of one run: of what was
 * born since A), freed_share, verdict, reach, held_by, site, stack; error: standard errors of the
 * four columns, and how many samples they rest on, or null. noise: as churn, what is within two of
 * its own; a frame: function, file, line, module, address (hexadecimal, in the module's file),
 * inlined. Unknown is null.
 */
#include "estimate.h"
#include "out_details.h"
#include "out_kinds.h"
#include "reach.h"

static json_t *freed_share(const struct profile *p, const struct row *r)
{
	int64_t born = row_born(p, r, ALLOC_SPACE);

	if (born <= 0)
		return json_null();
	/* Blocks from before A may have been freed, too. */
	double share = (double)r->bytes_freed / (double)born;
	return json_real(share > 1 ? 1 : share);
}

/* Standard errors, in the units of the columns. Null where every event was counted. */
static json_t *errors(const struct profile *p, const struct row *r)
{
	json_t *o = json_object();

	for (int c = 0; c < N_COLUMNS; c++)
		json_object_set_new(o, column_name[c], json_real(row_error(p, r, (enum column)c)));
	json_object_set_new(o, "samples", document_number(p->estimate[r->number].samples));
	return o;
}

static json_t *row(const struct profile *p, size_t i, size_t rank)
{
	const struct row *r = profile_row(p, i);
	json_t *o = json_object();

	json_object_set_new(o, "rank", document_number(rank));
	json_object_set_new(o, "kind", json_string(r->kind == FMT_KIND_MMAP ? "mmap" : "heap"));
	for (int c = 0; c < N_COLUMNS; c++)
		json_object_set_new(o, column_name[c], json_integer(r->value[c]));
	json_object_set_new(o, "error", profile_is_sampled(p) ? errors(p, r) : json_null());
	json_object_set_new(o, "temporary", document_number(r->temporary));
	out_details_json(o, p, r);
	json_object_set_new(o, "frees", document_number(r->frees));
	json_object_set_new(o, "bytes_freed", document_number(r->bytes_freed));
	json_object_set_new(o, "freed_share", freed_share(p, r));
	json_object_set_new(o, "verdict", document_text(reach_verdict(r->reach)));
	json_object_set_new(o, "reach", reach_json(r->reach));
	json_object_set_new(o, "held_by", reach_owner_json(r));
	if (p->a)
		json_object_set_new(o, "churn", json_boolean(r->churn));
	json_object_set_new(o, "site", document_site(r));
	json_object_set_new(o, "stack", document_stack(r));
	return o;
}

static json_t *totals(const int64_t total[2][N_COLUMNS])
{
	json_t *o = json_object();

	json_object_set_new(o, "heap", document_columns(total[FMT_KIND_HEAP]));
	json_object_set_new(o, "mmap", document_columns(total[FMT_KIND_MMAP]));
	return o;
}

static void rows(struct document *d, const struct profile *p, const struct out_options *o)
{
	size_t n = p->n_rows - p->n_noise - p->n_churn, rank = 0;

	if (o->n && o->n < n)
		n = o->n;
	document_open_rows(d, "rows");
	for (size_t i = 0; i < n; i++)
		document_row(d, row(p, i, ++rank));
	/* Behind them, told by their key "churn": the ranks of the others stay. */
	for (size_t i = p->n_rows - p->n_churn; o->churn && i < p->n_rows; i++)
		document_row(d, row(p, i, ++rank));
	document_close_rows(d);
}

static json_t *folded(const int64_t sum[N_COLUMNS], size_t n)
{
	json_t *o = document_columns(sum);

	json_object_set_new(o, "stacks", document_number(n));
	return o;
}

int out_json_top(FILE *f, const struct profile *p, const struct out_options *o, struct err *err)
{
	struct document d = {.file = f};

	document_put(&d, "snapshot", document_snapshot(p->b));
	document_put(&d, "audit", document_audit(p->b));
	document_put(&d, "totals", totals(p->total));
	document_put(&d, "reach", reach_scan_json(p->b, &p->reach));
	document_put(&d, "hints", document_hints(o->hints));
	document_put(&d, "sort", json_string(column_name[o->sort]));
	document_put(&d, "noise", folded(p->noise, p->n_noise));
	document_put(&d, "n_rows", document_number(p->n_rows - p->n_noise));
	rows(&d, p, o);
	return document_end(&d, err);
}

static json_t *base(const struct profile *p)
{
	json_t *o = json_object();

	json_object_set_new(o, "snapshot", document_snapshot(p->a));
	json_object_set_new(o, "audit", document_audit(p->a));
	json_object_set_new(o, "totals", totals(p->base_total));
	return o;
}

static json_t *unmatched(const struct profile *p)
{
	json_t *o = json_object();

	json_object_set_new(o, "stacks", document_number(p->n_unmatched));
	json_object_set_new(o, "alloc_space", document_number(p->unmatched));
	return o;
}

int out_json_diff(FILE *f, const struct profile *p, const struct out_options *o, struct err *err)
{
	struct document d = {.file = f};

	document_put(&d, "snapshot", document_snapshot(p->b));
	document_put(&d, "audit", document_audit(p->b));
	document_put(&d, "base", base(p));
	document_put(&d, "same_run", json_boolean(p->same_run));
	document_put(&d, "since_ns", p->same_run ? document_number(p->since_ns) : json_null());
	document_put(&d, "totals", totals(p->total));
	document_put(&d, "churn", folded(p->churn, p->n_churn));
	document_put(&d, "noise", folded(p->noise, p->n_noise));
	document_put(&d, "unmatched", unmatched(p));
	document_put(&d, "reach", reach_scan_json(p->b, &p->reach));
	if (o->kinds)
		out_json_growth(&d, o->kinds, o);
	for (int kind = 0; kind < N_KINDS && !o->kinds; kind++)
		document_put(&d, kind_name[kind], json_null());
	document_put(&d, "hints", document_hints(o->hints));
	document_put(&d, "sort", json_string(column_name[o->sort]));
	document_put(&d, "n_rows", document_number(p->n_rows - p->n_noise - p->n_churn));
	rows(&d, p, o);
	return document_end(&d, err);
}
