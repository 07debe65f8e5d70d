/*
 * cfi.c - the interpreter of call frame instructions: FDE and address to the row that holds there.
 * Owns nothing. Tables are not trusted (a damaged module must not damage the program): all reads go
 * through cfi_read.c, and each instruction takes at least a byte. Context: any.
 */
#include "cfi_entry.h"

#include <errno.h>
#include <string.h>

/* ---- the machine ---- */

struct machine {
	struct cfi_work *w;
	const struct cfi_cie *cie;
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
	case CFI_OP_DEF_CFA:
		reg = cfi_uleb(c);
		define_cfa(row, reg, (int64_t)cfi_uleb(c));
		return true;
	case CFI_OP_DEF_CFA_SF:
		reg = cfi_uleb(c);
		define_cfa(row, reg, scaled(m, (uint64_t)cfi_sleb(c)));
		return true;
	case CFI_OP_DEF_CFA_REG:
		define_cfa(row, cfi_uleb(c), row->cfa_value);
		return true;
	case CFI_OP_DEF_CFA_OFFSET_SF:
		row->cfa_value = scaled(m, (uint64_t)cfi_sleb(c));
		return true;
	case CFI_OP_DEF_CFA_EXPR:
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
	case CFI_OP_OFFSET_EXT:
		place(m, reg, CFI_OFFSET, scaled(m, cfi_uleb(c)));
		return true;
	case CFI_OP_OFFSET_EXT_SF:
		place(m, reg, CFI_OFFSET, scaled(m, (uint64_t)cfi_sleb(c)));
		return true;
	case CFI_OP_GNU_NEG_OFFSET:
		place(m, reg, CFI_OFFSET, -scaled(m, cfi_uleb(c)));
		return true;
	case CFI_OP_VAL_OFFSET:
		place(m, reg, CFI_VAL_OFFSET, scaled(m, cfi_uleb(c)));
		return true;
	case CFI_OP_VAL_OFFSET_SF:
		place(m, reg, CFI_VAL_OFFSET, scaled(m, (uint64_t)cfi_sleb(c)));
		return true;
	case CFI_OP_RESTORE_EXT:
		restore(m, reg);
		return true;
	case CFI_OP_UNDEFINED:
		place(m, reg, CFI_UNDEFINED, 0);
		return true;
	case CFI_OP_SAME:
		place(m, reg, CFI_SAME, 0);
		return true;
	case CFI_OP_REGISTER:
		place(m, reg, CFI_REGISTER, (int64_t)cfi_uleb(c));
		return true;
	case CFI_OP_EXPR:
		place(m, reg, CFI_EXPR, skip_block(c));
		return true;
	case CFI_OP_VAL_EXPR:
		place(m, reg, CFI_VAL_EXPR, skip_block(c));
		return true;
	case CFI_OP_GNU_ARGS_SIZE: /* its argument was read as reg */
		return true;
	default:
		return false;
	}
}

/* One instruction. 0 go on, 1 the row is complete, -EINVAL. */
static int step(struct machine *m, struct cfi_cursor *c)
{
	unsigned op = cfi_byte(c), low = op & CFI_OP_LOW;
	uint64_t advance = 0;

	switch (op & ~CFI_OP_LOW) {
	case CFI_OP_ADVANCE:
		m->loc += low * m->cie->code_align;
		return m->loc > m->pc;
	case CFI_OP_OFFSET:
		place(m, low, CFI_OFFSET, scaled(m, cfi_uleb(c)));
		return 0;
	case CFI_OP_RESTORE:
		restore(m, low);
		return 0;
	}
	switch (op) {
	case CFI_OP_NOP:
	case ARCH_CFI_SIGN:
		return 0;
	case CFI_OP_SET_LOC:
		m->loc = cfi_pointer(c, m->cie->encoding, 0);
		return m->loc > m->pc;
	case CFI_OP_ADVANCE1:
		m->loc += cfi_byte(c) * m->cie->code_align;
		return m->loc > m->pc;
	case CFI_OP_DEF_CFA_OFFSET:
		m->w->row.cfa_value = (int64_t)cfi_uleb(c);
		return 0;
	case CFI_OP_ADVANCE2:
	case CFI_OP_ADVANCE4:
		advance = cfi_uint(c, 1u << (op - CFI_OP_ADVANCE1));
		m->loc += advance * m->cie->code_align;
		return m->loc > m->pc;
	case CFI_OP_REMEMBER:
		if (m->depth == CFI_REMEMBER_MAX)
			return -EINVAL;
		m->w->remembered[m->depth++] = m->w->row;
		return 0;
	case CFI_OP_RESTORE_STATE:
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
	struct cfi_fde f;
	int r = cfi_entry(fde, in, pc, &f);

	if (r)
		return r;
	struct machine m = {w, &f.cie, 0, UINT64_MAX, 0};

	memset(&w->row, 0, sizeof(w->row));
	w->row.cfa_reg = CFI_REGISTERS;
	w->row.is_signal = f.cie.is_signal;
	w->initial = w->row; /* no earlier entry's, should this one's CIE restore what it had */
	if (run(&m, f.cie.code))
		return -EINVAL;
	w->initial = w->row;
	m = (struct machine){w, &f.cie, f.start, pc, 0};
	return run(&m, f.code);
}
