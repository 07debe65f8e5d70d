/*
 * sym_cache.c - answers of earlier runs, in ~/.cache/outlive (or $XDG_CACHE_HOME/outlive), one file
 *a build id. A file is written under another name and renamed, so that runs side by side see a
 *whole one; the last writer wins, and what is lost so is looked up again. A file that is damaged,
 *not ours, or was made from other files is as good as none.
 *
 * The file, in the machine's byte order (it stays on this machine):
 *
 *	struct header
 *	u64 address[n_answers]		ascending
 *	u32 first[n_answers + 1]	lines of answer i: first[i] .. first[i + 1]
 *	struct cached_line[n_lines]	strings by number, 0 for none
 *	u32 offset[n_strings + 1]	of string 1, 2, ... in text
 *	char text[text_bytes]		strings, each ended by NUL
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

#include "sym.h"

/* The number is raised when other names would be given to the same file. */
#define MAGIC "OLSYMS\2\n"
enum { MAX_FILE = 64 << 20, MAX_ALL = 256 << 20, STALE_SECONDS = 3600, NAME_SIZE = 160 };

struct header {
	char magic[8];
	uint64_t identity;
	uint32_t crc; /* of all behind the header */
	uint32_t n_answers, n_lines, n_strings, text_bytes, zero;
};
struct cached_line {
	uint32_t function, linkage, file, number, start;
};
/* Pointers into a file's content. */
struct content {
	const struct header *h;
	const uint64_t *address;
	const uint32_t *first;
	const struct cached_line *line;
	const uint32_t *offset;
	const char *text;
};

static uint64_t size_of(const struct header *h)
{
	return sizeof(*h) + (uint64_t)h->n_answers * sizeof(uint64_t) +
	       ((uint64_t)h->n_answers + 1) * sizeof(uint32_t) +
	       (uint64_t)h->n_lines * sizeof(struct cached_line) +
	       ((uint64_t)h->n_strings + 1) * sizeof(uint32_t) + h->text_bytes;
}

/* h's counts must have been held against the size of the memory behind it. */
static struct content layout(const struct header *h)
{
	struct content c = {.h = h};

	c.address = (const void *)(h + 1);
	c.first = (const void *)(c.address + h->n_answers);
	c.line = (const void *)(c.first + h->n_answers + 1);
	c.offset = (const void *)(c.line + h->n_lines);
	c.text = (const void *)(c.offset + h->n_strings + 1);
	return c;
}

/* The cache's folder, made if need be; -1 where there is none, or where others could write into it.
 */
static int open_folder(void)
{
	const char *base = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
	char path[PATH_MAX];
	struct stat st;
	int n;

	if (base && base[0] == '/')
		n = snprintf(path, sizeof(path), "%s", base);
	else if (home && home[0] == '/')
		n = snprintf(path, sizeof(path), "%s/.cache", home);
	else
		return -1;
	if (n < 0 || (size_t)n + sizeof("/outlive") > sizeof(path))
		return -1;
	mkdir(path, 0700);
	snprintf(path + n, sizeof(path) - (size_t)n, "/outlive");
	mkdir(path, 0700);
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0 && !fstat(fd, &st) && st.st_uid == geteuid() && !(st.st_mode & 022))
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

/* A build id comes from a snapshot: nothing but hex becomes a file's name. */
static bool file_name(char name[NAME_SIZE], const char *build_id)
{
	size_t n = strlen(build_id);

	if (n < 8 || n > 128 || strspn(build_id, "0123456789abcdef") != n)
		return false;
	snprintf(name, NAME_SIZE, "%s.sym", build_id);
	return true;
}

/* ---- reading ---- */

static bool is_sound(const struct content *c)
{
	const struct header *h = c->h;

	if (c->first[0] || c->first[h->n_answers] != h->n_lines || c->offset[0] ||
	    c->offset[h->n_strings] != h->text_bytes)
		return false;
	for (uint32_t i = 0; i < h->n_answers; i++)
		if (c->first[i] > c->first[i + 1] || (i && c->address[i - 1] >= c->address[i]))
			return false;
	for (uint32_t i = 0; i < h->n_lines; i++) {
		const struct cached_line *l = &c->line[i];

		if (l->function > h->n_strings || l->linkage > h->n_strings ||
		    l->file > h->n_strings)
			return false;
	}
	for (uint32_t i = 0; i < h->n_strings; i++)
		if (c->offset[i] >= c->offset[i + 1] || c->offset[i + 1] > h->text_bytes ||
		    c->text[c->offset[i + 1] - 1])
			return false;
	return true;
}

static void *read_all(int fd, size_t n)
{
	char *data = xmalloc(n);
	size_t got = 0;

	while (got < n) {
		ssize_t r = read(fd, data + got, n - got);

		if (r <= 0) {
			free(data);
			return NULL;
		}
		got += (size_t)r;
	}
	return data;
}

static void *read_file(int folder, const char *name, uint64_t identity)
{
	int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;
	struct header *h = NULL;

	if (fd < 0)
		return NULL;
	if (!fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_uid == geteuid() &&
	    st.st_size >= (off_t)sizeof(*h) && st.st_size <= MAX_FILE)
		h = read_all(fd, (size_t)st.st_size);
	close(fd);
	if (h && !memcmp(h->magic, MAGIC, sizeof(h->magic)) && !h->zero &&
	    size_of(h) == (uint64_t)st.st_size && (!identity || h->identity == identity) &&
	    h->crc == crc32(0, (const Bytef *)(h + 1), (uInt)(st.st_size - (off_t)sizeof(*h))))
		return h;
	free(h);
	return NULL;
}

static void take_answers(const struct content *c, struct sym_answers *out)
{
	const struct header *h = c->h;
	struct line *line = sym_lines_new(h->n_lines);
	const char **string = xcalloc((size_t)h->n_strings + 1, sizeof(*string));

	for (uint32_t i = 0; i < h->n_strings; i++)
		string[i + 1] = intern(c->text + c->offset[i]);
	for (uint32_t i = 0; i < h->n_lines; i++) {
		const struct cached_line *l = &c->line[i];

		line[i] = (struct line){string[l->function], string[l->linkage], string[l->file],
		                        l->number, l->start};
	}
	free(string);
	out->n = h->n_answers;
	out->at = xcalloc(out->n ? out->n : 1, sizeof(*out->at));
	for (size_t i = 0; i < out->n; i++)
		out->at[i] = (struct sym_answer){c->address[i], line + c->first[i],
		                                 c->first[i + 1] - c->first[i]};
}

void sym_cache_load(const char *build_id, uint64_t identity, struct sym_answers *out)
{
	char name[NAME_SIZE];
	int folder = file_name(name, build_id) ? open_folder() : -1;

	*out = (struct sym_answers){0};
	if (folder < 0)
		return;
	struct header *h = read_file(folder, name, identity);
	if (h) {
		struct content c = layout(h);

		if (is_sound(&c)) {
			take_answers(&c, out);
			utimensat(folder, name, NULL, 0); /* used: the last to be thrown away */
		}
	}
	free(h);
	close(folder);
}

/* ---- writing ---- */

/* Strings are interned: equal ones are the same pointer, so pointers are sorted and numbered. */
struct strings {
	const char **at;
	uint32_t n;
};

static int by_pointer(const void *a, const void *b)
{
	const char *x = *(const char *const *)a, *y = *(const char *const *)b;

	return (x > y) - (x < y);
}

static struct strings collect_strings(const struct sym_answers *a, size_t n_lines)
{
	struct strings s = {xcalloc(3 * n_lines + 1, sizeof(char *)), 0};
	size_t n = 0;

	for (size_t i = 0; i < a->n; i++)
		for (uint32_t k = 0; k < a->at[i].n_lines; k++) {
			const struct line *l = &a->at[i].line[k];
			const char *const each[] = {l->function, l->linkage, l->file};

			for (int j = 0; j < 3; j++)
				if (each[j])
					s.at[n++] = each[j];
		}
	qsort(s.at, n, sizeof(*s.at), by_pointer);
	for (size_t i = 0; i < n; i++)
		if (!s.n || s.at[i] != s.at[s.n - 1])
			s.at[s.n++] = s.at[i];
	return s;
}

static uint32_t number_of(const struct strings *s, const char *string)
{
	const char **at = string ? bsearch(&string, s->at, s->n, sizeof(*s->at), by_pointer) : NULL;

	return at ? (uint32_t)(at - s->at) + 1 : 0;
}

static void add_answers(struct str *out, const struct sym_answers *a, const struct strings *s)
{
	uint32_t first = 0;

	for (size_t i = 0; i < a->n; i++)
		str_add_mem(out, &a->at[i].address, sizeof(a->at[i].address));
	for (size_t i = 0; i <= a->n; i++) {
		str_add_mem(out, &first, sizeof(first));
		first += i < a->n ? a->at[i].n_lines : 0;
	}
	for (size_t i = 0; i < a->n; i++)
		for (uint32_t k = 0; k < a->at[i].n_lines; k++) {
			const struct line *l = &a->at[i].line[k];
			struct cached_line c = {number_of(s, l->function), number_of(s, l->linkage),
			                        number_of(s, l->file), l->number, l->start};

			str_add_mem(out, &c, sizeof(c));
		}
}

/* The whole file; empty when it would grow too large. */
static struct str encode(uint64_t identity, const struct sym_answers *a)
{
	struct header h = {.magic = MAGIC, .identity = identity};
	struct str out = {0};
	size_t n_lines = 0;
	uint64_t text = 0;

	for (size_t i = 0; i < a->n; i++)
		n_lines += a->at[i].n_lines;
	if (a->n > MAX_FILE / 12 || n_lines > MAX_FILE / sizeof(struct cached_line))
		return out;
	struct strings s = collect_strings(a, n_lines);
	for (uint32_t i = 0; i < s.n; i++)
		text += strlen(s.at[i]) + 1;
	h.n_answers = (uint32_t)a->n;
	h.n_lines = (uint32_t)n_lines;
	h.n_strings = s.n;
	h.text_bytes = (uint32_t)text;
	if (text < MAX_FILE && size_of(&h) <= MAX_FILE) {
		uint32_t offset = 0;

		str_add_mem(&out, &h, sizeof(h));
		add_answers(&out, a, &s);
		for (uint32_t i = 0; i <= s.n; i++) {
			str_add_mem(&out, &offset, sizeof(offset));
			offset += i < s.n ? (uint32_t)strlen(s.at[i]) + 1 : 0;
		}
		for (uint32_t i = 0; i < s.n; i++)
			str_add_mem(&out, s.at[i], strlen(s.at[i]) + 1);
		((struct header *)out.data)->crc = (uint32_t)crc32(
		        0, (const Bytef *)out.data + sizeof(h), (uInt)(out.len - sizeof(h)));
	}
	free(s.at);
	return out;
}

static bool write_all(int fd, const char *data, size_t n)
{
	for (size_t done = 0; done < n;) {
		ssize_t w = write(fd, data + done, n - done);

		if (w <= 0)
			return false;
		done += (size_t)w;
	}
	return true;
}

struct entry {
	char name[NAME_SIZE];
	struct timespec used;
	off_t size;
};

static int by_use(const void *a, const void *b)
{
	const struct timespec *x = &((const struct entry *)a)->used,
	                      *y = &((const struct entry *)b)->used;

	if (x->tv_sec != y->tv_sec)
		return x->tv_sec < y->tv_sec ? -1 : 1;
	return x->tv_nsec < y->tv_nsec ? -1 : x->tv_nsec > y->tv_nsec;
}

/* The files of the folder; those that a crashed writer left are removed on the way. */
static struct entry *list_folder(int folder, size_t *n)
{
	struct entry *list = NULL;
	size_t cap = 0;
	int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;

	*n = 0;
	for (struct dirent *e; dir && (e = readdir(dir));) {
		struct stat st;
		size_t len = strlen(e->d_name);

		if (len >= NAME_SIZE || fstatat(folder, e->d_name, &st, AT_SYMLINK_NOFOLLOW) ||
		    !S_ISREG(st.st_mode))
			continue;
		if (!strncmp(e->d_name, "new.", 4) && st.st_mtime < time(NULL) - STALE_SECONDS)
			unlinkat(folder, e->d_name, 0);
		if (len < 4 || strcmp(e->d_name + len - 4, ".sym"))
			continue;
		if (*n == cap)
			list = xrealloc(list, (cap = cap ? cap * 2 : 64) * sizeof(*list));
		struct entry *at = &list[(*n)++];
		memcpy(at->name, e->d_name, len + 1);
		at->used = st.st_mtim;
		at->size = st.st_size;
	}
	if (dir)
		closedir(dir);
	else if (fd >= 0)
		close(fd);
	return list;
}

/* Above the bound the files that were not used for longest go, down to three quarters of it. */
static void keep_bound(int folder)
{
	size_t n;
	struct entry *list = list_folder(folder, &n);
	int64_t all = 0;

	for (size_t i = 0; i < n; i++)
		all += list[i].size;
	if (all > MAX_ALL) {
		qsort(list, n, sizeof(*list), by_use);
		for (size_t i = 0; i < n && all > MAX_ALL / 4 * 3; i++) {
			unlinkat(folder, list[i].name, 0);
			all -= list[i].size;
		}
	}
	free(list);
}

static void write_file(int folder, const char *name, const struct str *data)
{
	static unsigned serial;
	char temporary[64];

	snprintf(temporary, sizeof(temporary), "new.%ld.%u.%lx", (long)getpid(), serial++,
	         (long)time(NULL));
	int fd = openat(folder, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
	                0600);
	if (fd < 0)
		return;
	bool ok = write_all(fd, data->data, data->len);
	ok = !close(fd) && ok;
	if (!ok || renameat(folder, temporary, folder, name))
		unlinkat(folder, temporary, 0);
}

void sym_cache_save(const char *build_id, uint64_t identity, const struct sym_answers *a)
{
	char name[NAME_SIZE];
	int folder = file_name(name, build_id) ? open_folder() : -1;

	if (folder < 0)
		return;
	struct str data = encode(identity, a);
	if (data.len) {
		write_file(folder, name, &data);
		keep_bound(folder);
	}
	str_free(&data);
	close(folder);
}
