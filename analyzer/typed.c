/*
 * typed.c - paths as a person types them. The only place that asks for the current folder on behalf
 * of a writer.
 */
#include "typed.h"

#include "util.h"

#include <limits.h>
#include <string.h>
#include <unistd.h>

char *typed_path(const char *path)
{
	char cwd[PATH_MAX];
	size_t n = getcwd(cwd, sizeof cwd) ? strlen(cwd) : 0;

	if (n && !strncmp(path, cwd, n) && path[n] == '/')
		path += n + 1;
	if (!strpbrk(path, " \t\n'\"\\$`!*?[]{}()<>|&;#~"))
		return xstrdup(path);
	struct str quoted = {0};
	str_add(&quoted, "'");
	for (const char *c = path; *c; c++) {
		if (*c == '\'')
			str_add(&quoted, "'\\'");
		str_add_mem(&quoted, c, 1);
	}
	str_add(&quoted, "'");
	return quoted.data;
}
