/* symbol_test.c - our own search finds what dlsym(RTLD_NEXT) would find, for all that is looked for
 * at a start. */
#include "tests/unit/check.h"

#include <dlfcn.h>
#include <time.h>

#include "preload/symbol.h"

static const char *const g_names[] = {
#define HOOK(family, ret, name, params)     #name,
#define HOOK_MAY(family, ret, name, params) #name,
#define TRAMPOLINE(family, name)            #name,
#define LOOKUP(ret, name, params)           #name,
#define API(ret, name, params)
#include "preload/hooks.def"
};
enum { NAMES = sizeof(g_names) / sizeof(g_names[0]) };

TEST(each_original_is_the_one_that_dlsym_finds)
{
	unsigned found = 0;

	for (unsigned i = 0; i < NAMES; i++) {
		uintptr_t at = 0, there = (uintptr_t)dlsym(RTLD_NEXT, g_names[i]);
		bool is = symbol_behind(g_names[i], &at);

		if (is != (there != 0) || (at && at != there))
			FAIL("%s: 0x%lx, by dlsym 0x%lx", g_names[i], (unsigned long)at,
			     (unsigned long)there);
		found += at != 0;
	}
	OK(found > 150);
}

TEST(name_kept_for_old_programs_only_is_none)
{
	uintptr_t at = 0;

	/* A sanitizer has one of its own. */
	if (!dlsym(RTLD_NEXT, "cfree"))
		OK(!symbol_behind("cfree", &at));
	OK(!symbol_behind("no_object_has_this", &at));
	OK(!symbol_behind("", &at));
}

TEST(choice_by_processor_is_left_to_the_loader)
{
	uintptr_t at = 1;

	OK(symbol_behind("wmemset", &at)); /* an IFUNC in glibc */
	EQ(at, 0);
}

int main(int argc, char **argv)
{
	return check_main(argc, argv);
}
