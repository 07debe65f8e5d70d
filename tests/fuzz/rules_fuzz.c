/*
 * rules_fuzz.c - hostile files of suppressions: read or refused with a line that says why, and
 * their patterns match in no more than a patient person's time.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "analyzer/rules.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const texts[] = {
	        "",
	        "a",
	        "main",
	        "std::vector<int, std::allocator<int> >::push_back(int&&)",
	        "/usr/lib/x86_64-linux-gnu/libcrypto.so.3",
	        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab",
	};
	struct rules rules = {0};
	struct err err = {.text = ""};
	char path[64];
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (rules_add_file(&rules, path, &err) && !err.text[0])
		abort();
	for (size_t i = 0; i < rules.n; i++)
		for (size_t k = 0; k < sizeof(texts) / sizeof(*texts); k++)
			rule_matches_text(rules.at[i].pattern, texts[k]);
	rules_free(&rules);
	close(fd);
	return 0;
}
