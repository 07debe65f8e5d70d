/*
 * pprof_test.c - what other tools are given: profile.proto decoded again, folded stacks line by
 * line.
 */
#include "analyzer/out.h"
#include "build_snap.h"
#include "check.h"

/* ---- a snapshot, and what comes of it ---- */

struct decoded {
	uint8_t *data;
	size_t n;
	char *string[256];
	unsigned n_strings;
};

struct made {
	struct build b;
	struct snapshot *s;
	struct profile *p;
	char *file; /* what the writer wrote */
	size_t n;
	struct decoded d;
};

static void name_frame(struct snapshot *s, uint64_t address, const char *const *functions,
                       uint32_t n)
{
	for (uint32_t i = 0; i < s->n_locations; i++) {
		if (s->location[i].address != address)
			continue;
		s->location[i].line = pool_alloc(&s->pool, n * sizeof(struct line));
		s->location[i].n_lines = n;
		for (uint32_t l = 0; l < n; l++)
			s->location[i].line[l] = (struct line){.function = intern(functions[l]),
			                                       .linkage = intern(functions[l]),
			                                       .file = intern("/src/a.c"),
			                                       .number = 10 + l,
			                                       .start = 5};
	}
}
#define NAME(s, address, ...)                                      \
	name_frame(s, address, (const char *const[]){__VA_ARGS__}, \
	           sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

/* Two programs' worth of frames: main -> parse -> xmalloc, main -> keep, and a stack that nobody
 * knows. */
static void make_snapshot(struct made *m)
{
	struct err err = {{0}};

	build_start(&m->b);
	build_info_u(&m->b, FMT_INFO_PID, 42);
	build_info_u(&m->b, FMT_INFO_TIME, 1700000000000000000);
	unsigned lib = build_module(&m->b, "/lib/libx.so", "lib", 0);
	unsigned exe = build_module(&m->b, "/bin/server", "exe", FMT_MODULE_MAIN);
	unsigned start = build_node(&m->b, 0, exe, 0x100);
	unsigned parse = build_node(&m->b, start, exe, 0x200);
	unsigned wrap = build_node(&m->b, parse, lib, 0x300);
	unsigned keep = build_node(&m->b, start, exe, 0x400);
	build_site(&m->b, &(struct build_site){.node = wrap,
	                                       .allocs = 10,
	                                       .bytes = 640,
	                                       .frees = 4,
	                                       .bytes_freed = 256,
	                                       .size_min = 64,
	                                       .size_max = 64,
	                                       .live_blocks = 6,
	                                       .live_bytes = 384});
	build_site(&m->b, &(struct build_site){.node = keep,
	                                       .allocs = 3,
	                                       .bytes = 300,
	                                       .size_min = 100,
	                                       .size_max = 100,
	                                       .live_blocks = 3,
	                                       .live_bytes = 300});
	build_site(&m->b, &(struct build_site){.node = 0,
	                                       .allocs = 1,
	                                       .bytes = 7,
	                                       .size_min = 7,
	                                       .size_max = 7,
	                                       .live_blocks = 1,
	                                       .live_bytes = 7});
	build_end(&m->b);
	if (load_snapshot_mem(m->b.out.data, m->b.out.len, "made", &m->s, &err))
		FAIL("%s", err.text);
	NAME(m->s, 0x100, "main");
	NAME(m->s, 0x200, "inlined_in_parse", "parse");
	NAME(m->s, 0x300, "xmalloc");
	NAME(m->s, 0x400, "keep;this\nname");
}

typedef int writer(FILE *, const struct profile *, const struct out_options *, struct err *);

static void make_file(struct made *m, writer *write, bool raw, enum column sort)
{
	struct profile_options po = {.sort = sort, .raw = raw};
	struct out_options oo = {.sort = sort, .raw = raw};
	struct err err = {{0}};

	if (profile_top(m->s, &po, &m->p, &err))
		FAIL("%s", err.text);
	FILE *f = open_memstream(&m->file, &m->n);
	if (write(f, m->p, &oo, &err))
		FAIL("%s", err.text);
	fclose(f);
}

static void unmake(struct made *m)
{
	free(m->file);
	free(m->d.data);
	for (unsigned i = 0; i < m->d.n_strings; i++)
		free(m->d.string[i]);
	profile_free(m->p);
	snapshot_free(m->s);
	build_free(&m->b);
}

/* ---- a reader of protobuf, as small as can be ---- */

struct field {
	unsigned number;
	uint64_t value;   /* of a varint */
	const uint8_t *p; /* of bytes */
	size_t n;
};

static uint64_t get_varint(const uint8_t **at)
{
	uint64_t v = 0;
	unsigned shift = 0;

	do
		v |= (uint64_t)(**at & 0x7f) << shift, shift += 7;
	while (*(*at)++ & 0x80);
	return v;
}

static bool next_field(const uint8_t **at, const uint8_t *end, struct field *f)
{
	if (*at >= end)
		return false;
	uint64_t tag = get_varint(at);
	*f = (struct field){.number = (unsigned)(tag >> 3)};
	f->value = get_varint(at);
	if ((tag & 7) == 2) {
		f->p = *at;
		f->n = f->value;
		*at += f->n;
	}
	return *at <= end;
}

static const struct decoded *decode(struct made *m)
{
	struct decoded *d = &m->d;
	z_stream z = {.next_in = (void *)m->file, .avail_in = (unsigned)m->n};
	struct field f;

	*d = (struct decoded){.data = malloc(1 << 20)};
	z.next_out = d->data;
	z.avail_out = 1 << 20;
	inflateInit2(&z, 15 + 16);
	EQ(inflate(&z, Z_FINISH), Z_STREAM_END);
	d->n = z.total_out;
	inflateEnd(&z);
	for (const uint8_t *at = d->data; next_field(&at, d->data + d->n, &f);)
		if (f.number == 6)
			d->string[d->n_strings++] = strndup((const char *)f.p, f.n);
	return d;
}

/* The nth field `number` of a message; n = 0 where there is none. */
static struct field nth(const uint8_t *p, size_t n, unsigned number, unsigned index)
{
	struct field f;

	for (const uint8_t *at = p; next_field(&at, p + n, &f);)
		if (f.number == number && !index--)
			return f;
	return (struct field){0};
}

static struct field top_field(const struct decoded *d, unsigned number, unsigned index)
{
	return nth(d->data, d->n, number, index);
}

static const char *string_of(const struct decoded *d, struct field message, unsigned number)
{
	uint64_t i = nth(message.p, message.n, number, 0).value;

	return i < d->n_strings ? d->string[i] : "(out of range)";
}

/* The message (location, function) whose id it is. */
static struct field by_id(const struct decoded *d, unsigned number, uint64_t id)
{
	for (unsigned i = 0;; i++) {
		struct field f = top_field(d, number, i);
		if (!f.n || nth(f.p, f.n, 1, 0).value == id)
			return f;
	}
}

/* "inner<outer: v v v v" of the nth sample. */
static const char *sample_text(const struct decoded *d, unsigned index)
{
	static char text[512];
	struct field s = top_field(d, 2, index), list, line;
	size_t at = 0;

	text[0] = 0;
	list = nth(s.p, s.n, 1, 0);
	for (const uint8_t *p = list.p; p < list.p + list.n;) {
		struct field loc = by_id(d, 4, get_varint(&p));
		for (unsigned l = 0; (line = nth(loc.p, loc.n, 4, l)).n; l++) {
			struct field fn = by_id(d, 5, nth(line.p, line.n, 1, 0).value);
			at += (size_t)sprintf(text + at, "%s%s", at ? "<" : "",
			                      string_of(d, fn, 2));
		}
	}
	list = nth(s.p, s.n, 2, 0);
	at += (size_t)sprintf(text + at, ":");
	for (const uint8_t *p = list.p; p < list.p + list.n;)
		at += (size_t)sprintf(text + at, " %lld", (long long)get_varint(&p));
	return text;
}

/* The sample whose text begins so. */
static const char *sample_of(const struct decoded *d, const char *begins)
{
	for (unsigned i = 0; top_field(d, 2, i).n; i++)
		if (!strncmp(sample_text(d, i), begins, strlen(begins)))
			return sample_text(d, i);
	return "no such sample";
}

/* ---- tests ---- */

TEST(four_sample_types_in_gos_order)
{
	static const char *const want[] = {"alloc_objects/count", "alloc_space/bytes",
	                                   "inuse_objects/count", "inuse_space/bytes"};
	struct made m = {0};
	char got[64];

	make_snapshot(&m);
	make_file(&m, out_pprof, false, ALLOC_SPACE);
	const struct decoded *d = decode(&m);
	STREQ(d->string[0], "");
	for (unsigned i = 0; i < 4; i++) {
		struct field type = top_field(d, 1, i);
		snprintf(got, sizeof got, "%s/%s", string_of(d, type, 1), string_of(d, type, 2));
		STREQ(got, want[i]);
	}
	EQ(top_field(d, 1, 4).n, 0);
	STREQ(d->string[top_field(d, 14, 0).value], "alloc_space");
	EQ(top_field(d, 9, 0).value, 1700000000000000000);
	unmake(&m);
}

TEST(stacks_begin_at_the_users_own_frame_with_inlined_lines_innermost_first)
{
	struct made m = {0};

	make_snapshot(&m);
	make_file(&m, out_pprof, false, INUSE_SPACE);
	const struct decoded *d = decode(&m);
	STREQ(sample_of(d, "inlined"), "inlined_in_parse<parse<main: 10 640 6 384");
	STREQ(sample_of(d, "keep"), "keep;this\nname<main: 3 300 3 300");
	unmake(&m);
}

TEST(raw_keeps_wrappers)
{
	struct made m = {0};

	make_snapshot(&m);
	make_file(&m, out_pprof, true, INUSE_SPACE);
	const struct decoded *d = decode(&m);
	STREQ(sample_of(d, "xmalloc"), "xmalloc<inlined_in_parse<parse<main: 10 640 6 384");
	unmake(&m);
}

TEST(an_unknown_stack_has_a_name)
{
	struct made m = {0};

	make_snapshot(&m);
	make_file(&m, out_pprof, false, INUSE_SPACE);
	const struct decoded *d = decode(&m);
	STREQ(sample_of(d, "["), "[unknown stack]: 1 7 1 7");
	unmake(&m);
}

TEST(no_negative_number_where_frees_were_seen_twice)
{
	struct made m = {0};

	make_snapshot(&m);
	for (uint32_t i = 0; i < m.s->n_samples; i++)
		m.s->sample[i].value[INUSE_SPACE] = -5;
	make_file(&m, out_pprof, false, INUSE_SPACE);
	const struct decoded *d = decode(&m);
	STREQ(sample_of(d, "keep"), "keep;this\nname<main: 3 300 3 0");
	unmake(&m);
}

TEST(the_program_is_the_first_mapping_and_no_two_overlap)
{
	struct made m = {0};

	make_snapshot(&m);
	/* A module that was dlclosed, and another that took its place. */
	m.s->module[1].start = m.s->module[2].start;
	m.s->module[1].end = m.s->module[2].end;
	m.s->module[1].bias = m.s->module[2].bias;
	m.s->module[1].text_start = m.s->module[2].text_start;
	make_file(&m, out_pprof, true, INUSE_SPACE);
	const struct decoded *d = decode(&m);
	struct field a = top_field(d, 3, 0), b = top_field(d, 3, 1);
	STREQ(string_of(d, a, 5), "/bin/server");
	STREQ(string_of(d, a, 6), "657865");
	STREQ(string_of(d, b, 5), "/lib/libx.so");
	uint64_t a_start = nth(a.p, a.n, 2, 0).value, a_limit = nth(a.p, a.n, 3, 0).value;
	uint64_t b_start = nth(b.p, b.n, 2, 0).value, b_limit = nth(b.p, b.n, 3, 0).value;
	OK(a_start < a_limit && b_start < b_limit);
	OK(a_limit <= b_start || b_limit <= a_start);
	unmake(&m);
}

TEST(addresses_lie_in_their_mapping)
{
	struct made m = {0};
	unsigned n = 0;

	make_snapshot(&m);
	for (uint32_t i = 1; i < m.s->n_modules; i++)
		m.s->module[i].text_start = m.s->module[i].start + 0x80;
	make_file(&m, out_pprof, true, INUSE_SPACE);
	const struct decoded *d = decode(&m);
	for (unsigned i = 0; top_field(d, 4, i).n; i++) {
		struct field loc = top_field(d, 4, i);
		uint64_t id = nth(loc.p, loc.n, 2, 0).value, at = nth(loc.p, loc.n, 3, 0).value;
		if (!id)
			continue;
		struct field map = by_id(d, 3, id);
		OK(at >= nth(map.p, map.n, 2, 0).value && at < nth(map.p, map.n, 3, 0).value);
		n++;
	}
	EQ(n, 4);
	unmake(&m);
}

TEST(two_address_layouts_make_equal_files)
{
	struct made a = {0}, b = {0};

	make_snapshot(&a);
	make_snapshot(&b);
	for (uint32_t i = 1; i < b.s->n_modules; i++) {
		struct module *m = &b.s->module[i];
		m->start += 0x7000;
		m->end += 0x7000;
		m->bias += 0x7000;
		m->text_start += 0x7000;
	}
	make_file(&a, out_pprof, false, INUSE_SPACE);
	make_file(&b, out_pprof, false, INUSE_SPACE);
	EQ(a.n, b.n);
	OK(a.n == b.n && !memcmp(a.file, b.file, a.n));
	unmake(&a);
	unmake(&b);
}

TEST(a_long_command_line_is_one_short_line)
{
	char line[2000];
	struct made m = {0};

	memset(line, 'x', sizeof line - 1);
	line[sizeof line - 1] = 0;
	line[10] = '\n';
	build_info_s(&m.b, FMT_INFO_CMDLINE, line);
	make_snapshot(&m);
	make_file(&m, out_pprof, false, INUSE_SPACE);
	const struct decoded *d = decode(&m);
	const char *comment = d->string[top_field(d, 13, 0).value];
	OK(strstr(comment, "pid 42") != NULL);
	OK(strlen(comment) < 300 && !strchr(comment, '\n'));
	unmake(&m);
}

TEST(folded_names_cannot_break_their_line)
{
	struct made m = {0};

	make_snapshot(&m);
	make_file(&m, out_folded, false, INUSE_SPACE);
	OK(strstr(m.file, "main;parse;inlined_in_parse 384\n") != NULL);
	OK(strstr(m.file, "main;keep:this_name 300\n") != NULL);
	OK(strstr(m.file, "[unknown stack] 7\n") != NULL);
	unmake(&m);
}

TEST(folded_leaves_out_what_holds_nothing)
{
	struct made m = {0};

	make_snapshot(&m);
	for (uint32_t i = 0; i < m.s->n_samples; i++)
		if (m.s->sample[i].value[ALLOC_SPACE] == 640)
			m.s->sample[i].value[INUSE_SPACE] = 0;
	make_file(&m, out_folded, false, INUSE_SPACE);
	OK(!strstr(m.file, "parse"));
	OK(strstr(m.file, "keep") != NULL);
	unmake(&m);
}

TEST(a_full_disk_is_an_error)
{
	struct profile_options po = {.sort = INUSE_SPACE};
	struct out_options oo = {.sort = INUSE_SPACE};
	struct made m = {0};
	struct err err;

	make_snapshot(&m);
	EQ(profile_top(m.s, &po, &m.p, &err), 0);
	FILE *f = fopen("/dev/full", "w");
	EQ(out_pprof(f, m.p, &oo, &err), -1);
	OK(strstr(err.text, "No space") != NULL);
	fclose(f);
	f = fopen("/dev/full", "w");
	EQ(out_folded(f, m.p, &oo, &err), -1);
	fclose(f);
	unmake(&m);
}

int main(int argc, char **argv)
{
	return check_main(argc, argv);
}
