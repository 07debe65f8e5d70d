/*
 * outlive_criterion.h - Criterion under outlive: each test has its name in outlive's reports, and
 * fails where it leaves threads, timers, descriptors or lost blocks. One header, nothing to link;
 * without liboutlive.so nothing happens. For C, and Criterion 2.4: include it in place of, or
 * after, criterion.h; all tests that follow are outlive's. Fixtures run outside: what init makes is
 * no leak.
 */
#ifndef OUTLIVE_CRITERION_H
#define OUTLIVE_CRITERION_H

#include <stdio.h>

#include <criterion/criterion.h>

#include "outlive.h"

static inline void outlive_criterion_begin(void)
{
	char name[512];

	snprintf(name, sizeof(name), "%s::%s", criterion_current_test->category,
	         criterion_current_test->name);
	outlive_test_begin(name);
}

static inline void outlive_criterion_end(void)
{
	static struct outlive_verify v;
	static const struct outlive_verify all;
	int left;

	v = all;
	left = outlive_verify_none(&v);
	outlive_test_end();
	if (left)
		cr_assert_fail("%s", v.text);
}

#undef CR_TEST_TRAMPOLINE_
#define CR_TEST_TRAMPOLINE_(category, name)                                            \
	static void CR_IDENTIFIER_(category, name, outlive)(void)                      \
	{                                                                              \
		outlive_criterion_begin();                                             \
		CR_IDENTIFIER_(category, name, impl)();                                \
		outlive_criterion_end();                                               \
	}                                                                              \
	static inline void CR_IDENTIFIER_(category, name, jmp)(void)                   \
	{                                                                              \
		criterion_internal_test_setup();                                       \
		criterion_internal_test_main(CR_IDENTIFIER_(category, name, outlive)); \
		criterion_internal_test_teardown();                                    \
	}

#endif
