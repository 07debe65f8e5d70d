/*
 * load_fuzz.c - hostile snapshot files: every input is loaded as it is, and once more with its
 * checksums put right, for else the fuzzer would seldom come behind them. What loads is ranked,
 * diffed with itself, exported, and held against the gate.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "analyzer/check.h"
#include "analyzer/out_check.h"
#include "analyzer/out_gate.h"
#include "analyzer/out_kinds.h"
#include "analyzer/out_prometheus.h"
#include "analyzer/out_sums.h"
#include "analyzer/out_trace.h"
#include "analyzer/out_traces.h"
#include "analyzer/report.h"
#include "analyzer/residue.h"

static FILE *nowhere;
/* Made once: they are many, and compiling them takes longer than a small file. */
static struct rules rules;
static struct check_rules *checked;

static void put32(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

/* Header and records as format.h has them, as far as lengths allow. */
static void mend(uint8_t *d, size_t n)
{
	if (n < FMT_HEADER_SIZE)
		return;
	memcpy(d, FMT_MAGIC, 8);
	put32(d + 12, (uint32_t)crc32(0, d, 12));
	for (size_t at = FMT_HEADER_SIZE; at + FMT_RECORD_SIZE <= n;) {
		uint64_t bytes = 0;

		for (int i = 7; i >= 0; i--)
			bytes = bytes << 8 | d[at + 8 + i];
		if (bytes > n - at - FMT_RECORD_SIZE)
			return;
		put32(d + at + 4,
		      (uint32_t)crc32(crc32(0, d + at, 4), d + at + 8, (uInt)(8 + bytes)));
		at += FMT_RECORD_SIZE + ((bytes + 7) & ~(uint64_t)7);
	}
}

/* Rows are limited: stacks written out can be the square of the file, which is slow and proves
 * nothing. */
static void show(const struct profile *p, bool is_diff)
{
	struct out_options out = {
	        .n = 20, .width = 80, .color = true, .churn = true, .sort = ALLOC_SPACE};
	struct err err;

	out_svg(nowhere, p, &out, &err);
	if (is_diff) {
		out_text_diff(nowhere, p, &out, &err);
		out_json_diff(nowhere, p, &out, &err);
		return;
	}
	out_text_top(nowhere, p, &out, &err);
	out_json_top(nowhere, p, &out, &err);
	out_pprof(nowhere, p, &out, &err);
	out_folded(nowhere, p, &out, &err);
	out_speedscope(nowhere, p, &out, &err);
	out_text_traces(nowhere, p, &out, &err);
	struct sums *g = sums_make(p, &(struct sum_options){.by = SUM_FUNCTION, .edges = true});
	sums_pick(g, NULL, &err);
	out_text_tree(nowhere, g, &out, &err);
	sums_free(g);
}

/* What stands on a profile, kinds and a history at once. */
static void report(struct snapshot *a, struct snapshot *b)
{
	struct report_options options = {.profile.sort = ALLOC_SPACE, .no_source = true};
	struct history history = {0};
	struct report r = {0};
	struct err err;

	history_add(&history, b, b);
	if (a)
		history_add(&history, b, a);
	history_finish(&history);
	if (!report_make(a, b, &history, &options, &r, &err)) {
		struct metrics_of of = {.profile = r.profile, .kinds = r.kinds};

		out_html(nowhere, &r, &err);
		out_prometheus(nowhere, &of, 1, &(struct metrics_options){.n_sites = 20}, &err);
		/* By uptime and of one process, as its caller has them. */
		bool both = a && !history.n_others &&
		            INFO_U(&a->info, UPTIME) <= INFO_U(&b->info, UPTIME);
		const struct snapshot *const all[] = {both ? a : b, b};

		out_perfetto(nowhere, all, both ? 2 : 1, &history, &err);
	}
	report_free(&r);
	history_free(&history);
}

/* Threads, timers and descriptors of b since a, and what b leaves behind. */
static void use_kinds(struct snapshot *a, struct snapshot *b)
{
	struct profile_options options = {.ignore = "^libz"};
	struct out_options out = {.n = 20, .width = 80, .color = true};
	struct nameless nameless = {0};
	struct kinds_older older = {.least_ns = 1};
	struct residue *r = NULL;
	struct kinds *k = NULL;
	struct err err;

	if (!kinds_make(
	            NULL, b,
	            &(struct kinds_options){.profile = &options, .rules = &rules, .older = &older},
	            &k, &err))
		out_text_kind(nowhere, k, KIND_THREADS, &out, &err);
	kinds_free(k);
	k = NULL;
	if (!kinds_make(a, b, &(struct kinds_options){.profile = &options, .rules = &rules}, &k,
	                &err)) {
		struct page page = {.file = nowhere, .width = 60};

		for (int kind = 0; kind < N_KINDS; kind++) {
			out_text_kind(nowhere, k, (enum object_kind)kind, &out, &err);
			out_json_kind(nowhere, k, (enum object_kind)kind, &out, &err);
			struct profile *p = kinds_profile(k, (enum object_kind)kind);
			out_pprof(nowhere, p, &(struct out_options){.counted = "x"}, &err);
			profile_free(p);
		}
		out_text_growth(&page, k, &out, &nameless);
		page_end(&page, &err);
	}
	kinds_free(k);
	if (!residue_make(b, &rules, &options, &r, &err)) {
		out_text_residue(nowhere, r, "fuzz", &out, &err);
		out_json_residue(nowhere, r, &out, &err);
	}
	residue_free(r);
}

/* Every gate there is, and every limit, each of them nothing. */
static void gate(struct snapshot *a, struct snapshot *b, enum check_per per)
{
	static const struct check_limit none = {.given = true};
	static out_gate_writer *const writer[] = {out_gate_json, out_gate_junit, out_gate_sarif,
	                                          out_gate_github, out_gate_markdown};
	struct out_options shown = {.n = 20, .width = 80, .wide = true};
	struct out_check text = {.out = &shown, .explain = true};
	struct findings f = {0};
	struct check c = {.builtin = true, .ended = true};
	struct err err;

	check_gates_default(&c.gates);
	c.gates.growth = ~0u;
	c.gates.per = per;
	c.gates.residue = c.gates.peak = c.gates.allocs = none;
	c.rules = checked;
	if (!check_process(&f, &c, &(struct check_process){.last = b, .base = a, .peak = a},
	                   &err)) {
		findings_finish(&f);
		out_text_check(nowhere, &f, &text, &err);
		for (size_t i = 0; i < sizeof(writer) / sizeof(*writer); i++)
			writer[i](nowhere, &f, &(struct out_gate){.root = "/src/"}, &err);
	}
	findings_free(&f);
}

static void use(struct snapshot *a, struct snapshot *b)
{
	struct profile_options options = {.sort = ALLOC_SPACE, .ignore = "^libz", .samples = true};
	struct profile *p = NULL;
	struct err err;

	if (!profile_top(b, &options, &p, &err)) {
		show(p, false);
		profile_free(p);
	}
	if (!profile_diff(a, b, &options, &p, &err)) {
		show(p, true);
		profile_free(p);
	}
}

static struct snapshot *load(const uint8_t *data, size_t n)
{
	struct snapshot *s = NULL;
	struct err err = {.text = ""};

	/* a refusal is one line with a reason */
	if (load_snapshot_mem(data, n, "fuzz", &s, &err) &&
	    (s || !err.text[0] || strchr(err.text, '\n')))
		abort();
	return s;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	uint8_t *copy = malloc(n ? n : 1);

	if (!nowhere) {
		nowhere = fopen("/dev/null", "w");
		rules_add_builtin(&rules);
		checked = check_rules_new(&rules);
	}
	if (!copy || !nowhere)
		return 0;
	struct snapshot *a = load(data, n);
	memcpy(copy, data, n);
	mend(copy, n);
	struct snapshot *b = load(copy, n);
	if (b) {
		use(a ? a : b, b);
		use_kinds(a, b);
		report(a, b);
		gate(a, b, n % 2 ? CHECK_PER_TEST : CHECK_PER_STACK);
	}
	snapshot_free(a);
	snapshot_free(b);
	free(copy);
	return 0;
}

#ifdef FUZZ_REPLAY
/* Without libFuzzer: each file named is one input. */
int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		FILE *f = fopen(argv[i], "rb");
		if (!f)
			return 1;
		static uint8_t data[1 << 24];
		size_t n = fread(data, 1, sizeof data, f);
		fclose(f);
		LLVMFuzzerTestOneInput(data, n);
	}
	return 0;
}
#endif
