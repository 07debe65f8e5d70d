/*
 * verify_ask.c - sends the path of a snapshot to the analyzer, and waits for its verdict. Runs in a
 * child that shares the program's memory but not its descriptors (snapshot.h), with all signals
 * blocked: the program never sees the socket, nor a SIGPIPE. Raw system calls only.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "options.h"
#include "snapshot.h"
#include "sys.h"
#include "verify.h"

#define PATIENCE_NS 60000000000ull /* the first look at a large program's names takes a while */

static const char *g_path;
static char *g_answer;
static int g_error;

/* It could be anybody's socket that lies there. */
static bool is_ours(int fd)
{
	struct ucred peer;
	socklen_t n = sizeof(peer);

	return !sys_call(SYS_getsockopt, fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) &&
	       (peer.uid == (uid_t)sys_call(SYS_geteuid) || !peer.uid);
}

static int connect_to(const char *where)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t n = strlen(where);

	if (n >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	memcpy(address.sun_path, where, n + 1);
	int fd = (int)sys_call(SYS_socket, AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return fd;
	long r = sys_call(SYS_connect, fd, &address, sizeof(address));
	if (r || !is_ours(fd)) {
		sys_close(fd);
		return r ? (int)r : -EPERM;
	}
	return fd;
}

static long wait_for(int fd, uint64_t end)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	uint64_t now = sys_now_ns(), ns = end - now;
	struct timespec left = {(time_t)(ns / 1000000000u), (long)(ns % 1000000000u)};
	long r = now < end ? sys_call(SYS_ppoll, &p, 1, &left, NULL, 0) : 0;

	return r ? r : -ETIME;
}

static int converse(int fd)
{
	uint64_t end = sys_now_ns() + PATIENCE_NS;
	size_t n = 0, length = strlen(g_path);
	long r = sys_call(SYS_sendto, fd, g_path, length, MSG_NOSIGNAL, NULL, 0);

	if (r != (long)length)
		return r < 0 ? (int)r : -EIO;
	sys_call(SYS_shutdown, fd, SHUT_WR);
	while (n < VERIFY_ANSWER - 1) {
		r = wait_for(fd, end);
		if (r > 0)
			r = sys_call(SYS_read, fd, g_answer + n, VERIFY_ANSWER - 1 - n);
		if (r < 0 && r != -EINTR)
			return (int)r;
		if (!r)
			break;
		n += r > 0 ? (size_t)r : 0;
	}
	g_answer[n] = 0;
	return n ? 0 : -EPIPE;
}

static void ask(void)
{
	int fd = connect_to(g_options.answer);

	g_error = fd < 0 ? fd : converse(fd);
	if (fd >= 0)
		sys_close(fd);
}

static void crashed(void)
{
	g_error = -EFAULT;
}

static int ask_beside(snapshot_beside *beside)
{
	return beside(ask, crashed);
}

int verify_ask(const char *path, char answer[VERIFY_ANSWER])
{
	g_path = path;
	g_answer = answer;
	g_error = -ECHILD;
	int r = snapshot_with_turn(ask_beside);

	return r ? r : g_error;
}
