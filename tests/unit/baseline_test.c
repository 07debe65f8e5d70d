/*
 * baseline_test.c - what a baseline knows, what it does not, and files that are none.
 */
#include "check.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "analyzer/baseline.h"

/* A descriptor opened in `function`, at `line`, called by main. */
static void add(struct findings *f, const char *function, uint32_t line, uint64_t count)
{
	struct finding_frame frame[] = {
	        {.function = "fopen", .module = "/lib/libc.so.6", .system = true},
	        {.function = function, .file = "/src/a.c", .line = line, .module = "/bin/server"},
	        {.function = "main", .file = "/src/m.c", .line = 9, .module = "/bin/server"},
	        {.function = "__libc_start_main", .module = "/lib/libc.so.6", .system = true},
	};

	for (int i = 0; i < 4; i++) {
		frame[i].function = intern(frame[i].function);
		frame[i].module = intern(frame[i].module);
	}
	findings_add(f,
	             &(struct finding){.kind = FINDING_FD,
	                               .why = intern("open"),
	                               .meaning = "",
	                               .count = count,
	                               .frame = frame,
	                               .n_frames = 4,
	                               .site = 1,
	                               .words = ""},
	             0);
}

static struct findings begin(void)
{
	struct findings f = {0};

	findings_add_process(&f, &(struct finding_process){.command = "server", .end = ""});
	return f;
}

/* The baseline that knows `f`, written and read again. */
static struct baseline *knows(struct findings *f)
{
	char path[] = "/tmp/outlive-baseline.XXXXXX";
	struct baseline *b = baseline_new(), *read;
	struct str text = {0};
	struct err err;
	int fd = mkstemp(path);

	baseline_update(b, f, true);
	baseline_text(b, &text);
	EQ(write(fd, text.data, text.len), text.len);
	close(fd);
	EQ(baseline_load(path, &read, &err), 0);
	unlink(path);
	str_free(&text);
	baseline_free(b);
	return read;
}

static enum verdict verdict(struct baseline *b, struct findings *f)
{
	baseline_apply(b, f);
	findings_finish(f);
	return f->verdict;
}

TEST(what_is_known_is_accepted_and_what_is_new_or_more_is_not)
{
	struct findings old = begin(), same = begin(), more = begin(), other = begin();

	add(&old, "load", 10, 2);
	struct baseline *b = knows(&old);
	add(&same, "load", 10, 2);
	EQ(verdict(b, &same), VERDICT_CLEAN);
	OK(same.at[0].known);
	EQ(baseline_stale(b), 0);
	add(&more, "load", 10, 3);
	EQ(verdict(b, &more), VERDICT_LEAKS);
	EQ(more.at[0].base, 2);
	add(&other, "save", 10, 1);
	EQ(verdict(b, &other), VERDICT_LEAKS);
	EQ(baseline_stale(b), 1);
	findings_free(&old);
	findings_free(&same);
	findings_free(&more);
	findings_free(&other);
	baseline_free(b);
}

/* Another build: other lines, other addresses. */
TEST(lines_do_not_matter_and_places_of_one_name_are_counted_together)
{
	struct findings old = begin(), moved = begin(), more = begin();

	add(&old, "load", 10, 1);
	add(&old, "load", 20, 1);
	EQ(old.n, 2);
	struct baseline *b = knows(&old);
	add(&moved, "load", 33, 2);
	EQ(verdict(b, &moved), VERDICT_CLEAN);
	add(&more, "load", 10, 2);
	add(&more, "load", 20, 1);
	EQ(verdict(b, &more), VERDICT_LEAKS);
	findings_free(&old);
	findings_free(&moved);
	findings_free(&more);
	baseline_free(b);
}

TEST(an_update_only_shrinks_unless_it_may_grow)
{
	struct findings old = begin(), now = begin();

	add(&old, "gone", 1, 1);
	add(&old, "less", 2, 5);
	struct baseline *b = knows(&old);
	add(&now, "less", 2, 3);
	add(&now, "new", 3, 1);
	baseline_update(b, &now, false);
	EQ(verdict(b, &now), VERDICT_LEAKS);
	EQ(now.n_counted, 1);
	STREQ(now.at[0].frame[1].function, "new");
	EQ(verdict(b, &old), VERDICT_LEAKS);
	EQ(old.n_counted, 2);
	baseline_update(b, &now, true);
	EQ(verdict(b, &now), VERDICT_CLEAN);
	findings_free(&old);
	findings_free(&now);
	baseline_free(b);
}

TEST(what_a_rule_accepts_is_not_kept)
{
	static const struct rule rule = {RULE_FD, RULE_ANY, "load", "", ""};
	struct findings old = begin(), now = begin();

	add(&old, "load", 1, 1);
	old.at[0].rule = &rule;
	struct baseline *b = knows(&old);
	add(&now, "load", 1, 1);
	EQ(verdict(b, &now), VERDICT_LEAKS);
	findings_free(&old);
	findings_free(&now);
	baseline_free(b);
}

/* A program without names: a rebuild moves every address. */
TEST(frames_without_names_count_as_their_module)
{
	struct findings old = begin(), now = begin();

	for (uint64_t k = 0; k < 2; k++) {
		struct finding_frame frame[3] = {{0}};
		for (int i = 0; i < 3; i++)
			frame[i] = (struct finding_frame){
			        .module = intern(i < 2 ? "/lib/libx.so.1.2" : "/bin/server"),
			        .address = 100 + (uint64_t)i + k * 50};
		findings_add(k ? &now : &old,
		             &(struct finding){.kind = FINDING_FD,
		                               .why = intern("open"),
		                               .meaning = "",
		                               .count = 1,
		                               .frame = frame,
		                               .n_frames = k ? 3 : 2 + 1,
		                               .words = ""},
		             0);
	}
	struct baseline *b = knows(&old);
	EQ(verdict(b, &now), VERDICT_CLEAN);
	findings_free(&old);
	findings_free(&now);
	baseline_free(b);
}

static int load_text(const char *text, size_t n, struct err *err)
{
	char path[] = "/tmp/outlive-baseline.XXXXXX";
	struct baseline *b;
	int fd = mkstemp(path);

	EQ(write(fd, text, n), n);
	close(fd);
	int rc = baseline_load(path, &b, err);
	unlink(path);
	baseline_free(b);
	return rc;
}

TEST(what_is_no_baseline_is_refused_with_its_place)
{
	static const struct {
		const char *text, *says;
	} bad[] = {
	        {"", ":1"},
	        {"{", ":1"},
	        {"[]", "not a baseline"},
	        {"{\"outlive_baseline\": 1}", "not a baseline"},
	        {"{\"outlive_baseline\": 2, \"findings\": []}", "version 2"},
	        {"{\"outlive_baseline\": 1, \"findings\": [3]}", "entry 1"},
	        {"{\"outlive_baseline\": 1, \"findings\": [{\"kind\": \"fd\", \"why\": \"open\", "
	         "\"count\": -1, \"stack\": []}]}",
	         "entry 1"},
	        {"{\"outlive_baseline\": 1, \"findings\": [{\"kind\": \"fd\", \"why\": \"open\", "
	         "\"count\": 1, \"stack\": [7]}]}",
	         "frame 1"},
	        {"{\"outlive_baseline\": 1, \"findings\": [{\"kind\": \"a\\nb\", \"why\": "
	         "\"open\", "
	         "\"count\": 1, \"stack\": []}]}",
	         "entry 1"},
	        {"{\"outlive_baseline\": 1, \"findings\": [{\"kind\": \"fd\", \"kind\": \"fd\"}]}",
	         "duplicate"},
	};
	struct err err;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		EQ(load_text(bad[i].text, strlen(bad[i].text), &err), -1);
		OK(strstr(err.text, bad[i].says));
	}
	EQ(load_text("\0\0\0", 3, &err), -1);
	EQ(load_text("{\"outlive_baseline\": 1, \"findings\": []}", 38, &err), -1);
	EQ(load_text("{\"outlive_baseline\": 1, \"findings\": []}", 39, &err), 0);
	struct baseline *b;
	EQ(baseline_load("/nowhere/at/all", &b, &err), -1);
	OK(strstr(err.text, "/nowhere/at/all"));
}

/* A hundred thousand brackets must not take the stack. */
TEST(deep_nesting_is_an_error_and_no_crash)
{
	enum { DEEP = 100000 };
	char *text = malloc(DEEP);
	struct err err;

	memset(text, '[', DEEP);
	EQ(load_text(text, DEEP, &err), -1);
	free(text);
}

TEST(sums_stop_at_the_end_of_their_type)
{
	const char text[] = "{\"outlive_baseline\": 1, \"findings\": ["
	                    "{\"kind\": \"fd\", \"why\": \"open\", \"count\": 9223372036854775807, "
	                    "\"stack\": []}, "
	                    "{\"kind\": \"fd\", \"why\": \"open\", \"count\": 9223372036854775807, "
	                    "\"stack\": []}]}";
	struct err err;

	EQ(load_text(text, strlen(text), &err), 0);
}

int main(int argc, char **argv)
{
	return check_main(argc, argv);
}
