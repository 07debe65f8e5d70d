/*
 * run_tally_test.c - beginnings and ends of processes, in a file that anybody may have written to.
 */
#include "check.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "analyzer/run_tally.h"

static struct run_tally *tally(const char *text)
{
	char path[] = "/tmp/outlive-tally.XXXXXX";
	int fd = mkstemp(path);

	EQ(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	struct run_tally *t = run_tally_read(path);
	unlink(path);
	return t;
}

/* No process has such a number. */
#define GONE "2147483600"

static struct findings report(struct run_tally *t, uint64_t command)
{
	struct findings f = {0};

	run_tally_report(t, command, false, &f);
	run_tally_free(t);
	findings_finish(&f);
	return f;
}

TEST(who_began_and_ended_is_counted_once)
{
	struct run_tally *t = tally("7 0 sh\n8 0 ls\n8 1 ls\n7 5 sh\n7 0 cat\n7 1 cat\n9 2 sub\n");

	OK(run_tally_ended(t, 7));
	OK(run_tally_ended(t, 9));
	OK(!run_tally_ended(t, 10));
	struct findings f = report(t, 7);
	EQ(f.n_quiet, 3);
	EQ(f.n_notes, 0);
	EQ(f.verdict, VERDICT_CLEAN);
	findings_free(&f);
}

TEST(who_has_locked_itself_in_is_named)
{
	struct findings f = report(tally(GONE " 0 man\n" GONE " k man\n"), 1);

	EQ(f.n_notes, 1);
	OK(strstr(f.note[0], "behind a seccomp filter") && strstr(f.note[0], "man (pid " GONE ")"));
	EQ(f.n_quiet, 0);
	findings_free(&f);
	/* The filter was refused; and another process of that number. */
	f = report(tally(GONE " 0 man\n" GONE " k man\n" GONE " u man\n" GONE " 1 man\n"), 1);
	EQ(f.n_notes, 0);
	EQ(f.n_quiet, 1);
	findings_free(&f);
	f = report(tally(GONE " k man\n" GONE " 0 ls\n" GONE " 1 ls\n"), 1);
	EQ(f.n_notes, 0);
	findings_free(&f);
	/* It has set one that lets it tell its end, but not what it starts. */
	f = report(tally(GONE " 0 man\n" GONE " k man\n" GONE " 1 man\n"), 1);
	EQ(f.n_notes, 1);
	EQ(f.n_quiet, 1);
	findings_free(&f);
}

TEST(who_left_no_word_is_named)
{
	struct findings f = report(tally(GONE " 0 sleep\n"), 1);

	EQ(f.n_notes, 1);
	OK(strstr(f.note[0], "not seen to the end") && strstr(f.note[0], "sleep (pid " GONE ")"));
	EQ(f.n_quiet, 0);
	findings_free(&f);
	/* Of the command its caller tells. */
	f = report(tally(GONE " 0 sleep\n"), 2147483600);
	EQ(f.n_notes, 0);
	findings_free(&f);
}

TEST(who_runs_still_is_named)
{
	char text[64];

	snprintf(text, sizeof(text), "%d 0 me\n", (int)getpid());
	struct findings f = report(tally(text), 1);
	EQ(f.n_notes, 1);
	OK(strstr(f.note[0], "still running") && strstr(f.note[0], "me (pid "));
	findings_free(&f);
}

TEST(a_snapshot_is_a_word_of_an_end_too)
{
	struct run_tally *t = tally(GONE " 0 a\n20 0 b\n");

	run_tally_add(t, 2147483600, false);
	run_tally_add(t, 20, true);
	OK(run_tally_ended(t, 2147483600));
	OK(!run_tally_ended(t, 20));
	run_tally_add(t, 20, false);
	struct findings f = report(t, 1);
	EQ(f.n_notes, 0);
	/* They are counted among those with a snapshot. */
	EQ(f.n_quiet, 0);
	findings_free(&f);
}

TEST(what_is_no_line_of_ours_is_passed_over)
{
	static const char *const bad[] = {
	        "",
	        "\n",
	        "x\n",
	        "12\n",
	        "12 \n",
	        "12 1\n",
	        "12 1 \n",
	        "-12 1 a\n",
	        "99999999999999999999 1 a\n",
	        "2147483648 1 a\n",
	        " 12 1 a\n",
	        "0 1 a\n",
	        "12  1 a\n",
	        "12 x\n",
	        "12 s\n",
	        "12 x relative\n",
	        "12 y /a\n",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct run_tally *t = tally(bad[i]);
		OK(i == 12 || !run_tally_ended(t, 12));
		run_tally_free(t);
	}
	struct run_tally *t = run_tally_read("/nowhere/at/all");
	OK(!run_tally_ended(t, 12));
	run_tally_free(t);
}

/* Not there: nothing of its file tells why. */
#define PROGRAM "/nowhere/a program"

static void unseen(const char *text, uint64_t want)
{
	struct findings f = report(tally(text), 1);

	EQ(f.n_unseen, want);
	EQ(f.n_notes, want ? 1 : 0);
	OK(!want || strstr(f.note[0], "of " PROGRAM ", started without liboutlive.so"));
	EQ(f.verdict, VERDICT_CLEAN);
	findings_free(&f);
}

TEST(a_program_that_was_started_and_never_began_was_not_seen)
{
	unseen(GONE " x " PROGRAM "\n", 1);
	unseen(GONE " s " PROGRAM "\n", 1);
	unseen(GONE " x " PROGRAM "\n2147483601 s " PROGRAM "\n", 2);
	/* What a process was before it became that ends by exec. */
	unseen(GONE " 0 sh\n" GONE " 5 sh\n" GONE " x " PROGRAM "\n", 1);
	unseen(GONE " x " PROGRAM "\n" GONE " 0 a program\n" GONE " 1 a program\n", 0);
}

TEST(a_call_that_returned_started_nothing)
{
	unseen(GONE " x " PROGRAM "\n" GONE " f\n", 0);
	unseen(GONE " x /elsewhere\n" GONE " f\n" GONE " x " PROGRAM "\n", 1);
}

TEST(a_beginning_may_come_before_the_line_of_who_started_it)
{
	unseen(GONE " 0 a program\n" GONE " s " PROGRAM "\n" GONE " 1 a program\n", 0);
	unseen(GONE " 0 a program\n" GONE " 1 a program\n" GONE " s " PROGRAM "\n", 0);
	/* Of an exec it cannot: that is another program. */
	unseen(GONE " 0 sh\n" GONE " 5 sh\n" GONE " x " PROGRAM "\n", 1);
}

TEST(what_the_command_became_is_its_callers_to_tell)
{
	struct run_tally *t = tally(GONE " 0 sh\n" GONE " 5 sh\n" GONE " x " PROGRAM "\n");

	OK(!run_tally_others(t, 2147483600));
	OK(run_tally_others(t, 1));
	OK(!strcmp(run_tally_started(t, 2147483600), PROGRAM));
	OK(!run_tally_started(t, 1));
	struct findings f = report(t, 2147483600);
	EQ(f.n_unseen, 0);
	findings_free(&f);
}

TEST(who_runs_still_may_begin_yet)
{
	char text[64];

	snprintf(text, sizeof(text), "%d x " PROGRAM "\n", (int)getpid());
	struct findings f = report(tally(text), 1);
	EQ(f.n_unseen, 0);
	findings_free(&f);
}

int main(int argc, char **argv)
{
	return check_main(argc, argv);
}
