/*
 * document.c - the parts that all JSON documents share, and writing one without holding it in
 * memory.
 */
#include "document.h"

#include <errno.h>
#include <string.h>
#include <time.h>

json_t *document_text(const char *s)
{
	if (!s || !*s)
		return json_null();
	json_t *text = json_string(s);
	if (text)
		return text;
	/* Not UTF-8, and so no JSON string: what cannot be read becomes '?'. */
	struct str safe = {0};
	str_add_safe(&safe, s);
	text = json_string(safe.data);
	str_free(&safe);
	return text ? text : json_null();
}

json_t *document_number(uint64_t n)
{
	return json_integer(n > INT64_MAX ? INT64_MAX : (json_int_t)n);
}

const char *snapshot_reason_text(const struct snapshot *s)
{
	static const char *const text[] = {"",
	                                   "at exit",
	                                   "at _exit",
	                                   "at abort",
	                                   "at a deadly signal",
	                                   "before an exec",
	                                   "on demand",
	                                   "by interval",
	                                   "by the program's own call",
	                                   "on growth",
	                                   "at a peak"};
	uint64_t reason = INFO_U(&s->info, REASON);

	return reason < sizeof(text) / sizeof(*text) ? text[reason] : "";
}

char *utc_time(char buf[32], uint64_t ns, char separator)
{
	time_t t = (time_t)(ns / 1000000000u);
	struct tm tm;

	*buf = 0;
	if (!ns || !gmtime_r(&t, &tm))
		return buf;
	strftime(buf, 32, separator == 'T' ? "%Y-%m-%dT%H:%M:%S" : "%Y-%m-%d %H:%M:%S", &tm);
	return buf;
}

static json_t *iso_time(uint64_t ns)
{
	char date[32], text[64];

	if (!*utc_time(date, ns, 'T'))
		return json_null();
	snprintf(text, sizeof(text), "%s.%09uZ", date, (unsigned)(ns % 1000000000u));
	return document_text(text);
}

/* What was recorded: of the rest nothing is known. */
static json_t *families(const struct snapshot *s)
{
	static const char *const name[] = {"heap", "mmap", "threads", "timers", "fds"};
	json_t *list = json_array();

	for (unsigned i = 0; i < sizeof(name) / sizeof(*name); i++)
		if (snapshot_records(s, UINT64_C(1) << i))
			json_array_append_new(list, json_string(name[i]));
	return list;
}

json_t *document_snapshot(const struct snapshot *s)
{
	const struct info *i = &s->info;
	json_t *o = json_object();

	json_object_set_new(o, "pid", document_number(INFO_U(i, PID)));
	json_object_set_new(o, "command", document_text(INFO_S(i, COMMAND)));
	json_object_set_new(o, "time", iso_time(INFO_U(i, TIME)));
	json_object_set_new(o, "sequence", document_number(INFO_U(i, SEQUENCE)));
	json_object_set_new(o, "label", document_text(INFO_S(i, LABEL)));
	json_object_set_new(o, "file", document_text(s->path));
	json_object_set_new(o, "reason", document_text(snapshot_reason_text(s)));
	json_object_set_new(o, "time_ns", document_number(INFO_U(i, TIME)));
	json_object_set_new(o, "uptime_ns", document_number(INFO_U(i, UPTIME)));
	json_object_set_new(o, "start_time_ns", document_number(INFO_U(i, START_TIME)));
	json_object_set_new(o, "ppid", document_number(INFO_U(i, PPID)));
	json_object_set_new(o, "exe", document_text(INFO_S(i, EXE)));
	json_object_set_new(o, "cmdline", document_text(INFO_S(i, CMDLINE)));
	json_object_set_new(o, "families", families(s));
	return o;
}

/* Figures that a snapshot does not have are null: not measured is not 0. */
static json_t *figure(const struct snapshot *s, unsigned key)
{
	return s->has_audit[key] ? document_number(s->audit[key]) : json_null();
}

/* "own_tables" and the like: the names of the keys in format.h, in small letters. */
static void put_figures(json_t *o, const struct snapshot *s)
{
#define NAME(name, number, meaning) {#name, number},
	static const struct {
		const char *name;
		unsigned key;
	} keys[] = {FMT_AUDIT_KEYS(NAME)};
#undef NAME
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		char name[40];
		size_t n = strlen(keys[i].name);
		if (!strncmp(keys[i].name, "LOST_", 5) || n >= sizeof(name) ||
		    keys[i].key >= AUDIT_KEYS)
			continue;
		for (size_t c = 0; c <= n; c++)
			name[c] =
			        (char)(keys[i].name[c] |
			               (keys[i].name[c] >= 'A' && keys[i].name[c] <= 'Z' ? 32 : 0));
		json_object_set_new(o, name, figure(s, keys[i].key));
	}
}

/* What the kernel has more than our tables; negative when less. */
static void put_balance(json_t *o, const struct snapshot *s, const char *key, unsigned unseen,
                        unsigned vanished)
{
	int64_t more = (int64_t)(s->audit[unseen] & INT64_MAX),
	        less = (int64_t)(s->audit[vanished] & INT64_MAX);

	json_object_set_new(o, key,
	                    s->has_audit[unseen] && s->has_audit[vanished]
	                            ? json_integer(sub_sat(more, less))
	                            : json_null());
}

/* Bytes in use by our counters, less what the allocator counts itself: see `outlive info`. */
static json_t *drift(const struct snapshot *s)
{
	json_t *o = json_object();
	int64_t live = (int64_t)s->audit[FMT_AUDIT_LIVE_BYTES];

	if (s->has_audit[FMT_AUDIT_LIVE_BYTES] && s->has_audit[FMT_AUDIT_MALLOC_INUSE])
		json_object_set_new(
		        o, "malloc_bytes",
		        json_integer(sub_sat((int64_t)s->audit[FMT_AUDIT_MALLOC_INUSE], live)));
	else
		json_object_set_new(o, "malloc_bytes", json_null());
	if (s->has_audit[FMT_AUDIT_LIVE_BYTES] && s->has_audit[FMT_AUDIT_JEMALLOC_ALLOCATED])
		json_object_set_new(
		        o, "jemalloc_bytes",
		        json_integer(
		                sub_sat((int64_t)s->audit[FMT_AUDIT_JEMALLOC_ALLOCATED], live)));
	else
		json_object_set_new(o, "jemalloc_bytes", json_null());
	put_balance(o, s, "threads", FMT_AUDIT_THREADS_UNSEEN, FMT_AUDIT_THREADS_VANISHED);
	put_balance(o, s, "fds", FMT_AUDIT_FDS_UNSEEN, FMT_AUDIT_FDS_VANISHED);
	return o;
}

json_t *document_audit(const struct snapshot *s)
{
	json_t *o = json_object(), *lost = json_object();

	json_object_set_new(lost, "reentrant", document_number(s->audit[FMT_AUDIT_LOST_REENTRANT]));
	json_object_set_new(lost, "no_memory", document_number(s->audit[FMT_AUDIT_LOST_NO_MEMORY]));
	json_object_set_new(lost, "early", document_number(s->audit[FMT_AUDIT_LOST_EARLY]));
	json_object_set_new(lost, "no_stack", document_number(s->audit[FMT_AUDIT_LOST_NO_STACK]));
	json_object_set_new(lost, "threads", document_number(s->audit[FMT_AUDIT_LOST_THREADS]));
	json_object_set_new(lost, "fds", document_number(s->audit[FMT_AUDIT_LOST_FDS]));
	json_object_set_new(lost, "timers", document_number(s->audit[FMT_AUDIT_LOST_TIMERS]));
	json_object_set_new(lost, "maps", document_number(s->audit[FMT_AUDIT_LOST_MAPS]));
	json_object_set_new(o, "lost", lost);
	json_object_set_new(o, "drift", drift(s));
	put_figures(o, s);
	return o;
}

json_t *document_columns(const int64_t value[N_COLUMNS])
{
	json_t *o = json_object();

	for (int c = 0; c < N_COLUMNS; c++)
		json_object_set_new(o, column_name[c], json_integer(value[c]));
	return o;
}

json_t *document_hints(const struct hints *h)
{
	json_t *list = json_array();

	for (unsigned i = 0; h && i < h->n; i++)
		json_array_append_new(list, document_text(h->text[i]));
	return list;
}

/* ---- stacks ---- */

static json_t *frame(const struct snapshot *s, const struct location *loc, uint32_t i)
{
	static const struct line nameless;
	const struct line *l = i < loc->n_lines ? &loc->line[i] : &nameless;
	json_t *o = json_object();
	char address[24];

	snprintf(address, sizeof(address), "0x%llx", (unsigned long long)loc->address);
	json_object_set_new(o, "function", document_text(l->function));
	json_object_set_new(o, "file", document_text(l->file));
	json_object_set_new(o, "line", l->number ? document_number(l->number) : json_null());
	json_object_set_new(o, "module", document_text(s->module[loc->module].path));
	json_object_set_new(o, "address", document_text(address));
	/* line[0] is the innermost; the last one is the function that the others were inlined into.
	 */
	json_object_set_new(o, "inlined", json_boolean(i + 1 < loc->n_lines));
	return o;
}

json_t *document_stack(const struct row *r)
{
	json_t *frames = json_array();

	for (uint32_t f = 0; f < r->n_frames; f++) {
		uint32_t n = r->frame[f]->n_lines;
		for (uint32_t i = 0; i < (n ? n : 1); i++)
			json_array_append_new(frames, frame(r->snapshot, r->frame[f], i));
	}
	return frames;
}

json_t *document_site(const struct row *r)
{
	if (!r->n_frames)
		return json_null();
	return frame(r->snapshot, r->frame[r->site_frame], r->site_line);
}

/* ---- writing ---- */

static void put_raw(struct document *d, const char *text)
{
	d->failed |= fputs(text, d->file) < 0;
}

static void put_value(struct document *d, json_t *value)
{
	/* Encode any: null, a number, a string alone. */
	d->failed |= json_dump_callback(value, print_json_text, d->file,
	                                JSON_COMPACT | JSON_ENCODE_ANY) != 0;
	json_decref(value);
}

static void put_key(struct document *d, const char *key)
{
	put_raw(d, d->n_keys++ ? ",\n\"" : "{\n\"");
	put_raw(d, key);
	put_raw(d, "\": ");
}

void document_put(struct document *d, const char *key, json_t *value)
{
	put_key(d, key);
	put_value(d, value);
}

void document_open_rows(struct document *d, const char *key)
{
	put_key(d, key);
	put_raw(d, "[");
	d->n_rows = 0;
}

void document_row(struct document *d, json_t *row)
{
	put_raw(d, d->n_rows++ ? ",\n" : "\n");
	put_value(d, row);
}

void document_close_rows(struct document *d)
{
	put_raw(d, d->n_rows ? "\n]" : "]");
}

int document_end(struct document *d, struct err *err)
{
	put_raw(d, d->n_keys ? "\n}\n" : "{}\n");
	if (!d->failed && !fflush(d->file))
		return 0;
	return err_set(err, "cannot write the JSON: %s", strerror(errno));
}
