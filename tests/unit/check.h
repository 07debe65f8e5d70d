/*
 * check.h - the unit tests' frame: TAP on stdout, each test in a process of its own, so that a
 *crash is one "not ok".
 *
 *	TEST(name_of_the_hazard) { EQ(1 + 1, 2); OK(ptr != NULL); STREQ(a, b); }
 *	int main(int argc, char **argv) { return check_main(argc, argv); }
 *
 * An argument is a part of the names to run. CHECK_NOFORK=1 stays in one process (for gdb).
 */
#ifndef OUTLIVE_UNIT_CHECK_H
#define OUTLIVE_UNIT_CHECK_H

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct check_test {
	const char *name;
	void (*run)(void);
	struct check_test *next;
};
static struct check_test *check_first, **check_last = &check_first;
static int check_bad;

#define TEST(id)                                                      \
	static void test_##id(void);                                  \
	static struct check_test check_##id = {#id, test_##id, NULL}; \
	__attribute__((constructor)) static void check_add_##id(void) \
	{                                                             \
		*check_last = &check_##id;                            \
		check_last = &check_##id.next;                        \
	}                                                             \
	static void test_##id(void)

#define FAIL(...)                                        \
	do {                                             \
		check_bad++;                             \
		printf("# %s:%d: ", __FILE__, __LINE__); \
		printf(__VA_ARGS__);                     \
		printf("\n");                            \
		fflush(stdout);                          \
	} while (0)
#define OK(cond)                                     \
	do {                                         \
		if (!(cond))                         \
			FAIL("not true: %s", #cond); \
	} while (0)
#define EQ(a, b)                                                                \
	do {                                                                    \
		long long eq_a = (long long)(a), eq_b = (long long)(b);         \
		if (eq_a != eq_b)                                               \
			FAIL("%s is %lld, want %lld (%s)", #a, eq_a, eq_b, #b); \
	} while (0)
#define STREQ(a, b)                                                                   \
	do {                                                                          \
		const char *eq_a = (a), *eq_b = (b);                                  \
		if (!eq_a || !eq_b || strcmp(eq_a, eq_b))                             \
			FAIL("%s is \"%s\", want \"%s\"", #a, eq_a ? eq_a : "(null)", \
			     eq_b ? eq_b : "(null)");                                 \
	} while (0)

static int check_one(const struct check_test *t)
{
	if (getenv("CHECK_NOFORK")) {
		check_bad = 0;
		t->run();
		return check_bad ? 1 : 0;
	}
	fflush(stdout);
	pid_t pid = fork();
	if (!pid) {
		t->run();
		fflush(stdout);
		exit(check_bad ? 1 : 0);
	}
	int status = 0;
	waitpid(pid, &status, 0);
	if (WIFSIGNALED(status))
		printf("# killed by signal %d\n", WTERMSIG(status));
	return status;
}

static int check_main(int argc, char **argv)
{
	int n = 0, failed = 0;

	for (const struct check_test *t = check_first; t; t = t->next) {
		if (argc > 1 && !strstr(t->name, argv[1]))
			continue;
		n++;
		int bad = check_one(t);
		failed += bad != 0;
		printf("%sok %d - %s\n", bad ? "not " : "", n, t->name);
		if (bad)
			printf("# again: CHECK_NOFORK=1 gdb --args %s %s\n", argv[0], t->name);
	}
	printf("1..%d\n", n);
	return failed || !n;
}

#endif
