/*
 * arch_words.h - words of a stack that are compared at once: arch_words_same() of arch.h. Any
 * context.
 */
#ifndef OUTLIVE_ARCH_WORDS_H
#define OUTLIVE_ARCH_WORDS_H

#include <stdint.h>

/* What the words are, and how many words above some base they lie. */
enum { ARCH_WORDS = 8 };
struct arch_words {
	uint64_t value[ARCH_WORDS];
	uint16_t offset[ARCH_WORDS];
} __attribute__((aligned(16)));

#endif
