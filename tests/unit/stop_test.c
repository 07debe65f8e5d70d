#include "preload/stop.h"

#include <sys/prctl.h>

#include "preload/signals.h"
#include "preload/sys.h"
#include "tests/unit/check.h"
#include "tests/unit/stop_calls.h"

/* Far more than any stop needs, so that a busy machine is no reason. */
#define IN_TIME (sys_now_ns() + 20000000000u)

static void print(const struct stop *s)
{
	printf("# way %u, %u of %u stopped, lossy %x, error %u: stop %" PRIu64
	       " us, in all %" PRIu64 " us\n",
	       s->way, s->n_stopped, s->count, s->lossy, s->error,
	       (s->stopped_ns - s->first_ns) / 1000, (s->running_ns - s->first_ns) / 1000);
}

static void prepare_or_say(struct stop *s, uint32_t way)
{
	memset(s, 0, sizeof(*s));
	s->ways = way;
	int r = stop_prepare(s);

	if (r)
		FAIL("refused: %s (%u)", stop_refusal(r), s->error);
}

static const struct stop_thread *thread_of(const struct stop *s, pid_t tid)
{
	for (uint32_t i = 0; i < s->count; i++)
		if (s->threads[i].tid == tid)
			return &s->threads[i];
	return NULL;
}

/* All of them are in their call, as /proc tells. */
static void wait_for_calls(void)
{
	for (size_t i = 0; i < N_CALLS; i++) {
		char path[64], text[64] = "";

		snprintf(path, sizeof(path), "/proc/self/task/%d/syscall", calls[i].is.tid);
		while (!text[0] || !strncmp(text, "running", 7))
			sys_read_file(path, text, sizeof(text) - 1);
	}
}

static unsigned sigchld_count;
static void on_sigchld(int sig)
{
	(void)sig;
	sigchld_count++;
}

static void calls_undisturbed(uint32_t way)
{
	struct stop s;

	signals_init();
	signal(SIGCHLD, on_sigchld);
	calls_prepare();
	wait_for_calls();
	for (int stops = 0; stops < 3; stops++) {
		prepare_or_say(&s, way);
		EQ(stop_all(&s, IN_TIME), 0);
		for (size_t i = 0; i < N_CALLS; i++) {
			const struct stop_thread *t = thread_of(&s, calls[i].is.tid);

			OK(t && t->state == (way == STOP_BY_PTRACE ? STOP_TRACED : STOP_SIGNALED));
			OK(t && t->call >= 0);
			OK(t && t->regs.fs_base == (uint64_t)calls[i].is.thread);
		}
		stop_release(&s);
		EQ(s.lossy, 0);
		print(&s);
		stop_free(&s);
		errno = 0;
		EQ(waitpid(-1, NULL, WNOHANG), -1);
		EQ(errno, ECHILD);
		usleep(50000);
	}
	calls_finish();
	for (size_t i = 0; i < N_CALLS; i++) {
		const struct call *c = &calls[i];

		if (c->is.got != c->want || c->is.got_errno != c->want_errno)
			FAIL("%s: %ld, errno %d", c->name, c->is.got, c->is.got_errno);
		if (c->timed && c->is.took_ms < CALL_MS)
			FAIL("%s: after %" PRIu64 " ms", c->name, c->is.took_ms);
	}
	EQ(sigchld_count, 0);
}

TEST(no_call_is_cut_short_by_ptrace)
{
	calls_undisturbed(STOP_BY_PTRACE);
}

TEST(no_call_is_cut_short_by_the_signal)
{
	calls_undisturbed(STOP_BY_SIGNAL);
}

int main(int argc, char **argv)
{
	return check_main(argc, argv);
}
