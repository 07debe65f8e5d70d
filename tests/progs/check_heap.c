/*
 * check_heap.c - one way to leave blocks behind, by argument: none, lost, list (its head is lost),
 * ring (nothing points into it), kept (a global points to it), middle (a pointer into it), fork (a
 * child that ends by _exit and has forgotten what its parent has), much (of 3 MB), many (10000),
 * peak (of 6 MB).
 */
#include <string.h>
#include <sys/wait.h>

#include "prog.h"

struct node {
	struct node *next;
	char text[40];
};

static void *volatile kept;

FRAME static struct node *node_new(struct node *next)
{
	struct node *n = malloc(sizeof(*n));

	n->next = next;
	return n;
}

FRAME static void lose_one(void)
{
	prog_sink = node_new(NULL);
	prog_sink = NULL;
}

FRAME static struct node *chain_new(void)
{
	struct node *n = NULL;

	for (int i = 0; i < 5; i++)
		n = node_new(n);
	return n;
}

FRAME static void lose_list(void)
{
	prog_sink = chain_new();
	prog_sink = NULL;
}

FRAME static void lose_ring(void)
{
	struct node *first = chain_new(), *last = first;

	while (last->next)
		last = last->next;
	last->next = first;
	prog_sink = NULL;
}

FRAME static void keep(void)
{
	kept = chain_new();
}

FRAME static void point_to_the_middle(void)
{
	kept = node_new(NULL)->text + 8;
}

FRAME static void make_much(void)
{
	kept = malloc(3 << 20);
	memset((void *)kept, 1, 3 << 20);
}

FRAME static void make_a_peak(void)
{
	prog_sink = malloc(6 << 20);
	free(prog_sink);
	prog_sink = NULL;
}

FRAME static void make_many(void)
{
	for (int i = 0; i < 10000; i++) {
		prog_sink = malloc(16);
		free(prog_sink);
	}
}

static void run_child(void)
{
	kept = chain_new();
	if (!fork()) {
		kept = NULL;
		_exit(0);
	}
	wait(NULL);
}

/* What calls have left in registers and on the stack would still be a pointer. */
FRAME static void wipe(void)
{
	volatile char junk[8192];

	for (size_t i = 0; i < sizeof(junk); i++)
		junk[i] = 0;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} ways[] = {{"lost", lose_one},
	            {"list", lose_list},
	            {"ring", lose_ring},
	            {"kept", keep},
	            {"middle", point_to_the_middle},
	            {"much", make_much},
	            {"many", make_many},
	            {"peak", make_a_peak},
	            {"fork", run_child}};

	for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++)
		if (argc > 1 && !strcmp(argv[1], ways[i].name))
			ways[i].run();
	wipe();
	return 0;
}
