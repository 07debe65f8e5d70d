/*
 * target_test.c - signals to a live process that may become another program at any moment, and its
 * control file, which it may cut at any moment. The process is this one.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
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
	EQ(target_signal(&t, 0, SIGUSR1, NULL), 0);
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
	OK(target_signal(&t, 0, SIGUSR1, NULL) != 0);
	EQ(g_came, 0);
	EQ(page.senders, 0);
	close_self(&t);
}

TEST(nor_who_has_no_handler)
{
	struct fmt_control page = {.state = FMT_CONTROL_READY};
	struct target t;

	open_self(&t, &page);
	OK(target_signal(&t, 0, SIGUSR2, NULL) != 0);
	EQ(page.senders, 0);
	close_self(&t);
}

/* ---- a control file that is cut ---- */

static char g_file[64];
static void remove_file(void)
{
	unlink(g_file);
}

/* Its control file, as liboutlive.so makes one; the descriptor. */
static int make_file(struct target *t)
{
	struct fmt_control page = {.magic = FMT_CONTROL_MAGIC, .version = 1};
	int fd;

	EQ(target_open(t, getpid(), NULL), 0);
	page.pid = (uint32_t)getpid();
	page.start_ticks = t->start_ticks;
	page.signal_number = SIGUSR1;
	snprintf(g_file, sizeof(g_file), FMT_CONTROL_DIR "/outlive.%d.ctl", (int)getpid());
	unlink(g_file);
	atexit(remove_file);
	fd = open(g_file, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	EQ(write(fd, &page, sizeof(page)), sizeof(page));
	EQ(target_open_control(t, NULL), 0);
	EQ(target_check_control(t, NULL), 0);
	return fd;
}

TEST(a_control_file_that_is_cut_reads_as_zeros_and_is_told)
{
	struct target t;
	struct err err = {""};
	int fd = make_file(&t);

	EQ(t.control->signal_number, SIGUSR1);
	EQ(ftruncate(fd, 0), 0);
	EQ(t.control->signal_number, 0);
	t.control->requested = 7;
	EQ(t.control->requested, 7);
	OK(target_check_control(&t, &err) != 0);
	OK(strstr(err.text, "emptied its control file"));
	target_close(&t);
	OK(!t.control);
	close(fd);
}

TEST(and_may_be_written_first_and_grow_again)
{
	struct target t;
	int fd = make_file(&t);

	EQ(ftruncate(fd, 0), 0);
	EQ(__atomic_add_fetch(&t.control->senders, 1, __ATOMIC_SEQ_CST), 1);
	EQ(ftruncate(fd, 4096), 0);
	OK(target_check_control(&t, NULL) != 0);
	target_close(&t);
	close(fd);
}

TEST(a_process_opens_as_many_one_after_the_other_as_it_likes)
{
	struct target t;
	int fd = make_file(&t);

	target_close(&t);
	for (int i = 0; i < 100; i++) {
		EQ(target_open(&t, getpid(), NULL), 0);
		EQ(target_open_control(&t, NULL), 0);
		target_close(&t);
	}
	close(fd);
}

static int ends_by(void (*fn)(void *arg), void *arg)
{
	int status = 0;
	pid_t pid = fork();

	if (!pid) {
		setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
		fn(arg);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void touch(void *page)
{
	*(volatile char *)page = 1;
}

static void send_it(void *number)
{
	raise(*(int *)number);
}

TEST(any_other_bus_error_ends_it_as_before)
{
	struct target t;
	int fd = make_file(&t), number = SIGBUS;
	void *other = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	EQ(ftruncate(fd, 0), 0);
	EQ(ends_by(touch, t.control), 0);
	EQ(ends_by(touch, other), SIGBUS);
	EQ(ends_by(send_it, &number), SIGBUS);
	target_close(&t);
	close(fd);
}

int main(int argc, char **argv)
{
	return check_main(argc, argv);
}
