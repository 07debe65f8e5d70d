/*
 * tally.h - the file of the option `tally`, in which the processes of a gate tell what cannot be
 * seen from outside afterwards: that they began, that they end and leave nothing, and what they
 * become or start. Of a program that was started and has no beginning there nothing was seen.
 *
 * A line each, in one write, so that many processes can add to it: "4711 0 make" began, "4711 1
 * make" ended (FMT_REASON_*), "4711 x /bin/ls" becomes another program, "4711 f" does not, "4711 s
 * /bin/ls" was started, "4711 k make" sets a filter behind which it is not seen, "4711 u make"
 * could not. Nothing is told where the option is not set.
 *
 * Raw system calls only, errno untouched: signal handlers and children of vfork, too.
 */
#ifndef OUTLIVE_TALLY_H
#define OUTLIVE_TALLY_H

#include <stdbool.h>
#include <stdint.h>

/* This image began; it ended, for reason FMT_REASON_*. False: it could not be told. */
bool tally_begin(void);
bool tally_end(unsigned reason);

/* From here on this process, and what it starts, may not be seen: it sets a seccomp filter
 * (process.h); false: which was refused. */
void tally_locked_in(bool is);

/*
 * Before an exec of the file, after which the process would tell a beginning: true when it was
 * told, and then tally_exec_failed() is to follow a call that returns. Not where the library would
 * stay out of the new image on purpose (`only`, `follow`). program: as exec finds it.
 */
bool tally_exec(const char *program);
void tally_exec_failed(void);
/* The same of a process that was started, which may have told its beginning before. */
void tally_spawned(uint32_t pid, const char *program);

#endif
