/*
 * live_build.c - puts stacks of a live process into the model of a snapshot: locations, the tree,
 * distinct stacks, who and when.
 */
#include "live_build.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* ---- who and when ---- */

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static const char *command_line(pid_t pid)
{
	char path[64], text[4096];
	size_t n = 0;

	snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
	FILE *f = fopen(path, "re");
	if (f) {
		n = fread(text, 1, sizeof(text), f);
		fclose(f);
	}
	while (n && !text[n - 1])
		n--;
	for (size_t i = 0; i < n; i++)
		if (!text[i])
			text[i] = ' ';
	return intern_mem(text, n);
}

static const char *link_text(pid_t pid, const char *name)
{
	char path[64], to[4096];

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	ssize_t n = readlink(path, to, sizeof(to));
	return n > 0 ? intern_mem(to, (size_t)n) : "";
}

static void fill_info(struct snapshot *s, const struct target *t)
{
	uint64_t now = clock_ns(CLOCK_REALTIME), up = clock_ns(CLOCK_BOOTTIME);
	uint64_t ticks = (uint64_t)sysconf(_SC_CLK_TCK);
	uint64_t started = t->start_ticks * (UINT64_C(1000000000) / (ticks ? ticks : 100));

	for (int i = 0; i < INFO_KEYS; i++)
		s->info.s[i] = "";
	s->info.u[FMT_INFO_PID] = (uint64_t)t->pid;
	s->info.u[FMT_INFO_UID] = t->euid;
	s->info.u[FMT_INFO_TIME] = now;
	s->info.u[FMT_INFO_UPTIME] = up > started ? up - started : 0;
	s->info.u[FMT_INFO_START_TIME] = now - s->info.u[FMT_INFO_UPTIME];
	INFO_S(&s->info, COMMAND) = intern(t->comm);
	INFO_S(&s->info, EXE) = link_text(t->pid, "exe");
	INFO_S(&s->info, CWD) = link_text(t->pid, "cwd");
	INFO_S(&s->info, CMDLINE) = command_line(t->pid);
}

void live_build_begin(struct live_build *b, struct live_modules *modules, struct unwinder *unwinder,
                      const struct target *t)
{
	struct snapshot *s = xcalloc(1, sizeof(*s));

	*b = (struct live_build){.s = s, .modules = modules, .unwinder = unwinder};
	fill_info(s, t);
	s->path = "";
	s->n_modules = modules->n + 1;
	s->module = xcalloc(s->n_modules, sizeof(*s->module));
	s->module[0] = (struct module){.path = "", .build_id = ""};
	if (modules->n)
		memcpy(s->module + 1, modules->module, modules->n * sizeof(*s->module));
	/* The end of every stack, and the empty one. */
	s->node = xgrow(NULL, 0, &b->cap_nodes, sizeof(*s->node));
	s->node[s->n_nodes++] = (struct node){0};
	s->stack = xgrow(NULL, 0, &b->cap_stacks, sizeof(*s->stack));
	s->stack[s->n_stacks++] = (struct stack){0};
	b->stack_of = xgrow(NULL, 0, &b->cap_stack_of, sizeof(*b->stack_of));
	b->stack_of[0] = 0;
}

/* ---- stacks ---- */

static bool same_location(const void *ctx, uint32_t value, const void *key)
{
	const struct location *have = &((const struct snapshot *)ctx)->location[value], *want = key;

	return have->address == want->address && have->module == want->module &&
	       have->flags == want->flags;
}

static uint32_t location_of(struct live_build *b, uint64_t pc, uint32_t flags)
{
	struct snapshot *s = b->s;
	struct location l = {.flags = flags, .address = pc};
	uint32_t at = live_modules_at(b->modules, pc);

	if (at && unwinder_know(b->unwinder, &b->modules->unwind[at - 1])) {
		const struct unwind_module *m = &b->modules->unwind[at - 1];

		l.module = at;
		l.address = pc - m->bias;
		s->module[at].bias = m->bias;
		s->module[at].build_id = intern(m->build_id);
	}
	uint64_t hash = table_hash(l.address, (uint64_t)l.module << 32 | flags);
	uint32_t i = table_find(&b->by_location, hash, same_location, s, &l);
	if (i != TABLE_NONE)
		return i;
	s->location = xgrow(s->location, s->n_locations, &b->cap_locations, sizeof(l));
	s->location[s->n_locations] = l;
	table_add(&b->by_location, hash, s->n_locations);
	return s->n_locations++;
}

static bool same_node(const void *ctx, uint32_t value, const void *key)
{
	const struct node *have = &((const struct snapshot *)ctx)->node[value], *want = key;

	return have->parent == want->parent && have->location == want->location;
}

static uint32_t node_of(struct live_build *b, uint32_t parent, uint32_t location)
{
	struct snapshot *s = b->s;
	struct node n = {parent, location};
	uint64_t hash = table_hash(parent, location);
	uint32_t i = table_find(&b->by_node, hash, same_node, s, &n);

	if (i != TABLE_NONE)
		return i;
	b->stack_of = xgrow(b->stack_of, s->n_nodes, &b->cap_stack_of, sizeof(*b->stack_of));
	b->stack_of[s->n_nodes] = 0;
	s->node = xgrow(s->node, s->n_nodes, &b->cap_nodes, sizeof(n));
	s->node[s->n_nodes] = n;
	table_add(&b->by_node, hash, s->n_nodes);
	return s->n_nodes++;
}

uint32_t live_build_stack(struct live_build *b, const struct unwind_frame *frame, uint32_t n,
                          enum unwind_end end, bool in_call)
{
	struct snapshot *s = b->s;
	uint32_t node = 0, depth = 0;

	for (uint32_t i = n; i-- > 0;) {
		uint32_t flags = frame[i].exact && !(in_call && !i) ? FMT_NODE_EXACT : 0;

		if (i + 1 == n && end != UNWIND_WHOLE)
			flags |= end == UNWIND_DEEP ? FMT_NODE_TRUNCATED : FMT_NODE_BROKEN;
		uint32_t location = location_of(b, frame[i].pc, flags);
		if (s->module[s->location[location].module].flags & FMT_MODULE_OUTLIVE)
			continue;
		node = node_of(b, node, location);
		depth++;
	}
	if (!node)
		return 0;
	if (!b->stack_of[node]) {
		s->stack = xgrow(s->stack, s->n_stacks, &b->cap_stacks, sizeof(*s->stack));
		s->stack[s->n_stacks] = (struct stack){depth, node};
		b->stack_of[node] = s->n_stacks++;
	}
	return b->stack_of[node];
}

void live_build_end(struct live_build *b)
{
	table_free(&b->by_location);
	table_free(&b->by_node);
	free(b->stack_of);
}
