/*
 * stack_far.c - see stack_far.h. Owns nothing. The tables are read where they lie: a module that is
 * unloaded under a thread whose frames it holds takes the program with it, too. Context: the
 * snapshot child, which has no TLS; a signal handler.
 */
#include "stack_far.h"

#include <errno.h>
#include <string.h>
#include <sys/uio.h>

#include "arch_regs.h"
#include "format.h"
#include "module.h"
#include "sys.h"

/* Farther than this from sp a frame pointer is not believed. */
enum { GUESS_SPAN = 0x4000 };
/* Of one call, on the stack. */
enum { MOST_ARGUMENTS = 8 };

static size_t read_far(uint32_t pid, uintptr_t address, void *to, size_t bytes)
{
	struct iovec local = {to, bytes}, remote = {(void *)address, bytes};
	long n = sys_call(SYS_process_vm_readv, pid, &local, 1, &remote, 1, 0);

	return n > 0 ? (size_t)n : 0;
}

/* Page by page: where the mapping ends the kernel gives what there is before. */
static void open_window(struct stack_far *f, uintptr_t sp)
{
	f->window = sp & ~7ul;
	f->window_words = (uint32_t)(read_far(f->pid, f->window, f->word, sizeof(f->word)) /
	                             sizeof(*f->word));
}

static bool read_word(void *arg, uintptr_t address, uint64_t *out)
{
	struct stack_far *f = arg;

	if (!(address & 7) && address - f->window < f->window_words * sizeof(*f->word)) {
		*out = f->word[(address - f->window) / sizeof(*f->word)];
		return true;
	}
	return read_far(f->pid, address, out, sizeof(*out)) == sizeof(*out);
}

bool stack_far_is_call(uint32_t pid, uintptr_t address)
{
	uint8_t code[ARCH_CALL_BYTES];

	return read_far(pid, address, code, sizeof(code)) == sizeof(code) && arch_is_call(code);
}

static bool is_sigreturn(const struct stack_far *f, uintptr_t ip)
{
	uint8_t code[ARCH_SIGRETURN_BYTES];

	return read_far(f->pid, ip, code, sizeof(code)) == sizeof(code) && arch_is_sigreturn(code);
}

enum far_step { FAR_ON, FAR_END, FAR_BROKEN };

static enum far_step step_signal(struct stack_far *f, struct cfi_regs *r)
{
	uintptr_t saved = r->r[CFI_SP] + ARCH_UC_SLOTS;
	struct cfi_regs out = {.known = cfi_bit(CFI_REGISTERS) - 1};

	for (unsigned i = 0; i < CFI_REGISTERS; i++)
		if (!read_word(f, saved + 8ul * arch_uc_slot(i), &out.r[i]))
			return FAR_BROKEN;
	*r = out;
	return r->r[CFI_PC] ? FAR_ON : FAR_END;
}

/* Code without a table: it may have a frame pointer. Programs and threads start with it zero. */
static enum far_step step_guess(struct stack_far *f, struct cfi_regs *r)
{
	uint64_t bp = r->r[CFI_FP], outer, ip;

	if (!(r->known >> CFI_FP & 1))
		return FAR_BROKEN;
	if (!bp)
		return FAR_END;
	if (bp < r->r[CFI_SP] || bp - r->r[CFI_SP] > GUESS_SPAN || !read_word(f, bp, &outer) ||
	    !read_word(f, bp + 8, &ip))
		return FAR_BROKEN;
	r->r[CFI_FP] = outer;
	r->r[CFI_SP] = bp + 16;
	r->r[CFI_PC] = ip;
	r->known = cfi_bit(CFI_FP) | cfi_bit(CFI_SP) | cfi_bit(CFI_PC);
	return ip ? FAR_ON : FAR_END;
}

/* The return address that lies there is one: code that a call stands before. */
static bool is_return(const struct stack_far *f, uintptr_t ip)
{
	struct module_tables t;
	uint8_t code[8];

	module_look(ip - 1, &t);
	return t.eh_frame_hdr &&
	       read_far(f->pid, ip - sizeof(code), code, sizeof(code)) == sizeof(code) &&
	       arch_ends_in_call(code);
}

/*
 * A frame pointer that only the kernel has: of who sleeps in a call that saves none. Its function
 * has made it at its begin, and says there how far sp has gone since. As most compilers write it;
 * else it stays unknown.
 */
static void find_frame(struct stack_far *f, const struct module_tables *t, uintptr_t pc,
                       struct cfi_regs *r)
{
	const uint8_t *fde = cfi_find(t->eh_frame_hdr, &t->in, pc);
	size_t n = STACK_FAR_CODE;
	uint64_t ip = 0;

	/* The function may be the first of its mapping. */
	while (n >= STACK_FAR_CODE / 8 && read_far(f->pid, pc - n, f->code, n) != n)
		n /= 2;
	if (!fde || n < STACK_FAR_CODE / 8)
		return;
	for (size_t at = n - ARCH_FRAME_CODE; at > 0; at--) {
		if (!arch_makes_frame(f->code + at))
			continue;
		if (cfi_find(t->eh_frame_hdr, &t->in, pc - n + at) != fde)
			return;
		uintptr_t fp = r->r[CFI_SP] + arch_frame_bytes(f->code + at + ARCH_FRAME_CODE);

		/* The call's own arguments may lie below. What is above fp by then is a saved
		 * register, and no return address. */
		for (int words = 0; words <= MOST_ARGUMENTS; words++, fp += 8) {
			if (!read_word(f, fp + 8, &ip) || !is_return(f, ip))
				continue;
			r->r[CFI_FP] = fp;
			r->known |= cfi_bit(CFI_FP);
			return;
		}
		return;
	}
}

static int row_at(struct stack_far *f, const struct module_tables *t, uintptr_t pc)
{
	const uint8_t *fde = t->eh_frame_hdr ? cfi_find(t->eh_frame_hdr, &t->in, pc) : NULL;

	return fde ? cfi_row(fde, &t->in, pc, &f->work) : -ENOENT;
}

/* One step outward from r. *is_exact: of r's ip; then of the next one's. *frame gets its module. */
static enum far_step step(struct stack_far *f, struct cfi_regs *r, bool *is_exact,
                          struct stack_far_frame *frame)
{
	uintptr_t ip = r->r[CFI_PC], pc = ip - !*is_exact, sp = r->r[CFI_SP];
	struct module_tables t;

	frame->ip = ip;
	frame->flags = *is_exact ? FMT_NODE_EXACT : 0;
	frame->module = (uint16_t)module_look(pc, &t);
	int e = row_at(f, &t, pc);

	*is_exact = false;
	if ((e || f->work.row.is_signal) && is_sigreturn(f, ip)) {
		frame->flags |= FMT_NODE_SIGNAL;
		*is_exact = true;
		return step_signal(f, r);
	}
	/* Nobody calls from just before a function: the end of a stack that the program made. */
	if (e == -ENOENT && pc != ip && !row_at(f, &t, ip))
		return FAR_END;
	if (e)
		return step_guess(f, r);
	const struct cfi_row *row = &f->work.row;
	if (ARCH_FRAME_CODE && !row->cfa_is_expr && row->cfa_reg == CFI_FP &&
	    row->cfa_value == 16 && !(r->known >> CFI_FP & 1))
		find_frame(f, &t, pc, r);
	int s = cfi_step(row, &t.in, r, read_word, f);

	if (s == 1 && r->r[CFI_SP] <= sp && !f->work.row.is_signal)
		return FAR_BROKEN;
	return s == 1 ? FAR_ON : s ? FAR_BROKEN : FAR_END;
}

void stack_far_walk(struct stack_far *f, uint32_t pid, const struct cfi_regs *regs, bool is_exact)
{
	struct cfi_regs r = *regs;
	enum far_step how = FAR_ON;

	f->pid = pid;
	f->n = 0;
	open_window(f, r.r[CFI_SP]);
	while (how == FAR_ON && f->n < STACK_FAR_MOST)
		how = step(f, &r, &is_exact, &f->frame[f->n++]);
	if (how == FAR_END || !f->n)
		return;
	f->frame[f->n - 1].flags |= how == FAR_BROKEN ? FMT_NODE_BROKEN : FMT_NODE_TRUNCATED;
}
