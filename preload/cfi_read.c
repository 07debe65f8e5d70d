/*
 * cfi_read.c - reading unwind tables byte by byte, and finding the entry of an address. Everything
 * read lies in the range that the caller gives. Context: any.
 */
#include "cfi.h"

#include <string.h>

struct cfi_cursor cfi_cursor(uintptr_t at, uint64_t bytes, const struct cfi_range *in)
{
	if (at < in->lo || at > in->hi || bytes > in->hi - at)
		return (struct cfi_cursor){.bad = true};
	return (struct cfi_cursor){(const uint8_t *)at, (const uint8_t *)at + bytes, false};
}

uint64_t cfi_uint(struct cfi_cursor *c, unsigned bytes)
{
	uint64_t v = 0;

	if (c->bad || (size_t)(c->end - c->p) < bytes) {
		c->bad = true;
		return 0;
	}
	memcpy(&v, c->p, bytes);
	c->p += bytes;
	return v;
}

uint64_t cfi_uleb_long(struct cfi_cursor *c)
{
	uint64_t v = 0;

	for (unsigned shift = 0;; shift += 7) {
		uint64_t b = cfi_uint(c, 1);

		if (shift < 64)
			v |= (b & 127) << shift;
		if (!(b & 128))
			return v;
	}
}

int64_t cfi_sleb(struct cfi_cursor *c)
{
	uint64_t v = 0, b;
	unsigned shift = 0;

	do {
		b = cfi_uint(c, 1);
		if (shift < 64)
			v |= (b & 127) << shift;
		shift += 7;
	} while (b & 128);
	if (shift < 64 && (b & 64))
		v |= ~0ul << shift;
	return (int64_t)v;
}

/* DW_EH_PE_: low four bits the form, next three what it is relative to. */
enum { PE_ULEB = 1, PE_U2, PE_U4, PE_U8, PE_SLEB = 9, PE_S2, PE_S4, PE_S8 };
enum { PE_PCREL = 0x10, PE_DATAREL = 0x30, PE_INDIRECT = 0x80, PE_OMIT = 0xff };

uint64_t cfi_pointer(struct cfi_cursor *c, unsigned encoding, uintptr_t data_base)
{
	uint64_t at = (uintptr_t)c->p, v = 0;

	switch (encoding & 15) {
	case 0:
	case PE_U8:
	case PE_S8:
		v = cfi_uint(c, 8);
		break;
	case PE_U4:
		v = cfi_uint(c, 4);
		break;
	case PE_S4:
		v = (uint64_t)(int32_t)cfi_uint(c, 4);
		break;
	case PE_U2:
		v = cfi_uint(c, 2);
		break;
	case PE_S2:
		v = (uint64_t)(int16_t)cfi_uint(c, 2);
		break;
	case PE_ULEB:
		v = cfi_uleb(c);
		break;
	case PE_SLEB:
		v = (uint64_t)cfi_sleb(c);
		break;
	default:
		c->bad = true;
	}
	switch (encoding & 0xf0) {
	case 0:
		return v;
	case PE_PCREL:
		return v + at;
	case PE_DATAREL:
		return v + data_base;
	default:
		c->bad = true;
		return 0;
	}
}

/* .eh_frame_hdr: version, three encodings, pointer to .eh_frame, count, then sorted pairs of
 * (first instruction, FDE), which every linker writes as 32-bit offsets from the header. */
const uint8_t *cfi_find(const uint8_t *hdr, const struct cfi_range *in, uintptr_t pc)
{
	uintptr_t base = (uintptr_t)hdr;

	if (base < in->lo || base >= in->hi)
		return NULL;
	struct cfi_cursor c = cfi_cursor(base, in->hi - base, in);
	uint64_t version = cfi_uint(&c, 1), frame_enc = cfi_uint(&c, 1);
	uint64_t count_enc = cfi_uint(&c, 1), table_enc = cfi_uint(&c, 1);

	if (version != 1 || count_enc == PE_OMIT || table_enc != (PE_DATAREL | PE_S4))
		return NULL;
	if (frame_enc != PE_OMIT)
		cfi_pointer(&c, (unsigned)frame_enc, base);
	uint64_t n = cfi_pointer(&c, (unsigned)count_enc, base);

	if (c.bad || !n || n > (uint64_t)(c.end - c.p) / 8)
		return NULL;
	const uint8_t *table = c.p;
	uint64_t low = 0, high = n; /* the last entry whose start is <= pc lies in [low, high) */

	while (high - low > 1) {
		uint64_t mid = low + (high - low) / 2;
		int32_t start;

		memcpy(&start, table + 8 * mid, 4);
		if (base + (uintptr_t)start <= pc)
			low = mid;
		else
			high = mid;
	}
	int32_t pair[2];

	memcpy(pair, table + 8 * low, 8);
	return base + (uintptr_t)pair[0] <= pc ? (const uint8_t *)(base + (uintptr_t)pair[1])
	                                       : NULL;
}
