/* pairs_so.c - a plug-in that owns a block: for pairs_heap.c. */
#include <stdlib.h>

static void *volatile g_owned;

void plugin_closed_begin(void)
{
	g_owned = malloc(88);
}
void plugin_closed_end(void)
{
	free(g_owned);
	g_owned = NULL;
}
