/*
 * shared_page.c - see shared_page.h. Owns the handler of SIGBUS, which runs on the thread that
 * touched the page, in the middle of that access: the list is not changing then.
 */
#include "shared_page.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>

enum { MOST = 16 };

static struct {
	char *at;
	size_t bytes;
} g_page[MOST];

/* Private: nobody is told what is written there from now on. */
static bool replace(const char *address)
{
	for (int i = 0; i < MOST; i++)
		if (g_page[i].at && (uintptr_t)address - (uintptr_t)g_page[i].at < g_page[i].bytes)
			return mmap(g_page[i].at, g_page[i].bytes, PROT_READ | PROT_WRITE,
			            MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED;
	return false;
}

static void on_bus_error(int number, siginfo_t *info, void *context)
{
	int error = errno;

	(void)context;
	/* Sent by somebody, it has no address. */
	if (info->si_code <= 0 || !replace(info->si_addr)) {
		signal(number, SIG_DFL);
		raise(number);
	}
	errno = error;
}

void *shared_page_map(int fd, size_t bytes)
{
	const struct sigaction act = {.sa_sigaction = on_bus_error, .sa_flags = SA_SIGINFO};
	void *at;
	int i = 0;

	while (i < MOST && g_page[i].at)
		i++;
	if (i == MOST || sigaction(SIGBUS, &act, NULL))
		return NULL;
	at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED)
		return NULL;
	g_page[i].at = at;
	g_page[i].bytes = bytes;
	return at;
}

void shared_page_unmap(void *page)
{
	for (int i = 0; i < MOST; i++) {
		if (!page || g_page[i].at != page)
			continue;
		munmap(page, g_page[i].bytes);
		g_page[i].at = NULL;
	}
}
