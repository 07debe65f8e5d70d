/*
 * blame_test.c - tests in a snapshot: found again, refused when they are damaged; which of them a
 * finding belongs to; and a snapshot as if it had begun at its checkpoint.
 */
#include "analyzer/blame.h"

#include "analyzer/since.h"
#include "build_snap.h"
#include "check.h"

struct grown {
	uint64_t node, blocks, bytes;
};

static void add_test(struct str *to, uint64_t begin, uint64_t end, const char *name,
                     const struct grown *grown, size_t n, int fd)
{
	build_varint(to, begin);
	build_varint(to, end);
	build_string(to, name, strlen(name));
	build_varint(to, n);
	for (size_t i = 0; i < n; i++) {
		build_varint(to, grown[i].node);
		build_varint(to, grown[i].blocks);
		build_varint(to, grown[i].bytes);
	}
	build_varint(to, fd >= 0);
	if (fd >= 0)
		build_varint(to, (uint64_t)fd);
}

static struct snapshot *load(struct build *b, struct err *err)
{
	struct snapshot *s;

	err->text[0] = 0;
	build_done(b);
	char *copy = malloc(b->out.len);
	memcpy(copy, b->out.data, b->out.len);
	load_snapshot_mem(copy, b->out.len, "x.snap", &s, err);
	free(copy);
	build_free(b);
	return s;
}

/* Two threads, two timers, two descriptors, made at 10 and at 30; a site that has lost 5 blocks. */
static struct build start(void)
{
	struct build b = {0};

	build_start(&b);
	unsigned exe = build_module(&b, "/bin/suite", "\xbe\xef", FMT_MODULE_MAIN);
	unsigned outer = build_node(&b, 0, exe, 0x1000), inner = build_node(&b, outer, exe, 0x2000);
	build_site(&b, &(struct build_site){.node = inner,
	                                    .allocs = 5,
	                                    .bytes = 50,
	                                    .live_blocks = 5,
	                                    .live_bytes = 50});
	for (unsigned i = 0; i < 2; i++) {
		uint64_t born = 10 + 20 * i;
		build_task(&b, &(struct build_task){
		                       .serial = i + 2, .tid = 5 + i, .node = inner, .born = born});
		build_timer(&b,
		            &(struct build_timer){
		                    .kind = FMT_TIMER_POSIX, .id = i, .node = inner, .born = born});
		build_fd(&b, &(struct build_fd){
		                     .fd = 3 + i, .kind = FMT_FD_FILE, .node = inner, .born = 1});
	}
	build_fd_bad(&b, FMT_BAD_DOUBLE_CLOSE, 9, inner, outer, 4, 15);
	build_info_u(&b, FMT_INFO_REASON, FMT_REASON_API);
	build_flush(&b);
	uint64_t rsit[] = {1, 0, 1, FMT_REACH_LOST, 5, 50};
	struct str reach = {0};
	build_varints(&reach, rsit, 6);
	build_record(&b, FMT_REACH, reach.data, reach.len);
	str_free(&reach);
	return b;
}

static struct snapshot *with_tests(const struct str *tests, struct err *err)
{
	struct build b = start();

	build_record(&b, FMT_TEST, tests->data, tests->len);
	return load(&b, err);
}

static void names(const struct snapshot *s, const char *at_10, const char *at_30)
{
	struct kinds *k;
	struct err err;

	OK(!kinds_make(NULL, s, &(struct kinds_options){.rules = NULL}, &k, &err));
	for (int kind = 0; kind < N_KINDS; kind++) {
		const struct kind_table *t = &k->table[kind];
		OK(t->n >= 1);
		for (size_t i = 0; i < t->n; i++) {
			const char *name = blame_group(k, &t->group[i]);
			if (t->group[i].bad_close)
				STREQ(name ? name : "none", at_10);
			else if (t->group[i].n == 2)
				STREQ(name ? name : "none", at_30);
		}
	}
	kinds_free(k);
}

TEST(things_belong_to_the_test_in_which_they_were_made)
{
	const struct grown g = {2, 5, 50};
	struct str tests = {0};
	struct err err;

	add_test(&tests, 5, 20, "first", NULL, 0, 3);
	add_test(&tests, 25, 40, "second", NULL, 0, 4);
	add_test(&tests, 25, 40, "second", &g, 1, -1);
	struct snapshot *s = with_tests(&tests, &err);
	if (!s) {
		FAIL("%s", err.text);
		return;
	}
	EQ(s->n_tests, 3);
	STREQ(blame_heap(s, s->sample[0].stack), "second");
	OK(!blame_heap(s, 0));
	names(s, "first", "first and 1 more");
	snapshot_free(s);
	str_free(&tests);
}

TEST(a_checkpoint_has_no_name_to_be_blamed)
{
	const struct grown g = {2, 5, 50};
	struct str tests = {0};
	struct err err;

	add_test(&tests, 5, 0, "", &g, 1, 3);
	struct snapshot *s = with_tests(&tests, &err);
	OK(s && !blame_heap(s, s->sample[0].stack));
	snapshot_free(s);
	str_free(&tests);
}

TEST(since_the_checkpoint_only_what_came_after_it)
{
	const struct grown g = {2, 2, 20};
	struct str tests = {0};
	struct err err;

	add_test(&tests, 5, 20, "first", NULL, 0, 3);
	add_test(&tests, 25, 0, "second", NULL, 0, 4);
	add_test(&tests, 25, 0, "second", &g, 1, -1);
	struct snapshot *s = with_tests(&tests, &err);
	if (!s || since_checkpoint(s, &err)) {
		FAIL("%s", err.text);
		return;
	}
	EQ(s->n_tasks, 1);
	EQ(s->task[0].born_ns, 30);
	EQ(s->n_timers, 1);
	EQ(s->timer[0].born_ns, 30);
	EQ(s->n_fds, 1);
	EQ(s->fd[0].fd, 4);
	EQ(s->n_fd_bads, 0);
	EQ(s->sample[0].reach->blocks[FMT_REACH_LOST], 2);
	EQ(s->sample[0].reach->bytes[FMT_REACH_LOST], 20);
	OK(snapshot_is_final(s));
	snapshot_free(s);
	str_free(&tests);
}

TEST(without_a_checkpoint_there_is_no_since)
{
	struct str tests = {0};
	struct err err;

	add_test(&tests, 5, 20, "ended", NULL, 0, 3);
	struct snapshot *s = with_tests(&tests, &err);
	OK(s && since_checkpoint(s, &err));
	EQ(s->n_fds, 2);
	snapshot_free(s);
	str_free(&tests);
}

TEST(what_is_intended_is_no_leak)
{
	const struct task task = {.state = FMT_TASK_ENDED, .flags = FMT_TASK_FLAG_INTENDED};
	const struct timer timer = {.kind = FMT_TIMER_POSIX, .flags = FMT_TIMER_FLAG_INTENDED};
	const struct fd fd = {.fd = 9, .flags = FMT_FD_FLAG_INTENDED};

	EQ(leak_of_task(&task, true), LEAK_NONE);
	EQ(leak_of_timer(&timer, true), LEAK_NONE);
	EQ(leak_of_fd(&fd, true, false), LEAK_NONE);
}

TEST(damaged_tests_are_refused)
{
	static const struct {
		uint64_t v[8];
		size_t n;
	} bad[] = {{{5}, 1},                            /* cut */
	           {{5, 9, 0, 1}, 4},                   /* entries that are not there */
	           {{5, 9, 0, UINT64_MAX, 1, 1, 1}, 7}, /* more than any memory has */
	           {{5, 9, 0, 1, 99, 1, 1, 0}, 8},      /* no such node */
	           {{5, 9, 0, 0, 1, UINT64_MAX}, 6}};   /* no such descriptor */

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct str tests = {0};
		struct err err;
		build_varints(&tests, bad[i].v, bad[i].n);
		struct snapshot *s = with_tests(&tests, &err);
		OK(!s);
		OK(err.text[0]);
		snapshot_free(s);
		str_free(&tests);
	}
}

static struct snapshot *with_sums(const uint64_t *v, size_t n, struct err *err)
{
	struct build b = start();
	struct str sums = {0};

	build_varints(&sums, v, n);
	build_record(&b, FMT_TEST_SUM, sums.data, sums.len);
	str_free(&sums);
	return load(&b, err);
}

TEST(figures_of_tests_are_read_and_damaged_ones_refused)
{
	/* Two, the first of which goes on; names of no bytes. */
	static const uint64_t good[] = {5, 0, 0, 1, 2, 3, 4, 50, 60, 0, 7, 0, 0, UINT64_MAX >> 1};
	struct err err;
	struct snapshot *s = with_sums(good, 14, &err);

	OK(s && s->n_test_sums == 2);
	EQ(s->test_sum[0].allocs, 1);
	EQ(s->test_sum[0].left_blocks, 2);
	EQ(s->test_sum[0].left_bytes, 3);
	EQ(s->test_sum[0].peak, 4);
	EQ(s->test_sum[1].begin_ns, 50);
	EQ(s->test_sum[1].peak, UINT64_MAX >> 1);
	snapshot_free(s);
	for (size_t n = 1; n < 14; n++) {
		s = with_sums(good, n, &err);
		OK(n == 7 ? s != NULL : !s && err.text[0]);
		snapshot_free(s);
	}
	static const uint64_t long_name[] = {5, 9, 1000, 1, 1, 1, 1},
	                      negative[] = {5, 9, 0, 1, 1, 1, UINT64_MAX};
	OK(!with_sums(long_name, 7, &err));
	OK(!with_sums(negative, 7, &err));
}

int main(int argc, char **argv)
{
	return check_main(argc, argv);
}
