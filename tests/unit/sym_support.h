/*
 * sym_support.h - for the tests of the symbolizer: programs compiled in several ways in a folder
 * that is removed at the end, and snapshots made by hand that name addresses in them.
 */
#ifndef OUTLIVE_SYM_SUPPORT_H
#define OUTLIVE_SYM_SUPPORT_H

#include <elfutils/libdwelf.h>
#include <fcntl.h>
#include <gelf.h>
#include <stdarg.h>
#include <sys/stat.h>

#include "analyzer/sym.h"
#include "analyzer/util.h"
#include "tests/unit/check.h"

#define SOURCE "tests/progs/sym_inline.cc"

/* Not every test needs all of this. */
#pragma GCC diagnostic ignored "-Wunused-function"

/* What the tests forget stays reachable, so that leaks of the code under test stand out. */
static struct kept {
	struct kept *next;
	void *p;
} * g_kept;

static void *keep(void *p)
{
	struct kept *k = xmalloc(sizeof(*k));

	*k = (struct kept){g_kept, p};
	g_kept = k;
	return p;
}

__attribute__((format(printf, 1, 2))) static const char *text(const char *fmt, ...)
{
	char *s;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&s, fmt, ap) < 0)
		abort();
	va_end(ap);
	return keep(s);
}

static char g_folder[64];
static pid_t g_folder_owner;

static void remove_folder(void)
{
	if (getpid() == g_folder_owner)
		if (system(text("rm -rf %s", g_folder)))
			FAIL("%s stays", g_folder);
}

/* A folder of this test's own; the cache goes there too. */
static const char *folder(void)
{
	if (!g_folder[0]) {
		strcpy(g_folder, "/tmp/outlive-symbols-XXXXXX");
		if (!mkdtemp(g_folder))
			abort();
		g_folder_owner = getpid();
		atexit(remove_folder);
		setenv("XDG_CACHE_HOME", g_folder, 1);
	}
	return g_folder;
}

/* In the folder D of this test; fails the test when the command does. */
__attribute__((format(printf, 1, 2))) static void sh(const char *fmt, ...)
{
	char command[2048];
	va_list ap;
	int n = snprintf(command, sizeof(command), "D=%s; ", folder());

	va_start(ap, fmt);
	vsnprintf(command + n, sizeof(command) - (size_t)n, fmt, ap);
	va_end(ap);
	if (system(command))
		FAIL("failed: %s", command);
}

/* The absolute path of a file in the folder; never freed. */
static const char *in_folder(const char *name)
{
	return text("%s/%s", folder(), name);
}

/* Compiles the test program under a name of its own. */
static const char *compile(const char *name, const char *flags)
{
	sh("${CXX:-c++} -std=c++17 -O2 -g -Wl,--build-id %s -o $D/%s " SOURCE, flags, name);
	return in_folder(name);
}

static const char *build_id_of(const char *path)
{
	struct sym_elf *e = sym_elf_open(path);
	const char *id = e ? intern(e->build_id) : "";

	sym_elf_close(e);
	return id;
}

/* From the file's symbol table. */
static uint64_t address_of(const char *path, const char *symbol)
{
	struct sym_elf *e = sym_elf_open(path);
	uint64_t found = 0;

	for (Elf_Scn *s = NULL; e && (s = elf_nextscn(e->elf, s));) {
		GElf_Shdr h;
		GElf_Sym sym;

		if (!gelf_getshdr(s, &h) || h.sh_type != SHT_SYMTAB)
			continue;
		Elf_Data *data = elf_getdata(s, NULL);
		for (int i = 0; gelf_getsym(data, i, &sym); i++)
			if (!strcmp(elf_strptr(e->elf, h.sh_link, sym.st_name), symbol))
				found = sym.st_value;
	}
	sym_elf_close(e);
	if (!found)
		FAIL("no symbol %s in %s", symbol, path);
	return found;
}

/* The number of the only line of the source that holds text. */
static unsigned line_with(const char *text)
{
	FILE *f = fopen(SOURCE, "r");
	char buf[1024];
	unsigned n = 0, found = 0;

	while (f && fgets(buf, sizeof(buf), f)) {
		n++;
		if (strstr(buf, text) && !strstr(buf, "define"))
			found = n;
	}
	if (f)
		fclose(f);
	if (!found)
		FAIL("no line with %s", text);
	return found;
}

/* One module, addresses that are exact. */
struct asked {
	struct module module[2];
	struct location *location;
	struct snapshot snapshot;
};

static struct asked *ask(const char *path, const char *build_id, const uint64_t *address, size_t n,
                         const struct symbolize_options *o)
{
	static const struct symbolize_options no_cache = {.no_cache = true};
	struct asked *a = keep(xcalloc(1, sizeof(*a)));
	struct err err;

	a->module[0] = (struct module){.path = "", .build_id = ""};
	a->module[1] = (struct module){.path = path, .build_id = build_id};
	a->location = keep(xcalloc(n, sizeof(*a->location)));
	for (size_t i = 0; i < n; i++)
		a->location[i] = (struct location){
		        .module = 1, .flags = FMT_NODE_EXACT, .address = address[i]};
	a->snapshot = (struct snapshot){.module = a->module,
	                                .n_modules = 2,
	                                .location = a->location,
	                                .n_locations = (uint32_t)n};
	EQ(symbolize_snapshot(&a->snapshot, o ? o : &no_cache, &err), 0);
	return a;
}

static const struct location *ask_one(const char *path, uint64_t address)
{
	return ask(path, build_id_of(path), &address, 1, NULL)->location;
}

/* Runs what follows in a child (the symbolizer remembers for the life of the process); its failures
 * count. */
#define IN_CHILD(...)                                                       \
	do {                                                                \
		int in_status = 0;                                          \
		fflush(stdout);                                             \
		pid_t in_pid = fork();                                      \
		if (!in_pid) {                                              \
			check_bad = 0;                                      \
			__VA_ARGS__;                                        \
			fflush(stdout);                                     \
			_exit(check_bad != 0);                              \
		}                                                           \
		waitpid(in_pid, &in_status, 0);                             \
		if (in_status)                                              \
			FAIL("the child ended with status %#x", in_status); \
	} while (0)

#endif
