/* map_test.c - the program's own mappings: bytes are exact however munmap cuts them, a mapping is
 * gone with its last piece, and a failed call takes nothing away. Stacks are numbers here: a
 * caller's ip is the stack. */
#include <pthread.h>

#include "preload/context.h"
#include "preload/map.h"
#include "preload/track.h"
#include "tests/unit/check.h"
#include "tests/unit/fake_stack.h"

/* ---- in place of process.c ---- */

bool process_owns_tables(void)
{
	return true;
}

/* ---- shorthand ---- */

enum { PAGE = 4096, BASE = 0x10000000 };

static void begin(void)
{
	context_init();
	g_tracking = true;
}

static void map(unsigned page, unsigned n, uint32_t stack)
{
	track_map(BASE + (uintptr_t)page * PAGE, (size_t)n * PAGE, &(struct caller){.ip = stack});
}

static void unmap(unsigned page, unsigned n, bool works)
{
	struct track_unmapped gone;

	track_unmap(BASE + (uintptr_t)page * PAGE, (size_t)n * PAGE, &gone);
	track_unmapped(&gone, works);
}

/* Sums of one stack, and what lives of it. */
struct sum {
	uint64_t allocs, pages, frees, freed, live, live_pages;
};
static struct sum total(uint32_t stack)
{
	struct sum t = {0};
	struct map_view v;

	for (uint32_t i = 1; i <= map_site_count(); i++) {
		const struct map_site *s = map_site_get(i);

		if (s->stack != stack)
			continue;
		t.allocs += s->allocs;
		t.pages += s->bytes / PAGE;
		t.frees += s->frees;
		t.freed += s->bytes_freed / PAGE;
	}
	for (uint32_t i = 1; i <= map_count(); i++)
		if (map_get(i, &v) && map_site_get(v.site)->stack == stack) {
			t.live++;
			t.live_pages += v.bytes / PAGE;
		}
	return t;
}

static void check(uint32_t stack, uint64_t allocs, uint64_t pages, uint64_t frees, uint64_t freed)
{
	struct sum t = total(stack);

	EQ(t.allocs, allocs);
	EQ(t.pages, pages);
	EQ(t.frees, frees);
	EQ(t.freed, freed);
	EQ(t.live, allocs - frees);
	EQ(t.live_pages, pages - freed);
}

/* ---- tests ---- */

TEST(a_hole_in_the_middle_leaves_one_mapping_of_two_pieces)
{
	begin();
	map(0, 10, 1);
	unmap(3, 2, true);
	check(1, 1, 10, 0, 2);
	unmap(0, 3, true);
	check(1, 1, 10, 0, 5);
	unmap(5, 5, true);
	check(1, 1, 10, 1, 10);
}

TEST(one_call_takes_parts_of_many_mappings)
{
	begin();
	for (unsigned i = 0; i < 10; i++)
		map(i * 4, 4, 1 + i);
	unmap(2, 33, true); /* half of the first, 2 to 8 whole, three pages of the ninth */
	check(1, 1, 4, 0, 2);
	for (unsigned i = 1; i < 8; i++)
		check(1 + i, 1, 4, 1, 4);
	check(9, 1, 4, 0, 3);
	check(10, 1, 4, 0, 0);
}

TEST(a_call_that_fails_takes_nothing)
{
	begin();
	map(0, 10, 1);
	map(20, 10, 2);
	unmap(5, 20, false);
	check(1, 1, 10, 0, 0);
	check(2, 1, 10, 0, 0);
	unmap(0, 40, true);
	check(1, 1, 10, 1, 10);
	check(2, 1, 10, 1, 10);
}

TEST(more_pieces_than_a_call_remembers_are_counted_all_the_same)
{
	begin();
	for (unsigned i = 0; i < 100; i++)
		map(i * 2, 1, 1);
	unmap(0, 200, true);
	check(1, 100, 100, 100, 100);
	EQ(map_lost(), 0);
}

TEST(a_mapping_over_another_ends_the_part_below)
{
	begin();
	map(0, 10, 1);
	map(4, 2, 2); /* nobody has told of the unmapping: MAP_FIXED by a path that we do not see */
	check(1, 1, 10, 0, 2);
	check(2, 1, 2, 0, 0);
}

TEST(what_is_not_known_is_not_counted)
{
	begin();
	unmap(0, 10, true);
	map(100, 1, 1);
	unmap(0, 100, true);
	unmap(101, 100, true);
	check(1, 1, 1, 0, 0);
}

TEST(inside_the_allocator_nothing_is_counted)
{
	begin();
	t_self.flags |= IN_HEAP;
	map(0, 10, 1);
	t_self.flags &= ~(uint32_t)IN_HEAP;
	check(1, 0, 0, 0, 0);
}

/* A page's owner, by the plainest of models. */
enum { PAGES = 2000, STACKS = 7, ROUNDS = 200000 };
static uint16_t g_owner[PAGES]; /* mapping's number in this test, 0 none */
static struct {
	uint32_t stack, pages;
} g_model[ROUNDS + 1];
static struct sum g_want[STACKS + 1];
static unsigned g_next;

static void model_unmap(unsigned page, unsigned n)
{
	for (unsigned i = page; i < page + n; i++) {
		unsigned owner = g_owner[i];

		g_owner[i] = 0;
		if (!owner)
			continue;
		struct sum *w = &g_want[g_model[owner].stack];
		w->freed++;
		w->frees += !--g_model[owner].pages;
	}
}

static void model_map(unsigned page, unsigned n, uint32_t stack)
{
	model_unmap(page, n);
	while (g_model[++g_next % 65535 + 1].pages)
		;
	unsigned number = g_next % 65535 + 1;
	g_model[number].stack = stack;
	g_model[number].pages = n;
	for (unsigned i = page; i < page + n; i++)
		g_owner[i] = (uint16_t)number;
	g_want[stack].allocs++;
	g_want[stack].pages += n;
}

TEST(random_maps_and_unmaps_agree_with_a_model_of_pages)
{
	unsigned seed = 7;

	begin();
	for (unsigned round = 0; round < ROUNDS; round++) {
		seed = seed * 1103515245 + 12345;
		unsigned page = (seed >> 8) % (PAGES - 64), n = 1 + (seed >> 20) % 60;
		uint32_t stack = 1 + (seed >> 4) % STACKS;

		switch (seed >> 29) {
		case 0:
		case 1:
		case 2:
			model_map(page, n, stack);
			map(page, n, stack);
			break;
		case 3:
			unmap(page, n % 8, false);
			break;
		default:
			model_unmap(page, n);
			unmap(page, n, true);
		}
	}
	for (uint32_t s = 1; s <= STACKS; s++)
		check(s, g_want[s].allocs, g_want[s].pages, g_want[s].frees, g_want[s].freed);
	EQ(map_lost(), 0);
	/* and what fork's child finds is the same */
	map_fork_child();
	unmap(0, PAGES, true);
	for (uint32_t s = 1; s <= STACKS; s++)
		check(s, g_want[s].allocs, g_want[s].pages, g_want[s].allocs, g_want[s].pages);
}

static void *hammer(void *arg)
{
	unsigned first = (unsigned)(uintptr_t)arg * 1000;

	for (unsigned i = 0; i < 20000; i++) {
		unsigned page = first + i % 500 * 2;

		map(page, 2, 1);
		unmap(page, 1 + i % 2, true);
	}
	unmap(first, 1000, true);
	return NULL;
}

TEST(threads_count_for_themselves_and_lose_nothing)
{
	pthread_t thread[4];

	begin();
	for (uintptr_t i = 0; i < 4; i++)
		pthread_create(&thread[i], NULL, hammer, (void *)i);
	for (int i = 0; i < 4; i++)
		pthread_join(thread[i], NULL);
	check(1, 80000, 160000, 80000, 160000);
	EQ(map_lost(), 0);
}

TEST(two_hundred_thousand_neighbours_are_taken_by_one_call)
{
	begin();
	for (unsigned i = 200000; i; i--)
		map(i, 1, 1);
	unmap(0, 200001, true);
	check(1, 200000, 200000, 200000, 200000);
}

int main(int argc, char **argv)
{
	return check_main(argc, argv);
}
