/*
 * snap_tasks.c - threads and timers into records. Context: the snapshot child (snap.h). What the
 * kernel knows of a thread (name, CPU time, that it is there at all) is read from /proc of the
 * program, which is the child's parent.
 */
#include <fcntl.h>
#include <string.h>
#include <time.h>

#include "intended.h"
#include "snap.h"
#include "stack.h"
#include "sys.h"
#include "task.h"
#include "timer.h"

/* The innermost node of a stack that the file holds; 0 unknown. */
static uint32_t node_of(const struct snap_bounds *have, uint32_t stack)
{
	uint32_t node = stack && stack <= have->stacks ? stack_leaf(stack) : 0;

	return node <= have->nodes ? node : 0;
}

void snap_put_node(struct snap_out *o, const struct snap_bounds *have, uint32_t stack)
{
	snap_u(o, node_of(have, stack));
}

void snap_put_function(struct snap_out *o, const struct snap_bounds *have, uintptr_t at)
{
	for (uint32_t i = have->modules; i && at; i--) {
		const struct stack_module *m = stack_module(i);

		if (!m || at < m->start || at >= m->end || m->unloaded_ns)
			continue;
		snap_u(o, i);
		snap_u(o, at - m->bias);
		return;
	}
	snap_u(o, 0);
	snap_u(o, at);
}

uint64_t snap_uptime(const struct snap_job *j, uint64_t ns)
{
	uint64_t start = j->begin_ns - j->uptime_ns;

	return ns > start ? ns - start : 0;
}

/* Does the kernel's list of this program's threads have the numbers that the program knows? Not
 * where /proc is of another pid namespace. One snapshot at a time. */
static bool g_listed;

static bool numbers_agree(const struct snap_job *j)
{
	char link[16];
	const char *p = j->proc + sizeof("/proc/") - 1;
	uint64_t n = 0;

	if (!j->proc[0])
		return false;
	if (*p == 's') {
		long length = sys_call(SYS_readlinkat, AT_FDCWD, j->proc, link, sizeof(link) - 1);

		link[length > 0 ? length : 0] = 0;
		p = link;
	}
	for (; *p >= '0' && *p <= '9'; p++)
		n = n * 10 + (uint64_t)(*p - '0');
	return n == j->pid;
}

long snap_task_file(const struct snap_job *j, uint32_t tid, const char *file, char *buf,
                    size_t size)
{
	char path[96];
	struct text t = TEXT(path);

	text_str(&t, j->proc);
	text_str(&t, "/task/");
	text_u64(&t, tid);
	text_str(&t, file);
	long n = sys_read_file(path, buf, size - 1);

	buf[n > 0 ? n : 0] = 0;
	return n;
}

struct kernel_task {
	char name[32];
	uint64_t cpu_ns;
	bool there;
};

static void ask_kernel(const struct snap_job *j, uint32_t tid, struct kernel_task *k)
{
	char text[64];

	memset(k, 0, sizeof(*k));
	if (!g_listed)
		return;
	long n = snap_task_file(j, tid, "/comm", k->name, sizeof(k->name));

	k->there = n > 0;
	if (n > 0 && k->name[n - 1] == '\n')
		k->name[n - 1] = 0;
	if (snap_task_file(j, tid, "/schedstat", text, sizeof(text)) > 0)
		for (const char *p = text; *p >= '0' && *p <= '9'; p++)
			k->cpu_ns = k->cpu_ns * 10 + (uint64_t)(*p - '0');
}

static void put_task(struct snap_out *o, const struct snap_job *j, const struct snap_bounds *have,
                     const struct task_view *v, const struct kernel_task *k)
{
	snap_item(o);
	snap_u(o, v->serial);
	snap_u(o, v->tid);
	snap_u(o, v->state);
	snap_u(o, v->flags | (intended_thread(v->serial) ? FMT_TASK_FLAG_INTENDED : 0u));
	snap_put_node(o, have, v->stack);
	snap_u(o, v->creator);
	snap_put_function(o, have, v->start);
	snap_u(o, snap_uptime(j, v->born_ns));
	snap_u(o, v->ended_ns ? snap_uptime(j, v->ended_ns) : 0);
	snap_u(o, v->ended_ns ? v->cpu_ns : k->cpu_ns);
	snap_u(o, v->stack_bytes);
	snap_u(o, 0);
	snap_str(o, v->ended_ns ? v->name : k->name);
}

/* Thread ids of the program, in the table or not: a small set by hashing, for the reconciliation.
 */
struct tids {
	uint32_t *slot, mask;
};

static void tids_add(struct tids *t, uint32_t tid)
{
	uint32_t i = tid * 2654435761u & t->mask;

	while (t->slot[i] && t->slot[i] != tid)
		i = (i + 1) & t->mask;
	t->slot[i] = tid;
}

static bool tids_have(const struct tids *t, uint32_t tid)
{
	uint32_t i = tid * 2654435761u & t->mask;

	while (t->slot[i] && t->slot[i] != tid)
		i = (i + 1) & t->mask;
	return t->slot[i] == tid;
}

static void put_known(struct snap_out *o, struct snap_job *j, const struct snap_bounds *have,
                      struct tids *known)
{
	uint32_t n = task_slots();

	/* Only as many as the set has room for. */
	for (uint32_t i = 0; i < n && i * 2 <= known->mask; i++) {
		struct task_view v;
		struct kernel_task k = {{0}, 0, false};

		if (!task_get(i, &v))
			continue;
		/* A thread that has told its end may take a little longer to go. */
		if (known->slot)
			tids_add(known, v.tid);
		if (v.state == FMT_TASK_RUNNING) {
			ask_kernel(j, v.tid, &k);
			/* It ended by a path that we do not see, or is ending just now. */
			if (g_listed && !k.there) {
				j->threads_vanished++;
				continue;
			}
		}
		put_task(o, j, have, &v, &k);
	}
}

void snap_moment(void)
{
	struct timespec moment = {0, 2000000};

	sys_call(SYS_nanosleep, &moment, NULL);
}

/* Threads of the kernel's list that were not in the table when we went through it. */
struct strangers {
	const struct tids *known;
	uint32_t *tid, n, room, pid;
};

static void note_stranger(uint32_t tid, void *arg)
{
	struct strangers *s = arg;

	/* The first thread's number stays while others run, though it may be gone and joined. */
	if (tid != s->pid && !tids_have(s->known, tid) && s->n < s->room)
		s->tid[s->n++] = tid;
}

static bool find_task(uint32_t tid, struct task_view *v)
{
	uint32_t n = task_slots();

	for (uint32_t i = 0; i < n; i++)
		if (task_get(i, v) && v->tid == tid)
			return true;
	return false;
}

/* Made by a path that no hook sees. */
static void put_unseen(struct snap_out *o, struct snap_job *j, const struct snap_bounds *have,
                       uint32_t tid)
{
	struct task_view v = {.tid = tid,
	                      .state = FMT_TASK_RUNNING,
	                      .flags = FMT_TASK_FLAG_ADOPTED | FMT_TASK_FLAG_UNSEEN};
	struct kernel_task k;

	ask_kernel(j, tid, &k);
	if (!k.there)
		return;
	j->threads_unseen++;
	put_task(o, j, have, &v, &k);
}

/* Returns how many are strangers still. */
static uint32_t put_found(struct snap_out *o, const struct snap_job *j,
                          const struct snap_bounds *have, struct strangers *s)
{
	uint32_t left = 0;

	for (uint32_t i = 0; i < s->n; i++) {
		struct kernel_task k;
		struct task_view v;

		if (task_ended_lately(s->tid[i]))
			continue;
		if (find_task(s->tid[i], &v)) {
			ask_kernel(j, v.tid, &k);
			put_task(o, j, have, &v, &k);
		} else {
			s->tid[left++] = s->tid[i];
		}
	}
	return left;
}

/*
 * Most are being born or dying: a moment later they are in the table, or gone. As long as there are
 * records of threads that have not begun, a stranger may be one of them.
 */
static void put_strangers(struct snap_out *o, struct snap_job *j, const struct snap_bounds *have,
                          struct strangers *s)
{
	for (int looks = 0; looks < 10; looks++) {
		bool unborn = task_unborn() > 0;

		s->n = put_found(o, j, have, s);
		if (!s->n || !unborn)
			break;
		snap_moment();
	}
	/* On a busy machine a thread may wait for longer until it runs for the first time. */
	if (s->n <= task_unborn())
		return;
	for (uint32_t i = 0; i < s->n; i++)
		put_unseen(o, j, have, s->tid[i]);
}

void snap_each_number(const char *folder, int *fd, void (*fn)(uint32_t number, void *arg),
                      void *arg)
{
	static char buf[8192] __attribute__((aligned(8))); /* one snapshot at a time */

	sys_each_number(folder, buf, sizeof(buf), fd, fn, arg);
}

static void put_task_sums(struct snap_out *o, const struct snap_bounds *have)
{
	uint32_t n = task_site_count();

	snap_record(o, FMT_TASK_SUM);
	for (uint32_t i = 0; i < n; i++) {
		struct task_site s;

		task_site_get(i, &s);
		if (!s.count)
			continue;
		snap_item(o);
		snap_put_node(o, have, s.stack);
		snap_put_function(o, have, s.start);
		snap_u(o, s.count);
		snap_u(o, s.joined);
		snap_u(o, s.detached);
		snap_u(o, s.cpu_ns);
		snap_u(o, s.life_ns);
	}
	snap_record_end(o);
}

static void put_unknown(struct snap_out *o, struct snap_job *j, const struct snap_bounds *have,
                        const struct tids *known)
{
	struct strangers s = {.known = known, .room = 1 << 15, .pid = j->pid};
	char path[64];
	struct text t = TEXT(path);
	int fd;

	s.tid = snap_scratch(s.room * sizeof(*s.tid));
	if (!s.tid)
		return;
	text_str(&t, j->proc);
	text_str(&t, "/task");
	snap_each_number(path, &fd, note_stranger, &s);
	put_strangers(o, j, have, &s);
	snap_scratch_free(s.tid);
}

void snap_tasks(struct snap_out *o, struct snap_job *j, const struct snap_bounds *have)
{
	struct tids known = {NULL, 0};
	uint32_t room = 1024;

	while (room < task_slots() * 4)
		room *= 2;
	known.slot = snap_scratch(room * sizeof(*known.slot));
	known.mask = room - 1;
	g_listed = numbers_agree(j);
	snap_record(o, FMT_TASK);
	put_known(o, j, have, &known);
	if (known.slot && g_listed)
		put_unknown(o, j, have, &known);
	snap_record_end(o);
	snap_scratch_free(known.slot);
	if (g_listed) {
		snap_waits(o, j);
		snap_stands(o, j, have);
	}
	if (g_track_waits)
		snap_trace(o, j, have);
	put_task_sums(o, have);
}

/* ---- timers ---- */

static void put_timer(struct snap_out *o, const struct snap_job *j, const struct snap_bounds *have,
                      const struct timer_view *v)
{
	uint64_t since = j->begin_ns > v->set_ns ? j->begin_ns - v->set_ns : 0, left = 0, fired = 0;

	/* The time that a clock of CPU time shows is the program's to know. */
	if (v->value_ns && v->cpu_clock) {
		left = v->value_ns;
	} else if (v->value_ns) {
		bool due = since >= v->value_ns;

		if (due)
			fired = 1 + (v->interval_ns ? (since - v->value_ns) / v->interval_ns : 0);
		if (!due)
			left = v->value_ns - since;
		else if (v->interval_ns)
			left = v->interval_ns - (since - v->value_ns) % v->interval_ns;
	}
	/* One that has gone off and will not again is no timer any more. */
	if (v->kind == FMT_TIMER_ITIMER && !left)
		return;
	snap_item(o);
	snap_u(o, v->kind);
	snap_u(o, v->id);
	snap_u(o, (left ? FMT_TIMER_FLAG_ARMED : 0u) | (fired ? FMT_TIMER_FLAG_FIRED : 0u) |
	                  (intended_timer(v->serial) ? FMT_TIMER_FLAG_INTENDED : 0u));
	snap_put_node(o, have, v->stack);
	snap_u(o, v->task);
	snap_u(o, snap_uptime(j, v->born_ns));
	snap_u(o, v->interval_ns);
	snap_u(o, left);
	snap_u(o, fired);
	snap_u(o, 0);
	snap_u(o, v->kind == FMT_TIMER_POSIX ? v->notify + 1 : 0);
	snap_u(o, v->signal);
}

void snap_timers(struct snap_out *o, const struct snap_job *j, const struct snap_bounds *have)
{
	uint32_t n = timer_slots();

	snap_record(o, FMT_TIMER);
	for (uint32_t i = 0; i < n; i++) {
		struct timer_view v;

		if (timer_get(i, &v))
			put_timer(o, j, have, &v);
	}
	snap_fd_timers(o, j, have);
	snap_record_end(o);
	snap_record(o, FMT_TIMER_SUM);
	n = timer_site_count();
	for (uint32_t i = 0; i < n; i++) {
		struct timer_site s;

		timer_site_get(i, &s);
		if (!s.created)
			continue;
		snap_item(o);
		snap_put_node(o, have, s.stack);
		snap_u(o, s.kind);
		snap_u(o, s.created);
		snap_u(o, s.deleted);
	}
	snap_record_end(o);
}
