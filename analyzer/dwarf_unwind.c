/*
 * dwarf_unwind.c - libdwfl, with our own way of finding files (nothing is asked of the network), of
 * reading memory and of setting registers. Context: the analyzer; must neither stop nor change the
 * process.
 */
#include "dwarf_unwind.h"

#include <dwarf.h>
#include <elfutils/libdwfl.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dwarf_prologue.h"

struct unwinder {
	Dwfl *dwfl;
	struct unwind_module *module;
	uint32_t n_modules;
	/* Of the walk that is being done: */
	const struct unwind_regs *regs;
	const struct unwind_memory *memory;
	struct unwind_frame *frame;
	uint32_t n, most;
	uint32_t skip;              /* frames that the walk before has found already */
	struct unwind_regs last;    /* of the frame found last */
	struct unwind_regs further; /* of the frame that the walk goes on from */
	bool implausible;
};

/* ---- modules ---- */

static int find_elf(Dwfl_Module *mod, void **userdata, const char *name, Dwarf_Addr base,
                    char **file_name, Elf **elf)
{
	const struct unwind_module *m = *userdata;

	(void)mod;
	(void)name;
	(void)base;
	(void)file_name;
	*elf = NULL;
	/* A mapped device could wait, or do something when it is opened. */
	return m ? open(m->file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY) : -1;
}

static int find_no_debuginfo(Dwfl_Module *mod, void **userdata, const char *name, Dwarf_Addr base,
                             const char *file, const char *link, GElf_Word crc, char **debug_file)
{
	(void)mod;
	(void)userdata;
	(void)name;
	(void)base;
	(void)file;
	(void)link;
	(void)crc;
	(void)debug_file;
	return -1;
}

static const Dwfl_Callbacks callbacks = {.find_elf = find_elf, .find_debuginfo = find_no_debuginfo};

bool unwinder_know(struct unwinder *u, struct unwind_module *m)
{
	GElf_Ehdr mem, *header;
	const unsigned char *id;
	GElf_Addr bias, at;

	(void)u;
	if (!m->handle)
		return m->ok;
	Dwfl_Module *mod = m->handle;
	m->handle = NULL;
	Elf *elf = dwfl_module_getelf(mod, &bias);
	header = elf ? gelf_getehdr(elf, &mem) : NULL;
	if (!header || header->e_machine != MACHINE_ELF || header->e_ident[EI_CLASS] != ELFCLASS64)
		return false;
	m->ok = true;
	m->bias = bias;
	int n = dwfl_module_build_id(mod, &id, &at);
	for (int i = 0; i < n && n <= (int)sizeof(m->build_id) / 2; i++)
		snprintf(m->build_id + 2 * i, 3, "%02x", id[i]);
	return true;
}

/* ---- what libdwfl asks ---- */

static pid_t next_thread(Dwfl *dwfl, void *arg, void **thread_arg)
{
	(void)dwfl;
	(void)arg;
	(void)thread_arg;
	return 0;
}

static bool get_thread(Dwfl *dwfl, pid_t tid, void *arg, void **thread_arg)
{
	(void)dwfl;
	(void)tid;
	*thread_arg = arg;
	return true;
}

static bool read_memory(Dwfl *dwfl, Dwarf_Addr address, Dwarf_Word *word, void *arg)
{
	const struct unwinder *u = arg;

	(void)dwfl;
	return u->memory->read(u->memory->arg, address, word);
}

static bool set_registers(Dwfl_Thread *thread, void *arg)
{
	const struct unwinder *u = arg;

	for (int i = 0; i < UNWIND_REGS; i++) {
		Dwarf_Word value = u->regs->value[i];

		if (u->regs->known >> i & 1 && !dwfl_thread_state_registers(thread, i, 1, &value))
			return false;
	}
	return true;
}

static const Dwfl_Thread_Callbacks thread_callbacks = {.next_thread = next_thread,
                                                       .get_thread = get_thread,
                                                       .memory_read = read_memory,
                                                       .set_initial_registers = set_registers};

/* ---- walking ---- */

/* NULL: code of no module. libdw also gives one for what lies behind it, as far as its segments are
 * aligned, where a JVM may have its code. */
static Dwfl_Module *module_of(const struct unwinder *u, uint64_t pc)
{
	Dwfl_Module *mod = dwfl_addrmodule(u->dwfl, pc);
	Dwarf_Addr start = 0, end = 0;

	if (mod)
		dwfl_module_info(mod, NULL, &start, &end, NULL, NULL, NULL, NULL);
	return pc >= start && pc < end ? mod : NULL;
}

/* The rules for code at pc, to be freed; NULL: there are none. */
static Dwarf_Frame *rules_at(const struct unwinder *u, uint64_t pc)
{
	Dwfl_Module *mod = module_of(u, pc);
	Dwarf_Frame *frame = NULL;
	Dwarf_Addr bias = 0;
	Dwarf_CFI *cfi = mod ? dwfl_module_eh_cfi(mod, &bias) : NULL;

	if (cfi && !dwarf_cfi_addrframe(cfi, pc - bias, &frame))
		return frame;
	cfi = mod ? dwfl_module_dwarf_cfi(mod, &bias) : NULL;
	return cfi && !dwarf_cfi_addrframe(cfi, pc - bias, &frame) ? frame : NULL;
}

static uint64_t inside(const struct unwind_frame *f)
{
	return f->exact ? f->pc : f->pc - 1;
}

static bool has_rules(const struct unwinder *u, const struct unwind_frame *f)
{
	Dwarf_Frame *rules = rules_at(u, inside(f));

	free(rules);
	return rules != NULL;
}

/*
 * To libdwfl a stack also ends where a register was not known that its rules ask for. It really
 * ends where they say that there is no caller, or where one of 0 was read.
 */
static bool really_ends(const struct unwinder *u)
{
	Dwarf_Frame *rules = u->n ? rules_at(u, inside(&u->frame[u->n - 1])) : NULL;
	Dwarf_Op mem[3], *ops;
	size_t n;
	bool none =
	        rules && !dwarf_frame_register(rules, UNWIND_PC, mem, &ops, &n) && !n && ops == mem;

	free(rules);
	return none || u->regs->known == UNWIND_ALL;
}

static void note_registers(struct unwinder *u, Dwfl_Frame *state)
{
	u->last.known = 0;
	for (unsigned i = 0; i < UNWIND_REGS; i++) {
		Dwarf_Word value;

		if (dwfl_frame_reg(state, i, &value))
			continue;
		u->last.known |= 1u << i;
		u->last.value[i] = value;
	}
}

static int on_frame(Dwfl_Frame *state, void *arg)
{
	struct unwinder *u = arg;
	bool exact;
	Dwarf_Addr pc;

	if (!dwfl_frame_pc(state, &pc, &exact))
		return DWARF_CB_ABORT;
	if (!u->memory->is_code(u->memory->arg, exact ? pc : pc - 1)) {
		u->implausible = true;
		return DWARF_CB_ABORT;
	}
	const struct unwind_frame *callee = u->n ? &u->frame[u->n - 1] : NULL;
	bool guessed = callee && !has_rules(u, callee);
	/* Code made at run time also puts return addresses there by hand, as Java's interpreter. */
	bool made = guessed && !module_of(u, callee->pc) && !module_of(u, pc);
	if (guessed && !made && !prologue_follows_call(u->memory, pc)) {
		u->implausible = true;
		return DWARF_CB_ABORT;
	}
	if (!u->frame || u->n == u->most)
		return DWARF_CB_ABORT;
	if (!u->skip)
		u->frame[u->n++] = (struct unwind_frame){pc, exact, guessed};
	u->skip = 0;
	note_registers(u, state);
	return DWARF_CB_OK;
}

static enum unwind_end walk_on(struct unwinder *u, pid_t tid)
{
	u->implausible = false;
	int r = dwfl_getthread_frames(u->dwfl, tid, on_frame, u);
	if (r > 0 && !u->implausible)
		return UNWIND_DEEP;
	return !r && really_ends(u) ? UNWIND_WHOLE : UNWIND_CUT;
}

/* In the row of rules for pc the frame pointer is what all is found by; *start: where it begins. */
static bool row_by_fp(const struct unwinder *u, uint64_t pc, uint64_t *start)
{
	Dwarf_Frame *rules = rules_at(u, pc);
	Dwarf_Addr from, to, bias = 0;
	Dwarf_Op *ops;
	size_t n;
	bool is_signal, ok;

	ok = rules && !dwarf_frame_cfa(rules, &ops, &n) && n == 1 &&
	     (ops->atom == DW_OP_breg0 + UNWIND_FP ||
	      (ops->atom == DW_OP_bregx && ops->number == UNWIND_FP)) &&
	     dwarf_frame_info(rules, &from, &to, &is_signal) >= 0;
	if (ok && module_of(u, pc))
		dwfl_module_eh_cfi(module_of(u, pc), &bias);
	if (ok)
		*start = from + bias;
	free(rules);
	return ok;
}

/* The last frame needs its frame pointer, which no callee has saved: its code may tell. */
static bool find_fp(struct unwinder *u)
{
	enum { ROWS = 32 };
	uint64_t start = 0, fp;

	if (!u->n || u->last.known >> UNWIND_FP & 1 || !(u->last.known >> UNWIND_SP & 1))
		return false;
	const struct unwind_frame *f = &u->frame[u->n - 1];
	uint64_t pc = inside(f);
	for (int i = 0; i < ROWS && row_by_fp(u, pc, &start); i++)
		pc = start - 1;
	if (!start || !prologue_rbp(u->memory, start, u->last.value[UNWIND_SP], &fp))
		return false;
	u->last.known |= 1u << UNWIND_FP | 1u << UNWIND_PC;
	u->last.value[UNWIND_FP] = fp;
	u->last.value[UNWIND_PC] = inside(f);
	return true;
}

enum unwind_end unwinder_walk(struct unwinder *u, pid_t tid, const struct unwind_regs *regs,
                              const struct unwind_memory *memory, struct unwind_frame *frame,
                              uint32_t most, uint32_t *n)
{
	enum { TIMES = 8 };

	u->regs = regs;
	u->memory = memory;
	u->frame = frame;
	u->most = most;
	u->n = u->skip = 0;
	enum unwind_end end = walk_on(u, tid);
	uint32_t certain = u->n;
	for (int i = 0; i < TIMES && end == UNWIND_CUT && !u->implausible && find_fp(u); i++) {
		u->further = u->last;
		u->regs = &u->further;
		u->skip = 1;
		end = walk_on(u, tid);
	}
	/* That it leads to the outermost frame is the last proof. */
	*n = end == UNWIND_CUT ? certain : u->n;
	return end;
}

/* ---- open, close ---- */

int unwinder_open(struct unwinder **out, pid_t pid, struct unwind_module *module, uint32_t n,
                  struct err *err)
{
	struct unwinder *u = xcalloc(1, sizeof(*u));

	*out = u;
	if (!MACHINE_LIVE)
		return err_set(err, "stacks of running programs are not read on " MACHINE_NAME);
	u->module = module;
	u->n_modules = n;
	u->dwfl = dwfl_begin(&callbacks);
	if (!u->dwfl)
		return err_set(err, "libdw: %s", dwfl_errmsg(-1));
	dwfl_report_begin(u->dwfl);
	for (uint32_t i = 0; i < n; i++) {
		struct unwind_module *m = &module[i];
		Dwfl_Module *mod =
		        m->file ? dwfl_report_module(u->dwfl, m->file, m->start, m->end) : NULL;
		void **userdata;

		m->handle = mod;
		if (mod && dwfl_module_info(mod, &userdata, NULL, NULL, NULL, NULL, NULL, NULL))
			*userdata = m;
	}
	dwfl_report_end(u->dwfl, NULL, NULL);
	for (uint32_t i = 0; i < n; i++) {
		Dwarf_Addr bias;
		Dwfl_Module *mod = module[i].handle;

		if (mod && unwinder_know(u, &module[i]) &&
		    dwfl_attach_state(u->dwfl, dwfl_module_getelf(mod, &bias), pid,
		                      &thread_callbacks, u))
			return 0;
	}
	return err_set(err, "none of its files can be opened as a program for " MACHINE_NAME);
}

void unwinder_close(struct unwinder *u)
{
	if (!u)
		return;
	dwfl_end(u->dwfl);
	free(u);
}
