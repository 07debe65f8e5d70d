/*
 * ask_thread.c - see ask_thread.h. Knows of a thread what /proc says.
 */
#include "ask_thread.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "live_stop.h"
#include "wait_reason.h"

static bool read_of(const struct target *t, pid_t tid, const char *file, char *text, size_t size)
{
	char path[96];

	snprintf(path, sizeof path, "/proc/%d/task/%d/%s", (int)t->pid, (int)tid, file);
	FILE *f = fopen(path, "re");
	size_t n = f ? fread(text, 1, size - 1, f) : 0;
	if (f)
		fclose(f);
	text[n] = 0;
	return n > 0;
}

bool ask_thread_sleeps(const struct target *t, pid_t tid)
{
	char text[1024];

	if (!read_of(t, tid, "stat", text, sizeof text))
		return false;
	/* Its name may hold anything. */
	const char *close = strrchr(text, ')');
	return close && !strncmp(close, ") S", 3);
}

static bool blocks(const struct target *t, pid_t tid, int number)
{
	char text[8192];
	const char *field =
	        read_of(t, tid, "status", text, sizeof text) ? strstr(text, "\nSigBlk:") : NULL;

	return !field || strtoull(field + strlen("\nSigBlk:"), NULL, 16) >> (number - 1) & 1;
}

/* Where we may not see, it is taken for one that goes on. */
static bool is_lengthened(const struct target *t, pid_t tid)
{
	struct wait_call call;
	char text[256];

	return read_of(t, tid, "syscall", text, sizeof text) && wait_call_parse(text, &call) &&
	       live_stop_lengthens(t->pidfd, &call);
}

pid_t ask_thread(const struct target *t, int number)
{
	/* The first thread has the largest stack: another only where that is of use. */
	enum { NONE, ANY, FIRST, GOOD, GOOD_FIRST } best = NONE, is;
	char path[64];
	pid_t found = 0;

	snprintf(path, sizeof path, "/proc/%d/task", (int)t->pid);
	DIR *dir = opendir(path);
	for (struct dirent *e; dir && best < GOOD_FIRST && (e = readdir(dir));) {
		pid_t tid = (pid_t)strtol(e->d_name, NULL, 10);

		is = tid == t->pid ? GOOD_FIRST : GOOD;
		if (tid <= 0 || is <= best || !ask_thread_sleeps(t, tid) || blocks(t, tid, number))
			continue;
		if (is_lengthened(t, tid))
			is = tid == t->pid ? FIRST : ANY;
		if (is <= best)
			continue;
		best = is;
		found = tid;
	}
	if (dir)
		closedir(dir);
	return found;
}
