/*
 * pairs.h - programs of pairs: each case leaks when it is bad, and gives everything back when it is
 * good. `PROGRAM list` prints "case kind"; `PROGRAM bad|good CASE...` runs cases, `all` all of
 * them. What leaks was made in a function whose name begins with the case's.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool bad;

struct pair {
	const char *name, *kind; /* "heap", "thread", "timer", "fd" */
	void (*run)(void);
};
#define CASE(name) __attribute__((noinline)) static void name(void)

/* A pointer that the compiler cannot keep anywhere else. */
static void *volatile sink;
__attribute__((unused)) static void drop(void *p)
{
	sink = p;
	if (!bad)
		free(p);
	sink = NULL;
}

static int run_pairs(const struct pair *pairs, size_t n, int argc, char **argv)
{
	bool found = false;

	if (argc == 2 && !strcmp(argv[1], "list")) {
		for (size_t i = 0; i < n; i++)
			printf("%s %s\n", pairs[i].name, pairs[i].kind);
		return 0;
	}
	bad = argc > 2 && !strcmp(argv[1], "bad");
	for (int a = 2; a < argc; a++)
		for (size_t i = 0; i < n; i++)
			if (!strcmp(argv[a], "all") || !strcmp(argv[a], pairs[i].name)) {
				pairs[i].run();
				found = true;
			}
	return found ? 0 : 99;
}
