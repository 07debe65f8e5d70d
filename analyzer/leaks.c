/*
 * leaks.c - which thread, timer or descriptor is a leak, and what all of them are called.
 *
 * Accuses only what was seen being made: what came by paths that no hook sees has no leak kind,
 * whatever its state. Most is a leak at the process's end alone; `final` says that it is there.
 */
#include "kinds.h"

const char *const kind_name[N_KINDS] = {"threads", "timers", "fds"};

#define LEAK_TEXT(name, text, meaning)    [LEAK_##name] = (text),
#define LEAK_MEANING(name, text, meaning) [LEAK_##name] = (meaning),
const char *const leak_name[N_LEAKS] = {LEAKS(LEAK_TEXT)};
const char *const leak_meaning[N_LEAKS] = {LEAKS(LEAK_MEANING)};

bool snapshot_is_final(const struct snapshot *s)
{
	uint64_t reason = INFO_U(&s->info, REASON);

	return reason >= FMT_REASON_EXIT && reason <= FMT_REASON_EXEC;
}

enum leak leak_of_task(const struct task *t, bool final)
{
	/* Proven, whoever made it. */
	if (t->stuck)
		return LEAK_BLOCKED;
	if (t->flags & (FMT_TASK_FLAG_MAIN | FMT_TASK_FLAG_ADOPTED | FMT_TASK_FLAG_UNSEEN |
	                FMT_TASK_FLAG_NOTIFY | FMT_TASK_FLAG_INTENDED))
		return LEAK_NONE;
	if (t->state == FMT_TASK_ENDED)
		return t->flags & FMT_TASK_FLAG_DETACHED ? LEAK_NONE : LEAK_UNJOINED;
	return final ? LEAK_RUNNING : LEAK_NONE;
}

enum leak leak_of_task_in(const struct snapshot *s, const struct task *t, bool final)
{
	return leak_of_task(t, final && (!t->tid || t->tid != INFO_U(&s->info, THREAD)));
}

bool timer_is_armed(const struct timer *t)
{
	/* The kernel starts a timerfd's next interval when the last expiration is read. */
	return t->flags & FMT_TIMER_FLAG_ARMED ||
	       (t->kind == FMT_TIMER_FD && t->interval_ns && t->expirations);
}

/*
 * While the process runs, an expiration may be just about to be read; where the interval is long,
 * that is hardly so. An armed setitimer or alarm without an interval is a watchdog that was not
 * needed.
 */
enum leak leak_of_timer(const struct timer *t, bool final)
{
	const uint64_t often_ns = 100 * 1000000;

	if (t->flags & FMT_TIMER_FLAG_INTENDED)
		return LEAK_NONE;
	if (t->kind == FMT_TIMER_FD && t->expirations &&
	    (final || !t->interval_ns || t->interval_ns >= often_ns))
		return LEAK_UNREAD;
	if (final && timer_is_armed(t) && t->interval_ns)
		return LEAK_FIRING;
	return final && t->kind == FMT_TIMER_POSIX ? LEAK_UNDELETED : LEAK_NONE;
}

enum leak leak_of_fd(const struct fd *f, bool final, bool exec)
{
	if (!final || f->fd <= 2 ||
	    f->flags & (FMT_FD_FLAG_INHERITED | FMT_FD_FLAG_UNSEEN | FMT_FD_FLAG_OWN |
	                FMT_FD_FLAG_INTENDED))
		return LEAK_NONE;
	/* exec closes it: that is what the flag is for. */
	return exec && f->flags & FMT_FD_FLAG_CLOEXEC ? LEAK_NONE : LEAK_OPEN;
}

/* ---- names ---- */

const char *start_text(const struct snapshot *s, uint32_t location)
{
	char address[40];

	if (location == LOCATION_NONE)
		return NULL;
	const struct location *loc = &s->location[location];
	if (loc->n_lines && loc->line[loc->n_lines - 1].function)
		return loc->line[loc->n_lines - 1].function;
	const char *base = module_basename(&s->module[loc->module]);
	snprintf(address, sizeof(address), "%s0x%llx", *base ? "+" : "",
	         (unsigned long long)loc->address);
	struct str text = {0};
	str_add(&text, base);
	str_add(&text, address);
	const char *interned = intern(text.data);
	str_free(&text);
	return interned;
}

const char *group_type_text(const struct group *g)
{
	if (g->kind == KIND_THREADS)
		return g->leak == LEAK_BLOCKED ? "blocked" : task_state_text(g->type);
	if (g->kind == KIND_TIMERS)
		return timer_type_text(g->type);
	return g->bad_close ? "close" : fd_type_text(g->type);
}

uint64_t kinds_lost(const struct snapshot *s)
{
	return addu_sat(s->audit[FMT_AUDIT_LOST_THREADS],
	                addu_sat(s->audit[FMT_AUDIT_LOST_FDS], s->audit[FMT_AUDIT_LOST_TIMERS]));
}

const char *task_state_text(uint32_t state)
{
	return state == FMT_TASK_ENDED ? "ended" : "running";
}

const char *timer_type_text(uint32_t kind)
{
	return kind == FMT_TIMER_POSIX ? "posix" : kind == FMT_TIMER_FD ? "timerfd" : "itimer";
}

const char *fd_type_text(uint32_t kind)
{
	static const char *const text[] = {
	        [FMT_FD_UNKNOWN] = "unknown", [FMT_FD_FILE] = "file",
	        [FMT_FD_SOCKET] = "socket",   [FMT_FD_PIPE] = "pipe",
	        [FMT_FD_EPOLL] = "epoll",     [FMT_FD_EVENTFD] = "eventfd",
	        [FMT_FD_TIMERFD] = "timerfd", [FMT_FD_SIGNALFD] = "signalfd",
	        [FMT_FD_INOTIFY] = "inotify", [FMT_FD_MEMFD] = "memfd",
	        [FMT_FD_PIDFD] = "pidfd",     [FMT_FD_DIRECTORY] = "directory",
	        [FMT_FD_DEVICE] = "device",   [FMT_FD_OTHER] = "other",
	};

	return kind < sizeof(text) / sizeof(*text) ? text[kind] : "other";
}

const char fd_kept_by_libc[] = "kept by libc";

const char *fd_origin_text(uint32_t flags)
{
	if (flags & FMT_FD_FLAG_OWN)
		return "outlive";
	if (flags & FMT_FD_FLAG_INHERITED)
		return "inherited";
	return flags & FMT_FD_FLAG_UNSEEN ? "unseen" : "hooked";
}
