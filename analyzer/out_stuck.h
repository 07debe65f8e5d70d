/*
 * out_stuck.h - the proof that the threads of a group will never go on; for out_kinds*.c. A group
 * of any other leak has none.
 */
#ifndef OUTLIVE_OUT_STUCK_H
#define OUTLIVE_OUT_STUCK_H

#include "document.h"
#include "kinds.h"
#include "out_stack.h"

/* "mutex", "condition variable", "thread" ...: what the first of them waits on; NULL: no proof. */
const char *out_stuck_waits_on(struct kinds *k, const struct group *g);
/* Lines under the group's row. */
void out_stuck_text(struct page *page, struct kinds *k, const struct group *g,
                    const struct out_options *o, struct nameless *nameless);
/* A list of objects, or null. */
json_t *out_stuck_json(struct kinds *k, const struct group *g);

#endif
