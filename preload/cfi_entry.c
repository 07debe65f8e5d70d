/*
 * cfi_entry.c - see cfi_entry.h. Owns nothing. Tables are not trusted; all reads go through
 * cfi_read.c. Context: any.
 */
#include "cfi_entry.h"

#include <errno.h>
#include <string.h>

/* The body of the entry at `at`: after its length, before its end. */
static struct cfi_cursor body(uintptr_t at, const struct cfi_range *in)
{
	struct cfi_cursor c = cfi_cursor(at, 4, in);
	uint64_t bytes = cfi_uint(&c, 4);

	if (c.bad || !bytes || bytes >= 0xfffffff0u) /* the 64-bit form is not used by any linker */
		return (struct cfi_cursor){.bad = true};
	return cfi_cursor(at + 4, bytes, in);
}

static void read_augmentation(struct cfi_cie *cie, struct cfi_cursor *c, const char *letters)
{
	struct cfi_cursor data;
	uint64_t bytes = cfi_uleb(c);

	if (c->bad || bytes > (uint64_t)(c->end - c->p)) {
		c->bad = true;
		return;
	}
	data = (struct cfi_cursor){c->p, c->p + bytes, false};
	c->p += bytes;
	cie->has_length = true;
	for (; *letters; letters++) {
		switch (*letters) {
		case 'R':
			cie->encoding = (unsigned)cfi_uint(&data, 1);
			break;
		case 'L':
			cfi_uint(&data, 1);
			break;
		case 'P': { /* only skipped: what it is relative to is of no matter, but its size is
			     */
			unsigned how = (unsigned)cfi_uint(&data, 1);

			cfi_pointer(&data, how & 15, 0);
			break;
		}
		case 'S':
			cie->is_signal = true;
			break;
		case 'B': /* which key signs return addresses */
			break;
		default:
			c->bad = true;
		}
	}
	c->bad |= data.bad;
}

static int read_cie(uintptr_t at, const struct cfi_range *in, struct cfi_cie *cie)
{
	struct cfi_cursor c = body(at, in);
	uint64_t id = cfi_uint(&c, 4), version = cfi_uint(&c, 1);
	const char *letters = (const char *)c.p;

	memset(cie, 0, sizeof(*cie));
	while (cfi_uint(&c, 1))
		;
	if (c.bad || id || (version != 1 && version != 3 && version != 4))
		return -EINVAL;
	if (version == 4 && cfi_uint(&c, 2) != 8) /* address size 8, segment size 0 */
		return -EINVAL;
	cie->code_align = cfi_uleb(&c);
	cie->data_align = cfi_sleb(&c);
	if ((version == 1 ? cfi_uint(&c, 1) : cfi_uleb(&c)) != CFI_RA)
		return -EINVAL;
	if (*letters == 'z')
		read_augmentation(cie, &c, letters + 1);
	else if (*letters)
		return -EINVAL;
	cie->code = c;
	return c.bad ? -EINVAL : 0;
}

int cfi_entry(const uint8_t *fde, const struct cfi_range *in, uintptr_t pc, struct cfi_fde *out)
{
	struct cfi_cursor c = body((uintptr_t)fde, in);
	uintptr_t id_at = (uintptr_t)c.p;
	uint64_t back = cfi_uint(&c, 4);

	if (c.bad || !back || read_cie(id_at - back, in, &out->cie))
		return -EINVAL;
	uint64_t start = cfi_pointer(&c, out->cie.encoding, 0),
	         length = cfi_pointer(&c, out->cie.encoding & 15, 0);

	if (out->cie.has_length) {
		uint64_t bytes = cfi_uleb(&c);

		if (c.bad || bytes > (uint64_t)(c.end - c.p))
			return -EINVAL;
		c.p += bytes;
	}
	if (c.bad)
		return -EINVAL;
	if (pc - start >= length)
		return -ENOENT;
	out->code = c;
	out->start = start;
	out->bytes = length;
	return 0;
}
