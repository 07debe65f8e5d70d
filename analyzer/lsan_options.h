/*
 * lsan_options.h - LSAN_OPTIONS, which a suite may have set for LeakSanitizer already:
 * lsan_options.c. What it says of suppressions, status and report holds for the gate, too; flags
 * win, so it is read before them.
 */
#ifndef OUTLIVE_LSAN_OPTIONS_H
#define OUTLIVE_LSAN_OPTIONS_H

#include "check_view.h"

/* text: the variable's; NULL: it is not set. Notes in c->lsan what was heeded and what was not. */
void lsan_options_read(const char *text, struct check_choice *c);

#endif
