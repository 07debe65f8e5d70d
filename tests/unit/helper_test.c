/* helper_test.c - in the process itself, on the helper's stack: a fault ends what runs, and nothing
 * else. */
#include "preload/helper.h"

#include <signal.h>
#include <sys/mman.h>

#include "preload/sys.h"
#include "tests/unit/check.h"

static char *g_stack;
static volatile char *g_bad;
static volatile int g_seen, g_handled, g_code;

static void setup(void)
{
	sigset_t all;

	g_stack = helper_stack();
	OK(g_stack != NULL);
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
}

static void look(void)
{
	g_seen++;
	(void)*g_bad;
	g_seen++;
}

static void note_stack(void)
{
	char here;

	g_seen = &here >= g_stack && &here < g_stack + HELPER_STACK_BYTES;
}

TEST(runs_on_the_other_stack_and_comes_back)
{
	setup();
	OK(helper_here(g_stack, note_stack));
	OK(g_seen);
	OK(helper_here(g_stack, note_stack));
}

TEST(page_that_cannot_be_read)
{
	setup();
	g_bad = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (int i = 0; i < 3; i++) {
		g_seen = 0;
		OK(!helper_here(g_stack, look));
		EQ(g_seen, 1);
	}
	g_bad = g_stack;
	g_seen = 0;
	OK(helper_here(g_stack, look));
	EQ(g_seen, 2);
}

TEST(file_that_has_become_shorter)
{
	int fd = memfd_create("short", 0);

	setup();
	EQ(ftruncate(fd, 8192), 0);
	g_bad = mmap(NULL, 8192, PROT_READ, MAP_PRIVATE, fd, 0);
	EQ(ftruncate(fd, 4096), 0);
	OK(helper_here(g_stack, look));
	g_bad += 4096;
	OK(!helper_here(g_stack, look));
}

static void on_signal(int sig, siginfo_t *info, void *context)
{
	(void)context;
	g_handled = sig;
	g_code = info->si_value.sival_int;
}

/* A pending one that somebody has sent is the program's, with all that was sent. */
TEST(sent_signal_is_no_fault_and_is_not_lost)
{
	struct sigaction a = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO}, now;
	sigset_t none, pending;

	setup();
	sigaction(SIGSEGV, &a, NULL);
	EQ(sigqueue(getpid(), SIGSEGV, (union sigval){.sival_int = 4711}), 0);
	g_bad = g_stack;
	OK(helper_here(g_stack, look));
	EQ(g_seen, 2);
	EQ(g_handled, 0);
	sigpending(&pending);
	OK(sigismember(&pending, SIGSEGV));
	sigaction(SIGSEGV, NULL, &now);
	OK(now.sa_sigaction == on_signal);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	EQ(g_handled, SIGSEGV);
	EQ(g_code, 4711);
}

TEST(mask_is_as_it_was)
{
	sigset_t before, after;

	setup();
	g_bad = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	sigprocmask(SIG_SETMASK, NULL, &before);
	OK(!helper_here(g_stack, look));
	sigprocmask(SIG_SETMASK, NULL, &after);
	OK(!memcmp(&before, &after, 8));
}

int main(int argc, char **argv)
{
	return check_main(argc, argv);
}
