/*
 * churn_test.c - growth told from churn: one site in snapshots A and B, and the question whether
 * B's row is churn.
 */
#include "check.h"

#include "analyzer/profile.h"
#include "build_snap.h"

#define TICKS(seconds) ((uint64_t)((seconds)*1e9) >> FMT_TICK_SHIFT)

static struct snapshot *snapshot(unsigned pid, unsigned sequence, double seconds,
                                 const struct build_site *site)
{
	struct build b = {0};
	struct snapshot *s;
	struct err err;

	build_start(&b);
	build_info_u(&b, FMT_INFO_PID, pid);
	build_info_u(&b, FMT_INFO_SEQUENCE, sequence);
	build_info_u(&b, FMT_INFO_START_TIME, 1000);
	build_info_u(&b, FMT_INFO_UPTIME, (uint64_t)(seconds * 1e9));
	unsigned exe = build_module(&b, "/bin/server", "id", 0), n = build_node(&b, 0, exe, 0x10);
	struct build_site p = *site;
	p.node = n;
	build_site(&b, &p);
	build_end(&b);
	if (load_snapshot_mem(b.out.data, b.out.len, "x.snap", &s, &err)) {
		FAIL("%s", err.text);
		exit(1);
	}
	build_free(&b);
	return s;
}

/* Snapshots at 10 s and at 70 s. */
static bool is_churn_between(unsigned pid_a, const struct build_site *a, const struct build_site *b)
{
	struct profile_options o = {.sort = ALLOC_SPACE};
	struct snapshot *sa = snapshot(pid_a, 1, 10, a), *sb = snapshot(1, 2, 70, b);
	struct profile *p;
	struct err err;

	EQ(profile_diff(sa, sb, &o, &p, &err), 0);
	EQ(p->n_rows, 1);
	bool churn = p->n_rows && p->row[0].churn;
	EQ(p->n_churn, churn);
	profile_free(p);
	snapshot_free(sa);
	snapshot_free(sb);
	return churn;
}

static bool is_churn(const struct build_site *a, const struct build_site *b)
{
	return is_churn_between(1, a, b);
}

static const struct build_site nothing = {.allocs = 0};

TEST(all_given_back_is_churn)
{
	OK(is_churn(&nothing,
	            &(struct build_site){
	                    .allocs = 1000, .bytes = 64000, .frees = 1000, .bytes_freed = 64000}));
}

TEST(what_frees_nothing_never_is_churn)
{
	OK(!is_churn(&nothing,
	             &(struct build_site){.allocs = 10, .bytes = 100, .ages = {{0, 10, 100}}}));
	/* It freed before A, nothing since. */
	OK(!is_churn(
	        &(struct build_site){.allocs = 50, .bytes = 500, .frees = 50, .bytes_freed = 500},
	        &(struct build_site){.allocs = 60,
	                             .bytes = 600,
	                             .frees = 50,
	                             .bytes_freed = 500,
	                             .ages = {{0, 10, 100}}}));
}

TEST(blocks_from_before_a_do_not_make_churn_growth)
{
	/* 100 blocks made 5 s before A live on; all that came later is gone. */
	struct build_site a = {
	        .allocs = 100, .bytes = 6400, .ages = {{fmt_fine_bucket(TICKS(5)), 100, 6400}}};
	struct build_site b = {.allocs = 1100,
	                       .bytes = 70400,
	                       .frees = 1000,
	                       .bytes_freed = 64000,
	                       .ages = {{fmt_fine_bucket(TICKS(65)), 100, 6400}}};
	OK(is_churn(&a, &b));
	/* The same, made just before A: at B their age cannot be told from "born just after A", but
	 * by A's own count. */
	a.ages[0].bucket = fmt_fine_bucket(TICKS(0.1));
	b.ages[0].bucket = fmt_fine_bucket(TICKS(60.1));
	OK(is_churn(&a, &b));
	/* One more than A had is one that was born since. */
	b.ages[0].blocks = 101;
	b.allocs++;
	OK(!is_churn(&a, &b));
}

TEST(requests_in_flight_are_churn)
{
	/* Requests take up to 3 s; at B there are eight, the oldest 2.9 s old. */
	struct build_site b = {.allocs = 1008,
	                       .bytes = 64512,
	                       .frees = 1000,
	                       .bytes_freed = 64000,
	                       .lifetimes = {{fmt_age_bucket(TICKS(1)), 400, 0},
	                                     {fmt_age_bucket(TICKS(3)), 600, 0}},
	                       .ages = {{fmt_fine_bucket(TICKS(0.5)), 4, 256},
	                                {fmt_fine_bucket(TICKS(2.9)), 4, 256}}};
	OK(is_churn(&nothing, &b));
	/* One that has been there for 30 s is none of them. */
	b.ages[2] = (struct build_bin){fmt_fine_bucket(TICKS(30)), 1, 64};
	OK(!is_churn(&nothing, &b));
}

TEST(requests_shorter_than_a_tick_are_churn)
{
	struct build_site b = {.allocs = 1000008,
	                       .bytes = 64000512,
	                       .frees = 1000000,
	                       .bytes_freed = 64000000,
	                       .ages = {{0, 7, 448}, {1, 1, 64}}};
	OK(is_churn(&nothing, &b));
	b.ages[1].bucket = 3;
	OK(!is_churn(&nothing, &b));
}

/* One in a hundred is never given back: the hundredth part of lifetimes must not hide it. */
TEST(a_leak_among_many_short_lived_blocks_is_growth)
{
	struct build_site b = {.allocs = 100000,
	                       .bytes = 6400000,
	                       .frees = 99000,
	                       .bytes_freed = 6336000,
	                       .lifetimes = {{1, 90000, 0}, {5, 9000, 0}},
	                       .ages = {{fmt_fine_bucket(TICKS(1)), 100, 6400},
	                                {fmt_fine_bucket(TICKS(50)), 900, 57600}}};
	OK(!is_churn(&nothing, &b));
}

/* A few blocks that lived long do not excuse the others: 99 %, not the longest. */
TEST(one_long_life_excuses_nothing)
{
	struct build_site b = {.allocs = 1100,
	                       .bytes = 70400,
	                       .frees = 1001,
	                       .bytes_freed = 64064,
	                       .lifetimes = {{2, 1000, 0}, {fmt_age_bucket(TICKS(55)), 1, 0}},
	                       .ages = {{fmt_fine_bucket(TICKS(20)), 99, 6336}}};
	OK(!is_churn(&nothing, &b));
	b.lifetimes[1].blocks = 100;
	b.frees = 1100;
	b.allocs = 1199;
	OK(is_churn(&nothing, &b));
}

/* Only lifetimes since A count: what was freed before says how the site was, not how it is. */
TEST(lifetimes_are_those_since_a)
{
	struct build_site a = {.allocs = 1000,
	                       .bytes = 64000,
	                       .frees = 1000,
	                       .bytes_freed = 64000,
	                       .lifetimes = {{fmt_age_bucket(TICKS(60)), 1000, 0}}};
	struct build_site b = {.allocs = 1200,
	                       .bytes = 76800,
	                       .frees = 1100,
	                       .bytes_freed = 70400,
	                       .lifetimes = {{2, 100, 0}, {fmt_age_bucket(TICKS(60)), 1000, 0}},
	                       .ages = {{fmt_fine_bucket(TICKS(30)), 100, 6400}}};
	OK(!is_churn(&a, &b));
}

TEST(a_list_that_grows_by_realloc_is_growth)
{
	/* Each step frees the block before; the last one lives, for less time than any before it.
	 */
	struct build_site a = {.allocs = 10,
	                       .bytes = 3000,
	                       .frees = 9,
	                       .bytes_freed = 2300,
	                       .size_min = 64,
	                       .size_max = 704,
	                       .lifetimes = {{4, 9, 0}},
	                       .ages = {{5, 1, 704}}};
	struct build_site b = {.allocs = 1010,
	                       .bytes = 32675000,
	                       .frees = 1009,
	                       .bytes_freed = 32610360,
	                       .size_min = 64,
	                       .size_max = 64704,
	                       .lifetimes = {{4, 1009, 0}},
	                       .ages = {{3, 1, 64704}}};
	OK(!is_churn(&a, &b));
	/* Blocks of many sizes in flight, one of them as large as ever: more blocks than there are
	 * sizes. */
	b.allocs = 1000010;
	b.frees = 1000009;
	b.lifetimes[0].blocks = 1000009;
	OK(is_churn(&a, &b));
	/* Sizes that A has seen already: requests. */
	a.size_max = 64704;
	b.allocs = 1010;
	b.frees = 1009;
	b.lifetimes[0].blocks = 1009;
	OK(is_churn(&a, &b));
}

TEST(live_blocks_of_unknown_age_are_no_churn)
{
	OK(!is_churn(&nothing, &(struct build_site){.allocs = 20,
	                                            .bytes = 200,
	                                            .frees = 10,
	                                            .bytes_freed = 100,
	                                            .live_blocks = 10,
	                                            .live_bytes = 100}));
}

/* "Since A" means nothing between two runs: B is judged by itself. */
TEST(two_runs_are_judged_by_the_second_alone)
{
	struct build_site a = {
	        .allocs = 10, .bytes = 640, .ages = {{fmt_fine_bucket(TICKS(5)), 10, 640}}};
	struct build_site b = {.allocs = 1000,
	                       .bytes = 64000,
	                       .frees = 1000,
	                       .bytes_freed = 64000,
	                       .lifetimes = {{1, 500, 0}}};
	OK(is_churn_between(2, &a, &b));
	b.allocs++;
	b.ages[0] = (struct build_bin){fmt_fine_bucket(TICKS(69)), 1, 64};
	OK(!is_churn_between(2, &a, &b));
	/* In one run that block would be from before A. */
	a.allocs = 1;
	a.ages[0].blocks = 1;
	OK(is_churn_between(1, &a, &b));
}

TEST(quantiles)
{
	struct bin bins[] = {{0, 50, 0}, {3, 49, 0}, {7, 1, 0}};
	struct histogram h = {.n = 3, .at = bins};

	EQ(histogram_quantile(&h, 500), 0);
	EQ(histogram_quantile(&h, 990), 3);
	EQ(histogram_quantile(&h, 1000), 7);
	bins[0].blocks = 49;
	EQ(histogram_quantile(&h, 990), 7);
	bins[0].blocks = BIN_MOST;
	EQ(histogram_quantile(&h, 990), 0);
	EQ(histogram_quantile(&(struct histogram){0}, 990), 0);
}

int main(int argc, char **argv)
{
	return check_main(argc, argv);
}
