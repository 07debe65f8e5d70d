/*
 * lsan_options.c - reads "name=value:name=value" as the sanitizers do, and says what has been made
 * of each. Nothing in it can fail the run: it is meant for another tool, and perhaps for another
 * folder.
 */
#include "lsan_options.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct heed {
	struct check_choice *c;
	struct str done, not_done;
};

static void add(struct str *list, const char *name, const char *value, const char *more)
{
	str_add(list, list->len ? ", " : " ");
	str_add_safe(list, name);
	str_add(list, "=");
	str_add_safe(list, value);
	if (more)
		str_addf(list, " (%s)", more);
}

static bool is_no(const char *value)
{
	return !strcmp(value, "0") || !strcmp(value, "no") || !strcmp(value, "false");
}

/* ---- those that mean something here; false: but not with this value ---- */

static bool suppressions(struct heed *h, const char *value)
{
	struct err err;

	if (!*value)
		return true;
	if (access(value, R_OK)) {
		add(&h->not_done, "suppressions", value, "not to be read from this folder");
		return true;
	}
	if (rule_choice_add_file(intern(value), &h->c->rules, &err))
		return false;
	add(&h->done, "suppressions", value, NULL);
	return true;
}

static bool number(const char *value, uint64_t *n)
{
	char *end;

	*n = strtoull(value, &end, 10);
	return *value >= '0' && *value <= '9' && !*end && *n < UINT32_MAX;
}

static bool exitcode(struct heed *h, const char *value)
{
	uint64_t n;

	if (!number(value, &n) || n > 255)
		return false;
	h->c->error_exitcode = (struct opt_count){n, true};
	add(&h->done, "exitcode", value, NULL);
	return true;
}

static bool max_leaks(struct heed *h, const char *value)
{
	uint64_t n;

	if (!number(value, &n))
		return false;
	h->c->view.n = (struct opt_count){n, true};
	add(&h->done, "max_leaks", value, NULL);
	return true;
}

static bool print_suppressions(struct heed *h, const char *value)
{
	h->c->uses = !is_no(value);
	add(&h->done, "print_suppressions", value, NULL);
	return true;
}

static bool detect_leaks(struct heed *h, const char *value)
{
	if (!is_no(value))
		return true;
	h->c->gates.heap = CHECK_HEAP_OFF;
	add(&h->done, "detect_leaks", value, "as --heap off");
	return true;
}

/* ---- the text ---- */

static void heed(struct heed *h, const char *name, const char *value)
{
	static const struct {
		const char *name;
		bool (*take)(struct heed *h, const char *value);
	} known[] = {{"suppressions", suppressions},
	             {"exitcode", exitcode},
	             {"max_leaks", max_leaks},
	             {"print_suppressions", print_suppressions},
	             {"detect_leaks", detect_leaks}};

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (!strcmp(name, known[i].name)) {
			if (!known[i].take(h, value))
				add(&h->not_done, name, value, NULL);
			return;
		}
	add(&h->not_done, name, value, NULL);
}

/* The next word up to one of `ends`, or what stands in quotes. To be freed. */
static char *take_word(const char **at, const char *ends)
{
	char quote = **at == '"' || **at == '\'' ? *(*at)++ : 0;
	const char stop[] = {quote, 0};
	size_t n = strcspn(*at, quote ? stop : ends);
	char *word = xasprintf("%.*s", (int)n, *at);

	*at += n;
	*at += quote && **at;
	return word;
}

void lsan_options_read(const char *text, struct check_choice *c)
{
	static const char separators[] = " ,:\n\t\r";
	struct heed h = {.c = c};

	for (const char *at = text ? text : ""; *(at += strspn(at, separators));) {
		size_t n = strcspn(at, "= ,:\n\t\r");
		char *name = xasprintf("%.*s", (int)n, at), *value = NULL;
		at += n;
		at += *at == '=';
		value = take_word(&at, separators);
		heed(&h, name, value);
		free(name);
		free(value);
	}
	if (h.done.len || h.not_done.len) {
		char *note = xasprintf("LSAN_OPTIONS:%s%s%s%s%s", h.done.len ? " heeded:" : "",
		                       h.done.len ? h.done.data : "",
		                       h.done.len && h.not_done.len ? ";" : "",
		                       h.not_done.len ? " not heeded:" : "",
		                       h.not_done.len ? h.not_done.data : "");
		c->lsan = intern(note);
		free(note);
	}
	str_free(&h.done);
	str_free(&h.not_done);
}
