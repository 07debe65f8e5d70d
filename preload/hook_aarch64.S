/*
 * hook_aarch64.S - exported functions that must have no frame of ours: hook_heap.c and hook_share.c
 * say why. All jump on to a function of C's or to the original. x16 and x17 are the linker's own
 * between a call and its function.
 */
#ifdef __aarch64__
#include "hook_numbers.h"

	.text

	.macro	begin name
	.globl	\name
	.type	\name, %function
	.p2align 4
\name:
	.cfi_startproc
	.endm

	.macro	end name
	.cfi_endproc
	.size	\name, . - \name
	.endm

/* ---- the heap ---- */

/* heap_malloc(): track_alloc() has the subtraction for what is no sample. */
	begin	malloc
	b	heap_malloc
	end	malloc

	begin	free
	b	heap_free
	end	free

	begin	calloc
	b	heap_calloc
	end	calloc

	begin	realloc
	b	heap_realloc
	end	realloc

/* ---- children that share our memory ---- */

/* The slot's number in x16; the arguments must survive. */
	.hidden	share_go
	begin	share_go
	adrp	x17, share_slot
	add	x17, x17, :lo12:share_slot
	ldr	x17, [x17, x16, lsl 3]
	cbnz	x17, 1f
	stp	x29, x30, [sp, -96]!
	.cfi_def_cfa_offset 96
	.cfi_offset 29, -96
	.cfi_offset 30, -88
	mov	x29, sp
	stp	x0, x1, [sp, 16]
	stp	x2, x3, [sp, 32]
	stp	x4, x5, [sp, 48]
	stp	x6, x7, [sp, 64]
	str	x16, [sp, 80]
	bl	share_fill
	ldp	x0, x1, [sp, 16]
	ldp	x2, x3, [sp, 32]
	ldp	x4, x5, [sp, 48]
	ldp	x6, x7, [sp, 64]
	ldr	x16, [sp, 80]
	ldp	x29, x30, [sp], 96
	.cfi_restore 30
	.cfi_restore 29
	.cfi_def_cfa_offset 0
	adrp	x17, share_slot
	add	x17, x17, :lo12:share_slot
	ldr	x17, [x17, x16, lsl 3]
1:	br	x17
	end	share_go

	.macro	note_share
	adrp	x16, g_process_shares
	mov	w17, 1
	strb	w17, [x16, :lo12:g_process_shares]
	.endm

	.macro	shares name, slot
	begin	\name
	note_share
	mov	x16, \slot
	b	share_go
	end	\name
	.endm
	shares	vfork, SHARE_VFORK
	shares	__vfork, SHARE_VFORK2
	shares	clone, SHARE_CLONE

/* By number: clone 220 and clone3 435; all others may have a frame of ours. */
	begin	syscall
	cmp	x0, 220
	b.eq	1f
	cmp	x0, 435
	b.eq	1f
	b	share_syscall
1:	note_share
	mov	x16, SHARE_SYSCALL
	b	share_go
	end	syscall
#endif

	.section .note.GNU-stack, "", %progbits
