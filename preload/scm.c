/*
 * scm.c - descriptors that arrive in socket messages. Apart from hook_fd.c, which must not see
 * <sys/socket.h>. Context: any thread, signal handlers included.
 */
#include <string.h>
#include <sys/socket.h>

#include "format.h"
#include "track.h"

void track_fd_message(const void *message, const struct caller *from)
{
	/* CMSG_NXTHDR wants it writable and changes nothing. */
	struct msghdr *m = (struct msghdr *)message;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
			track_fd_open(fd, FMT_FD_UNKNOWN, 0, from);
		}
	}
}

const void *track_fd_nth_message(const void *messages, unsigned i)
{
	return &((const struct mmsghdr *)messages)[i].msg_hdr;
}
