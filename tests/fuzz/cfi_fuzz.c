/*
 * cfi_fuzz.c - hostile unwind tables: whatever .eh_frame and its search table hold, reading them
 * stays inside of them and ends, and so does stepping by what they say. The input: an
 * .eh_frame_hdr, an offset of an FDE in it, registers; all of it is also the stack.
 */
#include <stdlib.h>
#include <string.h>

#include "preload/cfi.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { HEAD = 16, MAX_STEPS = 64 };

/* The program's memory: the tables themselves, at addresses that an input can name, from 0 on. */
static bool read_input(void *arg, uintptr_t address, uint64_t *out)
{
	const struct cfi_range *in = arg;
	uint64_t n = in->hi - in->lo;

	if (n < 8 || address > n - 8)
		return false;
	memcpy(out, (const void *)(in->lo + address), 8);
	return true;
}

static void step_by(const uint8_t *fde, struct cfi_range *in, uintptr_t pc)
{
	static struct cfi_work work;
	struct cfi_regs regs = {.known = (1u << CFI_REGISTERS) - 1};

	for (unsigned i = 0; i < CFI_REGISTERS; i++)
		regs.r[i] = i * 8;
	for (int i = 0; i < MAX_STEPS; i++) {
		if (cfi_row(fde, in, pc, &work) ||
		    cfi_step(&work.row, in, &regs, read_input, in) <= 0)
			return;
		pc = regs.r[CFI_PC];
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct cfi_work brief;
	uint64_t pc, at;

	brief.brief.fde = NULL;
	if (size <= HEAD)
		return 0;
	/* Of its own size: the sanitizer sees a read of the byte after it. */
	uint8_t *tables = malloc(size - HEAD);
	struct cfi_range in = {(uintptr_t)tables, (uintptr_t)tables + size - HEAD};

	if (!tables)
		return 0;
	memcpy(&pc, data, 8);
	memcpy(&at, data + 8, 8);
	memcpy(tables, data + HEAD, size - HEAD);
	/* As distances from the tables, where relative pointers lead to, and as they are. */
	for (int relative = 0; relative < 2; relative++) {
		uintptr_t want = relative ? pc + in.lo : pc;
		const uint8_t *fde = cfi_find(tables, &in, want);

		cfi_row_brief(tables, &in, want, &brief);
		cfi_row_brief(tables, &in, want + 8, &brief);
		if (fde)
			step_by(fde, &in, want);
		step_by(tables + at % (size - HEAD), &in, want);
	}
	free(tables);
	return 0;
}
