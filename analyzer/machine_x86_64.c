/*
 * machine_x86_64.c - registers and code of x86-64: see machine.h. Pure. Context: the analyzer.
 */
#include "machine.h"

#ifdef __x86_64__

#include <string.h>
#include <sys/user.h>

unsigned machine_argument(unsigned n)
{
	static const uint8_t number[6] = {5, 4, 1, 10, 8, 9};

	return number[n];
}

void machine_registers(const void *user_regs, uint64_t value[MACHINE_REGS])
{
	const struct user_regs_struct *u = user_regs;
	const uint64_t v[MACHINE_REGS] = {u->rax, u->rdx, u->rcx, u->rbx, u->rsi, u->rdi,
	                                  u->rbp, u->rsp, u->r8,  u->r9,  u->r10, u->r11,
	                                  u->r12, u->r13, u->r14, u->r15, u->rip};

	memcpy(value, v, sizeof(v));
}

int64_t machine_call(const void *user_regs, uint64_t args[6])
{
	const struct user_regs_struct *u = user_regs;
	const uint64_t given[6] = {u->rdi, u->rsi, u->rdx, u->r10, u->r8, u->r9};

	if ((int64_t)u->orig_rax < 0)
		return -1;
	memcpy(args, given, sizeof(given));
	return (int64_t)u->orig_rax;
}

int64_t machine_result(const void *user_regs)
{
	return (int64_t)((const struct user_regs_struct *)user_regs)->rax;
}

void machine_repeat(void *user_regs)
{
	struct user_regs_struct *u = user_regs;

	u->rax = u->orig_rax;
	u->rip -= 2;
	u->orig_rax = (uint64_t)-1;
}

/* "mov $number, %eax" stands before "syscall", at most a few loads of arguments between them. */
int64_t machine_number_in(const uint8_t *code, size_t bytes, bool (*is_one)(int64_t number))
{
	uint32_t number;

	if (bytes < 7 || code[bytes - 2] != 0x0f || code[bytes - 1] != 0x05)
		return -1;
	for (size_t at = bytes - 6; at-- > 0;) {
		if (code[at] != 0xb8)
			continue;
		memcpy(&number, code + at + 1, sizeof(number));
		if (is_one(number))
			return number;
	}
	return -1;
}

#endif
