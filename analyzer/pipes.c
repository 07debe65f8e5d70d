/*
 * pipes.c - see pipes.h. A pipe's end is known by what liboutlive.so writes of it: "pipe:[12] read
 * end". Owns its table; changes nothing in the snapshot.
 */
#include "pipes.h"

#include <stdlib.h>
#include <string.h>

/* False: no end of a pipe, or one end that both reads and writes. */
static bool parse(const struct fd *f, struct pipe_end *end)
{
	static const char prefix[] = "pipe:[";
	char *rest;

	if (f->kind != FMT_FD_PIPE || !f->names || strncmp(f->names, prefix, sizeof(prefix) - 1))
		return false;
	end->id = strtoull(f->names + sizeof(prefix) - 1, &rest, 10);
	end->fd = f->fd;
	end->writes = !strcmp(rest, "] write end");
	return end->writes || !strcmp(rest, "] read end");
}

static int compare(const void *a, const void *b)
{
	const struct pipe_end *x = a, *y = b;

	if (x->id != y->id)
		return x->id < y->id ? -1 : 1;
	if (x->writes != y->writes)
		return x->writes ? 1 : -1;
	return x->fd < y->fd ? -1 : x->fd > y->fd;
}

struct pipes pipes_of(const struct snapshot *s)
{
	struct pipes p = {xcalloc(s->n_fds ? s->n_fds : 1, sizeof(*p.at)), 0};

	for (uint32_t i = 0; i < s->n_fds; i++)
		p.n += parse(&s->fd[i], &p.at[p.n]);
	qsort(p.at, p.n, sizeof(*p.at), compare);
	return p;
}

bool pipes_other_end(const struct pipes *p, const struct fd *f, uint32_t *other, bool *is_pipe)
{
	struct pipe_end want;
	uint32_t lo = 0, hi = p->n;

	*is_pipe = parse(f, &want);
	if (!*is_pipe)
		return false;
	want.writes = !want.writes;
	want.fd = 0;
	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		if (compare(&p->at[mid], &want) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo == p->n || p->at[lo].id != want.id || p->at[lo].writes != want.writes)
		return false;
	*other = p->at[lo].fd;
	return true;
}
