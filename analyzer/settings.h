/*
 * settings.h - OUTLIVE_OPTIONS seen from outside: what keys there are, whether a value will do, the
 * variable as text. The keys are those of preload/options.def, the table that liboutlive.so is
 * built from.
 */
#ifndef OUTLIVE_SETTINGS_H
#define OUTLIVE_SETTINGS_H

#include "util.h"

enum setting_type {
	SETTING_STRING,
	SETTING_COUNT,
	SETTING_BYTES,
	SETTING_TIME,
	SETTING_BOOL,
	SETTING_LIST,
	SETTING_STEP,
	SETTING_FAMILIES
};

struct setting {
	const char *name;
	enum setting_type type;
	const char *def, *argument, *help;
};
extern const struct setting settings[];
extern const size_t n_settings;

/* NULL when there is no such key. */
const struct setting *setting_find(const char *name);
/* 0 when liboutlive.so will take the value; else -1, and err names an example. */
int setting_check(const struct setting *s, const char *value, struct err *err);
/* True for the words that a BOOL takes. */
bool setting_is_bool(const char *word);

/* Appends "key=value" to the variable's text, quoted where it must be. -1 when no quotes can hold
 * it. */
int settings_add(struct str *text, const char *key, const char *value, struct err *err);
/* The last value of key in the variable's text (NULL: not set), to be freed; NULL when it is not in
 * there. */
char *settings_get(const char *text, const char *key);
/* The value of `out` as a pattern for glob(): %p and %c match anything, all else itself. To be
 * freed. */
char *settings_glob(const char *out);

#endif
