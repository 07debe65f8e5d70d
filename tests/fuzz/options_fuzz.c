/*
 * options_fuzz.c - hostile OUTLIVE_OPTIONS: whatever the variable holds, the options come out
 * usable and what was mistaken stays at its default.
 */
#include <stdlib.h>
#include <string.h>

#include "preload/options.h"
#include "preload/sys.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	memcpy(text, data, size);
	text[size] = 0;
	size_t n = strlen(text);
	int mistakes = options_init(text);
	if (mistakes < 0 || (size_t)mistakes > n || strcmp(g_options.text, text) != 0)
		abort();
#define OPT_STRING(s)   ((s) ? strlen(s) <= n + 64 : 0)
#define OPT_LIST(s)     OPT_STRING(s)
#define OPT_COUNT(v)    ((v) <= UINT64_MAX)
#define OPT_BYTES(v)    OPT_COUNT(v)
#define OPT_TIME(v)     OPT_COUNT(v)
#define OPT_BOOL(v)     ((v) == 0 || (v) == 1)
#define OPT_STEP(v)     OPT_COUNT(v)
#define OPT_FAMILIES(v) ((v) < 1u << 16)
#define OPT(name, type, def, arg, help)    \
	if (!(OPT_##type(g_options.name))) \
		abort();
#include "preload/options.def"
#undef OPT
	/* The one mapping that holds both copies, as options.c lays it out. */
	if (n)
		sys_unmap((char *)g_options.text - n - 1, 2 * (n + 1));
	free(text);
	return 0;
}
