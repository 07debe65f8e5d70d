/*
 * wait_reason.c - from a system call's number and arguments to what a person would say that the
 * thread waits for. Pure: reads no memory, no file. Numbers are this processor's.
 */
#include "wait_reason.h"

#include <linux/futex.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

/* ---- what /proc shows ---- */

bool wait_call_parse(const char *text, struct wait_call *call)
{
	uint64_t v[8];
	char *end;
	int n = 0;

	*call = (struct wait_call){.number = WAIT_NO_CALL};
	int64_t number = strtoll(text, &end, 10);
	if (end == text)
		return false;
	for (const char *at = end; n < 8; n++, at = end) {
		v[n] = strtoull(at, &end, 16);
		if (end == at)
			break;
	}
	if (n != 8 && n != 2)
		return false;
	call->sp = v[n - 2];
	call->pc = v[n - 1];
	if (n == 8) {
		call->number = number;
		memcpy(call->args, v, sizeof(call->args));
	}
	return true;
}

static bool is_restarted(int64_t number)
{
	return number == SYS_poll || number == SYS_nanosleep || number == SYS_futex ||
	       number == SYS_clock_nanosleep;
}

void wait_call_restarted(struct wait_call *call, const uint8_t code[WAIT_CODE_BYTES])
{
	if (call->number != SYS_restart_syscall)
		return;
	int64_t number = machine_number_in(code, WAIT_CODE_BYTES, is_restarted);

	if (number >= 0)
		call->number = number;
}

/* ---- the calls ---- */

/* What an argument says of a limit of time. */
enum limit {
	NO_LIMIT,
	LIMIT, /* there always is one */
	POINTER_0,
	POINTER_2 = POINTER_0 + 2,
	POINTER_3,
	POINTER_4,
	MILLISECONDS_0,
	MILLISECONDS_2 = MILLISECONDS_0 + 2,
	MILLISECONDS_3
};

/* clang-format off */
static const struct call {
	long number;
	const char *name;
	enum wait_kind kind;
	int fd; /* argument that is a descriptor, or -1 */
	enum limit limit;
} calls[] = {
        {SYS_read, "read", WAIT_READ, 0, NO_LIMIT},
        {SYS_pread64, "pread64", WAIT_READ, 0, NO_LIMIT},
        {SYS_readv, "readv", WAIT_READ, 0, NO_LIMIT},
        {SYS_preadv, "preadv", WAIT_READ, 0, NO_LIMIT},
        {SYS_preadv2, "preadv2", WAIT_READ, 0, NO_LIMIT},
        {SYS_splice, "splice", WAIT_READ, 0, NO_LIMIT},
        {SYS_write, "write", WAIT_WRITE, 0, NO_LIMIT},
        {SYS_pwrite64, "pwrite64", WAIT_WRITE, 0, NO_LIMIT},
        {SYS_writev, "writev", WAIT_WRITE, 0, NO_LIMIT},
        {SYS_pwritev, "pwritev", WAIT_WRITE, 0, NO_LIMIT},
        {SYS_sendfile, "sendfile", WAIT_WRITE, 0, NO_LIMIT},
        {SYS_fsync, "fsync", WAIT_WRITE, 0, NO_LIMIT},
        {SYS_fdatasync, "fdatasync", WAIT_WRITE, 0, NO_LIMIT},
        {SYS_recvfrom, "recvfrom", WAIT_RECV, 0, NO_LIMIT},
        {SYS_recvmsg, "recvmsg", WAIT_RECV, 0, NO_LIMIT},
        {SYS_recvmmsg, "recvmmsg", WAIT_RECV, 0, POINTER_4},
        {SYS_sendto, "sendto", WAIT_SEND, 0, NO_LIMIT},
        {SYS_sendmsg, "sendmsg", WAIT_SEND, 0, NO_LIMIT},
        {SYS_sendmmsg, "sendmmsg", WAIT_SEND, 0, NO_LIMIT},
        {SYS_accept, "accept", WAIT_ACCEPT, 0, NO_LIMIT},
        {SYS_accept4, "accept4", WAIT_ACCEPT, 0, NO_LIMIT},
        {SYS_connect, "connect", WAIT_CONNECT, 0, NO_LIMIT},
        {SYS_poll, "poll", WAIT_POLL, -1, MILLISECONDS_2},
        {SYS_ppoll, "ppoll", WAIT_POLL, -1, POINTER_2},
        {SYS_select, "select", WAIT_SELECT, -1, POINTER_4},
        {SYS_pselect6, "pselect6", WAIT_SELECT, -1, POINTER_4},
        {SYS_epoll_wait, "epoll_wait", WAIT_EPOLL, 0, MILLISECONDS_3},
        {SYS_epoll_pwait, "epoll_pwait", WAIT_EPOLL, 0, MILLISECONDS_3},
        {SYS_epoll_pwait2, "epoll_pwait2", WAIT_EPOLL, 0, POINTER_3},
        {SYS_nanosleep, "nanosleep", WAIT_SLEEP, -1, LIMIT},
        {SYS_clock_nanosleep, "clock_nanosleep", WAIT_SLEEP, -1, LIMIT},
        {SYS_pause, "pause", WAIT_SIGNAL, -1, NO_LIMIT},
        {SYS_rt_sigsuspend, "rt_sigsuspend", WAIT_SIGNAL, -1, NO_LIMIT},
        {SYS_rt_sigtimedwait, "rt_sigtimedwait", WAIT_SIGNAL, -1, POINTER_2},
        {SYS_wait4, "wait4", WAIT_CHILD, -1, NO_LIMIT},
        {SYS_waitid, "waitid", WAIT_CHILD, -1, NO_LIMIT},
        {SYS_vfork, "vfork", WAIT_CHILD, -1, NO_LIMIT},
        {SYS_flock, "flock", WAIT_FLOCK, 0, NO_LIMIT},
        {SYS_fcntl, "fcntl", WAIT_FLOCK, 0, NO_LIMIT},
        {SYS_msgrcv, "msgrcv", WAIT_MESSAGE, -1, NO_LIMIT},
        {SYS_msgsnd, "msgsnd", WAIT_MESSAGE, -1, NO_LIMIT},
        {SYS_mq_timedreceive, "mq_timedreceive", WAIT_MESSAGE, 0, POINTER_4},
        {SYS_mq_timedsend, "mq_timedsend", WAIT_MESSAGE, 0, POINTER_4},
        {SYS_semop, "semop", WAIT_SEM, -1, NO_LIMIT},
        {SYS_semtimedop, "semtimedop", WAIT_SEM, -1, POINTER_3},
        {SYS_io_getevents, "io_getevents", WAIT_IO, -1, POINTER_4},
        {SYS_io_pgetevents, "io_pgetevents", WAIT_IO, -1, POINTER_4},
        {SYS_io_uring_enter, "io_uring_enter", WAIT_IO, 0, NO_LIMIT},
        {SYS_futex, "futex", WAIT_FUTEX, -1, NO_LIMIT},
        {449, "futex_waitv", WAIT_FUTEX, -1, POINTER_3},
        {SYS_restart_syscall, "restart_syscall", WAIT_CALL, -1, LIMIT},
        {SYS_open, "open", WAIT_CALL, -1, NO_LIMIT}, /* a FIFO */
        {SYS_openat, "openat", WAIT_CALL, -1, NO_LIMIT},
        {SYS_ioctl, "ioctl", WAIT_CALL, 0, NO_LIMIT},
        {SYS_getrandom, "getrandom", WAIT_CALL, -1, NO_LIMIT},
        {SYS_clone, "clone", WAIT_CALL, -1, NO_LIMIT},
        {435, "clone3", WAIT_CALL, -1, NO_LIMIT},
        {SYS_exit, "exit", WAIT_CALL, -1, NO_LIMIT},
        {SYS_exit_group, "exit_group", WAIT_CALL, -1, NO_LIMIT},
};
/* clang-format on */

static const struct call *call_of(int64_t number)
{
	for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++)
		if (calls[i].number == number)
			return &calls[i];
	return NULL;
}

static bool is_limited(const struct call *c, const struct wait_call *call)
{
	if (c->limit >= MILLISECONDS_0)
		return (int32_t)call->args[c->limit - MILLISECONDS_0] >= 0;
	if (c->limit >= POINTER_0)
		return call->args[c->limit - POINTER_0] != 0;
	return c->limit == LIMIT;
}

static void decode_futex(const struct wait_call *call, struct wait_reason *r)
{
	uint64_t op = call->args[1] & FUTEX_CMD_MASK;

	r->address = call->args[0];
	r->expected = (uint32_t)call->args[2];
	r->shared = !(call->args[1] & FUTEX_PRIVATE_FLAG);
	r->inherits = op == FUTEX_LOCK_PI || op == FUTEX_LOCK_PI2;
	r->timed = call->args[3] != 0;
	if (r->inherits) {
		r->kind = WAIT_MUTEX;
		return;
	}
	/* Others never sleep long, and have other arguments. */
	if (op != FUTEX_WAIT && op != FUTEX_WAIT_BITSET && op != FUTEX_WAIT_REQUEUE_PI)
		r->timed = false;
}

void wait_reason_decode(const struct wait_call *call, struct wait_reason *r)
{
	const struct call *c = call_of(call->number);

	*r = (struct wait_reason){.kind = WAIT_CALL, .number = call->number, .fd = -1};
	if (call->number < 0) {
		r->kind = WAIT_MEMORY;
		return;
	}
	if (!c)
		return;
	r->kind = c->kind;
	r->timed = is_limited(c, call);
	if (c->fd >= 0)
		r->fd = (int32_t)call->args[c->fd];
	switch (call->number) {
	case SYS_futex:
		decode_futex(call, r);
		break;
	case SYS_poll:
	case SYS_ppoll:
		r->address = call->args[0];
		r->n_fds = (uint32_t)call->args[1];
		break;
	case SYS_select:
	case SYS_pselect6:
		r->address = call->args[1]; /* of those to read */
		r->n_fds = (uint32_t)call->args[0];
		break;
	case SYS_wait4:
		r->child = (int32_t)call->args[0];
		break;
	case SYS_waitid:
		r->child = call->args[0] == 1 ? (int32_t)call->args[1] : -1; /* P_PID */
		break;
	case SYS_vfork:
		r->child = -1;
		break;
	default:
		break;
	}
	if ((r->kind == WAIT_POLL || r->kind == WAIT_SELECT) && !r->n_fds)
		r->kind = r->timed ? WAIT_SLEEP : WAIT_SIGNAL;
}

/* ---- what a futex is to libc ---- */

void wait_reason_futex(struct wait_reason *r)
{
	*r = (struct wait_reason){.kind = WAIT_FUTEX, .number = SYS_futex, .fd = -1};
}

void wait_reason_function(struct wait_reason *r, const char *name)
{
	static const struct {
		const char *function;
		enum wait_kind kind;
	} waits[] = {
	        {"pthread_cond_", WAIT_COND},
	        {"cnd_", WAIT_COND},
	        {"pthread_mutex_", WAIT_MUTEX},
	        {"mtx_", WAIT_MUTEX},
	        {"sem_", WAIT_SEM},
	        {"new_sem_", WAIT_SEM},
	        {"old_sem_", WAIT_SEM},
	        {"pthread_rwlock_", WAIT_RWLOCK},
	        {"pthread_barrier_", WAIT_BARRIER},
	        {"pthread_once", WAIT_ONCE},
	        {"cxa_guard_acquire", WAIT_ONCE},
	        {"pthread_clockjoin", WAIT_JOIN},
	        {"pthread_timedjoin", WAIT_JOIN},
	        {"pthread_join", WAIT_JOIN},
	        {"thrd_join", WAIT_JOIN},
	        {"lll_lock_wait", WAIT_LOCK},
	};
	/* ___pthread_mutex_lock, __new_sem_wait */
	const char *plain = name ? name + strspn(name, "_") : NULL;

	if (!plain || r->number != SYS_futex)
		return;
	for (size_t i = 0; i < sizeof(waits) / sizeof(*waits); i++)
		if (!strncmp(plain, waits[i].function, strlen(waits[i].function))) {
			/* The lock in a condition variable's wait is the mutex; lll_lock_wait is
			 * everybody's innermost. */
			if (waits[i].kind == WAIT_COND && r->kind == WAIT_MUTEX)
				return;
			r->kind = waits[i].kind;
			r->by_function = true;
			return;
		}
}

/* ---- words ---- */

const char *wait_kind_word(enum wait_kind kind)
{
#define WAIT_WORD(name, word, json) word,
	static const char *const words[] = {WAIT_KINDS(WAIT_WORD)};
#undef WAIT_WORD
	return kind < WAIT_KIND_COUNT ? words[kind] : words[WAIT_UNKNOWN];
}

const char *wait_kind_json(enum wait_kind kind)
{
#define WAIT_JSON(name, word, json) json,
	static const char *const words[] = {WAIT_KINDS(WAIT_JSON)};
#undef WAIT_JSON
	return kind < WAIT_KIND_COUNT ? words[kind] : words[WAIT_UNKNOWN];
}

const char *wait_call_name(char buf[32], int64_t number)
{
	const struct call *c = call_of(number);

	if (c)
		return c->name;
	snprintf(buf, 32, "%d", (int)number);
	return buf;
}

static void add_owner(struct str *s, const struct wait_reason *r)
{
	if (!r->owner)
		return;
	if (r->kind == WAIT_JOIN)
		str_addf(s, "%sof thread %u", s->len ? ", " : "", r->owner);
	else
		str_addf(s, "%sheld by thread %u", s->len ? ", " : "", r->owner);
	if (r->owner_ended)
		str_add(s, ", which has ended");
}

void wait_reason_words(struct str *s, const struct wait_reason *r)
{
	char name[32];

	if (r->kind == WAIT_CALL)
		str_add(s, wait_call_name(name, r->number));
	if (r->fd >= 0) {
		str_addf(s, "%sfd %lld", s->len ? " " : "", (long long)r->fd);
		if (r->names)
			str_addf(s, " (%s)", r->names);
	} else if (r->names) {
		str_add(s, r->names);
	} else if (r->kind == WAIT_POLL) {
		str_addf(s, "%u descriptor%s", r->n_fds, r->n_fds == 1 ? "" : "s");
	}
	if (r->kind >= WAIT_FUTEX && r->kind <= WAIT_LOCK && r->address)
		str_addf(s, "0x%llx", (unsigned long long)r->address);
	add_owner(s, r);
	if (r->kind == WAIT_CHILD && r->child > 0)
		str_addf(s, "pid %lld", (long long)r->child);
	if (r->timed && r->kind != WAIT_SLEEP)
		str_addf(s, "%swith a limit of time", s->len ? ", " : "");
}
