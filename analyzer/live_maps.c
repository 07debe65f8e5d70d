/*
 * live_maps.c - reads /proc/PID/maps, and memory of another process. Owns nothing but the list; the
 * names in it are other people's.
 */
#include "live_maps.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

static const char DELETED[] = " (deleted)";

uint64_t live_number(const char **at, int base)
{
	char *end;
	uint64_t n = strtoull(*at, &end, base);

	if (end == *at)
		return 0;
	*at = *end ? end + 1 : end;
	return n;
}

/* "start-end rwxp offset major:minor inode   path" */
static bool parse_line(const char *line, struct live_map *m)
{
	const char *at = line;

	*m = (struct live_map){.start = live_number(&at, 16)};
	m->end = live_number(&at, 16);
	if (m->end <= m->start || strlen(at) < 5)
		return false;
	m->readable = at[0] == 'r';
	m->writable = at[1] == 'w';
	m->executable = at[2] == 'x';
	at += 5;
	m->offset = live_number(&at, 16);
	m->device = live_number(&at, 16) << 32;
	m->device |= live_number(&at, 16);
	m->inode = live_number(&at, 10);
	at += strspn(at, " ");
	size_t n = strcspn(at, "\n"), end = sizeof(DELETED) - 1;
	m->deleted = n >= end && !strncmp(at + n - end, DELETED, end);
	m->path = intern_mem(at, m->deleted ? n - end : n);
	return true;
}

int live_maps_read(struct live_maps *m, pid_t pid, struct err *err)
{
	char path[64], *line = NULL;
	size_t cap = 0;
	struct live_map one;

	*m = (struct live_maps){0};
	snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
	FILE *f = fopen(path, "re");
	if (!f)
		return err_set(err, "cannot read %s: %s", path, strerror(errno));
	while (getline(&line, &cap, f) > 0) {
		if (!parse_line(line, &one))
			continue;
		m->at = xgrow(m->at, m->n, &m->cap, sizeof(*m->at));
		m->at[m->n++] = one;
	}
	free(line);
	fclose(f);
	return 0;
}

const struct live_map *live_maps_find(const struct live_maps *m, uint64_t address)
{
	uint32_t lo = 0, hi = m->n;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (m->at[mid].end <= address)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < m->n && m->at[lo].start <= address ? &m->at[lo] : NULL;
}

void live_maps_free(struct live_maps *m)
{
	free(m->at);
	*m = (struct live_maps){0};
}

size_t live_read(pid_t pid, uint64_t address, void *to, size_t n)
{
	struct iovec here = {to, n}, there = {(void *)(uintptr_t)address, n};
	ssize_t got = process_vm_readv(pid, &here, 1, &there, 1, 0);

	return got > 0 ? (size_t)got : 0;
}
