/*
 * look_shop.cc - for list, tree, traces and what is hidden: known amounts at known lines, one of
 * them in functions that are inlined into one another, one recursive, one in a thread.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define NOINLINE __attribute__((noinline))
#define INLINE   __attribute__((always_inline)) inline

static void *volatile kept;

static NOINLINE void *keep(size_t n)
{
	void *p = malloc(n); /* keep: the line */
	kept = p;
	return p;
}

static INLINE void inner(size_t n)
{
	kept = malloc(n); /* inner: the line */
}

static INLINE void outer(size_t n)
{
	inner(n); /* outer: the call of inner */
}

static NOINLINE void stock(void)
{
	for (int i = 0; i < 10; i++)
		keep(1000); /* stock: the call of keep */
	outer(700);         /* stock: the call of outer */
}

static NOINLINE void descend(int depth)
{
	if (depth)
		descend(depth - 1); /* descend: the call of itself */
	else
		keep(500);             /* descend: the call of keep */
	asm volatile("" ::: "memory"); /* no tail call */
}

static NOINLINE void serve(int n)
{
	for (int i = 0; i < n; i++)
		free(keep(100)); /* serve: the call of keep */
}

static void *clerk(void *)
{
	keep(300); /* clerk: the call of keep */
	return nullptr;
}

int main()
{
	pthread_t thread;

	stock();
	descend(5);
	serve(50);
	pthread_create(&thread, nullptr, clerk, nullptr);
	pthread_join(thread, nullptr);
	return 0;
}
