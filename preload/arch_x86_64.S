/*
 * arch_x86_64.S - stacks that are changed and left, and a handler's return: see arch_regs.h.
 */
#ifdef __x86_64__
	.text

/* void arch_call_on(void *stack_top, void (*fn)(void *), void *arg): fn(arg) on another stack. */
	.globl	arch_call_on
	.hidden	arch_call_on
	.type	arch_call_on, @function
	.p2align 4
arch_call_on:
	.cfi_startproc
	pushq	%rbp
	.cfi_def_cfa_offset 16
	.cfi_offset %rbp, -16
	movq	%rsp, %rbp
	.cfi_def_cfa_register %rbp
	movq	%rdi, %rsp
	movq	%rdx, %rdi
	callq	*%rsi
	leave
	.cfi_def_cfa %rsp, 8
	ret
	.cfi_endproc
	.size	arch_call_on, . - arch_call_on

/* void arch_call_caught(void *stack_top, void (*fn)(void), struct arch_place *out) */
	.globl	arch_call_caught
	.hidden	arch_call_caught
	.type	arch_call_caught, @function
	.p2align 4
arch_call_caught:
	.cfi_startproc
	pushq	%rbp
	.cfi_def_cfa_offset 16
	.cfi_offset %rbp, -16
	movq	%rsp, %rbp
	.cfi_def_cfa_register %rbp
	pushq	%rbx
	.cfi_offset %rbx, -24
	pushq	%r12
	.cfi_offset %r12, -32
	pushq	%r13
	.cfi_offset %r13, -40
	pushq	%r14
	.cfi_offset %r14, -48
	pushq	%r15
	.cfi_offset %r15, -56
	leaq	1f(%rip), %rax
	movq	%rax, 0(%rdx)
	movq	%rsp, 8(%rdx)
	movq	%rbp, 16(%rdx)
	movq	%rdi, %rsp
	callq	*%rsi
	leaq	-40(%rbp), %rsp
1:	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%rbx
	popq	%rbp
	.cfi_def_cfa %rsp, 8
	ret
	.cfi_endproc
	.size	arch_call_caught, . - arch_call_caught

/*
 * void arch_leave(const greg_t *r, const void *fpstate, uint64_t features): registers as they
 * were interrupted after a "syscall", which is then executed again as restart_syscall. %rcx and
 * %r11 are the kernel's there, so one of them can hold the way.
 */
	.globl	arch_leave
	.hidden	arch_leave
	.type	arch_leave, @function
	.p2align 4
arch_leave:
	.cfi_startproc
	movl	%edx, %eax
	shrq	$32, %rdx
	movl	%eax, %ecx
	orl	%edx, %ecx
	jz	1f
	xrstor64 (%rsi)
	jmp	2f
1:	fxrstor64 (%rsi)
2:	pushq	136(%rdi)		/* flags */
	popfq
	movq	0(%rdi), %r8
	movq	8(%rdi), %r9
	movq	16(%rdi), %r10
	movq	32(%rdi), %r12
	movq	40(%rdi), %r13
	movq	48(%rdi), %r14
	movq	56(%rdi), %r15
	movq	72(%rdi), %rsi
	movq	80(%rdi), %rbp
	movq	88(%rdi), %rbx
	movq	96(%rdi), %rdx
	movq	128(%rdi), %rcx		/* rip, behind the two bytes of "syscall" */
	movq	120(%rdi), %rsp
	movq	64(%rdi), %rdi
	leaq	-2(%rcx), %rcx		/* leaves the flags alone */
	movl	$219, %eax		/* restart_syscall */
	jmpq	*%rcx
	.cfi_endproc
	.size	arch_leave, . - arch_leave

/*
 * Where handlers return to. Unwinders and debuggers know a signal frame by these very bytes,
 * provided that no unwind table covers them, nor the byte before.
 */
	.p2align 4
	nop
	.globl	arch_sigreturn
	.hidden	arch_sigreturn
	.type	arch_sigreturn, @function
arch_sigreturn:
	movq	$15, %rax	/* rt_sigreturn */
	syscall
	.size	arch_sigreturn, . - arch_sigreturn
#endif

	.section .note.GNU-stack, "", @progbits
