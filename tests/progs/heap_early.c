/*
 * heap_early.c - allocations where little works yet or any more: before all constructors, in
 *constructors, after main, at the end of a thread. Each: 10 blocks, of a size of its own; half of
 *them are freed. early_preinit 11, early_constructor 12, early_main 13, early_key 14 (key
 *destructor, also of what was allocated there), late_atexit 15, late_destructor 16, late_quick
 *(at_quick_exit) 17 heap_early [quick]
 */
#include <pthread.h>
#include <string.h>

#include "prog.h"

static void ten(size_t bytes)
{
	for (int i = 0; i < 10; i++) {
		void *p = malloc(bytes);

		prog_sink = p;
		if (i % 2)
			free(p);
	}
}

FRAME static void early_preinit(void)
{
	ten(11);
}
__attribute__((section(".preinit_array"), used)) static void (*const preinit)(void) = early_preinit;

__attribute__((constructor(101))) FRAME static void early_constructor(void)
{
	ten(12);
}

FRAME static void early_main(void)
{
	ten(13);
}

static pthread_key_t key;

FRAME static void early_key(void *value)
{
	free(value);
	ten(14);
}

static void *thread(void *arg)
{
	pthread_setspecific(key, malloc(1));
	return arg;
}

FRAME static void late_atexit(void)
{
	ten(15);
}

__attribute__((destructor)) FRAME static void late_destructor(void)
{
	ten(16);
}

FRAME static void late_quick(void)
{
	ten(17);
}

int main(int argc, char **argv)
{
	pthread_t id;

	atexit(late_atexit);
	at_quick_exit(late_quick);
	early_main();
	pthread_key_create(&key, early_key);
	if (pthread_create(&id, NULL, thread, NULL))
		return 99;
	pthread_join(id, NULL);
	if (argc > 1 && !strcmp(argv[1], "quick"))
		quick_exit(0);
	return 0;
}
