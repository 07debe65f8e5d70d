/*
 * out_pprof.c - a ranked profile as gzip profile.proto, the file that `go tool pprof` and its kin
 * read.
 *
 * Owns the encoding: protobuf by hand (a message is tags, varints and lengths), in one pass through
 * zlib; strings go last. Reads nothing but the profile. Two choices let pprof subtract one run from
 * another (-diff_base): addresses are link-time addresses above a base that depends on the module
 * table only, never on ASLR, and the labels name no thread or process.
 */
#include "ids.h"
#include "out.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

/* Field numbers of profile.proto. */
enum {
	P_SAMPLE_TYPE = 1,
	P_SAMPLE = 2,
	P_MAPPING = 3,
	P_LOCATION = 4,
	P_FUNCTION = 5,
	P_STRING = 6
};
enum {
	P_TIME = 9,
	P_DURATION = 10,
	P_PERIOD_TYPE = 11,
	P_PERIOD = 12,
	P_COMMENT = 13,
	P_DEFAULT_TYPE = 14
};
enum { VALUE_TYPE = 1, VALUE_UNIT = 2 };
enum { SAMPLE_LOCATION = 1, SAMPLE_VALUE = 2, SAMPLE_LABEL = 3 };
enum { LABEL_KEY = 1, LABEL_STRING = 2 };
enum {
	MAPPING_ID = 1,
	MAPPING_START = 2,
	MAPPING_LIMIT = 3,
	MAPPING_OFFSET = 4,
	MAPPING_FILE = 5,
	MAPPING_BUILD_ID = 6
};
enum { MAPPING_FUNCTIONS = 7, MAPPING_FILES = 8, MAPPING_LINES = 9, MAPPING_INLINES = 10 };
enum { LOCATION_ID = 1, LOCATION_MAPPING = 2, LOCATION_ADDRESS = 3, LOCATION_LINE = 4 };
enum { LINE_FUNCTION = 1, LINE_NUMBER = 2 };
enum {
	FUNCTION_ID = 1,
	FUNCTION_NAME = 2,
	FUNCTION_SYSTEM = 3,
	FUNCTION_FILE = 4,
	FUNCTION_START = 5
};

/* Where the canonical addresses of position-independent modules begin, and what they are rounded up
 * to. */
#define CANONICAL_BASE  UINT64_C(0x100000000000)
#define CANONICAL_ALIGN UINT64_C(0x200000)

/* Command lines can be long, and pprof prints the comment above every report. */
#define COMMENT_LENGTH 200

struct mapping {
	uint64_t base; /* canonical minus link-time address */
	uint32_t id;   /* 0: no location needs it */
	bool functions, files, lines, inlines;
};

struct writer {
	FILE *file;
	z_stream z;
	bool failed;
	const struct snapshot *snap;
	struct ids strings, functions, locations;
	struct mapping *mapping; /* by module */
	uint32_t *order;         /* modules that have a mapping, in the order of their ids */
	uint32_t n_mappings;
	struct str msg, sub; /* the message being built, and the one inside it */
};

/* ---- protobuf ---- */

/* Index into the string table; 0 is the empty string, as profile.proto wants. */
static uint64_t string_id(struct writer *w, const char *s)
{
	bool is_new;

	return ids_get(&w->strings, (struct ids_key){{(uintptr_t)intern(s ? s : "")}}, &is_new);
}

static void put_varint(struct str *s, uint64_t v)
{
	unsigned char b[10];
	size_t n = 0;

	for (; v >= 0x80; v >>= 7)
		b[n++] = (unsigned char)(v | 0x80);
	b[n++] = (unsigned char)v;
	str_add_mem(s, b, n);
}

/* Zero is the default of every field, and is not written. */
static void put_number(struct str *s, unsigned field, uint64_t v)
{
	if (!v)
		return;
	put_varint(s, field << 3);
	put_varint(s, v);
}

static void put_bytes(struct str *s, unsigned field, const void *p, size_t n)
{
	put_varint(s, field << 3 | 2);
	put_varint(s, n);
	str_add_mem(s, p, n);
}

static void deflate_out(struct writer *w, const void *p, size_t n, int flush)
{
	unsigned char buf[32768];

	w->z.next_in = (void *)(uintptr_t)p;
	w->z.avail_in = (uInt)n;
	do {
		w->z.next_out = buf;
		w->z.avail_out = sizeof buf;
		deflate(&w->z, flush);
		size_t got = sizeof buf - w->z.avail_out;
		if (got && fwrite(buf, 1, got, w->file) != got)
			w->failed = true;
	} while (!w->z.avail_out);
}

/* Writes w->msg as one field of the Profile message, and empties it. */
static void emit(struct writer *w, unsigned field)
{
	struct str head = {0};

	put_varint(&head, field << 3 | 2);
	put_varint(&head, w->msg.len);
	deflate_out(w, head.data, head.len, Z_NO_FLUSH);
	if (w->msg.len)
		deflate_out(w, w->msg.data, w->msg.len, Z_NO_FLUSH);
	str_free(&head);
	w->msg.len = 0;
}

static void emit_number(struct writer *w, unsigned field, uint64_t v)
{
	put_number(&w->sub, field, v);
	if (w->sub.len)
		deflate_out(w, w->sub.data, w->sub.len, Z_NO_FLUSH);
	w->sub.len = 0;
}

static void emit_value_type(struct writer *w, unsigned field, const char *type, const char *unit)
{
	put_number(&w->msg, VALUE_TYPE, string_id(w, type));
	put_number(&w->msg, VALUE_UNIT, string_id(w, unit));
	emit(w, field);
}

/* ---- mappings ---- */

/*
 * Bases in the order of the module table: a fixed-position program keeps its addresses, all else
 * gets a slot of its own, so that no two modules overlap, not even those that were dlclosed and had
 * their place taken.
 */
static void place_modules(struct writer *w)
{
	uint64_t next = CANONICAL_BASE;

	for (uint32_t i = 1; i < w->snap->n_modules; i++) {
		const struct module *m = &w->snap->module[i];
		if (!m->bias)
			continue;
		w->mapping[i].base = next;
		next += (m->end - m->bias + CANONICAL_ALIGN) & ~(CANONICAL_ALIGN - 1);
	}
}

static void need_mapping(struct writer *w, uint32_t module)
{
	if (!module || module >= w->snap->n_modules || w->mapping[module].id)
		return;
	w->order[w->n_mappings++] = module;
	w->mapping[module].id = w->n_mappings;
}

/* pprof takes the first mapping for the program: its name heads every report. */
/* A stack of the earlier snapshot alone has modules of its own; of one run there is none, since
 * sites stay. */
static bool is_written(const struct profile *p, size_t i)
{
	return !p->a || p->row[i].snapshot != p->a;
}

static void number_mappings(struct writer *w, const struct profile *p)
{
	for (uint32_t i = 1; i < w->snap->n_modules; i++)
		if (w->snap->module[i].flags & FMT_MODULE_MAIN)
			need_mapping(w, i);
	for (size_t i = 0; i < p->n_rows; i++) {
		if (!is_written(p, i))
			continue;
		const struct row *r = profile_row(p, i);
		for (uint32_t f = 0; f < r->n_frames; f++)
			need_mapping(w, r->frame[f]->module);
	}
}

static void emit_mapping(struct writer *w, uint32_t module)
{
	const struct module *m = &w->snap->module[module];
	const struct mapping *map = &w->mapping[module];
	uint64_t text = m->text_start ? m->text_start : m->start;

	put_number(&w->msg, MAPPING_ID, map->id);
	put_number(&w->msg, MAPPING_START, map->base + text - m->bias);
	/* Whole pages: pprof takes other mappings for the kernel's. */
	put_number(&w->msg, MAPPING_LIMIT,
	           map->base + ((m->end - m->bias + 0xfff) & ~UINT64_C(0xfff)));
	put_number(&w->msg, MAPPING_OFFSET, m->text_offset);
	put_number(&w->msg, MAPPING_FILE, string_id(w, m->path));
	put_number(&w->msg, MAPPING_BUILD_ID, string_id(w, m->build_id));
	/* pprof would look for symbols itself, and for long, in a mapping that says it has none. */
	put_number(&w->msg, MAPPING_FUNCTIONS, map->functions);
	put_number(&w->msg, MAPPING_FILES, map->files);
	put_number(&w->msg, MAPPING_LINES, map->lines);
	put_number(&w->msg, MAPPING_INLINES, map->inlines);
	emit(w, P_MAPPING);
}

/* ---- locations and functions ---- */

static uint64_t function_id(struct writer *w, const struct line *l)
{
	const char *name = l->function ? l->function : "[unknown]";
	struct ids_key k = {{string_id(w, name), string_id(w, l->linkage ? l->linkage : name),
	                     string_id(w, l->file), l->start}};
	bool is_new;

	return ids_get(&w->functions, k, &is_new) + 1;
}

static void emit_functions(struct writer *w)
{
	for (uint32_t i = 0; i < w->functions.n; i++) {
		const struct ids_key *k = &w->functions.key[i];
		put_number(&w->msg, FUNCTION_ID, i + 1);
		put_number(&w->msg, FUNCTION_NAME, k->w[0]);
		put_number(&w->msg, FUNCTION_SYSTEM, k->w[1]);
		put_number(&w->msg, FUNCTION_FILE, k->w[2]);
		put_number(&w->msg, FUNCTION_START, k->w[3]);
		emit(w, P_FUNCTION);
	}
}

static void put_line(struct writer *w, const struct line *l)
{
	w->sub.len = 0;
	put_number(&w->sub, LINE_FUNCTION, function_id(w, l));
	put_number(&w->sub, LINE_NUMBER, l->number);
	put_bytes(&w->msg, LOCATION_LINE, w->sub.data, w->sub.len);
	w->sub.len = 0;
}

/* The number of a location from its line `first` on: lines before it are folded wrappers that were
 * inlined there. */
static uint64_t location_id(struct writer *w, const struct location *loc, uint32_t first)
{
	bool is_new;
	uint32_t id =
	        ids_get(&w->locations, (struct ids_key){{(uintptr_t)loc, first}}, &is_new) + 1;

	if (!is_new)
		return id;
	/* A call is at the instruction before the return address; pprof disassembles there. */
	uint64_t address = loc->address - (loc->address && !(loc->flags & FMT_NODE_EXACT));
	put_number(&w->msg, LOCATION_ID, id);
	if (loc->module && loc->module < w->snap->n_modules) {
		struct mapping *m = &w->mapping[loc->module];
		put_number(&w->msg, LOCATION_MAPPING, m->id);
		address += m->base;
		m->functions |= loc->n_lines > 0;
		m->inlines |= loc->n_lines > 1;
	}
	put_number(&w->msg, LOCATION_ADDRESS, address);
	for (uint32_t i = first; i < loc->n_lines; i++) {
		struct mapping *m = &w->mapping[loc->module < w->snap->n_modules ? loc->module : 0];
		m->files |= loc->line[i].file != NULL;
		m->lines |= loc->line[i].number != 0;
		put_line(w, &loc->line[i]);
	}
	emit(w, P_LOCATION);
	return id;
}

/* ---- samples ---- */

/* A stack that nobody knows has a name too: pprof counts a sample without locations in totals, and
 * shows it nowhere. */
static uint64_t unknown_location(struct writer *w)
{
	static struct line line = {.function = "[unknown stack]"};
	static const struct location unknown = {.n_lines = 1, .line = &line};

	return location_id(w, &unknown, 0);
}

static void put_label(struct writer *w, const char *key, const char *value)
{
	if (!value)
		return;
	w->sub.len = 0;
	put_number(&w->sub, LABEL_KEY, string_id(w, key));
	put_number(&w->sub, LABEL_STRING, string_id(w, value));
	put_bytes(&w->msg, SAMPLE_LABEL, w->sub.data, w->sub.len);
	w->sub.len = 0;
}

static void emit_sample(struct writer *w, const struct row *r, const struct out_options *o,
                        bool difference)
{
	struct str locations = {0}, values = {0};
	uint32_t first = o->raw ? 0 : r->site_frame, line = o->raw ? 0 : r->site_line;

	for (uint32_t f = first; f < r->n_frames; f++)
		put_varint(&locations, location_id(w, r->frame[f], f == first ? line : 0));
	if (!locations.len)
		put_varint(&locations, unknown_location(w));
	/* Losses can make frees outnumber allocations; a profile of one moment has no negative
	 * numbers. */
	for (int c = 0; c < N_COLUMNS; c++)
		if (!o->counted || c == INUSE_OBJECTS)
			put_varint(&values,
			           difference || r->value[c] > 0 ? (uint64_t)r->value[c] : 0);
	put_bytes(&w->msg, SAMPLE_LOCATION, locations.data, locations.len);
	put_bytes(&w->msg, SAMPLE_VALUE, values.data, values.len);
	put_label(w, "kind", r->kind == FMT_KIND_MMAP ? "mmap" : NULL);
	put_label(w, "type", r->type);
	put_label(w, "leak", r->leak);
	put_label(w, "idle", r->idle);
	emit(w, P_SAMPLE);
	str_free(&locations);
	str_free(&values);
}

/* ---- the rest of the Profile message ---- */

static void emit_comment(struct writer *w, struct str *text)
{
	emit_number(w, P_COMMENT, string_id(w, text->data));
	str_free(text);
}

/* Above every report of pprof's, so one line: who; and another only where the numbers cannot be
 * trusted. */
static void emit_comments(struct writer *w)
{
	const struct info *info = &w->snap->info;
	uint64_t lost = snapshot_lost(w->snap);
	struct str s = {0};

	str_addf(&s, "outlive %s: pid %llu, snapshot %llu", INFO_S(info, VERSION),
	         (unsigned long long)INFO_U(info, PID), (unsigned long long)INFO_U(info, SEQUENCE));
	if (*INFO_S(info, LABEL))
		str_addf(&s, " \"%s\"", INFO_S(info, LABEL));
	str_add(&s, ", ");
	str_add_safe(&s, INFO_S(info, CMDLINE));
	if (s.len > COMMENT_LENGTH) {
		/* Not in the middle of a character. */
		for (s.len = COMMENT_LENGTH; s.len && (s.data[s.len] & 0xC0) == 0x80;)
			s.len--;
		s.data[s.len] = 0;
		str_add(&s, " ...");
	}
	emit_comment(w, &s);
	if (!lost)
		return;
	str_addf(&s, "%llu events were lost: `outlive info` says why", (unsigned long long)lost);
	emit_comment(w, &s);
}

/* What the values are, and what lies between two samples. */
static void emit_types(struct writer *w, const struct out_options *o)
{
	uint64_t period = INFO_U(&w->snap->info, SAMPLE);

	if (o->counted) {
		emit_value_type(w, P_SAMPLE_TYPE, o->counted, "count");
		emit_value_type(w, P_PERIOD_TYPE, o->counted, "count");
		emit_number(w, P_PERIOD, 1);
		return;
	}
	for (int c = 0; c < N_COLUMNS; c++)
		emit_value_type(w, P_SAMPLE_TYPE, column_name[c], column_unit[c]);
	emit_value_type(w, P_PERIOD_TYPE, "space", "bytes");
	emit_number(w, P_PERIOD, period ? period : 1);
}

static void emit_profile(struct writer *w, const struct profile *p, const struct out_options *o)
{
	string_id(w, "");
	emit_types(w, o);
	emit_number(w, P_TIME, INFO_U(&w->snap->info, TIME));
	emit_number(w, P_DURATION, p->a ? p->since_ns : INFO_U(&w->snap->info, UPTIME));
	emit_number(w, P_DEFAULT_TYPE,
	            string_id(w, o->counted ? o->counted : column_name[o->sort]));
	emit_comments(w);
	for (size_t r = 0; r < p->n_rows; r++)
		if (is_written(p, r))
			emit_sample(w, profile_row(p, r), o, p->a != NULL);
	emit_functions(w);
	for (uint32_t i = 0; i < w->n_mappings; i++)
		emit_mapping(w, w->order[i]);
	for (uint32_t i = 0; i < w->strings.n; i++) {
		const char *s = (const char *)(uintptr_t)w->strings.key[i].w[0];
		w->msg.len = 0;
		str_add(&w->msg, s);
		emit(w, P_STRING);
	}
}

int out_pprof(FILE *f, const struct profile *p, const struct out_options *o, struct err *err)
{
	struct writer w = {.file = f, .snap = p->b};

	/* 16 more window bits: gzip. Its header has no time, so that equal profiles are equal
	 * files. */
	if (deflateInit2(&w.z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		return err_set(err, "zlib refuses to start: %s", w.z.msg ? w.z.msg : "no memory");
	w.mapping = xcalloc(p->b->n_modules + 1, sizeof *w.mapping);
	w.order = xcalloc(p->b->n_modules + 1, sizeof *w.order);
	place_modules(&w);
	number_mappings(&w, p);
	emit_profile(&w, p, o);
	deflate_out(&w, "", 0, Z_FINISH);
	deflateEnd(&w.z);
	ids_free(&w.strings);
	ids_free(&w.functions);
	ids_free(&w.locations);
	free(w.mapping);
	free(w.order);
	str_free(&w.msg);
	str_free(&w.sub);
	if (fflush(f) || w.failed)
		return err_set(err, "cannot write the profile: %m");
	return 0;
}
