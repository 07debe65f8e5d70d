/*
 * barred.c - see barred.h. Owns who is behind such a filter, and the environment without us. Must
 * not allocate: what a call of exec needs lies in its caller's frame. Context: anything.
 */
#include "barred.h"

#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "sys.h"

#define VARIABLE  "LD_PRELOAD="
#define SEPARATES " :"

static const char *g_name = "liboutlive.so"; /* without its folder */

struct state {
	bool all;          /* this process, and those that it forks */
	uint32_t borrower; /* a child of vfork; 0 none */
	char **environment;
};
static struct state g_now, g_before;

static const char *base(const char *path, size_t n)
{
	const char *slash = memrchr(path, '/', n);

	return slash ? slash + 1 : path;
}

void barred_init(const char *path)
{
	const char *name = base(path, strlen(path));

	if (*name)
		g_name = name;
}

bool barred_borrower(void)
{
	uint32_t borrower = __atomic_load_n(&g_now.borrower, __ATOMIC_RELAXED);

	return borrower && borrower == (uint32_t)sys_getpid();
}

bool barred_now(void)
{
	return __atomic_load_n(&g_now.all, __ATOMIC_RELAXED) || barred_borrower();
}

/* ---- the environment ---- */

static bool is_preload(const char *variable)
{
	return !strncmp(variable, VARIABLE, sizeof(VARIABLE) - 1);
}

size_t barred_bytes(char *const envp[])
{
	size_t bytes = sizeof(*envp);

	for (; envp && *envp; envp++)
		bytes += sizeof(*envp) + (is_preload(*envp) ? strlen(*envp) + 1 : 0);
	return bytes;
}

/* The variable's libraries but ours. False: there is no other. */
static bool without_us(const char *variable, char *out)
{
	const char *p = variable + sizeof(VARIABLE) - 1;
	bool any = false;

	memcpy(out, VARIABLE, sizeof(VARIABLE));
	out += sizeof(VARIABLE) - 1;
	while (*(p += strspn(p, SEPARATES))) {
		size_t n = strcspn(p, SEPARATES);
		const char *name = base(p, n);
		size_t name_bytes = (size_t)(p + n - name);

		if (name_bytes != strlen(g_name) || memcmp(name, g_name, name_bytes)) {
			if (any)
				*out++ = ':';
			memcpy(out, p, n);
			out += n;
			any = true;
		}
		p += n;
	}
	*out = 0;
	return any;
}

char **barred_environment(char *const envp[], void *room)
{
	char **copy = room, **to = copy, *text;
	size_t n = 0;

	while (envp && envp[n])
		n++;
	text = (char *)(copy + n + 1);
	for (size_t i = 0; i < n; i++) {
		if (!is_preload(envp[i])) {
			*to++ = envp[i];
			continue;
		}
		if (without_us(envp[i], text))
			*to++ = text;
		text += strlen(envp[i]) + 1;
	}
	*to = NULL;
	return copy;
}

/* ---- who ---- */

void barred_begin(bool borrowed)
{
	g_before = g_now;
	g_before.environment = environ;
	if (borrowed) {
		__atomic_store_n(&g_now.borrower, (uint32_t)sys_getpid(), __ATOMIC_RELAXED);
		return;
	}
	if (g_now.all)
		return;
	void *room = sys_map(barred_bytes(environ));
	if (room)
		environ = barred_environment(environ, room);
	__atomic_store_n(&g_now.all, true, __ATOMIC_RELAXED);
}

void barred_undo(void)
{
	environ = g_before.environment;
	__atomic_store_n(&g_now.borrower, g_before.borrower, __ATOMIC_RELAXED);
	__atomic_store_n(&g_now.all, g_before.all, __ATOMIC_RELAXED);
}
