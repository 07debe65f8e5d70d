/*
 * load_trace_test.c - threads and their waits in a file: found again in order, in words, and
 * refused when they are damaged or hostile.
 */
#include "check.h"

#include "analyzer/spans.h"
#include "build_snap.h"

static void traced(struct str *s, uint64_t tid, uint64_t serial, uint64_t waits)
{
	const uint64_t v[] = {tid, serial, 0, 1, 1, 0, 0, 10, 0, 0, waits, 3, 30};

	for (size_t i = 0; i < sizeof(v) / sizeof(*v); i++)
		build_varint(s, v[i]);
	build_string(s, "", 0);
}

struct item {
	uint64_t thread, kind, object, other, begin, length, node;
};
static void span(struct str *s, const struct item *w)
{
	const uint64_t v[] = {w->thread, w->kind,   w->object, w->other,
	                      w->begin,  w->length, w->node};

	for (size_t i = 0; i < sizeof(v) / sizeof(*v); i++)
		build_varint(s, v[i]);
}

static struct snapshot *load(const struct str *threads, const struct str *spans, struct err *err)
{
	struct build b = {0};
	struct snapshot *s;

	build_start(&b);
	build_info_u(&b, FMT_INFO_UPTIME, 1000);
	unsigned exe = build_module(&b, "/bin/server", "\xbe\xef", FMT_MODULE_MAIN);
	build_node(&b, 0, exe, 0x1000);
	build_flush(&b);
	build_record(&b, FMT_TRACE, threads->data, threads->len);
	build_record(&b, FMT_SPAN, spans->data, spans->len);
	build_end(&b);
	err->text[0] = 0;
	/* A copy of just that size, so that a byte read too far is seen. */
	char *copy = malloc(b.out.len);
	memcpy(copy, b.out.data, b.out.len);
	load_snapshot_mem(copy, b.out.len, "x.snap", &s, err);
	free(copy);
	build_free(&b);
	return s;
}

static void refused(const struct item *w, const char *part)
{
	struct str threads = {0}, spans = {0};
	struct err err;

	traced(&threads, 100, 1, 5);
	span(&spans, w);
	struct snapshot *s = load(&threads, &spans, &err);
	OK(!s);
	if (!strstr(err.text, part))
		FAIL("\"%s\" is not in: %s", part, err.text);
	snapshot_free(s);
	str_free(&threads);
	str_free(&spans);
}

static void words(const struct snapshot *s, uint32_t i, const char *kind, const char *want)
{
	struct str text = {0};

	STREQ(wait_kind_word(span_words(s, &s->span[i], &text)), kind);
	STREQ(text.data ? text.data : "", want);
	str_free(&text);
}

TEST(waits_are_found_again_by_thread_and_time)
{
	struct str threads = {0}, spans = {0};
	struct err err;

	traced(&threads, 100, 1, 2);
	traced(&threads, 101, 0, 9);
	span(&spans, &(struct item){2, FMT_SPAN_JOIN, 7, 1, 50, 11, 1});
	span(&spans, &(struct item){1, FMT_SPAN_MUTEX, 0xa0, 101, 40, 0, 1});
	span(&spans, &(struct item){1, FMT_SPAN_READ | FMT_SPAN_LEFT, 5, 0, 20, 6, 1});
	span(&spans, &(struct item){2, 99, 5, 0, 60, 1, 0});
	struct snapshot *s = load(&threads, &spans, &err);
	if (!s) {
		FAIL("%s", err.text);
		return;
	}
	EQ(s->n_traced, 2);
	EQ(s->n_spans, 4);
	EQ(s->traced[0].serial, 1);
	OK(s->traced[1].serial > UINT32_MAX);
	EQ(s->traced[0].span, 0);
	EQ(s->traced[0].n_spans, 2);
	EQ(s->traced[1].span, 2);
	OK(s->span[0].is_left);
	EQ(s->span[0].length_ns, 5);
	EQ(span_end_ns(s, &s->span[0]), 25);
	OK(s->span[1].is_open);
	EQ(span_end_ns(s, &s->span[1]), 1000);
	EQ(traced_overwritten(s, &s->traced[0]), 1);
	EQ(traced_overwritten(s, &s->traced[1]), 7);
	words(s, 0, "read", "fd 5");
	words(s, 1, "mutex", "0xa0, held by thread 101");
	words(s, 2, "join", "of thread 100");
	words(s, 3, "blocked", "");
	snapshot_free(s);
	str_free(&threads);
	str_free(&spans);
}

TEST(a_wait_of_no_thread_is_refused)
{
	refused(&(struct item){0, FMT_SPAN_READ, 5, 0, 20, 6, 1}, "thread 0");
	refused(&(struct item){2, FMT_SPAN_READ, 5, 0, 20, 6, 1}, "thread 2 of 1");
}

TEST(a_wait_at_a_node_that_is_not_there_is_refused)
{
	refused(&(struct item){1, FMT_SPAN_READ, 5, 0, 20, 6, 9}, "node");
}

TEST(times_beyond_all_do_no_harm)
{
	struct str threads = {0}, spans = {0};
	struct err err;

	traced(&threads, 100, 1, UINT64_MAX / 2);
	span(&spans, &(struct item){1, FMT_SPAN_SLEEP, 0, 0, UINT64_MAX, UINT64_MAX, 1});
	struct snapshot *s = load(&threads, &spans, &err);
	if (!s) {
		FAIL("%s", err.text);
		return;
	}
	OK(span_end_ns(s, &s->span[0]) >= s->span[0].begin_ns);
	/* nothing is later than the snapshot */
	EQ(s->span[0].begin_ns, 1000);
	EQ(span_end_ns(s, &s->span[0]), 1000);
	snapshot_free(s);
	str_free(&threads);
	str_free(&spans);
}

int main(int argc, char **argv)
{
	return check_main(argc, argv);
}
