/*
 * check_system.c - programs that are not what is tested: a suite runs tar, sort, cc1 and a hundred
 * more on its way, and most of them leave to exit what exit gives back. Whatever part of the user's
 * is in a stack, be it a plug-in, makes it the user's; so does a script that an interpreter runs.
 * An interpreter's child of fork that ends by _exit (each of Python's multiprocessing does) has not
 * come to the end at which objects close what they hold.
 */
#include "check.h"

#include <string.h>

static const char *const folders[] = {FMT_SYSTEM_FOLDERS};
static const char *const users[] = {FMT_SYSTEM_OTHERS};
static const char *const interpreters[] = {FMT_SYSTEM_INTERPRETERS};

#define SYSTEM_RULE(kind)                                                                     \
	{                                                                                     \
		kind, RULE_ANY, "(any)", "a program of the system, which was run on the way", \
		        "built-in"                                                            \
	}
static const struct rule rules[N_FINDING_KINDS] = {
        [FINDING_HEAP] = SYSTEM_RULE(RULE_HEAP),
        [FINDING_THREAD] = SYSTEM_RULE(RULE_THREAD),
        [FINDING_TIMER] = SYSTEM_RULE(RULE_TIMER),
        [FINDING_FD] = SYSTEM_RULE(RULE_FD),
};

static bool begins_with_one(const char *text, const char *const *of, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!strncmp(text, of[i], strlen(of[i])))
			return true;
	return false;
}
#define BEGINS_WITH_ONE(text, of) begins_with_one(text, of, sizeof(of) / sizeof(*(of)))

bool check_is_system_path(const char *path)
{
	return BEGINS_WITH_ONE(path, folders) && !BEGINS_WITH_ONE(path, users);
}

static bool is_interpreter(const char *name)
{
	return BEGINS_WITH_ONE(name, interpreters);
}

bool check_is_system(const struct check_work *w)
{
	const struct info *info = &w->b->info;
	const char *exe = INFO_S(info, EXE), *slash = strrchr(exe, '/');

	if (!w->check->accept_system || !slash || !check_is_system_path(exe) ||
	    (w->check->command_alone && INFO_U(info, PID) == w->check->command))
		return false;
	return !is_interpreter(slash + 1);
}

static const struct rule abandoned = {RULE_FD, RULE_ANY, "(any)",
                                      "open in an interpreter's child of fork, which _exit ended "
                                      "before its objects were taken down",
                                      "built-in"};

static const struct rule *rule_of_abandoned(const struct check_work *w, const struct row *r)
{
	const struct info *info = &w->b->info;
	const char *exe = INFO_S(info, EXE), *slash = strrchr(exe, '/');

	if (!w->check->builtin || !INFO_U(info, FORKED) || !slash ||
	    INFO_U(info, REASON) != FMT_REASON_QUICK_EXIT || !is_interpreter(slash + 1))
		return NULL;
	for (uint32_t i = 0; i < r->n_frames; i++) {
		const char *path = w->b->module[r->frame[i]->module].path;
		if (strcmp(path, exe) != 0 && !check_is_system_path(path))
			return NULL;
	}
	return r->n_frames ? &abandoned : NULL;
}

const struct rule *check_system_rule(const struct check_work *w, enum finding_kind kind,
                                     const struct row *r)
{
	if (kind == FINDING_FD && !w->system)
		return rule_of_abandoned(w, r);
	if (!w->system || !r->n_frames)
		return NULL;
	for (uint32_t i = 0; i < r->n_frames; i++)
		if (!check_is_system_path(w->b->module[r->frame[i]->module].path))
			return NULL;
	return &rules[kind];
}
