/*
 * heap_churn.c - a hot loop that makes and frees a thousand times as many bytes as a small leak
 *leaks. heap_churn    waits at "before" and at "after" Between them: churn_hot 200000 blocks of
 *1000 bytes, all freed; churn_leak 200 blocks of 1000 bytes, kept.
 */
#include "prog.h"

FRAME static void churn_hot(void)
{
	void *p = malloc(1000);

	prog_sink = p;
	free(p);
}

FRAME static void churn_leak(void)
{
	prog_sink = malloc(1000);
}

FRAME static void churn_round(int rounds)
{
	for (int i = 0; i < rounds; i++) {
		churn_hot();
		if (i % 1000 == 0)
			churn_leak();
	}
}

int main(void)
{
	churn_round(1000);
	prog_wait("before");
	churn_round(200000);
	prog_wait("after");
	return 0;
}
