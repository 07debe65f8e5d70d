/*
 * perf_map.c - names of code that was made at run time, from /tmp/perf-PID.map: "start size name"
 * in hex, one a line, as node --perf-basic-prof, perf-map-agent and others write it. Anybody can
 * put files into /tmp: only one that belongs to the process's user or to root is read. Context: the
 * analyzer's one thread.
 */
#include <ctype.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sym.h"

enum { MAX_LINE = 8192 };
/* The file's time is the last write; a coarse clock may be that much behind. */
#define SLACK_NS 2000000000ull

static FILE *open_map(uint64_t pid, uint64_t uid, uint64_t started_ns)
{
	const char *folder = getenv("OUTLIVE_PERF_MAP_DIR");
	char *path =
	        xasprintf("%s/perf-%llu.map", folder ? folder : "/tmp", (unsigned long long)pid);
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;

	free(path);
	if (fd < 0)
		return NULL;
	if (!fstat(fd, &st) && S_ISREG(st.st_mode) && (st.st_uid == uid || st.st_uid == 0)) {
		uint64_t written =
		        (uint64_t)st.st_mtim.tv_sec * 1000000000u + (uint64_t)st.st_mtim.tv_nsec;
		FILE *f = written + SLACK_NS >= started_ns ? fdopen(fd, "r") : NULL;
		if (f)
			return f;
	}
	close(fd);
	return NULL;
}

/* "12:3" behind the last but one colon: the line, and text cut before it; 0 if there is none. */
static uint32_t cut_position(char *text)
{
	uint32_t line = 0;

	for (int i = 0; i < 2; i++) {
		char *colon = strrchr(text, ':');

		if (!colon || !isdigit((unsigned char)colon[1]) ||
		    colon[1 + strspn(colon + 1, "0123456789")])
			return line;
		line = (uint32_t)strtoul(colon + 1, NULL, 10);
		*colon = 0;
	}
	return line;
}

/* The blank before the file: names of functions ("get size") and of files have blanks too. */
static char *file_of(char *name)
{
	static const char *const begin[] = {" file:", " node:", " /"};
	char *first = NULL;

	for (size_t i = 0; i < sizeof(begin) / sizeof(*begin); i++) {
		char *at = strstr(name, begin[i]);

		if (at && (!first || at < first))
			first = at;
	}
	return first ? first : strrchr(name, ' ');
}

/* V8: "JS:*name file:///folder/file.js:12:3", where the sign before the name is how far it was
 * compiled. */
static bool read_javascript(char *text, struct line *out)
{
	static const char *const kind[] = {"JS:", "LazyCompile:", "Function:", "Script:", "Eval:"};
	char *name = NULL;

	for (size_t i = 0; i < sizeof(kind) / sizeof(*kind) && !name; i++)
		if (!strncmp(text, kind[i], strlen(kind[i])))
			name = text + strlen(kind[i]);
	if (!name)
		return false;
	name += strspn(name, "*~^+");
	char *file = file_of(name);
	if (file) {
		*file++ = 0;
		out->number = out->start = cut_position(file);
		if (!strncmp(file, "file://", 7))
			file += 7;
		out->file = *file ? intern(file) : NULL;
	}
	out->function = out->linkage = intern(*name ? name : "(anonymous)");
	return true;
}

static struct line *line_of(char *text)
{
	struct line *line = sym_lines_new(1);

	if (!read_javascript(text, line))
		line->function = line->linkage = intern(text);
	return line;
}

void perf_map_resolve(uint64_t pid, uint64_t uid, uint64_t started_ns, const uint64_t *address,
                      size_t n, struct sym_answer *answer)
{
	FILE *f = open_map(pid, uid, started_ns);
	char text[MAX_LINE];

	/* Code moves and is thrown away: of entries that overlap, the last written holds. */
	while (f && fgets(text, sizeof(text), f)) {
		char *end, *name;
		uint64_t start = strtoull(text, &end, 16);
		uint64_t size = strtoull(end, &name, 16);
		size_t i = sym_lower_bound(address, n, start);

		text[strcspn(text, "\n")] = 0;
		if (end == text || name == end || *name != ' ' || i == n ||
		    address[i] - start >= size)
			continue;
		struct line *line = line_of(name + 1);
		for (; i < n && address[i] - start < size; i++) {
			answer[i].line = line;
			answer[i].n_lines = 1;
		}
	}
	if (f)
		fclose(f);
}
