/*
 * older.c - finds the snapshots of one run and holds their waits against one another, one file in
 * memory at a time beside the last one.
 */
#include "older.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "folder.h"
#include "kinds_waits.h"

struct found {
	char *path;
	uint64_t uptime;
};
struct founds {
	struct found *at;
	uint32_t n, cap;
	struct snapshot *first; /* who it is, of the first that was found */
};

static bool is_folder(const char *path)
{
	struct stat st;

	return !stat(path, &st) && S_ISDIR(st.st_mode);
}

/* must: a file of another run is an error, and not just another's. */
static int add(struct founds *f, const char *path, bool must, struct err *err)
{
	struct snapshot *s;
	struct err why;

	if (load_snapshot_info(path, &s, must ? err : &why))
		return must ? -1 : 0;
	bool same = !f->first || snapshot_same_run(f->first, s);
	uint64_t uptime = INFO_U(&s->info, UPTIME);
	if (same) {
		f->at = xgrow(f->at, f->n, &f->cap, sizeof(*f->at));
		f->at[f->n++] = (struct found){xasprintf("%s", path), uptime};
	}
	if (!f->first)
		f->first = s;
	else
		snapshot_free(s);
	if (same || !must)
		return 0;
	return err_set(err, "%s and %s are not of one run of one program", f->at[0].path, path);
}

static int add_folder(struct founds *f, const char *folder, struct err *err)
{
	DIR *dir = opendir(folder);

	if (!dir)
		return err_set(err, "cannot read %s: %s", folder, strerror(errno));
	for (struct dirent *e; (e = readdir(dir));) {
		size_t n = strlen(e->d_name);

		if (n < 5 || strcmp(e->d_name + n - 5, ".snap"))
			continue;
		char *path = xasprintf("%s/%s", folder, e->d_name);
		add(f, path, false, err);
		free(path);
	}
	closedir(dir);
	return 0;
}

/* The process is chosen as `diff` of a folder does. */
static int find_folder(struct founds *f, const char *folder, struct older_files *out,
                       struct err *err)
{
	struct folder_choice choice;
	int rc = folder_choose(folder, 0, &choice, err);

	if (!rc)
		rc = load_snapshot_info(choice.last, &f->first, err);
	if (!rc)
		rc = add_folder(f, folder, err);
	if (!rc && choice.note)
		out->note = xasprintf("%s", choice.note);
	folder_choice_free(&choice);
	return rc;
}

static int by_uptime(const void *a, const void *b)
{
	const struct found *x = a, *y = b;

	return x->uptime < y->uptime ? -1 : x->uptime > y->uptime;
}

int older_files_find(char *const *path, size_t n, struct older_files *out, struct err *err)
{
	struct founds f = {0};
	int rc = 0;

	*out = (struct older_files){0};
	if (n == 1 && is_folder(path[0]))
		rc = find_folder(&f, path[0], out, err);
	else
		for (size_t i = 0; i < n && !rc; i++)
			rc = add(&f, path[i], true, err);
	if (f.n)
		qsort(f.at, f.n, sizeof(*f.at), by_uptime);
	for (uint32_t i = 0; i < f.n; i++) {
		out->path = xgrow(out->path, out->n, &out->cap, sizeof(*out->path));
		out->path[out->n++] = f.at[i].path;
	}
	snapshot_free(f.first);
	free(f.at);
	if (!rc && !out->n)
		rc = err_set(err, "%s: no snapshots", path[0]);
	return rc;
}

void older_files_free(struct older_files *files)
{
	for (uint32_t i = 0; i < files->n; i++)
		free(files->path[i]);
	free(files->path);
	free(files->note);
}

int older_files_compare(const struct older_files *files, const struct snapshot *b,
                        struct kinds_older *older, struct err *err)
{
	if (files->n < 2)
		return 0;
	kinds_older_begin(older, b);
	for (uint32_t i = 0; i + 1 < files->n; i++) {
		struct snapshot *e;

		if (load_snapshot(files->path[i], &e, err))
			return -1;
		kinds_older_add(older, e, b);
		snapshot_free(e);
	}
	return 0;
}
