/*
 * together.h - threads that go on at the same moment: they wait by looking, for who is woken comes
 * tens of microseconds late, when the race is over. Zero, but for n, is valid.
 */
#ifndef OUTLIVE_UNIT_TOGETHER_H
#define OUTLIVE_UNIT_TOGETHER_H

#include <sched.h>
#include <stdint.h>

struct together {
	uint32_t n; /* threads */
	uint32_t come, times;
};

static inline void together(struct together *t)
{
	uint32_t times = __atomic_load_n(&t->times, __ATOMIC_ACQUIRE);

	if (__atomic_add_fetch(&t->come, 1, __ATOMIC_ACQ_REL) == t->n) {
		__atomic_store_n(&t->come, 0, __ATOMIC_RELAXED);
		__atomic_store_n(&t->times, times + 1, __ATOMIC_RELEASE);
		return;
	}
	for (int i = 0; __atomic_load_n(&t->times, __ATOMIC_ACQUIRE) == times; i++)
		if (i >= 1000) /* there are fewer processors than threads */
			sched_yield();
}

#endif
