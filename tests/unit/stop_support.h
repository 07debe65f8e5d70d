/*
 * stop_support.h - what the tests of stops share.
 */
#ifndef OUTLIVE_STOP_SUPPORT_H
#define OUTLIVE_STOP_SUPPORT_H

#include "preload/signals.h"
#include "preload/stop.h"
#include "preload/sys.h"
#include "tests/unit/check.h"

/* Far more than any stop needs, so that a busy machine is no reason. */
#define IN_TIME (sys_now_ns() + 20000000000u)

static inline void print(const struct stop *s)
{
	printf("# way %u, %u of %u stopped, lossy %x, error %u: stop %" PRIu64
	       " us, in all %" PRIu64 " us\n",
	       s->way, s->n_stopped, s->count, s->lossy, s->error,
	       (s->stopped_ns - s->first_ns) / 1000, (s->running_ns - s->first_ns) / 1000);
}

static inline void prepare_or_say(struct stop *s, uint32_t way)
{
	memset(s, 0, sizeof(*s));
	s->ways = way;
	int r = stop_prepare(s);

	if (r)
		FAIL("refused: %s (%u)", stop_refusal(r), s->error);
}

static inline const struct stop_thread *thread_of(const struct stop *s, pid_t tid)
{
	for (uint32_t i = 0; i < s->count; i++)
		if (s->threads[i].tid == tid)
			return &s->threads[i];
	return NULL;
}

#endif
