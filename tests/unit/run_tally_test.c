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

	run_tally_report(t, command, &f);
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

int main(int argc, char **argv)
{
	return check_main(argc, argv);
}
