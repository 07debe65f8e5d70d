/*
 * run_tally.c - a process that is killed by SIGKILL tells nothing, but it has told that it began.
 *
 * Lines are "PID WHAT REST" (preload/tally.h), in the order in which they were written. A number
 * may come again: of a process that became another program by exec, and of another process. A
 * program that was started, and has told no beginning since, was not seen; but a beginning may
 * stand before the line of who started it, which is written when the call returns.
 */
#include "run_tally.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "run_unseen.h"

enum state { NOTHING_TOLD, RUNS, BECAME_ANOTHER, ENDED };

struct process {
	uint64_t pid;
	enum state state;
	bool has_snapshot;
	bool locked_in; /* behind a seccomp filter */
	const char *command;
	const char *started;  /* the program that has not begun, NULL: none */
	uint32_t unannounced; /* beginnings that nobody has told of */
};

struct run_tally {
	struct process *at;
	uint32_t n, cap;
	struct table by_pid;
};

static bool same_pid(const void *ctx, uint32_t value, const void *key)
{
	return ((const struct run_tally *)ctx)->at[value].pid == *(const uint64_t *)key;
}

static struct process *find(const struct run_tally *t, uint64_t pid)
{
	uint32_t i = table_find(&t->by_pid, table_hash(pid, 0), same_pid, t, &pid);

	return i == TABLE_NONE ? NULL : &t->at[i];
}

static struct process *find_or_add(struct run_tally *t, uint64_t pid)
{
	struct process *p = find(t, pid);

	if (p)
		return p;
	t->at = xgrow(t->at, t->n, &t->cap, sizeof(*t->at));
	t->at[t->n] = (struct process){.pid = pid, .command = ""};
	table_add(&t->by_pid, table_hash(pid, 0), t->n);
	return &t->at[t->n++];
}

static void began(struct process *p)
{
	p->state = RUNS;
	p->locked_in = false; /* another of this number */
	if (p->started)
		p->started = NULL;
	else
		p->unannounced++;
}

/* A program that began, became another or ended: its name, cut as the kernel does it. */
static void read_state(struct run_tally *t, uint64_t pid, uint64_t reason, const char *name)
{
	size_t n = strcspn(name, "\n");

	if (!n)
		return;
	struct process *p = find_or_add(t, pid);
	p->command = intern_mem(name, n < 16 ? n : 16);
	if (!reason)
		began(p);
	else
		p->state = reason == FMT_REASON_EXEC ? BECAME_ANOTHER : ENDED;
}

static void read_start(struct run_tally *t, uint64_t pid, char what, const char *path)
{
	struct process *p = find_or_add(t, pid);

	if (what == 'f')
		p->started = NULL;
	else if (what == 's' && p->unannounced)
		p->unannounced--;
	else if (*path == '/')
		p->started = intern_mem(path, strcspn(path, "\n"));
}

static void read_filter(struct run_tally *t, uint64_t pid, bool is_set, const char *name)
{
	struct process *p = find_or_add(t, pid);
	size_t n = strcspn(name, "\n");

	p->locked_in = is_set;
	p->command = intern_mem(name, n < 16 ? n : 16);
}

static void read_line(struct run_tally *t, const char *line)
{
	char *end;
	uint64_t pid = strtoull(line, &end, 10);

	if (*line < '1' || *line > '9' || *end != ' ' || pid > INT32_MAX)
		return;
	const char *what = end + 1;
	if (*what == 'f' || ((*what == 'x' || *what == 's') && what[1] == ' ')) {
		read_start(t, pid, *what, what + 2);
		return;
	}
	if ((*what == 'k' || *what == 'u') && what[1] == ' ') {
		read_filter(t, pid, *what == 'k', what + 2);
		return;
	}
	uint64_t reason = strtoull(what, &end, 10);
	if (*end == ' ')
		read_state(t, pid, reason, end + 1);
}

struct run_tally *run_tally_read(const char *path)
{
	struct run_tally *t = xcalloc(1, sizeof(*t));
	FILE *f = fopen(path, "re");
	size_t cap = 0;
	char *line = NULL;

	while (f && getline(&line, &cap, f) > 0)
		read_line(t, line);
	if (f)
		fclose(f);
	free(line);
	return t;
}

void run_tally_add(struct run_tally *t, uint64_t pid, bool by_exec)
{
	struct process *p = find_or_add(t, pid);

	p->has_snapshot = true;
	/* What it became by exec may have told its beginning since. */
	if (!by_exec)
		p->state = ENDED;
}

bool run_tally_ended(const struct run_tally *t, uint64_t pid)
{
	const struct process *p = find(t, pid);

	return p && p->state == ENDED;
}

const char *run_tally_started(const struct run_tally *t, uint64_t pid)
{
	const struct process *p = find(t, pid);

	return p ? p->started : NULL;
}

bool run_tally_others(const struct run_tally *t, uint64_t pid)
{
	return t->n > 1 || (t->n && t->at[0].pid != pid);
}

struct few {
	size_t n;
	struct str names;
};

static void add_name(struct few *few, const struct process *p)
{
	enum { FEW = 3 };

	if (few->n++ < FEW)
		str_addf(&few->names, "%s%s (pid %llu)", few->n > 1 ? ", " : "", p->command,
		         (unsigned long long)p->pid);
	else if (few->n == FEW + 1)
		str_add(&few->names, " ...");
}

static void note(struct findings *f, struct few *few, const char *what)
{
	struct str s = {0};

	if (few->n) {
		str_addf(&s, "%s: %zu process%s: %s", what, few->n, few->n == 1 ? "" : "es",
		         few->names.data);
		findings_note(f, false, s.data);
	}
	str_free(&s);
	str_free(&few->names);
}

static bool is_alive(const struct process *p)
{
	return !kill((pid_t)p->pid, 0) || errno == EPERM;
}

void run_tally_report(const struct run_tally *t, uint64_t command, bool accept_unseen,
                      struct findings *f)
{
	struct few running = {0}, gone = {0}, locked_in = {0};
	struct run_unseen *unseen = run_unseen_new();

	for (uint32_t i = 0; i < t->n; i++) {
		const struct process *p = &t->at[i];
		bool is_command = p->pid == command;
		if (p->started && !is_command && !is_alive(p))
			run_unseen_add(unseen, p->started);
		if (p->state == RUNS && is_command)
			continue;
		if (p->locked_in && !is_alive(p)) {
			add_name(&locked_in, p);
			if (p->state != ENDED)
				continue;
		}
		if (p->state == RUNS && is_alive(p))
			add_name(&running, p);
		else if (p->state == RUNS)
			add_name(&gone, p);
		else if (p->state != NOTHING_TOLD && !p->has_snapshot)
			f->n_quiet++;
	}
	note(f, &running, "still running, and not looked at");
	note(f, &gone,
	     "not seen to the end (SIGKILL, or an exit without libc), so nothing is said of");
	note(f, &locked_in,
	     "behind a seccomp filter that they have set, where liboutlive.so stands aside and is "
	     "not "
	     "loaded into what they start, so nothing is said of what came then");
	run_unseen_report(unseen, accept_unseen, f);
}

void run_tally_free(struct run_tally *t)
{
	table_free(&t->by_pid);
	free(t->at);
	free(t);
}
