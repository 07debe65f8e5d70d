/*
 * scm.c - descriptors that arrive in socket messages or are asked of a socket. Apart from
 * hook_fd.c, which must not see <sys/socket.h>. Context: any thread, signal handlers included.
 */
#include <string.h>
#include <sys/socket.h>

#include "format.h"
#include "track.h"

/* Of Linux 6.5: younger than our headers. */
enum { PIDFD_MESSAGE = 4, PEER_PIDFD = 77 };

static unsigned kind_of(const struct cmsghdr *c)
{
	if (c->cmsg_level != SOL_SOCKET)
		return 0;
	return c->cmsg_type == SCM_RIGHTS      ? FMT_FD_OTHER
	       : c->cmsg_type == PIDFD_MESSAGE ? FMT_FD_PIDFD
	                                       : 0;
}

void track_fd_message(const void *message, const struct caller *from)
{
	/* CMSG_NXTHDR wants it writable and changes nothing. */
	struct msghdr *m = (struct msghdr *)message;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		unsigned kind = kind_of(c);

		if (!kind)
			continue;
		size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
			track_fd_open(fd, kind, 0, from);
		}
	}
}

void track_fd_option(int level, int option, const void *value, unsigned length,
                     const struct caller *from)
{
	int fd;

	if (likely(level != SOL_SOCKET || option != PEER_PIDFD) || length < sizeof(fd))
		return;
	memcpy(&fd, value, sizeof(fd));
	track_fd_open(fd, FMT_FD_PIDFD, 0, from);
}

const void *track_fd_nth_message(const void *messages, unsigned i)
{
	return &((const struct mmsghdr *)messages)[i].msg_hdr;
}
