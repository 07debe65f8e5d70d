/*
 * reach_maps.c - see reach_maps.h. Context: a child of the scan's; raw system calls, memory by
 * sys_map, no lock, no TLS. What it reads of a module is the module's own first page.
 */
#include "reach_maps.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "mem.h"
#include "reach.h"

#define MAPS_MAX   (1u << 20) /* the kernel's own limit is 65530, but can be raised */
#define MAPS_FIRST 1024u      /* more than most programs have, in a mapping of other small tables */
#define DATA_MAX   (1u << 14)
#define PAGE_MASK_ 4095ul

struct reach_maps g_reach_maps;

/* ---- lines of /proc/self/maps ---- */

struct line {
	uintptr_t low, high;
	char perms[5];
	uint64_t offset, device, inode;
	const char *name; /* "" for none */
};

static uint64_t number(const char **at, unsigned base)
{
	uint64_t v = 0;

	for (;; (*at)++) {
		unsigned c = (unsigned char)**at;
		unsigned digit = c - '0';

		if (digit > 9)
			digit = c >= 'a' && c <= 'f' ? c - 'a' + 10 : base;
		if (digit >= base)
			return v;
		v = v * base + digit;
	}
}

static void skip(const char **at, char c)
{
	while (**at == c)
		(*at)++;
}

/* "low-high rwxp offset major:minor inode   name", ended by NUL. */
static void parse(const char *at, struct line *l)
{
	l->low = number(&at, 16);
	skip(&at, '-');
	l->high = number(&at, 16);
	skip(&at, ' ');
	for (unsigned i = 0; i < 4; i++)
		l->perms[i] = *at ? *at++ : '-';
	l->perms[4] = 0;
	skip(&at, ' ');
	l->offset = number(&at, 16);
	skip(&at, ' ');
	l->device = number(&at, 16) << 32;
	skip(&at, ':');
	l->device |= number(&at, 16);
	skip(&at, ' ');
	l->inode = number(&at, 10);
	skip(&at, ' ');
	l->name = at;
}

/* ---- modules ---- */

/* The module whose mappings the lines are about. */
struct module {
	uint64_t device, inode;
	uintptr_t bias;
	const Elf64_Ehdr *header; /* NULL: none */
	enum reach_data kind;
};

static bool begins(const char *s, const char *with)
{
	return !strncmp(s, with, strlen(with));
}

static enum reach_data kind_of(const struct line *l, uintptr_t end)
{
	const char *base = l->name;
	uintptr_t own = (uintptr_t)&g_reach_maps;

	for (const char *p = l->name; *p; p++)
		if (*p == '/')
			base = p + 1;
	if (own >= l->low && own < end)
		return REACH_DATA_OWN;
	if (begins(base, "libc.so") || begins(base, "libc-2"))
		return REACH_DATA_LIBC;
	/* The program itself may have a malloc of its own: then it is the program still. */
	if (g_reach_env.is_allocator && g_reach_env.is_allocator(l->low) && strstr(base, ".so"))
		return REACH_DATA_ALLOCATOR;
	return REACH_DATA_PLAIN;
}

static bool is_go_note(const char *at, uint64_t bytes)
{
	static const char go[] = {4, 0, 0, 0};

	return bytes >= 16 && !memcmp(at, go, 4) && !memcmp(at + 12, "Go\0\0", 4);
}

/* A file that is mapped from its beginning: does it look like an ELF file whose segments are here?
 */
static void begin_module(struct module *m, const struct line *l)
{
	const Elf64_Ehdr *h = (const Elf64_Ehdr *)l->low;
	uintptr_t first = ~0ul, end = 0;

	*m = (struct module){.device = l->device, .inode = l->inode};
	if (!mem_probe(l->low)) /* an empty file */
		return;
	if (memcmp(h->e_ident, ELFMAG, SELFMAG) || h->e_ident[EI_CLASS] != ELFCLASS64 ||
	    h->e_phentsize != sizeof(Elf64_Phdr) ||
	    h->e_phoff + h->e_phnum * sizeof(Elf64_Phdr) > l->high - l->low)
		return;
	const Elf64_Phdr *p = (const Elf64_Phdr *)(l->low + h->e_phoff);

	for (unsigned i = 0; i < h->e_phnum; i++) {
		if (p[i].p_type != PT_LOAD)
			continue;
		if (p[i].p_vaddr < first)
			first = p[i].p_vaddr;
		if (p[i].p_vaddr + p[i].p_memsz > end)
			end = p[i].p_vaddr + p[i].p_memsz;
	}
	if (!end)
		return;
	m->header = h;
	m->bias = l->low - (first & ~PAGE_MASK_);
	m->kind = kind_of(l, m->bias + end);
	for (unsigned i = 0; i < h->e_phnum; i++)
		if (p[i].p_type == PT_NOTE && p[i].p_offset + p[i].p_filesz <= l->high - l->low &&
		    is_go_note((const char *)l->low + p[i].p_offset, p[i].p_filesz))
			g_reach_maps.is_go = true;
}

/* A writable segment of which this mapping is the beginning: noted with its bss. */
static void add_data(const struct module *m, const struct line *l)
{
	struct reach_maps *maps = &g_reach_maps;
	const Elf64_Phdr *p = (const Elf64_Phdr *)((const char *)m->header + m->header->e_phoff);

	for (unsigned i = 0; i < m->header->e_phnum; i++) {
		uintptr_t low = m->bias + p[i].p_vaddr, high = low + p[i].p_memsz;

		if (p[i].p_type != PT_LOAD || !(p[i].p_flags & PF_W) || high <= l->low ||
		    (low & ~PAGE_MASK_) >= l->high || maps->n_data == DATA_MAX)
			continue;
		/* The part that was made read-only after relocation comes with the same segment. */
		if (maps->n_data && maps->data[maps->n_data - 1].low == low)
			continue;
		maps->data[maps->n_data++] = (struct reach_module){low, high, m->kind};
	}
}

/* ---- one line ---- */

static uint32_t flags_of(const struct line *l, bool of_module)
{
	uint32_t flags = 0;

	flags |= l->perms[0] == 'r' ? REACH_MAP_READ : 0;
	flags |= l->perms[1] == 'w' ? REACH_MAP_WRITE : 0;
	flags |= l->perms[2] == 'x' ? REACH_MAP_EXEC : 0;
	if (sys_is_own(l->low))
		flags |= REACH_MAP_OWN;
	if (begins(l->name, "[stack"))
		flags |= REACH_MAP_STACK;
	else if (begins(l->name, "[v") || begins(l->name, "[uprobes"))
		flags |= REACH_MAP_DEVICE; /* vvar, vdso, vsyscall */
	if (begins(l->name, "/dev/") && !begins(l->name, "/dev/shm/") &&
	    !begins(l->name, "/dev/zero"))
		flags |= REACH_MAP_DEVICE;
	if (begins(l->name, "anon_inode:"))
		flags |= REACH_MAP_DEVICE;
	if (l->inode)
		flags |= REACH_MAP_FILE | (of_module ? REACH_MAP_MODULE : 0);
	return flags;
}

static uint32_t g_room;

static bool make_room(void)
{
	uint32_t room = g_room ? MAPS_MAX : MAPS_FIRST;
	struct reach_map *map =
	        room > g_room ? sys_map((size_t)room * sizeof(struct reach_map)) : NULL;

	if (!map)
		return false;
	if (g_reach_maps.n)
		memcpy(map, g_reach_maps.map, g_reach_maps.n * sizeof(*map));
	sys_unmap(g_reach_maps.map, (size_t)g_room * sizeof(*map));
	g_reach_maps.map = map;
	g_room = room;
	return true;
}

static int add_line(struct module *m, const char *text)
{
	struct reach_maps *maps = &g_reach_maps;
	struct line l;

	parse(text, &l);
	if (l.high <= l.low)
		return 0;
	if (maps->n == g_room && !make_room())
		return g_room == MAPS_MAX ? -E2BIG : -ENOMEM;
	if (begins(l.name, "anon_inode:[io_uring]"))
		maps->requests = "io_uring";
	else if (begins(l.name, "/[aio]"))
		maps->requests = "io_submit";
	bool plain_file = l.inode && *l.name == '/' && !begins(l.name, "/dev/");
	if (plain_file && !l.offset && l.perms[0] == 'r')
		begin_module(m, &l);
	bool of_module = plain_file && m->header && l.inode == m->inode && l.device == m->device &&
	                 l.perms[3] == 'p';

	if (of_module && l.perms[1] == 'w')
		add_data(m, &l);
	maps->map[maps->n++] = (struct reach_map){l.low, l.high, flags_of(&l, of_module)};
	return 0;
}

int reach_maps_read(void)
{
	static char text[16384]; /* the stack is small; one scan at a time */
	struct module module = {.header = NULL};
	size_t have = 0;
	long n = 0;
	int r = 0;

	reach_maps_free();
	g_reach_maps.data = sys_map(DATA_MAX * sizeof(struct reach_module));
	if (!g_reach_maps.data || !make_room())
		return -ENOMEM;
	int fd = sys_open("/proc/self/maps", O_RDONLY | O_CLOEXEC, 0);

	if (fd < 0)
		return fd;
	while (!r && (n = sys_call(SYS_read, fd, text + have, sizeof(text) - 1 - have)) > 0) {
		char *at = text, *end = text + have + n, *stop;

		for (; !r && (stop = memchr(at, '\n', (size_t)(end - at))); at = stop + 1) {
			*stop = 0;
			r = add_line(&module, at);
		}
		have = (size_t)(end - at);
		if (have == sizeof(text) - 1)
			r = -E2BIG;
		memmove(text, at, have);
	}
	sys_close(fd);
	g_reach_maps.memory = g_reach_maps.n * sizeof(struct reach_map);
	return n < 0 && !r ? (int)n : r;
}

void reach_maps_free(void)
{
	sys_unmap(g_reach_maps.map, (size_t)g_room * sizeof(struct reach_map));
	sys_unmap(g_reach_maps.data, DATA_MAX * sizeof(struct reach_module));
	g_reach_maps = (struct reach_maps){.map = NULL};
	g_room = 0;
}

const struct reach_map *reach_maps_from(uintptr_t a)
{
	uint32_t low = 0, high = g_reach_maps.n;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (g_reach_maps.map[middle].high <= a)
			low = middle + 1;
		else
			high = middle;
	}
	return low < g_reach_maps.n ? &g_reach_maps.map[low] : NULL;
}

const struct reach_map *reach_maps_at(uintptr_t a)
{
	const struct reach_map *m = reach_maps_from(a);

	return m && m->low <= a ? m : NULL;
}
