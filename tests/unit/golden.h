/*
 * golden.h - what was printed, against tests/golden/<name>.out. GOLDEN_WRITE=1 writes the file
 * anew: read the difference before committing it. After check.h; runs in the project's folder.
 */
#ifndef OUTLIVE_GOLDEN_H
#define OUTLIVE_GOLDEN_H

#include "analyzer/util.h"
#include "check.h"

static inline char *golden_read(const char *path)
{
	struct str s = {0};
	char buf[4096];
	size_t n;
	FILE *f = fopen(path, "r");

	str_add(&s, "");
	while (f && (n = fread(buf, 1, sizeof buf, f)) > 0)
		str_add_mem(&s, buf, n);
	if (f)
		fclose(f);
	return s.data;
}

/* Fails with the first line that differs from tests/golden/<name>.out. */
static inline void golden_compare(const char *name, const char *got)
{
	char path[200];

	snprintf(path, sizeof path, "tests/golden/%s.out", name);
	if (getenv("GOLDEN_WRITE")) {
		FILE *f = fopen(path, "w");
		OK(f && fputs(got, f) >= 0 && !fclose(f));
		return;
	}
	char *want = golden_read(path);
	const char *g = got, *w = want;
	for (int line = 1; *g || *w; line++) {
		size_t n = strcspn(g, "\n"), m = strcspn(w, "\n");
		if (n != m || memcmp(g, w, n)) {
			FAIL("%s:%d differs:\n#  got: %.*s\n# want: %.*s", path, line, (int)n, g,
			     (int)m, w);
			break;
		}
		g += n + (g[n] == '\n');
		w += m + (w[m] == '\n');
	}
	free(want);
}

#endif
