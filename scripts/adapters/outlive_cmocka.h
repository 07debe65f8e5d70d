/*
 * outlive_cmocka.h - cmocka under outlive: each test has its name in outlive's reports, and fails
 * where it leaves threads, timers, descriptors or lost blocks. One header, nothing to link; without
 * liboutlive.so nothing happens. Include it after cmocka.h; cmocka_run_group_tests() and
 * cmocka_run_group_tests_name() are then outlive's, which call cmocka's.
 */
#ifndef OUTLIVE_CMOCKA_H
#define OUTLIVE_CMOCKA_H

#include <stdlib.h>

#include "outlive.h"

static struct {
	CMFixtureFunction setup, teardown;
	void *state; /* the group's */
	const struct CMUnitTest *test;
} outlive_cmocka_group;

static int outlive_cmocka_group_setup(void **state)
{
	int failed = outlive_cmocka_group.setup ? outlive_cmocka_group.setup(state) : 0;

	/* cmocka would hand it to all tests, in place of their initial states. */
	outlive_cmocka_group.state = *state;
	*state = NULL;
	return failed;
}

static int outlive_cmocka_group_teardown(void **state)
{
	*state = outlive_cmocka_group.state;
	return outlive_cmocka_group.teardown ? outlive_cmocka_group.teardown(state) : 0;
}

/* cmocka hands the initial state, which says which test it is. */
static int outlive_cmocka_setup(void **state)
{
	const struct CMUnitTest *test = (const struct CMUnitTest *)*state;

	outlive_cmocka_group.test = test;
	*state = outlive_cmocka_group.state ? outlive_cmocka_group.state : test->initial_state;
	outlive_test_begin(test->name);
	return test->setup_func ? test->setup_func(state) : 0;
}

static int outlive_cmocka_teardown(void **state)
{
	static struct outlive_verify v;
	static const struct outlive_verify all;
	const struct CMUnitTest *test = outlive_cmocka_group.test;
	int failed = test->teardown_func ? test->teardown_func(state) : 0;

	v = all;
	if (outlive_verify_none(&v)) {
		print_error("%s\n", v.text);
		failed = -1;
	}
	outlive_test_end();
	return failed;
}

static inline int outlive_cmocka_run(const char *name, const struct CMUnitTest *tests, size_t n,
                                     CMFixtureFunction setup, CMFixtureFunction teardown)
{
	struct CMUnitTest *own = (struct CMUnitTest *)calloc(n + 1, sizeof(*own));
	int failed;

	if (!own)
		return -1;
	for (size_t i = 0; i < n; i++) {
		own[i] = tests[i];
		own[i].setup_func = outlive_cmocka_setup;
		own[i].teardown_func = outlive_cmocka_teardown;
		own[i].initial_state = (void *)&tests[i];
	}
	outlive_cmocka_group.setup = setup;
	outlive_cmocka_group.teardown = teardown;
	failed = _cmocka_run_group_tests(name, own, n, outlive_cmocka_group_setup,
	                                 outlive_cmocka_group_teardown);
	free(own);
	return failed;
}

#undef cmocka_run_group_tests
#undef cmocka_run_group_tests_name
#define cmocka_run_group_tests(tests, setup, teardown) \
	cmocka_run_group_tests_name(#tests, tests, setup, teardown)
#define cmocka_run_group_tests_name(name, tests, setup, teardown) \
	outlive_cmocka_run(name, tests, sizeof(tests) / sizeof((tests)[0]), setup, teardown)

#endif
