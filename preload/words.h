/*
 * words.h - records that are read while they are written: one writer at a time, any number of
 * readers that take no lock and then look whether the record is still the one that they meant.
 * Each word is whole, the record as such may be of two moments. No fences: order comes from the
 * field that tells them apart (release when it is set, acquire when it is read).
 */
#ifndef OUTLIVE_WORDS_H
#define OUTLIVE_WORDS_H

#include <stddef.h>
#include <stdint.h>

#define WORD_SET(p, v) __atomic_store_n(p, v, __ATOMIC_RELAXED)
#define WORD_GET(p)    __atomic_load_n(p, __ATOMIC_RELAXED)
/* By the only writer there is just now. */
#define WORD_ADD(p, n) WORD_SET(p, WORD_GET(p) + (n))

/* Structures of whole 8-byte words, aligned to them. The compiler is told that they may alias. */
typedef uint64_t __attribute__((may_alias)) words_any;

static inline void words_copy(void *to, const void *from, size_t bytes)
{
	words_any *t = (words_any *)to;
	const words_any *f = (const words_any *)from;

	for (size_t i = 0; i < bytes / sizeof(*t); i++)
		WORD_SET(&t[i], WORD_GET(&f[i]));
}
#define WORDS_COPY(to, from)                                                    \
	do {                                                                    \
		_Static_assert(sizeof(*(to)) == sizeof(*(from)) &&              \
		                       sizeof(*(to)) % sizeof(uint64_t) == 0 && \
		                       _Alignof(__typeof__(*(to))) == 8,        \
		               "not of whole words");                           \
		words_copy(to, from, sizeof(*(to)));                            \
	} while (0)

#endif
