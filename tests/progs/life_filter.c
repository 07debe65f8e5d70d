/*
 * life_filter.c - locks itself in as privilege-separated servers do, goes on allocating and ends.
 * life_filter HOW, by prctl or by seccomp: a filter that kills for all but a few calls; strict: the
 * strict mode; lenient: a filter that forbids one call with an error; refused: one that cannot be
 * set
 */
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "prog.h"

#define ALLOW(nr)                                        \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (nr), 0, 1), \
	        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))

static struct sock_filter deadly[] = {LOAD(nr),
                                      ALLOW(SYS_write),
                                      ALLOW(SYS_exit_group),
                                      ALLOW(SYS_brk),
                                      ALLOW(SYS_mmap),
                                      ALLOW(SYS_munmap),
                                      ALLOW(SYS_mremap),
                                      ALLOW(SYS_mprotect),
                                      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS)};
static struct sock_filter lenient[] = {LOAD(nr),
                                       BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ptrace, 0, 1),
                                       BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | 1),
                                       BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};

FRAME static void before(void)
{
	prog_sink = malloc(100);
}

FRAME static void after(void)
{
	for (int i = 0; i < 20000; i++)
		free(malloc((size_t)(i % 1000)));
}

int main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "";
	struct sock_fprog f = {sizeof(deadly) / sizeof(*deadly), deadly};
	long r = -1;

	before();
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (!strcmp(how, "prctl"))
		r = prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &f);
	if (!strcmp(how, "seccomp"))
		r = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &f);
	if (!strcmp(how, "strict"))
		r = prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT);
	if (!strcmp(how, "refused")) {
		f.len = 0;
		r = prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &f) + 1;
	}
	if (!strcmp(how, "lenient")) {
		f = (struct sock_fprog){sizeof(lenient) / sizeof(*lenient), lenient};
		r = prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &f);
	}
	if (r)
		_exit(98);
	/* The strict mode allows no brk: nothing may be allocated that is not there. */
	if (strcmp(how, "strict"))
		after();
	if (write(1, "done\n", 5) != 5)
		return 97;
	if (!strcmp(how, "strict"))
		syscall(SYS_exit, 7);
	_exit(7);
}
