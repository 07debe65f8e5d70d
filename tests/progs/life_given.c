/*
 * A program behind a filter that was there when it began, as a container's, and that answers one
 * call with an error: life_given CALL LIBRARY PROGRAM ARGUMENT... LIBRARY is what to preload, -
 * nothing.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>

#include "prog.h"

static const struct {
	const char *name;
	unsigned number;
} calls[] = {
#define CALL(name)                \
	{                         \
#name, SYS_##name \
	}
        CALL(clone),
        CALL(clock_gettime),
        CALL(close_range),
        CALL(exit_group),
        CALL(fallocate),
        CALL(fchmod),
        CALL(fcntl),
        CALL(getcwd),
        CALL(getdents64),
        CALL(geteuid),
        CALL(getppid),
        CALL(getrusage),
        CALL(gettid),
        CALL(madvise),
        CALL(prctl),
        CALL(prlimit64),
        CALL(process_vm_readv),
        CALL(ptrace),
        CALL(readlinkat),
        CALL(renameat2),
        CALL(rt_sigpending),
        CALL(rt_sigtimedwait),
        CALL(sched_setaffinity),
        CALL(unlinkat),
        CALL(wait4),
};

static unsigned number_of(const char *name)
{
	for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++)
		if (!strcmp(calls[i].name, name))
			return calls[i].number;
	_exit(99);
}

int main(int argc, char **argv)
{
	if (argc < 4) {
		for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++)
			puts(calls[i].name);
		return 0;
	}
	struct sock_filter filter[] = {
	        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number_of(argv[1]), 0, 1),
	        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
	        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
	struct sock_fprog p = {sizeof(filter) / sizeof(*filter), filter};

	if (strcmp(argv[2], "-") != 0)
		setenv("LD_PRELOAD", argv[2], 1);
	/* prctl may be the very call. */
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &p))
		return 98;
	execv(argv[3], argv + 3);
	return 97;
}
