#!/bin/sh
# Which processes are profiled: follow=no, only=, setuid, the first process of a container.
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/proc.sh"
need perl python3 bash

commands() { snaps "$1" | sed 's/.*outlive\.\([a-z_]*\)\..*/\1/' | sort | tr '\n' ' '; }

OPTIONS=follow=no
same alone bash -c 'ls /etc; (ls /etc); perl -e 1; exec true'
is "follow=no: the command, and what it becomes, but no child" "$(commands alone)" "bash true "
preloaded marked sh -c 'env; exit 1'
is "children know by one variable" "$(grep -c '^OUTLIVE_FOLLOW_ONLY=[0-9]*$' marked.got)" 1
OPTIONS=
preloaded unmarked sh -c 'env; exit 1'
is "which is not there by default" "$(grep -c OUTLIVE_FOLLOW_ONLY unmarked.got)" 0
OPTIONS=follow=no
same alone-forks "$PROGS/proc_family" fork
is "follow=no: not a fork either" "$(facts alone-forks)" "exit status=5 live=3"

OPTIONS='only=ls+p[a-f]rl'
same chosen bash -c 'ls /etc; perl -e 1; env true; :'
is "only: these" "$(commands chosen)" "ls perl "
OPTIONS='only=python?'
preloaded by-link /usr/bin/python3 -c 1
is "only: by the name that it was started by, and by its file's" "$(commands by-link | wc -w)" 1
OPTIONS=only=nothing
same passive "$PROGS/sig_show"
is "only: passive means passive" "$(facts passive)" ""
OPTIONS=

if [ "$(id -u)" = 0 ] && chmod 755 "$dir"; then
  cp "$PROGS/proc_end" setuid
  chmod 4755 setuid
  mkdir open && chmod 777 open
  rights() {
    perl -MPOSIX -e '$ENV{OUTLIVE_OPTIONS} = shift; $ENV{LD_PRELOAD} = shift; setuid(65534); exec @ARGV' "$@"
  }
  status_is "a program with more rights than its user runs" 2 rights "out=$dir/open" "$LIB" ./setuid
  is "and writes nothing" "$(snaps open)" ""
fi

# The kernel drops deadly signals that process 1 has no handler for.
if unshare -pf --mount-proc true 2> unshare.err; then
  native first unshare -pf --mount-proc "$PROGS/proc_end" kill-15
  mkdir first
  unshare -pf --mount-proc env OUTLIVE_OPTIONS=out=$dir/first LD_PRELOAD="$LIB" "$PROGS/proc_end" kill-15 > first.got
  is "process 1 outlives SIGTERM" "$(cat first.got)" "$(grep -v status first.want)"
  is "and has its last snapshot" "$(facts first)" "exit status=2 live=3"
  # Whatever process were made for the writing would be the new namespace's first, and its last.
  mkdir namespace
  is "who unshares the pid namespace can still fork" \
    "$(OUTLIVE_OPTIONS=out=$dir/namespace LD_PRELOAD=$LIB unshare -p sh -c 'true; sh -c true; echo $?' 2>&1)" \
    "$(unshare -p sh -c 'true; sh -c true; echo $?' 2>&1)"
else
  note "no pid namespace here: $(cat unshare.err)"
fi
done_testing
