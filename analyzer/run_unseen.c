/*
 * run_unseen.c - silence must not be taken for "no leaks", nor every program that is ended before
 * it has begun for one that cannot be seen. Reads the programs' files (command.c), after the run.
 */
#include "run_unseen.h"

#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "command.h"

enum { SHOWN = 5 };

struct unseen {
	const char *path, *why; /* why: "static"; NULL: its file does not tell */
	size_t n;
};
struct run_unseen {
	struct unseen *at;
	uint32_t n, cap;
};

struct run_unseen *run_unseen_new(void)
{
	return xcalloc(1, sizeof(struct run_unseen));
}

void run_unseen_add(struct run_unseen *u, const char *path)
{
	for (uint32_t i = 0; i < u->n; i++)
		if (u->at[i].path == path) {
			u->at[i].n++;
			return;
		}
	u->at = xgrow(u->at, u->n, &u->cap, sizeof(*u->at));
	u->at[u->n++] = (struct unseen){path, NULL, 1};
}

static int by_number(const void *a, const void *b)
{
	const struct unseen *x = a, *y = b;

	if (x->n != y->n)
		return x->n > y->n ? -1 : 1;
	return strcmp(x->path, y->path);
}

static void add_paths(struct str *s, const struct run_unseen *u, bool known)
{
	size_t n = 0;

	for (uint32_t i = 0; i < u->n; i++) {
		const struct unseen *p = &u->at[i];
		if ((p->why != NULL) != known || n++ >= SHOWN)
			continue;
		str_addf(s, n > 1 ? ", %zu of " : " %zu process%s of ", p->n,
		         p->n == 1 ? "" : "es");
		str_add_safe(s, p->path);
		if (p->why)
			str_addf(s, " (%s)", p->why);
	}
	if (n > SHOWN)
		str_addf(s, ", and %zu more programs", n - SHOWN);
}

static bool any(const struct run_unseen *u, bool known, bool own)
{
	for (uint32_t i = 0; i < u->n; i++)
		if ((u->at[i].why != NULL) == known &&
		    (!own || !check_is_system_path(u->at[i].path)))
			return true;
	return false;
}

static void note(struct findings *f, const struct run_unseen *u, bool known, bool accept)
{
	bool open = known && !accept && any(u, true, true);
	struct str s = {0};

	str_add(&s, "not seen:");
	add_paths(&s, u, known);
	if (!known)
		str_add(&s, ", started without liboutlive.so, or ended before it was loaded");
	else if (open)
		str_add(&s, ": LD_PRELOAD does not reach them, so nothing is known of what they "
		            "leave (--unseen accept: that is as it should be)");
	findings_note(f, open, s.data);
	str_free(&s);
}

void run_unseen_report(struct run_unseen *u, bool accept, struct findings *f)
{
	struct command c;

	for (uint32_t i = 0; i < u->n; i++) {
		command_inspect(u->at[i].path, &c);
		u->at[i].why = c.why;
		f->n_unseen += u->at[i].n;
		command_free(&c);
	}
	if (u->n)
		qsort(u->at, u->n, sizeof(*u->at), by_number);
	for (int known = 1; known >= 0; known--)
		if (any(u, known, false))
			note(f, u, known, accept);
	free(u->at);
	free(u);
}
