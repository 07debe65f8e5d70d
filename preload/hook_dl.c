/*
 * hook_dl.c - the loader's calls. dlclose alone: its result does not depend on who calls it, as
 * that of dlopen does ($ORIGIN, namespaces). The real call runs the library's destructors, so no
 * flag of ours is held over it. Context: any thread.
 */
#include "hook.h"

EXPORT int dlclose(void *handle)
{
	hook_ready();
	int r = real.dlclose(handle);

	if (!r)
		track_modules_changed();
	return r;
}
