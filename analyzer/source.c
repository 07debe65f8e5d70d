/*
 * source.c - finds and reads source text. Names come from debug information, which other people
 * made: nothing but a regular file of a bounded size is read.
 */
#include "source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_FILE = 64 << 20 };

static char *read_all(int fd, size_t n)
{
	char *text = xmalloc(n + 1);
	size_t got = 0;

	while (got < n) {
		ssize_t r = read(fd, text + got, n - got);
		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			break;
		got += (size_t)r;
	}
	text[got] = 0;
	return text;
}

static void split(struct source *s)
{
	uint32_t cap = 0;

	for (char *at = s->text, *end; *at; at = end) {
		s->line = xgrow(s->line, s->n_lines, &cap, sizeof(*s->line));
		s->line[s->n_lines++] = at;
		end = at + strcspn(at, "\n");
		if (*end)
			*end++ = 0;
		size_t n = strlen(at);
		if (n && at[n - 1] == '\r')
			at[n - 1] = 0;
	}
}

/* main.c, x.cpp, lib.rs: headers of C++ alone have no ending. */
static bool is_named_as_source(const char *path)
{
	static const char *const endings[] = {
	        "c", "h",   "cc",  "hh",  "cpp", "hpp", "cxx", "hxx", "C",   "H",  "inc", "inl",
	        "i", "ipp", "tcc", "def", "s",   "S",   "asm", "rs",  "go",  "d",  "m",   "mm",
	        "f", "F",   "f90", "F90", "adb", "ads", "y",   "l",   "zig", "py", "pyx", NULL};
	const char *slash = strrchr(path, '/'), *dot = strrchr(slash ? slash : path, '.');

	for (size_t i = 0; dot && endings[i]; i++)
		if (!strcmp(dot + 1, endings[i]))
			return true;
	return false;
}

/* Whoever made the debug information chose the name, and what we show may be shown to others: so
 * keys and passwords are no source. */
static bool may_show(const char *path, const struct stat *st)
{
	return S_ISREG(st->st_mode) && st->st_size <= MAX_FILE &&
	       (st->st_mode & S_IROTH || is_named_as_source(path));
}

/* O_NONBLOCK: what is behind the name may be a pipe that nobody writes to. */
static bool try(struct source *s, const char *path)
{
	struct stat st;
	int fd = stat(path, &st) || !may_show(path, &st)
	                 ? -1
	                 : open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return false;
	bool good = !fstat(fd, &st) && may_show(path, &st);
	if (good) {
		s->text = read_all(fd, (size_t)st.st_size);
		s->path = xstrdup(path);
		s->changed_ns = (uint64_t)st.st_mtim.tv_sec * UINT64_C(1000000000) +
		                (uint64_t)st.st_mtim.tv_nsec;
		split(s);
	}
	close(fd);
	return good;
}

/* The longest end of the file's path that is there in the folder. */
static bool try_folder(struct source *s, const char *folder, size_t n, const char *file)
{
	bool found = false;

	for (const char *rest = file; rest && *rest && !found;) {
		rest += strspn(rest, "/");
		char *path = xasprintf("%.*s/%s", (int)n, folder, rest);
		found = try(s, path);
		free(path);
		rest = strchr(rest, '/');
	}
	return found;
}

bool source_open(struct source *s, const char *file, const char *folders)
{
	*s = (struct source){0};
	if (!file)
		return false;
	for (const char *at = folders; at && *at;) {
		size_t n = strcspn(at, ":");
		size_t bare = n;
		while (bare > 1 && at[bare - 1] == '/')
			bare--;
		if (n && try_folder(s, at, bare, file))
			return true;
		at += n + (at[n] == ':');
	}
	/* A relative name would mean another file wherever we are started. */
	return *file == '/' && try(s, file);
}

void source_close(struct source *s)
{
	free(s->path);
	free(s->text);
	free(s->line);
	*s = (struct source){0};
}
