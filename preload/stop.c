/*
 * stop.c - see stop.h. Owns the one stop in flight and the life of its helper. Context: the asking
 * thread, in a hook or a signal handler, all signals blocked; from stop_all() to stop_release() no
 * lock and no memory that a stopped thread could be holding: raw system calls only.
 */
#include "stop.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "helper.h"
#include "seccomp.h"
#include "signals.h"
#include "stop_parts.h"
#include "sys.h"

static uint32_t g_busy;
static char *g_stack; /* the helper's */
static uint32_t g_unreaped;

#define LOOK_NS    2000000000u /* for the helper's look around */
#define GRACE_NS   200000000u  /* for the helper, past the deadline, to say what it has */
#define RELEASE_NS 2000000000u

/* ---- between asker and helper ---- */

bool stop_wait(const uint32_t *word, uint32_t value, uint64_t until_ns)
{
	while (__atomic_load_n(word, __ATOMIC_ACQUIRE) == value) {
		uint64_t now = sys_now_ns();

		if (now >= until_ns)
			return false;
		struct timespec left = {(time_t)((until_ns - now) / 1000000000u),
		                        (long)((until_ns - now) % 1000000000u)};

		sys_call(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, &left, NULL, 0);
	}
	return true;
}

void stop_wake(const uint32_t *word)
{
	sys_call(SYS_futex, word, FUTEX_WAKE_PRIVATE, 0x7fffffff, NULL, NULL, 0);
}

bool stop_turn(struct stop *s, uint32_t from, uint32_t to)
{
	if (!__atomic_compare_exchange_n(&s->phase, &from, to, false, __ATOMIC_ACQ_REL,
	                                 __ATOMIC_ACQUIRE))
		return false;
	stop_wake(&s->phase);
	return true;
}

/* ---- before ---- */

/* The table has a link for each thread, so that nothing need be opened. */
static uint32_t threads_now(void)
{
	struct stat st;

	if (sys_stat("/proc/self/task", &st) < 0)
		return 0;
	return st.st_nlink > 2 ? (uint32_t)st.st_nlink - 2 : 1;
}

/* /proc may be another pid namespace's. */
static bool proc_is_ours(int pid)
{
	char link[24], want[24];
	struct text t = TEXT(want);
	long n = sys_call(SYS_readlinkat, AT_FDCWD, "/proc/self", link, sizeof(link) - 1);

	text_u64(&t, (uint64_t)pid);
	return n > 0 && n == t.at - want && !memcmp(link, want, (size_t)n);
}

/* Where one asks to be told of copies, clone waits for whoever reads it: perhaps for a thread that
 * we have stopped. */
static bool has_userfaultfd(uint32_t room)
{
	static const char name[] = "anon_inode:[userfaultfd]";
	char path[48], link[sizeof(name)];

	for (uint32_t fd = 0; fd < room; fd++) {
		struct text t = TEXT(path);

		text_str(&t, "/proc/self/fd/");
		text_u64(&t, fd);
		long n = sys_call(SYS_readlinkat, AT_FDCWD, path, link, sizeof(link));

		if (n == sizeof(name) - 1 && !memcmp(link, name, (size_t)n))
			return true;
	}
	return false;
}

static void reap(uint32_t pid, bool wait)
{
	struct timespec a_moment = {0, 50000};

	for (int tries = 0; pid; tries++) {
		long r = sys_call(SYS_wait4, pid, NULL, __WALL | WNOHANG, NULL);

		if (r == (long)pid || r == -ECHILD)
			break;
		/* It has nothing more to do than to go. If it is kept from that, its end lets go
		 * of the threads, too. */
		if (wait && tries == 1000)
			sys_call(SYS_kill, pid, SIGKILL);
		if (!wait || tries > 2000) {
			g_unreaped = pid;
			return;
		}
		sys_call(SYS_nanosleep, &a_moment, NULL);
	}
	g_unreaped = 0;
}

static int make_tables(struct stop *s, uint32_t n)
{
	s->capacity = n * 2 + 256;
	s->bytes = s->capacity * sizeof(*s->threads);
	s->threads = sys_map(s->bytes);
	if (!g_stack)
		g_stack = helper_stack();
	s->vectors = sys_map((size_t)s->capacity * STOP_VECTOR_BYTES);
	return s->threads && s->vectors && g_stack ? STOP_OK : STOP_NO_MEMORY;
}

static int start_helper(struct stop *s)
{
	const struct helper h = {"outlive-stopper", stop_helper, NULL, s};
	long r = helper_start(g_stack, &h, CLONE_FS | CLONE_FILES, &s->helper);

	if (r < 0) {
		s->helper = 0;
		s->error = (uint32_t)-r;
		return STOP_NO_HELPER;
	}
	/* A helper that faults does not come to say so. */
	if (!stop_wait(&s->phase, PHASE_LOOK, sys_now_ns() + LOOK_NS))
		return STOP_NO_HELPER;
	return s->refusal;
}

static int prepare(struct stop *s)
{
	uint32_t n = threads_now();
	int r;

	reap(g_unreaped, false);
	if (g_unreaped)
		return STOP_BUSY; /* its stack is in use */
	if (!n || !proc_is_ours(s->pid))
		return STOP_NO_PROC;
	if (seccomp_now() == SECCOMP_LOCKED_IN)
		return STOP_LOCKED_IN;
	if (!helper_allowed())
		return STOP_NAMESPACE;
	/* Nobody to stop, and nobody who could make another; but a copy could wait for us. */
	if (n == 1) {
		struct stop_status st;

		return stop_proc_status(s, s->asker, &st) && has_userfaultfd((uint32_t)st.fd_room)
		               ? STOP_USERFAULTFD
		               : STOP_OK;
	}
	r = make_tables(s, n);
	if (!r)
		r = start_helper(s);
	if (!r && has_userfaultfd(s->fd_room))
		r = STOP_USERFAULTFD;
	return r;
}

int stop_prepare(struct stop *s)
{
	int r;

	if (stop_signal_is_late())
		return -STOP_BUSY;
	*s = (struct stop){.ways = s->ways, .interrupted = s->interrupted};
	s->mask = signals_mask(SIG_SETMASK, ~0ul);
	s->pid = (int32_t)sys_getpid();
	s->asker = (int32_t)sys_gettid();
	if (__atomic_exchange_n(&g_busy, 1, __ATOMIC_ACQUIRE)) {
		signals_mask(SIG_SETMASK, s->mask);
		return -STOP_BUSY;
	}
	r = prepare(s);
	if (r)
		stop_free(s);
	return -r;
}

/* ---- the stop ---- */

/* What the asking thread itself holds: its caller's registers are in these or on its stack, above
 * this very frame. */
static void note_self(struct stop *s)
{
	struct stop_thread *t = &s->self;
	uint64_t *gp = t->regs.gp;

	t->tid = s->asker;
	t->call = STOP_NO_CALL;
	if (s->interrupted) {
		stop_note_context(t, s->interrupted);
		return;
	}
	ARCH_NOTE_PRESERVED(gp);
	t->regs.sp = (uint64_t)__builtin_frame_address(0);
	t->regs.pc = (uint64_t)__builtin_return_address(0);
	t->regs.fs_base = arch_thread_base();
}

int stop_all(struct stop *s, uint64_t deadline_ns)
{
	note_self(s);
	s->deadline_ns = deadline_ns;
	if (!s->helper) {
		s->first_ns = s->stopped_ns = s->running_ns = sys_now_ns();
		return 0;
	}
	if (sys_now_ns() >= deadline_ns)
		return -STOP_TOO_LATE;
	stop_signal_close(s);
	if (!stop_turn(s, PHASE_READY, PHASE_STOP))
		return -STOP_NO_HELPER;
	if (stop_wait(&s->phase, PHASE_STOP, deadline_ns + GRACE_NS))
		return 0;
	stop_release(s);
	return -STOP_TOO_LATE;
}

void stop_release(struct stop *s)
{
	uint32_t phase = __atomic_load_n(&s->phase, __ATOMIC_ACQUIRE);
	uint64_t until = sys_now_ns() + RELEASE_NS;

	if (!s->helper)
		return;
	stop_signal_open(s);
	s->running_ns = sys_now_ns();
	while (phase < PHASE_RELEASE && !stop_turn(s, phase, PHASE_RELEASE))
		phase = __atomic_load_n(&s->phase, __ATOMIC_ACQUIRE);
	stop_wait(&s->phase, PHASE_RELEASE, until);
}

void stop_free(struct stop *s)
{
	if (s->helper) {
		stop_release(s);
		reap(s->helper, true);
		/* Its table stays where it may still look at it. */
		if (g_unreaped)
			s->bytes = 0;
	}
	if (s->bytes) {
		sys_unmap(s->threads, s->bytes);
		sys_unmap(s->vectors, (size_t)s->capacity * STOP_VECTOR_BYTES);
	}
	s->threads = NULL;
	s->vectors = NULL;
	s->count = s->helper = 0;
	__atomic_store_n(&g_busy, 0, __ATOMIC_RELEASE);
	signals_mask(SIG_SETMASK, s->mask);
}

void stop_fork_child(void)
{
	g_busy = g_unreaped = 0;
	stop_signal_fork_child();
}

/* ---- in words ---- */

const char *stop_refusal(int refusal)
{
	static const char *const says[] = {
	        [STOP_OK] = "the threads can be stopped",
	        [STOP_BUSY] = "the threads are being stopped already",
	        [STOP_NO_MEMORY] = "there is no memory for the list of the threads",
	        [STOP_NO_HELPER] = "the kernel does not allow the process that stops the threads",
	        [STOP_NO_PROC] = "there is no /proc of this process",
	        [STOP_LOCKED_IN] =
	                "the program has set a seccomp filter, which may kill it for this",
	        [STOP_NAMESPACE] = "the next child will be the first process of a new namespace",
	        [STOP_DEBUGGER] = "a debugger is attached",
	        [STOP_USERFAULTFD] =
	                "the program uses userfaultfd: a copy of it could wait for ever",
	        [STOP_TOO_LATE] = "the threads could not be stopped in time",
	};
	unsigned n = refusal < 0 ? (unsigned)-refusal : (unsigned)refusal;

	return n < sizeof(says) / sizeof(says[0]) ? says[n] : "the threads cannot be stopped";
}

const char *stop_lossy(uint32_t bit)
{
	switch (bit) {
	case STOP_LOSSY_VFORK:
		return "a thread waits for its vfork child";
	case STOP_LOSSY_SLEEP:
		return "a thread is in uninterruptible sleep";
	case STOP_LOSSY_BLOCKED:
		return "a thread blocks the control signal or has a seccomp filter of its own, and "
		       "ptrace is not allowed";
	case STOP_LOSSY_LATE:
		return "a thread did not stop in time";
	case STOP_LOSSY_ROOM:
		return "threads were made faster than they could be counted";
	case STOP_LOSSY_REFUSED:
		return "the kernel would neither trace nor signal a thread";
	default:
		return "";
	}
}
