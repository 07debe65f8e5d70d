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

/* void arch_call_caught(void *stack_top, void (*fn)(void), struct arch_place *out) */
	.globl	arch_call_caught
	.hidden	arch_call_caught
	.type	arch_call_caught, %function
	.p2align 4
arch_call_caught:
	.cfi_startproc
	stp	x29, x30, [sp, -160]!
	.cfi_def_cfa_offset 160
	.cfi_offset 29, -160
	.cfi_offset 30, -152
	mov	x29, sp
	.cfi_def_cfa_register 29
	stp	x19, x20, [sp, 16]
	.cfi_offset 19, -144
	.cfi_offset 20, -136
	stp	x21, x22, [sp, 32]
	.cfi_offset 21, -128
	.cfi_offset 22, -120
	stp	x23, x24, [sp, 48]
	.cfi_offset 23, -112
	.cfi_offset 24, -104
	stp	x25, x26, [sp, 64]
	.cfi_offset 25, -96
	.cfi_offset 26, -88
	stp	x27, x28, [sp, 80]
	.cfi_offset 27, -80
	.cfi_offset 28, -72
	stp	d8, d9, [sp, 96]
	stp	d10, d11, [sp, 112]
	stp	d12, d13, [sp, 128]
	stp	d14, d15, [sp, 144]
	adr	x9, 1f
	str	x9, [x2]
	str	x29, [x2, 8]
	str	x29, [x2, 16]
	mov	sp, x0
	blr	x1
	mov	sp, x29
1:	ldp	x19, x20, [sp, 16]
	ldp	x21, x22, [sp, 32]
	ldp	x23, x24, [sp, 48]
	ldp	x25, x26, [sp, 64]
	ldp	x27, x28, [sp, 80]
	ldp	d8, d9, [sp, 96]
	ldp	d10, d11, [sp, 112]
	ldp	d12, d13, [sp, 128]
	ldp	d14, d15, [sp, 144]
	ldp	x29, x30, [sp], 160
	.cfi_def_cfa 31, 0
	ret
	.cfi_endproc
	.size	arch_call_caught, . - arch_call_caught

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
