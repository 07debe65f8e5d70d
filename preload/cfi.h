/*
 * cfi.h - unwind tables (.eh_frame, DWARF call frame information): from the tables of a module to
 * the row that holds at one instruction, to one step outward. Pure functions over memory: no state,
 * no lock, no allocation; any context. The tables are not trusted: every read stays inside the
 * ranges given, every loop ends.
 */
#ifndef OUTLIVE_CFI_H
#define OUTLIVE_CFI_H

#include <stdbool.h>
#include <stdint.h>

#include "arch.h"

/* DWARF's numbers; in PC a frame's own place, which is RA itself where no register holds RA. */
enum {
	CFI_FP = ARCH_CFI_FP,
	CFI_SP = ARCH_CFI_SP,
	CFI_RA = ARCH_CFI_RA,
	CFI_PC = ARCH_CFI_PC,
	CFI_REGISTERS = ARCH_CFI_REGISTERS
};

/* Memory that may be read: [lo, hi). */
struct cfi_range {
	uintptr_t lo, hi;
};

enum cfi_how {
	CFI_SAME,       /* unchanged */
	CFI_UNDEFINED,  /* of the return address: outermost frame */
	CFI_OFFSET,     /* saved at CFA + value */
	CFI_VAL_OFFSET, /* is CFA + value */
	CFI_REGISTER,   /* is in register `value` */
	CFI_EXPR,       /* saved where the expression at address `value` says */
	CFI_VAL_EXPR    /* is what the expression says */
};
struct cfi_place {
	uint8_t how;
	int64_t value;
};
struct cfi_row {
	bool cfa_is_expr;
	bool is_signal; /* the kernel made the frame outside of this one: its ip is exact */
	uint32_t cfa_reg;
	int64_t cfa_value; /* offset from cfa_reg, or address of the expression */
	struct cfi_place reg[CFI_REGISTERS];
};

/* Room to work in; the caller's stack may be a small one. */
enum { CFI_REMEMBER_MAX = 8 };
/* All that a rule is made of: the return address lies at CFA - 8, and sp is the CFA. */
struct cfi_brief {
	uint64_t cfa;
	int64_t fp; /* saved at CFA + fp; 0: unchanged */
	uint32_t reg;
};
/* How far cfi_row_brief() has read the entry of a function: up to the advance that led beyond pc.
 */
struct cfi_brief_at {
	const uint8_t *fde;               /* NULL: none */
	const uint8_t *code, *next, *end; /* instructions */
	uint64_t start, bytes;            /* code that it is for */
	uint64_t loc, code_align;         /* loc: from start, in units of code_align */
	int64_t data_align;
	unsigned depth;
	struct cfi_brief now, remembered[CFI_REMEMBER_MAX];
};
struct cfi_work {
	struct cfi_row row; /* the result */
	struct cfi_row initial, remembered[CFI_REMEMBER_MAX];
	struct cfi_brief_at brief;
	uint32_t epoch; /* its owner's: of the tables that brief speaks of */
};

/*
 * The FDE of pc by the binary search table of a PT_GNU_EH_FRAME header, or NULL. All that is read
 * lies in `in`.
 */
const uint8_t *cfi_find(const uint8_t *hdr, const struct cfi_range *in, uintptr_t pc);
/* The row at pc by its FDE into w->row. 0; -ENOENT when the FDE is not for pc; -EINVAL for what is
 * malformed or unknown. */
int cfi_row(const uint8_t *fde, const struct cfi_range *in, uintptr_t pc, struct cfi_work *w);
/*
 * The same for pc in the entry that the last call was for, or of cfi_find(), for who asks only for
 * the CFA and for where FP, SP and RA are: the other registers of the row are not told. A function
 * is mostly learnt from its start to its end: w->brief knows where to go on. Whoever knows that
 * tables have gone sets w->brief.fde to NULL.
 */
int cfi_row_brief(const uint8_t *hdr, const struct cfi_range *in, uintptr_t pc, struct cfi_work *w);

/* A thread's registers in one frame, as far as they are known. */
struct cfi_regs {
	uint64_t r[CFI_REGISTERS];
	uint64_t known; /* bit by number */
};
static inline uint64_t cfi_bit(unsigned number)
{
	return 1ul << number;
}
/* Reads 8 bytes of the program's memory; false when it cannot be read. */
typedef bool cfi_read_fn(void *arg, uintptr_t address, uint64_t *out);

/* Evaluates the expression (a length and its bytes) at `expr`. stack_top: value that it starts
 * with, or NULL. */
int cfi_expression(uintptr_t expr, const struct cfi_range *in, const struct cfi_regs *regs,
                   const uint64_t *stack_top, cfi_read_fn *read, void *arg, uint64_t *out);
/* One step outward: regs becomes the caller's. 1 stepped, 0 outermost frame, -EINVAL cannot be
 * told. */
int cfi_step(const struct cfi_row *row, const struct cfi_range *in, struct cfi_regs *regs,
             cfi_read_fn *read, void *arg);

/* Reading tables; past the end everything is 0 and bad is set. */
struct cfi_cursor {
	const uint8_t *p, *end;
	bool bad;
};
struct cfi_cursor cfi_cursor(uintptr_t at, uint64_t bytes, const struct cfi_range *in);
uint64_t cfi_uint(struct cfi_cursor *c, unsigned bytes);
uint64_t cfi_uleb_long(struct cfi_cursor *c);
int64_t cfi_sleb(struct cfi_cursor *c);
/* Nearly all that is read are single bytes, thousands of them for a place in a large function. */
static inline unsigned cfi_byte(struct cfi_cursor *c)
{
	if (__builtin_expect(c->p < c->end, 1))
		return *c->p++;
	c->bad = true;
	return 0;
}
static inline uint64_t cfi_uleb(struct cfi_cursor *c)
{
	if (__builtin_expect(c->p < c->end && *c->p < 128, 1))
		return *c->p++;
	return cfi_uleb_long(c);
}
/* A pointer in one of the DW_EH_PE_ encodings; indirect ones are bad. */
uint64_t cfi_pointer(struct cfi_cursor *c, unsigned encoding, uintptr_t data_base);

#endif
