/*
 * dwarf_prologue.c - the first instructions of a function that keeps a frame pointer, read from the
 * process's code: so most threads that sleep in such code need not be stopped for one register.
 * x86-64 as compilers write it; anything else is refused. Context: the analyzer; only reads.
 */
#include "dwarf_prologue.h"

#include <string.h>

enum { CODE = 64, MOST_PUSHES = 6, ENTRY_BEFORE = 32, CALL_BYTES = 8 };

static bool read_bytes(const struct unwind_memory *m, uint64_t at, uint8_t *to, size_t n)
{
	for (size_t i = 0; i < n; i += 8) {
		uint64_t word;

		if (!m->read(m->arg, at + i, &word))
			return false;
		memcpy(to + i, &word, 8);
	}
	return true;
}

static uint32_t four(const uint8_t *b)
{
	uint32_t v;

	memcpy(&v, b, sizeof(v));
	return v;
}

/* What pushes of registers and "sub $n, %rsp" take, up to the first other instruction. */
static uint64_t reserved(const uint8_t *b)
{
	uint64_t bytes = 0;
	size_t at = 0;

	for (int i = 0; i < MOST_PUSHES; i++) {
		size_t wide = b[at] == 0x41;

		if ((b[at + wide] & 0xf8) != 0x50)
			break;
		at += wide + 1;
		bytes += 8;
	}
	if (b[at] != 0x48 || b[at + 2] != 0xec)
		return bytes;
	if (b[at + 1] == 0x83)
		return bytes + b[at + 3];
	return b[at + 1] == 0x81 ? bytes + four(b + at + 3) : bytes;
}

/* "jmp *...(%rip)", perhaps behind endbr64 and with bnd: an entry of the table of imports. */
static bool is_import(const struct unwind_memory *m, uint64_t at)
{
	uint8_t b[16];

	if (!read_bytes(m, at, b, sizeof(b)))
		return false;
	const uint8_t *p = memcmp(b, "\xf3\x0f\x1e\xfa", 4) ? b : b + 4;
	p += *p == 0xf2;
	return p[0] == 0xff && p[1] == 0x25;
}

enum call { NO_CALL, DIRECT, INDIRECT };

/* The call before pc; of a direct one its target. */
static enum call call_before(const struct unwind_memory *m, uint64_t pc, uint64_t *target)
{
	uint8_t b[CALL_BYTES];

	if (!read_bytes(m, pc - sizeof(b), b, sizeof(b)))
		return NO_CALL;
	if (b[3] == 0xe8) {
		*target = pc + (uint64_t)(int64_t)(int32_t)four(b + 4);
		return DIRECT;
	}
	/* call r/m64: ff /2, of two to seven bytes */
	for (unsigned at = 1; at < sizeof(b) - 1; at++)
		if (b[at] == 0xff && (b[at + 1] >> 3 & 7) == 2)
			return INDIRECT;
	return NO_CALL;
}

bool prologue_follows_call(const struct unwind_memory *memory, uint64_t pc)
{
	uint64_t target;

	return call_before(memory, pc, &target) != NO_CALL;
}

bool prologue_rbp(const struct unwind_memory *memory, uint64_t after, uint64_t sp, uint64_t *rbp)
{
	uint8_t code[CODE], before[8];
	uint64_t pc, target;

	if (!read_bytes(memory, after - sizeof(before), before, sizeof(before)) ||
	    !read_bytes(memory, after, code, sizeof(code)) || before[4] != 0x55 ||
	    (memcmp(before + 5, "\x48\x89\xe5", 3) && memcmp(before + 5, "\x48\x8b\xec", 3)))
		return false;
	uint64_t at = sp + reserved(code);
	if (at & 7 || !memory->read(memory->arg, at + 8, &pc) ||
	    !memory->is_code(memory->arg, pc - 1))
		return false;
	*rbp = at;
	switch (call_before(memory, pc, &target)) {
	case NO_CALL:
		return false;
	case INDIRECT:
		return true;
	case DIRECT:
		break;
	}
	return (target < after && after - target <= ENTRY_BEFORE) || is_import(memory, target);
}
