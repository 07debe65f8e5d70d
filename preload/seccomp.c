/*
 * seccomp.c - see seccomp.h. Owns the number of filters at the start. Context: anywhere; raw system
 * calls only.
 */
#include "seccomp.h"

#include <string.h>
#include <sys/prctl.h>

#include "sys.h"

bool g_seccomp_quiet;
static long g_at_start; /* -1: there was one, and how many cannot be told */

/* How many this thread has, -1 unknown. Static buffer: the stack may be tiny. */
static long count_filters(void)
{
	static char text[4096];
	static const char key[] = "\nSeccomp_filters:\t";

	if (g_seccomp_quiet)
		return -1;
	long mode = sys_call(SYS_prctl, PR_GET_SECCOMP, 0, 0, 0, 0);

	if (mode <= 0)
		return 0;
	long n = sys_read_file("/proc/thread-self/status", text, sizeof(text) - 1);
	for (long i = 0; i + (long)sizeof(key) <= n; i++) {
		if (memcmp(text + i, key, sizeof(key) - 1))
			continue;
		long v = 0;

		for (const char *p = text + i + sizeof(key) - 1; *p >= '0' && *p <= '9'; p++)
			v = v * 10 + (*p - '0');
		return v;
	}
	return -1;
}

void seccomp_init(void)
{
	g_at_start = count_filters();
}

long seccomp_begun(void)
{
	return g_at_start;
}

/*
 * Filters that were there at the start (a container's, systemd's) let programs make processes, or
 * answer with an errno. A program that has locked itself in since may have chosen to be killed for
 * a clone.
 */
enum seccomp_state seccomp_now(void)
{
	long now = count_filters();

	if (now == 0)
		return SECCOMP_NONE;
	return now > 0 && now == g_at_start ? SECCOMP_AS_BEGUN : SECCOMP_LOCKED_IN;
}
