/*
 * prog.h - for the programs that are profiled by the tests.
 */
#ifndef OUTLIVE_PROG_H
#define OUTLIVE_PROG_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* A function that keeps its name and its frame, so that a test can ask for its row. */
#define FRAME __attribute__((noinline, noclone))
#ifdef __clang__
#undef FRAME
#define FRAME __attribute__((noinline, optnone))
#endif

/* What a pointer is stored to, so that the compiler must make the block. */
static void *volatile prog_sink __attribute__((unused));

/* Tells the test where we are, and waits for its line. No stdio: its buffers are allocations. */
static inline void prog_wait(const char *where)
{
	char line[64];
	size_t n = 0;

	while (where[n])
		n++;
	if (write(1, where, n) < 0 || write(1, "\n", 1) < 0)
		_exit(97);
	/* EINTR: a signal that asks for a snapshot must not end the wait */
	while (read(0, line, sizeof(line)) <= 0)
		_exit(98);
}

#endif
