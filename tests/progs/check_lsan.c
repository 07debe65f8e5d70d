/*
 * check_lsan.c - a program that tells LeakSanitizer what to keep quiet about, and leaves two
 * descriptors. With an argument it leaves one more.
 */
#include <fcntl.h>
#include <stdlib.h>

#include "prog.h"

const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:nothing_of_the_kind\n"
	       "fd:^opened_for_ever$\n";
}

FRAME static int opened_for_ever(void)
{
	int fd = open("/dev/null", O_RDONLY);

	return fd < 0 ? exit(1), fd : fd;
}

FRAME static int forgotten(void)
{
	int fd = open("/dev/null", O_RDONLY);

	return fd < 0 ? exit(1), fd : fd;
}

FRAME static int new_one(void)
{
	int fd = open("/dev/null", O_RDONLY);

	return fd < 0 ? exit(1), fd : fd;
}

int main(int argc, char **argv)
{
	int sum = opened_for_ever() + forgotten();

	(void)argv;
	if (argc > 1)
		sum += new_one();
	return sum < 0;
}
