/*
 * heap_grow.c - a list that leaks by growing through realloc: it frees nearly all that it ever
 *allocated, and is a leak all the same. Beside it a loop that allocates more, and keeps nothing.
 *	heap_grow    waits at "before" and at "after"
 * Between them: grow_list 1000 reallocs, of 64 bytes more each time; grow_churn 200000 blocks of
 *500 bytes.
 */
#include "prog.h"

static char *list;
static size_t used;

FRAME static void grow_list(void)
{
	used += 64;
	list = realloc(list, used);
	if (!list)
		abort();
	list[used - 1] = 1;
}

FRAME static void grow_churn(void)
{
	void *p = malloc(500);

	prog_sink = p;
	free(p);
}

FRAME static void grow_work(int n)
{
	for (int i = 0; i < n; i++) {
		grow_list();
		for (int j = 0; j < 200; j++)
			grow_churn();
	}
}

int main(void)
{
	grow_work(10);
	prog_wait("before");
	grow_work(1000);
	prog_wait("after");
	return 0;
}
