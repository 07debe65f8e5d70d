/*
 * hook_x86_64.S - exported functions that must have no frame of ours: hook_heap.c and hook_share.c
 * say why. All jump on to a function of C's or to the original.
 */
#ifdef __x86_64__
#include "hook_numbers.h"

	.text

	.macro	begin name
	.globl	\name
	.type	\name, @function
	.p2align 4
\name:
	.cfi_startproc
	.endm

	.macro	end name
	.cfi_endproc
	.size	\name, . - \name
	.endm

/* ---- the heap ---- */

	.section .text.hot,"ax",@progbits

	begin	malloc
	mov	t_self@gottpoff(%rip), %rax
	cmp	%fs:SELF_LEFT(%rax), %rdi
	jae	1f
	/* The carry, which is set, takes the one point more. */
	sbb	%rdi, %fs:SELF_LEFT(%rax)
	jmp	*hook_passed_malloc(%rip)
	/* What heap_malloc() does where track_is_plain(), with no frame: the caller is known
	 * here, and its rbp is still there. */
1:	mov	%fs:SELF_EXACT(%rax), %rdx
	test	%rdx, %rdx
	je	heap_malloc
	cmpl	$0, %fs:SELF_FLAGS(%rax)
	jne	heap_malloc
	incl	%fs:SELF_N_HEAP(%rax)
	movl	$SELF_IN_HEAP, %fs:SELF_FLAGS(%rax)
	/* predict_first(), and its record is fetched while the real call goes on. */
	mov	CTX_STACKS(%rdx), %rdx
	mov	(%rsp), %rcx
	mov	CACHE_TOP(%rdx), %rsi
	shl	$PLACE_IP_SHIFT, %rcx
	sub	%rsp, %rsi
	movabs	$PLACE_FACTOR, %r8
	sub	$8, %rsi
	xor	%rsi, %rcx
	imul	%r8, %rcx
	mov	CACHE_LINE(%rdx), %r8
	xor	CACHE_BEFORE(%rdx), %rcx
	mov	CACHE_RECORDS(%rdx), %rdx
	mov	%rcx, %rsi
	shr	$PLACE_SLOT, %rsi
	shr	$PLACE_BITS, %rcx
	and	$~GUESS_OFFSET, %ecx
	xor	(%r8,%rsi,4), %ecx
	cmp	$GUESS_OFFSET, %ecx
	ja	3f
2:	lea	(%rdx,%rcx,8), %rdx
	prefetcht0 (%rdx)
	mov	%rdx, %fs:SELF_GUESS(%rax)
	push	%rdi
	.cfi_adjust_cfa_offset 8
	call	*real+REAL_MALLOC(%rip)
	pop	%rsi
	.cfi_adjust_cfa_offset -8
	mov	%rax, %rdi
	mov	(%rsp), %rdx
	lea	8(%rsp), %rcx
	mov	t_self@gottpoff(%rip), %rax
	mov	%rbp, %r8
	mov	%fs:SELF_GUESS(%rax), %r9
	jmp	track_alloc_guessed
	/* Its neighbour, which holds what was in its place before. */
3:	xor	(%r8,%rsi,4), %ecx
	xor	$1, %esi
	xor	(%r8,%rsi,4), %ecx
	cmp	$GUESS_OFFSET, %ecx
	jbe	2b
	xor	%ecx, %ecx
	jmp	2b
	end	malloc

	/* To \other where a sample may live at \at. */
	.macro	no_sample at, other
	imul	$SAMPLE_SPREAD_BY, \at, %eax
	lea	g_sample_filter(%rip), %rdx
	shr	$16, %eax
	cmpb	$0, (%rdx,%rax)
	jne	\other
	.endm

	begin	free
	cmpb	$0, g_sample_direct(%rip)
	je	1f
	no_sample %edi, heap_free
	jmp	*real+REAL_FREE(%rip)
	/* The same where track_is_plain(). No block of the boot buffer is in the table, nor is
	 * NULL. */
1:	mov	t_self@gottpoff(%rip), %rax
	prefetcht0 -8(%rdi)
	cmpq	$0, %fs:SELF_EXACT(%rax)
	je	heap_free
	cmpl	$0, %fs:SELF_FLAGS(%rax)
	jne	heap_free
	push	%rdi
	.cfi_adjust_cfa_offset 8
	call	track_free_ahead
	mov	(%rsp), %rdi
	test	%al, %al
	je	2f
	mov	t_self@gottpoff(%rip), %rax
	incl	%fs:SELF_N_HEAP(%rax)
	call	*real+REAL_FREE(%rip)
	mov	t_self@gottpoff(%rip), %rax
	movl	$0, %fs:SELF_FLAGS(%rax)
	pop	%rdi
	.cfi_adjust_cfa_offset -8
	ret
	.cfi_adjust_cfa_offset 8
2:	pop	%rdi
	.cfi_adjust_cfa_offset -8
	jmp	heap_free
	end	free

	/* To the original where no sample is drawn from \bytes, else to \other. */
	.macro	pass_over bytes, original, other
	mov	t_self@gottpoff(%rip), %rdx
	cmp	%fs:SELF_LEFT(%rdx), \bytes
	jae	\other
	sbb	\bytes, %fs:SELF_LEFT(%rdx)
	jmp	*real+\original(%rip)
	.endm

	begin	calloc
	cmpb	$0, g_sample_direct(%rip)
	je	heap_calloc
	mov	%rdi, %rax
	mul	%rsi
	jo	heap_calloc
	pass_over %rax, REAL_CALLOC, heap_calloc
	end	calloc

	begin	realloc
	cmpb	$0, g_sample_direct(%rip)
	je	heap_realloc
	no_sample %edi, heap_realloc
	pass_over %rsi, REAL_REALLOC, heap_realloc
	end	realloc

/* ---- children that share our memory ---- */

	.text

/* The slot's number in %eax; the arguments must survive. */
	.hidden	share_go
	begin	share_go
	lea	share_slot(%rip), %r11
	cmpq	$0, (%r11,%rax,8)
	jne	1f
	push	%rdi
	push	%rsi
	push	%rdx
	push	%rcx
	push	%r8
	push	%r9
	push	%rax
	.cfi_adjust_cfa_offset 56
	call	share_fill
	pop	%rax
	pop	%r9
	pop	%r8
	pop	%rcx
	pop	%rdx
	pop	%rsi
	pop	%rdi
	.cfi_adjust_cfa_offset -56
	lea	share_slot(%rip), %r11
1:	mov	(%r11,%rax,8), %r11
	xor	%eax, %eax
	jmp	*%r11
	end	share_go

	.macro	shares name, slot
	begin	\name
	movb	$1, g_process_shares(%rip)
	mov	$\slot, %eax
	jmp	share_go
	end	\name
	.endm
	shares	vfork, SHARE_VFORK
	shares	__vfork, SHARE_VFORK2
	shares	clone, SHARE_CLONE

/* By number: clone 56, vfork 58 and clone3 435; all others may have a frame of ours. */
	begin	syscall
	cmp	$56, %rdi
	je	1f
	cmp	$58, %rdi
	je	1f
	cmp	$435, %rdi
	je	1f
	jmp	share_syscall
1:	movb	$1, g_process_shares(%rip)
	mov	$SHARE_SYSCALL, %eax
	jmp	share_go
	end	syscall
#endif

	.section .note.GNU-stack, "", @progbits
