/* spans_test.c - tests.c: what of the heap has grown in which test, while blocks come and go. */
#include "preload/tests.h"

#include "preload/context.h"
#include "preload/fd.h"
#include "tests/unit/check.h"

TLS struct self t_self;

/* In place of the tables: two stacks, in three sites; one descriptor. */
static struct site g_site[4] = {{.stack = 0}, {.stack = 1}, {.stack = 2}, {.stack = 1}};
static uint32_t g_generation, g_fd_generation;
static uint64_t g_fd_born;

uint32_t site_count(void)
{
	return 3;
}
const struct site *site_get(uint32_t site)
{
	return site && site <= 3 ? &g_site[site] : NULL;
}
int64_t context_live_bytes(void)
{
	int64_t live = 0;

	for (int i = 1; i <= 3; i++)
		live += (int64_t)(g_site[i].bytes - g_site[i].bytes_freed);
	return live;
}
uint32_t stack_count(void)
{
	return 2;
}
uint32_t fd_limit(void)
{
	return 8;
}
bool fd_get(uint32_t fd, struct fd_view *out)
{
	*out = (struct fd_view){.birth = (uint64_t)g_fd_generation << 48, .born_ns = g_fd_born};
	return fd == 5 && g_fd_born;
}
uint32_t fd_generation(void)
{
	return g_generation;
}
bool fd_born_after(const struct fd_view *v, uint32_t generation)
{
	return (uint32_t)(v->birth >> 48) > generation;
}

static void make(uint32_t site, uint64_t blocks)
{
	g_site[site].allocs += blocks;
	g_site[site].bytes += blocks * 10;
}
static void give(uint32_t site, uint64_t blocks)
{
	g_site[site].frees += blocks;
	g_site[site].bytes_freed += blocks * 10;
}

/* "name:stack:blocks ..." of all that grew and is there. */
static const char *grown(void)
{
	static char text[500];
	size_t n = 0;

	text[0] = 0;
	for (uint32_t i = 0; i < tests_grown_count(); i++) {
		struct tests_grown g;
		struct tests_span s;
		tests_grown_get(i, &g);
		if (g.blocks && tests_get(g.span, &s))
			n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s:%u:%d",
			                      n ? " " : "", tests_name(&s), g.stack, (int)g.blocks);
	}
	return text;
}

static uint64_t open_growth(uint32_t stack)
{
	struct tests_sum sum[3] = {{0, 0}};

	tests_live(sum, 3);
	tests_less_base(sum, 3);
	return sum[stack].blocks;
}

TEST(growth_belongs_to_the_test_that_made_it)
{
	make(1, 7); /* before any test */
	tests_begin("a");
	make(1, 2);
	EQ(open_growth(1), 2);
	tests_end();
	make(1, 1); /* between tests: nobody's */
	tests_begin("b");
	make(2, 3);
	tests_end();
	STREQ(grown(), "a:1:2 b:2:3");
}

TEST(what_another_thread_gives_back_is_not_grown)
{
	tests_begin("a");
	make(1, 5);
	give(3, 5); /* of the same stack, counted by another thread */
	EQ(open_growth(1), 0);
	tests_end();
	STREQ(grown(), "");
}

TEST(a_later_test_gives_back_the_latest_first)
{
	tests_begin("a");
	make(1, 2);
	tests_begin("b"); /* ends a */
	make(1, 3);
	tests_begin("c");
	give(1, 4);
	tests_end();
	STREQ(grown(), "a:1:1");
}

TEST(more_blocks_may_be_fewer_bytes_and_never_less_than_none)
{
	struct tests_grown g;
	struct tests_span s;

	make(1, 1);
	g_site[1].bytes += 5000; /* a large block, which goes while two small ones come */
	tests_begin("a");
	give(1, 1);
	g_site[1].bytes_freed += 5000;
	make(1, 2);
	tests_end();
	EQ(tests_grown_count(), 1);
	tests_grown_get(0, &g);
	EQ(g.blocks, 1);
	EQ(g.bytes, 0);
	OK(tests_get(0, &s));
	EQ(s.left_bytes, 0);
}

TEST(more_given_back_than_tests_have_made_is_no_harm)
{
	make(1, 10);
	tests_begin("a");
	make(1, 1);
	tests_begin("b");
	give(1, 11);
	tests_end();
	tests_begin("c");
	make(1, 2);
	tests_end();
	STREQ(grown(), "c:1:2");
}

TEST(a_checkpoint_keeps_the_name_and_forgets_the_rest)
{
	uint32_t open;
	struct tests_span s;

	tests_begin("a");
	make(1, 4);
	tests_begin(NULL);
	EQ(open_growth(1), 0);
	OK(tests_open(&open) && tests_get(open, &s));
	STREQ(tests_name(&s), "a");
	EQ(open, 1);
	tests_end();
	OK(!tests_open(&open));
}

TEST(a_descriptor_is_of_the_test_that_opened_it_whatever_the_clock_says)
{
	struct fd_view v;

	tests_begin("a");
	tests_begin("b");
	g_fd_generation = ++g_generation;
	g_fd_born = sys_coarse_ns(); /* may lie before both */
	OK(fd_get(5, &v));
	OK(!tests_made_fd(0, 5, &v) && tests_made_fd(1, 5, &v));
	tests_begin("c");
	OK(!tests_made_fd(0, 5, &v) && tests_made_fd(1, 5, &v) && !tests_made_fd(2, 5, &v));
	g_fd_generation = ++g_generation; /* closed, and opened again */
	OK(fd_get(5, &v));
	OK(!tests_made_fd(1, 5, &v) && tests_made_fd(2, 5, &v));
	OK(!tests_made_fd(0, TESTS_FDS, &v) && !tests_made_fd(99, 5, &v));
}

TEST(more_tests_and_names_than_there_is_room_for)
{
	static char name[1000];
	uint32_t begun = 0;
	struct tests_span s;

	memset(name, 'x', sizeof(name) - 1);
	for (int i = 0; i < TESTS_MAX + 10; i++)
		begun += tests_begin(name);
	EQ(begun, TESTS_MAX);
	OK(tests_get(TESTS_MAX - 1, &s) && !tests_get(TESTS_MAX, &s));
	STREQ(tests_name(&s), "");
}

TEST(within_the_tracker_nothing_happens)
{
	t_self.flags = IN_TRACKER;
	OK(!tests_begin("a"));
	tests_end();
	EQ(t_self.flags, IN_TRACKER);
	EQ(tests_count(), 0);
}

static struct tests_span span(uint32_t i)
{
	struct tests_span s = {.begin_ns = 0};

	OK(tests_get(i, &s));
	return s;
}

TEST(figures_are_of_what_the_test_has_done)
{
	make(1, 100);
	tests_begin("a");
	make(1, 30);
	make(2, 5);
	tests_see_live(context_live_bytes());
	give(1, 30);
	give(3, 50); /* of what was there before */
	tests_see_live(context_live_bytes());
	EQ(span(0).peak, 350);
	EQ(span(0).left_blocks, 0); /* it goes on */
	tests_begin("b");
	EQ(span(0).allocs, 35);
	EQ(span(0).left_blocks, 5);
	EQ(span(0).left_bytes, 50);
	EQ(span(0).peak, 350);
	make(1, 1);
	tests_end();
	/* Nobody has looked meanwhile, but the end does. */
	EQ(span(1).peak, 10);
	EQ(span(1).allocs, 1);
	make(1, 100); /* between tests: nobody's */
	tests_see_live(context_live_bytes());
	EQ(span(1).peak, 10);
	EQ(tests_first(), 0);
}

TEST(a_child_of_fork_answers_for_what_it_does_itself)
{
	tests_begin("a");
	tests_begin("b");
	make(1, 7);
	tests_see_live(context_live_bytes());
	tests_fork_child();
	EQ(tests_first(), 1);
	EQ(span(1).peak, 0);
	make(1, 2);
	tests_end();
	EQ(span(1).allocs, 2);
	EQ(span(1).left_blocks, 2);
	EQ(span(1).peak, 20);
	tests_fork_child();
	EQ(tests_first(), 2);
}

int main(int argc, char **argv)
{
	return check_main(argc, argv);
}
