/*
 * report_test.c - the report's data and the other writers for viewers, from snapshots that no
 * program wrote: hostile texts, stacks that share frames, threads that come and go.
 */
#include "check.h"

#include "analyzer/calltree.h"
#include "analyzer/out.h"
#include "analyzer/out_prometheus.h"
#include "analyzer/out_trace.h"
#include "analyzer/report.h"
#include "build_snap.h"
#include "fake_names.h"

#include <jansson.h>

#define S        UINT64_C(1000000000)
#define EVIL     "</script><!--\"&'\\"
#define NOT_UTF8 "\xff\xfe\x1b[2J\xe2\x80\xae"

static const struct fake_name names[] = {
        {0x1100, "main", "/src/main.c", 10, NULL},
        {0x1200, "inner", "/src/in.h", 3, NULL},
        {0x1200, "outer", "/src/out.c", 20, NULL},
        {0x1300, EVIL "<int>", "/src/" EVIL ".c", 30, NULL},
        {0x1400, "worker", "/src/worker.c", 40, NULL},
        {0},
};

struct made {
	struct build b;
	struct snapshot *s;
};

/* main > outer > inner (inlined); main > EVIL; main > nameless; a mapping; a stack unknown. */
static void make(struct made *m, bool later)
{
	struct err err;

	m->b = (struct build){0};
	build_start(&m->b);
	build_info_u(&m->b, FMT_INFO_PID, 42);
	build_info_u(&m->b, FMT_INFO_SEQUENCE, later ? 2 : 1);
	build_info_u(&m->b, FMT_INFO_START_TIME, 1700000000 * S);
	build_info_u(&m->b, FMT_INFO_UPTIME, (later ? 20 : 10) * S);
	build_info_u(&m->b, FMT_INFO_TIME, (1700000000 + (later ? 20 : 10)) * S);
	build_info_s(&m->b, FMT_INFO_BOOT_ID, "boot");
	build_info_s(&m->b, FMT_INFO_COMMAND, EVIL);
	build_info_s(&m->b, FMT_INFO_LABEL, NOT_UTF8);
	build_audit(&m->b, FMT_AUDIT_RSS, later ? 9000 : 5000);
	unsigned exe = build_module(&m->b, "/bin/server", "exe", FMT_MODULE_MAIN);
	unsigned main = build_node(&m->b, 0, exe, 0x1100);
	unsigned inner = build_node(&m->b, main, exe, 0x1200);
	unsigned evil = build_node(&m->b, main, exe, 0x1300);
	unsigned nameless = build_node(&m->b, evil, exe, 0x9999);
	build_site(&m->b, &(struct build_site){.node = inner,
	                                       .allocs = later ? 30 : 10,
	                                       .bytes = later ? 3000 : 1000});
	build_site(&m->b, &(struct build_site){.node = evil, .allocs = 5, .bytes = 500});
	build_site(&m->b,
	           &(struct build_site){.node = nameless, .allocs = later ? 3 : 1, .bytes = 64});
	build_site(&m->b, &(struct build_site){.node = inner,
	                                       .kind = FMT_KIND_MMAP,
	                                       .allocs = later ? 2 : 1,
	                                       .bytes = 4096});
	build_site(&m->b, &(struct build_site){.allocs = 1, .bytes = later ? 7 : 6});
	for (unsigned i = later ? 1 : 0; i < 3; i++)
		build_task(&m->b, &(struct build_task){.serial = 1 + i,
		                                       .tid = 42 + i,
		                                       .state = later && i == 2 ? FMT_TASK_ENDED
		                                                                : FMT_TASK_RUNNING,
		                                       .node = inner,
		                                       .module = exe,
		                                       .address = 0x1400,
		                                       .born = (1 + i) * S,
		                                       .ended = later && i == 2 ? 15 * S : 0,
		                                       .stack_bytes = 8 << 20,
		                                       .name = i == 2 ? EVIL : NOT_UTF8});
	build_fd(&m->b,
	         &(struct build_fd){.fd = 7, .kind = FMT_FD_FILE, .node = evil, .names = EVIL});
	build_end(&m->b);
	EQ(load_snapshot_mem(m->b.out.data, m->b.out.len, "made", &m->s, &err), 0);
	fake_names(m->s, names);
}

static void free_made(struct made *m)
{
	snapshot_free(m->s);
	build_free(&m->b);
}

/* ---- the tree ---- */

static const char *frame_at(const struct calltree *t, uint32_t node)
{
	return t->frame[t->node[node].frame].function;
}

TEST(tree_merges_stacks_and_keeps_inlined_frames)
{
	struct made m;
	struct profile *p;
	struct err err;
	struct calltree t;
	uint32_t inner = 0, evil = 0;

	make(&m, false);
	EQ(profile_top(m.s, &(struct profile_options){.sort = ALLOC_SPACE}, &p, &err), 0);
	calltree_start(&t, false, true);
	for (size_t i = 0; i < p->n_rows; i++) {
		uint32_t node = calltree_add(&t, profile_row(p, i));
		OK(node > 0 && node < t.n_nodes);
		if (!strcmp(frame_at(&t, node), "inner"))
			inner = node;
		if (!strcmp(frame_at(&t, node), EVIL "<int>"))
			evil = node;
	}
	STREQ(frame_at(&t, t.node[inner].parent), "outer");
	STREQ(frame_at(&t, t.node[t.node[inner].parent].parent), "main");
	EQ(t.node[evil].parent, t.node[t.node[inner].parent].parent);
	/* root, main, outer, inner, [mmap], EVIL, nameless, [unknown stack] */
	EQ(t.n_nodes, 8);
	for (uint32_t i = 1; i < t.n_nodes; i++)
		OK(t.node[i].parent < i);
	calltree_free(&t);
	profile_free(p);
	free_made(&m);
}

TEST(tree_of_two_snapshots_is_one)
{
	struct made a, b;
	struct profile *p;
	struct err err;
	struct calltree t;

	make(&a, false);
	make(&b, true);
	EQ(profile_diff(a.s, b.s, &(struct profile_options){.sort = ALLOC_SPACE, .unchanged = true},
	                &p, &err),
	   0);
	EQ(p->n_rows, 5);
	calltree_start(&t, false, false);
	for (size_t i = 0; i < p->n_rows; i++)
		calltree_add(&t, profile_row(p, i));
	EQ(t.n_nodes, 8);
	calltree_free(&t);
	profile_free(p);
	EQ(profile_diff(a.s, b.s, &(struct profile_options){.sort = ALLOC_SPACE}, &p, &err), 0);
	EQ(p->n_rows, 4);
	profile_free(p);
	free_made(&a);
	free_made(&b);
}

/* ---- the history ---- */

TEST(history_tells_when_a_thread_was_gone)
{
	struct made a, b;
	struct history h = {0};

	make(&a, false);
	make(&b, true);
	history_add(&h, b.s, b.s);
	history_add(&h, b.s, a.s);
	history_add(&h, b.s, a.s);
	history_finish(&h);
	EQ(h.n_moments, 2);
	EQ(h.moment[0].rss, 5000);
	EQ(h.moment[1].rss, 9000);
	EQ(h.moment[0].timers, 0);
	EQ(h.n_lives, 3);
	EQ(h.life[0].gone_ns, 20 * S);
	EQ(h.life[1].gone_ns, 0);
	EQ(h.life[2].ended_ns, 15 * S);
	STREQ(h.life[0].start, "worker");
	history_free(&h);
	free_made(&a);
	free_made(&b);
}

TEST(history_leaves_other_processes_out)
{
	struct made a, b;
	struct history h = {0};

	make(&a, false);
	make(&b, true);
	b.s->info.u[FMT_INFO_PID] = 43;
	history_add(&h, a.s, a.s);
	history_add(&h, a.s, b.s);
	history_finish(&h);
	EQ(h.n_moments, 1);
	EQ(h.n_others, 1);
	history_free(&h);
	free_made(&a);
	free_made(&b);
}

/* ---- what is written ---- */

struct written {
	struct made a, b;
	struct history history;
	struct report report;
	char *text;
	size_t n;
};

static void begin(struct written *w, bool base)
{
	struct err err;
	struct report_options o = {.profile.sort = ALLOC_SPACE, .no_source = true};

	*w = (struct written){0};
	make(&w->a, false);
	make(&w->b, true);
	history_add(&w->history, w->b.s, w->b.s);
	history_add(&w->history, w->b.s, w->a.s);
	history_finish(&w->history);
	EQ(report_make(base ? w->a.s : NULL, w->b.s, &w->history, &o, &w->report, &err), 0);
}

static void end(struct written *w)
{
	report_free(&w->report);
	history_free(&w->history);
	free_made(&w->a);
	free_made(&w->b);
	free(w->text);
}

#define WRITE(w, call)                                         \
	do {                                                   \
		struct err err;                                \
		FILE *f = open_memstream(&(w)->text, &(w)->n); \
		EQ(call, 0);                                   \
		fclose(f);                                     \
	} while (0)

TEST(page_data_holds_no_tag_and_is_json)
{
	struct written w;
	json_error_t why;

	begin(&w, true);
	WRITE(&w, out_html(f, &w.report, &err));
	char *data = strstr(w.text, "id=\"data\">"),
	     *stop = data ? strstr(data, "</script>") : NULL;
	OK(data && stop);
	if (data && stop) {
		data += strlen("id=\"data\">");
		*stop = 0;
		OK(!strchr(data, '<'));
		json_t *o = json_loads(data, 0, &why);
		OK(o != NULL);
		EQ(json_array_size(json_object_get(o, "rows")), 5);
		EQ(json_array_size(json_object_get(o, "base_rows")), 5);
		EQ(json_array_size(json_object_get(o, "lives")), 3);
		EQ(json_array_size(json_object_get(o, "moments")), 2);
		json_t *up = json_object_get(o, "node_up"),
		       *frames = json_object_get(o, "node_frame");
		EQ(json_array_size(up), json_array_size(frames));
		for (size_t i = 0; i < json_array_size(up); i++) {
			OK(json_integer_value(json_array_get(up, i)) <= (json_int_t)i + 1);
			OK(json_integer_value(json_array_get(frames, i)) <
			   (json_int_t)json_array_size(json_object_get(o, "frame_function")));
		}
		json_decref(o);
	}
	end(&w);
}

TEST(page_comes_twice_the_same)
{
	struct written w, again;

	begin(&w, false);
	begin(&again, false);
	WRITE(&w, out_html(f, &w.report, &err));
	WRITE(&again, out_html(f, &again.report, &err));
	OK(w.n == again.n && !memcmp(w.text, again.text, w.n));
	end(&w);
	end(&again);
}

TEST(page_tells_of_a_full_disk)
{
	struct written w;
	struct err err;
	FILE *full = fopen("/dev/full", "w");

	begin(&w, false);
	EQ(out_html(full, &w.report, &err), -1);
	fclose(full);
	end(&w);
}

TEST(svg_escapes_names)
{
	struct written w;
	struct out_options o = {.sort = ALLOC_SPACE};

	begin(&w, true);
	WRITE(&w, out_svg(f, w.report.profile, &o, &err));
	OK(strstr(w.text, "&lt;/script&gt;&lt;!--&quot;&amp;"));
	OK(!strstr(w.text, "</script"));
	OK(!strstr(w.text, "\x1b"));
	end(&w);
}

TEST(speedscope_is_json_and_its_frames_have_names)
{
	struct written w;
	struct out_options o = {.sort = ALLOC_SPACE};
	json_error_t why;

	begin(&w, false);
	WRITE(&w, out_speedscope(f, w.report.profile, &o, &err));
	json_t *all = json_loads(w.text, 0, &why), *frame;
	size_t i;
	OK(all != NULL);
	json_array_foreach(json_object_get(json_object_get(all, "shared"), "frames"), i, frame)
	        OK(json_is_string(json_object_get(frame, "name")));
	EQ(json_array_size(json_object_get(all, "profiles")), 4);
	json_decref(all);
	end(&w);
}

TEST(trace_is_json_and_lives_do_not_end_before_they_begin)
{
	struct written w;
	json_error_t why;

	begin(&w, false);
	WRITE(&w, out_perfetto(f, (const struct snapshot *[]){w.b.s}, 1, &w.history, &err));
	json_t *all = json_loads(w.text, 0, &why), *e;
	size_t i, lives = 0;
	OK(all != NULL);
	json_array_foreach(json_object_get(all, "traceEvents"), i, e)
	{
		OK(json_is_string(json_object_get(e, "name")));
		if (strcmp(json_string_value(json_object_get(e, "ph")), "X"))
			continue;
		lives++;
		OK(json_number_value(json_object_get(e, "dur")) >= 0);
	}
	/* Three, and what the ended one still holds. */
	EQ(lives, 4);
	json_decref(all);
	end(&w);
}

static void write_metrics(struct written *w, bool openmetrics)
{
	struct metrics_of of = {.profile = w->report.profile, .kinds = w->report.kinds};
	struct metrics_options o = {.openmetrics = openmetrics, .named = true, .n_sites = 20};

	WRITE(w, out_prometheus(f, &of, 1, &o, &err));
}

TEST(metrics_labels_are_escaped)
{
	struct written w;

	begin(&w, false);
	write_metrics(&w, true);
	OK(strstr(w.text, "command=\"</script><!--\\\"&'\\\\\""));
	OK(!strstr(w.text, "\xff"));
	OK(strstr(w.text, "# TYPE outlive_allocated_bytes counter\n"));
	OK(strstr(w.text, "\n# EOF\n"));
	OK(strstr(w.text, "outlive_live_bytes{command=\"</"
	                  "script><!--\\\"&'\\\\\",pid=\"42\",kind=\"mmap\"} 4096\n"));
	end(&w);
}

TEST(metrics_names_that_read_alike_are_one_series)
{
	struct written w;
	char *name[2];

	begin(&w, false);
	for (int i = 0; i < 2; i++) {
		name[i] = xasprintf("%0200d%d", 7, i);
		for (uint32_t k = 0; k < w.b.s->n_locations; k++)
			if (w.b.s->location[k].address == (i ? 0x1300 : 0x9999)) {
				static struct line line[2];
				line[i] = (struct line){
				        .function = intern(name[i]), .linkage = "", .file = NULL};
				w.b.s->location[k].line = &line[i];
				w.b.s->location[k].n_lines = 1;
			}
		free(name[i]);
	}
	write_metrics(&w, false);
	const char *first = strstr(w.text, "function=\"000");
	OK(first && !strstr(first + 1, "function=\"000"));
	OK(first && strstr(first, "\"} 564\n"));
	OK(!strstr(w.text, "# EOF"));
	end(&w);
}

int main(int argc, char **argv)
{
	return check_main(argc, argv);
}
