/*
 * hook_process.c - the calls by which an image ends or is replaced: libc makes the system call
 * itself, so each of them must be interposed. Context: any thread, signal handlers, and vfork
 * children, which share our memory and pass straight through.
 */
#include <errno.h>
#include <gnu/libc-version.h>
#include <linux/seccomp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "barred.h"
#include "hook.h"
#include "process.h"
#include "signals.h"
#include "tally.h"

/* ---- exits ---- */

EXPORT void _exit(int status)
{
	hook_ready();
	process_quick_end(status);
	real._exit(status);
	__builtin_unreachable();
}

EXPORT void _Exit(int status)
{
	hook_ready();
	process_quick_end(status);
	real._Exit(status);
	__builtin_unreachable();
}

EXPORT void quick_exit(int status)
{
	hook_ready();
	process_quick_status(status);
	real.quick_exit(status);
	__builtin_unreachable();
}

/* Where SIGABRT is blocked, abort() opens it first; since glibc 2.41 it does not, and a handler of
 * the program's is not called. */
static bool abort_unblocks(void)
{
	const char *at = gnu_get_libc_version();
	unsigned minor = 0;

	if (strncmp(at, "2.", 2))
		return false;
	for (at += 2; *at >= '0' && *at <= '9'; at++)
		minor = minor * 10 + (unsigned)(*at - '0');
	return minor < 41;
}

/*
 * libc's abort raises SIGABRT, and if a handler of the program's returns, or is not called, sets
 * SIG_DFL behind our back and raises again. So the first half is done here, and our own disposition
 * is in place for libc's.
 */
EXPORT void abort(void)
{
	hook_ready();
	bool ours = g_signals_on && process_is_ours();

	if (ours && !signals_is_ours(SIGABRT)) {
		struct sigaction dfl = {.sa_handler = SIG_DFL};

		if (abort_unblocks())
			signals_mask(SIG_UNBLOCK, signals_bit(SIGABRT));
		sys_call(SYS_tgkill, sys_getpid(), sys_gettid(), SIGABRT);
		memset(&dfl.sa_mask, 0xff, sizeof(dfl.sa_mask)); /* as libc has it */
		sigaction(SIGABRT, &dfl, NULL);
	}
	/* Blocked, our handler would not see it. */
	if (ours)
		signals_mask(SIG_UNBLOCK, signals_bit(SIGABRT));
	real.abort();
	__builtin_unreachable();
}

/* ---- exec ---- */

/* Behind a filter that may kill for it, nothing is. */
static bool may_look(void)
{
	return !g_seccomp_quiet && !barred_borrower();
}

static bool is_there(const char *path)
{
	return path && !sys_call(SYS_faccessat, -100 /* AT_FDCWD */, path, F_OK);
}

static const char *there(const char *path)
{
	return is_there(path) ? path : NULL;
}

/* What execvp may find, or NULL: shells and env try names that are not there, and a snapshot for
 * each would be for nothing. buf of PATH_BYTES. */
enum { PATH_BYTES = 4096 };
static const char *in_path(const char *file, char *buf)
{
	static const char name[] = "PATH=";
	const char *path = "/bin:/usr/bin";

	if (!file || !*file || strchr(file, '/'))
		return there(file);
	for (char **e = environ; e && *e; e++)
		if (!strncmp(*e, name, sizeof(name) - 1)) {
			path = *e + sizeof(name) - 1;
			break;
		}
	for (const char *p = path;; p++) {
		struct text t = {buf, buf + PATH_BYTES - 1};
		size_t n = strcspn(p, ":");

		text_mem(&t, p, n);
		text_str(&t, n ? "/" : "");
		text_str(&t, file);
		if (t.at == t.end || is_there(buf))
			return buf;
		p += n;
		if (!*p)
			return NULL;
	}
}

/*
 * What the next image is given. Behind a filter that would kill it for our start, it begins without
 * us (barred.h). In the frame of who calls exec, for a child of vfork may have nothing else.
 */
#define ENVIRONMENT(env, envp)                                          \
	char *const *env = envp;                                        \
	if (unlikely(barred_now())) {                                   \
		void *env##_room = __builtin_alloca(barred_bytes(env)); \
		env = barred_environment(env, env##_room);              \
	}

/* file: what will be run, "" where that is not known; NULL: nothing. Not asked where any call of
 * ours is deadly. */
#define EXEC(file, call)                                          \
	do {                                                      \
		const char *program = may_look() ? (file) : NULL; \
		bool begun = program && process_exec();           \
		bool told = program && tally_exec(program);       \
		int result = (call);                              \
		if (told)                                         \
			tally_exec_failed();                      \
		if (begun)                                        \
			process_exec_failed();                    \
		return result;                                    \
	} while (0)

EXPORT int execve(const char *path, char *const argv[], char *const envp[])
{
	hook_ready();
	ENVIRONMENT(env, envp);
	EXEC(there(path), real.execve(path, argv, env));
}

EXPORT int execv(const char *path, char *const argv[])
{
	hook_ready();
	ENVIRONMENT(env, environ);
	EXEC(there(path), real.execve(path, argv, env));
}

EXPORT int execvp(const char *file, char *const argv[])
{
	char buf[PATH_BYTES];

	hook_ready();
	ENVIRONMENT(env, environ);
	EXEC(in_path(file, buf), real.execvpe(file, argv, env));
}

EXPORT int execvpe(const char *file, char *const argv[], char *const envp[])
{
	char buf[PATH_BYTES];

	hook_ready();
	ENVIRONMENT(env, envp);
	EXEC(in_path(file, buf), real.execvpe(file, argv, env));
}

EXPORT int fexecve(int fd, char *const argv[], char *const envp[])
{
	hook_ready();
	ENVIRONMENT(env, envp);
	EXEC("", real.fexecve(fd, argv, env));
}

EXPORT int execveat(int dir, const char *path, char *const argv[], char *const envp[], int flags)
{
	hook_ready();
	ENVIRONMENT(env, envp);
	EXEC("", real.execveat(dir, path, argv, env, flags));
}

/* The list as an array, on the stack: these are async-signal-safe. ap stands behind it then. */
#define LIST(argv, first, ap)                                              \
	size_t n_args = 1;                                                 \
	va_start(ap, first);                                               \
	for (const char *arg = first; arg; arg = va_arg(ap, const char *)) \
		n_args++;                                                  \
	va_end(ap);                                                        \
	char **argv = __builtin_alloca(n_args * sizeof(char *));           \
	va_start(ap, first);                                               \
	argv[0] = (char *)(uintptr_t)first;                                \
	for (size_t i = 1; i < n_args; i++)                                \
	argv[i] = va_arg(ap, char *)

EXPORT int execl(const char *path, const char *arg0, ...)
{
	va_list ap;

	hook_ready();
	LIST(argv, arg0, ap);
	va_end(ap);
	ENVIRONMENT(env, environ);
	EXEC(there(path), real.execve(path, argv, env));
}

EXPORT int execlp(const char *file, const char *arg0, ...)
{
	char buf[PATH_BYTES];
	va_list ap;

	hook_ready();
	LIST(argv, arg0, ap);
	va_end(ap);
	ENVIRONMENT(env, environ);
	EXEC(in_path(file, buf), real.execvpe(file, argv, env));
}

EXPORT int execle(const char *path, const char *arg0, ...)
{
	va_list ap;

	hook_ready();
	LIST(argv, arg0, ap);
	char *const *envp = va_arg(ap, char *const *);
	va_end(ap);
	ENVIRONMENT(env, envp);
	EXEC(there(path), real.execve(path, argv, env));
}

/* The child's exec is libc's own, seen by nobody. */
EXPORT int posix_spawn(pid_t *pid, const char *path, const void *actions, const void *attributes,
                       char *const argv[], char *const envp[])
{
	pid_t made = 0, *to = pid ? pid : &made;

	hook_ready();
	ENVIRONMENT(env, envp);
	int r = real.posix_spawn(to, path, actions, attributes, argv, env);
	if (!r)
		tally_spawned((uint32_t)*to, path);
	return r;
}

EXPORT int posix_spawnp(pid_t *pid, const char *file, const void *actions, const void *attributes,
                        char *const argv[], char *const envp[])
{
	pid_t made = 0, *to = pid ? pid : &made;
	char buf[PATH_BYTES];

	hook_ready();
	ENVIRONMENT(env, envp);
	int r = real.posix_spawnp(to, file, actions, attributes, argv, env);
	if (!r && may_look()) {
		const char *found = in_path(file, buf);
		tally_spawned((uint32_t)*to, found ? found : "");
	}
	return r;
}

/* ---- fork ---- */

/* No pthread_atfork handler runs for this one. */
EXPORT pid_t _Fork(void)
{
	hook_ready();
	pid_t pid = real._Fork();
	if (!pid)
		process_check_fork();
	return pid;
}

EXPORT int prctl(int option, ...)
{
	unsigned long a[4];
	va_list ap;

	va_start(ap, option);
	for (int i = 0; i < 4; i++)
		a[i] = va_arg(ap, unsigned long);
	va_end(ap);
	hook_ready();
	struct process_filter filter = {.effect = SECCOMP_HARMLESS};
	if (option == PR_SET_SECCOMP &&
	    (a[0] == SECCOMP_MODE_FILTER || a[0] == SECCOMP_MODE_STRICT))
		filter = process_filter_begin((const void *)a[1], a[0] == SECCOMP_MODE_STRICT,
		                              false);
	int r = real.prctl(option, a[0], a[1], a[2], a[3]);
	process_filter_end(filter, r == 0);
	return r;
}

EXPORT int daemon(int nochdir, int noclose)
{
	hook_ready();
	process_daemon(true);
	int r = real.daemon(nochdir, noclose);
	int was = errno;
	process_daemon(false);
	errno = was;
	return r;
}
