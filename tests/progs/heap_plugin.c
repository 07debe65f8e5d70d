/*
 * heap_plugin.c - a library that is opened, allocates, and is closed.
 *	heap_plugin LIBRARY deep     with RTLD_DEEPBIND: its own calls go past every preloaded
 *library. 100 of its blocks are freed by us, 100 of ours by it. heap_plugin LIBRARY close    it
 *makes 50 blocks of 70 bytes, is closed, and they stay
 */
#include <dlfcn.h>
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

int main(int argc, char **argv)
{
	if (argc < 3)
		return 2;
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
