/* sys_test.c - memory for tables: small ones together, none over another, each given back whole. */
#include "preload/sys.h"

#include <errno.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "tests/unit/check.h"

enum { KB = 1024, STEP = 2 << 20 };

static bool is_mapped(const void *p)
{
	unsigned char there;

	return !mincore((void *)p, 4096, &there);
}

TEST(small_tables_share_a_page_of_page_tables)
{
	char *a = sys_map(4 * KB), *b = sys_map(100), *c = sys_map(60 * KB);

	EQ((uintptr_t)a / STEP, (uintptr_t)b / STEP);
	EQ((uintptr_t)a / STEP, (uintptr_t)c / STEP);
	EQ(b - a, 4 * KB);
	EQ(c - b, 4 * KB);
	EQ(sys_mapped_bytes(), 68 * KB);
	for (int i = 0; i < 60 * KB; i++)
		if (c[i])
			FAIL("byte %d is not zero", i);
	sys_unmap(b, 100);
	OK(!is_mapped(b));
	OK(is_mapped(a) && is_mapped(c));
	EQ(sys_mapped_bytes(), 64 * KB);
}

/* Else each would cost address space for ever. */
TEST(what_is_too_short_for_the_next_is_given_back)
{
	char *a = sys_map(900 * KB), *b = sys_map(900 * KB), *c = sys_map(900 * KB);

	EQ(b - a, 900 * KB);
	OK((uintptr_t)b / STEP != (uintptr_t)c / STEP);
	OK(is_mapped(b + 900 * KB - 4096));
	OK(!is_mapped(b + 900 * KB));
}

TEST(large_and_stack_stand_apart)
{
	char *a = sys_map(4 * KB), *large = sys_map(3 * STEP / 2), *stack = sys_map_apart(64 * KB);

	EQ((uintptr_t)large % STEP, 0);
	EQ((uintptr_t)stack % STEP, 0);
	OK(!is_mapped(stack - 4096) && !is_mapped(stack + 64 * KB));
	OK((uintptr_t)a / STEP != (uintptr_t)stack / STEP);
	sys_unmap(large, 3 * STEP / 2);
	OK(!is_mapped(large));
}

static int resident(char *table, int pages)
{
	unsigned char there[1024];
	int n = 0;

	EQ(mincore(table, pages * 4096ul, there), 0);
	for (int i = 0; i < pages; i++)
		n += there[i] & 1;
	return n;
}

/* A table is never backed much further than it is used, nor beyond its end, and not at all when it
 * is small or when the kernel may be asked nothing. */
TEST(pages_come_ahead_of_what_is_written_and_no_further)
{
	enum { PAGES = 512, ROOM = 400 };
	char *table = sys_map(PAGES * 4096), *probe = sys_map(4096);
	const uintptr_t from = (uintptr_t)table, end = from + ROOM * 4096;
	bool knows = !madvise(probe, 4096, SYS_POPULATE_WRITE);
	uintptr_t ready = 0;
	int behind = 0;

	for (uintptr_t at = from + 1000; at <= end; at += 1000) {
		int used = (int)((at - 1 - from) / 4096) + 1;

		sys_populate_ahead(&ready, from, at, end);
		int have = resident(table, PAGES);

		if (have > used + used / 4 + 2 || have > ROOM || (used <= 3 && have >= used + 1))
			FAIL("%d pages for %d", have, used);
		behind += have < used;
		table[at - 1 - from] = 1; /* the page is there now in any case */
	}
	if (knows)
		OK(behind < 8);
	char *other = sys_map(64 * KB);

	sys_map_no_more(true);
	sys_populate(other, 64 * KB);
	sys_map_no_more(false);
	EQ(resident(other, 16), 0);
}

enum { THREADS = 4, EACH = 200 };
static struct {
	char *at;
	size_t bytes;
} g_got[THREADS][EACH];

static void *take_many(void *arg)
{
	unsigned thread = (unsigned)(uintptr_t)arg, random = thread;

	for (int i = 0; i < EACH; i++) {
		random = random * 1103515245u + 12345u;
		g_got[thread][i].bytes = (size_t)(random >> 16) % (60 * KB) + 1;
		g_got[thread][i].at = sys_map(g_got[thread][i].bytes);
		memset(g_got[thread][i].at, (int)thread + 1, g_got[thread][i].bytes);
	}
	return NULL;
}

TEST(threads_never_get_the_same_bytes)
{
	pthread_t thread[THREADS];

	for (uintptr_t i = 0; i < THREADS; i++)
		EQ(pthread_create(&thread[i], NULL, take_many, (void *)i), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	for (int t = 0; t < THREADS; t++)
		for (int i = 0; i < EACH; i++)
			for (size_t n = 0; n < g_got[t][i].bytes; n += 512)
				if (g_got[t][i].at[n] != t + 1)
					FAIL("thread %d's table %d was another's", t, i);
}

TEST(little_address_space_is_enough_for_a_small_table)
{
	struct rlimit l = {0, 0};
	char text[100] = "";

	OK(sys_read_file("/proc/self/statm", text, sizeof(text) - 1) > 0);
	unsigned long pages = strtoul(text, NULL, 10);

	l.rlim_cur = l.rlim_max = pages * 4096 + 256 * KB;
	EQ(setrlimit(RLIMIT_AS, &l), 0);
	char *p = sys_map(64 * KB);
	OK(p != NULL);
	OK(!sys_map(512 * KB));
}

int main(int argc, char **argv)
{
	return check_main(argc, argv);
}
