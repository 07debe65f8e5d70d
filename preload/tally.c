/*
 * tally.c - see tally.h. Owns the form of the lines; the file is opened for each, for who closes
 * all descriptors must not be in the way, nor we in his. Context: anything, children of vfork
 * included: they have descriptors of their own.
 */
#include "tally.h"

#include <fcntl.h>
#include <string.h>
#include <sys/uio.h>

#include "barred.h"
#include "options.h"
#include "process.h"
#include "process_match.h"
#include "seccomp.h"
#include "snap.h"
#include "sys.h"
#include "track.h"

enum { PARTS = 5 };

static struct iovec part(const char *text)
{
	return (struct iovec){(void *)(uintptr_t)text, strlen(text)};
}

/* "4711 x " and the parts. */
static bool add_line(uint32_t pid, const char *what, const struct iovec *rest, int n)
{
	struct iovec all[PARTS + 2];
	char head[32];
	struct text t = TEXT(head);
	size_t bytes = 0;

	text_u64(&t, pid);
	text_str(&t, " ");
	text_str(&t, what);
	all[0] = (struct iovec){head, (size_t)(t.at - head)};
	memcpy(all + 1, rest, (size_t)n * sizeof(*rest));
	all[n + 1] = part("\n");
	for (int i = 0; i < n + 2; i++)
		bytes += all[i].iov_len;
	int fd = sys_open(g_options.tally, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0);
	if (fd < 0)
		return false;
	bool done = sys_call(SYS_writev, fd, all, n + 2) == (long)bytes;
	sys_close(fd);
	return done;
}

static bool add_reason(unsigned reason)
{
	const struct iovec rest[] = {part(" "), part(g_snap_command)};
	char text[24];
	struct text t = TEXT(text);

	text_u64(&t, reason);
	return *g_options.tally && add_line((uint32_t)sys_getpid(), text, rest, 2);
}

bool tally_begin(void)
{
	return add_reason(0);
}

bool tally_end(unsigned reason)
{
	return add_reason(reason);
}

void tally_locked_in(bool is)
{
	const struct iovec rest[] = {part(" "), part(g_snap_command)};

	if (*g_options.tally)
		add_line((uint32_t)sys_getpid(), is ? "k" : "u", rest, 2);
}

/* ---- what is started ---- */

/* child: in another process than this one. */
static bool is_followed(const char *program, bool child)
{
	const char *slash = strrchr(program, '/'), *name = slash ? slash + 1 : program;

	if (!*g_options.tally || !__atomic_load_n(&g_tracking, __ATOMIC_ACQUIRE) || g_seccomp_quiet)
		return false;
	if (barred_now())
		return false;
	if (*g_options.only && !process_match_name(g_options.only, name))
		return false;
	return *name && !strchr(program, '\n') &&
	       (g_options.follow || (!child && process_is_ours()));
}

/* Who reads it stands in another folder. A frame of its own: few paths are relative. */
static __attribute__((noinline)) bool add_relative(uint32_t pid, const char *what,
                                                   const char *program)
{
	char cwd[4096];
	long n = sys_call(SYS_getcwd, cwd, sizeof(cwd));

	if (n <= 0 || *cwd != '/' || strchr(cwd, '\n'))
		return false;
	const struct iovec rest[] = {part(" "), part(cwd), part(cwd[1] ? "/" : ""), part(program)};
	return add_line(pid, what, rest, 4);
}

static bool add_program(uint32_t pid, const char *what, const char *program)
{
	const struct iovec rest[] = {part(" "), part(program)};

	if (*program != '/')
		return add_relative(pid, what, program);
	return add_line(pid, what, rest, 2);
}

bool tally_exec(const char *program)
{
	return is_followed(program, false) && add_program((uint32_t)sys_getpid(), "x", program);
}

void tally_exec_failed(void)
{
	const struct iovec nothing[] = {{NULL, 0}};

	add_line((uint32_t)sys_getpid(), "f", nothing, 1);
}

void tally_spawned(uint32_t pid, const char *program)
{
	if (is_followed(program, true))
		add_program(pid, "s", program);
}
