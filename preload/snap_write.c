/*
 * snap_write.c - records of format.h into a file: varints, CRC, one buffer. Context: the snapshot
 * child (snap.h): no TLS, no lock, no allocation. Must not know what the records mean.
 */
#include <string.h>

#include "snap.h"
#include "sys.h"

/* ---- CRC-32, eight bytes a step: a table of what a byte becomes n bytes further on ---- */

static uint32_t g_crc[8][256];

void snap_crc_init(void)
{
	if (g_crc[7][255])
		return;
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t c = i;

		for (int bit = 0; bit < 8; bit++)
			c = c >> 1 ^ (c & 1 ? 0xEDB88320u : 0);
		g_crc[0][i] = c;
	}
	for (uint32_t i = 0; i < 256; i++)
		for (int t = 1; t < 8; t++)
			g_crc[t][i] = g_crc[t - 1][i] >> 8 ^ g_crc[0][g_crc[t - 1][i] & 255];
}

/* State c after n bytes. */
static uint32_t crc_bytes(uint32_t c, const uint8_t *p, size_t n)
{
	for (; n >= 8; n -= 8, p += 8) {
		uint32_t low, high;

		memcpy(&low, p, 4);
		memcpy(&high, p + 4, 4);
		low ^= c;
		c = g_crc[7][low & 255] ^ g_crc[6][low >> 8 & 255] ^ g_crc[5][low >> 16 & 255] ^
		    g_crc[4][low >> 24] ^ g_crc[3][high & 255] ^ g_crc[2][high >> 8 & 255] ^
		    g_crc[1][high >> 16 & 255] ^ g_crc[0][high >> 24];
	}
	while (n--)
		c = c >> 8 ^ g_crc[0][(c ^ *p++) & 255];
	return c;
}

uint32_t snap_crc(uint32_t crc, const void *data, size_t n)
{
	uint8_t rest[16];
	uint32_t c = ~crc;
	const size_t folded = arch_crc_fold(c, data, n, rest);

	if (folded)
		c = crc_bytes(0, rest, sizeof(rest));
	return ~crc_bytes(c, (const uint8_t *)data + folded, n - folded);
}

/* ---- the buffer: whole records, except that the last may be open ---- */

static void put32(uint8_t *at, uint32_t v)
{
	memcpy(at, &v, 4); /* x86-64 is little-endian, as the file is */
}

static void put64(uint8_t *at, uint64_t v)
{
	memcpy(at, &v, 8);
}

static void flush(struct snap_out *o)
{
	if (!o->error && o->used) {
		long r = sys_write_all(o->fd, o->buf, o->used);

		if (r < 0)
			o->error = (int)r;
	}
	o->written += o->used;
	o->used = 0;
}

void snap_out_begin(struct snap_out *o, int fd, uint8_t *buf)
{
	static const uint8_t version[4] = {FMT_MAJOR & 255, FMT_MAJOR >> 8, FMT_MINOR & 255,
	                                   FMT_MINOR >> 8};

	snap_crc_init();
	*o = (struct snap_out){.fd = fd, .buf = buf, .full = buf + SNAP_BUFFER - SNAP_ITEM_MAX - 8};
	memcpy(buf, FMT_MAGIC, 8);
	memcpy(buf + 8, version, 4);
	put32(buf + 12, snap_crc(0, buf, 12));
	o->used = FMT_HEADER_SIZE;
}

void snap_out_expect(struct snap_out *o, uint64_t bytes)
{
	const uint64_t room = (uint64_t)(o->full - o->buf) - o->used;

	if (o->buf + o->used < o->full)
		sys_populate(o->buf + o->used, bytes < room ? bytes : room);
}

void snap_record(struct snap_out *o, uint32_t tag)
{
	if (o->used + FMT_RECORD_SIZE + SNAP_ITEM_MAX + 8 > SNAP_BUFFER)
		flush(o);
	o->tag = tag;
	o->record = o->used;
	o->used += FMT_RECORD_SIZE;
}

void snap_record_end(struct snap_out *o)
{
	uint8_t *head = o->buf + o->record;
	size_t n = o->used - o->record - FMT_RECORD_SIZE;

	put32(head, o->tag);
	put64(head + 8, n);
	put32(head + 4, snap_crc(snap_crc(0, head, 4), head + 8, 8 + n));
	while (o->used % 8)
		o->buf[o->used++] = 0;
	o->records++;
}

void snap_item_anew(struct snap_out *o)
{
	snap_record_end(o);
	flush(o);
	snap_record(o, o->tag);
}

void snap_u(struct snap_out *o, uint64_t v)
{
	snap_item_done(o, snap_u_at(o->buf + o->used, v));
}

void snap_mem(struct snap_out *o, const void *p, size_t n)
{
	/* Half an item: room for the numbers beside it, and for a second string of names' length.
	 */
	if (n > SNAP_ITEM_MAX / 2)
		n = SNAP_ITEM_MAX / 2;
	snap_u(o, n);
	memcpy(o->buf + o->used, p, n);
	o->used += n;
}

void snap_str(struct snap_out *o, const char *s)
{
	snap_mem(o, s ? s : "", s ? strlen(s) : 0);
}

int snap_out_end(struct snap_out *o)
{
	uint32_t before = o->records;

	snap_record(o, FMT_DONE);
	snap_u(o, before);
	snap_record_end(o);
	flush(o);
	return o->error;
}
