/*
 * proc_paced.c - grows by 4 kB at a time until it is killed, and says how far it is in a file that
 * outlives it. While a snapshot is being written it waits: so whenever it is killed, what the file
 * says was either in a snapshot's time, or one was due since then. proc_paced FILE
 */
#include <stdint.h>
#include <sys/mman.h>
#include <time.h>

#include "prog.h"

struct progress {
	volatile uint64_t live; /* bytes, of blocks that were made */
	volatile uint64_t
	        time_ns; /* of the real-time clock, some while before the latest was made */
	volatile uint64_t begin_ns;
};

/* A hooked call now and then, for the writer is reaped in one. */
static void await_writer(const char *children)
{
	char text[64];

	while (prog_read(children, text, sizeof(text)) > 0)
		free(prog_sink = malloc(16));
}

/* The clock by which an interval is over is looked at in a heap call of each 4.2 ms that we run in.
 * So what is told is a time after which we have run, and made some, in two such spans: however long
 * a busy machine lets us wait between two calls. */
static uint64_t looked_at(uint64_t now)
{
	static uint64_t span[3];

	if (now >> 22 != span[0] >> 22) {
		span[2] = span[1];
		span[1] = span[0];
		span[0] = now;
	}
	return span[2];
}

int main(int argc, char **argv)
{
	int fd = argc > 1 ? open(argv[1], O_RDWR | O_CREAT, 0600) : -1;
	char children[64];

	if (fd < 0 || ftruncate(fd, 4096))
		return 99;
	struct progress *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return 99;
	snprintf(children, sizeof(children), "/proc/self/task/%d/children", (int)getpid());
	for (;;) {
		struct timespec t;
		char *block;

		clock_gettime(CLOCK_REALTIME_COARSE, &t);
		block = malloc(4096);
		if (!block)
			return 98;
		memset(block, 1, 4096);
		prog_sink = block;
		await_writer(children);
		p->time_ns = looked_at((uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec);
		if (!p->begin_ns)
			p->begin_ns = p->time_ns;
		p->live += 4096;
	}
}
