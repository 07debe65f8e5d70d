/*
 * kinds_test.c - threads, timers and descriptors: what is one group, what is a leak and what must
 * not be called one, what is new since an earlier snapshot.
 */
#include "check.h"

#include "analyzer/kinds.h"
#include "analyzer/residue.h"
#include "build_snap.h"
#include "fake_names.h"

static const struct fake_name names[] = {
        {0x10, "main", "main.c", 1, NULL},
        {0x20, "pool", "pool.c", 20, NULL},
        {0x21, "pool", "pool.c", 21, NULL},
        {0x50, "worker", "worker.c", 5, NULL},
        {0x51, "reader", "worker.c", 51, NULL},
        {0x60, "setlocale", NULL, 0, NULL},
        {0x70, "copy", "copy.c", 7, NULL},
        {0x71, "copy", "copy.c", 7, NULL},
        {0x72, "copy", "copy.c", 7, NULL},
        {0x73, "copy", "copy.c", 8, NULL},
        {0x74, "copy", NULL, 0, NULL},
        {0x75, "copy", NULL, 0, NULL},
        {0},
};

struct side {
	struct build b;
	unsigned exe, main, pool, other;
};

static struct side begin(uint64_t sequence, unsigned reason)
{
	struct side s = {0};

	build_start(&s.b);
	build_info_u(&s.b, FMT_INFO_PID, 42);
	build_info_u(&s.b, FMT_INFO_SEQUENCE, sequence);
	build_info_u(&s.b, FMT_INFO_REASON, reason);
	build_info_u(&s.b, FMT_INFO_UPTIME, sequence * 1000000000);
	/* Nodes are numbered differently in the two. */
	for (uint64_t i = 1; i < sequence; i++)
		build_module(&s.b, "/lib/libother.so", "zz", 0);
	s.exe = build_module(&s.b, "/bin/server", "id", FMT_MODULE_MAIN);
	if (sequence > 1)
		build_node(&s.b, 0, 1, 0x1234);
	s.main = build_node(&s.b, 0, s.exe, 0x10);
	s.pool = build_node(&s.b, s.main, s.exe, 0x20);
	s.other = build_node(&s.b, s.main, s.exe, 0x21);
	return s;
}

static struct snapshot *end(struct side *s)
{
	struct snapshot *snap;
	struct err err;

	build_end(&s->b);
	if (load_snapshot_mem(s->b.out.data, s->b.out.len, "x", &snap, &err)) {
		FAIL("%s", err.text);
		exit(1);
	}
	build_free(&s->b);
	fake_names(snap, names);
	return snap;
}

static void thread(struct side *s, unsigned tid, unsigned state, unsigned flags, unsigned node,
                   uint64_t start)
{
	build_task(&s->b, &(struct build_task){.serial = tid,
	                                       .tid = tid,
	                                       .state = state,
	                                       .flags = flags,
	                                       .node = node,
	                                       .module = s->exe,
	                                       .address = start,
	                                       .stack_bytes = 8 << 20,
	                                       .born = tid,
	                                       .ended = state == FMT_TASK_ENDED ? tid + 1 : 0});
}

static void descriptor(struct side *s, unsigned fd, unsigned flags, unsigned node)
{
	build_fd(&s->b,
	         &(struct build_fd){.fd = fd, .kind = FMT_FD_FILE, .flags = flags, .node = node});
}

static struct kinds *kinds(const struct snapshot *a, const struct snapshot *b,
                           const struct rules *rules)
{
	struct kinds *k;
	struct err err;

	if (kinds_make(a, b, &(struct kinds_options){.rules = rules}, &k, &err)) {
		FAIL("%s", err.text);
		exit(1);
	}
	return k;
}

static const struct group *group(const struct kinds *k, enum object_kind kind, size_t i)
{
	static const struct group none;

	if (i < k->table[kind].n)
		return &k->table[kind].group[i];
	FAIL("there is no group %zu of %s", i, kind_name[kind]);
	return &none;
}

TEST(threads_of_one_place_are_one_group_by_state_and_start_routine)
{
	struct side s = begin(1, FMT_REASON_DEMAND);
	thread(&s, 1, FMT_TASK_RUNNING, FMT_TASK_FLAG_MAIN, 0, 0);
	for (unsigned i = 2; i < 5; i++)
		thread(&s, i, FMT_TASK_ENDED, 0, s.pool, 0x50);
	thread(&s, 5, FMT_TASK_RUNNING, 0, s.pool, 0x50);
	thread(&s, 6, FMT_TASK_RUNNING, 0, s.pool, 0x51);
	struct snapshot *b = end(&s);
	struct kinds *k = kinds(NULL, b, NULL);
	const struct kind_table *t = &k->table[KIND_THREADS];

	EQ(t->n, 4);
	EQ(t->count, 6);
	EQ(t->leaks, 3);
	const struct group *g = group(k, KIND_THREADS, 0);
	EQ(g->leak, LEAK_UNJOINED);
	EQ(g->count, 3);
	EQ(g->n, 3);
	EQ(b->task[t->item[g->first + 2]].tid, 4);
	EQ(g->born_ns, 2);
	EQ(group_stack_bytes(k, g), 3 * (8 << 20));
	STREQ(start_text(b, g->start), "worker");
	/* While it runs, running is no leak. */
	for (size_t i = 1; i < 4; i++)
		EQ(group(k, KIND_THREADS, i)->leak, LEAK_NONE);
	kinds_free(k);
	snapshot_free(b);
}

TEST(running_is_a_leak_at_the_end_only_and_never_of_main_or_of_strangers)
{
	static const unsigned reasons[] = {FMT_REASON_EXIT, FMT_REASON_QUICK_EXIT, FMT_REASON_ABORT,
	                                   FMT_REASON_SIGNAL, FMT_REASON_EXEC};

	for (size_t i = 0; i < 5; i++) {
		struct side s = begin(1, reasons[i]);
		thread(&s, 1, FMT_TASK_RUNNING, FMT_TASK_FLAG_MAIN, 0, 0);
		thread(&s, 2, FMT_TASK_RUNNING, FMT_TASK_FLAG_ADOPTED, 0, 0);
		thread(&s, 3, FMT_TASK_RUNNING, FMT_TASK_FLAG_ADOPTED | FMT_TASK_FLAG_UNSEEN, 0, 0);
		thread(&s, 4, FMT_TASK_RUNNING, FMT_TASK_FLAG_NOTIFY, 0, 0);
		thread(&s, 5, FMT_TASK_RUNNING, FMT_TASK_FLAG_DETACHED, s.pool, 0x50);
		struct snapshot *b = end(&s);
		struct kinds *k = kinds(NULL, b, NULL);
		EQ(k->table[KIND_THREADS].leaks, 1);
		EQ(group(k, KIND_THREADS, 0)->leak, LEAK_RUNNING);
		EQ(group(k, KIND_THREADS, 0)->stack, b->task[4].stack);
		kinds_free(k);
		snapshot_free(b);
	}
}

TEST(descriptors_nobody_saw_being_opened_are_not_accused)
{
	struct side s = begin(1, FMT_REASON_EXIT);
	descriptor(&s, 0, FMT_FD_FLAG_INHERITED, 0);
	descriptor(&s, 1, 0, s.pool); /* dup2 over stdout */
	descriptor(&s, 2, 0, s.pool);
	descriptor(&s, 3, FMT_FD_FLAG_INHERITED, 0);
	descriptor(&s, 4, FMT_FD_FLAG_UNSEEN, 0);
	descriptor(&s, 5, FMT_FD_FLAG_OWN, 0);
	descriptor(&s, 6, FMT_FD_FLAG_CLOEXEC, s.pool);
	descriptor(&s, 7, 0, s.pool);
	struct snapshot *b = end(&s);
	struct kinds *k = kinds(NULL, b, NULL);

	EQ(k->table[KIND_FDS].leaks, 2);
	EQ(group(k, KIND_FDS, 0)->leak, LEAK_OPEN);
	EQ(group(k, KIND_FDS, 0)->count, 2);
	kinds_free(k);
	snapshot_free(b);
}

static void pipe_end(struct side *s, uint32_t number, const char *text)
{
	build_fd(&s->b, &(struct build_fd){.fd = number, .kind = FMT_FD_PIPE, .names = text});
}

TEST(ends_of_pipes_find_each_other)
{
	struct side s = begin(1, FMT_REASON_DEMAND);
	pipe_end(&s, 3, "pipe:[77] read end");
	pipe_end(&s, 4, "pipe:[7] write end"); /* its other end is elsewhere */
	pipe_end(&s, 5, "pipe:[77] write end");
	pipe_end(&s, 6, "pipe:[77] write end"); /* a copy */
	pipe_end(&s, 7, "/run/a fifo");
	pipe_end(&s, 8, "pipe:[9]"); /* an older file says no more */
	pipe_end(&s, 9, "pipe:[9]");
	struct snapshot *b = end(&s);
	struct pipes p = pipes_of(b);
	uint32_t other = 0;
	bool is_pipe;

	EQ(p.n, 4);
	OK(pipes_other_end(&p, &b->fd[0], &other, &is_pipe) && is_pipe);
	EQ(other, 5);
	OK(pipes_other_end(&p, &b->fd[3], &other, &is_pipe) && is_pipe);
	EQ(other, 3);
	OK(!pipes_other_end(&p, &b->fd[1], &other, &is_pipe) && is_pipe);
	for (int i = 4; i < 7; i++)
		OK(!pipes_other_end(&p, &b->fd[i], &other, &is_pipe) && !is_pipe);
	free(p.at);
	snapshot_free(b);
}

TEST(what_libc_keeps_is_excused_by_a_rule)
{
	struct side s = begin(1, FMT_REASON_EXIT);
	descriptor(&s, 3, FMT_FD_FLAG_LIBC, s.pool);
	descriptor(&s, 4, 0, s.pool);
	struct snapshot *b = end(&s);
	struct rules rules = {0};

	rules_add_builtin(&rules);
	struct kinds *k = kinds(NULL, b, &rules);
	EQ(k->table[KIND_FDS].leaks, 1);
	EQ(k->table[KIND_FDS].excused, 1);
	kinds_free(k);
	k = kinds(NULL, b, NULL);
	EQ(k->table[KIND_FDS].leaks, 2);
	kinds_free(k);
	rules_free(&rules);
	snapshot_free(b);
}

TEST(what_exec_closes_is_not_left_behind)
{
	struct side s = begin(1, FMT_REASON_EXEC);
	descriptor(&s, 6, FMT_FD_FLAG_CLOEXEC, s.pool);
	descriptor(&s, 7, 0, s.pool);
	struct snapshot *b = end(&s);
	struct kinds *k = kinds(NULL, b, NULL);

	EQ(k->table[KIND_FDS].leaks, 1);
	EQ(b->fd[k->table[KIND_FDS].item[group(k, KIND_FDS, 0)->first]].fd, 7);
	kinds_free(k);
	snapshot_free(b);
}

static enum leak timer_leak(struct build_timer t, unsigned reason)
{
	struct side s = begin(1, reason);

	t.node = s.pool;
	build_timer(&s.b, &t);
	struct snapshot *b = end(&s);
	struct kinds *k = kinds(NULL, b, NULL);
	enum leak leak = group(k, KIND_TIMERS, 0)->leak;
	kinds_free(k);
	snapshot_free(b);
	return leak;
}

TEST(timers_by_what_is_wrong_with_them)
{
	enum { MS = 1000000, ARMED = FMT_TIMER_FLAG_ARMED };
	struct build_timer posix = {.kind = FMT_TIMER_POSIX};
	struct build_timer ticking = {
	        .kind = FMT_TIMER_POSIX, .flags = ARMED, .interval_ns = MS, .remaining_ns = 1};
	struct build_timer slow = {
	        .kind = FMT_TIMER_FD, .interval_ns = 1000 * MS, .expirations = 1, .fd = 8};
	struct build_timer fast = {
	        .kind = FMT_TIMER_FD, .interval_ns = MS, .expirations = 1, .fd = 8};
	struct build_timer read = {.kind = FMT_TIMER_FD,
	                           .flags = ARMED,
	                           .interval_ns = MS,
	                           .remaining_ns = 1,
	                           .fd = 8};
	struct build_timer alarm = {.kind = FMT_TIMER_ITIMER, .flags = ARMED, .remaining_ns = MS};

	EQ(timer_leak(posix, FMT_REASON_DEMAND), LEAK_NONE);
	EQ(timer_leak(posix, FMT_REASON_EXIT), LEAK_UNDELETED);
	EQ(timer_leak(ticking, FMT_REASON_DEMAND), LEAK_NONE);
	EQ(timer_leak(ticking, FMT_REASON_EXIT), LEAK_FIRING);
	EQ(timer_leak(slow, FMT_REASON_DEMAND), LEAK_UNREAD);
	/* It may be just about to be read. */
	EQ(timer_leak(fast, FMT_REASON_DEMAND), LEAK_NONE);
	EQ(timer_leak(fast, FMT_REASON_EXIT), LEAK_UNREAD);
	EQ(timer_leak(read, FMT_REASON_EXIT), LEAK_FIRING);
	EQ(timer_leak(alarm, FMT_REASON_EXIT), LEAK_NONE);
	alarm.interval_ns = MS;
	EQ(timer_leak(alarm, FMT_REASON_EXIT), LEAK_FIRING);
}

TEST(bad_closes_are_told_with_both_places)
{
	struct side s = begin(1, FMT_REASON_DEMAND);
	build_fd_bad(&s.b, FMT_BAD_DOUBLE_CLOSE, 7, s.pool, s.other, 3, 10);
	build_fd_bad(&s.b, FMT_BAD_DOUBLE_CLOSE, 9, s.pool, s.other, 2, 20);
	build_fd_bad(&s.b, FMT_BAD_DOUBLE_CLOSE, 9, s.pool, s.main, 1, 20);
	build_fd_bad(&s.b, FMT_BAD_FOREIGN_CLOSE, 9, s.pool, s.other, 1, 20);
	struct snapshot *b = end(&s);
	struct kinds *k = kinds(NULL, b, NULL);
	const struct group *g = group(k, KIND_FDS, 0);

	EQ(k->table[KIND_FDS].n, 3);
	EQ(k->table[KIND_FDS].count, 0);
	EQ(k->table[KIND_FDS].leaks, 7);
	EQ(g->leak, LEAK_DOUBLE_CLOSE);
	EQ(g->count, 5);
	EQ(g->n, 2);
	EQ(b->fd_bad[k->table[KIND_FDS].item[g->first + 1]].fd, 9);
	STREQ(kinds_row(k, g->before)->frame[0]->line[0].file, "pool.c");
	EQ(kinds_row(k, g->before)->frame[0]->line[0].number, 21);
	kinds_free(k);
	snapshot_free(b);
}

/* Two snapshots number their nodes, modules and stacks each for itself. */
TEST(what_is_new_since_the_base_comes_first)
{
	struct side s = begin(1, FMT_REASON_DEMAND);
	for (unsigned i = 0; i < 5; i++)
		descriptor(&s, 10 + i, 0, s.pool);
	thread(&s, 7, FMT_TASK_RUNNING, 0, s.pool, 0x50);
	struct snapshot *a = end(&s);
	s = begin(2, FMT_REASON_EXIT);
	for (unsigned i = 0; i < 5; i++)
		descriptor(&s, 10 + i, 0, s.pool);
	descriptor(&s, 20, 0, s.other);
	thread(&s, 7, FMT_TASK_RUNNING, 0, s.pool, 0x50);
	struct snapshot *b = end(&s);
	struct kinds *k = kinds(a, b, NULL);
	const struct group *g = group(k, KIND_FDS, 0);

	EQ(k->table[KIND_FDS].n_grown, 1);
	EQ(g->count, 1);
	EQ(group_growth(k, g), 1);
	EQ(g->base, 0);
	g = group(k, KIND_FDS, 1);
	EQ(g->count, 5);
	EQ(g->base, 5);
	EQ(group_growth(k, g), 0);
	/* It has become a leak by the end, and is not new by that. */
	EQ(k->table[KIND_THREADS].n_grown, 0);
	EQ(group(k, KIND_THREADS, 0)->leak, LEAK_RUNNING);
	kinds_free(k);
	snapshot_free(a);
	snapshot_free(b);
}

/* A compiler that unrolls a loop makes several calls of one line. */
TEST(copies_of_one_line_are_one_group_in_both_snapshots)
{
	struct side s = begin(1, FMT_REASON_DEMAND);
	unsigned copy[3];
	for (unsigned i = 0; i < 3; i++)
		copy[i] = build_node(&s.b, s.main, s.exe, 0x70 + i);
	descriptor(&s, 7, 0, copy[2]);
	struct snapshot *a = end(&s);
	s = begin(2, FMT_REASON_DEMAND);
	for (unsigned i = 0; i < 3; i++)
		copy[i] = build_node(&s.b, s.main, s.exe, 0x70 + i);
	descriptor(&s, 7, 0, copy[0]);
	descriptor(&s, 8, 0, copy[1]);
	/* Of the same function, but of another line. */
	descriptor(&s, 9, 0, build_node(&s.b, s.main, s.exe, 0x73));
	/* Without lines an address is all that there is. */
	descriptor(&s, 10, 0, build_node(&s.b, s.main, s.exe, 0x74));
	descriptor(&s, 11, 0, build_node(&s.b, s.main, s.exe, 0x75));
	struct snapshot *b = end(&s);
	struct kinds *k = kinds(a, b, NULL);

	EQ(k->table[KIND_FDS].n, 4);
	for (size_t i = 0; i < 4; i++) {
		const struct group *g = group(k, KIND_FDS, i);
		EQ(group_growth(k, g), 1);
		EQ(g->base, g->count - 1);
	}
	EQ(k->table[KIND_FDS].gone, 0);
	kinds_free(k);
	snapshot_free(a);
	snapshot_free(b);
}

TEST(a_thread_that_ran_and_is_unjoined_now_is_new_as_such)
{
	struct side s = begin(1, FMT_REASON_DEMAND);
	thread(&s, 7, FMT_TASK_RUNNING, 0, s.pool, 0x50);
	struct snapshot *a = end(&s);
	s = begin(2, FMT_REASON_DEMAND);
	thread(&s, 7, FMT_TASK_ENDED, 0, s.pool, 0x50);
	struct snapshot *b = end(&s);
	struct kinds *k = kinds(a, b, NULL);

	EQ(k->table[KIND_THREADS].n_grown, 1);
	EQ(group(k, KIND_THREADS, 0)->leak, LEAK_UNJOINED);
	EQ(k->table[KIND_THREADS].gone, 1);
	kinds_free(k);
	snapshot_free(a);
	snapshot_free(b);
}

/* It was there before, and ran: it is a leak now, and not new. */
TEST(a_thread_that_is_stuck_now_is_a_leak_and_not_new)
{
	struct side s = begin(1, FMT_REASON_DEMAND);
	thread(&s, 1, FMT_TASK_RUNNING, FMT_TASK_FLAG_MAIN, 0, 0);
	thread(&s, 7, FMT_TASK_RUNNING, 0, s.pool, 0x50);
	thread(&s, 8, FMT_TASK_RUNNING, 0, s.pool, 0x50);
	struct snapshot *a = end(&s);
	s = begin(2, FMT_REASON_DEMAND);
	thread(&s, 1, FMT_TASK_RUNNING, FMT_TASK_FLAG_MAIN, 0, 0);
	thread(&s, 7, FMT_TASK_RUNNING, 0, s.pool, 0x50);
	thread(&s, 8, FMT_TASK_RUNNING, 0, s.pool, 0x50);
	build_stuck(&s.b, &(struct build_stuck){.tid = 8, .bytes = 40, .made = s.other});
	build_stuck(&s.b, &(struct build_stuck){.tid = 1, .how = FMT_STUCK_JOIN, .joins = 8});
	struct snapshot *b = end(&s);
	struct kinds *k = kinds(a, b, NULL);
	const struct kind_table *t = &k->table[KIND_THREADS];

	EQ(t->leaks, 2);
	EQ(t->n, 3);
	EQ(t->n_grown, 0);
	EQ(t->gone, 0);
	EQ(group(k, KIND_THREADS, 0)->leak, LEAK_BLOCKED);
	STREQ(group_type_text(group(k, KIND_THREADS, 0)), "blocked");
	EQ(group(k, KIND_THREADS, 2)->leak, LEAK_NONE);
	kinds_free(k);
	snapshot_free(a);
	snapshot_free(b);
}

/* Of one place some are leaks and some are not: what was there before is shared out. */
TEST(one_places_base_is_not_counted_twice)
{
	struct build_timer t = {.kind = FMT_TIMER_FD, .interval_ns = 1000000000, .fd = 8};
	struct side s = begin(1, FMT_REASON_DEMAND);
	t.node = s.pool;
	for (int i = 0; i < 4; i++)
		build_timer(&s.b, &t);
	struct snapshot *a = end(&s);
	s = begin(2, FMT_REASON_DEMAND);
	t.node = s.pool;
	for (int i = 0; i < 6; i++) {
		t.expirations = i < 3;
		build_timer(&s.b, &t);
	}
	struct snapshot *b = end(&s);
	struct kinds *k = kinds(a, b, NULL);
	const struct kind_table *table = &k->table[KIND_TIMERS];

	EQ(table->n, 2);
	EQ(table->group[0].base + table->group[1].base, 4);
	EQ(group_growth(k, &table->group[0]) + group_growth(k, &table->group[1]), 2);
	kinds_free(k);
	snapshot_free(a);
	snapshot_free(b);
}

TEST(what_a_rule_excuses_is_no_finding_and_stays_visible)
{
	struct rule rule = {RULE_THREAD, RULE_ANY, "^worker$", "known", ""};
	struct rules rules = {.at = &rule, .n = 1};
	struct side s = begin(1, FMT_REASON_EXIT);
	thread(&s, 2, FMT_TASK_RUNNING, 0, s.pool, 0x50);
	thread(&s, 3, FMT_TASK_RUNNING, 0, s.pool, 0x51);
	struct snapshot *b = end(&s);
	struct kinds *k = kinds(NULL, b, &rules);

	EQ(k->table[KIND_THREADS].leaks, 1);
	EQ(k->table[KIND_THREADS].excused, 1);
	EQ(k->table[KIND_THREADS].n, 2);
	OK(!group(k, KIND_THREADS, 0)->rule);
	OK(group(k, KIND_THREADS, 1)->rule == &rule);
	kinds_free(k);
	snapshot_free(b);
}

TEST(focus_hides_groups_but_not_the_sums)
{
	struct side s = begin(1, FMT_REASON_EXIT);
	descriptor(&s, 7, 0, s.pool);
	descriptor(&s, 8, 0, s.main);
	build_fd_bad(&s.b, FMT_BAD_DOUBLE_CLOSE, 7, s.main, s.pool, 1, 10);
	struct snapshot *b = end(&s);
	struct profile_options p = {.focus = "^pool$"};
	struct kinds *k;
	struct err err;

	EQ(kinds_make(NULL, b, &(struct kinds_options){.profile = &p}, &k, &err), 0);
	EQ(k->table[KIND_FDS].count, 2);
	EQ(k->table[KIND_FDS].n, 2); /* the bad close by its other place */
	kinds_free(k);
	p.focus = "(";
	EQ(kinds_make(NULL, b, &(struct kinds_options){.profile = &p}, &k, &err), -1);
	OK(!k);
	snapshot_free(b);
}

TEST(the_heaps_residue_is_summed_by_line_and_without_what_is_known)
{
	struct rules rules = {0};
	struct side s = begin(1, FMT_REASON_EXIT);
	struct residue *r;
	struct err err;

	rules_add_builtin(&rules);
	/* Two stacks, one line. */
	unsigned again = build_node(&s.b, build_node(&s.b, s.main, s.exe, 0x21), s.exe, 0x20);
	unsigned locale = build_node(&s.b, s.main, s.exe, 0x60);
	build_site(&s.b, &(struct build_site){.node = s.pool, .allocs = 3, .bytes = 30});
	build_site(&s.b, &(struct build_site){.node = again, .allocs = 2, .bytes = 20});
	build_site(&s.b, &(struct build_site){.node = s.other, .allocs = 1, .bytes = 40});
	build_site(&s.b, &(struct build_site){.node = locale, .allocs = 9, .bytes = 900});
	build_site(&s.b,
	           &(struct build_site){
	                   .node = s.main, .allocs = 1, .bytes = 5, .frees = 1, .bytes_freed = 5});
	struct snapshot *b = end(&s);
	EQ(residue_make(b, &rules, &(struct profile_options){0}, &r, &err), 0);
	EQ(r->n_sites, 2);
	EQ(r->site[0].space, 50);
	EQ(r->site[0].objects, 5);
	EQ(r->site[1].space, 40);
	EQ(r->known_space, 900);
	EQ(r->known_objects, 9);
	EQ(residue_findings(r), 0);
	residue_free(r);
	rules_free(&rules);
	snapshot_free(b);
}

int main(int argc, char **argv)
{
	return check_main(argc, argv);
}
