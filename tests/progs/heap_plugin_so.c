/*
 * heap_plugin_so.c - a library that heap_plugin opens.
 */
#include <stdlib.h>

void *plugin_make(size_t n);
void plugin_free(void *p);

void *plugin_make(size_t n)
{
	return malloc(n);
}

void plugin_free(void *p)
{
	free(p);
}
