/*
 * spare.h - who need not be looked at when it ends: with the option `spare`, a program of the
 * system (format_system.h) that nothing of the user's has had a part in. The gate accepts whatever
 * such a one leaves, and a test suite runs compilers, shells and tools by the thousand. Raw system
 * calls only, errno untouched.
 */
#ifndef OUTLIVE_SPARE_H
#define OUTLIVE_SPARE_H

#include <stdbool.h>

/* True when the analyzer would accept all that could be found of this process. Holds for now: code
 * of the user's may come yet. */
bool spare_now(void);

#endif
