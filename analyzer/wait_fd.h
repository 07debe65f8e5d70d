/*
 * wait_fd.h - what a descriptor of a live process is, in words: "pipe:[123]", "tcp 127.0.0.1:80,
 * listening", "/var/log/x". Reads /proc/PID/fd and /proc/PID/net.
 */
#ifndef OUTLIVE_WAIT_FD_H
#define OUTLIVE_WAIT_FD_H

#include <sys/types.h>

#include "wait_reason.h"

/* What /proc/PID/net told; zero is valid and empty: it is read when it is first needed. */
struct wait_fds {
	pid_t pid;
	bool read;
	struct wait_socket *socket;
	uint32_t n, cap;
};
/* Interned; NULL when the process has no such descriptor, or hides it. */
const char *wait_fd_names(struct wait_fds *fds, int64_t fd);
/* Sets r->names; of poll() the first few descriptors of its list, which lie in the process. */
void wait_fd_fill(struct wait_fds *fds, struct wait_reason *r);
void wait_fds_free(struct wait_fds *fds);

#endif
