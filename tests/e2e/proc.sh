# shellcheck shell=sh disable=SC2154
# proc.sh - sourced after lib.sh by tests of how processes end.
#
#   native NAME COMMAND...       output and way of ending of the plain command, in NAME.want
#   preloaded NAME COMMAND...    the same with liboutlive.so, its snapshots in folder NAME; in NAME.got
#   facts NAME                   what the snapshots in NAME say (snapinfo.py), oldest first, joined by " | "
#   same NAME COMMAND...         both, and a test that they are equal

# Prints how the command ended, as its parent sees it.
cat > ended.pl << 'PERL'
system { $ARGV[0] } @ARGV;
printf "status %d signal %d core %d\n", $? >> 8, $? & 127, $? >> 7 & 1;
PERL

native() {
  native_name=$1
  shift
  mkdir -p "$native_name.native"
  (cd "$native_name.native" && perl ../ended.pl "$@") > "$native_name.want" 2>&1
}

preloaded() {
  preloaded_name=$1
  shift
  mkdir -p "$preloaded_name"
  OUTLIVE_OPTIONS="out=$dir/$preloaded_name${OPTIONS:+,$OPTIONS}" perl -e '
    $ENV{LD_PRELOAD} = shift;
    my $pid = fork // die;
    $pid or exec { $ARGV[0] } @ARGV or die;
    $SIG{INT} = $SIG{QUIT} = "IGNORE";
    waitpid $pid, 0;
    printf "status %d signal %d core %d\n", $? >> 8, $? & 127, $? >> 7 & 1;
    # Killed, it cannot take its control file along.
    unlink "/dev/shm/outlive.$pid.ctl" if ($? & 127) == 9;' \
    "$LIB" "$@" > "$preloaded_name.got" 2>&1
}

facts() {
  # shellcheck disable=SC2046
  set -- $(snaps "$1")
  [ $# = 0 ] && return
  python3 "$ROOT/tests/e2e/snapinfo.py" "$@" 2>&1 | paste -sd '|' | sed 's/|/ | /g'
}

same() {
  same_name=$1
  native "$@"
  preloaded "$@"
  is "$same_name: as without us" "$(cat "$same_name.got")" "$(cat "$same_name.want")"
}
