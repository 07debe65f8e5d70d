/*
 * snap_socket.c - see snap_socket.h. Raw system calls on a copy of the descriptor; nothing is
 * changed on the socket.
 */
#include "snap_socket.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
	struct sockaddr_un un;
};

static long option(int fd, int level, int name)
{
	int value = 0;
	socklen_t n = sizeof(value);
	long r = sys_call(SYS_getsockopt, fd, level, name, &value, &n);

	return r < 0 ? r : value;
}

static void port(struct text *t, uint16_t network_order)
{
	text_str(t, ":");
	text_u64(t, (uint64_t)((network_order & 0xff) << 8 | network_order >> 8));
}

static void ip4(struct text *t, const uint8_t *b)
{
	for (int i = 0; i < 4; i++) {
		if (i)
			text_str(t, ".");
		text_u64(t, b[i]);
	}
}

/* The longest run of zeros is left out, as in RFC 5952. */
static void ip6(struct text *t, const uint8_t *b)
{
	int best = -1, best_n = 1;

	for (int i = 0; i < 8; i++) {
		int n = 0;

		while (i + n < 8 && !b[2 * (i + n)] && !b[2 * (i + n) + 1])
			n++;
		if (n > best_n) {
			best = i;
			best_n = n;
		}
	}
	text_str(t, "[");
	for (int i = 0; i < 8; i++) {
		if (i == best) {
			text_str(t, "::");
			i += best_n - 1;
			continue;
		}
		if (i && i != best + best_n)
			text_str(t, ":");
		text_hex(t, (uint64_t)(b[2 * i] << 8 | b[2 * i + 1]));
	}
	text_str(t, "]");
}

/* False for an address that says nothing. */
static bool address(struct text *t, const union address *a, socklen_t n)
{
	size_t path = n > offsetof(struct sockaddr_un, sun_path)
	                      ? n - offsetof(struct sockaddr_un, sun_path)
	                      : 0;

	switch (a->any.sa_family) {
	case AF_INET:
		text_str(t, " ");
		ip4(t, (const uint8_t *)&a->v4.sin_addr);
		port(t, a->v4.sin_port);
		return true;
	case AF_INET6:
		text_str(t, " ");
		ip6(t, (const uint8_t *)&a->v6.sin6_addr);
		port(t, a->v6.sin6_port);
		return true;
	case AF_UNIX:
		if (!path || path > sizeof(a->un.sun_path))
			return false;
		text_str(t, a->un.sun_path[0] ? " " : " @");
		if (!a->un.sun_path[0])
			text_mem(t, a->un.sun_path + 1, path - 1);
		else
			text_mem(t, a->un.sun_path, strnlen(a->un.sun_path, path));
		return true;
	default:
		return false;
	}
}

static const char *protocol(long domain, long type)
{
	if (domain == AF_UNIX)
		return type == SOCK_STREAM ? "unix" : "unix datagram";
	if (domain == AF_NETLINK)
		return "netlink";
	if (domain == AF_PACKET)
		return "packet";
	if (domain != AF_INET && domain != AF_INET6)
		return "socket";
	return type == SOCK_STREAM ? "tcp" : type == SOCK_DGRAM ? "udp" : "raw ip";
}

/* Numbers of the kernel's include/net/tcp_states.h. */
static const char *const tcp_state[] = {
        "",          "ESTABLISHED", "SYN_SENT",   "SYN_RECV", "FIN_WAIT1", "FIN_WAIT2",
        "TIME_WAIT", "CLOSE",       "CLOSE_WAIT", "LAST_ACK", "LISTEN",    "CLOSING",
};

void snap_socket_text(int fd, struct text *t)
{
	union address a;
	socklen_t n = sizeof(a);
	long domain = option(fd, SOL_SOCKET, SO_DOMAIN), type = option(fd, SOL_SOCKET, SO_TYPE);
	bool tcp = type == SOCK_STREAM && (domain == AF_INET || domain == AF_INET6);

	text_str(t, protocol(domain, type));
	if (sys_call(SYS_getsockname, fd, &a, &n) >= 0)
		address(t, &a, n < sizeof(a) ? n : sizeof(a));
	n = sizeof(a);
	if (sys_call(SYS_getpeername, fd, &a, &n) >= 0) {
		text_str(t, " -");
		if (!address(t, &a, n < sizeof(a) ? n : sizeof(a)))
			text_str(t, " (connected)");
	}
	if (tcp) {
		struct tcp_info info;
		socklen_t length = sizeof(info);

		memset(&info, 0, sizeof(info));
		if (sys_call(SYS_getsockopt, fd, SOL_TCP, TCP_INFO, &info, &length) >= 0 &&
		    info.tcpi_state < sizeof(tcp_state) / sizeof(tcp_state[0])) {
			text_str(t, " ");
			text_str(t, tcp_state[info.tcpi_state]);
		}
	} else if (option(fd, SOL_SOCKET, SO_ACCEPTCONN) > 0) {
		text_str(t, " LISTEN");
	}
}
