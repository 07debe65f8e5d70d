/*
 * reach_refuse.c - processes of which nobody can tell what they reach: reach_refuse WHAT
 *     nothing     the usual case, for comparison
 *     dontfork    a block whose pages a copy does not get
 *     userfault   one who asks to be told of copies, and may be stopped when he is
 *     seccomp     a filter that kills for a clone
 *     vfork       a thread waits for its vfork child
 *     io_uring    a request that the kernel has, and that nobody else knows
 *     io_submit   the same, of the older kind
 */
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/filter.h>
#include <linux/io_uring.h>
#include <linux/seccomp.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "prog.h"

static int dontfork(void)
{
	char *p = aligned_alloc(4096, 8192);

	memset(p, 0, 8192);
	prog_sink = p;
	return madvise(p, 4096, MADV_DONTFORK);
}

static int userfault(void)
{
	struct uffdio_api api = {.api = UFFD_API};
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);

	return fd < 0 ? -1 : ioctl(fd, UFFDIO_API, &api);
}

static int lock_in(void)
{
	struct sock_filter code[] = {
	        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 1),
	        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
	        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
	struct sock_fprog prog = {4, code};

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog);
}

static volatile unsigned vforker, in_child;

static void *vforks(void *arg)
{
	(void)arg;
	vforker = (unsigned)syscall(SYS_gettid);
	if (!vfork()) {
		in_child = 1;
		sleep(100);
		_exit(0);
	}
	return NULL;
}

static int begin_vfork(void)
{
	pthread_t t;
	int r = pthread_create(&t, NULL, vforks, NULL);

	while (!r && (!in_child || prog_state(vforker) != 'D'))
		usleep(1000);
	return r;
}

/* The entry is written over by others; what comes back with the completion is the block. */
static int ring(void)
{
	struct io_uring_params p = {0};
	int fd = (int)syscall(SYS_io_uring_setup, 4, &p), pipes[2];

	if (fd < 0 || pipe(pipes))
		return -1;
	char *sq = mmap(NULL, p.sq_off.array + p.sq_entries * 4, PROT_READ | PROT_WRITE, MAP_SHARED,
	                fd, IORING_OFF_SQ_RING);
	struct io_uring_sqe *sqe = mmap(NULL, p.sq_entries * sizeof(*sqe), PROT_READ | PROT_WRITE,
	                                MAP_SHARED, fd, IORING_OFF_SQES);

	if (sq == MAP_FAILED || sqe == MAP_FAILED)
		return -1;
	*sqe = (struct io_uring_sqe){.opcode = IORING_OP_POLL_ADD,
	                             .fd = pipes[0],
	                             .poll_events = POLLIN,
	                             .user_data = (uintptr_t)malloc(100)};
	__atomic_store_n((unsigned *)(sq + p.sq_off.tail), 1, __ATOMIC_RELEASE);
	if (syscall(SYS_io_uring_enter, fd, 1, 0, 0, NULL, 0) != 1)
		return -1;
	memset(sqe, 0, sizeof(*sqe));
	return 0;
}

static int submit(void)
{
	struct iocb *cb = calloc(1, sizeof(*cb)), *list[] = {cb};
	aio_context_t context = 0;
	int pipes[2];

	if (syscall(SYS_io_setup, 8, &context) || pipe(pipes))
		return -1;
	cb->aio_lio_opcode = IOCB_CMD_POLL;
	cb->aio_fildes = (unsigned)pipes[0];
	cb->aio_buf = POLLIN;
	int r = (int)syscall(SYS_io_submit, context, 1L, list);

	list[0] = NULL;
	return r == 1 ? 0 : -1;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	int r = 0;

	prog_sink = malloc(10);
	prog_sink = NULL;
	if (!strcmp(what, "dontfork"))
		r = dontfork();
	if (!strcmp(what, "userfault"))
		r = userfault();
	if (!strcmp(what, "seccomp"))
		r = lock_in();
	if (!strcmp(what, "vfork"))
		r = begin_vfork();
	if (!strcmp(what, "io_uring"))
		r = ring();
	if (!strcmp(what, "io_submit"))
		r = submit();
	prog_wait(r ? "unable" : "ready");
	return 0;
}
