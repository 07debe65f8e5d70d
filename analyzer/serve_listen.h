/*
 * serve_listen.h - the socket that the server listens on: serve_listen.c.
 */
#ifndef OUTLIVE_SERVE_LISTEN_H
#define OUTLIVE_SERVE_LISTEN_H

#include "util.h"

struct serve_listen {
	int fd;
	bool loopback; /* nobody but this machine can reach it, by TCP */
	char *path;    /* of a unix socket; NULL: TCP */
	char *url;     /* what to tell a person; with the port that was given where 0 was asked */
};

/*
 * Of "127.0.0.1:6060", "[::1]:6060", "localhost:6060", ":6060" (all addresses), "unix:/path" (mode
 * 0600). Others than loopback and unix only with a token. -1 with err; *usage tells that the words
 * were wrong. serve_unlisten() in either case.
 */
int serve_listen(const char *where, bool has_token, struct serve_listen *l, bool *usage,
                 struct err *err);
void serve_unlisten(struct serve_listen *l);

#endif
