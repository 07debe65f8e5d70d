/*
 * write_file.c - writes what the user named by -o. Owns temporary names and modes.
 */
#include "write_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef int writer(FILE *f, void *ctx, struct err *err);

static int close_written(FILE *f, const char *path, int result, struct err *err)
{
	if (fclose(f) && !result)
		return err_set(err, "%s: %s", path, strerror(errno));
	return result;
}

static int write_special(const char *path, writer *write, void *ctx, struct err *err)
{
	FILE *f = fopen(path, "we");

	if (!f)
		return err_set(err, "%s: %s", path, strerror(errno));
	return close_written(f, path, write(f, ctx, err), err);
}

int write_file(const char *path, writer *write, void *ctx, struct err *err)
{
	struct stat st;

	if (!strcmp(path, "-"))
		return write(stdout, ctx, err);
	if (!stat(path, &st) && !S_ISREG(st.st_mode))
		return write_special(path, write, ctx, err);
	char *temp = xasprintf("%s.XXXXXX", path);
	int fd = mkostemp(temp, O_CLOEXEC), result = -1;
	FILE *f = fd < 0 ? NULL : fdopen(fd, "w");
	if (!f) {
		err_set(err, "%s: %s", path, strerror(errno));
	} else {
		/* mkostemp makes it private; a profile is as public as what else we write. */
		mode_t mask = umask(0);
		umask(mask);
		fchmod(fd, 0666 & ~mask);
		result = close_written(f, path, write(f, ctx, err), err);
		if (!result && rename(temp, path))
			result = err_set(err, "%s: %s", path, strerror(errno));
		if (result)
			unlink(temp);
	}
	free(temp);
	return result;
}
