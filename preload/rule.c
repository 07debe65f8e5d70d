/*
 * rule.c - the table of rules: see rule.h. Owns an open-addressed table of 16-byte slots that
 * doubles; readers never lock. A slot's key never changes; its value is one word, and goes to 0 and
 * back when a module goes and comes. An outgrown table stays mapped, since a reader may be in it:
 * all of them together are smaller than the current one. Context: any thread, a signal handler too,
 * IN_TRACKER set.
 */
#include "rule.h"

#include <errno.h>

#include "arch_regs.h"
#include "mem.h"

/* At first one page: short programs see few places, and each of them would lie on a page of its
 * own. */
enum { FIRST_LOG2 = 8, LAST_LOG2 = 21 };

struct rule_table *g_rules;
static struct sys_lock g_lock;
static uint64_t g_kept, g_bytes;

static struct rule_table *table_new(unsigned log2)
{
	size_t bytes = sizeof(struct rule_table) + (sizeof(struct rule_slot) << log2);
	struct rule_table *t = sys_map(bytes);

	if (t) {
		t->shift = 64 - log2;
		t->mask = (1u << log2) - 1;
		g_bytes += bytes;
	}
	return t;
}

int rule_init(void)
{
	g_rules = table_new(FIRST_LOG2);
	return g_rules ? 0 : -ENOMEM;
}

static struct rule make(enum rule_how how, int64_t offset, int64_t save)
{
	return (struct rule){(uint64_t)(offset / 8) << RULE_OFFSET_SHIFT |
	                     ((uint64_t)(save / 8) & 0x3fff) << RULE_SAVE_SHIFT |
	                     (uint64_t)how << RULE_HOW_SHIFT};
}

static struct rule plain(enum rule_how how)
{
	return make(how, 0, 0);
}

/* ---- from a row to a rule ---- */

/* Is the expression at `at` "rbp + offset", and then, if `deref`, the word there? */
static bool is_fp_relative(int64_t at, const struct cfi_range *in, bool deref, int64_t *offset)
{
	enum { EX_BREG_FP = 0x70 + CFI_FP, EX_DEREF = 0x06 };

	if ((uintptr_t)at < in->lo || (uintptr_t)at >= in->hi)
		return false;
	struct cfi_cursor c = cfi_cursor((uintptr_t)at, in->hi - (uintptr_t)at, in);
	uint64_t bytes = cfi_uleb(&c);
	const uint8_t *start = c.p;

	if (cfi_uint(&c, 1) != EX_BREG_FP)
		return false;
	*offset = cfi_sleb(&c);
	if (deref && cfi_uint(&c, 1) != EX_DEREF)
		return false;
	return !c.bad && (uint64_t)(c.p - start) == bytes;
}

static bool fits(int64_t offset, int64_t save)
{
	return offset % 8 == 0 && offset >= -(1 << 26) && offset < 1 << 26 && save % 8 == 0 &&
	       save >= -(1 << 16) && save < 1 << 16;
}

/* Where calls do not push the return address: functions that call others mostly keep it behind the
 * frame pointer that they save. */
static struct rule from_record(const struct cfi_row *row)
{
	const struct cfi_place *ra = &row->reg[CFI_RA], *fp = &row->reg[CFI_FP];

	if (row->is_signal || row->cfa_is_expr || row->reg[CFI_SP].how != CFI_SAME ||
	    ra->how != CFI_OFFSET || fp->how != CFI_OFFSET || ra->value != fp->value + 8 ||
	    fp->value > -16 || !fits(row->cfa_value, fp->value))
		return plain(RULE_FULL);
	if (row->cfa_reg == CFI_SP)
		return make(RULE_RSP, row->cfa_value, fp->value);
	if (row->cfa_reg == CFI_FP)
		return make(RULE_RBP, row->cfa_value, fp->value);
	return plain(RULE_FULL);
}

static struct rule from_row(const struct cfi_row *row, const struct cfi_range *in)
{
	const struct cfi_place *ra = &row->reg[CFI_RA], *rbp = &row->reg[CFI_FP];
	struct rule full = plain(RULE_FULL);
	int64_t offset = row->cfa_value, save = 0;

	if (ra->how == CFI_UNDEFINED)
		return plain(RULE_END);
	if (!ARCH_PLAIN_FRAMES)
		return from_record(row);
	if (row->is_signal || ra->how != CFI_OFFSET || ra->value != -8 ||
	    row->reg[CFI_SP].how != CFI_SAME)
		return full;
	if (row->cfa_is_expr) {
		if (rbp->how == CFI_EXPR && is_fp_relative(row->cfa_value, in, true, &offset) &&
		    is_fp_relative(rbp->value, in, false, &save) && fits(offset, save))
			return make(RULE_DRAP, offset, save);
		return full;
	}
	if (rbp->how == CFI_OFFSET && rbp->value)
		save = rbp->value;
	else if (rbp->how != CFI_SAME)
		return full;
	if (!fits(offset, save))
		return full;
	if (row->cfa_reg == CFI_SP)
		return make(offset > 0 && save <= 0 && save >= -offset ? RULE_INSIDE : RULE_RSP,
		            offset, save);
	if (row->cfa_reg == CFI_FP)
		return make(RULE_RBP, offset, save);
	return full;
}

static bool is_sigreturn(uintptr_t ip)
{
	return mem_probe(ip) && mem_probe(ip + ARCH_SIGRETURN_BYTES - 8) &&
	       arch_is_sigreturn((const void *)ip);
}

static int row_at(const struct module_tables *t, uintptr_t pc, struct cfi_work *work)
{
	return t->eh_frame_hdr ? cfi_row_brief(t->eh_frame_hdr, &t->in, pc, work) : -ENOENT;
}

int rule_row(uint64_t key, struct cfi_work *work, struct module_tables *tables)
{
	uintptr_t pc = (key >> 1) - !(key & 1);

	module_of(pc, tables);
	const uint8_t *fde =
	        tables->eh_frame_hdr ? cfi_find(tables->eh_frame_hdr, &tables->in, pc) : NULL;

	return fde ? cfi_row(fde, &tables->in, pc, work) : -ENOENT;
}

/* Of modules that were gone before the last look: others may lie there now. */
static void forget_gone(struct cfi_work *work, uint32_t module)
{
	uint32_t epoch = __atomic_load_n(&g_module_epoch, __ATOMIC_ACQUIRE);

	if (!module || work->epoch != epoch)
		work->brief.fde = NULL;
	work->epoch = epoch;
}

/* All but the frame. */
static struct rule compute(uint64_t key, uint32_t *in_module, struct cfi_work *work)
{
	uintptr_t ip = key >> 1, pc = ip - !(key & 1);
	struct module_tables tables;
	uint32_t module = *in_module = module_of(pc, &tables);

	forget_gone(work, module);
	int r = row_at(&tables, pc, work);

	if (!r && !work->row.is_signal)
		return from_row(&work->row, &tables.in);
	/* libc's trampoline has a table that few unwinders agree on, and other runtimes' have none.
	 */
	if ((module || !r) && is_sigreturn(ip))
		return plain(RULE_SIGNAL);
	/* Nothing called from just before a function's start: the address was put there as the end
	 * of a stack that the program made (makecontext does so). */
	if (r == -ENOENT && pc != ip && !row_at(&tables, ip, work))
		return plain(RULE_END);
	return plain(r ? RULE_GUESS : RULE_FULL);
}

/* ---- the table; under the lock ---- */

static struct rule_slot *slot_of(struct rule_table *t, uint64_t key)
{
	uint32_t i = (uint32_t)(key * 0x9e3779b97f4a7c15ul >> t->shift);

	while (t->slot[i].key && t->slot[i].key != key)
		i = (i + 1) & t->mask;
	return &t->slot[i];
}

static struct rule_table *grow(struct rule_table *old)
{
	unsigned log2 = 64 - old->shift + 1;
	struct rule_table *t = log2 <= LAST_LOG2 ? table_new(log2) : NULL;

	if (!t)
		return old;
	for (uint32_t i = 0; i <= old->mask; i++) {
		if (!old->slot[i].key || !old->slot[i].bits)
			continue; /* retired: not carried over */
		*slot_of(t, old->slot[i].key) = old->slot[i];
		t->used++;
	}
	__atomic_store_n(&g_rules, t, __ATOMIC_RELEASE);
	return t;
}

static void keep(uint64_t key, struct rule r)
{
	struct rule_table *t = g_rules;
	struct rule_slot *s = slot_of(t, key);

	if (!s->key && t->used > t->mask / 2) {
		t = grow(t);
		if (t->used > t->mask / 4 * 3)
			return;
		s = slot_of(t, key);
	}
	__atomic_store_n(&s->bits, r.bits, __ATOMIC_RELEASE);
	if (!s->key) {
		t->used++;
		__atomic_store_n(&g_kept, t->used, __ATOMIC_RELAXED);
		__atomic_store_n(&s->key, key, __ATOMIC_RELEASE);
	}
}

COLD struct rule rule_learn(uint64_t key, struct cfi_work *work)
{
	uint32_t module;
	struct rule r = compute(key, &module, work);
	uint32_t frame = stack_frame(key >> 1, module);

	r.bits |= frame;
	/* Code outside of modules comes and goes unseen: nothing is remembered of it. If another
	 * thread writes, the rule is used without being kept. */
	if (module && frame && sys_try_lock(&g_lock)) {
		keep(key, r);
		sys_unlock(&g_lock);
	}
	return r;
}

static bool is_gone(struct rule r)
{
	return module_is_gone(stack_frame_at(rule_frame(r))->module);
}

void rule_sweep(void)
{
	sys_lock(&g_lock);
	struct rule_table *t = g_rules;

	for (uint32_t i = 0; i <= t->mask; i++)
		if (t->slot[i].bits && is_gone((struct rule){t->slot[i].bits}))
			__atomic_store_n(&t->slot[i].bits, 0, __ATOMIC_RELAXED);
	sys_unlock(&g_lock);
}

uint64_t rule_count(void)
{
	return __atomic_load_n(&g_kept, __ATOMIC_RELAXED);
}

uint64_t rule_bytes(void)
{
	return __atomic_load_n(&g_bytes, __ATOMIC_RELAXED);
}

void rule_fork_child(void)
{
	sys_lock_reset(&g_lock);
}

bool rule_is_busy(void)
{
	return sys_lock_is_held(&g_lock);
}
