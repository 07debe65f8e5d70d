/*
 * mem.c - what may be read: see mem.h. Owns one record a thread: the part of its own stack that was
 * seen to be whole. Must not fault, and must not make the kernel grow a stack. Context: any.
 */
#include "mem.h"

#include <errno.h>
#include <sys/auxv.h>

TLS struct mem_own t_mem_own;
static uintptr_t g_main_top, g_main_pointer;

/* Own stack is looked for this far below what is known of it. */
enum { OWN_SPAN = 16 << 20 };

void mem_init(void)
{
	g_main_top = getauxval(AT_RANDOM);
	g_main_pointer = arch_thread_pointer();
}

/* rt_sigprocmask copies the new mask in before it finds that there is no such operation: EFAULT
 * tells what cannot be read, and nothing is changed. No descriptor, no signal, no fault. */
static bool probe_word(uintptr_t aligned)
{
	return sys_call(SYS_rt_sigprocmask, ~0, aligned, 0, 8) != -EFAULT;
}

bool mem_probe(uintptr_t address)
{
	if (address < MEM_PAGE || address > (uintptr_t)INT64_MAX - MEM_PAGE)
		return false;
	return probe_word(address & ~7ul) && (!(address & 7) || probe_word((address & ~7ul) + 8));
}

/* Is every page from sp up to `end` readable? Upward only: below a stack there is what would grow.
 */
static bool is_whole(struct mem_own *o, uintptr_t sp, uintptr_t end)
{
	uintptr_t page = sp & ~(uintptr_t)(MEM_PAGE - 1);

	for (uintptr_t p = page; p < end; p += MEM_PAGE)
		if (!probe_word(p)) {
			o->far_lo = page;
			o->far_hi = p;
			return false;
		}
	return true;
}

static COLD bool find_own(struct mem_own *o, uintptr_t sp)
{
	/* A thread's control block stands above its stack; the first thread's among mappings of any
	 * kind. */
	uintptr_t tp = arch_thread_pointer(), top[2] = {g_main_top, tp == g_main_pointer ? 0 : tp};

	if (sp - o->far_lo < o->far_hi - o->far_lo)
		return false;
	for (int i = 0; i < 2; i++) {
		uintptr_t known = o->top == top[i] ? o->lo : top[i];

		if (sp >= known || known - sp > OWN_SPAN || !is_whole(o, sp, known))
			continue;
		o->top = top[i];
		o->lo = sp & ~(uintptr_t)(MEM_PAGE - 1);
		return true;
	}
	return false;
}

void mem_enter_unknown(struct mem_window *w, uintptr_t sp, bool running)
{
	struct mem_own *o = &t_mem_own;

	w->lo = sp;
	if (find_own(o, sp)) {
		w->hi = o->top;
		w->own = true;
		return;
	}
	w->own = sp < MEM_PAGE || sp > (uintptr_t)INT64_MAX - 2 * OWN_SPAN;
	if (w->own) /* not an address: an empty window that does not grow */
		w->lo = UINTPTR_MAX, w->hi = 8;
	else /* the page under sp - 8 is in use: our own frames end there */
		w->hi = running ? ((sp - 8) | (MEM_PAGE - 1)) + 1 : sp;
}

COLD bool mem_extend(struct mem_window *w, uintptr_t address)
{
	if (w->own || address < w->lo || address > w->hi + OWN_SPAN)
		return false;
	while (w->hi < address + 8) {
		if (!probe_word(w->hi & ~7ul))
			return false;
		w->hi = (w->hi | (MEM_PAGE - 1)) + 1;
	}
	return true;
}
