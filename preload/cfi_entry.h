/*
 * cfi_entry.h - an entry of an unwind table taken apart: what its CIE says, where its instructions
 * are. For cfi*.c only.
 */
#ifndef OUTLIVE_CFI_ENTRY_H
#define OUTLIVE_CFI_ENTRY_H

#include "cfi.h"

struct cfi_cie {
	struct cfi_cursor code; /* its initial instructions */
	uint64_t code_align;
	int64_t data_align;
	unsigned encoding; /* of addresses in the FDE */
	bool has_length;   /* "z": the FDE has augmentation data with a length */
	bool is_signal;
};
struct cfi_fde {
	struct cfi_cie cie;
	struct cfi_cursor code;
	uint64_t start, bytes; /* the code that it is for */
};

/* Call frame instructions. Those with an operand in their low six bits have the upper two set. */
enum cfi_op {
	CFI_OP_NOP,
	CFI_OP_SET_LOC,
	CFI_OP_ADVANCE1,
	CFI_OP_ADVANCE2,
	CFI_OP_ADVANCE4,
	CFI_OP_OFFSET_EXT,
	CFI_OP_RESTORE_EXT,
	CFI_OP_UNDEFINED,
	CFI_OP_SAME,
	CFI_OP_REGISTER,
	CFI_OP_REMEMBER,
	CFI_OP_RESTORE_STATE,
	CFI_OP_DEF_CFA,
	CFI_OP_DEF_CFA_REG,
	CFI_OP_DEF_CFA_OFFSET,
	CFI_OP_DEF_CFA_EXPR,
	CFI_OP_EXPR,
	CFI_OP_OFFSET_EXT_SF,
	CFI_OP_DEF_CFA_SF,
	CFI_OP_DEF_CFA_OFFSET_SF,
	CFI_OP_VAL_OFFSET,
	CFI_OP_VAL_OFFSET_SF,
	CFI_OP_VAL_EXPR,
	CFI_OP_GNU_ARGS_SIZE = 0x2e,
	CFI_OP_GNU_NEG_OFFSET = 0x2f,
	CFI_OP_ADVANCE = 0x40,
	CFI_OP_OFFSET = 0x80,
	CFI_OP_RESTORE = 0xc0,
	CFI_OP_LOW = 0x3f /* the operand's bits */
};

/* 0; -ENOENT when the entry is not for pc; -EINVAL for what is malformed or unknown. */
int cfi_entry(const uint8_t *fde, const struct cfi_range *in, uintptr_t pc, struct cfi_fde *out);

#endif
