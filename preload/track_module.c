/*
 * track_module.c - tells the unwinder that modules went. Owns nothing. Context: a hook, any thread.
 */
#include <errno.h>

#include "stack.h"
#include "track.h"

void track_modules_changed(void)
{
	uint32_t flags = t_self.flags;
	int saved = errno;

	if (!__atomic_load_n(&g_tracking, __ATOMIC_ACQUIRE) || (flags & IN_TRACKER))
		return;
	t_self.flags = flags | IN_TRACKER;
	stack_modules_changed();
	t_self.flags = flags;
	errno = saved;
}
