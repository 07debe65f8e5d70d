/*
 * options.c - parses OUTLIVE_OPTIONS into g_options. Runs once, in the first hook of the process,
 * possibly before libc's own constructors: no libc functions with state. The text is copied:
 * programs overwrite their environment (setproctitle).
 */
#include "options.h"

#include <string.h>

#include "sys.h"
#include "track.h"

struct options g_options;

enum type { STRING, LIST, COUNT, BYTES, TIME, BOOL, STEP, FAMILIES };
struct option {
	const char *name, *def;
	enum type type;
	void *value;
};

static const struct option options[] = {
#define OPT(name, type, def, arg, help) {#name, def, type, &g_options.name},
#include "options.def"
#undef OPT
};
#define N_OPTIONS (sizeof(options) / sizeof(options[0]))

/* A number and a unit. False when it is anything else or too large. */
static bool parse_number(const char *s, const char *const unit[], const uint64_t factor[],
                         uint64_t *out)
{
	uint64_t v = 0;
	size_t i = 0;

	if (*s < '0' || *s > '9')
		return false;
	for (; *s >= '0' && *s <= '9'; s++)
		if (__builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(*s - '0'), &v))
			return false;
	while (unit[i] && strcmp(s, unit[i]))
		i++;
	if (!unit[i])
		return false;
	return !__builtin_mul_overflow(v, factor[i], out);
}

static const char *const byte_units[] = {"", "k", "K", "kB", "m", "M", "MB", "g", "G", "GB", NULL};
static const uint64_t byte_factors[] = {1,       1 << 10, 1 << 10, 1 << 10, 1 << 20,
                                        1 << 20, 1 << 20, 1 << 30, 1 << 30, 1 << 30};
/* A bare number is seconds. */
static const char *const time_units[] = {"ns", "us", "ms", "", "s", "m", "h", "d", NULL};
static const uint64_t time_factors[] = {1,          1000,        1000000,       1000000000,
                                        1000000000, 60000000000, 3600000000000, 86400000000000};
static const char *const no_units[] = {"", NULL};
static const uint64_t no_factors[] = {1};

static bool parse_bool(const char *s, bool *out)
{
	if (!strcmp(s, "yes") || !strcmp(s, "on") || !strcmp(s, "1") || !strcmp(s, "true"))
		return *out = true;
	*out = false;
	return !strcmp(s, "no") || !strcmp(s, "off") || !strcmp(s, "0") || !strcmp(s, "false");
}

/* Names joined by "+"; the empty text is none of them. */
static bool parse_families(const char *s, uint64_t *out)
{
	static const char *const name[] = {"heap", "mmap", "threads", "timers", "fds"};
	uint64_t set = 0;

	while (*s) {
		size_t n = strcspn(s, "+"), i = 0;

		while (i < sizeof(name) / sizeof(name[0]) &&
		       (strlen(name[i]) != n || memcmp(name[i], s, n)))
			i++;
		if (i == sizeof(name) / sizeof(name[0]))
			return false;
		set |= 1u << i;
		s += n + (s[n] == '+');
	}
	*out = set;
	return true;
}
_Static_assert(TRACK_HEAP == 1 && TRACK_MMAP == 2 && TRACK_THREADS == 4 && TRACK_TIMERS == 8 &&
                       TRACK_FDS == 16,
               "families are bits in this order");

static bool parse_step(const char *s, uint64_t *out)
{
	static const char *const percent[] = {"%", NULL};

	if (parse_number(s, percent, no_factors, out) && *out <= 1000000) {
		*out |= *out ? OPTIONS_PERCENT : 0;
		return true;
	}
	return parse_number(s, byte_units, byte_factors, out) && !(*out & OPTIONS_PERCENT);
}

static bool set_option(const struct option *o, const char *value)
{
	uint64_t v;
	bool yes;

	switch (o->type) {
	case STRING:
	case LIST:
		*(const char **)o->value = value;
		return true;
	case BOOL:
		if (!parse_bool(value, &yes))
			return false;
		*(bool *)o->value = yes;
		return true;
	case BYTES:
		if (!parse_number(value, byte_units, byte_factors, &v))
			return false;
		break;
	case TIME:
		/* 0 and "off" are both ways to say never. */
		if (!strcmp(value, "off"))
			value = "0";
		if (!parse_number(value, time_units, time_factors, &v))
			return false;
		break;
	case COUNT:
		if (!parse_number(value, no_units, no_factors, &v))
			return false;
		break;
	case STEP:
		if (!parse_step(!strcmp(value, "off") ? "0" : value, &v))
			return false;
		break;
	case FAMILIES:
		if (!parse_families(value, &v))
			return false;
		break;
	default:
		return false;
	}
	*(uint64_t *)o->value = v;
	return true;
}

/* Edit distance, capped: keys are short. */
static unsigned distance(const char *a, const char *b)
{
	unsigned row[32];
	size_t n = strlen(b);

	if (n > 30 || strlen(a) > 30)
		return 99;
	for (unsigned j = 0; j <= n; j++)
		row[j] = j;
	for (unsigned i = 1; a[i - 1]; i++) {
		unsigned diagonal = row[0];

		row[0] = i;
		for (unsigned j = 1; j <= n; j++) {
			unsigned best = diagonal + (a[i - 1] != b[j - 1]);

			diagonal = row[j];
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
		}
	}
	return row[n];
}

static void unknown_key(const char *key)
{
	const struct option *nearest = &options[0];
	char text[256];
	struct text t = TEXT(text);

	for (size_t i = 1; i < N_OPTIONS; i++)
		if (distance(key, options[i].name) < distance(key, nearest->name))
			nearest = &options[i];
	text_str(&t, "' is not a key; the nearest is '");
	text_str(&t, nearest->name);
	text_str(&t, "'; it is ignored");
	sys_log("OUTLIVE_OPTIONS: '", key, text);
}

static void bad_value(const struct option *o, const char *value)
{
	char text[256];
	struct text t = TEXT(text);

	text_str(&t, "' is not a value for ");
	text_str(&t, o->name);
	text_str(&t, "; it stays ");
	text_str(&t, *o->def ? o->def : "empty");
	sys_log("OUTLIVE_OPTIONS: '", value, text);
}

/* One "key=value", both ended by NUL. 1 when it is a mistake. */
static int set_pair(const char *key, const char *value)
{
	for (size_t i = 0; i < N_OPTIONS; i++) {
		if (strcmp(key, options[i].name))
			continue;
		if (set_option(&options[i], value))
			return 0;
		bad_value(&options[i], value);
		return 1;
	}
	unknown_key(key);
	return 1;
}

/* Cuts the next "key=value" off *at, in place: quotes are taken away, the comma becomes NUL. */
static bool next_pair(char **at, char **key, char **value)
{
	char *p = *at;

	while (*p == ',' || *p == ' ')
		p++;
	if (!*p)
		return false;
	*key = p;
	while (*p && *p != '=' && *p != ',')
		p++;
	bool has_value = *p == '=';
	bool more = *p != 0;
	*p = 0;
	if (more)
		p++;
	*value = has_value ? p : p - (more ? 1 : 0);
	if (has_value) {
		char quote = *p == '"' || *p == '\'' ? *p++ : 0, *to = *value;

		while (*p && (quote ? *p != quote : *p != ','))
			*to++ = *p++;
		while (*p && *p != ',')
			p++;
		more = *p != 0;
		*to = 0;
		if (more)
			p++;
	}
	*at = p;
	return true;
}

int options_init(const char *text)
{
	int mistakes = 0;
	size_t n = text ? strlen(text) : 0;
	char *copy = n ? sys_map(2 * (n + 1)) : NULL, *at = copy, *key, *value;

	for (size_t i = 0; i < N_OPTIONS; i++)
		set_option(&options[i], options[i].def);
	g_options.text = "";
	if (!copy)
		return 0;
	g_options.text = memcpy(copy + n + 1, text, n);
	memcpy(copy, text, n);
	while (next_pair(&at, &key, &value))
		mistakes += set_pair(key, value);
	return mistakes;
}
