/*
 * notes.c - headings and warnings of tables for people. Reads snapshots, decides nothing.
 */
#include "notes.h"

#include "document.h"

#include <string.h>

void notes_who(struct page *page, const struct snapshot *s)
{
	const char *command = INFO_S(&s->info, COMMAND);

	page_add(page, STYLE_BOLD, *command ? command : "(unnamed)");
	page_addf(page, STYLE_PLAIN, " (pid %llu)", (unsigned long long)INFO_U(&s->info, PID));
}

/* "snapshot 2 of 14:00:43, on demand "before load", 42.0 s after its start" */
static void add_when(struct page *page, const struct snapshot *s)
{
	char date[32], age[32];

	page_addf(page, STYLE_PLAIN, "snapshot %llu, %s UTC",
	          (unsigned long long)INFO_U(&s->info, SEQUENCE),
	          utc_time(date, INFO_U(&s->info, TIME), ' '));
	if (*snapshot_reason_text(s))
		page_addf(page, STYLE_PLAIN, ", %s", snapshot_reason_text(s));
	if (*INFO_S(&s->info, LABEL))
		page_addf(page, STYLE_PLAIN, " \"%s\"", INFO_S(&s->info, LABEL));
	page_addf(page, STYLE_PLAIN, ", %s after the start",
	          human_ns(age, INFO_U(&s->info, UPTIME)));
}

static void add_ranked(struct page *page, const struct profile *p, const struct out_options *o)
{
	page_addf(page, STYLE_PLAIN, "%zu stacks, ranked by %s%s", p->n_rows - p->n_churn,
	          p->a ? "growth of " : "", column_name[o->sort]);
	page_end_line(page);
}

static void add_totals(struct page *page, const char *kind, const int64_t v[N_COLUMNS])
{
	char a[32], b[32], c[32], d[32];

	page_addf(page, STYLE_PLAIN,
	          "%s: %s in use in %s blocks; %s allocated in %s blocks since the start", kind,
	          human_bytes(a, v[INUSE_SPACE]), human_count(b, v[INUSE_OBJECTS]),
	          human_bytes(c, v[ALLOC_SPACE]), human_count(d, v[ALLOC_OBJECTS]));
	page_end_line(page);
}

void notes_top_heading(struct page *page, const struct profile *p, const struct out_options *o)
{
	notes_who(page, p->b);
	page_add(page, STYLE_PLAIN, ": ");
	add_when(page, p->b);
	page_end_line(page);
	add_totals(page, "heap", p->total[FMT_KIND_HEAP]);
	if (p->total[FMT_KIND_MMAP][ALLOC_OBJECTS])
		add_totals(page, "mmap", p->total[FMT_KIND_MMAP]);
	add_ranked(page, p, o);
}

static void add_side(struct page *page, const char *side, const struct snapshot *s, bool who)
{
	page_addf(page, STYLE_PLAIN, "  %s  ", side);
	if (who) {
		notes_who(page, s);
		page_add(page, STYLE_PLAIN, ": ");
	}
	add_when(page, s);
	page_end_line(page);
}

static void add_growth(struct page *page, const char *kind, const struct profile *p, int k)
{
	char a[32], b[32], c[32], d[32], e[32];
	const int64_t *v = p->total[k], *base = p->base_total[k];

	page_addf(page, STYLE_PLAIN, "%s: %s in use, then %s (%s%s)", kind,
	          human_bytes(a, base[INUSE_SPACE]),
	          human_bytes(b, add_sat(base[INUSE_SPACE], v[INUSE_SPACE])),
	          v[INUSE_SPACE] > 0 ? "+" : "", human_bytes(c, v[INUSE_SPACE]));
	if (p->same_run)
		page_addf(page, STYLE_PLAIN, "; %s allocated in between, in %s blocks",
		          human_bytes(d, v[ALLOC_SPACE]), human_count(e, v[ALLOC_OBJECTS]));
	page_end_line(page);
}

void notes_diff_heading(struct page *page, const struct profile *p, const struct out_options *o)
{
	char since[32];

	if (p->same_run) {
		notes_who(page, p->b);
		page_addf(page, STYLE_PLAIN, ": what grew in %s", human_ns(since, p->since_ns));
	} else {
		page_add(page, STYLE_PLAIN, "What B has more than A");
	}
	page_end_line(page);
	add_side(page, "A", p->a, !p->same_run);
	add_side(page, "B", p->b, !p->same_run);
	if (!p->same_run && snapshot_same_run(p->a, p->b))
		page_wrap(page, STYLE_WARNING, 2,
		          "warning: A was taken after B: differences are negative. Name the older "
		          "snapshot first.");
	else if (!p->same_run)
		page_wrap(page, STYLE_PLAIN, 2,
		          "These are two runs: figures are B's whole life minus A's, churn is "
		          "judged within B.");
	add_growth(page, "heap", p, FMT_KIND_HEAP);
	if (p->total[FMT_KIND_MMAP][ALLOC_OBJECTS] || p->base_total[FMT_KIND_MMAP][ALLOC_OBJECTS])
		add_growth(page, "mmap", p, FMT_KIND_MMAP);
	add_ranked(page, p, o);
}

static void warn(struct page *page, const struct snapshot *s, uint64_t n, const char *what)
{
	char text[400];

	if (!n)
		return;
	snprintf(text, sizeof(text), "warning: snapshot %llu: %llu %s",
	         (unsigned long long)INFO_U(&s->info, SEQUENCE), (unsigned long long)n, what);
	page_wrap(page, STYLE_WARNING, 2, text);
}

void notes_warnings(struct page *page, const struct snapshot *s)
{
	const uint64_t *a = s->audit;

	warn(page, s, a[FMT_AUDIT_LOST_REENTRANT],
	     "events lost: signal handlers allocated inside of outlive's own work");
	warn(page, s, a[FMT_AUDIT_LOST_NO_MEMORY], "events lost: no memory for outlive's tables");
	warn(page, s, a[FMT_AUDIT_UNSEEN_FREES],
	     "blocks were freed unseen, their stacks show them too long");
	warn(page, s, a[FMT_AUDIT_LOST_NO_STACK],
	     "events without a stack: they are in the totals only");
	warn(page, s, a[FMT_AUDIT_UNKNOWN_FREES],
	     "frees of blocks whose birth was not seen: some code allocates past the hooks "
	     "(`outlive info` tells)");
	warn(page, s, INFO_U(&s->info, SAMPLE), "bytes between samples: figures are estimates");
	if (INFO_U(&s->info, FORKED))
		page_wrap(page, STYLE_PLAIN, 2,
		          "note: this process came by fork; blocks and figures from before are its "
		          "parent's, too.");
}

void notes_unmatched(struct page *page, const struct profile *p)
{
	char bytes[32], text[300];

	if (!p->n_unmatched)
		return;
	snprintf(text, sizeof(text),
	         "%u stack%s with %s have nameless frames in modules of another build: they could "
	         "not be matched and "
	         "stand here as new or gone.",
	         p->n_unmatched, p->n_unmatched == 1 ? "" : "s",
	         human_bytes(bytes, p->unmatched > INT64_MAX ? INT64_MAX : (int64_t)p->unmatched));
	page_wrap(page, STYLE_PLAIN, 2, text);
}
