/*
 * pipes.h - which descriptors of a snapshot are the two ends of one pipe.
 */
#ifndef OUTLIVE_PIPES_H
#define OUTLIVE_PIPES_H

#include "profile.h"

struct pipe_end {
	uint64_t id; /* the kernel's number of the pipe */
	bool writes;
	uint32_t fd;
};
struct pipes {
	struct pipe_end *at; /* sorted */
	uint32_t n;
};

/* free() .at */
struct pipes pipes_of(const struct snapshot *s);
/* The lowest descriptor that is the other end of f's pipe. False: f is no end of a pipe, or the
 * other end is not in this process (*is_pipe tells which). */
bool pipes_other_end(const struct pipes *p, const struct fd *f, uint32_t *other, bool *is_pipe);

#endif
