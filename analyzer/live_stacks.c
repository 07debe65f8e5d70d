/*
 * live_stacks.c - takes the stacks of a live process: which threads, each thread's stack asleep or
 * stopped, names, what each waits for, groups. Context: the analyzer; changes nothing in the
 * process.
 */
#include "live_stacks.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "elf_image.h"
#include "idle.h"
#include "live_build.h"
#include "live_locks.h"
#include "live_made.h"
#include "live_stop.h"
#include "live_thread.h"
#include "symbolize.h"
#include "wait_fd.h"
#include "waits.h"

enum {
	MOST_FRAMES = 1024,
	SLEEPER_BYTES = 256 << 10, /* what is more is read when it is needed */
	STOPPED_BYTES = 1 << 20,
	TRIES = 3,
	RETURNS = 20
};

struct taking {
	const struct live_options *o;
	struct target target;
	struct live_maps maps;
	struct live_modules modules;
	struct unwinder *unwinder;
	struct live_build build;
	struct live_copy copy;
	bool in_copy_only; /* the thread runs on: of its stack only the copy holds */
	struct thread_clock clock;
	struct live_stacks *l;
	uint32_t cap_threads;
	int error; /* errno of the last thread that may not be looked at */
	struct unwind_frame frame[MOST_FRAMES];
};

/* ---- memory, for the unwinder ---- */

static bool read_word(void *arg, uint64_t address, uint64_t *word)
{
	const struct taking *t = arg;
	uint64_t at = address - t->copy.start;

	if (address >= t->copy.start && t->copy.n >= sizeof(*word) &&
	    at <= t->copy.n - sizeof(*word)) {
		memcpy(word, t->copy.data + at, sizeof(*word));
		return true;
	}
	const struct live_map *m = live_maps_find(&t->maps, address);
	if (t->in_copy_only && (!m || m->writable))
		return false;
	return m && live_read(t->target.pid, address, word, sizeof(*word)) == sizeof(*word);
}

static bool is_code(void *arg, uint64_t address)
{
	const struct taking *t = arg;
	const struct live_map *m = live_maps_find(&t->maps, address);

	return m && m->executable;
}

static enum unwind_end walk(struct taking *t, pid_t tid, const struct unwind_regs *regs,
                            uint32_t *n)
{
	const struct unwind_memory memory = {read_word, is_code, t};

	return unwinder_walk(t->unwinder, tid, regs, &memory, t->frame, MOST_FRAMES, n);
}

/* ---- one thread ---- */

static void note_look(struct live_thread *th, const struct thread_look *look)
{
	th->state = look->state;
	th->ns_tid = look->ns_tid;
	th->name = intern(look->name);
	th->switches = look->switches;
	th->call = look->call;
	th->has_call = look->has_call;
}

/* A thread that sleeps, read where it lies. False: it has run meanwhile, or callers are missing. */
static bool take_asleep(struct taking *t, struct live_thread *th, const struct thread_look *look)
{
	const struct wait_call *c = &look->call;
	struct unwind_regs regs = {.known = 1u << UNWIND_SP | 1u << UNWIND_PC};
	pid_t pid = t->target.pid, tid = (pid_t)th->tid;
	uint32_t n;

	regs.value[UNWIND_SP] = c->sp;
	regs.value[UNWIND_PC] = c->pc;
	/* A call changes none of its arguments. */
	for (unsigned i = 0; i < 6 && c->number >= 0; i++) {
		regs.known |= 1u << machine_argument(i);
		regs.value[machine_argument(i)] = c->args[i];
	}
	live_copy_stack(&t->copy, pid, &t->maps, c->sp, SLEEPER_BYTES);
	t->in_copy_only = false;
	enum unwind_end end = walk(t, tid, &regs, &n);
	if (!thread_unchanged(pid, tid, look))
		return false;
	th->stack = live_build_stack(&t->build, t->frame, n, end, c->number >= 0);
	wait_reason_decode(c, &th->wait);
	if (c->number < 0 && (look->state == 'T' || look->state == 't'))
		th->wait.kind = WAIT_STOPPED;
	if (end != UNWIND_CUT)
		return true;
	th->why = "its callers cannot be found without stopping it";
	return false;
}

static void note_stopped(struct taking *t, struct live_thread *th, const struct live_stopped *s)
{
	th->stopped = true;
	th->stopped_ns = s->stopped_ns;
	th->anew = s->anew;
	th->why = NULL;
	t->l->n_stopped++;
	t->l->n_anew += s->anew;
	if (s->stopped_ns > t->l->stopped_max_ns)
		t->l->stopped_max_ns = s->stopped_ns;
}

static void take_stopped(struct taking *t, struct live_thread *th)
{
	pid_t pid = t->target.pid, tid = (pid_t)th->tid;
	struct thread_look look;
	struct live_stopped s;
	uint32_t n;

	switch (live_stop(pid, tid, &t->maps, STOPPED_BYTES, &t->copy, &s)) {
	case LIVE_STOP_DONE:
		break;
	case LIVE_STOP_GONE:
		th->state = 0;
		return;
	case LIVE_STOP_LATE:
		th->why = "it did not stop when it was asked to";
		return;
	case LIVE_STOP_REFUSED:
		t->error = errno;
		th->why = errno == EPERM ? "the kernel does not allow to stop it"
		                         : "the kernel would not stop it";
		return;
	}
	note_stopped(t, th, &s);
	t->in_copy_only = true;
	enum unwind_end end = walk(t, tid, &s.regs, &n);
	th->stack = live_build_stack(&t->build, t->frame, n, end, s.call.number >= 0);
	wait_reason_decode(&s.call, &th->wait);
	if (s.call.number < 0)
		th->wait.kind = th->state == 'T' ? WAIT_STOPPED : WAIT_RUNNING;
	/* What locks are judged by: it has to be asleep again for that. */
	for (int i = 0; th->wait.kind == WAIT_FUTEX && i < RETURNS; i++) {
		if (thread_look(pid, tid, &look) && look.has_call) {
			note_look(th, &look);
			return;
		}
		usleep(100);
	}
}

/* What keeps us from stopping it, or NULL. */
static const char *unstoppable(const struct taking *t, const struct thread_look *look)
{
	if (t->o->no_stop)
		return look->has_call ? "its callers cannot be found without stopping it"
		                      : "it runs, and was not to be stopped";
	if (look->tracer)
		return "a debugger has it";
	if (look->state == 'D')
		return "it is in a sleep that nothing interrupts";
	if (look->has_call && live_stop_lengthens(t->target.pidfd, &look->call))
		return "its callers cannot be found without stopping it, and that would lengthen "
		       "the call's limit of time";
	return NULL;
}

static void take_thread(struct taking *t, struct live_thread *th)
{
	struct thread_look look;

	for (int i = 0; i < TRIES; i++) {
		if (!thread_look(t->target.pid, (pid_t)th->tid, &look))
			return;
		note_look(th, &look);
		th->wait = (struct wait_reason){.kind = WAIT_UNKNOWN, .number = -1, .fd = -1};
		th->why = NULL;
		th->stack = 0;
		if (look.state == 'Z' || look.state == 'X') {
			th->wait.kind = WAIT_ENDED;
			return;
		}
		if (look.error && look.error != ENOENT) { /* kernels without it: stop them all */
			t->error = look.error;
			th->why = "the kernel does not allow to look at it";
			return;
		}
		if (look.has_call && take_asleep(t, th, &look))
			return;
		if (th->why || look.state == 'R')
			break;
	}
	if (!look.has_call)
		th->wait.kind = look.state == 'R' ? WAIT_RUNNING : WAIT_UNKNOWN;
	const char *why = unstoppable(t, &look);
	if (!why)
		take_stopped(t, th);
	else
		th->why = why;
}

/* ---- all threads ---- */

static int take_all(struct taking *t, struct err *err)
{
	struct live_stacks *l = t->l;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/task", (int)t->target.pid);
	DIR *dir = opendir(path);
	if (!dir)
		return err_set(err, "cannot read %s: %s", path, strerror(errno));
	for (struct dirent *e; (e = readdir(dir));) {
		struct live_thread th = {.tid = (uint32_t)strtoul(e->d_name, NULL, 10), .name = ""};

		if (!th.tid)
			continue;
		/* First: a stop counts as a run. */
		th.idle_known = thread_idle(&t->clock, t->target.pid, (pid_t)th.tid, &th.idle_ns);
		take_thread(t, &th);
		if (!th.state) /* it ended meanwhile */
			continue;
		l->thread = xgrow(l->thread, l->n_threads, &t->cap_threads, sizeof(th));
		l->thread[l->n_threads++] = th;
		l->n_unread += !th.stack && th.wait.kind != WAIT_ENDED;
	}
	closedir(dir);
	live_stop_forget();
	return 0;
}

static int yama_scope(void)
{
	FILE *f = fopen("/proc/sys/kernel/yama/ptrace_scope", "re");
	int scope = f ? fgetc(f) : '0';

	if (f)
		fclose(f);
	return scope >= '0' && scope <= '9' ? scope - '0' : 0;
}

static int not_allowed(const struct target *t, int error, struct err *err)
{
	int scope = yama_scope();

	if (error != EPERM && error != EACCES)
		return err_set(err, "process %d (%s): cannot look at it: %s", (int)t->process,
		               t->comm, strerror(error));
	if (t->uid != geteuid() || t->euid != geteuid())
		return err_set(err,
		               "process %d (%s) is another user's: run this as that user or as "
		               "root",
		               (int)t->process, t->comm);
	if (scope)
		return err_set(err,
		               "process %d (%s): the kernel does not allow to look at it "
		               "(kernel.yama.ptrace_scope is %d): run this as root, or with the "
		               "capability CAP_SYS_PTRACE",
		               (int)t->process, t->comm, scope);
	return err_set(err,
	               "process %d (%s): the kernel does not allow to look at it (it hides its "
	               "memory, or a container's rules forbid ptrace): run this as root, or with "
	               "the capability CAP_SYS_PTRACE",
	               (int)t->process, t->comm);
}

/* ---- after the reading ---- */

static void find_idle(struct live_stacks *l, const struct rules *rules)
{
	for (uint32_t i = 0; rules && i < l->n_threads; i++) {
		struct live_thread *th = &l->thread[i];
		const struct idle_wait wait = {th->wait.kind, th->stack, LOCATION_NONE, th->name};

		th->idle = idle_find(rules, l->snapshot, &wait);
	}
}

static int by_stack(const void *a, const void *b)
{
	const struct live_thread *x = a, *y = b;

	if (x->stack != y->stack)
		return x->stack < y->stack ? -1 : 1;
	if (x->wait.kind != y->wait.kind)
		return x->wait.kind < y->wait.kind ? -1 : 1;
	if (x->idle != y->idle)
		return x->idle < y->idle ? -1 : 1;
	return (x->tid > y->tid) - (x->tid < y->tid);
}

static int by_size(const void *a, const void *b)
{
	const struct live_group *x = a, *y = b;

	if (x->idle != y->idle)
		return x->idle ? 1 : -1;

	if (x->n != y->n)
		return x->n > y->n ? -1 : 1;
	return (x->first > y->first) - (x->first < y->first);
}

static void group(struct live_stacks *l)
{
	uint32_t cap = 0;

	if (l->n_threads)
		qsort(l->thread, l->n_threads, sizeof(*l->thread), by_stack);
	for (uint32_t i = 0; i < l->n_threads; i++) {
		const struct live_thread *a = i ? &l->thread[i - 1] : NULL, *b = &l->thread[i];

		if (a && a->stack == b->stack && a->wait.kind == b->wait.kind &&
		    a->idle == b->idle) {
			l->group[l->n_groups - 1].n++;
			continue;
		}
		l->group = xgrow(l->group, l->n_groups, &cap, sizeof(*l->group));
		l->group[l->n_groups++] = (struct live_group){i, 1, b->idle != NULL};
	}
	if (l->n_groups)
		qsort(l->group, l->n_groups, sizeof(*l->group), by_size);
}

/* Languages whose own threads are not the kernel's. */
static const char *runtime_of(const struct taking *t)
{
	for (uint32_t i = 0; i < t->modules.n; i++) {
		const struct module *m = &t->modules.module[i];

		if (!strcmp(module_basename(m), "libjvm.so"))
			return "a Java program: frames of its own code have no names here; `jstack "
			       "PID` shows them";
		if (!i && m->file &&
		    (elf_image_has_section(m->file, ".gopclntab") ||
		     elf_image_has_section(m->file, ".data.rel.ro.gopclntab")))
			return "a Go program: goroutines that wait are on no thread and not among "
			       "these; /debug/pprof/goroutine or SIGQUIT shows them";
	}
	return NULL;
}

static void finish(struct taking *t)
{
	struct live_stacks *l = t->l;
	struct wait_fds fds = {.pid = t->target.pid};

	l->runtime = runtime_of(t);
	for (uint32_t i = 0; i < l->n_threads && !l->runtime; i++)
		if (l->thread[i].state == 'T')
			l->runtime = "stopped by a signal such as SIGSTOP: its threads stand where "
			             "they were";
	if (!t->o->no_names)
		symbolize_snapshot(l->snapshot, NULL, NULL);
	for (uint32_t i = 0; i < l->n_threads; i++) {
		waits_functions(l->snapshot, l->thread[i].stack, &l->thread[i].wait);
		wait_fd_fill(&fds, &l->thread[i].wait);
	}
	wait_fds_free(&fds);
	live_locks_owners(l, t->target.pid);
	find_idle(l, t->o->rules);
	group(l);
	live_locks_deadlocks(l, t->target.pid);
	/* Copies are closed soon, and their numbers other files' then. */
	for (uint32_t i = 0; i < l->snapshot->n_modules; i++)
		l->snapshot->module[i].file = NULL;
}

/*
 * A process whose first thread has ended goes on, but has no memory under its own number: any other
 * of its threads stands for it. 0: there is none.
 */
static pid_t living_thread(pid_t pid)
{
	struct thread_look look;
	char path[64];
	pid_t found = 0;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	DIR *dir = opendir(path);
	for (struct dirent *e; dir && !found && (e = readdir(dir));) {
		pid_t tid = (pid_t)strtol(e->d_name, NULL, 10);

		if (tid && tid != pid && thread_look(pid, tid, &look) && look.state != 'Z' &&
		    look.state != 'X')
			found = tid;
	}
	if (dir)
		closedir(dir);
	return found;
}

static int take(struct taking *t, pid_t pid, struct err *err)
{
	struct err why;

	if (target_open(&t->target, pid, err))
		return -1;
	if (t->target.state == 'Z')
		t->target.pid = living_thread(pid);
	if (!t->target.pid)
		return err_set(err, "process %d (%s) has ended", (int)pid, t->target.comm);
	errno = 0;
	if (live_maps_read(&t->maps, t->target.pid, &why))
		return not_allowed(&t->target, errno, err);
	if (!t->maps.n)
		return err_set(err, "%d (%s) has no memory of its own: the kernel's, or ending",
		               (int)pid, t->target.comm);
	live_modules_find(&t->modules, &t->target, &t->maps);
	if (unwinder_open(&t->unwinder, pid, t->modules.unwind, t->modules.n, &why))
		return err_set(err, "process %d (%s): %s", (int)pid, t->target.comm, why.text);
	thread_clock_open(&t->clock);
	live_build_begin(&t->build, &t->modules, t->unwinder, &t->target);
	t->l->snapshot = t->build.s;
	t->l->snapshot->info.u[FMT_INFO_PID] = (uint64_t)pid;
	if (take_all(t, err))
		return -1;
	/* Its number may be another's by now. */
	if (!t->l->n_threads || (t->target.pid == pid && !target_refresh(&t->target)))
		return err_set(err, "process %d (%s) has ended", (int)pid, t->target.comm);
	if (t->error && t->l->n_unread == t->l->n_threads)
		return not_allowed(&t->target, t->error, err);
	if (!t->o->no_made)
		live_made_read(t->l, &t->target, &t->build);
	finish(t);
	return 0;
}

int live_stacks_take(pid_t pid, const struct live_options *o, struct live_stacks **out,
                     struct err *err)
{
	static const struct live_options defaults;
	struct taking *t = xcalloc(1, sizeof(*t));

	t->o = o ? o : &defaults;
	t->target.pidfd = t->target.lock = -1;
	t->l = xcalloc(1, sizeof(*t->l));
	int r = take(t, pid, err);
	*out = r ? NULL : t->l;
	if (r)
		live_stacks_free(t->l);
	live_build_end(&t->build);
	unwinder_close(t->unwinder);
	live_modules_free(&t->modules);
	live_maps_free(&t->maps);
	target_close(&t->target);
	free(t->copy.data);
	free(t);
	return r;
}

void live_stacks_free(struct live_stacks *l)
{
	if (!l)
		return;
	for (uint32_t i = 0; i < l->n_deadlocks; i++)
		free(l->deadlock[i].thread);
	free(l->deadlock);
	free(l->group);
	free(l->thread);
	snapshot_free(l->snapshot);
	free(l);
}
