#!/bin/sh
# A profiled program that is looked at while its threads are in system calls: none of them notices, by either way of
# stopping them; nor does who waits for children.
. "${0%/*}/lib.sh"
need strace python3

# look_at NAME COMMAND...: three looks while the program makes its calls; its last word in $last, its status in $status
look_at() {
  name=$1
  shift
  rm -f go
  mkfifo go
  mkdir "$name"
  OUTLIVE_OPTIONS=out=$dir/$name background sh -c "exec $* < go"
  exec 3> go
  wait_for grep -q calling "$pid.log"
  for look in 1 2 3; do
    "$OUTLIVE" snapshot --reach "$(program "$pid")" > "$name.$look" 2>&1
  done
  echo go >&3
  exec 3>&-
  wait "$pid"
  status=$?
  last=$(grep -v calling "$pid.log")
  "$OUTLIVE" info --json "$(tail -n 1 "$name.3")" > info.json
}
# The program itself, where strace is its parent.
program() {
  child=$(cat "/proc/$1/task/$1/children")
  if [ "$(cat "/proc/$1/comm")" = strace ]; then echo "${child%% *}"; else echo "$1"; fi
}

look_at traced env "LD_PRELOAD=$LIB" "$PROGS/stop_undisturbed"
is "by ptrace: no call is disturbed" "$last" "0 of 22 disturbed"
is "by ptrace: its status" $status 0
is "by ptrace: it was" "$(json info.json '(d["reach"]["state"], d["reach"]["way"])')" "('done', 'ptrace')"

if strace -o /dev/null true 2> strace.err; then
  look_at signaled strace -f -o trace.log -E "LD_PRELOAD=$LIB" "$PROGS/stop_undisturbed"
  is "by the signal: no call is disturbed" "$last" "0 of 22 disturbed"
  is "by the signal: its status" $status 0
  is "by the signal: it was" "$(json info.json '(d["reach"]["state"], d["reach"]["way"])')" "('done', 'signal')"
else
  note "no ptrace here: $(cat strace.err)"
fi

# Whose child runs in its memory is not waited for.
rm -f go
mkfifo go
mkdir vfork
OUTLIVE_OPTIONS=out=$dir/vfork LD_PRELOAD=$LIB background sh -c "exec '$PROGS/stop_undisturbed' vfork < go"
exec 3> go
wait_for grep -q vforked "$pid.log"
"$OUTLIVE" snapshot --reach "$pid" > vfork.out 2>&1
like "vfork in flight: no verdict, and why" "$(cat vfork.out)" 'no verdict: a thread waits for its vfork child'
exec 3>&-
wait "$pid"
is "vfork in flight: the program ends as ever" $? 0
done_testing
