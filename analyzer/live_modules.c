/*
 * live_modules.c - from mappings to modules: which belong together, and under which name each file
 * can be opened from here (another root, another mount namespace, a file that was replaced).
 */
#include "live_modules.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "elf_image.h"

static bool is_file(const struct live_map *m)
{
	return m->path[0] == '/' || !strcmp(m->path, "[vdso]");
}

/* maps[first..): how many are of one image of one file. */
static uint32_t run_length(const struct live_maps *maps, uint32_t first)
{
	const struct live_map *a = &maps->at[first];
	uint32_t n = 1;

	for (; first + n < maps->n; n++) {
		const struct live_map *b = &maps->at[first + n];

		/* .bss stands between parts of some; a second image begins at 0 again. */
		if (b->path != a->path || b->inode != a->inode || b->device != a->device ||
		    b->offset <= a->offset)
			break;
	}
	return n;
}

static const char *keep(struct live_modules *l, int fd)
{
	char path[64];

	if (fd < 0)
		return NULL;
	l->fd = xgrow(l->fd, l->n_fds, &l->cap_fds, sizeof(*l->fd));
	l->fd[l->n_fds++] = fd;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return intern(path);
}

static bool is_same(const char *path, const struct live_map *m)
{
	struct stat st;
	uint64_t device;

	if (stat(path, &st) || (uint64_t)st.st_ino != m->inode)
		return false;
	device = (uint64_t)major(st.st_dev) << 32 | minor(st.st_dev);
	/* Some file systems tell two numbers for one device: the build id decides in the end. */
	return S_ISREG(st.st_mode) && (device == m->device || !m->deleted);
}

/* A name to open it by, interned; NULL: there is none. */
static const char *file_of(struct live_modules *l, const struct target *t,
                           const struct live_map *maps, uint32_t n)
{
	char path[96];

	if (maps->path[0] != '/')
		return keep(l, elf_image_copy(t->pid, maps, n));
	if (!maps->deleted) {
		char *there = target_path(t, maps->path);
		const char *file = is_same(there, maps) ? intern(there) : NULL;

		free(there);
		if (file)
			return file;
	}
	snprintf(path, sizeof(path), "/proc/%d/exe", (int)t->pid);
	if (is_same(path, maps))
		return intern(path);
	snprintf(path, sizeof(path), "/proc/%d/map_files/%llx-%llx", (int)t->pid,
	         (unsigned long long)maps->start, (unsigned long long)maps->end);
	if (is_same(path, maps))
		return intern(path);
	return keep(l, elf_image_copy(t->pid, maps, n));
}

static void add(struct live_modules *l, const struct target *t, const struct live_map *maps,
                uint32_t n, uint32_t *cap)
{
	static const char own[] = "liboutlive.so";
	struct module m = {
	        .path = maps->path, .build_id = "", .start = maps->start, .end = maps[n - 1].end};
	const char *code = NULL;

	for (uint32_t i = 0; i < n; i++)
		if (maps[i].executable)
			code = maps[i].path;
	if (!code)
		return;
	m.file = file_of(l, t, maps, n);
	if (!strcmp(module_basename(&m), own))
		m.flags |= FMT_MODULE_OUTLIVE;
	uint32_t cap_unwind = *cap;
	l->unwind = xgrow(l->unwind, l->n, &cap_unwind, sizeof(*l->unwind));
	l->module = xgrow(l->module, l->n, cap, sizeof(*l->module));
	l->unwind[l->n] = (struct unwind_module){.file = m.file, .start = m.start, .end = m.end};
	l->module[l->n++] = m;
}

void live_modules_find(struct live_modules *l, const struct target *t, const struct live_maps *maps)
{
	uint32_t cap = 0;

	*l = (struct live_modules){0};
	for (uint32_t i = 0, n; i < maps->n; i += n) {
		n = run_length(maps, i);
		if (is_file(&maps->at[i]))
			add(l, t, &maps->at[i], n, &cap);
	}
}

uint32_t live_modules_at(const struct live_modules *l, uint64_t address)
{
	uint32_t lo = 0, hi = l->n;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (l->module[mid].end <= address)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < l->n && l->module[lo].start <= address ? lo + 1 : 0;
}

void live_modules_free(struct live_modules *l)
{
	for (uint32_t i = 0; i < l->n_fds; i++)
		close(l->fd[i]);
	free(l->fd);
	free(l->unwind);
	free(l->module);
	*l = (struct live_modules){0};
}
