/*
 * snap_socket.h - what a socket is, in words: family, type, both ends, state. For the snapshot
 * child.
 */
#ifndef OUTLIVE_SNAP_SOCKET_H
#define OUTLIVE_SNAP_SOCKET_H

#include "sys.h"

/* "tcp 127.0.0.1:80 - 127.0.0.1:4242 ESTABLISHED", "unix /run/x LISTEN", "udp [::1]:53", "netlink".
 */
void snap_socket_text(int fd, struct text *t);

#endif
