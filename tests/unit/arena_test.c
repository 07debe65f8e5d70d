/* arena_test.c - the private heap starts at its first use, wherever a fork finds it. */
#include "preload/arena.h"

#include <pthread.h>

#include "tests/unit/check.h"

static uint32_t g_stop;

static void *use(void *arg)
{
	(void)arg;
	while (!__atomic_load_n(&g_stop, __ATOMIC_ACQUIRE)) {
		void *p = arena_alloc(100);

		arena_free(p);
	}
	return NULL;
}

/* The child has its own way on: what hangs is ended by the alarm. */
static int child_can_use_it(void)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		alarm(60);
		char *p = arena_alloc(1000);

		_exit(p && !p[0] && !p[999] ? 0 : 1);
	}
	return waitpid(pid, &status, 0) == pid ? status : -1;
}

TEST(first_use_is_in_a_child)
{
	pthread_atfork(arena_fork_prepare, arena_fork_parent, arena_fork_child);
	EQ(child_can_use_it(), 0);
	EQ(arena_used(), 0);
	char *p = arena_strdup("in the parent, too");
	STREQ(p, "in the parent, too");
	OK(arena_used() > 0);
	arena_free(p);
	EQ(arena_used(), 0);
}

TEST(fork_while_threads_start_and_use_it)
{
	pthread_t thread[3];

	pthread_atfork(arena_fork_prepare, arena_fork_parent, arena_fork_child);
	for (int i = 0; i < 3; i++)
		EQ(pthread_create(&thread[i], NULL, use, NULL), 0);
	for (int i = 0; i < 100; i++)
		EQ(child_can_use_it(), 0);
	__atomic_store_n(&g_stop, 1, __ATOMIC_RELEASE);
	for (int i = 0; i < 3; i++)
		pthread_join(thread[i], NULL);
	EQ(arena_used(), 0);
}

int main(int argc, char **argv)
{
	return check_main(argc, argv);
}
