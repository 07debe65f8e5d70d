/*
 * task_site.h - threads that are gone, summed by where they were made: between track_task.c, whose
 * lock is held for all of these, and task_site.c. Readers: task.h.
 */
#ifndef OUTLIVE_TASK_SITE_H
#define OUTLIVE_TASK_SITE_H

#include "task.h"

/* The sum of threads that were made there to run `start`; NULL where there is no room. */
struct task_site *task_site_of(uint32_t stack, uintptr_t start);
/* fork's child: the sums were the parent's. */
void task_sites_forget(void);

#endif
