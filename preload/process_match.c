/*
 * process_match.c - see process_match.h. Context: the first hooked call of a process; raw system
 * calls only.
 */
#include "process_match.h"

#include <fcntl.h>
#include <string.h>

#include "sys.h"

/* After "[": the end of the set, NULL if it has none; whether c is in it. */
static const char *match_set(const char *g, const char *end, char c, bool *in)
{
	bool negated = g < end && (*g == '!' || *g == '^');
	const char *first = g += negated;

	*in = negated;
	for (; g < end && (*g != ']' || g == first); g++) {
		char low = *g, high = low;

		if (end - g > 2 && g[1] == '-' && g[2] != ']') {
			high = g[2];
			g += 2;
		}
		if (c >= low && c <= high)
			*in = !negated;
	}
	return g < end ? g + 1 : NULL;
}

bool process_glob(const char *glob, size_t n, const char *name)
{
	const char *g = glob, *end = glob + n, *star = NULL, *retry = NULL;

	for (;;) {
		const char *next = g < end ? g + 1 : g;
		bool fits = g < end && *name && (*g == '?' || *g == *name);

		if (g < end && *g == '*') {
			star = ++g;
			retry = name;
			continue;
		}
		if (g == end && !*name)
			return true;
		if (g < end && *g == '[' && *name) {
			bool in;
			const char *after = match_set(g + 1, end, *name, &in);

			if (after) {
				next = after;
				fits = in;
			}
		}
		if (fits) {
			g = next;
			name++;
			continue;
		}
		if (!star || !*retry)
			return false;
		g = star;
		name = ++retry;
	}
}

bool process_match_name(const char *globs, const char *name)
{
	for (const char *g = globs; *g;) {
		size_t n = strcspn(g, "+");

		if (process_glob(g, n, name))
			return true;
		g += n + (g[n] == '+');
	}
	return false;
}

static bool match_any(const char *globs, const char *path)
{
	const char *slash = strrchr(path, '/');

	return process_match_name(globs, slash ? slash + 1 : path);
}

bool process_match(const char *globs, const char *started_as)
{
	static char exe[4096];

	if (!globs || !*globs)
		return true;
	if (started_as && match_any(globs, started_as))
		return true;
	long n = sys_readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	return n > 0 && match_any(globs, exe);
}

bool process_environment(const char *prefix, char *value, size_t size)
{
	char chunk[1024] = {0};
	struct text t = {value, value + size - 1};
	size_t at = 0, want = strlen(prefix); /* how much of the prefix fits so far */
	bool skip = false;
	int fd = sys_open("/proc/self/environ", O_RDONLY, 0);

	*value = 0;
	for (long n; fd >= 0 && (n = sys_call(SYS_read, fd, chunk, sizeof(chunk))) > 0;) {
		for (long i = 0; i < n; i++) {
			if (at == want && chunk[i])
				text_mem(&t, &chunk[i], 1);
			else if (at == want)
				goto out;
			else if (!chunk[i])
				at = 0, skip = false;
			else if (skip || chunk[i] != prefix[at])
				skip = true;
			else
				at++;
		}
	}
out:
	if (fd >= 0)
		sys_close(fd);
	return at == want;
}
