/*
 * text.c - figures and foreign names as a person reads them, hints for what was mistyped, progress.
 * Declared in util.h. Reads no environment.
 */
#include "util.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* ---- sums that stop ---- */

int64_t add_sat(int64_t a, int64_t b)
{
	int64_t sum;

	if (!__builtin_add_overflow(a, b, &sum))
		return sum;
	return a < 0 ? INT64_MIN : INT64_MAX;
}

int64_t sub_sat(int64_t a, int64_t b)
{
	int64_t d;

	if (!__builtin_sub_overflow(a, b, &d))
		return d;
	return a < 0 ? INT64_MIN : INT64_MAX;
}

uint64_t addu_sat(uint64_t a, uint64_t b)
{
	return a + b < a ? UINT64_MAX : a + b;
}

/* ---- other people's text ---- */

/* Length of the well-formed UTF-8 character at p, and the character; 0 when it is none. */
static size_t utf8(const unsigned char *p, uint32_t *c)
{
	static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
	size_t n = *p < 0x80 ? 1 : *p >> 5 == 6 ? 2 : *p >> 4 == 14 ? 3 : *p >> 3 == 30 ? 4 : 0;

	if (!n)
		return 0;
	*c = n == 1 ? *p : *p & (0x7fu >> n);
	for (size_t i = 1; i < n; i++) {
		if (p[i] >> 6 != 2)
			return 0;
		*c = *c << 6 | (p[i] & 0x3fu);
	}
	return *c < least[n] || *c > 0x10ffff || (*c >= 0xd800 && *c < 0xe000) ? 0 : n;
}

/* Not for a terminal: C0 and C1 controls, separators of lines, marks that turn the direction of the
 * text. */
static bool is_harmful(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x200b && c <= 0x200f) ||
	       (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) || c == 0xfeff ||
	       (c >= 0xfff0 && c <= 0xffff) || c >= 0xe0000;
}

/* Length of the run at p that may stand as it is; 0: the `*bad` bytes there are to be replaced. */
static size_t safe_run(const unsigned char *p, size_t *bad)
{
	size_t run = 0, n;
	uint32_t c;

	*bad = 1;
	while (p[run]) {
		n = utf8(p + run, &c);
		if (!n || is_harmful(c)) {
			*bad = n ? n : 1;
			break;
		}
		run += n;
	}
	return run;
}

void str_add_safe(struct str *s, const char *text)
{
	const unsigned char *p = (const unsigned char *)text;
	size_t bad;

	for (;;) {
		size_t run = safe_run(p, &bad);
		str_add_mem(s, p, run);
		p += run;
		if (!*p)
			return;
		str_add_mem(s, "?", 1);
		p += bad;
	}
}

void print_safe(FILE *out, const char *s)
{
	struct str safe = {0};

	str_add_safe(&safe, s);
	fwrite(safe.data, 1, safe.len, out);
	str_free(&safe);
}

void print_path_line(FILE *out, const char *path)
{
	size_t plain = 0;

	while ((unsigned char)path[plain] >= 0x20 && path[plain] != 0x7f)
		plain++;
	if (path[plain] || isatty(fileno(out)))
		print_safe(out, path);
	else
		fputs(path, out);
	putc('\n', out);
}

int print_json_text(const char *text, size_t n, void *file)
{
	FILE *out = file;
	size_t run = 0, length;
	uint32_t c;

	for (size_t i = 0; i < n; i += length) {
		length = utf8((const unsigned char *)text + i, &c);
		if (!length)
			return -1;
		if (c < 0x7f || !is_harmful(c))
			continue;
		fwrite(text + run, 1, i - run, out);
		run = i + length;
		if (c >= 0x10000)
			fprintf(out, "\\u%04X\\u%04X", 0xd7c0 + (c >> 10), 0xdc00 + (c & 0x3ff));
		else
			fprintf(out, "\\u%04X", c);
	}
	fwrite(text + run, 1, n - run, out);
	return ferror(out) ? -1 : 0;
}

size_t safe_width(const char *s)
{
	struct str safe = {0};
	size_t n = 0;

	str_add_safe(&safe, s);
	for (size_t i = 0; i < safe.len; i++)
		n += ((unsigned char)safe.data[i] & 0xc0) != 0x80;
	str_free(&safe);
	return n;
}

/* ---- figures ---- */

static char *human(char *buf, int64_t n, const char *const *unit, int units, const char *none)
{
	double v = (double)n, a = v < 0 ? -v : v;
	int u = 0;

	/* 999.95 would be printed as 1000.0 */
	while (u < units - 1 && a >= (u ? 999.95 : 1000)) {
		a /= 1000;
		v /= 1000;
		u++;
	}
	if (!u)
		snprintf(buf, 32, "%lld%s", (long long)n, none);
	else
		snprintf(buf, 32, "%.1f %s", v, unit[u]);
	return buf;
}

char *human_bytes(char buf[32], int64_t bytes)
{
	static const char *const unit[] = {"", "kB", "MB", "GB", "TB", "PB", "EB"};

	return human(buf, bytes, unit, 7, " B");
}

char *human_count(char buf[32], int64_t n)
{
	static const char *const unit[] = {"", "k", "M", "G", "T", "P", "E"};

	return human(buf, n, unit, 7, "");
}

char *human_ns(char buf[32], uint64_t ns)
{
	uint64_t s = ns / 1000000000u;

	if (ns < 1000)
		snprintf(buf, 32, "%u ns", (unsigned)ns);
	else if (ns < 1000000)
		snprintf(buf, 32, "%.1f us", (double)ns / 1e3);
	else if (ns < 1000000000u)
		snprintf(buf, 32, "%.1f ms", (double)ns / 1e6);
	else if (s < 60)
		snprintf(buf, 32, "%.1f s", (double)ns / 1e9);
	else if (s < 3600)
		snprintf(buf, 32, "%u m %u s", (unsigned)(s / 60), (unsigned)(s % 60));
	else if (s < 86400)
		snprintf(buf, 32, "%u h %u m", (unsigned)(s / 3600), (unsigned)(s / 60 % 60));
	else
		snprintf(buf, 32, "%llu d %u h", (unsigned long long)(s / 86400),
		         (unsigned)(s / 3600 % 24));
	return buf;
}

/* ---- hints ---- */

/* Edits (a letter more, less, other) between a and b; words longer than LONGEST are far from
 * everything. */
enum { LONGEST = 32 };
static unsigned distance(const char *a, const char *b)
{
	size_t n = strlen(a), m = strlen(b);
	unsigned row[LONGEST + 1];

	if (n > LONGEST || m > LONGEST)
		return LONGEST;
	for (unsigned j = 0; j <= m; j++)
		row[j] = j;
	for (unsigned i = 1; i <= n; i++) {
		unsigned diagonal = row[0];
		row[0] = i;
		for (unsigned j = 1; j <= m; j++) {
			unsigned best = diagonal + (a[i - 1] != b[j - 1]);
			diagonal = row[j];
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
		}
	}
	return row[m];
}

const char *nearest(const char *typed, const char *const *candidates)
{
	const char *best = NULL;
	unsigned best_distance = 0;

	for (; *candidates; candidates++) {
		unsigned d = distance(typed, *candidates);
		/* "dif" is one letter off "diff"; a third of the word is the most that is still a
		 * slip. */
		if (d * 3 > strlen(*candidates) + 2 || (best && d >= best_distance))
			continue;
		best = *candidates;
		best_distance = d;
	}
	return best;
}

/* ---- times ---- */

bool parse_time(const char *s, uint64_t *ns)
{
	static const struct {
		const char *unit;
		double ns;
	} units[] = {{"", 1e9}, {"s", 1e9},  {"ms", 1e6},  {"us", 1e3},
	             {"ns", 1}, {"m", 60e9}, {"h", 3600e9}};
	char *end;
	double n = strtod(s, &end);

	for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
		if (end == s || strcmp(end, units[i].unit) || !(n >= 0) || n * units[i].ns > 1e18)
			continue;
		*ns = (uint64_t)(n * units[i].ns);
		return true;
	}
	return false;
}

/* ---- progress ---- */

void progress(const char *what, uint64_t done, uint64_t total)
{
	static const char *shown, *current;
	static struct timespec since, last;
	struct timespec now;

	if (!what) {
		if (shown)
			fputs("\r\033[K", stderr);
		shown = current = NULL;
		return;
	}
	clock_gettime(CLOCK_MONOTONIC, &now);
	if (current != what) {
		current = what;
		since = last = now;
		return;
	}
	/* Four times a second at most; what takes less than two seconds needs no word. */
	int64_t age = (now.tv_sec - since.tv_sec) * 1000 + (now.tv_nsec - since.tv_nsec) / 1000000;
	int64_t quiet = (now.tv_sec - last.tv_sec) * 1000 + (now.tv_nsec - last.tv_nsec) / 1000000;
	if (age < 2000 || quiet < 250 || !isatty(STDERR_FILENO))
		return;
	last = now;
	shown = what;
	fputs("\r\033[K", stderr);
	if (total)
		fprintf(stderr, "%s: %u %%", what, (unsigned)((double)done * 100 / (double)total));
	else
		fprintf(stderr, "%s: %llu", what, (unsigned long long)done);
	fflush(stderr);
}
