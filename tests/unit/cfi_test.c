/*
 * cfi_test.c - the interpreter of unwind tables, on tables made by hand, on those of libc, and on
 * hostile ones.
 */
#include "check.h"

#include <dlfcn.h>
#include <errno.h>
#include <sys/mman.h>

#include "preload/cfi.h"
#include "preload/rule.h"

/* ---- tables made by hand ---- */

enum { CODE = 0x10000, CODE_BYTES = 0x1000 }; /* what the FDE claims to be for */

struct tables {
	_Alignas(8) uint8_t bytes[1024];
	unsigned n, fde;
};

static void put(struct tables *t, const void *p, unsigned n)
{
	OK(t->n + n <= sizeof(t->bytes));
	memcpy(t->bytes + t->n, p, n);
	t->n += n;
}

static void put4(struct tables *t, uint32_t v)
{
	put(t, &v, 4);
}

static void put8(struct tables *t, uint64_t v)
{
	put(t, &v, 8);
}

static void put_length(struct tables *t, unsigned at)
{
	uint32_t n = t->n - at - 4;

	memcpy(t->bytes + at, &n, 4);
}

#define BYTES(...) (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__})

/* As gcc begins: CFA is rsp + 8, the return address lies below it. */
static void begin(struct tables *t, const char *letters)
{
	memset(t, 0, sizeof(*t));
	put4(t, 0);
	put4(t, 0);
	put(t, BYTES(1));
	put(t, letters, (unsigned)strlen(letters) + 1);
	put(t, BYTES(1, 0x78, 16)); /* code 1, data -8, return address 16 */
	if (*letters == 'z') {
		uint8_t n = 0;

		for (const char *p = letters + 1; *p; p++)
			n += *p == 'R' || *p == 'L';
		put(t, &n, 1);
		put(t, (const uint8_t[4]){0}, n); /* absolute pointers */
	}
	put(t, BYTES(0x0c, 7, 8, 0x90, 1));
	put_length(t, 0);
	t->fde = t->n;
	put4(t, 0);
	put4(t, t->fde + 4);
	put8(t, CODE);
	put8(t, CODE_BYTES);
	if (*letters == 'z')
		put(t, BYTES(0));
}

static struct cfi_range range(const struct tables *t)
{
	return (struct cfi_range){(uintptr_t)t->bytes, (uintptr_t)t->bytes + t->n};
}

static struct cfi_work g_work;

static int row(struct tables *t, unsigned offset)
{
	struct cfi_range in = range(t);

	put_length(t, t->fde);
	in = range(t);
	return cfi_row(t->bytes + t->fde, &in, CODE + offset, &g_work);
}

TEST(row_follows_the_instruction_pointer)
{
	struct tables t;

	begin(&t, "zR");
	put(&t, BYTES(0x41, 0x0e, 16, 0x86, 2)); /* +1: CFA rsp+16, rbp at CFA-16 */
	put(&t, BYTES(0x43, 0x0d, 6));           /* +3: CFA rbp+16 */
	put(&t, BYTES(2, 0x80, 0x0a));           /* +128: remember */
	put(&t, BYTES(0xc6, 0x0c, 7, 8));        /* rbp as at first, CFA rsp+8 */
	put(&t, BYTES(3, 0, 1, 0x0b));           /* +256: restore */
	put(&t, BYTES(4, 0, 2, 0, 0, 7, 16));    /* +512: no return address */
	EQ(row(&t, 0), 0);
	EQ(g_work.row.cfa_reg, CFI_SP);
	EQ(g_work.row.cfa_value, 8);
	EQ(g_work.row.reg[CFI_FP].how, CFI_SAME);
	EQ(row(&t, 1), 0);
	EQ(g_work.row.cfa_value, 16);
	EQ(g_work.row.reg[CFI_FP].how, CFI_OFFSET);
	EQ(g_work.row.reg[CFI_FP].value, -16);
	EQ(row(&t, 4), 0);
	EQ(g_work.row.cfa_reg, CFI_FP);
	EQ(g_work.row.cfa_value, 16);
	EQ(row(&t, 132), 0);
	EQ(g_work.row.cfa_reg, CFI_SP);
	EQ(g_work.row.reg[CFI_FP].how, CFI_SAME);
	EQ(row(&t, 388), 0);
	EQ(g_work.row.cfa_reg, CFI_FP);
	EQ(g_work.row.reg[CFI_FP].value, -16);
	EQ(row(&t, 900), 0);
	EQ(g_work.row.reg[CFI_RA].how, CFI_UNDEFINED);
	EQ(row(&t, CODE_BYTES), -ENOENT);
	EQ(row(&t, (unsigned)-1), -ENOENT);
}

TEST(row_knows_every_register_instruction)
{
	struct tables t;

	begin(&t, "zR");
	put(&t, BYTES(5, 3, 4));             /* rbx at CFA-32 */
	put(&t, BYTES(0x11, 12, 0x7d));      /* r12 at CFA+24 (signed -3 by -8) */
	put(&t, BYTES(0x14, 13, 2));         /* r13 is CFA-16 */
	put(&t, BYTES(0x15, 14, 0x7e));      /* r14 is CFA+16 */
	put(&t, BYTES(9, 15, 3));            /* r15 is in rbx */
	put(&t, BYTES(0x2f, 0, 1));          /* rax at CFA+8 */
	put(&t, BYTES(0x2e, 32, 8, 6));      /* size of arguments; rbp unchanged */
	put(&t, BYTES(0x16, 1, 1, 0x30));    /* rdx is 0 by expression */
	put(&t, BYTES(0x10, 2, 2, 0x77, 8)); /* rcx at rsp+8 */
	put(&t, BYTES(0x13, 0x7f));          /* CFA offset 8 (signed -1 by -8) */
	put(&t, BYTES(5, 99, 4));            /* a register that we do not follow */
	EQ(row(&t, 0), 0);
	EQ(g_work.row.reg[3].value, -32);
	EQ(g_work.row.reg[12].value, 24);
	EQ(g_work.row.reg[13].how, CFI_VAL_OFFSET);
	EQ(g_work.row.reg[13].value, -16);
	EQ(g_work.row.reg[14].value, 16);
	EQ(g_work.row.reg[15].how, CFI_REGISTER);
	EQ(g_work.row.reg[15].value, 3);
	EQ(g_work.row.reg[0].value, 8);
	EQ(g_work.row.reg[1].how, CFI_VAL_EXPR);
	EQ(g_work.row.reg[2].how, CFI_EXPR);
	EQ(g_work.row.cfa_value, 8);
}

TEST(signal_frames_are_marked)
{
	struct tables t;

	begin(&t, "zRS");
	EQ(row(&t, 0), 0);
	OK(g_work.row.is_signal);
}

TEST(malformed_tables_are_refused)
{
	struct tables t;

	begin(&t, "zR");
	put(&t, BYTES(0x0b)); /* restore without remember */
	EQ(row(&t, 0), -EINVAL);
	begin(&t, "zR");
	for (int i = 0; i <= CFI_REMEMBER_MAX; i++)
		put(&t, BYTES(0x0a));
	EQ(row(&t, 0), -EINVAL);
	begin(&t, "zR");
	put(&t, BYTES(0x3f)); /* no such instruction */
	EQ(row(&t, 0), -EINVAL);
	begin(&t, "zR");
	put(&t, BYTES(0x0f, 100)); /* an expression past the end */
	EQ(row(&t, 0), -EINVAL);
	begin(&t, "zR");
	put(&t, BYTES(4, 1)); /* cut */
	EQ(row(&t, 0), -EINVAL);
	begin(&t, "zQ");
	EQ(row(&t, 0), -EINVAL);
	begin(&t, "eh");
	EQ(row(&t, 0), -EINVAL);
	begin(&t, "zR");
	t.bytes[t.fde + 4] += 1; /* the CIE elsewhere */
	EQ(row(&t, 0), -EINVAL);
	begin(&t, "zR");
	put_length(&t, t.fde);
	for (unsigned n = 0; n < t.n; n++) { /* cut anywhere */
		struct cfi_range in = {(uintptr_t)t.bytes, (uintptr_t)t.bytes + n};

		EQ(cfi_row(t.bytes + t.fde, &in, CODE, &g_work), -EINVAL);
	}
}

/* ---- steps ---- */

static uint64_t g_memory[32]; /* as the program's at 0x1000 */

static bool read_memory(void *arg, uintptr_t at, uint64_t *out)
{
	(void)arg;
	if (at < 0x1000 || at >= 0x1000 + sizeof(g_memory) || at % 8)
		return false;
	*out = g_memory[(at - 0x1000) / 8];
	return true;
}

static struct cfi_regs regs(void)
{
	struct cfi_regs r = {.known = (1u << CFI_REGISTERS) - 1};

	for (unsigned i = 0; i < CFI_REGISTERS; i++)
		r.r[i] = 100 + i;
	r.r[CFI_SP] = 0x1040;
	return r;
}

/* The return address in r12, and r12 itself restored: what counts is r12 before. */
TEST(step_takes_everything_from_the_inner_frame)
{
	struct tables t;
	struct cfi_regs r = regs();

	begin(&t, "zR");
	put(&t, BYTES(0x8c, 2, 9, 16, 12));
	EQ(row(&t, 0), 0);
	struct cfi_range in = range(&t);

	g_memory[(0x1048 - 16 - 0x1000) / 8] = 7777;
	EQ(cfi_step(&g_work.row, &in, &r, read_memory, NULL), 1);
	EQ(r.r[CFI_RA], 112);
	EQ(r.r[ARCH_CFI_R12], 7777);
	EQ(r.r[CFI_SP], 0x1048);
	EQ(r.r[ARCH_CFI_RBX], 103);
}

static int evaluate(const uint8_t *code, unsigned n, uint64_t *out)
{
	uint8_t block[64] = {(uint8_t)n};
	struct cfi_range in = {(uintptr_t)block, (uintptr_t)block + n + 1};
	struct cfi_regs r = regs();

	memcpy(block + 1, code, n);
	return cfi_expression((uintptr_t)block, &in, &r, NULL, read_memory, NULL, out);
}

#define EXPR(want, ...)                                       \
	do {                                                  \
		uint64_t expr_v = 0;                          \
		EQ(evaluate(BYTES(__VA_ARGS__), &expr_v), 0); \
		EQ(expr_v, want);                             \
	} while (0)

TEST(expressions_compute)
{
	uint64_t v;

	g_memory[2] = 4242;
	EXPR(0x1048, 0x77, 8);                 /* rsp + 8 */
	EXPR(4242, 0x0a, 0x10, 0x10, 0x06);    /* the word at 0x1010 */
	EXPR(0x92, 0x0a, 0x10, 0x10, 0x94, 1); /* its low byte */
	EXPR(5, 0x32, 0x33, 0x22);             /* 2 + 3 */
	EXPR(-1, 0x32, 0x33, 0x1c);            /* 2 - 3 */
	EXPR(-4, 0x09, 0xfc);                  /* const1s */
	EXPR(1, 0x33, 0x32, 0x2b);             /* 3 > 2 */
	EXPR(7, 0x37, 0x31, 0x28, 1, 0, 0x13); /* a branch over a drop */
	EXPR(3, 0x32, 0x33, 0x16, 0x13);       /* swap, drop */
	EXPR(24, 0x33, 0x33, 0x24);            /* 3 << 3 */
	EXPR(-1, 0x09, 0xf0, 0x34, 0x26);      /* -16 >> 4 */
	EXPR(104, 0x92, 4, 0);                 /* register 4 */
	/* What the linker writes for its stubs: rsp + 8 + (((rip & 15) >= 11) << 3) */
	EXPR(0x1048, 0x77, 8, 0x80, 0, 0x3f, 0x1a, 0x3b, 0x2a, 0x33, 0x24, 0x22);
	EQ(evaluate(BYTES(0x22), &v), -EINVAL);             /* nothing to add */
	EQ(evaluate(BYTES(0x30, 0x06), &v), -EINVAL);       /* not readable */
	EQ(evaluate(BYTES(0x31, 0x30, 0x1b), &v), -EINVAL); /* 1 / 0 */
	EQ(evaluate(BYTES(0x2f, 0xfd, 0xff), &v), -EINVAL); /* a jump back, for ever */
	EQ(evaluate(BYTES(0x2f, 0x10, 0), &v), -EINVAL);    /* a jump out */
	EQ(evaluate(BYTES(0xff), &v), -EINVAL);
	EQ(evaluate(BYTES(0x0e, 1, 2), &v), -EINVAL); /* cut */
}

/* ---- libc's tables ---- */

static struct dl_find_object g_libc;

static struct cfi_range libc_range(void)
{
	EQ(_dl_find_object((void *)&strlen, &g_libc), 0);
	struct module_tables t;

	OK(module_of((uintptr_t)&qsort, &t));
	return t.in;
}

static const uint8_t *entry(unsigned i, uintptr_t *start)
{
	const uint8_t *hdr = g_libc.dlfo_eh_frame;
	int32_t pair[2];

	memcpy(pair, hdr + 12 + 8ul * i, 8);
	*start = (uintptr_t)hdr + (uintptr_t)(intptr_t)pair[0];
	return hdr + pair[1];
}

TEST(every_entry_of_libc_is_found_and_read)
{
	struct cfi_range in = libc_range();
	const uint8_t *hdr = g_libc.dlfo_eh_frame;
	uint32_t n;
	unsigned simple = 0;

	memcpy(&n, hdr + 8, 4);
	OK(n > 1000);
	for (unsigned i = 0; i < n; i++) {
		uintptr_t start;
		const uint8_t *fde = entry(i, &start);

		OK(cfi_find(hdr, &in, start) == fde);
		EQ(cfi_row(fde, &in, start, &g_work), 0);
		EQ(cfi_row(fde, &in, start - 1, &g_work), -ENOENT);
		for (uintptr_t pc = start; !cfi_row(fde, &in, pc, &g_work); pc += 7) {
			OK(cfi_find(hdr, &in, pc) == fde);
			simple += g_work.row.cfa_reg == CFI_SP || g_work.row.cfa_reg == CFI_FP;
		}
	}
	OK(simple > 100000);
}

static uint64_t g_seed = 88172645463325252ul;
static uint64_t rnd(void)
{
	g_seed ^= g_seed << 13;
	g_seed ^= g_seed >> 7;
	g_seed ^= g_seed << 17;
	return g_seed;
}

static bool is_same_place(const struct cfi_row *a, const struct cfi_row *b, unsigned reg)
{
	return a->reg[reg].how == b->reg[reg].how && a->reg[reg].value == b->reg[reg].value;
}

/* Does the short way tell what the long one does? Its memory of the last entry stays in `brief`. */
static bool is_brief_same(const uint8_t *hdr, const struct cfi_range *in, uintptr_t pc,
                          struct cfi_work *brief)
{
	const uint8_t *fde = cfi_find(hdr, in, pc);
	int error = fde ? cfi_row(fde, in, pc, &g_work) : -ENOENT;
	const struct cfi_row *a = &g_work.row, *b = &brief->row;

	if (cfi_row_brief(hdr, in, pc, brief) != error)
		return false;
	return error || (a->cfa_is_expr == b->cfa_is_expr && a->is_signal == b->is_signal &&
	                 a->cfa_reg == b->cfa_reg && a->cfa_value == b->cfa_value &&
	                 is_same_place(a, b, CFI_FP) && is_same_place(a, b, CFI_SP) &&
	                 is_same_place(a, b, CFI_RA));
}

/* On and on in a function, back, and from one to the next: where it went on is where it was. */
TEST(rows_for_rules_are_those_of_the_whole_interpreter)
{
	static struct cfi_work brief;
	struct cfi_range in = libc_range();
	const uint8_t *hdr = g_libc.dlfo_eh_frame;
	unsigned within = 0;
	uint32_t n;

	memcpy(&n, hdr + 8, 4);
	for (unsigned i = 0; i < n; i++) {
		uintptr_t start, pc;
		const uint8_t *fde = entry(i, &start);
		unsigned bytes = 0;

		while (!cfi_row(fde, &in, start + bytes, &g_work))
			bytes++;
		for (pc = start; pc < start + bytes; pc += 1 + rnd() % 16)
			OK(is_brief_same(hdr, &in, pc, &brief));
		for (unsigned k = 0; k < 8; k++)
			OK(is_brief_same(hdr, &in, start + rnd() % (bytes + 1), &brief));
		within += brief.brief.fde == fde;
		OK(is_brief_same(hdr, &in, start - 1, &brief));
	}
	OK(!ARCH_PLAIN_FRAMES || within > 500);
}

/* ---- hostile tables ---- */

static bool read_noise(void *arg, uintptr_t at, uint64_t *out)
{
	(void)arg, (void)at;
	*out = rnd();
	return rnd() % 4;
}

enum { HEADER = 16 };

/* A search table of one entry at the page's end. */
static void put_header(uint8_t *page, const uint8_t *fde, uintptr_t pc)
{
	uint8_t *hdr = page + 4096 - HEADER;
	int32_t pair[] = {1, (int32_t)(pc - (uintptr_t)hdr), (int32_t)(fde - hdr)};

	memcpy(hdr, (const uint8_t[]){1, 0xff, 3, 0x3b}, 4);
	memcpy(hdr + 4, pair, sizeof(pair));
}

/* Bytes turned at random, between two guard pages: whatever comes out, nothing else is read, and it
 * ends. */
TEST(damaged_tables_neither_fault_nor_hang)
{
	struct cfi_range libc = libc_range();
	uint8_t *map = mmap(NULL, 4096 * 3, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
	        *page = map + 4096;
	struct cfi_range in = {(uintptr_t)page, (uintptr_t)page + 4096};
	static struct cfi_work brief;
	unsigned rows = 0, steps = 0;

	mprotect(page, 4096, PROT_READ | PROT_WRITE);
	for (int i = 0; i < 200000; i++) {
		uintptr_t start, from = libc.lo + rnd() % (libc.hi - libc.lo - 4096);
		struct cfi_regs r = regs();

		if (i % 64 == 0) { /* a CIE and what follows it */
			memcpy(page, (void *)from, 4096);
			const uint8_t *fde = entry((unsigned)(rnd() % 1000), &start);
			uint32_t back, cie_bytes, fde_bytes;

			memcpy(&back, fde + 4, 4);
			const uint8_t *cie = fde + 4 - back;
			memcpy(&cie_bytes, cie, 4);
			memcpy(&fde_bytes, fde, 4);
			if (cie_bytes + fde_bytes > 3000)
				continue;
			memcpy(page, cie, cie_bytes + 4);
			memcpy(page + cie_bytes + 4, fde, fde_bytes + 4);
			back = cie_bytes + 8;
			memcpy(page + cie_bytes + 8, &back, 4);
		}
		uint32_t cie_bytes;

		memcpy(&cie_bytes, page, 4);
		page[rnd() % 128] = (uint8_t)rnd();
		const uint8_t *fde = page + (rnd() % 4 ? (cie_bytes + 4) % 4096 : rnd() % 4096);
		struct cfi_cursor c = {fde + 8, page + 4096, fde + 8 > page + 4096};
		uintptr_t pc = cfi_pointer(&c, 0x1b, 0) + rnd() % 16;

		cfi_find(page + rnd() % 4096, &in, rnd() % 2 ? pc : rnd());
		put_header(page, fde, pc);
		brief.brief.fde = NULL;
		for (unsigned k = 0; k < 4; k++)
			OK(is_brief_same(page + 4096 - HEADER, &in, pc + rnd() % 64, &brief));
		if (cfi_row(fde, &in, pc, &g_work))
			continue;
		rows++;
		steps += cfi_step(&g_work.row, &in, &r, read_noise, NULL) >= 0;
	}
	printf("# %u rows, %u steps\n", rows, steps);
	OK(rows > 100);
	OK(steps > 10);
}

int main(int argc, char **argv)
{
	return check_main(argc, argv);
}
