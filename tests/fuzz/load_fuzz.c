/*
 * load_fuzz.c - hostile snapshot files: every input is loaded as it is, and once more with its
 * checksums put right, for else the fuzzer would seldom come behind them. What loads is ranked,
 * diffed with itself and exported.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "analyzer/out.h"
#include "analyzer/profile.h"

static FILE *nowhere;

static void put32(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

/* Header and records as format.h has them, as far as lengths allow. */
static void mend(uint8_t *d, size_t n)
{
	if (n < FMT_HEADER_SIZE)
		return;
	memcpy(d, FMT_MAGIC, 8);
	put32(d + 12, (uint32_t)crc32(0, d, 12));
	for (size_t at = FMT_HEADER_SIZE; at + FMT_RECORD_SIZE <= n;) {
		uint64_t bytes = 0;

		for (int i = 7; i >= 0; i--)
			bytes = bytes << 8 | d[at + 8 + i];
		if (bytes > n - at - FMT_RECORD_SIZE)
			return;
		put32(d + at + 4, (uint32_t)crc32(0, d + at + FMT_RECORD_SIZE, (uInt)bytes));
		at += FMT_RECORD_SIZE + ((bytes + 7) & ~(uint64_t)7);
	}
}

static void use(struct snapshot *s)
{
	struct profile_options options = {.sort = ALLOC_SPACE};
	struct out_options out = {.n = 0};
	struct profile *p = NULL;
	struct err err;

	if (!profile_top(s, &options, &p, &err)) {
		out_text_top(nowhere, p, &out, &err);
		out_json_top(nowhere, p, &out, &err);
		profile_free(p);
	}
	if (!profile_diff(s, s, &options, &p, &err)) {
		out_text_diff(nowhere, p, &out, &err);
		out_json_diff(nowhere, p, &out, &err);
		profile_free(p);
	}
	out_pprof(nowhere, s, &err);
	out_folded(nowhere, s, ALLOC_SPACE, &err);
}

static void load(const uint8_t *data, size_t n)
{
	struct snapshot *s = NULL;
	struct err err;

	if (load_snapshot_mem(data, n, "fuzz", &s, &err)) {
		/* a refusal is one line with a reason */
		if (s || !err.text[0] || strchr(err.text, '\n'))
			abort();
		return;
	}
	use(s);
	snapshot_free(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	uint8_t *copy = malloc(n ? n : 1);

	if (!nowhere)
		nowhere = fopen("/dev/null", "w");
	if (!copy || !nowhere)
		return 0;
	load(data, n);
	memcpy(copy, data, n);
	mend(copy, n);
	load(copy, n);
	free(copy);
	return 0;
}
