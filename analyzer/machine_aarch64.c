/*
 * machine_aarch64.c - registers of aarch64: see machine.h. Live stacks are not read there, so most
 * is only what can be said without a look. Pure. Context: the analyzer.
 */
#include "machine.h"

#ifdef __aarch64__

#include <string.h>
#include <sys/user.h>

unsigned machine_argument(unsigned n)
{
	return n;
}

void machine_registers(const void *user_regs, uint64_t value[MACHINE_REGS])
{
	const struct user_regs_struct *u = user_regs;

	memcpy(value, u->regs, sizeof(u->regs));
	value[MACHINE_SP] = u->sp;
}

int64_t machine_call(const void *user_regs, uint64_t args[6])
{
	(void)user_regs, (void)args;
	return -1; /* these registers do not tell */
}

int64_t machine_result(const void *user_regs)
{
	return (int64_t)((const struct user_regs_struct *)user_regs)->regs[0];
}

/* The result stands where the first argument was. */
void machine_repeat(void *user_regs)
{
	(void)user_regs;
}

int64_t machine_number_in(const uint8_t *code, size_t bytes, bool (*is_one)(int64_t number))
{
	(void)code, (void)bytes, (void)is_one;
	return -1; /* x8 has it, and no code need set that just before */
}

#endif
