#!/bin/sh
# A process that mallocs, frees and reallocs in six threads without pause, scanned REACH_SCANS times: its seven lost blocks
# are found each time, and nothing else is called lost.
. "${0%/*}/lib.sh"
need jq
scans=${REACH_SCANS:-50}

mkfifo in
LD_PRELOAD=$LIB OUTLIVE_OPTIONS=keep=2 "$PROGS/reach_live" 6 < in > log &
pid=$!
pids="$pids $pid"
exec 8> in
wait_for grep -q ready log
good=0 late=0 i=0
while [ $i -lt "$scans" ]; do
  i=$((i + 1))
  "$OUTLIVE" snapshot --reach $pid > out 2>&1
  status=$?
  case $status$(head -n 1 out) in
    "0reach: 7.0 kB in 7 blocks lost for certain, "*"still reachable") good=$((good + 1)) ;;
    # A machine with much else to do: once more.
    "4reach: no verdict: the threads could not be stopped in time")
      late=$((late + 1))
      [ $late -gt "$scans" ] || i=$((i - 1))
      ;;
    *)
      note "scan $i, status $status: $(cat out)"
      note "$("$OUTLIVE" top --json -n 0 "$(tail -n 1 out)" 2> /dev/null |
        jq -c '.rows[] | select(.reach.lost.objects > 0) | [.site, .reach.lost, .age_ns.p50]')"
      ;;
  esac
done
is "each of $scans scans finds the seven blocks, and no other" $good "$scans"
last=$(tail -n 1 out)
is "and says where they were lost" "$("$OUTLIVE" top --json -n 0 "$last" |
  jq -r '[.rows[] | select(.verdict == "lost") | .site.function] | join(" ")')" lose
"$OUTLIVE" info --json "$last" > info
note "stopped for $(jq .audit.reach_frozen_ns info) ns, of them the clone $(jq .audit.reach_clone_ns info); " \
  "$(jq .audit.reach_blocks info) blocks in $(jq .audit.reach_mark_ns info) ns"
is "all threads were seen" "$(jq .audit.reach_threads info)" 7
is "no file is left half written" "$(find . -name '*.tmp' | wc -l)" 0
is "the process has no child" "$(cat /proc/$pid/task/$pid/children)" ""
done_testing
