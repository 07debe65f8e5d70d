/*
 * outlive_check.h - Check (libcheck) under outlive: each test has its name in outlive's reports,
 * and fails where it leaves threads, timers, descriptors or lost blocks; with CK_FORK and without.
 * One header, nothing to link; without liboutlive.so nothing happens. Include it after check.h;
 * START_TEST is then outlive's. What a checked fixture's teardown gives back counts as left: make
 * it in the fixture's setup, too.
 */
#ifndef OUTLIVE_CHECK_H
#define OUTLIVE_CHECK_H

#include "outlive.h"

static inline void outlive_check_end(void)
{
	static struct outlive_verify v;
	static const struct outlive_verify all;
	int left;

	v = all;
	left = outlive_verify_none(&v);
	outlive_test_end();
	if (left)
		ck_abort_msg("%s", v.text);
}

#undef START_TEST
#define START_TEST(name)                                                             \
	static void name##_outlive_body(int _i CK_ATTRIBUTE_UNUSED);                 \
	static void name##_fn(int _i)                                                \
	{                                                                            \
		outlive_test_begin(#name);                                           \
		name##_outlive_body(_i);                                             \
		outlive_check_end();                                                 \
	}                                                                            \
	static const TTest name##_ttest = {"" #name, name##_fn, __FILE__, __LINE__}; \
	static const TTest *name = &name##_ttest;                                    \
	static void name##_outlive_body(int _i CK_ATTRIBUTE_UNUSED)

#endif
