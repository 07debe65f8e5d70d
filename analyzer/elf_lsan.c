/*
 * elf_lsan.c - reads the text that __lsan_default_suppressions() returns out of the program's file.
 *
 * The function is the program's, and it has ended: nothing of it is run. Nearly always it returns a
 * literal, and then its code is one of a few instructions that every compiler makes of that; what
 * is anything else is left alone, and told.
 */
#include "elf_lsan.h"

#include "sym.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_CODE = 64, LONGEST = 1 << 20 };

/* Part of a file, as it will lie in memory: from a link-time address to the end of its segment. */
struct bytes {
	const unsigned char *at;
	size_t n;
};

static struct bytes bytes_at(Elf *elf, uint64_t address)
{
	size_t n = 0, size = 0;
	const char *file = elf_rawfile(elf, &size);
	GElf_Phdr ph;

	elf_getphdrnum(elf, &n);
	for (size_t i = 0; file && i < n; i++) {
		if (!gelf_getphdr(elf, (int)i, &ph) || ph.p_type != PT_LOAD ||
		    address < ph.p_vaddr || address - ph.p_vaddr >= ph.p_filesz ||
		    ph.p_offset > size || ph.p_filesz > size - ph.p_offset)
			continue;
		uint64_t in = address - ph.p_vaddr;
		return (struct bytes){(const unsigned char *)file + ph.p_offset + in,
		                      ph.p_filesz - in};
	}
	return (struct bytes){NULL, 0};
}

/* Takes `n` bytes of code when they are these. */
static bool take(struct bytes *code, uint64_t *address, const char *want, size_t n)
{
	if (code->n < n || memcmp(code->at, want, n))
		return false;
	code->at += n;
	code->n -= n;
	*address += n;
	return true;
}
#define TAKE(code, address, text) take(code, address, text, sizeof(text) - 1)

static uint32_t take_32(struct bytes *code, uint64_t *address)
{
	uint32_t v = 0;

	if (code->n < 4)
		return 0;
	for (int i = 0; i < 4; i++)
		v |= (uint32_t)code->at[i] << 8 * i;
	code->at += 4;
	code->n -= 4;
	*address += 4;
	return v;
}

/* The address that a function returns, when that is all it does. 0: it does more. */
static uint64_t constant_returned(struct bytes code, uint64_t address)
{
	uint64_t text;

	TAKE(&code, &address, "\xf3\x0f\x1e\xfa");              /* endbr64 */
	bool frame = TAKE(&code, &address, "\x55\x48\x89\xe5"); /* push, mov */
	if (TAKE(&code, &address, "\x48\x8d\x05")) {            /* lea ..(%rip) */
		int32_t distance = (int32_t)take_32(&code, &address);
		text = address + (uint64_t)(int64_t)distance;
	} else if (TAKE(&code, &address, "\xb8") || /* mov $.., %eax */
	           TAKE(&code, &address, "\x48\xc7\xc0")) {
		text = take_32(&code, &address);
	} else {
		return 0;
	}
	if (frame && !TAKE(&code, &address, "\x5d")) /* pop */
		return 0;
	return TAKE(&code, &address, "\xc3") ? text : 0;
}

static char *text_of(Elf *elf, uint64_t function, bool *unclear)
{
	struct bytes code = bytes_at(elf, function);
	uint64_t address = 0;

	*unclear = true;
	code.n = code.n < MOST_CODE ? code.n : MOST_CODE;
	if (code.n)
		address = constant_returned(code, function);
	struct bytes text = bytes_at(elf, address);
	const void *end =
	        address && text.n ? memchr(text.at, 0, text.n < LONGEST ? text.n : LONGEST) : NULL;
	if (!end)
		return NULL;
	*unclear = false;
	return xstrdup((const char *)text.at);
}

char *elf_lsan_suppressions(const char *path, const char *build_id, bool *unclear)
{
	static const char name[] = "__lsan_default_suppressions";
	struct sym_elf *e = sym_elf_open(path);
	struct sym_table symbols = {0};
	char *text = NULL;
	bool found = false;

	*unclear = false;
	if (!e || strcmp(e->build_id, build_id)) {
		sym_elf_close(e);
		return NULL;
	}
	sym_table_add(&symbols, e);
	for (size_t i = 0; i < symbols.n && !found; i++) {
		const struct sym_symbol *s = &symbols.at[i];
		found = s->name_len == sizeof(name) - 1 && !memcmp(s->name, name, s->name_len);
		if (found)
			text = text_of(e->elf, s->start, unclear);
	}
	sym_table_free(&symbols);
	sym_elf_close(e);
	return text;
}
