/*
 * load_kinds_test.c - the records of threads, timers and descriptors: found again, and refused when
 * they are damaged or hostile.
 */
#include "check.h"

#include "analyzer/profile.h"
#include "build_snap.h"

static struct snapshot *load(struct build *b, struct err *err)
{
	struct snapshot *s;

	err->text[0] = 0;
	build_end(b);
	/* A copy of just that size, so that a byte read too far is seen. */
	char *copy = malloc(b->out.len);
	memcpy(copy, b->out.data, b->out.len);
	load_snapshot_mem(copy, b->out.len, "x.snap", &s, err);
	free(copy);
	build_free(b);
	*b = (struct build){0};
	return s;
}

static void refused(struct build *b, const char *part)
{
	struct err err;
	struct snapshot *s = load(b, &err);

	OK(!s);
	if (!strstr(err.text, part))
		FAIL("\"%s\" is not in: %s", part, err.text);
	snapshot_free(s);
}

struct start {
	unsigned exe, own, outer, inner;
};

static struct start start(struct build *b)
{
	struct start s;

	*b = (struct build){0};
	build_start(b);
	s.exe = build_module(b, "/bin/server", "\xbe\xef", FMT_MODULE_MAIN);
	s.own = build_module(b, "/lib/liboutlive.so", "\xaa", FMT_MODULE_OUTLIVE);
	s.outer = build_node(b, 0, s.exe, 0x1000);
	s.inner = build_node(b, s.outer, s.exe, 0x2000);
	return s;
}

static uint64_t innermost(const struct snapshot *s, uint32_t stack)
{
	return s->location[s->node[s->stack[stack].node].location].address;
}

TEST(threads_are_found_again)
{
	struct build b;
	struct err err;
	struct start at = start(&b);
	build_task(&b, &(struct build_task){.serial = 1, .tid = 100, .flags = FMT_TASK_FLAG_MAIN});
	build_task(&b, &(struct build_task){.serial = 7,
	                                    .tid = 101,
	                                    .state = FMT_TASK_ENDED,
	                                    .node = at.inner,
	                                    .creator = 1,
	                                    .module = at.exe,
	                                    .address = 0x500,
	                                    .born = 10,
	                                    .ended = 20,
	                                    .cpu_ns = 5,
	                                    .stack_bytes = 8 << 20,
	                                    .name = "worker"});
	build_task_sum(&b, at.outer, at.exe, 0x500, 3, 2);
	struct snapshot *s = load(&b, &err);
	if (!s) {
		FAIL("%s", err.text);
		return;
	}
	EQ(s->n_tasks, 2);
	EQ(s->task[0].stack, 0);
	EQ(s->task[0].start, LOCATION_NONE);
	const struct task *t = &s->task[1];
	EQ(t->serial, 7);
	EQ(t->creator, 1);
	EQ(t->tid, 101);
	EQ(t->state, FMT_TASK_ENDED);
	EQ(innermost(s, t->stack), 0x2000);
	EQ(s->location[t->start].address, 0x500);
	EQ(s->location[t->start].flags, FMT_NODE_EXACT);
	EQ(t->ended_ns, 20);
	EQ(t->stack_bytes, 8 << 20);
	STREQ(t->name, "worker");
	EQ(s->n_task_sums, 1);
	EQ(s->task_sum[0].count, 5);
	EQ(s->task_sum[0].joined, 3);
	EQ(innermost(s, s->task_sum[0].stack), 0x1000);
	EQ(s->task_sum[0].start, t->start);
	snapshot_free(s);
}

TEST(descriptors_and_timers_are_found_again)
{
	struct build b;
	struct err err;
	struct start at = start(&b);
	build_fd(&b, &(struct build_fd){.fd = 9,
	                                .kind = FMT_FD_PIPE,
	                                .flags = FMT_FD_FLAG_CLOEXEC,
	                                .node = at.inner,
	                                .task = 7,
	                                .born = 30,
	                                .names = "pipe:[12]"});
	build_fd_sum(&b, at.outer, FMT_FD_FILE, 1000, 999);
	build_fd_bad(&b, FMT_BAD_FOREIGN_CLOSE, 9, at.inner, at.outer, 4, 50);
	build_timer(&b, &(struct build_timer){.kind = FMT_TIMER_FD,
	                                      .id = 3,
	                                      .flags = FMT_TIMER_FLAG_ARMED,
	                                      .node = at.inner,
	                                      .interval_ns = 1000,
	                                      .remaining_ns = 500,
	                                      .expirations = 12,
	                                      .fd = 10});
	build_timer_sum(&b, at.outer, FMT_TIMER_POSIX, 6, 5);
	struct snapshot *s = load(&b, &err);
	if (!s) {
		FAIL("%s", err.text);
		return;
	}
	EQ(s->n_fds, 1);
	EQ(s->fd[0].fd, 9);
	EQ(s->fd[0].kind, FMT_FD_PIPE);
	EQ(s->fd[0].born_ns, 30);
	STREQ(s->fd[0].names, "pipe:[12]");
	EQ(innermost(s, s->fd[0].stack), 0x2000);
	EQ(s->fd_sum[0].closed, 999);
	EQ(s->fd_bad[0].what, FMT_BAD_FOREIGN_CLOSE);
	EQ(innermost(s, s->fd_bad[0].stack), 0x2000);
	EQ(innermost(s, s->fd_bad[0].before), 0x1000);
	EQ(s->timer[0].expirations, 12);
	EQ(s->timer[0].fd, 10);
	EQ(s->timer_sum[0].created, 6);
	EQ(innermost(s, s->timer_sum[0].stack), 0x1000);
	snapshot_free(s);
}

/* The hook's own frame is innermost in what it records. */
TEST(liboutlives_own_frames_are_not_where_something_was_made)
{
	struct build b;
	struct err err;
	struct start at = start(&b);
	unsigned hook = build_node(&b, at.inner, at.own, 0x9000);

	build_fd(&b, &(struct build_fd){.fd = 3, .node = hook});
	build_fd_bad(&b, FMT_BAD_DOUBLE_CLOSE, 3, hook, hook, 1, 1);
	struct snapshot *s = load(&b, &err);
	if (!s) {
		FAIL("%s", err.text);
		return;
	}
	EQ(innermost(s, s->fd[0].stack), 0x2000);
	EQ(s->fd_bad[0].stack, s->fd[0].stack);
	EQ(s->fd_bad[0].before, s->fd[0].stack);
	snapshot_free(s);
}

TEST(references_to_what_is_not_there_are_refused)
{
	struct build b;

	start(&b);
	build_task(&b, &(struct build_task){.serial = 1, .node = 77});
	refused(&b, "node 77");
	start(&b);
	build_task(&b, &(struct build_task){.serial = 1, .module = 9, .address = 1});
	refused(&b, "module 9");
	start(&b);
	build_task(&b, &(struct build_task){.serial = 1, .thread = 3});
	refused(&b, "thread 3");
	start(&b);
	build_task_sum(&b, 78, 0, 0, 1, 1);
	refused(&b, "node 78");
	start(&b);
	build_fd(&b, &(struct build_fd){.fd = 3, .node = 79});
	refused(&b, "node 79");
	start(&b);
	build_fd_sum(&b, 80, 0, 1, 1);
	refused(&b, "node 80");
	start(&b);
	build_fd_bad(&b, FMT_BAD_DOUBLE_CLOSE, 3, 1, 81, 1, 1);
	refused(&b, "node 81");
	start(&b);
	build_timer(&b, &(struct build_timer){.node = 82});
	refused(&b, "node 82");
	start(&b);
	build_timer_sum(&b, 83, FMT_TIMER_POSIX, 1, 1);
	refused(&b, "node 83");
}

TEST(numbers_that_mean_nothing_are_refused)
{
	struct build b;

	start(&b);
	build_task(&b, &(struct build_task){.serial = 1, .state = 9});
	refused(&b, "thread state 9");
	start(&b);
	build_fd_bad(&b, 3, 3, 0, 0, 1, 1);
	refused(&b, "bad close 3");
	start(&b);
	build_timer(&b, &(struct build_timer){.kind = 4});
	refused(&b, "kind of timer 4");
	start(&b);
	build_fd_sum(&b, 0, 1, UINT64_MAX, 1);
	refused(&b, "descriptors of 18446744073709551615");
}

/* setitimer takes any number of seconds; the writer multiplies. */
TEST(a_time_beyond_the_range_is_its_end)
{
	struct build b;
	struct err err;

	start(&b);
	build_timer(&b, &(struct build_timer){.interval_ns = UINT64_MAX});
	struct snapshot *s = load(&b, &err);
	OK(s && s->timer[0].interval_ns == INT64_MAX);
	snapshot_free(s);
}

/* A number that an ended thread had is no proof against it, nor one that nobody has. */
TEST(proofs_find_the_living_thread_of_their_number)
{
	struct build b;
	struct err err;
	struct start at = start(&b);

	build_task(&b, &(struct build_task){.serial = 1, .tid = 7, .state = FMT_TASK_ENDED});
	build_task(&b, &(struct build_task){.serial = 2, .tid = 7});
	build_task(&b, &(struct build_task){.serial = 3, .tid = 8});
	build_stuck(&b, &(struct build_stuck){.tid = 9});
	build_stuck(&b, &(struct build_stuck){.tid = 7,
	                                      .address = 0x1010,
	                                      .node = at.inner,
	                                      .offset = 16,
	                                      .bytes = 40,
	                                      .made = at.outer});
	build_stuck(&b, &(struct build_stuck){.tid = 5});
	struct snapshot *s = load(&b, &err);

	EQ(s->n_stucks, 3);
	EQ(s->task[0].stuck, 0);
	EQ(s->task[2].stuck, 0);
	OK(s->task[1].stuck);
	const struct stuck *t = &s->stuck[s->task[1].stuck - 1];
	EQ(t->tid, 7);
	EQ(t->how, FMT_STUCK_BLOCK);
	EQ(t->offset, 16);
	EQ(t->bytes, 40);
	OK(t->stack && t->made && t->stack != t->made);
	snapshot_free(s);
}

TEST(a_way_of_being_stuck_that_nobody_knows_is_refused)
{
	struct build b;
	struct err err;

	start(&b);
	build_stuck(&b, &(struct build_stuck){.tid = 7, .how = FMT_STUCK_JOIN + 1});
	OK(!load(&b, &err));
}

/* Cut within an item, at each byte: the record's own length ends it. */
TEST(items_that_their_record_cuts_are_refused)
{
	static const uint32_t tags[] = {FMT_TASK,   FMT_TASK_SUM, FMT_FD,        FMT_FD_SUM,
	                                FMT_FD_BAD, FMT_TIMER,    FMT_TIMER_SUM, FMT_STUCK};
	struct build all;
	struct start at = start(&all);

	build_task(&all, &(struct build_task){.serial = 1, .node = at.inner, .name = "name"});
	build_task_sum(&all, 1, 1, 1, 1, 1);
	build_fd(&all, &(struct build_fd){.fd = 300, .kind = 1, .names = "/tmp/x"});
	build_fd_sum(&all, 1, 1, 1, 1);
	build_fd_bad(&all, 1, 1, 1, 1, 1, 1);
	build_timer(&all, &(struct build_timer){.id = 1});
	build_timer_sum(&all, 1, 1, 1, 1);
	build_stuck(&all, &(struct build_stuck){.tid = 7, .node = 1, .made = 1});
	const struct str *payload[] = {&all.task, &all.tsum, &all.fdsc, &all.fsum,
	                               &all.fbad, &all.timr, &all.tmsm, &all.stuk};
	for (size_t i = 0; i < 8; i++) {
		for (size_t n = 1; n <= payload[i]->len; n++) {
			struct build b;
			struct err err;
			start(&b);
			build_record(&b, tags[i], payload[i]->data, n);
			struct snapshot *s = load(&b, &err);
			EQ(s != NULL, n == payload[i]->len);
			snapshot_free(s);
		}
	}
	build_free(&all);
}

/* A thread in futex(), and where it stands: two frames, innermost first; `switches` of the latter.
 */
static void add_wait(struct build *b, struct str *stand, unsigned exe, unsigned switches)
{
	struct str wait = {0};

	build_task(b, &(struct build_task){.serial = 1, .tid = 7, .state = 1, .name = "name"});
	build_varint(&wait, 7);
	build_varint(&wait, 5);
	build_varint(&wait, 203);
	for (int i = 0; i < 8; i++)
		build_varint(&wait, 0);
	build_string(&wait, "", 0);
	build_record(b, FMT_WAIT, wait.data, wait.len);
	str_free(&wait);
	build_varint(stand, 7);
	build_varint(stand, switches);
	build_varint(stand, FMT_WAIT_FLAG_INTERRUPTED);
	build_varint(stand, 1001);
	build_varint(stand, 2);
	for (unsigned i = 0; i < 2; i++) {
		build_varint(stand, exe);
		build_varint(stand, i ? 0x1000 : 0x9000);
		build_varint(stand, 0);
	}
}

TEST(where_a_thread_waits_is_found_again_unless_it_has_gone_on)
{
	for (unsigned switches = 5; switches <= 6; switches++) {
		struct str stand = {0};
		struct build b;
		struct err err;
		struct start at = start(&b);

		add_wait(&b, &stand, at.exe, switches);
		build_record(&b, FMT_WAIT_STACK, stand.data, stand.len);
		struct snapshot *s = load(&b, &err);
		STREQ(err.text, "");
		EQ(s->task[0].wait, 1);
		const struct wait *w = &s->wait[0];
		bool same = switches == 5;
		EQ(w->stack != 0, same);
		EQ(w->interrupted, same);
		EQ(w->idle_known, same);
		EQ(w->idle_ns, same ? 1000 : 0);
		if (same) {
			EQ(s->stack[w->stack].n, 2);
			EQ(innermost(s, w->stack), 0x9000);
		}
		snapshot_free(s);
		str_free(&stand);
	}
}

TEST(where_a_thread_waits_is_refused_when_it_is_cut_or_of_no_module)
{
	struct str stand = {0};
	struct build b;
	struct err err;
	struct start at = start(&b);

	add_wait(&b, &stand, at.exe, 5);
	build_free(&b);
	for (size_t n = 1; n <= stand.len; n++) {
		start(&b);
		build_record(&b, FMT_WAIT_STACK, stand.data, n);
		struct snapshot *s = load(&b, &err);
		EQ(s != NULL, n == stand.len);
		snapshot_free(s);
	}
	str_free(&stand);
	start(&b);
	add_wait(&b, &stand, 99, 5);
	build_record(&b, FMT_WAIT_STACK, stand.data, stand.len);
	refused(&b, "a frame in module 99");
	str_free(&stand);
}

int main(int argc, char **argv)
{
	return check_main(argc, argv);
}
