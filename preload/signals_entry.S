/*
 * signals_entry.S - what a signal handler needs that C cannot say.
 */
	.text

/* void signals_call_on(void *stack_top, void (*fn)(void *), void *arg): fn(arg) on another stack. */
	.globl	signals_call_on
	.hidden	signals_call_on
	.type	signals_call_on, @function
	.p2align 4
signals_call_on:
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
	.size	signals_call_on, . - signals_call_on

/*
 * Where handlers return to. Unwinders and debuggers know a signal frame by these very bytes,
 * provided that no unwind table covers them, nor the byte before.
 */
	.p2align 4
	nop
	.globl	signals_restorer
	.hidden	signals_restorer
	.type	signals_restorer, @function
signals_restorer:
	movq	$15, %rax	/* rt_sigreturn */
	syscall
	.size	signals_restorer, . - signals_restorer

	.section .note.GNU-stack, "", @progbits
