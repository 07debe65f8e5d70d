/*
 * page.c - builds lines of a known width. Owns escapes: no other file writes one, and no foreign
 * text gets here without being made safe.
 */
#include "page.h"

#include "short_name.h"

#include <errno.h>
#include <string.h>

static const char *const escape[] = {"", "\033[1m", "\033[2m", "\033[33m"};

/* Bytes of the first n characters of UTF-8. */
static size_t characters(const char *s, size_t n)
{
	size_t i = 0;

	for (; s[i]; i++)
		if (((unsigned char)s[i] & 0xc0) != 0x80 && !n--)
			break;
	return i;
}

/* Characters of UTF-8 in n bytes. */
static size_t characters_in(const char *s, size_t n)
{
	size_t count = 0;

	for (size_t i = 0; i < n; i++)
		count += ((unsigned char)s[i] & 0xc0) != 0x80;
	return count;
}

void page_add(struct page *p, enum style style, const char *text)
{
	struct str safe = {0};
	size_t width = safe_width(text), left = p->width > p->columns ? p->width - p->columns : 0;

	if (p->width && !left)
		return;
	str_add_safe(&safe, text);
	if (p->width && width > left) {
		safe.len = characters(safe.data, left > 3 ? left - 3 : 0);
		safe.data[safe.len] = 0;
		str_add_mem(&safe, "...", left < 3 ? left : 3);
		width = left;
	}
	if (p->color && style != STYLE_PLAIN)
		str_add(&p->line, escape[style]);
	str_add(&p->line, safe.data);
	if (p->color && style != STYLE_PLAIN)
		str_add(&p->line, "\033[0m");
	p->columns += width;
	str_free(&safe);
}

void page_addf(struct page *p, enum style style, const char *fmt, ...)
{
	struct str s = {0};
	char small[256];
	va_list ap, again;

	va_start(ap, fmt);
	va_copy(again, ap);
	int n = vsnprintf(small, sizeof(small), fmt, ap);
	va_end(ap);
	if (n >= (int)sizeof(small)) {
		char *all = xmalloc((size_t)n + 1);
		vsnprintf(all, (size_t)n + 1, fmt, again);
		s.data = all;
	}
	va_end(again);
	page_add(p, style, s.data ? s.data : small);
	str_free(&s);
}

/* What a name may take, so that its place and module have room behind it. */
static void fit_name(const struct page *p, struct str *s, const char *name)
{
	enum { MOST = 80, LEAST = 40, BEHIND = 24 };
	size_t left = p->width > p->columns + BEHIND ? p->width - p->columns - BEHIND : 0;
	size_t fit = !p->width || left > MOST ? MOST : left < LEAST ? LEAST : left;

	str_add(s, "");
	short_name(s, name, fit);
}

void page_add_name(struct page *p, enum style style, const char *name, bool whole)
{
	struct str s = {0};

	if (!whole)
		fit_name(p, &s, name);
	page_add(p, style, whole ? name : s.data);
	str_free(&s);
}

size_t page_name_width(const struct page *p, const char *name, bool whole)
{
	struct str s = {0};

	if (whole)
		return safe_width(name);
	fit_name(p, &s, name);
	size_t width = safe_width(s.data);
	str_free(&s);
	return width;
}

void page_pad(struct page *p, size_t column)
{
	size_t n = column > p->columns ? column - p->columns : p->columns && column ? 1 : 0;

	for (; n--; p->columns++)
		str_add_mem(&p->line, " ", 1);
}

void page_end_line(struct page *p)
{
	while (p->line.len && p->line.data[p->line.len - 1] == ' ')
		p->line.len--;
	if (p->line.len)
		fwrite(p->line.data, 1, p->line.len, p->file);
	fputc('\n', p->file);
	p->line.len = p->columns = 0;
}

/* Bytes of text that make a line of at most `room` columns: whole words, one at least. */
static size_t line_length(const char *text, size_t room)
{
	size_t fits = 0;

	for (size_t i = 0, columns = 0; text[i];) {
		size_t n = strspn(text + i, " ");
		n += strcspn(text + i + n, " ");
		columns += characters_in(text + i, n);
		if (fits && columns > room)
			break;
		i += n;
		fits = i;
	}
	return fits;
}

void page_wrap(struct page *p, enum style style, size_t first, size_t further, const char *text)
{
	struct str safe = {0};
	size_t indent = first;

	str_add_safe(&safe, text);
	for (char *at = safe.data; *at; indent = further) {
		size_t n = p->width ? line_length(at, p->width > indent ? p->width - indent : 1)
		                    : strlen(at);
		char end = at[n];
		at[n] = 0;
		page_pad(p, indent);
		page_add(p, style, at);
		page_end_line(p);
		at[n] = end;
		at += n + strspn(at + n, " ");
	}
	str_free(&safe);
}

int page_end(struct page *p, struct err *err)
{
	str_free(&p->line);
	if (!ferror(p->file) && !fflush(p->file))
		return 0;
	return err_set(err, "cannot write the output: %s", strerror(errno));
}
