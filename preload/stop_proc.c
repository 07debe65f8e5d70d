/*
 * stop_proc.c - what /proc says about a thread of the program. Context: the helper, whose own
 * /proc/self is another process, and whose descriptors are its own.
 */
#include <fcntl.h>
#include <string.h>

#include "stop_parts.h"
#include "sys.h"

/* What there is of /proc/<pid>/task/<tid>/<file>, ended by NUL; how much, or -errno. */
static long read_task(const struct stop *s, int tid, const char *file, char *buf, size_t size)
{
	char path[96];
	struct text t = TEXT(path);

	text_str(&t, "/proc/");
	text_u64(&t, (uint64_t)s->pid);
	text_str(&t, "/task/");
	text_u64(&t, (uint64_t)tid);
	text_str(&t, file);
	long n = sys_read_file(path, buf, size - 1);

	buf[n > 0 ? n : 0] = 0;
	return n;
}

char stop_proc_state(const struct stop *s, int tid)
{
	char text[256];
	long n = read_task(s, tid, "/stat", text, sizeof(text));

	/* The name may hold anything, but what follows it is numbers. */
	while (n > 2 && text[n - 3] != ')')
		n--;
	return n > 2 ? text[n - 1] : 0;
}

static uint64_t number(const char *p, unsigned base)
{
	uint64_t v = 0;

	for (;; p++) {
		unsigned digit = *p >= '0' && *p <= '9'   ? (unsigned)(*p - '0')
		                 : *p >= 'a' && *p <= 'f' ? (unsigned)(*p - 'a') + 10
		                                          : 16;

		if (digit >= base)
			return v;
		v = v * base + digit;
	}
}

/* The value of a line "key:\tvalue". Key with the newline before it. */
static const char *value_of(const char *text, const char *key)
{
	const char *at = strstr(text, key);

	if (!at)
		return "";
	for (at += strlen(key); *at == ':' || *at == '\t' || *at == ' '; at++)
		;
	return at;
}

bool stop_proc_status(const struct stop *s, int tid, struct stop_status *st)
{
	char text[4096];

	memset(st, 0, sizeof(*st));
	if (read_task(s, tid, "/status", text, sizeof(text)) <= 0)
		return false;
	st->state = *value_of(text, "\nState");
	st->tracer = (int64_t)number(value_of(text, "\nTracerPid"), 10);
	st->fd_room = number(value_of(text, "\nFDSize"), 10);
	st->pending = number(value_of(text, "\nSigPnd"), 16);
	st->shared_pending = number(value_of(text, "\nShdPnd"), 16);
	st->blocked = number(value_of(text, "\nSigBlk"), 16);
	st->caught = number(value_of(text, "\nSigCgt"), 16);
	st->locked = number(value_of(text, "\nSeccomp"), 10) != 0;
	st->filters = (int64_t)number(value_of(text, "\nSeccomp_filters"), 10);
	return true;
}

/* "running", or "-1 sp pc" for who is asleep outside of a call, or "nr a b c d e f sp pc". */
bool stop_proc_call(const struct stop *s, struct stop_thread *t)
{
	char text[256], *p = text;
	uint64_t v[8] = {0};
	unsigned n = 0;

	t->call = STOP_CALL_UNKNOWN;
	t->before_sp = t->before_pc = 0;
	if (read_task(s, t->tid, "/syscall", text, sizeof(text)) <= 0)
		return false;
	if (*p == 'r')
		return true;
	t->call = *p == '-' ? STOP_NO_CALL : (int64_t)number(p, 10);
	while (n < 8 && (p = strstr(p, " 0x"))) {
		p += 3;
		v[n++] = number(p, 16);
	}
	if (n < 2)
		return true;
	t->before_sp = v[n - 2];
	t->before_pc = v[n - 1];
	if (n == 8)
		memcpy(t->args, v, sizeof(t->args));
	return true;
}

void stop_proc_name(int64_t pid, char *name, size_t size)
{
	char path[64];
	struct text t = TEXT(path);

	text_str(&t, "/proc/");
	text_u64(&t, (uint64_t)pid);
	text_str(&t, "/comm");
	long n = sys_read_file(path, name, size - 1);

	name[n > 0 ? n : 0] = 0;
}

int stop_proc_list(const struct stop *s, void (*fn)(uint32_t tid, void *arg), void *arg)
{
	char buf[8192] __attribute__((aligned(8)));
	char path[64];
	struct text t = TEXT(path);
	int fd;

	text_str(&t, "/proc/");
	text_u64(&t, (uint64_t)s->pid);
	text_str(&t, "/task");
	return sys_each_number(path, buf, sizeof(buf), &fd, fn, arg);
}
