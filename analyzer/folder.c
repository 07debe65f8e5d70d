/*
 * folder.c - finds the first and the last snapshot of a process in a folder, by what the files say
 * of themselves: names can be changed.
 */
#include "folder.h"

#include "profile.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* The snapshots of one image of one process. */
struct image {
	const char *boot_id, *command;
	uint64_t pid, start, last_time, first_sequence, last_sequence;
	char *first, *last, *peak;
	unsigned n;
};

struct images {
	struct image *at;
	uint32_t n, cap;
	unsigned unreadable;
	struct err why; /* of the first of those */
};

static struct image *image_of(struct images *all, const struct info *info)
{
	for (uint32_t i = 0; i < all->n; i++) {
		struct image *m = &all->at[i];
		if (m->pid == INFO_U(info, PID) && m->start == INFO_U(info, START_TIME) &&
		    m->boot_id == INFO_S(info, BOOT_ID))
			return m;
	}
	all->at = xgrow(all->at, all->n, &all->cap, sizeof(*all->at));
	struct image *m = &all->at[all->n++];
	*m = (struct image){.boot_id = INFO_S(info, BOOT_ID),
	                    .command = INFO_S(info, COMMAND),
	                    .pid = INFO_U(info, PID),
	                    .start = INFO_U(info, START_TIME)};
	return m;
}

static void add_file(struct images *all, char *path)
{
	struct snapshot *s;
	struct err err;

	if (load_snapshot_info(path, &s, &err)) {
		if (!all->unreadable++)
			all->why = err;
		free(path);
		return;
	}
	struct image *m = image_of(all, &s->info);
	/* Of some moment between the others: neither a first nor a last. */
	if (INFO_U(&s->info, REASON) == FMT_REASON_PEAK) {
		free(m->peak);
		m->peak = path;
		snapshot_free(s);
		return;
	}
	uint64_t sequence = INFO_U(&s->info, SEQUENCE), time = INFO_U(&s->info, TIME);
	if (!m->n || sequence < m->first_sequence) {
		free(m->first);
		m->first = xstrdup(path);
		m->first_sequence = sequence;
	}
	if (!m->n || sequence > m->last_sequence) {
		free(m->last);
		m->last = xstrdup(path);
		m->last_sequence = sequence;
		m->last_time = time;
	}
	m->n++;
	snapshot_free(s);
	free(path);
}

static int read_folder(const char *path, struct images *all, struct err *err)
{
	struct dirent **entry;
	int n = scandir(path, &entry, NULL, alphasort);

	if (n < 0)
		return err_set(err, "%s: %s", path, strerror(errno));
	for (int i = 0; i < n; i++) {
		size_t len = strlen(entry[i]->d_name);
		if (len > 5 && !strcmp(entry[i]->d_name + len - 5, ".snap"))
			add_file(all, xasprintf("%s/%s", path, entry[i]->d_name));
		free(entry[i]);
	}
	free(entry);
	return 0;
}

static bool better(const struct image *a, const struct image *b)
{
	if (!b || a->n != b->n)
		return !b || a->n > b->n;
	return a->last_time > b->last_time;
}

/* "comparing server (pid 4711, 5 snapshots); also there: --pid 4712 (sh, 2), ..." */
static char *describe(const struct images *all, const struct image *chosen, bool by_pid)
{
	struct str s = {0};
	unsigned others = 0;

	str_addf(&s, "comparing %s (pid %llu, %u snapshots)", chosen->command,
	         (unsigned long long)chosen->pid, chosen->n);
	for (uint32_t i = 0; i < all->n; i++) {
		const struct image *m = &all->at[i];
		if (m == chosen || m->n < 2 || (by_pid && m->pid != chosen->pid))
			continue;
		if (++others <= 8)
			str_addf(&s, "%s --pid %llu (%s, %u snapshots)",
			         others == 1 ? "; also there:" : ",", (unsigned long long)m->pid,
			         m->command, m->n);
	}
	if (others > 8)
		str_addf(&s, " and %u more", others - 8);
	if (!others)
		str_free(&s);
	return s.data;
}

static int choose(const char *path, uint64_t pid, const struct images *all,
                  struct folder_choice *out, struct err *err)
{
	const struct image *chosen = NULL;

	for (uint32_t i = 0; i < all->n; i++)
		if ((!pid || all->at[i].pid == pid) && all->at[i].n > 1 &&
		    better(&all->at[i], chosen))
			chosen = &all->at[i];
	if (!chosen) {
		char which[64] = "";
		if (pid)
			snprintf(which, sizeof(which), " with pid %llu", (unsigned long long)pid);
		return err_set(err,
		               "%s: no process%s has two snapshots there (%u process%s; %u file%s "
		               "unreadable%s%s)",
		               path, which, all->n, all->n == 1 ? "" : "es", all->unreadable,
		               all->unreadable == 1 ? "" : "s", all->unreadable ? ": " : "",
		               all->unreadable ? all->why.text : "");
	}
	*out = (struct folder_choice){xstrdup(chosen->first), xstrdup(chosen->last),
	                              describe(all, chosen, pid != 0)};
	return 0;
}

int folder_choose(const char *path, uint64_t pid, struct folder_choice *out, struct err *err)
{
	struct images all = {0};
	int rc = read_folder(path, &all, err);

	*out = (struct folder_choice){0};
	if (!rc)
		rc = choose(path, pid, &all, out, err);
	for (uint32_t i = 0; i < all.n; i++) {
		free(all.at[i].first);
		free(all.at[i].last);
		free(all.at[i].peak);
	}
	free(all.at);
	return rc;
}

void folder_choice_free(struct folder_choice *c)
{
	free(c->first);
	free(c->last);
	free(c->note);
	*c = (struct folder_choice){0};
}

/* ---- all of them ---- */

static int by_start(const void *a, const void *b)
{
	const struct image *x = a, *y = b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	return x->pid < y->pid ? -1 : x->pid > y->pid;
}

static int add_path(const char *path, struct images *all, struct err *err)
{
	struct stat st;

	if (stat(path, &st))
		return err_set(err, "%s: %s", path, strerror(errno));
	if (S_ISDIR(st.st_mode))
		return read_folder(path, all, err);
	add_file(all, xstrdup(path));
	return 0;
}

/* `all` becomes *out. */
static void hand_over(struct images *all, struct folder_images *out)
{
	if (all->n)
		qsort(all->at, all->n, sizeof(*all->at), by_start);
	out->at = xcalloc(all->n + 1, sizeof(*out->at));
	out->n = all->n;
	for (uint32_t i = 0; i < all->n; i++) {
		struct image *m = &all->at[i];
		if (!m->n) {
			m->first = xstrdup(m->peak);
			m->last = xstrdup(m->peak);
		}
		out->at[i] = (struct folder_image){.first = m->first,
		                                   .last = m->last,
		                                   .peak = m->peak,
		                                   .pid = m->pid,
		                                   .last_time = m->last_time,
		                                   .n = m->n};
	}
	free(all->at);
}

int folder_look(const char *path, struct folder_images *out, struct err *err)
{
	struct images all = {0};
	int rc = read_folder(path, &all, err);

	hand_over(&all, out);
	return rc;
}

int folder_images(const char *const *path, size_t n, struct folder_images *out, struct err *err)
{
	struct images all = {0};
	int rc = 0;

	*out = (struct folder_images){0};
	for (size_t i = 0; !rc && i < n; i++)
		rc = add_path(path[i], &all, err);
	if (!rc && all.unreadable)
		rc = err_set(err, "%s", all.why.text);
	hand_over(&all, out);
	if (rc)
		folder_images_free(out);
	return rc;
}

void folder_images_free(struct folder_images *images)
{
	for (size_t i = 0; i < images->n; i++) {
		free(images->at[i].first);
		free(images->at[i].last);
		free(images->at[i].peak);
	}
	free(images->at);
	*images = (struct folder_images){0};
}
