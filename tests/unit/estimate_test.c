/*
 * estimate_test.c - sampled snapshots in the analyzer: standard errors of rows, of differences too;
 * that rows which chance makes are not ranked; and records of samples that make no sense.
 */
#include "check.h"

#include <math.h>

#include "analyzer/estimate.h"
#include "analyzer/out.h"
#include "build_snap.h"

enum { PERIOD = 524288 };

/* One stack, by one thread or two: n samples of 100 bytes made, and freed. */
struct counted {
	unsigned address;
	uint64_t made, freed;
};

static double probability(void)
{
	return -expm1(-100.0 / PERIOD);
}

static void add_sampled(struct build *b, struct str *samp, unsigned *number, unsigned node,
                        const struct counted *c)
{
	double p = probability(), x = 100.0 / PERIOD / p;
	uint64_t objects = (uint64_t)llround(256 * (1 - p) / p / p);
	uint64_t bytes = (uint64_t)llround(65536 * (1 - p) * x * x);
	struct build_site site = {.node = node,
	                          .allocs = (uint64_t)llround((double)c->made / p),
	                          .bytes = (uint64_t)llround((double)c->made * 100 / p),
	                          .frees = (uint64_t)llround((double)c->freed / p),
	                          .bytes_freed = (uint64_t)llround((double)c->freed * 100 / p),
	                          .size_min = 100,
	                          .size_max = 100};
	uint64_t item[] = {++*number,         c->made,         c->freed,
	                   c->made * objects, c->made * bytes, c->freed * objects,
	                   c->freed * bytes};

	build_site(b, &site);
	build_varints(samp, item, sizeof(item) / sizeof(item[0]));
}

static struct snapshot *load(struct build *b, struct err *err)
{
	struct snapshot *s = NULL;

	build_end(b);
	load_snapshot_mem(b->out.data, b->out.len, "x.snap", &s, err);
	build_free(b);
	return s;
}

/* At `seconds` of a run of its own pid. Sites of one address stand for threads. */
static struct snapshot *snapshot(unsigned pid, unsigned seconds, const struct counted *c, size_t n)
{
	struct build b = {0};
	struct str samp = {0};
	struct err err;
	unsigned number = 0;

	build_start(&b);
	build_info_u(&b, FMT_INFO_PID, pid);
	build_info_u(&b, FMT_INFO_START_TIME, 1000);
	build_info_u(&b, FMT_INFO_SAMPLE, PERIOD);
	build_info_u(&b, FMT_INFO_UPTIME, seconds * 1000000000ull);
	unsigned exe = build_module(&b, "/bin/server", "id", 0);
	for (size_t i = 0; i < n; i++)
		add_sampled(&b, &samp, &number, build_node(&b, 0, exe, c[i].address), &c[i]);
	build_flush(&b);
	build_record(&b, FMT_SAMPLED, samp.data, samp.len);
	str_free(&samp);
	struct snapshot *s = load(&b, &err);
	if (!s) {
		FAIL("%s", err.text);
		exit(1);
	}
	return s;
}

static struct profile *profile(struct snapshot *a, struct snapshot *b, enum column sort, bool fold)
{
	struct profile_options o = {.sort = sort, .fold_noise = fold};
	struct profile *p = NULL;
	struct err err;

	if (a ? profile_diff(a, b, &o, &p, &err) : profile_top(b, &o, &p, &err)) {
		FAIL("%s", err.text);
		exit(1);
	}
	return p;
}

#define NEAR(a, b)                                                     \
	do {                                                           \
		double near_a = (a), near_b = (b);                     \
		if (fabs(near_a - near_b) > 0.001 * fabs(near_b))      \
			FAIL("%s is %g, want %g", #a, near_a, near_b); \
	} while (0)

/* Of n samples of small blocks: the period for each in quadrature. */
static double error_of(double n)
{
	return sqrt(n * (1 - probability())) * 100 / probability();
}

TEST(errors_of_threads_add_in_quadrature)
{
	struct counted c[] = {{0x10, 30, 0}, {0x10, 70, 19}};
	struct snapshot *s = snapshot(1, 10, c, 2);
	struct profile *p = profile(NULL, s, ALLOC_SPACE, true);

	EQ(p->n_rows, 1);
	EQ(p->n_noise, 0);
	NEAR(row_error(p, &p->row[0], ALLOC_SPACE), error_of(100));
	NEAR(row_error(p, &p->row[0], ALLOC_OBJECTS), error_of(100) / 100);
	NEAR(row_error(p, &p->row[0], INUSE_SPACE), error_of(81));
	EQ(p->estimate[p->row[0].number].samples, 100);
	profile_free(p);
	snapshot_free(s);
}

TEST(what_is_all_freed_has_no_error)
{
	struct counted c[] = {{0x10, 30, 0}, {0x10, 0, 30}};
	struct snapshot *s = snapshot(1, 10, c, 2);
	struct profile *p = profile(NULL, s, ALLOC_SPACE, true);

	EQ(p->row[0].value[INUSE_SPACE], 0);
	EQ(row_error(p, &p->row[0], INUSE_SPACE), 0);
	profile_free(p);
	snapshot_free(s);
}

/* Samples from before A are in both: they are no chance of the difference. */
TEST(a_difference_has_the_error_of_what_came_since)
{
	struct counted before[] = {{0x10, 1000, 500}}, after[] = {{0x10, 1100, 509}};
	struct snapshot *a = snapshot(1, 10, before, 1), *b = snapshot(1, 20, after, 1);
	struct profile *p = profile(a, b, ALLOC_SPACE, true);

	NEAR(row_error(p, &p->row[0], ALLOC_SPACE), error_of(100));
	NEAR(row_error(p, &p->row[0], INUSE_SPACE), error_of(109));
	EQ(p->estimate[p->row[0].number].samples, 100);
	profile_free(p);
	snapshot_free(a);
	snapshot_free(b);
}

/* What was made and freed in between is no chance of what lives. */
TEST(in_use_does_not_suffer_from_what_was_freed_again)
{
	struct counted before[] = {{0x10, 10, 0}}, after[] = {{0x10, 10010, 9900}};
	struct snapshot *a = snapshot(1, 10, before, 1), *b = snapshot(1, 20, after, 1);
	struct profile *p = profile(a, b, INUSE_SPACE, true);

	NEAR(row_error(p, &p->row[0], INUSE_SPACE), error_of(120));
	profile_free(p);
	snapshot_free(a);
	snapshot_free(b);
}

TEST(errors_of_two_runs_add)
{
	struct counted before[] = {{0x10, 100, 0}}, after[] = {{0x10, 150, 0}};
	struct snapshot *a = snapshot(1, 10, before, 1), *b = snapshot(2, 10, after, 1);
	struct profile *p = profile(a, b, ALLOC_SPACE, true);

	NEAR(row_error(p, &p->row[0], ALLOC_SPACE), error_of(250));
	/* 50 samples more, of 250: three errors. */
	EQ(p->n_noise, 0);
	profile_free(p);
	snapshot_free(a);
	snapshot_free(b);
}

TEST(rows_within_two_errors_are_not_ranked)
{
	struct counted c[] = {{0x10, 3, 0}, {0x20, 5, 0}, {0x30, 1, 0}, {0x40, 50, 0}};
	struct snapshot *s = snapshot(1, 10, c, 4);
	struct profile *p = profile(NULL, s, ALLOC_SPACE, true);

	EQ(p->n_rows, 4);
	EQ(p->n_noise, 2);
	EQ(p->n_churn, 0);
	OK(!p->row[0].noise && !p->row[1].noise && p->row[2].noise && p->row[3].noise);
	OK(p->row[0].value[ALLOC_SPACE] > p->row[1].value[ALLOC_SPACE]);
	EQ(p->noise[ALLOC_SPACE], p->row[2].value[ALLOC_SPACE] + p->row[3].value[ALLOC_SPACE]);
	profile_free(p);
	p = profile(NULL, s, ALLOC_SPACE, false);
	EQ(p->n_noise, 0);
	profile_free(p);
	snapshot_free(s);
}

TEST(shrinking_within_the_error_is_noise_too)
{
	struct counted before[] = {{0x10, 103, 0}}, after[] = {{0x10, 100, 0}};
	struct snapshot *a = snapshot(1, 10, before, 1), *b = snapshot(2, 10, after, 1);
	struct profile *p = profile(a, b, ALLOC_SPACE, true);

	EQ(p->n_noise, 1);
	profile_free(p);
	snapshot_free(a);
	snapshot_free(b);
}

static char *text_of(const struct profile *p, bool json)
{
	struct out_options o = {.sort = ALLOC_SPACE};
	char *text = NULL;
	size_t n;
	FILE *f = open_memstream(&text, &n);
	struct err err;

	EQ(json ? out_json_top(f, p, &o, &err) : out_text_top(f, p, &o, &err), 0);
	fclose(f);
	return text;
}

TEST(a_person_is_told)
{
	struct counted c[] = {{0x10, 3, 0}, {0x20, 100, 0}};
	struct snapshot *s = snapshot(1, 10, c, 2);
	struct profile *p = profile(NULL, s, ALLOC_SPACE, true);
	char *text = text_of(p, false), *json = text_of(p, true);

	OK(strstr(text, "the heap was sampled, one allocation in 524.3 kB"));
	OK(strstr(text, "52.4 MB"));
	OK(strstr(text, "   \302\26110 %"));
	OK(strstr(text, "1 stack, ranked"));
	OK(strstr(text, "noise: 1 stack with 1.6 MB of alloc_space"));
	OK(strstr(json, "\"samples\":100}"));
	OK(strstr(json, "\"n_rows\": 1,"));
	OK(!strstr(json, "\"rank\":2"));
	free(text);
	free(json);
	profile_free(p);
	snapshot_free(s);
}

TEST(shares_are_said_as_people_read_them)
{
	char buf[32];

	STREQ(error_percent(buf, 3, 100), "3.0 %");
	STREQ(error_percent(buf, 0, 100), "0 %");
	STREQ(error_percent(buf, 31.4, -100), "31 %");
	STREQ(error_percent(buf, 9.96, 100), "10 %");
	STREQ(error_percent(buf, 5, 0), "-");
	STREQ(error_percent(buf, 5000, 1), ">999 %");
}

TEST(exact_snapshots_have_no_errors)
{
	struct build b = {0};
	struct err err;

	build_start(&b);
	unsigned exe = build_module(&b, "/bin/server", "id", 0);
	build_site(&b, &(struct build_site){
	                       .node = build_node(&b, 0, exe, 0x10), .allocs = 1, .bytes = 5});
	struct snapshot *s = load(&b, &err);
	struct profile *p = profile(NULL, s, ALLOC_SPACE, true);
	char *text = text_of(p, false);
	OK(!profile_is_sampled(p));
	EQ(row_error(p, &p->row[0], ALLOC_SPACE), 0);
	EQ(p->n_noise, 0);
	OK(!strstr(text, "\302\261") && !strstr(text, "sampled"));
	free(text);
	profile_free(p);
	snapshot_free(s);
}

/* A site without its samples, and samples without a site. */
TEST(samples_that_are_missing_or_too_many)
{
	for (unsigned number = 0; number < 4; number++) {
		struct build b = {0};
		struct str samp = {0};
		struct err err;
		uint64_t item[] = {number, 1, 0, 1, 65536, 0, 0};

		build_start(&b);
		build_info_u(&b, FMT_INFO_SAMPLE, PERIOD);
		unsigned exe = build_module(&b, "/bin/server", "id", 0);
		for (unsigned i = 1; i <= 2; i++)
			build_site(&b, &(struct build_site){.node = build_node(&b, 0, exe, i),
			                                    .allocs = 1,
			                                    .bytes = 5});
		build_flush(&b);
		build_varints(&samp, item, sizeof(item) / sizeof(item[0]));
		build_record(&b, FMT_SAMPLED, samp.data, samp.len - (number == 2));
		str_free(&samp);
		struct snapshot *s = load(&b, &err);
		EQ(s != NULL, number == 1);
		if (s) {
			EQ(s->sampled[0].made, 1);
			EQ(s->sampled[1].made, 0);
			NEAR(s->sampled[0].variance_made[1], (double)PERIOD * PERIOD);
		}
		snapshot_free(s);
	}
}

int main(int argc, char **argv)
{
	return check_main(argc, argv);
}
