/*
 * live.c - the two snapshots of `diff --live`. Owns the count-down, and SIGINT while it runs.
 */
#include "live.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "folder.h"
#include "profile.h"
#include "target.h"

static volatile sig_atomic_t g_hurry;

static void on_interrupt(int number)
{
	(void)number;
	g_hurry = 1;
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * UINT64_C(1000000000) + (uint64_t)t.tv_nsec;
}

static void count_down(uint64_t left_ns)
{
	static uint64_t shown = UINT64_MAX;
	uint64_t seconds = (left_ns + 999999999) / 1000000000;
	char text[32];

	if (!isatty(STDERR_FILENO) || seconds == shown)
		return;
	shown = seconds;
	if (seconds)
		fprintf(stderr, "\r\033[Ksecond snapshot in %s (Ctrl-C: now)",
		        human_ns(text, seconds * 1000000000));
	else
		fputs("\r\033[K", stderr);
	fflush(stderr);
}

static bool is_alive(struct target *t)
{
	return target_refresh(t) && t->state != 'Z' && t->state != 'X';
}

/* False when the process has ended before the time was over. */
static bool wait_for(struct target *t, uint64_t pause_ns)
{
	struct sigaction act = {.sa_handler = on_interrupt}, before;
	uint64_t start = now_ns(), end = start + pause_ns, now;
	bool alive = true;

	g_hurry = 0;
	sigaction(SIGINT, &act, &before);
	while (!g_hurry && (now = now_ns()) < end) {
		uint64_t left = end - now, step = left < 200000000 ? left : 200000000;
		alive = is_alive(t);
		if (!alive)
			break;
		count_down(left);
		nanosleep(&(struct timespec){.tv_nsec = (long)step}, NULL);
	}
	count_down(0);
	sigaction(SIGINT, &before, NULL);
	return alive;
}

/* What a process that has ended wrote last, beside `first`. NULL with err when that is nothing. */
static char *last_of(const char *first, struct err *err)
{
	struct folder_choice choice;
	struct snapshot *s;
	char *folder = xstrdup(first), *slash = strrchr(folder, '/'), *last = NULL;

	if (slash)
		*slash = 0;
	if (!load_snapshot_info(first, &s, err)) {
		uint64_t pid = INFO_U(&s->info, PID);
		snapshot_free(s);
		if (!folder_choose(slash ? folder : ".", pid, &choice, err)) {
			last = xstrdup(choice.last);
			folder_choice_free(&choice);
		}
	}
	free(folder);
	if (last && !strcmp(last, first)) {
		free(last);
		return NULL;
	}
	return last;
}

int live_pair(pid_t pid, uint64_t pause_ns, struct ask *ask, char **a, char **b, struct err *err)
{
	struct target t;
	struct err why = {{0}};

	*a = *b = NULL;
	if (ask_snapshot(pid, ask, a, err))
		return -1;
	bool alive = !target_open(&t, pid, &why) && wait_for(&t, pause_ns);
	if (alive && !ask_snapshot(pid, ask, b, err)) {
		target_close(&t);
		return 0;
	}
	alive = alive && is_alive(&t);
	target_close(&t);
	if (alive)
		return -1;
	*b = last_of(*a, &why);
	if (*b)
		return 0;
	return err_set(err, "process %d ended before the second snapshot, and has left none",
	               (int)pid);
}
