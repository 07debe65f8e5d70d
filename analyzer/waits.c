/*
 * waits.c - from the system call that a thread of a snapshot was in, and from its stack, to what it
 * waits for; and the waits of two snapshots of one run, held against each other. The kernel counts
 * how often a thread has gone to sleep: one that has done so as often at both moments, in the same
 * call, has slept all the while.
 */
#include "waits.h"

#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

enum {
	FUTEX_FRAMES = 8, /* in which libc's own function stands */
	LOCKED_WITH_WAITERS = 2
};

static int by_tid(const void *key, const void *item)
{
	uint32_t tid = *(const uint32_t *)key, other = ((const struct wait *)item)->tid;

	return tid < other ? -1 : tid > other;
}

const struct wait *waits_of_tid(const struct snapshot *s, uint32_t tid)
{
	return s->n_waits ? bsearch(&tid, s->wait, s->n_waits, sizeof(*s->wait), by_tid) : NULL;
}

bool waits_since(const struct snapshot *a, const struct snapshot *b, const struct task *t)
{
	const struct wait *now = t->wait ? &b->wait[t->wait - 1] : NULL;

	if (!now || !now->switches || !a || !snapshot_same_run(a, b))
		return false;
	const struct wait *then = waits_of_tid(a, t->tid);
	/* The number may have been another thread's then. Who takes a snapshot is waked by that,
	 * and its sleeps are counted without those. */
	return then && then->switches == now->switches && then->call == now->call &&
	       then->interrupted == now->interrupted &&
	       !memcmp(then->args, now->args, sizeof(now->args)) &&
	       t->born_ns < INFO_U(&a->info, UPTIME) &&
	       INFO_U(&b->info, UPTIME) > INFO_U(&a->info, UPTIME);
}

uint64_t waits_ns(const struct snapshot *a, const struct snapshot *b, const struct task *t)
{
	const struct wait *now = t->wait ? &b->wait[t->wait - 1] : NULL;
	uint64_t ns = now && now->idle_known ? now->idle_ns : 0, since = 0;

	if (waits_since(a, b, t))
		since = INFO_U(&b->info, UPTIME) - INFO_U(&a->info, UPTIME);
	return ns > since ? ns : since;
}

/* ---- what for ---- */

/* Most who hold something wait for something else. The others are looked for among the first
 * thousands only: a file may name any number. */
static bool is_thread(const struct snapshot *s, uint32_t tid)
{
	if (waits_of_tid(s, tid))
		return true;
	for (uint32_t i = 0; tid && i < s->n_tasks && i < 4096; i++)
		if (s->task[i].tid == tid && s->task[i].state == FMT_TASK_RUNNING)
			return true;
	return false;
}

/* The layout of glibc's pthread_mutex_t: lock, count, owner, number of users; a thread's number in
 * its control block becomes 0 when it ends. */
static void look_at_futex(struct wait_reason *r, const struct snapshot *s, const struct wait *w)
{
	uint32_t lock = (uint32_t)w->word[0], owner = (uint32_t)w->word[1];

	if (lock != r->expected ||
	    (r->kind != WAIT_FUTEX && r->kind != WAIT_MUTEX && r->kind != WAIT_JOIN))
		return;
	if (r->kind != WAIT_JOIN && lock == LOCKED_WITH_WAITERS && is_thread(s, owner)) {
		r->kind = WAIT_MUTEX;
		r->owner = owner;
	} else if (r->kind == WAIT_MUTEX && lock == LOCKED_WITH_WAITERS && owner && !r->shared) {
		r->owner = owner;
		r->owner_ended = true;
	} else if (r->kind != WAIT_MUTEX && lock > LOCKED_WITH_WAITERS && is_thread(s, lock)) {
		r->kind = WAIT_JOIN;
		r->owner = lock;
	}
}

static bool is_cxx_runtime(const struct module *m)
{
	const char *base = module_basename(m);

	return !strncmp(base, "libstdc++.so", 12) || !strncmp(base, "libc++", 6);
}

/* libc's own functions alone: whoever called them may have been called by one, as the function of a
 * pthread_once(), and waits for something else. */
void waits_functions(const struct snapshot *s, uint32_t stack, struct wait_reason *r)
{
	uint32_t node = s->stack[stack].node;
	uint32_t libc = node ? s->location[s->node[node].location].module : 0;

	for (unsigned n = 0; r->number == SYS_futex && node && n < FUTEX_FRAMES;
	     node = s->node[node].parent, n++) {
		const struct location *loc = &s->location[s->node[node].location];

		if (loc->module != libc && !is_cxx_runtime(&s->module[loc->module]))
			return;
		wait_reason_function(r, loc->n_lines ? loc->line[loc->n_lines - 1].function : NULL);
	}
}

static const char *fd_names(const struct snapshot *s, int64_t fd)
{
	for (uint32_t i = 0; fd >= 0 && i < s->n_fds; i++)
		if (s->fd[i].fd == (uint64_t)fd)
			return *s->fd[i].names ? s->fd[i].names : NULL;
	return NULL;
}

/* Of functions of the kernel that threads sleep in, where no call is told: Linux 4.0 to 6.12. */
static enum wait_kind kind_of_kernel(const char *function)
{
	static const struct {
		const char *part;
		enum wait_kind kind;
	} known[] = {
	        {"futex", WAIT_FUTEX},         {"ep_poll", WAIT_EPOLL},
	        {"epoll", WAIT_EPOLL},         {"poll_sched", WAIT_POLL},
	        {"do_sys_poll", WAIT_POLL},    {"do_select", WAIT_SELECT},
	        {"nanosleep", WAIT_SLEEP},     {"accept", WAIT_ACCEPT},
	        {"recv", WAIT_RECV},           {"pipe_read", WAIT_READ},
	        {"pipe_write", WAIT_WRITE},    {"do_wait", WAIT_CHILD},
	        {"sigtimedwait", WAIT_SIGNAL}, {"sigsuspend", WAIT_SIGNAL},
	        {"pause", WAIT_SIGNAL},        {"stream_read", WAIT_RECV},
	        {"eventfd_read", WAIT_READ},   {"n_tty_read", WAIT_READ},
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (strstr(function, known[i].part))
			return known[i].kind;
	return WAIT_UNKNOWN;
}

/* A call that goes on after a stop is restart_syscall to the kernel, with the arguments that it
 * had: libc's function says which it was. */
static void find_restarted(const struct snapshot *s, uint32_t stack, struct wait_call *call)
{
	static const struct {
		const char *part;
		long number;
	} known[] = {{"nanosleep", SYS_clock_nanosleep},
	             {"poll", SYS_poll},
	             {"futex", SYS_futex},
	             {"pthread_", SYS_futex},
	             {"sem_", SYS_futex}};
	unsigned n = 0;

	if (call->number != SYS_restart_syscall)
		return;
	for (uint32_t node = s->stack[stack].node; node && n < FUTEX_FRAMES;
	     node = s->node[node].parent, n++) {
		const struct location *loc = &s->location[s->node[node].location];
		const char *name = loc->n_lines ? loc->line[loc->n_lines - 1].function : NULL;

		for (size_t i = 0; name && i < sizeof(known) / sizeof(*known); i++)
			if (strstr(name, known[i].part)) {
				call->number = known[i].number;
				return;
			}
	}
}

bool waits_reason(const struct snapshot *s, const struct task *t, struct wait_reason *r)
{
	const struct wait *w = t->wait ? &s->wait[t->wait - 1] : NULL;

	if (!w)
		return false;
	memset(r, 0, sizeof(*r));
	r->fd = -1;
	r->number = WAIT_NO_CALL;
	/* Another processor's calls have other numbers. */
	if (!w->call || strcmp(INFO_S(&s->info, MACHINE), MACHINE_INFO)) {
		r->kind = kind_of_kernel(w->kernel);
		return *w->kernel != 0;
	}
	struct wait_call call = {.number = (int64_t)w->call - 1};
	memcpy(call.args, w->args, sizeof(call.args));
	find_restarted(s, w->stack, &call);
	wait_reason_decode(&call, r);
	waits_functions(s, w->stack, r);
	look_at_futex(r, s, w);
	r->names = fd_names(s, r->fd);
	return true;
}
