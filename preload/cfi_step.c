/*
 * cfi_step.c - one step outward by a row of the unwind tables, with all registers and DWARF
 * expressions: the slow, complete way. The fast way (rule.h) covers what compilers write.
 * Context: any.
 */
#include "cfi.h"

#include <errno.h>
#include <stddef.h>

enum { EXPR_STACK = 32 };

struct expr {
	struct cfi_cursor c;
	const struct cfi_regs *regs;
	cfi_read_fn *read;
	void *arg;
	uint64_t v[EXPR_STACK];
	unsigned n;
	bool bad;
};

static void push(struct expr *e, uint64_t v)
{
	if (e->n == EXPR_STACK)
		e->bad = true;
	else
		e->v[e->n++] = v;
}

static uint64_t pop(struct expr *e)
{
	if (!e->n) {
		e->bad = true;
		return 0;
	}
	return e->v[--e->n];
}

static void push_copy(struct expr *e, uint64_t depth)
{
	if (depth < e->n)
		push(e, e->v[e->n - 1 - depth]);
	else
		e->bad = true;
}

static void push_register(struct expr *e, uint64_t reg, int64_t offset)
{
	if (reg < CFI_REGISTERS && (e->regs->known >> reg & 1))
		push(e, e->regs->r[reg] + (uint64_t)offset);
	else
		e->bad = true;
}

static void dereference(struct expr *e, uint64_t bytes)
{
	uint64_t v = 0;

	if (!bytes || bytes > 8 || !e->read(e->arg, pop(e), &v))
		e->bad = true;
	push(e, bytes == 8 ? v : v & ((1ul << 8 * (bytes & 7)) - 1));
}

/* Forward only, so that every evaluation ends; no compiler writes a loop into a table. */
static void jump(struct expr *e, bool taken)
{
	int16_t by = (int16_t)cfi_uint(&e->c, 2);

	if (!taken)
		return;
	if (by < 0 || by > e->c.end - e->c.p)
		e->bad = true;
	else
		e->c.p += by;
}

enum {
	EX_ADDR = 0x03,
	EX_DEREF = 0x06,
	EX_CONST1U = 0x08,
	EX_CONST8S = 0x0f,
	EX_CONSTU,
	EX_CONSTS,
	EX_DUP,
	EX_DROP,
	EX_OVER,
	EX_PICK,
	EX_SWAP,
	EX_ROT,
	EX_ABS = 0x19,
	EX_AND,
	EX_DIV,
	EX_MINUS,
	EX_MOD,
	EX_MUL,
	EX_NEG,
	EX_NOT,
	EX_OR,
	EX_PLUS,
	EX_PLUS_UCONST,
	EX_SHL,
	EX_SHR,
	EX_SHRA,
	EX_XOR,
	EX_BRA,
	EX_EQ,
	EX_GE,
	EX_GT,
	EX_LE,
	EX_LT,
	EX_NE,
	EX_SKIP,
	EX_LIT0 = 0x30,
	EX_BREG0 = 0x70,
	EX_BREGX = 0x92,
	EX_DEREF_SIZE = 0x94,
	EX_NOP = 0x96
};

/* Values and the order of the stack. False: another kind of operation. */
static bool stack_operation(struct expr *e, unsigned op)
{
	uint64_t a, b, c;

	if (op >= EX_CONST1U && op <= EX_CONST8S) {
		unsigned bytes = 1u << (op - EX_CONST1U) / 2, shift = 64 - 8 * bytes;
		uint64_t v = cfi_uint(&e->c, bytes);

		push(e, op & 1 ? (uint64_t)((int64_t)(v << shift) >> shift) : v);
		return true;
	}
	if (op >= EX_LIT0 && op < EX_LIT0 + 32) {
		push(e, op - EX_LIT0);
		return true;
	}
	switch (op) {
	case EX_ADDR:
		push(e, cfi_uint(&e->c, 8));
		return true;
	case EX_CONSTU:
		push(e, cfi_uleb(&e->c));
		return true;
	case EX_CONSTS:
		push(e, (uint64_t)cfi_sleb(&e->c));
		return true;
	case EX_DUP:
		push_copy(e, 0);
		return true;
	case EX_DROP:
		pop(e);
		return true;
	case EX_OVER:
		push_copy(e, 1);
		return true;
	case EX_PICK:
		push_copy(e, cfi_uint(&e->c, 1));
		return true;
	case EX_SWAP:
		a = pop(e), b = pop(e);
		push(e, a), push(e, b);
		return true;
	case EX_ROT:
		a = pop(e), b = pop(e), c = pop(e);
		push(e, a), push(e, c), push(e, b);
		return true;
	case EX_NOP:
		return true;
	default:
		return false;
	}
}

/* One operand. */
static bool unary_operation(struct expr *e, unsigned op)
{
	uint64_t a;

	switch (op) {
	case EX_ABS:
		a = pop(e);
		push(e, (int64_t)a < 0 ? -a : a);
		return true;
	case EX_NEG:
		push(e, -pop(e));
		return true;
	case EX_NOT:
		push(e, ~pop(e));
		return true;
	case EX_PLUS_UCONST:
		a = pop(e);
		push(e, a + cfi_uleb(&e->c));
		return true;
	default:
		return false;
	}
}

/* a is below b on the stack. False: unknown, or it cannot be computed. */
static bool binary_operation(unsigned op, uint64_t a, uint64_t b, uint64_t *out)
{
	int64_t sa = (int64_t)a, sb = (int64_t)b;
	uint64_t r;

	switch (op) {
	case EX_AND:
		r = a & b;
		break;
	case EX_DIV:
		if (!b || (sa == INT64_MIN && sb == -1))
			return false;
		r = (uint64_t)(sa / sb);
		break;
	case EX_MINUS:
		r = a - b;
		break;
	case EX_MOD:
		if (!b)
			return false;
		r = a % b;
		break;
	case EX_MUL:
		r = a * b;
		break;
	case EX_OR:
		r = a | b;
		break;
	case EX_PLUS:
		r = a + b;
		break;
	case EX_SHL:
		r = b < 64 ? a << b : 0;
		break;
	case EX_SHR:
		r = b < 64 ? a >> b : 0;
		break;
	case EX_SHRA:
		/* cppcheck-suppress shiftTooManyBitsSigned; arithmetic on this target */
		r = (uint64_t)(sa >> (b < 64 ? b : 63));
		break;
	case EX_XOR:
		r = a ^ b;
		break;
	case EX_EQ:
		r = a == b;
		break;
	case EX_GE:
		r = sa >= sb;
		break;
	case EX_GT:
		r = sa > sb;
		break;
	case EX_LE:
		r = sa <= sb;
		break;
	case EX_LT:
		r = sa < sb;
		break;
	case EX_NE:
		r = a != b;
		break;
	default:
		return false;
	}
	*out = r;
	return true;
}

static void operation(struct expr *e, unsigned op)
{
	uint64_t a, b, r = 0;

	if (stack_operation(e, op) || unary_operation(e, op))
		return;
	if (op >= EX_BREG0 && op < EX_BREG0 + 32) {
		push_register(e, op - EX_BREG0, cfi_sleb(&e->c));
		return;
	}
	switch (op) {
	case EX_BREGX:
		a = cfi_uleb(&e->c);
		push_register(e, a, cfi_sleb(&e->c));
		return;
	case EX_DEREF:
		dereference(e, 8);
		return;
	case EX_DEREF_SIZE:
		dereference(e, cfi_uint(&e->c, 1));
		return;
	case EX_SKIP:
		jump(e, true);
		return;
	case EX_BRA:
		jump(e, pop(e) != 0);
		return;
	}
	b = pop(e), a = pop(e);
	if (!binary_operation(op, a, b, &r))
		e->bad = true;
	push(e, r);
}

int cfi_expression(uintptr_t expr, const struct cfi_range *in, const struct cfi_regs *regs,
                   const uint64_t *stack_top, cfi_read_fn *read, void *arg, uint64_t *out)
{
	if (expr < in->lo || expr >= in->hi)
		return -EINVAL;
	struct cfi_cursor head = cfi_cursor(expr, in->hi - expr, in);
	uint64_t bytes = cfi_uleb(&head);
	struct expr e;

	e.c = cfi_cursor((uintptr_t)head.p, bytes, in);
	e.regs = regs, e.read = read, e.arg = arg, e.n = 0, e.bad = head.bad;
	if (stack_top)
		push(&e, *stack_top);
	while (!e.bad && !e.c.bad && e.c.p < e.c.end)
		operation(&e, (unsigned)cfi_uint(&e.c, 1));
	*out = pop(&e);
	return e.bad || e.c.bad ? -EINVAL : 0;
}

/* Where a step takes things from. */
struct source {
	const struct cfi_range *in;
	const struct cfi_regs *regs;
	cfi_read_fn *read;
	void *arg;
	uint64_t cfa;
};

static bool expression_of(const struct source *s, const struct cfi_place *p, uint64_t *out)
{
	return !cfi_expression((uintptr_t)p->value, s->in, s->regs, &s->cfa, s->read, s->arg, out);
}

static bool find_cfa(const struct cfi_row *row, struct source *s)
{
	if (row->cfa_is_expr)
		return !cfi_expression((uintptr_t)row->cfa_value, s->in, s->regs, NULL, s->read,
		                       s->arg, &s->cfa);
	s->cfa = s->regs->r[row->cfa_reg % CFI_REGISTERS] + (uint64_t)row->cfa_value;
	return row->cfa_reg < CFI_REGISTERS && (s->regs->known >> row->cfa_reg & 1);
}

/* The caller's value of register i; false when it cannot be told. */
static bool restore(const struct source *s, const struct cfi_place *p, unsigned i, uint64_t *out)
{
	uint64_t at = s->cfa + (uint64_t)p->value;

	switch (p->how) {
	case CFI_SAME:
		*out = s->regs->r[i];
		return s->regs->known >> i & 1;
	case CFI_OFFSET:
		return s->read(s->arg, at, out);
	case CFI_VAL_OFFSET:
		*out = at;
		return true;
	case CFI_REGISTER:
		if ((uint64_t)p->value >= CFI_REGISTERS)
			return false;
		*out = s->regs->r[p->value];
		return s->regs->known >> p->value & 1;
	case CFI_EXPR:
		return expression_of(s, p, &at) && s->read(s->arg, at, out);
	case CFI_VAL_EXPR:
		return expression_of(s, p, out);
	default:
		return false;
	}
}

int cfi_step(const struct cfi_row *row, const struct cfi_range *in, struct cfi_regs *regs,
             cfi_read_fn *read, void *arg)
{
	struct source s = {in, regs, read, arg, 0};
	struct cfi_regs out = {.known = 0};

	if (row->reg[CFI_RA].how == CFI_UNDEFINED)
		return 0;
	if (row->reg[CFI_RA].how == CFI_SAME && CFI_PC == CFI_RA)
		return -EINVAL;
	if (!find_cfa(row, &s))
		return -EINVAL;
	for (unsigned i = 0; i < CFI_REGISTERS; i++) {
		const struct cfi_place *p = &row->reg[i];

		if (i == CFI_SP && p->how == CFI_SAME) {
			out.r[i] = s.cfa;
			out.known |= cfi_bit(i);
			continue;
		}
		if (restore(&s, p, i, &out.r[i]))
			out.known |= cfi_bit(i);
	}
	bool is_known = out.known >> CFI_RA & 1 && out.known >> CFI_SP & 1;

	if (CFI_PC != CFI_RA) { /* a register, of which a call leaves nothing */
		out.r[CFI_PC] = arch_code(out.r[CFI_RA]);
		out.known = (out.known | cfi_bit(CFI_PC)) & ~cfi_bit(CFI_RA);
	}
	*regs = out;
	if (!is_known)
		return -EINVAL;
	return out.r[CFI_PC] ? 1 : 0;
}
