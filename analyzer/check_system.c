/*
 * check_system.c - programs that are not what is tested: a suite runs tar, sort, cc1 and a hundred
 * more on its way, and most of them leave to exit what exit gives back. Whatever part of the user's
 * is in a stack, be it a plug-in, makes it the user's; so does a script that an interpreter runs.
 * An interpreter's child of fork that ends by _exit (each of Python's multiprocessing does) has not
 * come to the end at which objects close what they hold.
 */
#include "check.h"

#include <fnmatch.h>
#include <string.h>

static const char *const folders[] = {"/usr/", "/bin/", "/sbin/", "/lib/", "/lib64/"};
static const char *const users[] = {"/usr/local/", "/usr/src/"};
static const char *const interpreters[] = {"python*", "pypy*", "perl*",  "ruby*", "node*",
                                           "php*",    "lua*",  "tclsh*", "java*", "guile*"};

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

bool check_is_system_path(const char *path)
{
	for (size_t i = 0; i < sizeof(users) / sizeof(*users); i++)
		if (!strncmp(path, users[i], strlen(users[i])))
			return false;
	for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++)
		if (!strncmp(path, folders[i], strlen(folders[i])))
			return true;
	return false;
}

static bool is_interpreter(const char *name)
{
	for (size_t i = 0; i < sizeof(interpreters) / sizeof(*interpreters); i++)
		if (!fnmatch(interpreters[i], name, 0))
			return true;
	return false;
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
