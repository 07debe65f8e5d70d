/*
 * format_test.c - format.h is a document: its worked example is read from the document itself; and
 * the writer's records, varints and CRC against a second reader and zlib.
 */
#include <ctype.h>
#include <errno.h>
#include <sys/mman.h>

#include "decode.h"
#include "preload/snap.h"

static uint8_t g_buf[SNAP_BUFFER];

static size_t file_bytes(int fd, uint8_t **out)
{
	size_t n = (size_t)lseek(fd, 0, SEEK_END);

	*out = malloc(n + 1);
	EQ(pread(fd, *out, n, 0), n);
	return n;
}

static FILE *open_document(void)
{
	FILE *f = fopen("preload/format.h", "r");
	char path[4096];
	ssize_t n = f ? 0 : readlink("/proc/self/exe", path, sizeof(path) - 1);

	/* From wherever it is run: the sources stand above a build folder inside the tree. */
	for (int up = 0; !f && n > 0 && up < 8; up++) {
		path[n] = 0;
		char *slash = strrchr(path, '/');
		if (!slash)
			break;
		snprintf(slash, sizeof(path) - (size_t)(slash - path), "/preload/format.h");
		f = fopen(path, "r");
		*slash = 0;
		n = slash - path;
	}
	return f;
}

/* The bytes at the beginning of each line of section 3. */
static size_t read_example(uint8_t *out, size_t size)
{
	FILE *f = open_document();
	char line[512];
	size_t n = 0;
	bool in = false;

	OK(f != NULL);
	while (f && fgets(line, sizeof(line), f)) {
		if (strstr(line, " * 3. Worked example"))
			in = true;
		else if (in && strstr(line, " * 4. "))
			break;
		if (!in || strncmp(line, " *     ", 7))
			continue;
		for (const char *p = line + 7; n < size;) {
			while (*p == ' ')
				p++;
			if (!isxdigit(p[0]) || !isxdigit(p[1]) || !isspace(p[2]))
				break;
			out[n++] = (uint8_t)strtoul((char[]){p[0], p[1], 0}, NULL, 16);
			p += 2;
		}
	}
	if (f)
		fclose(f);
	return n;
}

TEST(worked_example_of_the_document_is_valid)
{
	static struct decoded d;
	uint8_t example[256];
	size_t n = read_example(example, sizeof(example));

	EQ(n, 40);
	decode_bytes(&d, example, n);
	STREQ(d.wrong ? d.wrong : "right", "right");
	EQ(d.n_records, 0);
}

TEST(worked_example_is_what_the_writer_writes)
{
	static uint8_t *written;
	uint8_t example[256];
	size_t n = read_example(example, sizeof(example));
	int fd = memfd_create("snap", 0);
	struct snap_out o;

	snap_crc_init();
	snap_out_begin(&o, fd, g_buf);
	EQ(snap_out_end(&o), 0);
	EQ(file_bytes(fd, &written), n);
	OK(!memcmp(written, example, n));
}

TEST(crc_is_that_of_zlib_at_every_length_and_alignment)
{
	uint8_t data[700];

	snap_crc_init();
	for (unsigned i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 37 + (i >> 3));
	for (unsigned from = 0; from < 9; from++)
		for (unsigned n = 0; n + from < sizeof(data); n++)
			if (snap_crc(0, data + from, n) != crc32(0, data + from, n))
				FAIL("at %u, %u bytes", from, n);
	EQ(snap_crc(snap_crc(0, data, 11), data + 11, 89), crc32(0, data, 100));
	EQ(snap_crc(snap_crc(0, data, 311), data + 311, 389), crc32(0, data, 700));
}

TEST(varints_of_every_length_come_back)
{
	struct snap_out o;
	struct cursor c;

	snap_out_begin(&o, -1, g_buf);
	o.used = 0;
	for (int bits = 0; bits <= 64; bits++) {
		uint64_t v = bits == 64 ? ~0ul : (1ul << bits) - 1;

		o.used = 0;
		snap_u(&o, v);
		EQ(o.used, bits < 2 ? 1 : (bits + 6) / 7);
		c = (struct cursor){g_buf, g_buf + o.used, false};
		OK(get_u(&c) == v);
		OK(!c.bad && c.at == c.end);
	}
}

TEST(numbers_below_2_28_are_the_same_without_branches)
{
	uint32_t wrong = 0;

	for (unsigned bit = 0; bit <= 28; bit++)
		for (int by = -130; by <= 130; by++) {
			uint8_t a[16] = {0}, b[16] = {0};
			int64_t v = (1ll << bit) + by;

			if (v < 0 || v >> 28)
				continue;
			size_t n = (size_t)(snap_u_at(a, (uint64_t)v) - a);

			wrong += snap_u28_at(b, snap_u28((uint32_t)v)) != b + n || memcmp(a, b, n);
		}
	EQ(wrong, 0);
}

TEST(records_larger_than_the_buffer_continue_in_the_next_record)
{
	const unsigned n = 300000;
	int fd = memfd_create("snap", 0);
	struct snap_out o;
	static struct decoded d;
	static uint8_t *p;

	snap_crc_init();
	snap_out_begin(&o, fd, g_buf);
	snap_record(&o, FMT_NODE);
	for (unsigned i = 0; i < n; i++) {
		snap_item(&o);
		snap_u(&o, i);
		snap_u(&o, 0);
		snap_u(&o, 0x7fff00000000ul + i * 977);
		snap_u(&o, 0);
	}
	snap_record_end(&o);
	EQ(snap_out_end(&o), 0);
	decode_bytes(&d, p, file_bytes(fd, &p));
	STREQ(d.wrong ? d.wrong : "right", "right");
	EQ(d.n_nodes, n);
	OK(d.n_records > 4);
	EQ(d.nodes[n].address, 0x7fff00000000ul + (n - 1) * 977);
}

TEST(strings_longer_than_an_item_are_cut_not_overrun)
{
	static char longer[SNAP_BUFFER];
	int fd = memfd_create("snap", 0);
	struct snap_out o;
	static struct decoded d;
	static uint8_t *p;

	memset(longer, 'x', SNAP_BUFFER - 1);
	snap_crc_init();
	snap_out_begin(&o, fd, g_buf);
	snap_record(&o, FMT_INFO);
	for (unsigned key = 128; key < 160; key++) {
		snap_item(&o);
		snap_u(&o, key);
		snap_str(&o, longer);
	}
	snap_record_end(&o);
	EQ(snap_out_end(&o), 0);
	decode_bytes(&d, p, file_bytes(fd, &p));
	STREQ(d.wrong ? d.wrong : "right", "right");
	EQ(d.text_bytes[159], SNAP_ITEM_MAX / 2);
}

TEST(first_write_error_stays)
{
	struct snap_out o;
	int fd = open("/dev/full", O_WRONLY);

	snap_out_begin(&o, fd, g_buf);
	snap_record(&o, FMT_NODE);
	for (unsigned i = 0; i < 400000; i++) {
		snap_item(&o);
		snap_u(&o, i);
	}
	snap_record_end(&o);
	EQ(snap_out_end(&o), -ENOSPC);
}

TEST(damaged_bytes_are_noticed_by_the_second_reader)
{
	static struct decoded d;
	uint8_t example[256];
	size_t n = read_example(example, sizeof(example));

	for (size_t i = 0; i < n; i++) {
		if (i == 10 || i == 11)
			continue; /* minor version, but under the CRC all the same */
		example[i] ^= 1;
		decode_bytes(&d, example, n);
		if (!d.wrong)
			FAIL("byte %zu may be anything", i);
		example[i] ^= 1;
		decode_bytes(&d, example, i);
		OK(d.wrong != NULL);
	}
}

TEST(age_buckets_are_ordered_and_begin_at_their_floor)
{
	unsigned last = 0;

	for (uint64_t t = 0; t < 100000; t++) {
		unsigned b = fmt_fine_bucket(t);

		if (b < last || fmt_fine_floor(b) > t || fmt_fine_floor(b + 1) <= t)
			FAIL("tick %" PRIu64 " is in bucket %u", t, b);
		last = b;
	}
	for (unsigned b = 0; b < 256; b++)
		EQ(fmt_fine_bucket(fmt_fine_floor(b)), b);
	OK(fmt_fine_bucket(~0u) < 256);
	EQ(fmt_age_bucket(0), 0);
	EQ(fmt_age_bucket(1), 1);
	EQ(fmt_age_bucket(2), 2);
	EQ(fmt_age_bucket(3), 2);
	EQ(fmt_age_bucket(~0ul), FMT_AGE_BUCKETS - 1);
}

int main(int argc, char **argv)
{
	return check_main(argc, argv);
}
