/*
 * baseline_fuzz.c - hostile baselines: read, or refused with one line that says why; what is read
 * and written again is the same baseline, and applying it to findings ends.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "analyzer/baseline.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct baseline *load(const void *data, size_t size)
{
	struct baseline *b = NULL;
	struct err err = {.text = ""};
	char path[64];
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (baseline_load(path, &b, &err) && (b || !err.text[0] || strchr(err.text, '\n')))
		abort();
	close(fd);
	return b;
}

/* One descriptor, by which the sample corpus has an entry. */
static void findings_of_one(struct findings *f)
{
	struct finding_frame frame[] = {
	        {.function = "load", .module = "/bin/server"},
	        {.function = NULL, .module = "/lib/libpart.so.3"},
	        {.function = "main", .module = "/bin/server"},
	};
	struct finding_process process = {.command = "server", .end = ""};

	for (int i = 0; i < 3; i++)
		frame[i].module = intern(frame[i].module);
	findings_add_process(f, &process);
	findings_add(f,
	             &(struct finding){.kind = FINDING_FD,
	                               .why = intern("open"),
	                               .meaning = "",
	                               .count = 3,
	                               .frame = frame,
	                               .n_frames = 3,
	                               .words = ""},
	             0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct baseline *b = load(data, size), *again;
	struct str text = {0}, twice = {0};
	struct findings f = {0};

	if (!b)
		return 0;
	baseline_text(b, &text);
	again = load(text.data, text.len);
	if (!again)
		abort();
	baseline_text(again, &twice);
	if (strcmp(text.data, twice.data) != 0)
		abort();
	findings_of_one(&f);
	baseline_apply(b, &f);
	baseline_update(b, &f, true);
	baseline_apply(b, &f);
	findings_finish(&f);
	if (f.verdict != VERDICT_CLEAN || baseline_stale(b))
		abort();
	findings_free(&f);
	str_free(&text);
	str_free(&twice);
	baseline_free(b);
	baseline_free(again);
	return 0;
}
