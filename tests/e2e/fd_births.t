#!/bin/sh
# Each way in which a descriptor is born is seen, with its stack; each death is seen; the numbers are the kernel's.
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/heap.sh"
. "$ROOT/tests/e2e/kinds.sh"
need jq nm

profiled births "$PROGS/fd_births" < /dev/null
is "the program ends well" "$status $(cat births.err)" "0 "
sed '/^now closed/,$d' births.out > births.open
sed '1,/^now closed/d' births.out > births.closed
cases=births.open
set -- $(snaps births)
records "$1"

# born CASE KIND [FLAGS]
born() {
  is "$1 is seen where it happens" "$(fd_row "$(fd_of "$1")")" "case_$1 $2${3:+ $3}"
}

for how in open open64 openat openat64 creat creat64 mkstemp mkstemp64 mkostemp mkostemp64 mkstemps mkstemps64 \
  mkostemps mkostemps64 shm_open syscall_open; do
  born $how file
done
for how in open_2 open64_2 openat_2 openat64_2; do
  born $how file
done
born o_tmpfile file deleted
for how in fopen fopen64 setmntent; do
  born $how file stream
done
born tmpfile file stream,deleted
born tmpfile64 file stream,deleted
born fdopen file stream
born freopen file stream
born freopen64 file stream
born freopen_mode file stream
born popen pipe stream
born opendir directory stream
born fdopendir directory stream
born memfd_create memfd
born syscall_memfd memfd
born posix_openpt device
born getpt device
born openpty device
is "openpty's other end" "$(fd_row "$(fd_of openpty_2)")" "case_openpty device"
born forkpty device
born mq_open file
born socket socket
born accept socket
born accept4 socket
born socketpair socket
is "socketpair's other end" "$(fd_row "$(fd_of socketpair_2)")" "case_socketpair socket"
born pipe pipe
is "pipe's other end" "$(fd_row "$(fd_of pipe_2)")" "case_pipe pipe"
born pipe2 pipe
born syscall_pipe pipe
born epoll_create epoll
born epoll_create1 epoll
born eventfd eventfd
born signalfd signalfd
born inotify_init inotify
born inotify_init1 inotify
[ "$(fd_of fanotify_init)" = -1 ] || born fanotify_init inotify
born timerfd_create timerfd
born pidfd_open pidfd
like "pidfd_getfd is seen" "$(fd_row "$(fd_of pidfd_getfd)")" "^case_pidfd_getfd "
for how in dup fcntl_dup fcntl64_dup fcntl_dup_cloexec dup2 dup3 syscall_dup; do
  born $how file dup
done
born syscall_eventfd eventfd
[ "$(fd_of syscall_perf)" = -1 ] || born syscall_perf other
like "recvmsg: a descriptor that came in a message" "$(fd_row "$(fd_of recvmsg)")" "^case_recvmsg "
like "recvmmsg: the second message's second descriptor" "$(fd_row "$(fd_of recvmmsg)")" "^case_recvmmsg "
like "close-on-exec is told" "$(q ".fds[] | select(.fd == $(fd_of pipe2)) | .flags[]")" "^cloexec$"
unlike "and where it is not set it is not" "$(q ".fds[] | select(.fd == $(fd_of pipe)) | .flags[]")" "^cloexec$"
is "0, 1 and 2 are inherited" "$(q '[.fds[] | select(.fd < 3) | .flags[] | select(. == "inherited")] | length')" 3
same_fds "the numbers are those of /proc"
is "none is unseen, none has vanished, none is lost" \
  "$(q '.audit | "\(.fds_unseen) \(.fds_vanished) \(.lost_fds)"')" "0 0 0"

cases=births.closed
records "$2"
same_fds "after all were closed, each in its way, the numbers are those of /proc"
is "what is left was inherited" "$(q '[.fds[] | select(.flags | index("inherited") | not)] | length')" 0
is "none is unseen, none has vanished then" "$(q '.audit | "\(.fds_unseen) \(.fds_vanished)"')" "0 0"
is "as many were closed as opened, by each stack" "$(q '[.fd_sums[] | select(.opened != .closed)] | length')" 0
is "no close was bad" "$(q '.bad | length')" 0
done_testing
