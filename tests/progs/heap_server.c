/*
 * heap_server.c - a server with requests in flight: each holds 20 kB for 300 to 700 ms and is
 * answered; each session leaves 40 bytes behind. At any moment of the load about 500 requests live,
 * and they were all born lately.
 *
 *     heap_server   waits at "idle", then serves until its input ends; prints "serving" after two
 *                   seconds of load
 *
 * server_request is no leak, though it has most of what was born since "idle" and lives;
 * server_session is one. The times are long beside what a busy machine takes from us, and lifetimes
 * have room in their bucket (537 to 1074 ms) for who has to wait at the moment of a snapshot.
 */
#include <fcntl.h>
#include <stdint.h>
#include <time.h>

#include "prog.h"

struct request {
	struct request *next;
	uint64_t done_ms;
	char body[20000];
};

static struct request *in_flight;
static uint64_t seed = 1;

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

FRAME static struct request *server_request(void)
{
	return malloc(sizeof(struct request));
}

FRAME static void server_session(void)
{
	prog_sink = malloc(40);
}

static void server_accept(void)
{
	struct request *r = server_request();

	seed = seed * 6364136223846793005u + 1442695040888963407u;
	r->done_ms = now_ms() + 300 + (seed >> 33) % 400;
	r->next = in_flight;
	in_flight = r;
	server_session();
}

static void server_answer(void)
{
	uint64_t now = now_ms();

	for (struct request **at = &in_flight; *at;) {
		struct request *r = *at;

		if (r->done_ms > now) {
			at = &r->next;
			continue;
		}
		*at = r->next;
		free(r);
	}
}

/* False when the test has closed our input. */
static int server_tick(void)
{
	struct timespec tick = {0, 1000000};
	char c;

	server_accept();
	nanosleep(&tick, NULL);
	server_answer();
	return read(0, &c, 1) != 0;
}

int main(void)
{
	uint64_t start;
	int told = 0;

	prog_wait("idle");
	start = now_ms();
	fcntl(0, F_SETFL, O_NONBLOCK);
	while (server_tick()) {
		if (!told && now_ms() - start > 2000) {
			told = 1;
			if (write(1, "serving\n", 8) != 8)
				return 97;
		}
	}
	return 0;
}
