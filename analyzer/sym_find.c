/*
 * sym_find.c - finds the files that know a module: itself, and where its debug information was
 * split off to. What is found must carry the snapshot's build id (or, where there is none, the
 * checksum of .gnu_debuglink): wrong names are worse than none. libdwfl is not used: it would ask
 * the network when DEBUGINFOD_URLS is set.
 */
#include <elfutils/libdwelf.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "sym.h"

#define DEBUG_ROOT "/usr/lib/debug"

struct search {
	struct sym_files *files;
	const char *build_id; /* wanted, "" if none */
	const char *link;     /* name in .gnu_debuglink, or NULL */
	GElf_Word link_crc;
	char *dir; /* the module's folder, no slash at the end */
	const char *base;
};

static bool crc_equals(const struct sym_elf *e, uint32_t want)
{
	size_t n;
	const char *raw = elf_rawfile(e->elf, &n);
	uLong crc = crc32(0, NULL, 0);

	for (size_t at = 0; raw && at < n; at += 1u << 30)
		crc = crc32(crc, (const Bytef *)raw + at,
		            (uInt)(n - at < 1u << 30 ? n - at : 1u << 30));
	return raw && crc == want;
}

static bool fits(const struct search *s, const struct sym_elf *e)
{
	if (s->build_id[0])
		return !strcmp(e->build_id, s->build_id);
	return s->link && crc_equals(e, s->link_crc);
}

/* True when this was the debug file; takes path. */
static bool try_file(struct search *s, char *path)
{
	struct sym_elf *e = sym_elf_open(path);

	free(path);
	if (!e)
		return false;
	const struct sym_elf *m = s->files->main;
	bool itself = m && m->st.st_dev == e->st.st_dev && m->st.st_ino == e->st.st_ino;
	bool useful = e->has_dwarf || (e->has_symtab && !(m && m->has_symtab));
	if (itself || !useful || !fits(s, e)) {
		sym_elf_close(e);
		return false;
	}
	s->files->debug = e;
	return true;
}

static bool try_build_id(struct search *s, const char *root)
{
	const char *id = s->build_id;

	if (strlen(id) < 3 || strspn(id, "0123456789abcdef") != strlen(id))
		return false;
	return try_file(s, xasprintf("%s/.build-id/%.2s/%s.debug", root, id, id + 2));
}

static bool try_user_dir(struct search *s, const char *root)
{
	return try_build_id(s, root) ||
	       (s->link && try_file(s, xasprintf("%s%s/%s", root, s->dir, s->link))) ||
	       (s->link && try_file(s, xasprintf("%s/%s", root, s->link))) ||
	       (s->base[0] && (try_file(s, xasprintf("%s/%s.debug", root, s->base)) ||
	                       try_file(s, xasprintf("%s/%s", root, s->base))));
}

static void find_debug(struct search *s, const char *const *dirs)
{
	for (; dirs && *dirs; dirs++)
		if (try_user_dir(s, *dirs))
			return;
	if (try_build_id(s, DEBUG_ROOT) || !s->link)
		return;
	(void)(try_file(s, xasprintf("%s/%s", s->dir, s->link)) ||
	       try_file(s, xasprintf("%s/.debug/%s", s->dir, s->link)) ||
	       try_file(s, xasprintf(DEBUG_ROOT "%s/%s", s->dir, s->link)));
}

static enum symbol_source source_of(const struct sym_files *f, bool other_build)
{
	if ((f->main && f->main->has_dwarf) || (f->debug && f->debug->has_dwarf))
		return SYMBOLS_DWARF;
	if ((f->main && f->main->has_symtab) || f->debug)
		return SYMBOLS_SYMTAB;
	if (!f->main)
		return other_build ? SYMBOLS_OTHER_BUILD : SYMBOLS_NO_FILE;
	struct sym_table t = {0};
	sym_table_add(&t, f->main);
	bool any = t.n;
	sym_table_free(&t);
	return any ? SYMBOLS_DYNSYM : SYMBOLS_NONE;
}

void sym_files_find(struct sym_files *f, const struct module *m, const char *const *debug_dirs)
{
	struct search s = {.files = f, .build_id = m->build_id};
	bool other_build = false;

	*f = (struct sym_files){0};
	const char *file = m->file ? m->file : m->path;
	f->main = file[0] == '/' ? sym_elf_open(file) : NULL;
	if (f->main && strcmp(f->main->build_id, m->build_id)) {
		other_build = true;
		sym_elf_close(f->main);
		f->main = NULL;
	}
	if (!f->main || !f->main->has_dwarf) {
		const char *slash = strrchr(m->path, '/');

		s.dir = xasprintf("%.*s", slash ? (int)(slash - m->path) : 0, m->path);
		s.base = slash ? slash + 1 : m->path;
		s.link = f->main ? dwelf_elf_gnu_debuglink(f->main->elf, &s.link_crc) : NULL;
		if (s.link && (strchr(s.link, '/') || !s.link[0]))
			s.link = NULL;
		find_debug(&s, debug_dirs);
		free(s.dir);
	}
	f->source = source_of(f, other_build);
}

void sym_files_close(struct sym_files *f)
{
	sym_elf_close(f->main);
	sym_elf_close(f->debug);
	*f = (struct sym_files){0};
}

static void describe(struct str *s, const struct sym_elf *e)
{
	if (e)
		str_addf(s, "%s\n%llu %llu %lld %lld.%09ld\n", e->path,
		         (unsigned long long)e->st.st_dev, (unsigned long long)e->st.st_ino,
		         (long long)e->st.st_size, (long long)e->st.st_mtim.tv_sec,
		         e->st.st_mtim.tv_nsec);
	else
		str_add(s, "-\n");
}

uint64_t sym_files_identity(const struct sym_files *f)
{
	struct str s = {0};
	uint64_t hash = 0xcbf29ce484222325u;

	str_add(&s, OUTLIVE_VERSION "\n"); /* another version may give other names */
	describe(&s, f->main);
	describe(&s, f->debug);
	for (size_t i = 0; i < s.len; i++)
		hash = (hash ^ (unsigned char)s.data[i]) * 0x100000001b3u; /* FNV-1a */
	str_free(&s);
	return hash ? hash : 1;
}
