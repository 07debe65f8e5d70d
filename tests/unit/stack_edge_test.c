/*
 * stack_edge_test.c - the unwinder where tables end: generated code, hand-written assembly, stacks
 * that are cut, modules that go and come, descriptors.
 */
#include "check.h"

#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <zlib.h>

#include "preload/mem.h"
#include "preload/predict.h"
#include "unwind.h"

static NI uint32_t here(void)
{
	uint32_t s = unwind_check();

	__asm__ volatile("");
	return s;
}

static void captured(void)
{
	here();
}

/* The outermost frame's flags. */
static unsigned outer_flags(uint32_t stack)
{
	unsigned flags;

	EQ(unwind_expand(stack, t_ours, &flags) > 0, 1);
	return flags;
}

/* ---- code without tables ---- */

static const uint8_t g_with_frame[] = {0x55,             /* push %rbp */
                                       0x48, 0x89, 0xe5, /* mov %rsp, %rbp */
                                       0xff, 0xd7,       /* call *%rdi */
                                       0x5d,             /* pop %rbp */
                                       0xc3};
static const uint8_t g_without_frame[] = {0x48, 0x83, 0xec, 0x28, /* sub $40, %rsp */
                                          0xff, 0xd7,             /* call *%rdi */
                                          0x48, 0x83, 0xc4, 0x28, /* add $40, %rsp */
                                          0xc3};

static void *generate(const uint8_t *code, size_t n)
{
	void *p = mmap(NULL, MEM_PAGE, PROT_READ | PROT_WRITE | PROT_EXEC,
	               MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return memcpy(p, code, n);
}

TEST(generated_code_with_frame_pointers)
{
	void (*code)(void (*)(void)) = generate(g_with_frame, sizeof(g_with_frame));
	struct stack_stats s;

	unwind_init(128);
	for (int i = 0; i < 3; i++)
		code(captured);
	stack_stats(&s);
	EQ(g_tally.mismatches, 0);
	EQ(s.fallbacks, 3);
	EQ(s.broken, 0);
}

/* libunwind guesses and skips a frame; what matters is that both end well. */
TEST(generated_code_without_frame_pointers)
{
	void (*code)(void (*)(void)) = generate(g_without_frame, sizeof(g_without_frame));
	struct stack_stats s;

	unwind_init(128);
	code(captured);
	stack_stats(&s);
	EQ(s.fallbacks, 1);
}

/* A module comes to lie where generated code was: the old address must not keep "no module". */
TEST(code_outside_modules_is_not_remembered)
{
	struct stack_stats stats[4];

	unwind_init(128);
	for (int i = 0; i < 4; i++) {
		void (*code)(void (*)(void)) = generate(g_with_frame, sizeof(g_with_frame));

		code(captured);
		stack_stats(&stats[i]);
	}
	EQ(stats[3].rules, stats[0].rules);
	OK(stats[0].rules);
}

/* ---- hand-written assembly ---- */

/* The CFA in rbx; and saved registers that only all-register unwinding keeps. */
__asm__(".type by_rbx, @function\n"
        "by_rbx: .cfi_startproc\n"
        "push %rbx\n .cfi_def_cfa_offset 16\n .cfi_offset rbx, -16\n"
        "mov %rsp, %rbx\n .cfi_def_cfa_register rbx\n"
        "and $-64, %rsp\n sub $192, %rsp\n"
        "call *%rdi\n"
        "mov %rbx, %rsp\n .cfi_def_cfa_register rsp\n"
        "pop %rbx\n .cfi_def_cfa_offset 8\n .cfi_restore rbx\n"
        "ret\n .cfi_endproc\n"
        ".size by_rbx, .-by_rbx\n");
void by_rbx(void (*)(void));

/* The return address kept in a register, its place on the stack overwritten; CFA by an expression.
 */
__asm__(".type by_expression, @function\n"
        "by_expression: .cfi_startproc\n"
        "push %r12\n .cfi_def_cfa_offset 16\n .cfi_offset r12, -16\n"
        "push %r13\n .cfi_def_cfa_offset 24\n .cfi_offset r13, -24\n"
        "mov %rsp, %r13\n"
        /* CFA = r13 + 24: DW_OP_breg13 8; lit16; plus */
        ".cfi_escape 0x0f, 0x04, 0x7d, 0x08, 0x40, 0x22\n"
        "sub $72, %rsp\n"
        "call *%rdi\n"
        "add $72, %rsp\n"
        ".cfi_def_cfa rsp, 24\n"
        "pop %r13\n .cfi_def_cfa_offset 16\n .cfi_restore r13\n"
        "pop %r12\n .cfi_def_cfa_offset 8\n .cfi_restore r12\n"
        "ret\n .cfi_endproc\n"
        ".size by_expression, .-by_expression\n");
void by_expression(void (*)(void));

static void nested(void)
{
	by_expression(captured);
}

TEST(assembly_that_needs_all_registers)
{
	struct stack_stats s;

	unwind_init(128);
	for (int i = 0; i < 3; i++) {
		by_rbx(captured);
		by_expression(captured);
		by_rbx(nested);
	}
	stack_stats(&s);
	EQ(g_tally.mismatches, 0);
	EQ(s.fallbacks, 9);
	EQ(s.broken, 0);
}

/* Calls f on another stack; the way back is rbp's, far away. */
__asm__(".type on_stack, @function\n"
        "on_stack: .cfi_startproc\n"
        "push %rbp\n .cfi_def_cfa_offset 16\n .cfi_offset rbp, -16\n"
        "mov %rsp, %rbp\n .cfi_def_cfa_register rbp\n"
        "mov %rsi, %rsp\n"
        "call *%rdi\n"
        "leave\n .cfi_def_cfa rsp, 8\n"
        "ret\n .cfi_endproc\n"
        ".size on_stack, .-on_stack\n");
void on_stack(void (*)(void), void *top);

TEST(stack_switched_in_the_middle_of_a_call)
{
	size_t n = 1 << 16;
	char *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct stack_stats s;

	unwind_init(128);
	for (int i = 0; i < 3; i++)
		on_stack(captured, p + n);
	stack_stats(&s);
	EQ(g_tally.mismatches, 0);
	EQ(s.broken, 0);
}

/* ---- stacks that are cut ---- */

static uintptr_t g_inner_ip;
static NI void inner(void)
{
	g_inner_ip = (uintptr_t)__builtin_return_address(0);
}
static NI void outer(void)
{
	volatile char room[64];

	room[0] = 1;
	inner();
	room[1] = room[0];
}

/* Frames made by hand: what lies above them is a guard page, a hole, nonsense, themselves. */
TEST(stack_that_ends_at_a_hole_does_not_fault)
{
	char *p = mmap(NULL, 3 * MEM_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
	               0);

	unwind_init(128);
	outer();
	mprotect(p + MEM_PAGE, MEM_PAGE, PROT_NONE);
	munmap(p + 2 * MEM_PAGE, MEM_PAGE);
	for (uintptr_t back = 8; back <= 256; back += 8) {
		struct caller from = {g_inner_ip, (uintptr_t)p + MEM_PAGE - back,
		                      (uintptr_t)p + MEM_PAGE};
		uint32_t s = stack_capture(t_cache, &from);

		OK(s);
		if (back == 8) /* the frame of outer() cannot end below the guard page */
			OK(outer_flags(s) & FMT_NODE_BROKEN);
	}
}

TEST(hostile_stack_contents_end_the_walk)
{
	enum { PAGES = 4 };
	uintptr_t *p = mmap(NULL, PAGES * MEM_PAGE, PROT_READ | PROT_WRITE,
	                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	size_t n = PAGES * MEM_PAGE / sizeof(*p);
	uintptr_t pick[] = {0, 1, ~0ul, 0x7ffffffff000ul, 1ul << 63, 0, 0, 0, 0, 0};

	unwind_init(128);
	outer();
	pick[5] = g_inner_ip;
	pick[6] = (uintptr_t)p;
	pick[7] = (uintptr_t)&pick;
	pick[8] = (uintptr_t)p + n * 8 - 8;
	pick[9] = (uintptr_t)&memcpy;
	for (int round = 0; round < 20000; round++) {
		for (size_t i = 0; i < 64; i++)
			p[rnd() % n] = rnd() % 3 ? pick[rnd() % 10] : (uintptr_t)&p[rnd() % n];
		struct caller from = {pick[5 + 4 * (rnd() % 2)],
		                      rnd() % 8 ? (uintptr_t)&p[rnd() % n] : pick[rnd() % 10],
		                      rnd() % 2 ? (uintptr_t)&p[rnd() % n] : pick[rnd() % 10]};
		OK(stack_capture(t_cache, &from));
	}
}

/* A saved context can name any sp: sp plus the frame's size then is 0 or 8, or beyond the last
 * address. */
TEST(stack_pointer_that_is_no_address_does_not_fault)
{
	unwind_init(128);
	outer();
	for (uintptr_t sp = -(uintptr_t)512; sp + 512 < 1024; sp++) {
		struct caller from = {g_inner_ip, sp, sp};

		OK(stack_capture(t_cache, &from));
	}
}

/* ---- modules ---- */

typedef int deflate_init(z_stream *, int, const char *, int);
typedef int inflate_init(z_stream *, const char *, int);
static uint32_t g_inside;

static voidpf zlib_alloc(voidpf opaque, uInt items, uInt size)
{
	(void)opaque;
	g_inside = unwind_check();
	return calloc(items, size);
}

static void zlib_free(voidpf opaque, voidpf p)
{
	(void)opaque;
	free(p);
}

static void copy_file(const char *from, const char *to)
{
	char buf[1 << 16];
	int in = open(from, O_RDONLY), out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0755);

	OK(in >= 0 && out >= 0);
	for (ssize_t n; (n = read(in, buf, sizeof(buf))) > 0;)
		EQ(write(out, buf, (size_t)n), n);
	close(in);
	close(out);
}

struct seen {
	uint32_t stack;
	uintptr_t ip;
	uint32_t module;
};

/* Opens a library, is called back from inside, and closes it again, as a program with plugins does.
 */
static NI struct seen through(const char *path)
{
	void *lib = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND);
	struct seen seen = {0, 0, 0};
	struct stack_node n;

	OK(lib);
	if (!lib)
		return seen;
	deflate_init *init = (deflate_init *)dlsym(lib, "deflateInit_");
	int (*end)(z_stream *) = (int (*)(z_stream *))dlsym(lib, "deflateEnd");
	z_stream z = {.zalloc = zlib_alloc, .zfree = zlib_free};

	EQ(init(&z, 6, ZLIB_VERSION, (int)sizeof(z)), Z_OK);
	seen.stack = g_inside;
	OK(stack_node(stack_leaf(g_inside), &n)); /* zlib_alloc */
	OK(stack_node(n.parent, &n));             /* its caller */
	seen.ip = n.ip;
	seen.module = n.module;
	end(&z);
	dlclose(lib);
	stack_modules_changed();
	unw_flush_cache(unw_local_addr_space, 0, 0);
	return seen;
}

static const char *module_path(uint32_t module)
{
	const struct stack_module *m = stack_module(module);

	return m ? m->path : "";
}

TEST(module_at_the_address_of_one_that_is_gone)
{
	char dir[] = "/tmp/outlive.XXXXXX", a[64], b[64];
	Dl_info zlib;

	OK(mkdtemp(dir));
	OK(dladdr((void *)zlibVersion, &zlib));
	snprintf(a, sizeof(a), "%s/a.so", dir);
	snprintf(b, sizeof(b), "%s/b.so", dir);
	copy_file(zlib.dli_fname, a);
	copy_file(zlib.dli_fname, b);
	unwind_init(128);
	struct seen seen[3], first, second, again;
	volatile int times =
	        3; /* from one place: the three stacks are to differ in the module alone */

	for (int i = 0; i < times; i++)
		seen[i] = through(i == 1 ? b : a);
	first = seen[0], second = seen[1], again = seen[2];

	EQ(g_tally.mismatches, 0);
	EQ(first.ip, second.ip); /* else this test shows nothing */
	OK(first.stack != second.stack);
	OK(first.module != second.module);
	STREQ(module_path(first.module), a);
	STREQ(module_path(second.module), b);
	OK(stack_module(second.module)->flags & FMT_MODULE_UNLOADED);
	OK(stack_module(second.module)->unloaded_ns >= stack_module(second.module)->loaded_ns);
	/* The same file at the same place is the same module again. */
	EQ(again.ip, first.ip);
	EQ(again.module, first.module);
	EQ(again.stack, first.stack);
	uint32_t n = stack_module_count();

	for (int i = 0; i < 200; i++)
		through(i % 2 ? a : b);
	EQ(stack_module_count(), n);
	EQ(g_tally.mismatches, 0);
	unlink(a), unlink(b), rmdir(dir);
}

/* libc closes libraries by itself, unseen: the next module at that place tells. */
TEST(module_gone_without_a_word)
{
	char dir[] = "/tmp/outlive.XXXXXX", a[64], b[64];
	Dl_info zlib;
	struct seen seen[2];

	OK(mkdtemp(dir));
	OK(dladdr((void *)zlibVersion, &zlib));
	snprintf(a, sizeof(a), "%s/a.so", dir);
	snprintf(b, sizeof(b), "%s/b.so", dir);
	copy_file(zlib.dli_fname, a);
	copy_file(zlib.dli_fname, b);
	unwind_init(128);
	for (int i = 0; i < 2; i++) {
		void *lib = dlopen(i ? b : a, RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND);
		deflate_init *deflate_it = (deflate_init *)dlsym(lib, "deflateInit_");
		inflate_init *inflate_it = (inflate_init *)dlsym(lib, "inflateInit_");
		z_stream z = {.zalloc = zlib_alloc, .zfree = zlib_free};

		/* An address that was not seen before shows the new module; those seen before
		 * are then relearnt. */
		if (i)
			EQ(deflate_it(&z, 6, ZLIB_VERSION, (int)sizeof(z)), Z_OK);
		EQ(inflate_it(&z, ZLIB_VERSION, (int)sizeof(z)), Z_OK);
		struct stack_node n = {0};

		OK(stack_node(stack_leaf(g_inside), &n) && stack_node(n.parent, &n));
		seen[i] = (struct seen){g_inside, n.ip, n.module};
		dlclose(lib);
		unw_flush_cache(unw_local_addr_space, 0, 0);
	}
	EQ(seen[0].ip, seen[1].ip);
	OK(seen[0].module != seen[1].module);
	STREQ(module_path(seen[1].module), b);
	unlink(a), unlink(b), rmdir(dir);
}

TEST(modules_name_their_files)
{
	char exe[4096] = "";
	bool main_seen = false;

	unwind_init(128);
	captured();
	OK(readlink("/proc/self/exe", exe, sizeof(exe) - 1) > 0);
	for (uint32_t i = 1; i <= stack_module_count(); i++) {
		const struct stack_module *m = stack_module(i);

		OK(m->start < m->end && m->text_start >= m->start && m->text_start < m->end);
		OK(m->build_id_bytes >= 8);
		OK(m->path[0] == '/');
		if (m->flags & FMT_MODULE_MAIN) {
			main_seen = true;
			STREQ(m->path, exe);
		}
	}
	OK(main_seen);
	OK(!stack_module(0));
	OK(!stack_module(stack_module_count() + 1));
}

/* ---- the program's descriptors ---- */

static int n_descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	while (d && readdir(d))
		n++;
	if (d)
		closedir(d);
	return n;
}

/* ---- a cache that threads hand on ---- */

static void *captures_many(void *cache)
{
	t_cache = cache;
	t_oracle = calloc(ORACLE_MAX, sizeof(*t_oracle));
	t_ours = calloc(STACK_DEPTH_MAX + 1, sizeof(*t_ours));
	stack_cache_leased(t_cache);
	for (int i = 0; i < 600; i++)
		captured();
	return t_cache->hot.predictor ? (void *)t_cache->hot.predictor->home : NULL;
}

static uintptr_t thread_on(char *stack, struct stack_cache *cache, uint64_t *walks)
{
	const uint64_t before = cache->walks;
	pthread_attr_t attr;
	pthread_t t;
	void *home;

	pthread_attr_init(&attr);
	pthread_attr_setstack(&attr, stack, 1 << 17);
	EQ(pthread_create(&t, &attr, captures_many, cache), 0);
	pthread_join(t, &home);
	*walks = cache->walks - before;
	return (uintptr_t)home;
}

/* A record whose words are compared as they are, addresses among them, lies on one stack: on
 * another it would be looked for beyond that one's end. */
TEST(records_are_bound_to_a_stack_as_long_as_it_is_the_only_one)
{
	static char stack[2][1 << 17] __attribute__((aligned(4096)));
	uint64_t walks[4];

	unwind_init(128);
	struct stack_cache *cache = stack_cache_new();
	uintptr_t home = thread_on(stack[0], cache, &walks[0]);
	OK(home > (uintptr_t)stack[0] && home <= (uintptr_t)stack[1]);
	EQ(thread_on(stack[0], cache, &walks[1]), home);
	EQ(thread_on(stack[1], cache, &walks[2]), 0);
	EQ(thread_on(stack[0], cache, &walks[3]), 0);
	/* The third has all to learn, and what it learns holds on all stacks. */
	OK(walks[1] < 10 && walks[2] > 0 && walks[2] < 100 && walks[3] < 10);
	EQ(g_tally.mismatches, 0);
}

TEST(unwinder_owns_no_descriptor)
{
	void (*code)(void (*)(void)) = generate(g_with_frame, sizeof(g_with_frame));
	int before = n_descriptors();

	EQ(stack_init(128), 0);
	t_cache = stack_cache_new();
	for (uintptr_t back = 8; back < 4096; back += 64) {
		struct caller from = {(uintptr_t)code + 6,
		                      (uintptr_t)__builtin_frame_address(0) - back, 8};

		OK(stack_capture(t_cache, &from));
	}
	EQ(n_descriptors(), before);
}

int main(int argc, char **argv)
{
	return check_main(argc, argv);
}
