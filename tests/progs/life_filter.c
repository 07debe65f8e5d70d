/*
 * life_filter.c - locks itself in as privilege-separated servers do, goes on allocating and ends.
 * life_filter HOW: prctl, seccomp: by these, a filter that kills for all but a few calls; fault:
 * then it faults; strict: the strict mode; busy: a filter that kills for all but what threads and a
 * child then do with blocks and descriptors, argument for argument; tsync: the same filter, set for
 * all threads while they are at it; lenient: a filter that forbids
 * one call with an error; asked: the kernel is asked whether it knows filters, by what it cannot
 * read; refused: one that cannot be set; refused_term: then a signal ends it
 */
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

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
/*
 * All that the program itself does from there on; and as browsers do, of mmap's flags those that
 * they know.
 */
#define MAP_FLAGS                                                                           \
	(MAP_SHARED | MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE | MAP_FIXED | \
	 MAP_DENYWRITE)
static struct sock_filter busy[] = {LOAD(nr),
                                    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mmap, 0, 4),
                                    LOAD(args[3]),
                                    BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, ~MAP_FLAGS, 0, 1),
                                    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
                                    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
                                    ALLOW(SYS_write),
                                    ALLOW(SYS_read),
                                    ALLOW(SYS_openat),
                                    ALLOW(SYS_close),
                                    ALLOW(SYS_dup),
                                    ALLOW(SYS_pipe2),
                                    ALLOW(SYS_exit_group),
                                    ALLOW(SYS_exit),
                                    ALLOW(SYS_brk),
                                    ALLOW(SYS_munmap),
                                    ALLOW(SYS_mremap),
                                    ALLOW(SYS_mprotect),
                                    ALLOW(SYS_madvise),
                                    ALLOW(SYS_futex),
                                    ALLOW(SYS_sched_getaffinity),
                                    ALLOW(SYS_clone3),
                                    ALLOW(SYS_clone),
                                    ALLOW(SYS_wait4),
                                    ALLOW(SYS_fstat),
                                    ALLOW(SYS_sched_yield),
                                    ALLOW(SYS_set_robust_list),
                                    ALLOW(SYS_rseq),
                                    ALLOW(SYS_rt_sigprocmask),
                                    ALLOW(SYS_newfstatat),
                                    ALLOW(SYS_rt_sigaction),
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

FRAME static void *many(void *keep)
{
	static void *blocks[40000];
	size_t n = keep ? sizeof(blocks) / sizeof(*blocks) : 100;
	int ends[2];

	for (size_t i = 0; i < n; i++) {
		void *p = malloc(i % 1000);

		if (keep)
			blocks[i] = p;
		else
			free(p);
	}
	for (int i = 0; i < 100; i++) {
		int fd = open("/dev/null", O_RDONLY);
		FILE *f = fopen("/dev/null", "r");

		if (pipe2(ends, O_CLOEXEC) || fd < 0 || !f)
			_exit(96);
		close(dup(fd));
		close(fd);
		fclose(f);
		close(ends[0]);
		close(ends[1]);
	}
	return keep;
}

FRAME static void do_much(void)
{
	pthread_t threads[4];

	many(threads);
	for (int i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, many, NULL);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	pid_t child = fork();
	if (!child) {
		many(NULL);
		_exit(0);
	}
	int status = 1;
	if (child < 0 || waitpid(child, &status, 0) != child || status)
		_exit(95);
}

/* ---- threads that are there when the filter comes ---- */

enum { WORKERS = 6 };
static atomic_int rounds[WORKERS], stop;

FRAME static void *work(void *number)
{
	atomic_int *done = &rounds[(intptr_t)number];

	while (!stop) {
		void *blocks[2000];

		/* New stacks, new pages for tables, new contexts. */
		for (int i = 0; i < 2000; i++)
			blocks[i] = malloc(1 + (size_t)(i * 97 + *done * 31) % 4000);
		many(NULL);
		for (int i = *done % 3; i < 2000; i += 1 + *done % 3)
			free(blocks[i]);
		++*done;
	}
	return NULL;
}

FRAME static void *come_and_go(void *number)
{
	atomic_int *done = &rounds[(intptr_t)number];
	pthread_t t;

	while (!stop) {
		if (!pthread_create(&t, NULL, many, NULL))
			pthread_join(t, NULL);
		++*done;
	}
	return NULL;
}

static void wait_rounds(int n)
{
	int from[WORKERS];

	for (int i = 0; i < WORKERS; i++)
		from[i] = rounds[i];
	for (int i = 0; i < WORKERS; i++)
		while (rounds[i] - from[i] < n)
			sched_yield();
}

static int set_for_all(void)
{
	struct sock_fprog f = {sizeof(busy) / sizeof(*busy), busy};
	pthread_t threads[WORKERS];

	for (intptr_t i = 0; i < WORKERS; i++)
		pthread_create(&threads[i], NULL, i % 3 ? work : come_and_go, (void *)i);
	wait_rounds(2);
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &f))
		return -1;
	wait_rounds(2);
	stop = 1;
	for (int i = 0; i < WORKERS; i++)
		pthread_join(threads[i], NULL);
	return 0;
}

/* 0 when it is set, or refused where it should be. */
static int lock_in(const char *how)
{
	struct sock_fprog f = {sizeof(deadly) / sizeof(*deadly), deadly};

	if (!strcmp(how, "tsync"))
		return set_for_all();
	if (!strcmp(how, "seccomp"))
		return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &f);
	if (!strcmp(how, "strict"))
		return prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT);
	if (!strcmp(how, "asked"))
		return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, NULL) +
		       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, 8ul) +
		       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER,
		             &(struct sock_fprog){1, (struct sock_filter *)8}) +
		       3;
	if (!strncmp(how, "refused", 7)) {
		f.len = 0;
		return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &f) + 1;
	}
	if (!strcmp(how, "busy"))
		f = (struct sock_fprog){sizeof(busy) / sizeof(*busy), busy};
	if (!strcmp(how, "lenient"))
		f = (struct sock_fprog){sizeof(lenient) / sizeof(*lenient), lenient};
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &f);
}

int main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "";

	before();
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (lock_in(how))
		_exit(98);
	/* The strict mode allows no brk: nothing may be allocated that is not there. */
	if (!strcmp(how, "busy"))
		do_much();
	else if (strcmp(how, "strict"))
		after();
	if (write(1, "done\n", 5) != 5)
		return 97;
	if (!strcmp(how, "strict"))
		syscall(SYS_exit, 7);
	if (!strcmp(how, "refused_term"))
		raise(SIGTERM);
	if (!strcmp(how, "fault"))
		*(volatile char *)8 = 1;
	_exit(7);
}
