#!/bin/sh
# Descriptors behind whole functions of libc: kept between calls, opened and closed within one, from sockets, terminals,
# mounts and rings. None is an accusation that a program could not help.
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/heap.sh"
. "$ROOT/tests/e2e/kinds.sh"
need jq nm perl unshare c++filt

# mode NAME [WRAPPER...]: plain and profiled; the first snapshot is in records.json, the output in $cases.
mode() {
  name=$1
  shift
  "$@" "$PROGS/fd_kept" "$name" > "$name.plain" 2> "$name.plain.err" < /dev/null
  plain=$?
  profiled "$name" "$@" "$PROGS/fd_kept" "$name" < /dev/null
  is "$name: status and output are the program's own" "$status $(cat "$name.out" "$name.err")" \
    "$plain $(cat "$name.plain" "$name.plain.err")"
  cases=$name.out
  nth 1
}
nth() {
  records "$(snaps "$name" fd_kept | sed -n "$1p")"
}
drift() {
  q '.audit | "\(.fds_unseen) \(.fds_vanished) \(.lost_fds)"'
}
# Of those that the program opened itself.
opened() {
  q '[.fds[] | select(.flags | index("inherited") | not)] | length'
}
kept() {
  is "$1 is kept by libc, for who asked first" "$(fd_row "$(fd_of "$1")")" "keep_$1 ${2:-file} libc"
}
# known NAME: the findings of the last snapshot, with and without what is known to be harmless
known() {
  "$OUTLIVE" residue --json "$(last_snap "$name")" > residue.json
  "$OUTLIVE" residue --json --no-builtin "$(last_snap "$name")" > all.json
  is "$1" "$(jq '[.rows[] | select(.kind == "fds")] | length' residue.json) $(jq '[.rows[] | select(.kind == "fds")] | length' all.json)" "0 1"
}

mode databases
for what in passwd group services protocols hosts networks utmp; do
  [ "$(fd_of $what)" = -1 ] || kept $what
done
is "kept ones leave no drift" "$(drift)" "0 0 0"
nth 2
is "endpwent and its like close them" "$(opened) $(drift)" "0 0 0 0"
is "as many were closed as opened" "$(q '[.fd_sums[] | select(.opened != .closed)] | length')" 0
nth 3
is "setpwent opens, too; endutxent closes what setutxent opened" \
  "$(q '[.fds[] | select(.flags | index("libc")) | .names] | join(" ")') $(drift)" "/etc/passwd 0 0 0"
known "what libc keeps is no finding, but with --no-builtin"
like "it is told" "$("$OUTLIVE" fds "$(last_snap databases)")" "/etc/passwd  cloexec  kept by libc$"

mode each_name
is "all names of all databases: nothing is open, nothing is lost" "$(opened) $(drift)" "0 0 0 0"
is "as many were closed as opened, in each" "$(q '[.fd_sums[] | select(.opened != .closed)] | length')" 0

mode forked
is "a child gives back what it inherited, its parent keeps its own" \
  "$(for s in $(snaps forked fd_kept); do
    records "$s"
    echo "$(q '[.fds[] | select(.flags | index("libc")) | .stack[0]] | join(" ")') $(drift)"
  done | sort | uniq -c | tr -s ' \n' ' ')" " 2 0 0 0 2 keep_passwd 0 0 0 "

# A folder /dev of our own, with a daemon's socket in it.
cat > with_log << 'SH'
mkdir -p dev && rm -f dev/log
for n in null zero urandom; do
  : > dev/$n
  mount --bind /dev/$n dev/$n || exit 99
done
mount --rbind dev /dev || exit 99
perl -MIO::Socket::UNIX -e 'unlink "/dev/log"; $s = IO::Socket::UNIX->new(Local => "/dev/log", Type => SOCK_DGRAM) or exit 1;
  $SIG{ALRM} = sub { exit }; alarm 600; $s->recv($_, 500) while 1' &
server=$!
for try in $(seq 600); do [ -S /dev/log ] && break; sleep 0.1; done
"$@"
status=$?
kill $server
exit $status
SH
if unshare -rm sh with_log true > namespace.log 2>&1; then
  mode log_lines env -u LD_PRELOAD unshare -rm env "LD_PRELOAD=$LIB" sh with_log
  kept syslog socket
  is "twenty lines of it open nothing more" "$(opened) $(drift)" "1 0 0 0"
  nth 2
  is "closelog closes it" "$(opened) $(drift)" "0 0 0 0"
  nth 3
  kept openlog socket
  known "the connection to syslog is no finding, but with --no-builtin"
else
  note "no /dev of our own: $(cat namespace.log)"
fi
mode log_lines
is "where no daemon is, or one, nothing is lost" "$(drift)" "0 0 0"

# Where a container's filter is there from the start, ours cannot be told from it.
if grep -q '^Seccomp:.0$' /proc/self/status; then
  "$PROGS/fd_kept" locked_in > locked_in.plain 2>&1 < /dev/null
  profiled locked_in "$PROGS/fd_kept" locked_in < /dev/null
  is "who has locked himself in makes no call but his own" "$status $(cat locked_in.out)" "0 $(cat locked_in.plain)"
fi

mode walks
is "fts_open keeps the folder where it began" "$(fd_row "$(fd_of walk)")" "case_walk directory stream"
is "but not with FTS_NOCHDIR" "$(opened) $(drift)" "1 0 0 0"
nth 2
is "fts_close closes it" "$(opened) $(drift)" "0 0 0 0"

mode transient
is "scandir, nftw, glob, getaddrinfo, dlopen, iconv_open, posix_spawn, system and others leave nothing open" \
  "$(opened) $(drift)" "0 0 0 0"

mode pidfds
for what in peer message; do
  [ "$(fd_of $what)" = -1 ] || is "a pidfd from a socket: $what" "$(fd_row "$(fd_of $what)")" "case_$what pidfd"
done
mode terminal
is "login_tty in a child leaves the parent's alone" "$(fd_row "$(fd_of tty)")" "terminal device"
is "login_tty: 0 to 2 are the terminal, its number is closed" \
  "$(for s in $(snaps terminal fd_kept); do
    records "$s"
    [ "$(q '.fds[] | select(.fd == 0) | .stack[0]')" = case_login ] || continue
    echo "$(q '[.fds[] | select(.stack[0] == "case_login") | "\(.fd) \(.kind)"] | join(" ")')$(fd_row "$(fd_of tty)") $(drift)"
  done | sort -u)" "0 device 1 device 2 device 0 0 0"
mode mounts
[ "$(fd_of fsopen)" = -1 ] || is "fsopen" "$(fd_row "$(fd_of fsopen)")" "case_fsopen other"
[ "$(fd_of fsmount)" = -1 ] || is "fsmount" "$(fd_row "$(fd_of fsmount)")" "case_fsmount directory"
[ "$(fd_of fspick)" = -1 ] || is "fspick" "$(fd_row "$(fd_of fspick)")" "case_fspick other"
[ "$(fd_of open_tree)" = -1 ] || is "open_tree" "$(fd_row "$(fd_of open_tree)")" "case_open_tree directory"
[ "$(fd_of handle)" = -1 ] || is "open_by_handle_at" "$(fd_row "$(fd_of handle)")" "case_handle directory"
mode ring
if [ "$(fd_of ring)" != -1 ]; then
  is "io_uring's own descriptor" "$(fd_row "$(fd_of ring)")" "ring other"
  is "what a ring opens has no stack, and what it closes is gone: both are told as drift" \
    "$(fd_row "$(fd_of opened)"), $(drift)" "null file unseen, 1 1 0"
  is "neither is a finding" "$("$OUTLIVE" residue --json "$(last_snap ring)" | jq '[.rows[] | select(.kind == "fds")] | length')" 1
fi

profiled cxx "$PROGS/fd_cxx"
records "$(snaps cxx | head -n 1)"
is "std::fstream and std::filesystem: runs as ever" "$status $(cat cxx.out cxx.err)" "0 "
is "an open stream and an open folder, by who opened them" \
  "$(q '[.fds[] | select(.flags | index("inherited") | not) | "\(.kind) \(.stack[0])"] | join("; ")' | c++filt)" \
  "device open_stream(); directory open_folder()"
is "a stream's end, copy_file's own and a recursive walk's are closed" "$(drift)" "0 0 0"
records "$(snaps cxx | sed -n 2p)"
is "delete closes both" "$(opened) $(drift)" "0 0 0 0"
done_testing
