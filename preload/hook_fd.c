/*
 * hook_fd.c - calls that make and close descriptors. Context: any thread and signal handlers:
 * nothing here locks or allocates, and no guard is held over the real call, which may block and be
 * cancelled. <sys/socket.h> must stay out: its transparent union differs from our rows in
 * hooks.def.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>

#include "format.h"
#include "hook.h"

/* A call that returns a descriptor or something negative. */
#define BIRTH(kind, flags, call)                           \
	hook_ready();                                      \
	int fd = call;                                     \
                                                           \
	if (fd >= 0)                                       \
		track_fd_open(fd, kind, flags, &CALLER()); \
	return fd

/* The same, where this libc may not have the function. */
#define BIRTH_MAY(name, kind, call)                    \
	hook_ready();                                  \
	int fd = real.name ? call : missing();         \
                                                       \
	if (fd >= 0)                                   \
		track_fd_open(fd, kind, 0, &CALLER()); \
	return fd

static int missing(void)
{
	errno = ENOSYS;
	return -1;
}

/* The third argument is there only where a file may be made. */
#define MODE(flags)                                             \
	mode_t mode = 0;                                        \
                                                                \
	if ((flags) & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY))) { \
		va_list ap;                                     \
		va_start(ap, flags);                            \
		mode = va_arg(ap, mode_t);                      \
		va_end(ap);                                     \
	}

EXPORT int open(const char *path, int flags, ...)
{
	MODE(flags)
	BIRTH(FMT_FD_FILE, 0, real.open(path, flags, mode));
}

EXPORT int open64(const char *path, int flags, ...)
{
	MODE(flags)
	BIRTH(FMT_FD_FILE, 0, real.open64(path, flags, mode));
}

EXPORT int openat(int dir, const char *path, int flags, ...)
{
	MODE(flags)
	BIRTH(FMT_FD_FILE, 0, real.openat(dir, path, flags, mode));
}

EXPORT int openat64(int dir, const char *path, int flags, ...)
{
	MODE(flags)
	BIRTH(FMT_FD_FILE, 0, real.openat64(dir, path, flags, mode));
}

EXPORT int __open_2(const char *path, int flags)
{
	BIRTH_MAY(__open_2, FMT_FD_FILE, real.__open_2(path, flags));
}

EXPORT int __open64_2(const char *path, int flags)
{
	BIRTH_MAY(__open64_2, FMT_FD_FILE, real.__open64_2(path, flags));
}

EXPORT int __openat_2(int dir, const char *path, int flags)
{
	BIRTH_MAY(__openat_2, FMT_FD_FILE, real.__openat_2(dir, path, flags));
}

EXPORT int __openat64_2(int dir, const char *path, int flags)
{
	BIRTH_MAY(__openat64_2, FMT_FD_FILE, real.__openat64_2(dir, path, flags));
}

EXPORT int creat(const char *path, mode_t mode)
{
	BIRTH(FMT_FD_FILE, 0, real.creat(path, mode));
}

EXPORT int creat64(const char *path, mode_t mode)
{
	BIRTH(FMT_FD_FILE, 0, real.creat64(path, mode));
}

EXPORT int mkstemp(char *name)
{
	BIRTH(FMT_FD_FILE, 0, real.mkstemp(name));
}

EXPORT int mkstemp64(char *name)
{
	BIRTH(FMT_FD_FILE, 0, real.mkstemp64(name));
}

EXPORT int mkostemp(char *name, int flags)
{
	BIRTH(FMT_FD_FILE, 0, real.mkostemp(name, flags));
}

EXPORT int mkostemp64(char *name, int flags)
{
	BIRTH(FMT_FD_FILE, 0, real.mkostemp64(name, flags));
}

EXPORT int mkstemps(char *name, int suffix)
{
	BIRTH(FMT_FD_FILE, 0, real.mkstemps(name, suffix));
}

EXPORT int mkstemps64(char *name, int suffix)
{
	BIRTH(FMT_FD_FILE, 0, real.mkstemps64(name, suffix));
}

EXPORT int mkostemps(char *name, int suffix, int flags)
{
	BIRTH(FMT_FD_FILE, 0, real.mkostemps(name, suffix, flags));
}

EXPORT int mkostemps64(char *name, int suffix, int flags)
{
	BIRTH(FMT_FD_FILE, 0, real.mkostemps64(name, suffix, flags));
}

EXPORT int shm_open(const char *name, int flags, mode_t mode)
{
	BIRTH(FMT_FD_FILE, 0, real.shm_open(name, flags, mode));
}

EXPORT int memfd_create(const char *name, unsigned flags)
{
	BIRTH_MAY(memfd_create, FMT_FD_MEMFD, real.memfd_create(name, flags));
}

EXPORT int posix_openpt(int flags)
{
	BIRTH(FMT_FD_DEVICE, 0, real.posix_openpt(flags));
}

EXPORT int getpt(void)
{
	BIRTH(FMT_FD_DEVICE, 0, real.getpt());
}

EXPORT int socket(int domain, int type, int protocol)
{
	BIRTH(FMT_FD_SOCKET, 0, real.socket(domain, type, protocol));
}

EXPORT int accept(int listener, void *address, unsigned *length)
{
	hook_ready();
	WAITS(FMT_SPAN_ACCEPT, listener, FMT_FD_SOCKET);
	int fd = real.accept(listener, address, length);
	WAITED();

	if (fd >= 0)
		track_fd_open(fd, FMT_FD_SOCKET, 0, &CALLER());
	return fd;
}

EXPORT int accept4(int listener, void *address, unsigned *length, int flags)
{
	hook_ready();
	WAITS(FMT_SPAN_ACCEPT, listener, FMT_FD_SOCKET);
	int fd = real.accept4(listener, address, length, flags);
	WAITED();

	if (fd >= 0)
		track_fd_open(fd, FMT_FD_SOCKET, 0, &CALLER());
	return fd;
}

EXPORT int epoll_create(int size)
{
	BIRTH(FMT_FD_EPOLL, 0, real.epoll_create(size));
}

EXPORT int epoll_create1(int flags)
{
	BIRTH(FMT_FD_EPOLL, 0, real.epoll_create1(flags));
}

EXPORT int eventfd(unsigned value, int flags)
{
	BIRTH(FMT_FD_EVENTFD, 0, real.eventfd(value, flags));
}

EXPORT int inotify_init(void)
{
	BIRTH(FMT_FD_INOTIFY, 0, real.inotify_init());
}

EXPORT int inotify_init1(int flags)
{
	BIRTH(FMT_FD_INOTIFY, 0, real.inotify_init1(flags));
}

EXPORT int fanotify_init(unsigned flags, unsigned events)
{
	BIRTH(FMT_FD_INOTIFY, 0, real.fanotify_init(flags, events));
}

EXPORT int pidfd_open(pid_t pid, unsigned flags)
{
	BIRTH_MAY(pidfd_open, FMT_FD_PIDFD, real.pidfd_open(pid, flags));
}

EXPORT int pidfd_getfd(int pidfd, int target, unsigned flags)
{
	BIRTH_MAY(pidfd_getfd, FMT_FD_UNKNOWN, real.pidfd_getfd(pidfd, target, flags));
}

EXPORT mqd_t mq_open(const char *name, int flags, ...)
{
	mode_t mode = 0;
	void *attr = NULL;

	if (flags & O_CREAT) {
		va_list ap;

		va_start(ap, flags);
		mode = va_arg(ap, mode_t);
		attr = va_arg(ap, void *);
		va_end(ap);
	}
	BIRTH(FMT_FD_OTHER, 0, real.mq_open(name, flags, mode, attr));
}

EXPORT int open_by_handle_at(int mount, struct file_handle *handle, int flags)
{
	BIRTH_MAY(open_by_handle_at, FMT_FD_FILE, real.open_by_handle_at(mount, handle, flags));
}

EXPORT int open_tree(int dir, const char *path, unsigned flags)
{
	BIRTH_MAY(open_tree, FMT_FD_UNKNOWN, real.open_tree(dir, path, flags));
}

EXPORT int fsopen(const char *type, unsigned flags)
{
	BIRTH_MAY(fsopen, FMT_FD_OTHER, real.fsopen(type, flags));
}

EXPORT int fsmount(int fs, unsigned flags, unsigned attributes)
{
	BIRTH_MAY(fsmount, FMT_FD_UNKNOWN, real.fsmount(fs, flags, attributes));
}

EXPORT int fspick(int dir, const char *path, unsigned flags)
{
	BIRTH_MAY(fspick, FMT_FD_OTHER, real.fspick(dir, path, flags));
}

#define PAIR(kind, call)                                    \
	hook_ready();                                       \
	int error = call;                                   \
                                                            \
	if (!error) {                                       \
		track_fd_open(pair[0], kind, 0, &CALLER()); \
		track_fd_open(pair[1], kind, 0, &CALLER()); \
	}                                                   \
	return error

EXPORT int pipe(int pair[2])
{
	PAIR(FMT_FD_PIPE, real.pipe(pair));
}

EXPORT int pipe2(int pair[2], int flags)
{
	PAIR(FMT_FD_PIPE, real.pipe2(pair, flags));
}

EXPORT int socketpair(int domain, int type, int protocol, int *pair)
{
	PAIR(FMT_FD_SOCKET, real.socketpair(domain, type, protocol, pair));
}

EXPORT int openpty(int *a, int *b, char *name, const void *termios, const void *size)
{
	hook_ready();
	int error = real.openpty ? real.openpty(a, b, name, termios, size) : missing();

	if (!error) {
		track_fd_open(*a, FMT_FD_DEVICE, 0, &CALLER());
		track_fd_open(*b, FMT_FD_DEVICE, 0, &CALLER());
	}
	return error;
}

/* The child has the other end as its fds 0 to 2. */
EXPORT int forkpty(int *master, char *name, const void *termios, const void *size)
{
	hook_ready();
	int pid = real.forkpty ? real.forkpty(master, name, termios, size) : missing();

	if (pid > 0)
		track_fd_open(*master, FMT_FD_DEVICE, 0, &CALLER());
	return pid;
}

/* The terminal becomes 0, 1 and 2, by calls of libc's own; its number is closed. */
EXPORT int login_tty(int tty)
{
	hook_ready();
	uint64_t birth = track_fd_birth(tty);
	int error = real.login_tty ? real.login_tty(tty) : missing();

	if (error)
		return error;
	for (int fd = 0; fd <= 2; fd++) {
		if (fd == tty)
			continue;
		track_fd_replaced(fd, &CALLER());
		track_fd_open(fd, FMT_FD_DEVICE, FMT_FD_FLAG_DUP, &CALLER());
	}
	if (tty > 2)
		track_fd_close_if(tty, birth, &CALLER());
	return error;
}

/* ---- descriptors that come in messages (SCM_RIGHTS, SCM_PIDFD), and of the other end ---- */

EXPORT int getsockopt(int fd, int level, int option, void *value, unsigned *length)
{
	hook_ready();
	int error = real.getsockopt(fd, level, option, value, length);

	if (!error)
		track_fd_option(level, option, value, *length, &CALLER());
	return error;
}

EXPORT ssize_t recvmsg(int fd, void *message, int flags)
{
	hook_ready();
	WAITS(FMT_SPAN_RECV, fd, FMT_FD_SOCKET);
	ssize_t n = real.recvmsg(fd, message, flags);
	WAITED();

	if (n >= 0)
		track_fd_message(message, &CALLER());
	return n;
}

EXPORT int recvmmsg(int fd, void *messages, unsigned n, int flags, struct timespec *timeout)
{
	hook_ready();
	WAITS(FMT_SPAN_RECV, fd, FMT_FD_SOCKET);
	int got = real.recvmmsg(fd, messages, n, flags, timeout);
	WAITED();

	for (int i = 0; i < got; i++)
		track_fd_message(track_fd_nth_message(messages, (unsigned)i), &CALLER());
	return got;
}

/* ---- copies ---- */

EXPORT int dup(int old)
{
	BIRTH(track_fd_kind(old), FMT_FD_FLAG_DUP, real.dup(old));
}

/* What stood at the new number dies without a close. Recorded after: a failed dup2 leaves it open.
 */
#define DUP_OVER(call)                                                              \
	hook_ready();                                                               \
	int fd = call;                                                              \
                                                                                    \
	if (fd >= 0 && old != new) {                                                \
		track_fd_replaced(new, &CALLER());                                  \
		track_fd_open(new, track_fd_kind(old), FMT_FD_FLAG_DUP, &CALLER()); \
	}                                                                           \
	return fd

EXPORT int dup2(int old, int new)
{
	DUP_OVER(real.dup2(old, new));
}

EXPORT int dup3(int old, int new, int flags)
{
	DUP_OVER(real.dup3(old, new, flags));
}

EXPORT int fcntl(int fd, int command, ...)
{
	va_list ap;

	/* Integer or pointer: both come in one register. */
	va_start(ap, command);
	void *argument = va_arg(ap, void *);
	va_end(ap);
	hook_ready();
	WAITS_IF(command == F_SETLKW || command == F_OFD_SETLKW, FMT_SPAN_FLOCK, fd, FMT_FD_FILE);
	int result = real.fcntl(fd, command, argument);
	WAITED();

	if (result >= 0 && (command == F_DUPFD || command == F_DUPFD_CLOEXEC))
		track_fd_open(result, track_fd_kind(fd), FMT_FD_FLAG_DUP, &CALLER());
	return result;
}

EXPORT int fcntl64(int fd, int command, ...)
{
	va_list ap;

	/* Integer or pointer: both come in one register. */
	va_start(ap, command);
	void *argument = va_arg(ap, void *);
	va_end(ap);
	hook_ready();
	WAITS_IF(command == F_SETLKW || command == F_OFD_SETLKW, FMT_SPAN_FLOCK, fd, FMT_FD_FILE);
	int result = real.fcntl64 ? real.fcntl64(fd, command, argument)
	                          : real.fcntl(fd, command, argument);
	WAITED();

	if (result >= 0 && (command == F_DUPFD || command == F_DUPFD_CLOEXEC))
		track_fd_open(result, track_fd_kind(fd), FMT_FD_FLAG_DUP, &CALLER());
	return result;
}

/* ---- deaths: recorded before the call, for the number may be another's when it returns ---- */

#define DEATH(fd, call)                                                  \
	hook_ready();                                                    \
	struct track_closed was = track_fd_close(fd, &CALLER());         \
	int error = call;                                                \
                                                                         \
	track_fd_close_done(fd, error &&errno == EBADF, was, &CALLER()); \
	return error

EXPORT int close(int fd)
{
	DEATH(fd, real.close(fd));
}

EXPORT int mq_close(mqd_t fd)
{
	DEATH(fd, real.mq_close(fd));
}

/* CLOSE_RANGE_CLOEXEC (4) closes nothing now; CLOSE_RANGE_UNSHARE (2) leaves other threads' table
 * alone, which few use. */
EXPORT int close_range(unsigned first, unsigned last, int flags)
{
	hook_ready();
	int error = real.close_range ? real.close_range(first, last, flags) : missing();

	if (!error && !(flags & 4))
		track_fd_close_range(first, last, &CALLER());
	return error;
}

EXPORT void closefrom(int first)
{
	hook_ready();
	if (!real.closefrom)
		return;
	real.closefrom(first);
	track_fd_close_range(first < 0 ? 0 : (unsigned)first, ~0u, &CALLER());
}
