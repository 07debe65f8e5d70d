/*
 * socket_call.h - system calls that wait on a socket for as long as its limit says, SO_RCVTIMEO or
 * SO_SNDTIMEO; without one, or on another descriptor, for ever. Any context.
 */
#ifndef OUTLIVE_SOCKET_CALL_H
#define OUTLIVE_SOCKET_CALL_H

#include <stdbool.h>
#include <sys/syscall.h>

static inline bool socket_call_receives(long nr)
{
	switch (nr) {
	case SYS_read:
	case SYS_readv:
	case SYS_recvfrom:
	case SYS_recvmsg:
	case SYS_accept:
	case SYS_accept4:
		return true;
	default:
		return false;
	}
}

static inline bool socket_call_sends(long nr)
{
	switch (nr) {
	case SYS_write:
	case SYS_writev:
	case SYS_sendto:
	case SYS_sendmsg:
		return true;
	default:
		return false;
	}
}

#endif
