/*
 * module.c - the module table: see module.h. Owns the records and their texts, all in own mappings,
 * never given back: nodes of the stack tree and old rules speak of them. Takes no lock of the
 * loader: _dl_find_object is lock-free and async-signal-safe. Context: any thread, a signal handler
 * too, IN_TRACKER set.
 */
#include "module.h"

#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <sys/auxv.h>
#include <sys/uio.h>

#include "format.h"
#include "mem.h"

/* glibc 2.35 or later. Without it no table is found, and frames are guessed by frame pointers. */
extern __typeof__(_dl_find_object) _dl_find_object __attribute__((weak));

struct module {
	struct stack_module pub;
	struct module_tables tables;
	const struct link_map *map;
	const char *name; /* as in the link map: the main program's is empty */
};

enum { CHUNK = 64, CHUNKS = (MODULE_MAX + CHUNK) / CHUNK, TEXT_CHUNK = 1 << 16, PATH_BYTES = 4096 };

static struct module *g_chunk[CHUNKS];
static uint32_t g_count;
static struct sys_lock g_lock;
static char *g_text, *g_text_end;
static uint64_t g_start_ns;
static uintptr_t g_loader, g_vdso;
HOT_SHARED uint32_t g_module_epoch;
void (*g_module_found)(uintptr_t bias, const void *headers, unsigned n);

void module_init(void)
{
	g_start_ns = sys_coarse_ns();
	g_loader = getauxval(AT_BASE);
	g_vdso = getauxval(AT_SYSINFO_EHDR);
}

static struct module *at(uint32_t number)
{
	return &g_chunk[number / CHUNK][number % CHUNK];
}

uint32_t module_count(void)
{
	return __atomic_load_n(&g_count, __ATOMIC_ACQUIRE);
}

const struct stack_module *module_get(uint32_t number)
{
	return number && number <= module_count() ? &at(number)->pub : NULL;
}

static bool is_gone(const struct module *m)
{
	return __atomic_load_n(&m->pub.flags, __ATOMIC_ACQUIRE) & FMT_MODULE_UNLOADED;
}

bool module_is_gone(uint32_t number)
{
	return number && number <= module_count() && is_gone(at(number));
}

/* ---- what the loader says ---- */

static bool find_object(uintptr_t ip, struct dl_find_object *out)
{
	return _dl_find_object && !_dl_find_object((void *)ip, out);
}

/* An object whose segments lie apart is found segment by segment. */
static bool is_at(const struct module *m, const struct dl_find_object *o)
{
	return m->map == o->dlfo_link_map && m->pub.start <= (uintptr_t)o->dlfo_map_start &&
	       m->pub.end >= (uintptr_t)o->dlfo_map_end;
}

static bool is_same(const struct module *m, const struct dl_find_object *o)
{
	return is_at(m, o) && !strcmp(m->name, m->map->l_name);
}

/*
 * What is called from our own stack stays until we return. Any other module may be closed by
 * another thread in between, and its link map be gone: only the kernel can read that without a
 * fault.
 */
static bool has_name(const struct module *m, const struct link_map *map)
{
	char name[256];
	const char *at = NULL;
	size_t n = strlen(m->name) + 1;
	struct iovec to = {&at, sizeof(at)}, from = {(void *)&map->l_name, sizeof(at)};
	long pid = sys_getpid();

	if (n > sizeof(name))
		n = sizeof(name);
	long r = sys_call(SYS_process_vm_readv, pid, &to, 1, &from, 1, 0);

	if (r < 0 && r != -EFAULT) /* a container without that call */
		return !strcmp(m->name, map->l_name);
	if (r != (long)sizeof(at))
		return false;
	to = (struct iovec){name, n};
	from = (struct iovec){(void *)at, n};
	return sys_call(SYS_process_vm_readv, pid, &to, 1, &from, 1, 0) == (long)n &&
	       !memcmp(name, m->name, n);
}

static bool is_here(const struct module *m)
{
	struct dl_find_object o;

	return find_object(m->pub.start, &o) && is_at(m, &o) && has_name(m, m->map);
}

static uint32_t find_known(const struct dl_find_object *o)
{
	for (uint32_t i = module_count(); i; i--)
		if (!is_gone(at(i)) && is_same(at(i), o))
			return i;
	return 0;
}

/* ---- a new module; under the lock ---- */

static const char *keep_text(const char *s)
{
	size_t n = strlen(s) + 1;

	if (n > PATH_BYTES)
		return "";
	if ((size_t)(g_text_end - g_text) < n) {
		char *p = sys_map(TEXT_CHUNK);

		if (!p)
			return "";
		g_text = p;
		g_text_end = p + TEXT_CHUNK;
	}
	char *kept = memcpy(g_text, s, n);

	g_text += n;
	return kept;
}

/* The main program has no name in the link map. The link is read into the text chunk itself: a
 * signal stack has no room for a path. */
static const char *main_path(void)
{
	if (g_text_end - g_text < PATH_BYTES) {
		char *p = sys_map(TEXT_CHUNK);

		if (!p)
			return "";
		g_text = p;
		g_text_end = p + TEXT_CHUNK;
	}
	char *path = g_text;
	long n = sys_call(SYS_readlinkat, AT_FDCWD, "/proc/self/exe", path, PATH_BYTES - 1);

	if (n < 0)
		n = 0;
	path[n] = 0;
	g_text += n + 1;
	return path;
}

static void read_notes(struct stack_module *m, const struct cfi_range *in, uint64_t align)
{
	struct cfi_cursor c = cfi_cursor(in->lo, in->hi - in->lo, in);

	while (!c.bad && c.end - c.p >= (ptrdiff_t)sizeof(Elf64_Nhdr)) {
		uint64_t name = cfi_uint(&c, 4), desc = cfi_uint(&c, 4), type = cfi_uint(&c, 4);
		uint64_t name_room = (name + align - 1) & -align,
		         desc_room = (desc + align - 1) & -align;

		if (name_room > (uint64_t)(c.end - c.p) ||
		    desc > (uint64_t)(c.end - c.p) - name_room)
			return;
		if (type == NT_GNU_BUILD_ID && name == 4 && !memcmp(c.p, "GNU", 4) &&
		    desc <= sizeof(m->build_id)) {
			memcpy(m->build_id, c.p + name_room, desc);
			m->build_id_bytes = (uint32_t)desc;
			return;
		}
		if (desc_room > (uint64_t)(c.end - c.p) - name_room)
			return;
		c.p += name_room + desc_room;
	}
}

struct headers {
	const Elf64_Phdr *ph;
	unsigned n;
};

static bool headers_at(uintptr_t base, struct headers *h)
{
	const Elf64_Ehdr *e = (const Elf64_Ehdr *)base;

	if (!mem_probe(base) || !mem_probe(base + sizeof(*e) - 8) ||
	    memcmp(e->e_ident, ELFMAG, SELFMAG) || e->e_phentsize != sizeof(Elf64_Phdr) ||
	    e->e_phoff + e->e_phnum * sizeof(Elf64_Phdr) > MEM_PAGE)
		return false;
	*h = (struct headers){(const Elf64_Phdr *)(base + e->e_phoff), e->e_phnum};
	return true;
}

/* Program headers as they lie in memory; none when they do not. */
static struct headers find_headers(const struct module *m)
{
	struct headers h = {NULL, 0};

	if (!*m->name && getauxval(AT_PHDR))
		return (struct headers){(const Elf64_Phdr *)getauxval(AT_PHDR),
		                        (unsigned)getauxval(AT_PHNUM)};
	if (!headers_at(m->pub.start, &h))
		headers_at(m->pub.bias, &h);
	return h;
}

static void widen(struct stack_module *m, uintptr_t lo, uintptr_t hi)
{
	lo &= ~(uintptr_t)(MEM_PAGE - 1);
	m->start = lo < m->start ? lo : m->start;
	m->end = hi > m->end ? hi : m->end;
}

static void read_segments(struct module *m, const uint8_t *eh_frame)
{
	struct headers h = find_headers(m);

	for (const Elf64_Phdr *ph = h.ph; ph < h.ph + h.n; ph++) {
		struct cfi_range r = {m->pub.bias + ph->p_vaddr,
		                      m->pub.bias + ph->p_vaddr + ph->p_memsz};

		if (r.hi < r.lo)
			continue;
		if (ph->p_type == PT_NOTE && !m->pub.build_id_bytes && mem_probe(r.lo) &&
		    mem_probe(r.hi - 8))
			read_notes(&m->pub, &r, ph->p_align == 8 ? 8 : 4);
		if (ph->p_type != PT_LOAD)
			continue;
		widen(&m->pub, r.lo, r.hi);
		if ((ph->p_flags & PF_X) && !m->pub.text_start) {
			m->pub.text_start = r.lo;
			m->pub.text_offset = ph->p_offset;
		}
		if ((ph->p_flags & PF_R) && (uintptr_t)eh_frame >= r.lo &&
		    (uintptr_t)eh_frame < r.hi) {
			m->tables.eh_frame_hdr = eh_frame;
			m->tables.in = r;
		}
	}
}

static void fill(struct module *m, const struct dl_find_object *o)
{
	const struct link_map *map = o->dlfo_link_map;
	uintptr_t self = (uintptr_t)&module_init;

	memset(m, 0, sizeof(*m));
	m->map = map;
	m->pub.start = (uintptr_t)o->dlfo_map_start;
	m->pub.end = (uintptr_t)o->dlfo_map_end;
	m->pub.bias = map->l_addr;
	m->pub.loaded_ns = sys_coarse_ns() - g_start_ns;
	m->name = keep_text(map->l_name);
	m->pub.path = m->name;
	if (!*m->name) {
		m->pub.path = main_path();
		m->pub.flags |= FMT_MODULE_MAIN;
		m->pub.loaded_ns = 0;
	}
	read_segments(m, o->dlfo_eh_frame);
	if (g_vdso && m->pub.start == g_vdso)
		m->pub.path = "[vdso]";
	if (g_loader && m->pub.start == g_loader)
		m->pub.flags |= FMT_MODULE_LOADER;
	if (self >= m->pub.start && self < m->pub.end)
		m->pub.flags |= FMT_MODULE_OUTLIVE;
}

static void set_flags(struct module *m, uint32_t flags)
{
	__atomic_store_n(&m->pub.flags, flags, __ATOMIC_RELEASE);
}

static void retire(struct module *m)
{
	m->pub.unloaded_ns = sys_coarse_ns() - g_start_ns;
	set_flags(m, m->pub.flags | FMT_MODULE_UNLOADED);
	__atomic_add_fetch(&g_module_epoch, 1, __ATOMIC_RELEASE);
}

/* The same file at the same place as before: the same code, the same number. */
static bool came_back(struct module *old, const struct module *new)
{
	const struct stack_module *a = &old->pub, *b = &new->pub;

	return is_gone(old) && a->start == b->start && a->end == b->end && a->bias == b->bias &&
	       b->build_id_bytes && a->build_id_bytes == b->build_id_bytes &&
	       !memcmp(a->build_id, b->build_id, b->build_id_bytes) &&
	       !strcmp(old->name, new->name);
}

static void tell_found(const struct module *m)
{
	struct headers h = g_module_found ? find_headers(m) : (struct headers){NULL, 0};

	if (h.n)
		g_module_found(m->pub.bias, h.ph, h.n);
}

static uint32_t add(const struct dl_find_object *o)
{
	uint32_t n = g_count + 1;

	if (n > MODULE_MAX)
		return 0;
	if (!g_chunk[n / CHUNK]) {
		struct module *chunk = sys_map(CHUNK * sizeof(*chunk));

		if (!chunk)
			return 0;
		__atomic_store_n(&g_chunk[n / CHUNK], chunk, __ATOMIC_RELEASE);
	}
	struct module *new = at(n);
	char *text = g_text, *text_end = g_text_end;

	fill(new, o);
	tell_found(new);
	for (uint32_t i = g_count; i; i--) {
		struct module *m = at(i);

		/* Lies where the new one is: it went without a dlclose that we saw. */
		if (!is_gone(m) && m->pub.start < new->pub.end && m->pub.end > new->pub.start &&
		    !is_here(m))
			retire(m);
		if (came_back(m, new)) {
			m->map = new->map;
			m->pub.unloaded_ns = 0;
			set_flags(m, m->pub.flags & ~(uint32_t)FMT_MODULE_UNLOADED);
			if (text_end == g_text_end) /* a plugin reloaded for ever costs nothing */
				g_text = text;
			return i;
		}
	}
	__atomic_store_n(&g_count, n, __ATOMIC_RELEASE);
	return n;
}

uint32_t module_of(uintptr_t ip, struct module_tables *out)
{
	struct dl_find_object o;

	memset(out, 0, sizeof(*out));
	if (!find_object(ip, &o))
		return 0;
	uint32_t n = find_known(&o);

	if (!n) {
		sys_lock(&g_lock);
		n = find_known(&o);
		if (!n)
			n = add(&o);
		sys_unlock(&g_lock);
	}
	if (n)
		*out = at(n)->tables;
	return n;
}

uint32_t module_look(uintptr_t ip, struct module_tables *out)
{
	struct dl_find_object o;

	memset(out, 0, sizeof(*out));
	if (!find_object(ip, &o))
		return 0;
	uint32_t n = find_known(&o);

	if (n) {
		*out = at(n)->tables;
		return n;
	}
	out->eh_frame_hdr = o.dlfo_eh_frame;
	out->in = (struct cfi_range){(uintptr_t)o.dlfo_map_start, (uintptr_t)o.dlfo_map_end};
	return 0;
}

void module_sweep(void)
{
	sys_lock(&g_lock);
	for (uint32_t i = g_count; i; i--) {
		struct module *m = at(i);

		if (!is_gone(m) && !is_here(m))
			retire(m);
	}
	sys_unlock(&g_lock);
}

void module_fork_child(void)
{
	sys_lock_reset(&g_lock);
}

bool module_is_busy(void)
{
	return sys_lock_is_held(&g_lock);
}
