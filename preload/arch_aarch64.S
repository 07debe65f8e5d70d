/*
 * arch_aarch64.S - stacks that are changed, and a handler's return: see arch_regs.h.
 */
#ifdef __aarch64__
	.text

/* void arch_call_on(void *stack_top, void (*fn)(void *), void *arg): fn(arg) on another stack. */
	.globl	arch_call_on
	.hidden	arch_call_on
	.type	arch_call_on, %function
	.p2align 4
arch_call_on:
	.cfi_startproc
	stp	x29, x30, [sp, -16]!
	.cfi_def_cfa_offset 16
	.cfi_offset 29, -16
	.cfi_offset 30, -8
	mov	x29, sp
	.cfi_def_cfa_register 29
	mov	sp, x0
	mov	x0, x2
	blr	x1
	mov	sp, x29
	.cfi_def_cfa_register 31
	ldp	x29, x30, [sp], 16
	.cfi_restore 30
	.cfi_restore 29
	.cfi_def_cfa_offset 0
	ret
	.cfi_endproc
	.size	arch_call_on, . - arch_call_on

/*
 * Where handlers return to. Unwinders and debuggers know a signal frame by these very bytes,
 * provided that no unwind table covers them, nor the instruction before.
 */
	.p2align 4
	nop
	.globl	arch_sigreturn
	.hidden	arch_sigreturn
	.type	arch_sigreturn, %function
arch_sigreturn:
	mov	x8, #139	/* rt_sigreturn */
	svc	#0
	.size	arch_sigreturn, . - arch_sigreturn
#endif

	.section .note.GNU-stack, "", %progbits
