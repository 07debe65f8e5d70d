#!/bin/sh
# Who looks at a process may die at any moment, and so may our children in it that write, stop and mark: the program goes on, its
# books stay right to the byte, and the next one who asks is answered. READERS (60): how many die.
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/heap.sh"
need jq perl

readers=${READERS:-60}
cat > die.pl << 'PERL'
use Time::HiRes "usleep";
my ($outlive, $pid, $count) = @ARGV;
my @looks = (["snapshot", $pid], ["snapshot", "--reach", $pid], ["stacks", $pid], ["snapshot", "--trim", $pid],
  ["diff", "--live", $pid, "--for", "10ms"], ["serve", "--listen", "unix:serve.sock", $pid]);
my $seed = 20261122;
my $ours = 0;
srand $seed;
for my $i (0 .. $count - 1) {
  my $look = fork // die;
  if (!$look) {
    open STDOUT, ">", "look.out";
    open STDERR, ">", "look.err";
    exec $outlive, @{$looks[$i % @looks]};
  }
  usleep(rand 60_000);
  # Those that the program itself has made may be among them: it does not ask how they end.
  if ($i % 3 == 0) {
    for my $list (glob "/proc/$pid/task/*/children") {
      open my $f, "<", $list or next;
      $ours += kill 9, split " ", join "", <$f>;
    }
  }
  kill 9, $look;
  waitpid $look, 0;
}
print "$ours children, too\n";
PERL

mkdir files
OUTLIVE_OPTIONS="out=$PWD/files,follow=no,quiet=yes,keep=0" LD_PRELOAD=$LIB "$PROGS/heap_soak" until-told > books 2> soak.err &
pid=$!
pids=$pid
wait_for ready "$pid"
ok "$readers die" perl die.pl "$OUTLIVE" "$pid" "$readers"
note "$(cat out)"
ok "the program lives" alive "$pid"
ok "and answers the next one" "$OUTLIVE" snapshot --timeout 100s "$pid"
ok "who asks what can be reached, too" "$OUTLIVE" snapshot --reach --timeout 100s "$pid"
kill -USR1 $pid
wait $pid
is "the program ends well" "$? $(cat soak.err)" "0 "
top files
mine=$(jq -r '[.rows[] | select(any(.stack[]; .function == "soak_make" or .function == "soak_grow"))] |
  map([.alloc_objects, .alloc_space, .inuse_objects, .inuse_space]) | transpose | map(add) | join(" ")' top.json)
is "its books are outlive's, to the byte" "$mine" "$(cat books)"
is "nothing was lost, nothing unknown" "$(jq -c '[(.audit.lost | add // 0), .audit.unknown_frees]' top.json)" '[0,0]'
bad=
for file in $(snaps files); do
  "$OUTLIVE" info "$file" > info.out 2>&1 || bad="$bad $file"
done
is "every file is whole" "$bad" ""

# The one that has started it, with a pipe, a socket and a page between them.
mkdir run
background "$OUTLIVE" run --check --stats 100ms --out "$dir/run" -- "$PROGS/heap_soak" until-told
run=$pid
# It looks at the command first, in a child of its own.
has_child() { [ "$(cat "/proc/$(child "$run")/comm")" = heap_soak ]; }
wait_for has_child
pid=$(child "$run")
pids="$pids $pid"
wait_for ready "$pid"
wait_for grep -q . "$run.log"
stop_pid "$run" KILL
ok "outlive run is killed: the program lives" alive "$pid"
kill -USR1 "$pid"
gone() { ! alive "$pid"; }
wait_for gone
like "and ends as ever" "$(cat "$run.log")" '^[0-9]+ [0-9]+ [0-9]+ [0-9]+$'
done_testing
