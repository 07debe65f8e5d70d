#!/bin/sh
# Nobody's system call fails, ends early or begins anew because `stacks` looks: threads that can be read asleep, and threads that
# must be stopped for it, both looked at over and over.
. "${0%/*}/lib.sh"
need python3

# look PID: until it ends; the documents of all looks in looks.json
look() {
  printf '[' > looks.json
  while alive "$1" && "$OUTLIVE" stacks --json --no-names "$1" > one.json 2> one.err; do
    cat one.json >> looks.json
    printf ',' >> looks.json
  done
  printf '{"audit": {"stopped": 0, "begun_anew": 0}}]' >> looks.json
}
sum() {
  json looks.json 'sum(x["audit"]["'"$1"'"] for x in d)'
}
calls='accept epoll_wait nanosleep poll pthread_cond_timedwait read recv select sem_timedwait semtimedop sigtimedwait'

for way in "" "$LIB"; do
  name=${way:+ with the library}
  # The calls' limit of time, in seconds: on a busy machine a look takes long.
  for limit in 8 40; do
    rm -f outlive.*.snap
    background env LD_PRELOAD="$way" OUTLIVE_OPTIONS=out="$dir" "$PROGS/stacks_calls" $limit
    look "$pid"
    wait "$pid"
    ended=$?
    looks=$(json looks.json 'len(d) - 1')
    [ "$looks" -lt 20 ] || break
  done
  is "it ends as if nobody had looked$name" $ended 0
  ok "looked at 20 times$name" [ "$looks" -ge 20 ]
  is "every call came back right$name" "$(grep -c ' right ' "$pid.log") of $(wc -l < "$pid.log")" "22 of 22"
  is "each of them$name" "$(awk '{ print $1 }' "$pid.log" | sort -u | tr '\n' ' ')" "$calls "
  # A thread that is seen running may go to sleep before it is stopped: seldom, and the document says so.
  ok "next to no limit of time was begun anew$name ($(sum begun_anew))" [ "$(sum begun_anew)" -le $((looks / 20)) ]
  ok "threads were stopped$name" [ "$(sum stopped)" -ge 20 ]
  note "$looks looks, $(sum stopped) stops"
done
is "the library was there" "$(snaps . stacks_calls | wc -l)" 1
done_testing
