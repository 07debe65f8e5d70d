/*
 * answer.h - the process beside a command that judges, at the wish of outlive_verify_none()
 * (preload/outlive.h), what its processes have left since their checkpoints: by rules and names.
 * answer.c.
 */
#ifndef OUTLIVE_ANSWER_H
#define OUTLIVE_ANSWER_H

#include "check_view.h"

struct answer {
	char *folder, *path; /* of the socket; NULL: nobody answers */
	int alive;           /* it ends when this is closed */
};

/*
 * Starts it, and adds to `options` where it answers. Where it cannot be started the library counts
 * for itself and says so: that is no error. Before the command is started, and before there are
 * threads.
 */
void answer_start(struct answer *a, const struct check_choice *choice, struct str *options);
/* Ends it, and clears away. */
void answer_end(struct answer *a);

#endif
