/*
 * target_test.c - signals to a live process that may become another program at any moment. The
 * process is this one.
 */
#include <signal.h>
#include <unistd.h>

#include "analyzer/target.h"
#include "tests/unit/check.h"

static volatile sig_atomic_t g_came;
static const uint32_t *g_senders;
static volatile sig_atomic_t g_senders_then;

static void on_signal(int number)
{
	(void)number;
	g_came++;
	g_senders_then = (sig_atomic_t)*g_senders;
}

static void open_self(struct target *t, struct fmt_control *page)
{
	struct sigaction act = {.sa_handler = on_signal};

	g_came = 0;
	g_senders = &page->senders;
	sigaction(SIGUSR1, &act, NULL);
	EQ(target_open(t, getpid(), NULL), 0);
	t->control = page;
}

static void close_self(struct target *t)
{
	t->control = NULL; /* not a mapping */
	target_close(t);
}

TEST(a_signal_is_told_of_while_it_is_sent)
{
	struct fmt_control page = {.state = FMT_CONTROL_READY};
	struct target t;

	open_self(&t, &page);
	EQ(target_signal(&t, SIGUSR1, NULL), 0);
	EQ(g_came, 1);
	EQ(g_senders_then, 1);
	EQ(page.senders, 0);
	close_self(&t);
}

TEST(who_becomes_another_program_is_sent_none)
{
	struct fmt_control page = {.state = FMT_CONTROL_OFF};
	struct target t;

	open_self(&t, &page);
	OK(target_signal(&t, SIGUSR1, NULL) != 0);
	EQ(g_came, 0);
	EQ(page.senders, 0);
	close_self(&t);
}

TEST(nor_who_has_no_handler)
{
	struct fmt_control page = {.state = FMT_CONTROL_READY};
	struct target t;

	open_self(&t, &page);
	OK(target_signal(&t, SIGUSR2, NULL) != 0);
	EQ(page.senders, 0);
	close_self(&t);
}

int main(int argc, char **argv)
{
	return check_main(argc, argv);
}
