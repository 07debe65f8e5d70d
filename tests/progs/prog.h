/*
 * prog.h - for the programs that are profiled by the tests.
 */
#ifndef OUTLIVE_PROG_H
#define OUTLIVE_PROG_H

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
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

/* A whole file of /proc, as far as there is room; how much. */
static inline int prog_read(const char *path, char *text, int size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int n = fd < 0 ? 0 : (int)read(fd, text, (size_t)size - 1);

	if (fd >= 0)
		close(fd);
	text[n > 0 ? n : 0] = 0;
	return n;
}

/* What a process or thread does, by its stat in /proc: S sleeps, R runs or could, D is in a vfork,
 * Z has ended and is a leader or not waited for; 0 is gone. A machine with much to do lets each of
 * these take long: sleep until they are so, not for a while. */
static inline char prog_state_of(const char *stat)
{
	char text[512];

	prog_read(stat, text, sizeof(text));
	const char *name_end = strrchr(text, ')');
	return name_end && name_end[1] ? name_end[2] : 0;
}

static inline char prog_state(long tid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/task/%ld/stat", tid);
	return prog_state_of(path);
}

/* Until no more than so many threads are left. */
static inline void prog_settle(int threads)
{
	char text[4096];

	for (;;) {
		prog_read("/proc/self/status", text, sizeof(text));
		const char *line = strstr(text, "\nThreads:");
		if (!line || atoi(line + sizeof("\nThreads:") - 1) <= threads)
			return;
		usleep(1000);
	}
}

/* Until the thread is asleep in three looks, a millisecond apart: on its way to its wait it runs,
 * or could. Or gone. */
static inline void prog_asleep(volatile unsigned *tid)
{
	for (int seen = 0; seen < 3;) {
		usleep(1000);
		char state = *tid ? prog_state(*tid) : 'R';
		if (!state)
			return;
		seen = state == 'S' ? seen + 1 : 0;
	}
}

#endif
