/*
 * check_test.c - what of a snapshot is a finding, by how its process ended; and what findings of
 * several processes come to.
 */
#include "check.h"

#include "analyzer/check.h"
#include "build_snap.h"

struct end {
	unsigned reason;
	bool forked, lost_threads, no_threads, scan, refused;
	const char *exe;
	unsigned pid;
};

/*
 * A process that has left one of each: a thread that runs, one that nobody joined, a timer, a
 * descriptor, a double close, and a lost block; and an inherited descriptor, and standard ones.
 */
static struct snapshot *process(struct end e)
{
	struct build b = {0};
	struct snapshot *s;
	struct err err;

	build_start(&b);
	build_info_u(&b, FMT_INFO_PID, e.pid ? e.pid : 42);
	build_info_u(&b, FMT_INFO_REASON, e.reason);
	if (e.forked)
		build_info_u(&b, FMT_INFO_FORKED, 1);
	if (e.no_threads)
		build_info_u(&b, FMT_INFO_FAMILIES, FMT_FAMILY_FDS | FMT_FAMILY_TIMERS);
	if (e.lost_threads)
		build_audit(&b, FMT_AUDIT_LOST_THREADS, 3);
	if (e.scan)
		build_info_u(&b, FMT_INFO_REACH, e.refused ? FMT_SCAN_REFUSED : FMT_SCAN_DONE);
	if (e.refused)
		build_info_s(&b, FMT_INFO_REACH_WHY, "a filter forbids it");
	build_info_s(&b, FMT_INFO_COMMAND, "server");
	build_info_s(&b, FMT_INFO_EXE, e.exe ? e.exe : "/src/server");
	unsigned exe = build_module(&b, e.exe ? e.exe : "/src/server", "aa", FMT_MODULE_MAIN);
	unsigned main = build_node(&b, 0, exe, 0x10);
	unsigned at = build_node(&b, main, exe, 0x20);
	build_task(&b, &(struct build_task){.serial = 1, .flags = FMT_TASK_FLAG_MAIN, .tid = 42});
	build_task(&b, &(struct build_task){.serial = 2, .node = at, .tid = 43});
	build_task(&b, &(struct build_task){
	                       .serial = 3, .node = at, .state = FMT_TASK_ENDED, .tid = 44});
	build_timer(&b, &(struct build_timer){.id = 1, .node = at});
	build_fd(&b, &(struct build_fd){.fd = 1, .node = at});
	build_fd(&b, &(struct build_fd){.fd = 3, .flags = FMT_FD_FLAG_INHERITED});
	build_fd(&b, &(struct build_fd){.fd = 4, .node = at});
	build_fd_bad(&b, FMT_BAD_DOUBLE_CLOSE, 7, at, main, 1, 5);
	build_end(&b);
	EQ(load_snapshot_mem(b.out.data, b.out.len, "x", &s, &err), 0);
	build_free(&b);
	return s;
}

struct world {
	struct findings f;
	struct rules rules;
	struct check c;
};

static void world_begin(struct world *w)
{
	*w = (struct world){.c = {.ended = true}};
	check_gates_default(&w->c.gates);
	w->c.rules = check_rules_new(&w->rules);
}

static void world_add(struct world *w, struct end e)
{
	struct snapshot *s = process(e);
	struct err err;

	EQ(check_process(&w->f, &w->c, &(struct check_process){.last = s}, &err), 0);
	snapshot_free(s);
}

static void world_end(struct world *w)
{
	findings_free(&w->f);
	check_rules_free(w->c.rules);
	rules_free(&w->rules);
}

/* "unjoined running ...", by kind and weight. */
static const char *found(struct world *w)
{
	static char text[256];
	size_t n = 0;

	findings_finish(&w->f);
	*text = 0;
	for (size_t i = 0; i < w->f.n_counted; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s", n ? " " : "",
		                      w->f.at[i].why);
	return text;
}

static const char *found_at(struct end e)
{
	struct world w;
	static const char *text;

	world_begin(&w);
	world_add(&w, e);
	text = found(&w);
	world_end(&w);
	return text;
}

TEST(at_its_end_a_process_is_judged_for_all_it_holds)
{
	STREQ(found_at((struct end){.reason = FMT_REASON_EXIT}), "running unjoined undeleted open");
	STREQ(found_at((struct end){.reason = FMT_REASON_QUICK_EXIT}),
	      "running unjoined undeleted open");
}

/* It had no time to give anything back, or hands it on. */
TEST(a_process_that_was_ended_is_blamed_for_what_is_wrong_at_any_time)
{
	STREQ(found_at((struct end){.reason = FMT_REASON_SIGNAL}), "unjoined");
	STREQ(found_at((struct end){.reason = FMT_REASON_ABORT}), "unjoined");
	STREQ(found_at((struct end){.reason = FMT_REASON_EXEC}), "unjoined");
}

TEST(a_process_that_left_no_word_of_its_end_gives_no_verdict)
{
	struct world w;

	world_begin(&w);
	w.c.gates.leaks &= ~check_leaks_of(KIND_THREADS);
	world_add(&w, (struct end){.reason = FMT_REASON_INTERVAL});
	STREQ(found(&w), "");
	EQ(w.f.verdict, VERDICT_LOSSY);
	OK(strstr(w.f.process[0].unclear, "no word of its end"));
	world_end(&w);

	world_begin(&w);
	w.c.ended = false;
	w.c.gates.leaks &= ~check_leaks_of(KIND_THREADS);
	world_add(&w, (struct end){.reason = FMT_REASON_DEMAND});
	STREQ(found(&w), "");
	EQ(w.f.verdict, VERDICT_CLEAN);
	world_end(&w);
}

TEST(bad_closes_count_when_they_are_asked_for)
{
	struct world w;

	world_begin(&w);
	w.c.gates.leaks = CHECK_BAD_CLOSES;
	world_add(&w, (struct end){.reason = FMT_REASON_EXIT});
	STREQ(found(&w), "double-close");
	OK(strstr(w.f.at[0].words, "descriptor 7; closed before"));
	world_end(&w);
}

TEST(what_was_not_recorded_or_lost_is_open)
{
	static const struct {
		struct end e;
		const char *says;
	} open[] = {
	        {{.reason = FMT_REASON_EXIT, .no_threads = true}, "threads were not recorded"},
	        {{.reason = FMT_REASON_EXIT, .lost_threads = true}, "table of threads was full"},
	        {{.reason = FMT_REASON_EXIT, .scan = true, .refused = true},
	         "a filter forbids it"}};
	struct world w;

	for (size_t i = 0; i < sizeof(open) / sizeof(*open); i++) {
		world_begin(&w);
		world_add(&w, open[i].e);
		findings_finish(&w.f);
		/* What was found stays found. */
		EQ(w.f.verdict, VERDICT_LEAKS);
		OK(w.f.no_verdict);
		OK(w.f.process[0].unclear && strstr(w.f.process[0].unclear, open[i].says));
		world_end(&w);
	}
	/* A gate that is off needs no table. */
	world_begin(&w);
	w.c.gates.leaks = CHECK_LEAK(LEAK_OPEN);
	w.c.gates.heap = CHECK_HEAP_OFF;
	world_add(&w, (struct end){.reason = FMT_REASON_EXIT,
	                           .lost_threads = true,
	                           .scan = true,
	                           .refused = true});
	findings_finish(&w.f);
	OK(!w.f.no_verdict);
	world_end(&w);
}

/* What the parent's threads held is lost in the child alone. */
TEST(the_heap_of_a_fork_child_that_ends_by_exit_without_handlers_is_not_asked_for)
{
	struct snapshot *s;
	struct check c = {.gates.heap = CHECK_HEAP_AUTO};

	for (int forked = 0; forked < 2; forked++) {
		s = process((struct end){.reason = FMT_REASON_QUICK_EXIT, .forked = forked});
		EQ(check_heap_asks_for_lost(&(struct check_work){.check = &c, .b = s}), !forked);
		snapshot_free(s);
	}
	s = process((struct end){.reason = FMT_REASON_EXIT, .forked = true});
	OK(check_heap_asks_for_lost(&(struct check_work){.check = &c, .b = s}));
	snapshot_free(s);
}

TEST(equal_findings_of_several_processes_are_one)
{
	struct world w;

	world_begin(&w);
	w.c.gates.leaks = CHECK_LEAK(LEAK_OPEN);
	for (unsigned pid = 100; pid < 103; pid++)
		world_add(&w, (struct end){.reason = FMT_REASON_EXIT, .pid = pid});
	findings_finish(&w.f);
	EQ(w.f.n_counted, 1);
	EQ(w.f.at[0].count, 3);
	EQ(w.f.at[0].n_shares, 3);
	EQ(w.f.n_processes, 3);
	EQ(w.f.process[2].pid, 102);
	EQ(w.f.process[2].findings, 1);
	/* Another program is another place. */
	world_add(&w, (struct end){.reason = FMT_REASON_EXIT, .exe = "/src/client"});
	findings_finish(&w.f);
	EQ(w.f.n_counted, 2);
	world_end(&w);
}

TEST(programs_of_the_system_are_accepted_unless_they_are_what_runs)
{
	static const struct {
		const char *exe;
		bool accepted;
	} programs[] = {{"/usr/bin/tar", true},
	                {"/bin/sort", true},
	                {"/usr/lib/gcc/cc1", true},
	                {"/usr/local/bin/mine", false},
	                {"/usr/bin/python3.11", false},
	                {"/usr/bin/perl", false},
	                {"/opt/tar", false},
	                {"/usrbin/tar", false},
	                {"/src/usr/bin/tar", false}};
	struct world w;

	for (size_t i = 0; i < sizeof(programs) / sizeof(*programs); i++) {
		struct end e = {FMT_REASON_EXIT, .exe = programs[i].exe};
		world_begin(&w);
		w.c.accept_system = true;
		world_add(&w, e);
		STREQ(found(&w), programs[i].accepted ? "" : "running unjoined undeleted open");
		world_end(&w);

		world_begin(&w);
		w.c.accept_system = true;
		w.c.command = 42;
		w.c.command_alone = true;
		world_add(&w, e);
		STREQ(found(&w), "running unjoined undeleted open");
		world_end(&w);

		/* It has run others: it is those that are tested. */
		world_begin(&w);
		w.c.accept_system = true;
		w.c.command = 42;
		world_add(&w, e);
		STREQ(found(&w), programs[i].accepted ? "" : "running unjoined undeleted open");
		world_end(&w);
	}
}

int main(int argc, char **argv)
{
	return check_main(argc, argv);
}
