/*
 * reach_test.c - the scan's index of blocks against a plain search; and what it says of them in a
 * snapshot file, read back by the analyzer.
 */
#include "check.h"

#include "analyzer/reach.h"
#include "build_snap.h"
#include "preload/live.h"
#include "preload/reach_index.h"

/* ---- the index ---- */

enum { BLOCKS = 9000 };
static struct {
	uintptr_t start;
	uint64_t bytes;
} g_block[BLOCKS];
static unsigned g_blocks;

static uint64_t next_random(void)
{
	static uint64_t x = 88172645463325252u;

	x ^= x << 13;
	x ^= x >> 7;
	return x ^= x << 17;
}

/* Not in order: the table is filled as a program would. */
static void put(uintptr_t start, uint64_t bytes)
{
	struct block b = {.size = bytes, .site = 1 + g_blocks % 1000, .birth = g_blocks % 50},
	             stale;

	EQ(live_put(start, &b, &stale), 0);
	g_block[g_blocks].start = start;
	g_block[g_blocks++].bytes = bytes;
}

/* Heaps far apart, small blocks close together, and large ones that reach over gigabytes. */
static void fill(int blocks)
{
	static const uintptr_t heap[] = {0x7f1200000000, 0x555500000000, 0x7f1180000000,
	                                 0x600000000000};

	EQ(live_init(), 0);
	for (unsigned h = 0; h < 4; h++) {
		uintptr_t at = heap[h] + h * 8;

		for (int i = 0; i < blocks; i++) {
			uint64_t bytes = i % 97 ? next_random() % 300 : next_random() % 200000;

			if (next_random() % 4)
				put(at, bytes);
			at += ((bytes + 7) & ~7ull) + 8 + next_random() % 3 * 8;
		}
	}
	put(0x100000000000, 5ull << 30);
	put(0x100200000000, 100);
	put(0x7fffffff0000, 65535);
}

static uint32_t plain_search(uintptr_t w)
{
	for (unsigned i = 0; i < g_blocks; i++)
		if (w - g_block[i].start < g_block[i].bytes || w == g_block[i].start)
			return i;
	return REACH_NONE;
}

static void look(uintptr_t w)
{
	uint32_t got = reach_index_find(w), want = plain_search(w);

	if ((got == REACH_NONE) != (want == REACH_NONE)) {
		FAIL("0x%lx: %s", w, got == REACH_NONE ? "not found" : "found");
		return;
	}
	if (got == REACH_NONE)
		return;
	const struct reach_block *b = &g_reach_index.block[got];

	EQ(reach_block_start(b), g_block[want].start);
	EQ(reach_block_bytes(b), g_block[want].bytes);
	EQ(reach_block_site(b), 1 + want % 1000);
}

static void look_at_all(int blocks)
{
	fill(blocks);
	EQ(reach_index_build(0), 0);
	EQ(g_reach_index.n, g_blocks);
	for (uint32_t i = 1; i < g_reach_index.n; i++)
		OK(reach_block_start(&g_reach_index.block[i - 1]) <
		   reach_block_start(&g_reach_index.block[i]));
	for (unsigned i = 0; i < g_blocks; i++) {
		uintptr_t start = g_block[i].start, end = start + g_block[i].bytes;

		look(start - 1);
		look(start);
		look(end - 1);
		look(end);
		look(start + g_block[i].bytes / 2);
		look(start - 4096);
		look(end + 4096);
		look(end + 8192);
		look(end | 0x3fffffff); /* the gigabyte's last page */
		look((start & ~0x3ffffffful) + 8);
	}
	for (int i = 0; i < 2000; i++)
		look(g_block[next_random() % g_blocks].start + next_random() % 100000);
	look(0);
	look(~0ul);
	reach_index_free();
}

TEST(every_word_finds_the_block_that_a_plain_search_finds)
{
	look_at_all(2000);
	OK(g_blocks > 5000);
}

/* Few enough for an index without tables of pages. */
TEST(so_it_does_where_there_are_few)
{
	look_at_all(100);
	OK(g_blocks < 1000);
}

TEST(blocks_that_a_fork_brought_along_are_marked)
{
	unsigned parents = 0;

	fill(1400);
	EQ(reach_index_build(10), 0);
	for (uint32_t i = 0; i < g_reach_index.n; i++)
		parents += (g_reach_index.block[i].where & REACH_PARENTS) != 0;
	unsigned want = 0;
	for (unsigned i = 0; i < g_blocks; i++)
		want += i % 50 <= 10;
	EQ(parents, want);
}

TEST(an_empty_table_has_an_index_too)
{
	EQ(live_init(), 0);
	EQ(reach_index_build(0), 0);
	EQ(reach_index_find(0x7f0000000000), REACH_NONE);
}

/* ---- the file ---- */

static struct snapshot *load(const uint64_t *item, size_t n, struct err *err)
{
	struct build b = {0};
	struct str items = {0};
	struct snapshot *s = NULL;

	build_start(&b);
	build_info_u(&b, FMT_INFO_REACH, FMT_SCAN_DONE);
	unsigned exe = build_module(&b, "/bin/server", "id", 0);
	for (unsigned i = 0; i < 2; i++) {
		struct build_site site = {.node = build_node(&b, 0, exe, 0x1000 + i),
		                          .allocs = 10,
		                          .bytes = 1000,
		                          .size_min = 100,
		                          .size_max = 100};
		build_site(&b, &site);
	}
	build_flush(&b);
	build_varints(&items, item, n);
	build_record(&b, FMT_REACH, items.data, items.len);
	str_free(&items);
	build_end(&b);
	load_snapshot_mem(b.out.data, b.out.len, "x.snap", &s, err);
	build_free(&b);
	return s;
}

TEST(verdicts_of_sites_become_verdicts_of_rows)
{
	/* site 2: held by node 1, 4 lost, 3 indirect, 1 of a class that nobody knows yet */
	const uint64_t item[] = {
	        2, 1, 3, FMT_REACH_LOST,      4,  400, FMT_REACH_INDIRECT, 3, 300, 77, 1, 100,
	        1, 0, 1, FMT_REACH_REACHABLE, 10, 1000};
	struct profile_options o = {.sort = INUSE_SPACE};
	struct profile *p = NULL;
	struct err err = {{0}};
	struct snapshot *s = load(item, sizeof(item) / sizeof(item[0]), &err);

	STREQ(err.text, "");
	EQ(profile_top(s, &o, &p, &err), 0);
	EQ(p->n_rows, 2);
	EQ(p->reach.blocks[FMT_REACH_LOST], 4);
	EQ(p->reach.bytes[FMT_REACH_INDIRECT], 300);
	EQ(p->reach.blocks[FMT_REACH_REACHABLE], 10);
	EQ(p->reach.blocks[0], 1);
	for (size_t i = 0; i < 2; i++) {
		const struct row *r = profile_row(p, i);
		bool second = r->frame[0]->address == 0x1001;

		STREQ(reach_verdict(r->reach), second ? "lost" : "reachable");
		EQ(reach_is_mixed(r->reach), second);
		if (second)
			EQ(s->location[s->node[s->stack[r->reach->owner].node].location].address,
			   0x1000);
	}
	struct str words = {0};
	reach_words(&words, &p->reach);
	STREQ(words.data,
	      "400 B in 4 blocks lost for certain, 300 B in 3 blocks held by lost ones only, "
	      "1.0 kB in 10 blocks still reachable");
	str_free(&words);
	profile_free(p);
	snapshot_free(s);
}

TEST(verdicts_that_make_no_sense_are_refused)
{
	static const uint64_t wrong[][6] = {
	        {0, 0, 1, FMT_REACH_LOST, 1, 1},          /* no such site */
	        {3, 0, 1, FMT_REACH_LOST, 1, 1},          /* neither */
	        {1, 3, 1, FMT_REACH_LOST, 1, 1},          /* nor such a node */
	        {1, 0, 1, 0, 1, 1},                       /* classes begin at 1 */
	        {1, 0, 1, FMT_REACH_LOST, 1ull << 63, 1}, /* more than can be subtracted */
	        {1, 0, 2, FMT_REACH_LOST, 1, 1},          /* the end comes too early */
	        {1, 0, 1ull << 40, FMT_REACH_LOST, 1, 1},
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct err err = {{0}};
		struct snapshot *s = load(wrong[i], 6, &err);

		if (s)
			FAIL("item %zu was taken", i);
		else
			OK(strstr(err.text, "damaged at byte"));
		snapshot_free(s);
	}
}

int main(int argc, char **argv)
{
	return check_main(argc, argv);
}
