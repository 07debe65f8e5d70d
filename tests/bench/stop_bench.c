/*
 * stop_bench.c - how long threads stand still: stop_bench [THREADS [BUSY [STOPS]]]. From the first
 * that is touched to the last that stands, and to the last that runs again; median and longest.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "preload/signals.h"
#include "preload/stop.h"
#include "preload/sys.h"

enum { STOPS_MAX = 10000 };

static void *busy(void *arg)
{
	for (volatile uint64_t n = 0;; n++)
		;
	return arg;
}

static void *idle(void *arg)
{
	for (;;)
		pause();
	return arg;
}

static int by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void measure(const char *name, uint32_t way, int stops)
{
	static uint64_t stand[STOPS_MAX], all[STOPS_MAX];
	uint32_t lossy = 0, stopped = 0;

	for (int i = 0; i < stops; i++) {
		struct stop s = {.ways = way};
		int r = stop_prepare(&s);

		if (r) {
			printf("%-8s refused: %s\n", name, stop_refusal(r));
			return;
		}
		r = stop_all(&s, sys_now_ns() + 2000000000u);
		stop_release(&s);
		stand[i] = s.stopped_ns - s.first_ns;
		all[i] = s.running_ns - s.first_ns;
		lossy |= s.lossy;
		stopped = s.n_stopped;
		stop_free(&s);
		usleep(10000);
	}
	qsort(stand, (size_t)stops, sizeof(*stand), by_size);
	qsort(all, (size_t)stops, sizeof(*all), by_size);
	printf("%-8s %5u %8.2f %8.2f %8.2f %8.2f  %s\n", name, stopped,
	       (double)stand[stops / 2] / 1e6, (double)stand[stops - 1] / 1e6,
	       (double)all[stops / 2] / 1e6, (double)all[stops - 1] / 1e6,
	       lossy ? stop_lossy(lossy & -lossy) : "");
}

int main(int argc, char **argv)
{
	int threads = argc > 1 ? atoi(argv[1]) : 100, n_busy = argc > 2 ? atoi(argv[2]) : 10,
	    stops = argc > 3 ? atoi(argv[3]) : 100;
	pthread_attr_t small;
	pthread_t t;

	if (stops < 1 || stops > STOPS_MAX)
		return 2;
	signals_init();
	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, 65536);
	for (int i = 0; i < threads; i++)
		if (pthread_create(&t, &small, i < n_busy ? busy : idle, NULL))
			return 1;
	usleep(100000);
	printf("%-8s %5s %17s %17s\n", "way", "", "all stand, ms", "all run, ms");
	printf("%-8s %5s %8s %8s %8s %8s\n", "", "", "median", "longest", "median", "longest");
	measure("ptrace", STOP_BY_PTRACE, stops);
	measure("signal", STOP_BY_SIGNAL, stops);
	return 0;
}
