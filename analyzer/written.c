/*
 * written.c - see written.h. What is removed is called outlive.<command>.<pid>.<number>.snap,
 * whatever becomes of the folders on its way meanwhile.
 */
#include "written.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* outlive.<command>.<pid>.<number>.snap */
static bool is_named_for(const char *path, pid_t pid)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	char *middle = xasprintf(".%d.", (int)pid);
	size_t n = strlen(name), digits;
	const char *at = NULL;

	for (const char *next = strstr(name, middle); next; next = strstr(next + 1, middle))
		at = next + strlen(middle);
	digits = at ? strspn(at, "0123456789") : 0;
	free(middle);
	return !strncmp(name, "outlive.", 8) && n > 13 && digits && !strcmp(at + digits, ".snap");
}

/* A file system may give the files of root to another: among our own it does not matter. */
static bool is_of(const struct target *t, const struct stat *st)
{
	uid_t we = geteuid();

	return (t->uid == we && t->euid == we) || st->st_uid == t->uid || st->st_uid == t->euid;
}

int written_open(const struct target *t, const char *path, struct err *err)
{
	struct stat st;

	/* To open a device can be an act: first see what it is. */
	if (lstat(path, &st))
		return err_set(err, "%s: %s", path, strerror(errno));
	int fd = S_ISREG(st.st_mode) && is_named_for(path, t->ns_pid)
	                 ? open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY)
	                 : -1;
	if (fd >= 0 && !fstat(fd, &st) && S_ISREG(st.st_mode) && is_of(t, &st))
		return fd;
	if (fd >= 0)
		close(fd);
	return err_set(err, "process %d (%s) names a file that is no snapshot of its own",
	               (int)t->pid, t->comm);
}

int written_take(const struct target *t, const char *path, struct err *err)
{
	int fd = written_open(t, path, err);

	if (fd >= 0)
		unlink(path);
	return fd;
}
