/*
 * What programs may do, and few have in mind: one hazard a mode. Prints the same with and without
 * outlive.
 */
#include "prog.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

static void check(const char *what, int right)
{
	printf("%s: %s\n", what, right ? "right" : "WRONG");
}

/* ---- a thread gives back the memory that its creator has its number written to ---- */

struct own {
	pthread_t self;
	int *running;
};

static void *give_back(void *arg)
{
	struct own *own = arg;
	int *running = own->running;

	munmap(own, sizeof(*own));
	__atomic_sub_fetch(running, 1, __ATOMIC_SEQ_CST);
	return NULL;
}

static void own_page(void)
{
	int running = 0, failed = 0;
	pthread_attr_t a;

	pthread_attr_init(&a);
	pthread_attr_setdetachstate(&a, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&a, 65536);
	for (int i = 0; i < 4000; i++) {
		struct own *own = mmap(NULL, sizeof(*own), PROT_READ | PROT_WRITE,
		                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		while (__atomic_load_n(&running, __ATOMIC_SEQ_CST) > 50)
			usleep(100);
		own->running = &running;
		__atomic_add_fetch(&running, 1, __ATOMIC_SEQ_CST);
		failed += pthread_create(&own->self, &a, give_back, own) != 0;
	}
	while (__atomic_load_n(&running, __ATOMIC_SEQ_CST) > failed)
		usleep(100);
	check("all were made", failed == 0);
}

/* ---- all that is mapped from now on is locked, and there is a limit to it ---- */

static void locked(void)
{
	struct rlimit l = {4 << 20, 4 << 20};
	int made = 0;

	if (setrlimit(RLIMIT_MEMLOCK, &l)) {
		puts("a container's limit, which cannot be raised");
		return;
	}
	/* No capability: the limit counts. */
	if (setgid(65534) || setuid(65534) || mlockall(MCL_FUTURE))
		abort();
	for (; made < 20000; made++)
		if (!(prog_sink = malloc(100)))
			break;
	check("2 MB of small blocks under a limit of 4 MB", made == 20000);
	errno = 0;
	prog_sink = mmap(NULL, 8 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	check("what is beyond the limit is refused", prog_sink == MAP_FAILED && errno == EAGAIN);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} cases[] = {
	        {"own_page", own_page},
	        {"locked", locked},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		if (argc > 1 && !strcmp(argv[1], cases[i].name)) {
			cases[i].run();
			return 0;
		}
	return 99;
}
