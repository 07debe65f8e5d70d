/*
 * command.c - finds a command's file as the shell would, follows scripts to their interpreters, and
 * says in a sentence why a program could not be seen: LD_PRELOAD is ignored in silence, and silence
 * must not be taken for "no leaks".
 */
#include "command.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "elf_command.h"
#include "machine.h"

/* Scripts may name scripts: as deep as the kernel goes. */
#define MAX_SCRIPTS 5

static bool is_executable(const char *path, int *error)
{
	struct stat st;

	if (stat(path, &st)) {
		if (errno != ENOENT && errno != ENOTDIR)
			*error = errno;
		return false;
	}
	if (S_ISREG(st.st_mode) && !access(path, X_OK))
		return true;
	*error = EACCES;
	return false;
}

/* The file that execvp(name) would run, to be freed; NULL with *error. */
static char *find_file(const char *name, int *error)
{
	*error = ENOENT;
	if (strchr(name, '/') || !*name)
		return *name && is_executable(name, error) ? xstrdup(name) : NULL;
	const char *path = getenv("PATH");
	for (const char *at = path ? path : "/bin:/usr/bin";; at++) {
		size_t n = strcspn(at, ":");
		char *file = n ? xasprintf("%.*s/%s", (int)n, at, name) : xasprintf("./%s", name);
		if (is_executable(file, error))
			return file;
		free(file);
		at += n;
		if (!*at)
			return NULL;
	}
}

/* The program that "#!/usr/bin/env [-S] [NAME=VALUE] name" asks for, or the interpreter itself. */
static char *interpreter_of(char *line)
{
	char *save, *word = strtok_r(line, " \t\r\n", &save);
	int error;

	if (!word)
		return NULL;
	const char *slash = strrchr(word, '/');
	if (strcmp(slash ? slash + 1 : word, "env"))
		return xstrdup(word);
	while ((word = strtok_r(NULL, " \t\r\n", &save)))
		if (*word != '-' && !strchr(word, '='))
			return find_file(word, &error);
	return NULL;
}

/* The interpreter of the script at path, to be freed; NULL: it is none. What has no "#!" either,
 * execvp gives to sh. */
static char *script_interpreter(const char *path, bool is_elf)
{
	char head[512];
	int fd = is_elf ? -1 : open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t n = fd < 0 ? -1 : read(fd, head, sizeof head - 1);

	if (fd >= 0)
		close(fd);
	if (n < 0)
		return NULL;
	head[n] = 0;
	if (head[0] != '#' || head[1] != '!')
		return xstrdup("/bin/sh");
	head[strcspn(head, "\n")] = 0;
	return interpreter_of(head + 2);
}

/* True when the kernel will run it with other rights than ours, and the loader then ignores
 * LD_PRELOAD. */
static const char *changes_rights(const char *path)
{
	struct stat st;

	if (stat(path, &st))
		return NULL;
	if (st.st_mode & S_ISUID && st.st_uid != getuid())
		return "setuid";
	if (st.st_mode & S_ISGID && st.st_mode & S_IXGRP && st.st_gid != getgid())
		return "setgid";
	if (getuid() && getxattr(path, "security.capability", NULL, 0) > 0)
		return "given file capabilities";
	return NULL;
}

/* why: NULL where the library is loaded, and sees nothing. */
static void blind(struct command *c, const char *why, char *warning)
{
	free(c->warning);
	c->warning = warning;
	c->why = why;
	c->blind = true;
}

static void judge_sanitizer(struct command *c, const struct elf_facts *f)
{
	const char *options = getenv("ASAN_OPTIONS");
	bool lets_us_in = options && strstr(options, "verify_asan_link_order=0");

	/* liboutlive.so knows that by itself (real.c), wherever such a program is started. */
	if (!strcmp(f->sanitizer, "ThreadSanitizer") || !strcmp(f->sanitizer, "MemorySanitizer")) {
		blind(c, "built with a sanitizer",
		      xasprintf("%s is built with %s, which bears no other look at its memory; it "
		                "runs without outlive: build it without -fsanitize",
		                c->program, f->sanitizer));
		c->keep_out = true;
		return;
	}
	if (f->sanitizer_inside) {
		blind(c, NULL,
		      xasprintf("%s has %s linked in, which answers malloc itself: nothing of "
		                "its heap can be seen; build "
		                "it without -fsanitize, or let the sanitizer look for leaks "
		                "(ASAN_OPTIONS=detect_leaks=1)",
		                c->program, f->sanitizer));
		return;
	}
	if (strcmp(f->sanitizer, "AddressSanitizer") || lets_us_in)
		return;
	blind(c, "built with AddressSanitizer",
	      xasprintf("%s is built with AddressSanitizer, which refuses to start behind "
	                "another library; "
	                "ASAN_OPTIONS=verify_asan_link_order=0 lets outlive in, "
	                "ASAN_OPTIONS=detect_leaks=1 "
	                "without outlive lets the sanitizer look for leaks. It runs without",
	                c->program));
	c->keep_out = true;
}

static void judge(struct command *c, const struct elf_facts *f)
{
	const char *rights = changes_rights(c->program);
	const char *slash = strrchr(f->loader, '/');

	if (!f->is_native)
		blind(c, "for another architecture",
		      xasprintf("%s is a program for another architecture (32 bits?); "
		                "liboutlive.so is for " MACHINE_NAME,
		                c->program));
	else if (!f->is_dynamic && f->is_go)
		blind(c, "Go without C",
		      xasprintf("%s is a Go program without C code: it calls no libc, so there "
		                "is nothing to see; Go has "
		                "net/http/pprof for this",
		                c->program));
	else if (!f->is_dynamic)
		blind(c, "static",
		      xasprintf("%s is linked statically: it has no loader that would load "
		                "liboutlive.so, so nothing of "
		                "it can be seen; link it dynamically",
		                c->program));
	else if (rights)
		blind(c, rights,
		      xasprintf("%s is %s: the loader then ignores LD_PRELOAD, so nothing of it "
		                "can be seen; run it as "
		                "the user that it becomes",
		                c->program, rights));
	else if ((c->keep_out = !strncmp(slash ? slash + 1 : f->loader, "ld-musl", 7)))
		blind(c, "for musl libc",
		      xasprintf("%s is for musl libc; liboutlive.so is for glibc, so it runs "
		                "without",
		                c->program));
	else if (f->sanitizer)
		judge_sanitizer(c, f);
	else if (f->has_malloc)
		blind(c, NULL,
		      xasprintf("%s exports a malloc of its own (an allocator linked into it), "
		                "which wins over "
		                "liboutlive.so's: its heap cannot be seen; link it to the "
		                "allocator's shared library",
		                c->program));
	else if (f->is_go)
		c->warning = xasprintf("%s is a Go program: only what its C code allocates is "
		                       "seen, not Go's own heap",
		                       c->program);
}

void command_inspect(const char *name, struct command *c)
{
	struct elf_facts facts;

	*c = (struct command){0};
	c->path = find_file(name, &c->error);
	if (!c->path)
		return;
	c->program = xstrdup(c->path);
	for (int i = 0; i < MAX_SCRIPTS; i++) {
		elf_facts_read(c->program, &facts);
		c->is_elf |= facts.is_elf && !i;
		char *next = script_interpreter(c->program, facts.is_elf);
		if (!next)
			break;
		free(c->program);
		c->program = next;
	}
	if (facts.is_elf)
		judge(c, &facts);
}

void command_free(struct command *c)
{
	free(c->path);
	free(c->program);
	free(c->warning);
	*c = (struct command){0};
}
