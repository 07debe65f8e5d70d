/*
 * check_stack.c - a stack of a snapshot as a finding keeps it: names and lines, nothing that needs
 * the snapshot.
 */
#include "check.h"

#include <stdlib.h>

static uint64_t mix(uint64_t h, const struct finding_frame *f)
{
	h = table_hash(h, (uintptr_t)f->function);
	h = table_hash(h, (uintptr_t)f->module);
	h = table_hash(h, (uintptr_t)f->file);
	return table_hash(h, f->function ? f->line : f->address);
}

static struct finding_frame frame_of(const struct row *r, const struct location *loc, uint32_t line)
{
	const struct module *m = &r->snapshot->module[loc->module];
	const struct line *l = line < loc->n_lines ? &loc->line[line] : NULL;

	return (struct finding_frame){.function = l ? l->function : NULL,
	                              .file = l ? l->file : NULL,
	                              .line = l ? l->number : 0,
	                              .inlined = line + 1 < loc->n_lines,
	                              .system = fold_is_system(m),
	                              .module = m->path,
	                              .address = loc->address};
}

void check_stack(struct finding *f, const struct row *r, struct finding_frame **frames)
{
	struct finding_frame *kept = xcalloc(FINDING_FRAMES, sizeof(*kept));
	uint64_t hash = 0, n = 0;

	for (uint32_t i = 0; i < r->n_frames; i++) {
		uint32_t lines = r->frame[i]->n_lines ? r->frame[i]->n_lines : 1;
		for (uint32_t k = 0; k < lines; k++, n++) {
			struct finding_frame frame = frame_of(r, r->frame[i], k);
			if (i >= r->site_frame || !frame.system)
				hash = mix(hash, &frame);
			if (n < FINDING_FRAMES)
				kept[n] = frame;
			if (i == r->site_frame && k == r->site_line && n < FINDING_FRAMES)
				f->site = (uint32_t)n;
		}
	}
	f->stack = hash;
	f->cut = n > FINDING_FRAMES;
	f->n_frames = (uint32_t)(f->cut ? FINDING_FRAMES : n);
	f->frame = *frames = kept;
}
