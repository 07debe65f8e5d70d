#!/bin/sh
# A writer is killed when the one who asked for it is gone already, and another waits: that one gets a snapshot, and is not told of
# a failure that was not its own.
. "$(dirname "$0")/lib.sh"
need perl jq

# So many blocks that the writer can be met at work.
cat > target.pl << 'PERL'
my $busy = shift;
my @kept = map { "x" x 40 } 1 .. 300_000;
my $go = 1;
$SIG{USR1} = sub { $go = 0 };
$| = 1;
print "ready\n";
while ($go) { $busy ? push @kept, [pop @kept] : select undef, undef, undef, 0.01 }
PERL
# Stops the writer of PID as soon as there is one; prints its pid.
cat > hold.pl << 'PERL'
my $pid = shift;
my $end = time + 60;
while (time < $end) {
  for my $list (glob "/proc/$pid/task/*/children") {
    open my $f, "<", $list or next;
    for my $child (split " ", join "", <$f>) {
      open my $name, "<", "/proc/$child/comm" or next;
      next if (<$name> // "") ne "outlive-writer\n" || !kill 19, $child;
      print "$child\n";
      exit 0;
    }
  }
}
exit 1;
PERL

# asked PID TIMES, as the control page has it (preload/format_control.h)
asked() {
  perl -e 'open my $f, "<", "/dev/shm/outlive.$ARGV[0].ctl" or die; read $f, my $page, 36; exit(unpack("x32 L", $page) != $ARGV[1])' "$1" "$2"
}

mkdir files
for busy in 0 1; do
  who=$([ $busy = 1 ] && echo "a busy program" || echo "an idle program")
  OUTLIVE_OPTIONS="out=$PWD/files,follow=no,quiet=yes" LD_PRELOAD=$LIB perl target.pl $busy > target.out 2>&1 &
  pid=$!
  pids=$pid
  wait_for grep -q ready target.out
  perl hold.pl "$pid" > writer 2> hold.err &
  hold=$!
  pids="$pids $hold"
  "$OUTLIVE" snapshot "$pid" > first.out 2>&1 &
  first=$!
  pids="$pids $first"
  wait $hold
  is "$who: its writer is met" "$? $(cat hold.err)" "0 "
  writer=$(cat writer)
  kill -9 $first
  wait $first 2> /dev/null
  "$OUTLIVE" snapshot --timeout 20s "$pid" > second.out 2> second.err &
  second=$!
  pids="$pids $second"
  wait_for asked "$pid" 2
  kill -9 "$writer"
  wait $second
  is "$who: the next one is answered" "$? $(cat second.err)" "0 "
  file=$(sed -n 's/.*\(outlive\..*\.snap\).*/\1/p' second.out | head -n 1)
  ok "$who: by a file that is whole" "$OUTLIVE" info "files/$file"
  kill -USR1 "$pid"
  wait "$pid"
done
done_testing
