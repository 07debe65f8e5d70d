/*
 * heap_plugin.c - a library that is opened, allocates, and is closed.
 *	heap_plugin LIBRARY deep     with RTLD_DEEPBIND: its own calls go past every preloaded
 *library. 100 of its blocks are freed by us, 100 of ours by it. heap_plugin LIBRARY close    it
 *makes 50 blocks of 70 bytes, is closed, and they stay. heap_plugin LIBRARY loop     four threads
 *open it 500 times each, have it make a block, and close it, beside one that allocates
 */
#include <dlfcn.h>
#include <pthread.h>
#include <string.h>

#include "prog.h"

static void *(*make)(size_t);
static void (*give_back)(void *);

FRAME static void plugin_mixed(void)
{
	for (int i = 0; i < 100; i++) {
		free(prog_sink = make(40));
		give_back(prog_sink = malloc(400)); /* another size: another address */
	}
}

FRAME static void plugin_leaks(void)
{
	for (int i = 0; i < 50; i++)
		prog_sink = make(70);
}

static const char *name;
static int ended;

FRAME static void *plugin_loops(void *arg)
{
	for (int i = 0; i < 500; i++) {
		void *library = dlopen(name, RTLD_NOW);
		void *(*makes)(size_t) =
		        library ? (void *(*)(size_t))dlsym(library, "plugin_make") : NULL;

		if (!makes)
			abort();
		void *block = makes(30);

		/* Gone with its code's last user: the next one may lie elsewhere. */
		dlclose(library);
		if (i)
			free(block);
	}
	__atomic_add_fetch(&ended, 1, __ATOMIC_SEQ_CST);
	return arg;
}

FRAME static void plugin_beside(void)
{
	while (__atomic_load_n(&ended, __ATOMIC_SEQ_CST) < 4)
		free(prog_sink = malloc(10));
}

static int loop(void)
{
	pthread_t t[4];

	for (int i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, plugin_loops, NULL);
	plugin_beside();
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	return dlopen(name, RTLD_NOW | RTLD_NOLOAD) != NULL;
}

int main(int argc, char **argv)
{
	if (argc < 3)
		return 2;
	name = argv[1];
	if (!strcmp(argv[2], "loop"))
		return loop();
	int deep = !strcmp(argv[2], "deep");
	void *library = dlopen(argv[1], RTLD_NOW | (deep ? RTLD_DEEPBIND : 0));

	if (!library) {
		fprintf(stderr, "%s\n", dlerror());
		return 99;
	}
	*(void **)&make = dlsym(library, "plugin_make");
	*(void **)&give_back = dlsym(library, "plugin_free");
	if (deep)
		plugin_mixed();
	else
		plugin_leaks();
	dlclose(library);
	return 0;
}
