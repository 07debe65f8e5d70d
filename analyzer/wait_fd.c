/*
 * wait_fd.c - descriptors of a live process by name. A socket's addresses stand in the tables of
 * its network namespace. Context: the analyzer; the texts are other people's.
 */
#include "wait_fd.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "live_maps.h"

enum { FEW = 4, MOST_SOCKETS = 1 << 17, LISTENING = 10, ACCEPTS = 0x10000 };

struct wait_socket {
	uint64_t inode;
	const char *text;
};

/* ---- /proc/PID/net ---- */

static void add_socket(struct wait_fds *fds, uint64_t inode, const char *text)
{
	if (!inode || fds->n == MOST_SOCKETS)
		return;
	fds->socket = xgrow(fds->socket, fds->n, &fds->cap, sizeof(*fds->socket));
	fds->socket[fds->n++] = (struct wait_socket){inode, intern(text)};
}

/* n hexadecimal digits. */
static uint32_t hex(const char *digits, size_t n)
{
	char text[9] = "";

	memcpy(text, digits, n);
	return (uint32_t)strtoul(text, NULL, 16);
}

/* "0100007F:0050", or 32 digits: words of the processor's byte order. */
static void add_address(struct str *s, const char *at)
{
	char text[INET6_ADDRSTRLEN] = "?";
	size_t n = strcspn(at, ": \n");
	uint32_t word[4] = {0}, port = 0;

	for (size_t i = 0; i < n / 8 && i < 4; i++)
		word[i] = hex(at + 8 * i, 8);
	if (at[n] == ':')
		port = (uint32_t)strtoul(at + n + 1, NULL, 16);
	inet_ntop(n == 8 ? AF_INET : AF_INET6, word, text, sizeof(text));
	str_addf(s, n == 8 ? "%s:%u" : "[%s]:%u", text, port);
}

/* Behind n fields. */
static const char *skip(const char *at, int n)
{
	for (at += strspn(at, " "); n-- > 0; at += strspn(at, " "))
		at += strcspn(at, " \n");
	return at;
}

/* "  0: local remote st queues timer retr uid timeout inode ..." */
static void read_inet(struct wait_fds *fds, const char *line, const char *protocol)
{
	const char *local = skip(line, 1), *remote = skip(line, 2);
	struct str s = {0};

	str_addf(&s, "%s ", protocol);
	add_address(&s, local);
	if (strtoul(skip(line, 3), NULL, 16) == LISTENING && !strncmp(protocol, "tcp", 3)) {
		str_add(&s, ", listening");
	} else if (strspn(remote, "0") < strcspn(remote, ":")) {
		str_add(&s, " from ");
		add_address(&s, remote);
	}
	add_socket(fds, strtoull(skip(line, 9), NULL, 10), s.data);
	str_free(&s);
}

/* "address: count protocol flags type state inode path" */
static void read_unix(struct wait_fds *fds, const char *line)
{
	const char *path = skip(line, 7);
	size_t n = strcspn(path, "\n");
	struct str s = {0};

	str_add(&s, "unix socket");
	if (n)
		str_addf(&s, " %.*s", (int)n, path);
	if (strtoul(skip(line, 3), NULL, 16) & ACCEPTS)
		str_add(&s, ", listening");
	add_socket(fds, strtoull(skip(line, 6), NULL, 10), s.data);
	str_free(&s);
}

static void read_table(struct wait_fds *fds, const char *name)
{
	char path[64], *line = NULL;
	size_t cap = 0;

	snprintf(path, sizeof(path), "/proc/%d/net/%s", (int)fds->pid, name);
	FILE *f = fopen(path, "re");
	if (!f)
		return;
	while (getline(&line, &cap, f) > 0) {
		if (strcmp(name, "unix"))
			read_inet(fds, line, name);
		else
			read_unix(fds, line);
	}
	free(line);
	fclose(f);
}

static int by_inode(const void *a, const void *b)
{
	const struct wait_socket *x = a, *y = b;

	return (x->inode > y->inode) - (x->inode < y->inode);
}

static const char *socket_text(struct wait_fds *fds, uint64_t inode)
{
	static const char *const tables[] = {"tcp", "tcp6", "udp", "udp6", "unix"};
	struct wait_socket key = {.inode = inode};

	if (!fds->read) {
		for (size_t i = 0; i < sizeof(tables) / sizeof(*tables); i++)
			read_table(fds, tables[i]);
		if (fds->n)
			qsort(fds->socket, fds->n, sizeof(*fds->socket), by_inode);
		fds->read = true;
	}
	const struct wait_socket *found =
	        fds->n ? bsearch(&key, fds->socket, fds->n, sizeof(key), by_inode) : NULL;
	return found ? found->text : NULL;
}

/* ---- one descriptor ---- */

const char *wait_fd_names(struct wait_fds *fds, int64_t fd)
{
	char path[64], to[4096];
	static const char socket[] = "socket:[";

	snprintf(path, sizeof(path), "/proc/%d/fd/%lld", (int)fds->pid, (long long)fd);
	ssize_t n = readlink(path, to, sizeof(to) - 1);
	if (n <= 0)
		return NULL;
	to[n] = 0;
	if (!strncmp(to, socket, sizeof(socket) - 1)) {
		const char *text = socket_text(fds, strtoull(to + sizeof(socket) - 1, NULL, 10));

		return text ? text : "socket";
	}
	if (!strncmp(to, "anon_inode:", 11))
		return intern(to + 11);
	return intern(to);
}

static void fill_poll(struct wait_fds *fds, struct wait_reason *r)
{
	struct pollfd list[FEW];
	uint32_t n = r->n_fds < FEW ? r->n_fds : FEW;
	struct str s = {0};

	if (!n || live_read(fds->pid, r->address, list, n * sizeof(*list)) != n * sizeof(*list))
		return;
	for (uint32_t i = 0; i < n; i++) {
		const char *names = list[i].fd >= 0 ? wait_fd_names(fds, list[i].fd) : NULL;

		str_addf(&s, "%sfd %d", i ? ", " : "", list[i].fd);
		if (names)
			str_addf(&s, " (%s)", names);
	}
	if (r->n_fds > n)
		str_addf(&s, ", %u more", r->n_fds - n);
	r->names = intern(s.data);
	str_free(&s);
}

/* The set of those to read: where a service waits. */
static void fill_select(struct wait_fds *fds, struct wait_reason *r)
{
	uint64_t set[1024 / 64] = {0};
	uint32_t n = r->n_fds < 1024 ? r->n_fds : 1024, found = 0;
	size_t bytes = (n + 63) / 64 * 8;
	struct str s = {0};

	if (!r->address || !n || live_read(fds->pid, r->address, set, bytes) != bytes)
		return;
	for (uint32_t fd = 0; fd < n; fd++) {
		if (!(set[fd / 64] >> fd % 64 & 1) || found++ >= FEW)
			continue;
		const char *names = wait_fd_names(fds, fd);

		str_addf(&s, "%sfd %u", s.len ? ", " : "", fd);
		if (names)
			str_addf(&s, " (%s)", names);
	}
	if (found > FEW)
		str_addf(&s, ", %u more", found - FEW);
	r->names = s.data ? intern(s.data) : NULL;
	str_free(&s);
}

void wait_fd_fill(struct wait_fds *fds, struct wait_reason *r)
{
	if (r->kind == WAIT_POLL)
		fill_poll(fds, r);
	else if (r->kind == WAIT_SELECT)
		fill_select(fds, r);
	else if (r->fd >= 0)
		r->names = wait_fd_names(fds, r->fd);
}

void wait_fds_free(struct wait_fds *fds)
{
	free(fds->socket);
	fds->socket = NULL;
	fds->n = fds->cap = 0;
}
