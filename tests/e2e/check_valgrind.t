#!/bin/sh
# A suite that runs valgrind itself must not fail for us: memcheck would judge our own look at the stack, and any of its tools
# ends a program that makes a helper process. What a checker watches is left alone, and told as not seen.
. "$(dirname "$0")/lib.sh"
need valgrind

# Without what helps with the names of libc: it takes seconds.
unset DEBUGINFOD_URLS LD_LIBRARY_PATH
for tool in memcheck helgrind drd; do
  # shellcheck disable=SC2016
  status_is "$tool: finds nothing in us" 0 "$OUTLIVE" run --check -- \
    sh -c 'valgrind -q --error-exitcode=3 --tool="$1" "$2" lost > vg.out 2> vg.err' sh $tool "$PROGS/check_heap"
  like "$tool: is told as not seen" "$(cat err)" "^not seen: 1 process of .*/$tool-[a-z0-9]+-linux"
  is "$tool: says nothing" "$(cat vg.out vg.err)" ""
done
LD_PRELOAD=$LIB valgrind -q --error-exitcode=3 --leak-check=full --errors-for-leak-kinds=definite \
  --log-file=vg.log "$PROGS/check_heap" lost
is "memcheck: finds the program's own leak as ever" "$?" 3
rm -f outlive.*.snap
LD_PRELOAD=$LIB valgrind -q --tool=callgrind --callgrind-out-file=callgrind.out --log-file=vg.log "$PROGS/check_heap" lost
is "callgrind: the program ends as it would" "$?" 0
unlike "callgrind: nothing that it cannot do" "$(cat vg.log)" 'nimplemented|nsupported'
is "callgrind: a snapshot is there" "$("$OUTLIVE" info --json outlive.callgrind-*.snap | grep -c '"snapshot"')" 1
done_testing
