/*
 * notes.c - headings and warnings of tables for people. Reads snapshots, decides nothing.
 */
#include "notes.h"

#include "reach.h"

#include "document.h"

#include <string.h>

static void add_who(struct str *s, const struct snapshot *snap)
{
	const char *command = INFO_S(&snap->info, COMMAND);

	str_addf(s, "%s (pid %llu)", *command ? command : "(unnamed)",
	         (unsigned long long)INFO_U(&snap->info, PID));
}

/* "snapshot 2, 2026-11-21 14:00:43 UTC, on demand "before load", 42.0 s after the start" */
static void add_when(struct str *s, const struct snapshot *snap)
{
	char date[32], age[32];

	str_addf(s, "snapshot %llu, %s UTC", (unsigned long long)INFO_U(&snap->info, SEQUENCE),
	         utc_time(date, INFO_U(&snap->info, TIME), ' '));
	if (*snapshot_reason_text(snap))
		str_addf(s, ", %s", snapshot_reason_text(snap));
	if (*INFO_S(&snap->info, LABEL))
		str_addf(s, " \"%s\"", INFO_S(&snap->info, LABEL));
	str_addf(s, ", %s after the start", human_ns(age, INFO_U(&snap->info, UPTIME)));
}

/* Prints s as one paragraph, and empties it. */
static void print(struct page *page, enum style style, size_t indent, struct str *s)
{
	page_wrap(page, style, indent, 4, s->data);
	str_free(s);
}

void notes_who(struct page *page, const struct snapshot *s, const char *more)
{
	struct str text = {0};

	add_who(&text, s);
	str_add(&text, more);
	print(page, STYLE_BOLD, 0, &text);
}

static const char *blocks(char buf[48], int64_t n)
{
	char count[32];

	snprintf(buf, 48, "%s block%s", human_count(count, n), n == 1 ? "" : "s");
	return buf;
}

static void print_ranked(struct page *page, const struct profile *p, const struct out_options *o)
{
	size_t n = 0;
	struct str s = {0};

	/* Those that a table shows or says that it leaves out: what did not grow has no rank. */
	for (size_t i = 0; i < p->n_rows - p->n_noise - p->n_churn; i++)
		n += p->row[i].value[o->sort] > 0;
	if (!n || o->by)
		return;
	str_addf(&s, "%zu stack%s, ranked by %s%s", n, n == 1 ? "" : "s", p->a ? "growth of " : "",
	         column_name[o->sort]);
	print(page, STYLE_PLAIN, 0, &s);
}

static void print_totals(struct page *page, const char *kind, const int64_t v[N_COLUMNS])
{
	char a[32], b[48], c[32], d[48];
	struct str s = {0};

	str_addf(&s, "%s: %s in use in %s; %s allocated in %s since the start", kind,
	         human_bytes(a, v[INUSE_SPACE]), blocks(b, v[INUSE_OBJECTS]),
	         human_bytes(c, v[ALLOC_SPACE]), blocks(d, v[ALLOC_OBJECTS]));
	print(page, STYLE_PLAIN, 0, &s);
}

void notes_moment(struct page *page, const struct snapshot *snap)
{
	struct str s = {0};

	add_who(&s, snap);
	str_add(&s, ": ");
	add_when(&s, snap);
	print(page, STYLE_BOLD, 0, &s);
}

void notes_top_heading(struct page *page, const struct profile *p, const struct out_options *o)
{
	notes_moment(page, p->b);
	if (snapshot_records(p->b, FMT_FAMILY_HEAP))
		print_totals(page, "heap", p->total[FMT_KIND_HEAP]);
	if (p->total[FMT_KIND_MMAP][ALLOC_OBJECTS])
		print_totals(page, "mmap", p->total[FMT_KIND_MMAP]);
	reach_heading(page, p->b, &p->reach);
	print_ranked(page, p, o);
}

static void print_side(struct page *page, const char *side, const struct snapshot *snap, bool who)
{
	struct str s = {0};

	str_addf(&s, "%s: ", side);
	if (who) {
		add_who(&s, snap);
		str_add(&s, ", ");
	}
	add_when(&s, snap);
	print(page, STYLE_PLAIN, 2, &s);
}

static void print_growth(struct page *page, const char *kind, const struct profile *p, int k)
{
	char a[32], b[32], c[32], d[32], e[48];
	const int64_t *v = p->total[k], *base = p->base_total[k];
	struct str s = {0};

	str_addf(&s, "%s: %s in use, then %s (%s%s)", kind, human_bytes(a, base[INUSE_SPACE]),
	         human_bytes(b, add_sat(base[INUSE_SPACE], v[INUSE_SPACE])),
	         v[INUSE_SPACE] > 0 ? "+" : "", human_bytes(c, v[INUSE_SPACE]));
	if (p->same_run)
		str_addf(&s, "; %s allocated in between, in %s", human_bytes(d, v[ALLOC_SPACE]),
		         blocks(e, v[ALLOC_OBJECTS]));
	print(page, STYLE_PLAIN, 0, &s);
}

static void print_title(struct page *page, const struct profile *p)
{
	char since[32], more[64];

	if (!p->same_run) {
		page_wrap(page, STYLE_BOLD, 0, 0, "What B has more than A");
		return;
	}
	snprintf(more, sizeof(more), ": what grew in %s", human_ns(since, p->since_ns));
	notes_who(page, p->b, more);
}

void notes_diff_heading(struct page *page, const struct profile *p, const struct out_options *o)
{
	print_title(page, p);
	print_side(page, "A", p->a, !p->same_run);
	print_side(page, "B", p->b, !p->same_run);
	if (p->swapped)
		page_wrap(page, STYLE_WARNING, 2, 4,
		          "warning: A was taken after B, so differences are negative: name the "
		          "older snapshot first");
	else if (!p->same_run)
		page_wrap(page, STYLE_PLAIN, 2, 4,
		          "These are two runs: figures are B's whole life minus A's, churn is "
		          "judged within B.");
	else if (!p->since_ns)
		page_wrap(page, STYLE_WARNING, 2, 4, "warning: A and B are of the same moment");
	if (snapshot_records(p->a, FMT_FAMILY_HEAP) || snapshot_records(p->b, FMT_FAMILY_HEAP))
		print_growth(page, "heap", p, FMT_KIND_HEAP);
	if (p->total[FMT_KIND_MMAP][ALLOC_OBJECTS] || p->base_total[FMT_KIND_MMAP][ALLOC_OBJECTS])
		print_growth(page, "mmap", p, FMT_KIND_MMAP);
	reach_heading(page, p->b, &p->reach);
	print_ranked(page, p, o);
	/* Losses add up: within a run B's are A's, too. */
	if (!p->same_run)
		notes_warnings(page, p->a);
	notes_warnings(page, p->b);
}

static void warn(struct page *page, const struct snapshot *snap, uint64_t n, const char *what)
{
	struct str s = {0};

	if (!n)
		return;
	str_addf(&s, "warning: snapshot %llu: %llu %s",
	         (unsigned long long)INFO_U(&snap->info, SEQUENCE), (unsigned long long)n, what);
	print(page, STYLE_WARNING, 2, &s);
}

static const struct {
	uint64_t family;
	const char *name;
} families[] = {{FMT_FAMILY_HEAP, "the heap"},
                {FMT_FAMILY_MMAP, "mmap"},
                {FMT_FAMILY_THREADS, "threads"},
                {FMT_FAMILY_TIMERS, "timers"},
                {FMT_FAMILY_FDS, "descriptors"}};

/* Those of `wanted` that are recorded, or are not, by name. */
static void add_families(struct str *text, const struct snapshot *s, uint64_t wanted, bool recorded)
{
	size_t n = 0;

	for (size_t i = 0; i < sizeof(families) / sizeof(*families); i++)
		if (wanted & families[i].family &&
		    snapshot_records(s, families[i].family) == recorded)
			str_addf(text, "%s%s", n++ ? ", " : "", families[i].name);
}

void notes_left_out(struct page *page, const struct snapshot *s, uint64_t wanted)
{
	struct str names = {0}, text = {0};

	add_families(&names, s, wanted, false);
	if (names.len)
		str_addf(&text,
		         "warning: snapshot %llu: NOT RECORDED, for families= left it out: %s",
		         (unsigned long long)INFO_U(&s->info, SEQUENCE), names.data);
	if (names.len)
		print(page, STYLE_WARNING, 2, &text);
	str_free(&names);
}

void notes_other_kinds(struct page *page, const struct snapshot *s, const char *said)
{
	struct str text = {0};

	add_families(&text, s, FMT_FAMILY_THREADS | FMT_FAMILY_TIMERS | FMT_FAMILY_FDS, true);
	if (!text.len)
		return;
	str_addf(&text, ": %s", said);
	print(page, STYLE_PLAIN, 0, &text);
}

void notes_warnings(struct page *page, const struct snapshot *s)
{
	const uint64_t *a = s->audit;

	notes_left_out(page, s, FMT_FAMILY_HEAP | FMT_FAMILY_MMAP);
	if (*INFO_S(&s->info, UNSEEN)) {
		struct str text = {0};
		str_addf(&text,
		         "warning: the heap is NOT SEEN: malloc is that of %s, which stands before "
		         "liboutlive.so (in LD_PRELOAD, liboutlive.so must come first)",
		         INFO_S(&s->info, UNSEEN));
		print(page, STYLE_WARNING, 2, &text);
	}
	warn(page, s, a[FMT_AUDIT_LOST_REENTRANT],
	     "events lost: signal handlers allocated inside of outlive's own work");
	warn(page, s, a[FMT_AUDIT_LOST_NO_MEMORY], "events lost: no memory for outlive's tables");
	warn(page, s, a[FMT_AUDIT_UNSEEN_FREES],
	     "blocks were freed unseen, and were shown as live until then");
	warn(page, s, a[FMT_AUDIT_LOST_NO_STACK],
	     "events without a stack: they are in the totals only");
	warn(page, s, a[FMT_AUDIT_UNKNOWN_FREES],
	     "frees of blocks whose birth was not seen: some code allocates past the hooks "
	     "(`outlive info` tells)");
	if (INFO_U(&s->info, SAMPLE)) {
		char period[32];
		struct str text = {0};
		str_addf(&text,
		         "note: the heap was sampled, one allocation in %s; its figures are "
		         "estimates",
		         human_bytes(period, (int64_t)INFO_U(&s->info, SAMPLE)));
		print(page, STYLE_PLAIN, 2, &text);
	}
	if (INFO_U(&s->info, FORKED)) {
		struct str text = {0};
		str_addf(&text,
		         "note: pid %llu came by fork; blocks and figures from before are its "
		         "parent's, too",
		         (unsigned long long)INFO_U(&s->info, PID));
		print(page, STYLE_PLAIN, 2, &text);
	}
}

void notes_unmatched(struct page *page, const struct profile *p)
{
	char bytes[32];
	struct str s = {0};

	if (!p->n_unmatched)
		return;
	str_addf(&s,
	         "%u stack%s with %s have nameless frames in modules of another build: they could "
	         "not be matched and "
	         "stand here as new or gone",
	         p->n_unmatched, p->n_unmatched == 1 ? "" : "s",
	         human_bytes(bytes, p->unmatched > INT64_MAX ? INT64_MAX : (int64_t)p->unmatched));
	print(page, STYLE_PLAIN, 2, &s);
}

void notes_noise(struct page *page, const struct profile *p, const struct out_options *o)
{
	char sum[32];
	struct str s = {0};
	int64_t v = p->noise[o->sort];

	if (!p->n_noise)
		return;
	str_addf(&s,
	         "noise: %zu stack%s with %s%s of %s %s within two standard errors of nothing "
	         "(--noise ranks %s)",
	         p->n_noise, p->n_noise == 1 ? "" : "s", p->a && v > 0 ? "+" : "",
	         o->sort == ALLOC_SPACE || o->sort == INUSE_SPACE ? human_bytes(sum, v)
	                                                          : human_count(sum, v),
	         column_name[o->sort], p->n_noise == 1 ? "is" : "are each",
	         p->n_noise == 1 ? "it" : "them");
	print(page, STYLE_PLAIN, 2, &s);
}

void notes_churn(struct page *page, const struct profile *p, const struct out_options *o)
{
	char bytes[32], blocks[32];
	struct str s = {0};

	if (!p->n_churn)
		return;
	str_addf(&s, "churn: %zu stack%s ", p->n_churn, p->n_churn == 1 ? "" : "s");
	if (p->churn[ALLOC_SPACE] > 0)
		str_addf(&s, "allocated %s in %s block%s and gave them back, or hold",
		         human_bytes(bytes, p->churn[ALLOC_SPACE]),
		         human_count(blocks, p->churn[ALLOC_OBJECTS]),
		         p->churn[ALLOC_OBJECTS] == 1 ? "" : "s");
	else
		str_add(&s, "gave back what they allocated, or hold");
	str_addf(&s, "%s them only for what is in flight%s", p->n_churn == 1 ? "s" : "",
	         o->churn ? "" : " (--churn shows them)");
	print(page, STYLE_PLAIN, 2, &s);
}

void notes_hints(struct page *page, const struct out_options *o)
{
	for (unsigned i = 0; o->hints && i < o->hints->n; i++) {
		struct str s = {0};
		str_addf(&s, "hint: %s", o->hints->text[i]);
		print(page, STYLE_PLAIN, 2, &s);
	}
}
