# shellcheck shell=sh
# arch.sh - after lib.sh and heap.sh: what each processor has its own way for.
#
#   frames_hold     arch_frames, run by profiled(): its output, its stacks, the last words of an abort

# stack_of FUNCTION: the named functions of the program in the stack of its row, innermost first
stack_of() {
  jq -r --arg f "$1" '[.rows[] | select(.stack[0].function == $f) | .stack[].function | select(. != null)] |
    map(select(test("^frames_|^main$"))) | join(" ")' top.json
}

frames_hold() {
  for how in return abort; do
    profiled "f$how" "$PROGS/arch_frames" $how
    is "status, by $how" $status "$([ $how = abort ] && echo 134 || echo 0)"
    is "output, by $how" "$(cat "f$how.out")" "vfork 7, syscall 1, system 3"
    ok "a snapshot, by $how" top "f$how"
    is "a signal's frame, by $how" "$(stack_of frames_handler)" "frames_handler frames_raise main"
    is "behind it, by $how" "$(stack_of frames_raise)" "frames_raise main"
    is "through libc and back, by $how" "$(stack_of frames_compare)" "frames_compare main"
    is "a thread's stack, by $how" "$(stack_of frames_thread)" frames_thread
    is "whole stacks, by $how" "$(jq -c '.audit | [.broken_stacks, .truncated_stacks, .lost.no_stack]' top.json)" "[0,0,0]"
  done
}
