/*
 * serve_calls.h - what is asked of a server, until it is answered: serve_calls.c. Knows no HTTP but
 * its statuses.
 */
#ifndef OUTLIVE_SERVE_CALLS_H
#define OUTLIVE_SERVE_CALLS_H

#include "serve_shot.h"

/* One question. Its answer is a body in a file, or a sentence. */
struct call {
	struct call *next;
	void *client; /* whose it is */
	struct serve_route route;
	bool carry_token;
	enum { CALL_SHOT, CALL_PAUSE, CALL_SECOND_SHOT, CALL_RENDER, CALL_ANSWERED } state;
	uint64_t since_ns; /* of which moment its snapshot has to be, or up to when it pauses */
	struct shot *a, *b;
	struct render *render;
	/* Answered: */
	unsigned status;
	int fd;         /* 200: to be closed; -1: */
	char *text;     /* a sentence, to be freed */
	char nonce[33]; /* of the page's script */
};

struct calls {
	const char *folder; /* of snapshots; NULL: of a live process: */
	struct target *target;
	const char *token; /* or NULL */
	bool no_cache;
	uint64_t timeout_ns;       /* for a snapshot */
	void (*leave)(int status); /* as in job.h */
	void (*answered)(void *client);
	/* Filled in: */
	struct jobs jobs;
	struct shots shots;
	struct call *first;
	struct render *render;
};

void calls_start(struct calls *c);
/* May be answered when it returns; else answered(client) is called later. call_free() it. */
struct call *call_begin(struct calls *c, const struct serve_route *r, bool carry_token,
                        void *client);
void call_free(struct calls *c, struct call *call);
/* After SIGCHLD, and when calls_next() has come (CLOCK_MONOTONIC). */
void calls_run(struct calls *c);
uint64_t calls_next(const struct calls *c);
void calls_end(struct calls *c);

#endif
