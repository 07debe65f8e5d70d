/*
 * settings.c - the keys of OUTLIVE_OPTIONS, from the very table that liboutlive.so is built from,
 * and the variable's text.
 *
 * liboutlive.so parses the text in preload/options.c; tests/e2e/run_options.t holds the two against
 * one another.
 */
#include "settings.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

const struct setting settings[] = {
#define OPT(name, type, def, argument, help) {#name, SETTING_##type, def, argument, help},
#include "../preload/options.def"
#undef OPT
};
const size_t n_settings = sizeof settings / sizeof settings[0];

const struct setting *setting_find(const char *name)
{
	for (size_t i = 0; i < n_settings; i++)
		if (!strcmp(settings[i].name, name))
			return &settings[i];
	return NULL;
}

bool setting_is_bool(const char *word)
{
	static const char *const words[] = {"yes", "no", "on", "off", "1", "0", "true", "false"};

	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
		if (!strcmp(word, words[i]))
			return true;
	return false;
}

/* Digits, then one of the units (each ended by a blank in `units`). */
static bool is_number(const char *value, const char *units)
{
	size_t digits = strspn(value, "0123456789");

	if (!digits || digits > 18)
		return false;
	const char *unit = value + digits;
	size_t n = strlen(unit);
	for (const char *u = units; *u; u += strcspn(u, " ") + 1)
		if (strcspn(u, " ") == n && !strncmp(u, unit, n))
			return true;
	return !n;
}

/* Names joined by "+". */
static bool is_families(const char *value)
{
	static const char *const names[] = {"heap", "mmap", "threads", "timers", "fds"};
	size_t n, i;

	for (; *value; value += n + (value[n] == '+')) {
		n = strcspn(value, "+");
		for (i = 0; i < sizeof names / sizeof names[0]; i++)
			if (strlen(names[i]) == n && !strncmp(names[i], value, n))
				break;
		if (i == sizeof names / sizeof names[0])
			return false;
	}
	return true;
}

int setting_check(const struct setting *s, const char *value, struct err *err)
{
	switch (s->type) {
	case SETTING_BOOL:
		if (setting_is_bool(value))
			return 0;
		return err_set(err, "--%s: '%s' is neither yes nor no", s->name, value);
	case SETTING_TIME:
		if (!strcmp(value, "off") || is_number(value, "ns us ms s m h d "))
			return 0;
		return err_set(err, "--%s: '%s' is not a time such as 500ms, 30s, 5m or off",
		               s->name, value);
	case SETTING_BYTES:
		if (is_number(value, "k K kB m M MB g G GB "))
			return 0;
		return err_set(err, "--%s: '%s' is not a size such as 512k, 10M or 1G", s->name,
		               value);
	case SETTING_COUNT:
		if (is_number(value, ""))
			return 0;
		return err_set(err, "--%s: '%s' is not a number", s->name, value);
	case SETTING_STEP:
		if (!strcmp(value, "off") || is_number(value, "k K kB m M MB g G GB "))
			return 0;
		/* liboutlive.so takes up to a million percent */
		if (is_number(value, "% ") && value[strlen(value) - 1] == '%' && strlen(value) < 8)
			return 0;
		return err_set(err,
		               "--%s: '%s' is neither a size such as 100M nor one such as 20%%",
		               s->name, value);
	case SETTING_FAMILIES:
		if (is_families(value))
			return 0;
		return err_set(err,
		               "--%s: '%s' is not made of heap, mmap, threads, timers and fds, "
		               "joined by +",
		               s->name, value);
	default:
		return 0;
	}
}

int settings_add(struct str *text, const char *key, const char *value, struct err *err)
{
	const char *quote = "";

	if (strpbrk(value, ", '\""))
		quote = strchr(value, '"') ? "'" : "\"";
	if (*quote && strchr(value, *quote))
		return err_set(err, "--%s: a value cannot hold both kinds of quotes: %s", key,
		               value);
	str_addf(text, "%s%s=%s%s%s", text->len ? "," : "", key, quote, value, quote);
	return 0;
}

/* Cuts "key=value" off *at: *value is NULL where no '=' was. False at the end. */
static bool next_pair(const char **at, const char **key, size_t *key_n, const char **value,
                      size_t *value_n)
{
	const char *p = *at + strspn(*at, ", ");

	if (!*p)
		return false;
	*key = p;
	*key_n = strcspn(p, "=,");
	p += *key_n;
	*value = NULL;
	*value_n = 0;
	if (*p == '=') {
		char quote = p[1] == '"' || p[1] == '\'' ? p[1] : 0;
		*value = p + 1 + (quote != 0);
		const char *end = quote ? strchr(*value, quote) : *value + strcspn(*value, ",");
		*value_n = end ? (size_t)(end - *value) : strlen(*value);
		p = *value + *value_n;
		p += strcspn(p, ",");
	}
	*at = p;
	return true;
}

char *settings_get(const char *text, const char *key)
{
	const char *at = text ? text : "", *k, *v;
	size_t k_n, v_n;
	char *found = NULL;

	while (next_pair(&at, &k, &k_n, &v, &v_n)) {
		if (!v || strlen(key) != k_n || strncmp(k, key, k_n))
			continue;
		free(found);
		found = xasprintf("%.*s", (int)v_n, v);
	}
	return found;
}

char *settings_glob(const char *out)
{
	struct str s = {0};

	str_add(&s, "");
	for (const char *c = out; *c; c++) {
		if (c[0] == '%' && (c[1] == 'p' || c[1] == 'c')) {
			str_add(&s, "*");
			c++;
			continue;
		}
		if (strchr("*?[\\", *c))
			str_add(&s, "\\");
		str_add_mem(&s, c, 1);
	}
	return s.data;
}
