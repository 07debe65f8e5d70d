#!/bin/sh
# A program that begins behind a filter which kills for what our start does would be killed by us: it begins without us,
# whichever call starts it, and that is told. What else it was to preload is left as it is.
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/heap.sh"
need jq

other=$(ldconfig -p | sed -n 's/.*x86-64.* => \(.*libm\.so\.6\)$/\1/p' | head -n 1)
for way in execve execv execvp execvpe execl execlp execle execveat fexecve posix_spawn posix_spawnp system popen fork vfork; do
  profiled "$way" env "LD_PRELOAD=$LIB $other" "$PROGS/life_barred" deadly $way
  is "$way behind a deadly filter: the program runs, without us" "$status $(cat $way.out $way.err)" "3 preload $other"
done

profiled alone "$PROGS/life_barred" deadly execve
is "nothing else was to be preloaded" "$status $(cat alone.out alone.err)" "3 preload nothing"
top alone
is "the one snapshot is from before" "$(snaps alone | wc -l) $(jq -r .snapshot.label top.json)" "1 before a seccomp filter"
like "info tells it" "$("$OUTLIVE" info "$(last_snap alone)")" 'from here on +nothing was seen, nor what it started'

for way in execve posix_spawn; do
  profiled bars-$way "$PROGS/life_barred" bars $way
  is "$way behind one that kills for ptrace: without us" "$status $(cat bars-$way.out bars-$way.err)" "3 preload nothing"
  is "its own last snapshot is there" "$(snaps bars-$way | wc -l)" 1
done
top bars-execve
is "and was written as ever" "$(jq -r .snapshot.reason top.json)" "before an exec"

profiled shuts "$PROGS/life_barred" shuts execve
is "where no file can be made nothing is said of it on stderr" "$status $(cat shuts.out shuts.err)" "3 preload nothing"
top shuts
is "and the snapshot is from before" "$(snaps shuts | wc -l) $(jq -r .snapshot.label top.json)" "1 before a seccomp filter"
for way in execve posix_spawn system vfork; do
  for kind in refused none; do
    profiled $kind-$way "$PROGS/life_barred" $kind $way
    is "$way, $kind: the program begins with us" "$status $(cat $kind-$way.out $kind-$way.err)" "3 preload $LIB"
  done
done

status_is "check: no verdict on a command that has locked itself in" 4 "$OUTLIVE" run --check -- "$PROGS/life_barred" deadly execve
like "and why" "$(cat out err)" 'no verdict on life_barred .pid [0-9]+.: it set a seccomp filter'
for way in fork vfork; do
  for kind in deadly bars shuts; do
    # What a child of vfork has is its parent's, and what ends by exec may have nothing to tell.
    case $kind$way in bars* | *vfork) want=3 ;; *) want=4 ;; esac
    "$OUTLIVE" run --check -- "$PROGS/life_barred" $kind $way > out 2> err
    is "check, $kind in a child of $way: status" $? $want
    like "and what was not seen is told" "$(cat err)" 'behind a seccomp filter that they have set.*: 1 process: life_barred'
  done
done
# A real one: man locks its helpers in, by a filter that answers with an error.
if command -v man > /dev/null && [ -e /usr/share/man/man1/ls.1.gz ] && command -v groff > /dev/null; then
  man ls > native.man 2> native.err
  profiled man man ls
  is "man: output, errors and status are its own" "$status $(cat man.out man.err | cksum)" "0 $(cat native.man native.err | cksum)"
fi
done_testing
