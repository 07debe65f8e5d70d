/* Reads its own counts before, while and after it holds things. Built as C and as C++. */
#include "prog.h"

#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

#include "preload/outlive.h"

static struct outlive_stats g_before;
static volatile long g_last, g_waits;

static void *at_once(void *arg)
{
	g_last = syscall(SYS_gettid);
	return arg;
}

static void *waits(void *arg)
{
	g_waits = 1;
	return read(*(int *)arg, &arg, 1) < 0 ? NULL : arg;
}

static void differences(const char *when)
{
	struct outlive_stats now;
	int profiled;

	/* a thread that was told to end may still be on its way */
	for (int looks = 0; looks < 100; looks++) {
		profiled = outlive_read_stats(&now);
		if (strcmp(when, "after") || now.live_threads <= g_before.live_threads)
			break;
		usleep(10000);
	}
	if (profiled) {
		printf("%s: not profiled, %d\n", when, (int)now.size);
		return;
	}
	/* stdio's buffer is made by the first line */
	printf("%s: blocks %d bytes %d threads %d unjoined %d fds %d timers %d\n", when,
	       (int)(now.live_blocks - g_before.live_blocks),
	       (int)(now.live_bytes - g_before.live_bytes),
	       (int)(now.live_threads - g_before.live_threads),
	       (int)(now.unjoined_threads - g_before.unjoined_threads),
	       (int)(now.live_fds - g_before.live_fds),
	       (int)(now.live_timers - g_before.live_timers));
	printf("%s: allocs %d of %d bytes, frees %d of %d, threads %d %d, fds %d %d, timers %d %d, "
	       "lost %d\n",
	       when, (int)(now.allocs - g_before.allocs),
	       (int)(now.alloc_bytes - g_before.alloc_bytes), (int)(now.frees - g_before.frees),
	       (int)(now.free_bytes - g_before.free_bytes),
	       (int)(now.threads_created - g_before.threads_created),
	       (int)(now.threads_given_back - g_before.threads_given_back),
	       (int)(now.fds_opened - g_before.fds_opened),
	       (int)(now.fds_closed - g_before.fds_closed),
	       (int)(now.timers_created - g_before.timers_created),
	       (int)(now.timers_deleted - g_before.timers_deleted), (int)now.lost);
}

int main(void)
{
	void *blocks[10];
	pthread_t running, ended;
	timer_t timer;
	int p[2];

	printf("begin\n");
	/* what the first thread makes libc allocate, once */
	pthread_create(&ended, NULL, at_once, NULL);
	pthread_create(&running, NULL, at_once, NULL);
	pthread_join(ended, NULL);
	pthread_join(running, NULL);
	outlive_read_stats(&g_before);
	for (int i = 0; i < 10; i++)
		prog_sink = blocks[i] = malloc(1000);
	if (pipe(p) || timer_create(CLOCK_MONOTONIC, NULL, &timer))
		return 1;
	g_last = 0;
	pthread_create(&running, NULL, waits, &p[0]);
	pthread_create(&ended, NULL, at_once, NULL);
	while (!g_waits || !g_last || !syscall(SYS_tgkill, getpid(), g_last, 0))
		usleep(1000);
	differences("while");
	printf("snapshot: %d\n", outlive_snapshot("of the program"));
	for (int i = 0; i < 10; i++)
		free(blocks[i]);
	timer_delete(timer);
	close(p[1]);
	pthread_join(running, NULL);
	pthread_join(ended, NULL);
	close(p[0]);
	differences("after");
	return 0;
}
