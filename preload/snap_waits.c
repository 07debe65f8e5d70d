/*
 * snap_waits.c - what each thread waits for, into records: the system call that it is in, as the
 * kernel tells. Context: the snapshot child (snap.h). No hook has to note anything for it, so a
 * lock costs the program what it always did.
 *
 * Where a policy forbids the look (Yama's ptrace_scope; the child is no thread of the program), the
 * name of the kernel's function that the thread sleeps in is all there is.
 */
#include <linux/futex.h>
#include <string.h>
#include <sys/uio.h>

#include "snap.h"
#include "sys.h"

struct wait {
	uint64_t call; /* plus 1; 0 none, or not told */
	uint64_t args[6];
	uint64_t word[2]; /* at a futex: its first 16 bytes */
	uint64_t switches;
	char kernel[40];
};

/* Reads a number and moves past it; base 10, or 16 behind "0x". */
static uint64_t number(const char **at)
{
	const char *p = *at;
	unsigned base = 10;
	uint64_t v = 0;

	if (p[0] == '0' && p[1] == 'x') {
		base = 16;
		p += 2;
	}
	for (;; p++) {
		unsigned digit = *p >= '0' && *p <= '9'   ? (unsigned)(*p - '0')
		                 : *p >= 'a' && *p <= 'f' ? (unsigned)(*p - 'a') + 10
		                                          : 16;
		if (digit >= base)
			break;
		v = v * base + digit;
	}
	*at = p;
	return v;
}

bool snap_call_parse(const char *text, uint64_t value[9])
{
	if (*text < '0' || *text > '9')
		return false;
	value[0] = number(&text) + 1;
	for (int i = 1; i < 9; i++) {
		text += *text == ' ';
		value[i] = number(&text);
	}
	return true;
}

static bool parse_call(const char *text, struct wait *w)
{
	uint64_t value[9];

	if (!snap_call_parse(text, value))
		return false;
	w->call = value[0];
	memcpy(w->args, value + 1, sizeof(w->args));
	return true;
}

/* The child has the program's memory, or a copy of it; but the word may be gone by now, so the
 * kernel reads for us. */
static void read_futex(struct wait *w)
{
	struct iovec local = {w->word, sizeof(w->word)};
	struct iovec remote = {(void *)w->args[0], sizeof(w->word)};
	uint64_t op = w->args[1] & (uint64_t)FUTEX_CMD_MASK;

	if (w->call != SYS_futex + 1 || (op != FUTEX_WAIT && op != FUTEX_WAIT_BITSET))
		return;
	if (sys_call(SYS_process_vm_readv, sys_getpid(), &local, 1, &remote, 1, 0) !=
	    (long)sizeof(w->word))
		w->word[0] = w->word[1] = 0;
}

/* A thread that has been switched to as often in two snapshots has waited since the first. */
uint64_t snap_switches(const struct snap_job *j, uint32_t tid)
{
	static const char key[] = "\nvoluntary_ctxt_switches:\t";
	static char text[4096]; /* one snapshot at a time */
	const char *at = NULL;

	if (snap_task_file(j, tid, "/status", text, sizeof(text)) > 0)
		at = strstr(text, key);
	if (!at)
		return 0;
	at += sizeof(key) - 1;
	return number(&at);
}

struct walk {
	struct snap_out *o;
	const struct snap_job *j;
};

static void put_item(struct snap_out *o, uint32_t tid, const struct wait *w)
{
	snap_item(o);
	snap_u(o, tid);
	snap_u(o, w->switches);
	snap_u(o, w->call);
	for (int i = 0; i < 6; i++)
		snap_u(o, w->args[i]);
	snap_u(o, w->word[0]);
	snap_u(o, w->word[1]);
	snap_str(o, w->kernel);
}

static void put_wait(uint32_t tid, void *arg)
{
	struct walk *walk = arg;
	struct wait w = {.call = 0};
	char text[256];

	/* It waits for us. */
	if (tid == walk->j->thread) {
		const struct snap_own *own = &walk->j->own;

		if (!own->waits)
			return;
		w.call = own->call;
		memcpy(w.args, own->args, sizeof(w.args));
		w.switches = own->switches;
		read_futex(&w);
		put_item(walk->o, tid, &w);
		return;
	}
	if (snap_task_file(walk->j, tid, "/syscall", text, sizeof(text)) > 0 && *text == 'r')
		return;
	if (!parse_call(text, &w) &&
	    snap_task_file(walk->j, tid, "/wchan", w.kernel, sizeof(w.kernel)) <= 0)
		return;
	if (w.kernel[0] == '0')
		w.kernel[0] = 0;
	read_futex(&w);
	w.switches = snap_switches(walk->j, tid);
	put_item(walk->o, tid, &w);
}

void snap_waits(struct snap_out *o, const struct snap_job *j)
{
	struct walk walk = {o, j};
	char path[64];
	struct text t = TEXT(path);
	int fd;

	text_str(&t, j->proc);
	text_str(&t, "/task");
	snap_record(o, FMT_WAIT);
	snap_each_number(path, &fd, put_wait, &walk);
	snap_record_end(o);
}
