/*
 * run_folder.c - makes the private folder of a gate, and clears it away.
 *
 * Whoever may write to it may put anything there under any name: nothing of it is followed or run,
 * and only files in it are removed.
 */
#include "run_folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char *make_folder(const char *parent)
{
	char *path = xasprintf("%s/outlive-check.XXXXXX", parent);

	if (mkdtemp(path))
		return path;
	free(path);
	return NULL;
}

/* An empty file, which processes of any user may add to if ours is root. */
static int make_tally(struct run_folder *r, struct err *err)
{
	r->tally = xasprintf("%s/processes", r->path);
	int fd = open(r->tally, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0)
		return err_set(err, "%s: %s", r->tally, strerror(errno));
	/* Processes that give up root's rights write there, too. */
	if (!geteuid() && (fchmod(fd, 0666) || chmod(r->path, S_ISVTX | 0777))) {
		close(fd);
		return err_set(err, "%s: %s", r->path, strerror(errno));
	}
	close(fd);
	return 0;
}

int run_folder_make(struct run_folder *r, const char *out, bool aside, struct err *err)
{
	const char *temporary = getenv("TMPDIR");

	*r = (struct run_folder){0};
	if (!aside) {
		mkdir(out, 0777);
		r->path = make_folder(out);
	}
	if (!r->path && temporary && *temporary == '/')
		r->path = make_folder(temporary);
	if (!r->path)
		r->path = make_folder("/tmp");
	if (!r->path)
		return err_set(err, "no folder can be made, neither in %s nor in /tmp: %s", out,
		               strerror(errno));
	if (aside)
		r->keep = xstrdup(out);
	return make_tally(r, err);
}

/* ---- what stays ---- */

static bool copy_file(const char *from, const char *to)
{
	int in = open(from, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	int out = in < 0 ? -1 : open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	char part[65536];
	ssize_t n = -1;

	while (out >= 0 && (n = read(in, part, sizeof(part))) > 0)
		if (write(out, part, (size_t)n) != n)
			break;
	if (in >= 0)
		close(in);
	bool done = out >= 0 && !close(out) && !n;
	if (out >= 0 && !done)
		unlink(to);
	return done;
}

static bool is_wanted(const struct findings *f, uint32_t process)
{
	if (f->process[process].unclear)
		return true;
	for (size_t i = 0; i < f->n_counted; i++)
		if (f->at[i].share[0].process == process)
			return true;
	return false;
}

/* The process's snapshot, which is in r->path, to `folder`. */
static void move(struct finding_process *p, const char *folder)
{
	const char *slash = strrchr(p->path, '/');
	char *to = xasprintf("%s%s", folder, slash);

	if (!rename(p->path, to) || copy_file(p->path, to))
		p->path = intern(to);
	free(to);
}

static void clear(const struct run_folder *r, const struct findings *f)
{
	DIR *d = opendir(r->path);

	for (struct dirent *e; d && (e = readdir(d));) {
		bool wanted = !strcmp(e->d_name, ".") || !strcmp(e->d_name, "..");
		char *path = xasprintf("%s/%s", r->path, e->d_name);
		for (size_t i = 0; f && !wanted && i < f->n_processes; i++)
			wanted = f->process[i].path && !strcmp(f->process[i].path, path) &&
			         is_wanted(f, (uint32_t)i);
		if (!wanted)
			unlink(path);
		free(path);
	}
	if (d)
		closedir(d);
	rmdir(r->path);
}

void run_folder_tidy(struct run_folder *r, struct findings *f)
{
	char *stays = NULL;

	for (uint32_t i = 0; r->keep && i < f->n_processes; i++) {
		if (!f->process[i].path || !is_wanted(f, i))
			continue;
		if (!stays)
			stays = make_folder(r->keep);
		if (!stays)
			break;
		move(&f->process[i], stays);
	}
	clear(r, f);
	free(stays);
}

void run_folder_remove(struct run_folder *r)
{
	if (r->path)
		clear(r, NULL);
}

void run_folder_free(struct run_folder *r)
{
	free(r->path);
	free(r->tally);
	free(r->keep);
	*r = (struct run_folder){0};
}
