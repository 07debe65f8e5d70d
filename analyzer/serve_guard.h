/*
 * serve_guard.h - who may ask the server: serve_guard.c. Pure.
 */
#ifndef OUTLIVE_SERVE_GUARD_H
#define OUTLIVE_SERVE_GUARD_H

#include "util.h"

struct serve_guard {
	const char *token; /* NULL: none is wanted */
	bool check_host;   /* on loopback: only names of this very machine are answered */
};
/* Headers and the argument `token` of a request, NULL where it has none. */
struct serve_asked {
	const char *method, *host, *authorization, *token;
	const char *fetch_site, *fetch_mode; /* Sec-Fetch-Site, Sec-Fetch-Mode */
	unsigned n_hosts;
	bool tells_nothing; /* the answer is always the same: POST will do, and no token is needed
	                     */
};

/* 200, or the HTTP status of a refusal with a sentence in err. */
unsigned serve_guard(const struct serve_guard *g, const struct serve_asked *a, struct err *err);

#endif
