/*
 * cfi.c - the interpreter of call frame instructions: CIE, FDE and address to the row that holds
 * there. Owns nothing. Tables are not trusted (a damaged module must not damage the program): all
 * reads go through cfi_read.c, and each instruction takes at least a byte. Context: any.
 */
#include "cfi.h"

#include <errno.h>
#include <string.h>

struct cie {
	struct cfi_cursor code; /* its initial instructions */
	uint64_t code_align;
	int64_t data_align;
	unsigned encoding; /* of addresses in the FDE */
	bool has_length;   /* "z": the FDE has augmentation data with a length */
	bool is_signal;
};

/* The body of the entry at `at`: after its length, before its end. */
static struct cfi_cursor entry(uintptr_t at, const struct cfi_range *in)
{
	struct cfi_cursor c = cfi_cursor(at, 4, in);
	uint64_t bytes = cfi_uint(&c, 4);

	if (c.bad || !bytes || bytes >= 0xfffffff0u) /* the 64-bit form is not used by any linker */
		return (struct cfi_cursor){.bad = true};
	return cfi_cursor(at + 4, bytes, in);
}

static void read_augmentation(struct cie *cie, struct cfi_cursor *c, const char *letters)
{
	struct cfi_cursor data;
	uint64_t bytes = cfi_uleb(c);

	if (c->bad || bytes > (uint64_t)(c->end - c->p)) {
		c->bad = true;
		return;
	}
	data = (struct cfi_cursor){c->p, c->p + bytes, false};
	c->p += bytes;
	cie->has_length = true;
	for (; *letters; letters++) {
		switch (*letters) {
		case 'R':
			cie->encoding = (unsigned)cfi_uint(&data, 1);
			break;
		case 'L':
			cfi_uint(&data, 1);
			break;
		case 'P': { /* only skipped: what it is relative to is of no matter, but its size is
			     */
			unsigned how = (unsigned)cfi_uint(&data, 1);

			cfi_pointer(&data, how & 15, 0);
			break;
		}
		case 'S':
			cie->is_signal = true;
			break;
		case 'B': /* which key signs return addresses */
			break;
		default:
			c->bad = true;
		}
	}
	c->bad |= data.bad;
}

static int read_cie(uintptr_t at, const struct cfi_range *in, struct cie *cie)
{
	struct cfi_cursor c = entry(at, in);
	uint64_t id = cfi_uint(&c, 4), version = cfi_uint(&c, 1);
	const char *letters = (const char *)c.p;

	memset(cie, 0, sizeof(*cie));
	while (cfi_uint(&c, 1))
		;
	if (c.bad || id || (version != 1 && version != 3 && version != 4))
		return -EINVAL;
	if (version == 4 && cfi_uint(&c, 2) != 8) /* address size 8, segment size 0 */
		return -EINVAL;
	cie->code_align = cfi_uleb(&c);
	cie->data_align = cfi_sleb(&c);
	if ((version == 1 ? cfi_uint(&c, 1) : cfi_uleb(&c)) != CFI_RA)
		return -EINVAL;
	if (*letters == 'z')
		read_augmentation(cie, &c, letters + 1);
	else if (*letters)
		return -EINVAL;
	cie->code = c;
	return c.bad ? -EINVAL : 0;
}

/* ---- the machine ---- */

struct machine {
	struct cfi_work *w;
	const struct cie *cie;
	uint64_t loc, pc;
	unsigned depth;
};

static void place(struct machine *m, uint64_t reg, uint8_t how, int64_t value)
{
	if (reg < CFI_REGISTERS)
		m->w->row.reg[reg] = (struct cfi_place){how, value};
}

static void restore(struct machine *m, uint64_t reg)
{
	if (reg < CFI_REGISTERS)
		m->w->row.reg[reg] = m->w->initial.reg[reg];
}

/* Notes where an expression (a length and its bytes) lies, and skips it. */
static int64_t skip_block(struct cfi_cursor *c)
{
	int64_t at = (int64_t)(uintptr_t)c->p;
	uint64_t bytes = cfi_uleb(c);

	if (c->bad || bytes > (uint64_t)(c->end - c->p))
		c->bad = true;
	else
		c->p += bytes;
	return at;
}

static int64_t scaled(const struct machine *m, uint64_t v)
{
	return (int64_t)(v * (uint64_t)m->cie->data_align);
}

enum {
	OP_NOP,
	OP_SET_LOC,
	OP_ADVANCE1,
	OP_ADVANCE2,
	OP_ADVANCE4,
	OP_OFFSET_EXT,
	OP_RESTORE_EXT,
	OP_UNDEFINED,
	OP_SAME,
	OP_REGISTER,
	OP_REMEMBER,
	OP_RESTORE_STATE,
	OP_DEF_CFA,
	OP_DEF_CFA_REG,
	OP_DEF_CFA_OFFSET,
	OP_DEF_CFA_EXPR,
	OP_EXPR,
	OP_OFFSET_EXT_SF,
	OP_DEF_CFA_SF,
	OP_DEF_CFA_OFFSET_SF,
	OP_VAL_OFFSET,
	OP_VAL_OFFSET_SF,
	OP_VAL_EXPR,
	OP_GNU_ARGS_SIZE = 0x2e,
	OP_GNU_NEG_OFFSET = 0x2f
};

static void define_cfa(struct cfi_row *row, uint64_t reg, int64_t offset)
{
	row->cfa_is_expr = false;
	row->cfa_reg = reg < CFI_REGISTERS ? (uint32_t)reg : CFI_REGISTERS;
	row->cfa_value = offset;
}

/* Instructions that say how the CFA is found. False: not one of them. */
static bool cfa_instruction(struct machine *m, struct cfi_cursor *c, unsigned op)
{
	struct cfi_row *row = &m->w->row;
	uint64_t reg;

	switch (op) {
	case OP_DEF_CFA:
		reg = cfi_uleb(c);
		define_cfa(row, reg, (int64_t)cfi_uleb(c));
		return true;
	case OP_DEF_CFA_SF:
		reg = cfi_uleb(c);
		define_cfa(row, reg, scaled(m, (uint64_t)cfi_sleb(c)));
		return true;
	case OP_DEF_CFA_REG:
		define_cfa(row, cfi_uleb(c), row->cfa_value);
		return true;
	case OP_DEF_CFA_OFFSET_SF:
		row->cfa_value = scaled(m, (uint64_t)cfi_sleb(c));
		return true;
	case OP_DEF_CFA_EXPR:
		row->cfa_value = skip_block(c);
		row->cfa_is_expr = true;
		return true;
	default:
		return false;
	}
}

/* Instructions that say where a register is. False: unknown. */
static bool register_instruction(struct machine *m, struct cfi_cursor *c, unsigned op)
{
	uint64_t reg = cfi_uleb(c);

	switch (op) {
	case OP_OFFSET_EXT:
		place(m, reg, CFI_OFFSET, scaled(m, cfi_uleb(c)));
		return true;
	case OP_OFFSET_EXT_SF:
		place(m, reg, CFI_OFFSET, scaled(m, (uint64_t)cfi_sleb(c)));
		return true;
	case OP_GNU_NEG_OFFSET:
		place(m, reg, CFI_OFFSET, -scaled(m, cfi_uleb(c)));
		return true;
	case OP_VAL_OFFSET:
		place(m, reg, CFI_VAL_OFFSET, scaled(m, cfi_uleb(c)));
		return true;
	case OP_VAL_OFFSET_SF:
		place(m, reg, CFI_VAL_OFFSET, scaled(m, (uint64_t)cfi_sleb(c)));
		return true;
	case OP_RESTORE_EXT:
		restore(m, reg);
		return true;
	case OP_UNDEFINED:
		place(m, reg, CFI_UNDEFINED, 0);
		return true;
	case OP_SAME:
		place(m, reg, CFI_SAME, 0);
		return true;
	case OP_REGISTER:
		place(m, reg, CFI_REGISTER, (int64_t)cfi_uleb(c));
		return true;
	case OP_EXPR:
		place(m, reg, CFI_EXPR, skip_block(c));
		return true;
	case OP_VAL_EXPR:
		place(m, reg, CFI_VAL_EXPR, skip_block(c));
		return true;
	case OP_GNU_ARGS_SIZE: /* its argument was read as reg */
		return true;
	default:
		return false;
	}
}

/* One instruction. 0 go on, 1 the row is complete, -EINVAL. */
static int step(struct machine *m, struct cfi_cursor *c)
{
	unsigned op = cfi_byte(c), low = op & 63;
	uint64_t advance = 0;

	switch (op & 0xc0) {
	case 0x40:
		m->loc += low * m->cie->code_align;
		return m->loc > m->pc;
	case 0x80:
		place(m, low, CFI_OFFSET, scaled(m, cfi_uleb(c)));
		return 0;
	case 0xc0:
		restore(m, low);
		return 0;
	}
	switch (op) {
	case OP_NOP:
	case ARCH_CFI_SIGN:
		return 0;
	case OP_SET_LOC:
		m->loc = cfi_pointer(c, m->cie->encoding, 0);
		return m->loc > m->pc;
	case OP_ADVANCE1:
		m->loc += cfi_byte(c) * m->cie->code_align;
		return m->loc > m->pc;
	case OP_DEF_CFA_OFFSET:
		m->w->row.cfa_value = (int64_t)cfi_uleb(c);
		return 0;
	case OP_ADVANCE2:
	case OP_ADVANCE4:
		advance = cfi_uint(c, 1u << (op - OP_ADVANCE1));
		m->loc += advance * m->cie->code_align;
		return m->loc > m->pc;
	case OP_REMEMBER:
		if (m->depth == CFI_REMEMBER_MAX)
			return -EINVAL;
		m->w->remembered[m->depth++] = m->w->row;
		return 0;
	case OP_RESTORE_STATE:
		if (!m->depth)
			return -EINVAL;
		m->w->row = m->w->remembered[--m->depth];
		return 0;
	}
	return cfa_instruction(m, c, op) || register_instruction(m, c, op) ? 0 : -EINVAL;
}

static int run(struct machine *m, struct cfi_cursor c)
{
	int r = 0;

	while (!r && !c.bad && c.p < c.end)
		r = step(m, &c);
	return c.bad || r < 0 ? -EINVAL : 0;
}

int cfi_row(const uint8_t *fde, const struct cfi_range *in, uintptr_t pc, struct cfi_work *w)
{
	struct cfi_cursor c = entry((uintptr_t)fde, in);
	uintptr_t id_at = (uintptr_t)c.p;
	uint64_t back = cfi_uint(&c, 4);
	struct cie cie;

	if (c.bad || !back || read_cie(id_at - back, in, &cie))
		return -EINVAL;
	uint64_t start = cfi_pointer(&c, cie.encoding, 0),
	         length = cfi_pointer(&c, cie.encoding & 15, 0);

	if (cie.has_length) {
		uint64_t bytes = cfi_uleb(&c);

		if (c.bad || bytes > (uint64_t)(c.end - c.p))
			return -EINVAL;
		c.p += bytes;
	}
	if (c.bad)
		return -EINVAL;
	if (pc - start >= length)
		return -ENOENT;
	struct machine m = {w, &cie, 0, UINT64_MAX, 0};

	memset(&w->row, 0, sizeof(w->row));
	w->row.cfa_reg = CFI_REGISTERS;
	w->row.is_signal = cie.is_signal;
	if (run(&m, cie.code))
		return -EINVAL;
	w->initial = w->row;
	m = (struct machine){w, &cie, start, pc, 0};
	return run(&m, c);
}
