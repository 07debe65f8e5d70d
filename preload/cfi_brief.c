/*
 * cfi_brief.c - the part of the interpreter that rules are made of, with no more state than they
 * need: before a place in a large function stand a thousand instructions, a program that starts has
 * some thousand places, and a compiler starts anew for each file. Knows the instructions that
 * compilers write; for all others, and whatever looks wrong, cfi_row() is asked. Owns nothing.
 * Context: any.
 */
#include "cfi_entry.h"

#include <errno.h>
#include <string.h>

enum brief_end { BRIEF_ON, BRIEF_UNKNOWN };

static enum brief_end save(struct cfi_brief_at *b, unsigned reg, uint64_t offset)
{
	if (reg == CFI_FP && offset) {
		b->now.fp = (int64_t)(offset * (uint64_t)b->data_align);
		return BRIEF_ON;
	}
	return reg == CFI_FP || reg == CFI_SP || reg == CFI_RA ? BRIEF_UNKNOWN : BRIEF_ON;
}

static enum brief_end restore(struct cfi_brief_at *b, unsigned reg)
{
	if (reg == CFI_FP)
		b->now.fp = 0;
	return reg == CFI_SP || reg == CFI_RA ? BRIEF_UNKNOWN : BRIEF_ON;
}

static enum brief_end define(struct cfi_brief_at *b, uint64_t reg)
{
	if (reg != CFI_SP && reg != CFI_FP)
		return BRIEF_UNKNOWN;
	b->now.reg = (uint32_t)reg;
	return BRIEF_ON;
}

/* Neither advances nor those with an operand in themselves. */
static enum brief_end other(struct cfi_brief_at *b, struct cfi_cursor *c, unsigned op)
{
	uint64_t reg;

	switch (op) {
	case CFI_OP_DEF_CFA_OFFSET:
		b->now.cfa = cfi_uleb(c);
		return BRIEF_ON;
	case CFI_OP_REMEMBER:
		if (b->depth == CFI_REMEMBER_MAX)
			return BRIEF_UNKNOWN;
		b->remembered[b->depth++] = b->now;
		return BRIEF_ON;
	case CFI_OP_RESTORE_STATE:
		if (!b->depth)
			return BRIEF_UNKNOWN;
		b->now = b->remembered[--b->depth];
		return BRIEF_ON;
	case CFI_OP_DEF_CFA:
		reg = cfi_uleb(c);
		b->now.cfa = cfi_uleb(c);
		return define(b, reg);
	case CFI_OP_DEF_CFA_REG:
		return define(b, cfi_uleb(c));
	case CFI_OP_NOP:
		return BRIEF_ON;
	case CFI_OP_GNU_ARGS_SIZE:
		cfi_uleb(c);
		return BRIEF_ON;
	default:
		return BRIEF_UNKNOWN;
	}
}

static uint64_t advanced(struct cfi_cursor *c, unsigned op)
{
	if (op == CFI_OP_ADVANCE1)
		return cfi_byte(c);
	return op == CFI_OP_ADVANCE2 ? cfi_uint(c, 2) : op & CFI_OP_LOW;
}

/* From where b is up to the advance beyond `limit`, in units of code_align. False: cfi_row() must
 * be asked. */
static bool run(struct cfi_brief_at *b, uint64_t limit)
{
	struct cfi_cursor c = {b->next, b->end, false};
	enum brief_end end = BRIEF_ON;
	uint64_t loc = b->loc;
	const uint8_t *at = c.p;

	for (; end == BRIEF_ON && c.p < c.end; at = c.p) {
		unsigned op = *c.p++, high = op & ~CFI_OP_LOW;

		if (high == CFI_OP_ADVANCE || op == CFI_OP_ADVANCE1 || op == CFI_OP_ADVANCE2) {
			uint64_t by = advanced(&c, op);

			if (by > limit - loc)
				break;
			loc += by;
		} else if (high == CFI_OP_OFFSET) {
			end = save(b, op & CFI_OP_LOW, cfi_uleb(&c));
		} else if (high == CFI_OP_RESTORE) {
			end = restore(b, op & CFI_OP_LOW);
		} else {
			end = other(b, &c, op);
		}
	}
	b->next = at;
	b->loc = loc;
	return !c.bad && end != BRIEF_UNKNOWN;
}

/* As nearly every entry is: at first the CFA is sp + 8, and the return address lies below it. The
 * limits: so no sum of advances overflows. */
static bool is_plain(const struct cfi_fde *f)
{
	static const uint8_t plain[] = {CFI_OP_DEF_CFA, CFI_SP, 8, CFI_OP_OFFSET + CFI_RA, 1};
	const struct cfi_cie *cie = &f->cie;
	const uint8_t *p = cie->code.p;

	if (!ARCH_PLAIN_FRAMES || cie->is_signal || cie->data_align != -8 || !cie->code_align ||
	    cie->code_align > 16 || f->start >> 48 || f->bytes >> 32 ||
	    cie->code.end - p < (ptrdiff_t)sizeof(plain) || memcmp(p, plain, sizeof(plain)) != 0)
		return false;
	for (p += sizeof(plain); p < cie->code.end; p++)
		if (*p != CFI_OP_NOP)
			return false;
	return true;
}

static void restart(struct cfi_brief_at *b)
{
	b->next = b->code;
	b->loc = 0;
	b->depth = 0;
	b->now = (struct cfi_brief){8, 0, CFI_SP};
}

/* 0, or why there is no row. b->fde is NULL where cfi_row() must be asked. */
static int open_entry(struct cfi_brief_at *b, const uint8_t *fde, const struct cfi_range *in,
                      uintptr_t pc)
{
	struct cfi_fde f;
	int error = cfi_entry(fde, in, pc, &f);

	b->fde = NULL;
	if (error || !is_plain(&f))
		return error;
	b->fde = fde;
	b->code = f.code.p;
	b->end = f.code.end;
	b->start = f.start;
	b->bytes = f.bytes;
	b->code_align = f.cie.code_align;
	b->data_align = f.cie.data_align;
	restart(b);
	return 0;
}

static bool read_on(struct cfi_brief_at *b, uintptr_t pc)
{
	uint64_t limit = (pc - b->start) / b->code_align;

	if (limit < b->loc)
		restart(b);
	return run(b, limit);
}

static void tell(const struct cfi_brief *b, struct cfi_row *row)
{
	row->cfa_is_expr = row->is_signal = false;
	row->cfa_reg = b->reg;
	row->cfa_value = (int64_t)b->cfa;
	row->reg[CFI_SP] = (struct cfi_place){CFI_SAME, 0};
	row->reg[CFI_RA] = (struct cfi_place){CFI_OFFSET, -8};
	row->reg[CFI_FP] = (struct cfi_place){b->fp ? CFI_OFFSET : CFI_SAME, b->fp};
}

int cfi_row_brief(const uint8_t *hdr, const struct cfi_range *in, uintptr_t pc, struct cfi_work *w)
{
	struct cfi_brief_at *b = &w->brief;

	if (!b->fde || pc - b->start >= b->bytes) {
		const uint8_t *fde = cfi_find(hdr, in, pc);
		int error = fde ? open_entry(b, fde, in, pc) : -ENOENT;

		if (error)
			return error;
		if (!b->fde)
			return cfi_row(fde, in, pc, w);
	}
	if (!read_on(b, pc)) {
		const uint8_t *fde = b->fde;

		b->fde = NULL;
		return cfi_row(fde, in, pc, w);
	}
	tell(&b->now, &w->row);
	return 0;
}
