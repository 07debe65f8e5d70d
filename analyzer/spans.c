/*
 * spans.c - waits of the option trace, in the words that all waits have (wait_reason.h). Pure.
 */
#include "spans.h"

static const enum wait_kind kinds[FMT_SPAN_KINDS] = {
        [FMT_SPAN_MUTEX] = WAIT_MUTEX,   [FMT_SPAN_COND] = WAIT_COND,
        [FMT_SPAN_READER] = WAIT_RWLOCK, [FMT_SPAN_WRITER] = WAIT_RWLOCK,
        [FMT_SPAN_SEM] = WAIT_SEM,       [FMT_SPAN_BARRIER] = WAIT_BARRIER,
        [FMT_SPAN_JOIN] = WAIT_JOIN,     [FMT_SPAN_FUTEX] = WAIT_FUTEX,
        [FMT_SPAN_READ] = WAIT_READ,     [FMT_SPAN_WRITE] = WAIT_WRITE,
        [FMT_SPAN_RECV] = WAIT_RECV,     [FMT_SPAN_SEND] = WAIT_SEND,
        [FMT_SPAN_ACCEPT] = WAIT_ACCEPT, [FMT_SPAN_CONNECT] = WAIT_CONNECT,
        [FMT_SPAN_FLOCK] = WAIT_FLOCK,   [FMT_SPAN_MESSAGE] = WAIT_MESSAGE,
        [FMT_SPAN_EPOLL] = WAIT_EPOLL,   [FMT_SPAN_POLL] = WAIT_POLL,
        [FMT_SPAN_SELECT] = WAIT_SELECT, [FMT_SPAN_SLEEP] = WAIT_SLEEP,
        [FMT_SPAN_CHILD] = WAIT_CHILD,   [FMT_SPAN_SIGNAL] = WAIT_SIGNAL,
};

uint64_t span_end_ns(const struct snapshot *s, const struct span *w)
{
	uint64_t now = INFO_U(&s->info, UPTIME);

	if (!w->is_open)
		return addu_sat(w->begin_ns, w->length_ns);
	return now > w->begin_ns ? now : w->begin_ns;
}

uint64_t traced_overwritten(const struct snapshot *s, const struct traced *t)
{
	bool waits = t->n_spans && s->span[t->span].is_open;

	/* The one that goes on has not been counted; it may lie around others. */
	for (uint32_t i = 0; i < t->n_spans && !waits; i++)
		waits = s->span[t->span + i].is_open;
	uint64_t kept = t->n_spans - waits;
	return t->waits > kept ? t->waits - kept : 0;
}

const struct traced *traced_of(const struct snapshot *s, uint64_t serial)
{
	for (uint32_t i = 0; i < s->n_traced; i++)
		if (s->traced[i].serial == serial)
			return &s->traced[i];
	return NULL;
}

/* What the descriptor is now, if it was that already when the thread waited. */
static const char *fd_names(const struct snapshot *s, const struct span *w)
{
	for (uint32_t i = 0; i < s->n_fds; i++)
		if (s->fd[i].fd == w->object)
			return s->fd[i].born_ns <= w->begin_ns && *s->fd[i].names ? s->fd[i].names
			                                                          : NULL;
	return NULL;
}

static uint32_t tid_of(const struct snapshot *s, uint32_t serial)
{
	const struct traced *t = serial ? traced_of(s, serial) : NULL;

	return t ? t->tid : 0;
}

enum wait_kind span_words(const struct snapshot *s, const struct span *w, struct str *words)
{
	struct wait_reason r = {.kind = w->kind < FMT_SPAN_KINDS && kinds[w->kind] ? kinds[w->kind]
	                                                                           : WAIT_UNKNOWN,
	                        .number = WAIT_NO_CALL,
	                        .fd = -1,
	                        .address = w->object};

	switch (w->kind) {
	case FMT_SPAN_MUTEX:
	case FMT_SPAN_READER:
	case FMT_SPAN_WRITER:
		r.owner = w->other;
		break;
	case FMT_SPAN_JOIN:
		r.address = 0;
		r.owner = tid_of(s, w->other);
		break;
	case FMT_SPAN_POLL:
	case FMT_SPAN_SELECT:
		r.n_fds = w->other;
		break;
	case FMT_SPAN_CHILD:
		r.child = (int32_t)w->other;
		break;
	default:
		if (w->kind < FMT_SPAN_READ || w->kind > FMT_SPAN_EPOLL ||
		    w->kind == FMT_SPAN_MESSAGE)
			break;
		r.fd = (int32_t)w->object;
		r.names = fd_names(s, w);
	}
	wait_reason_words(words, &r);
	return r.kind;
}
