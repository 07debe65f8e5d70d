/*
 * dpkg.c - reads dpkg's lists of files. Runs no program, asks no network.
 */
#include "dpkg.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_LIST = 64 << 20 };

/* Some of Debian's packages have no -dbgsym: their debug information came before those did. A '*'
 * stands for what it takes over. */
static const struct {
	const char *package, *debug;
} special[] = {
        {"libc6", "libc6-dbg"},
        {"python3.*-minimal", "python3.*-dbg"},
        {"libpython3.*-minimal", "python3.*-dbg"},
        {"libpython3.*-stdlib", "python3.*-dbg"},
        {"libpython3.*", "python3.*-dbg"},
        {"python3.*", "python3.*-dbg"},
};

static bool has_line(const char *text, size_t n, const char *line)
{
	size_t want = strlen(line);

	for (const char *at = text, *end = text + n;
	     (at = memmem(at, (size_t)(end - at), line, want)); at++)
		if ((at == text || at[-1] == '\n') && (at + want == end || at[want] == '\n'))
			return true;
	return false;
}

static bool lists(int folder, const char *name, const char *const path[2])
{
	int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	bool found = false;

	if (fd < 0)
		return false;
	if (!fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_size > 0 && st.st_size <= MAX_LIST) {
		size_t n = (size_t)st.st_size;
		char *text = mmap(NULL, n, PROT_READ, MAP_PRIVATE, fd, 0);
		if (text != MAP_FAILED) {
			for (int i = 0; i < 2 && !found; i++)
				found = path[i] && has_line(text, n, path[i]);
			munmap(text, n);
		}
	}
	close(fd);
	return found;
}

/* "libfoo1:amd64.list" is of libfoo1; NULL for another file. */
static char *package_of(const char *name)
{
	size_t n = strlen(name);

	if (n <= 5 || strcmp(name + n - 5, ".list"))
		return NULL;
	size_t colon = strcspn(name, ":");
	return xasprintf("%.*s", (int)(colon < n ? colon : n - 5), name);
}

char *dpkg_owner(const char *folder, const char *path)
{
	DIR *dir = *path == '/' ? opendir(folder) : NULL;
	bool in_usr = !strncmp(path, "/usr/", 5);
	/* A package may list a file by the name that it had before / and /usr became one. */
	char *other = in_usr ? xstrdup(path + 4) : xasprintf("/usr%s", path), *owner = NULL;
	const char *const names[2] = {path, other};

	for (struct dirent *d; dir && !owner && (d = readdir(dir));) {
		char *package = package_of(d->d_name);
		if (package && lists(dirfd(dir), d->d_name, names))
			owner = package;
		else
			free(package);
	}
	if (dir)
		closedir(dir);
	free(other);
	return owner;
}

char *dpkg_debug_package(const char *package)
{
	for (size_t i = 0; i < sizeof(special) / sizeof(*special); i++) {
		const char *from = special[i].package, *star = strchr(from, '*');
		size_t before = star ? (size_t)(star - from) : strlen(from),
		       after = star ? strlen(star + 1) : 0, n = strlen(package);
		if (!star && !strcmp(from, package))
			return xstrdup(special[i].debug);
		if (!star || n <= before + after || strncmp(from, package, before) ||
		    strcmp(package + n - after, star + 1))
			continue;
		const char *to = special[i].debug, *to_star = strchr(to, '*');
		return xasprintf("%.*s%.*s%s", (int)(to_star - to), to, (int)(n - before - after),
		                 package + before, to_star + 1);
	}
	return xasprintf("%s-dbgsym", package);
}
