#!/bin/sh
# Processes in places that are short of something: a descriptor, a disk, /proc, rights. The program ends as it does without us.
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/proc.sh"
need perl python3 unshare chroot

work='my @a = map { "x" x $_ } 1 .. 1000; open my $f, "<", "/dev/null" or print "no /dev/null\n"; print scalar @a, "\n"'

# ---- descriptors 0 to 2 ----
for closed in '<&-' '>&-' '2>&-' '<&- >&- 2>&-'; do
  sh -c "exec perl -e '$work; print STDERR qq(e\\n)' $closed" > plain.out 2> plain.err
  plain="$? $(cat plain.out plain.err)"
  mkdir -p closed
  LD_PRELOAD=$LIB OUTLIVE_OPTIONS=out=$dir/closed sh -c "exec perl -e '$work; print STDERR qq(e\\n)' $closed" > got.out 2> got.err
  is "closed $closed: as without us" "$? $(cat got.out got.err)" "$plain"
done
ok "and each left a snapshot" [ "$(snaps closed perl | wc -l)" = 4 ]

# ---- what we say must not end the program, nor hold it up ----
# bogus=1 is told at the start.
like "stderr is a pipe that nobody reads: the program goes on" "$(LD_PRELOAD=$LIB OUTLIVE_OPTIONS=bogus=1,out=$dir/closed \
  perl -e 'pipe(R, W); open STDERR, ">&", \*W; close R; close W; exec "perl", "-e", "print qq(went on\n)"')" '^went on$'
like "stderr is a pipe that is full: the program goes on" "$(LD_PRELOAD=$LIB OUTLIVE_OPTIONS=bogus=1,out=$dir/closed \
  timeout 60 perl -e 'use Fcntl; pipe(R, W); fcntl(W, F_SETFL, O_NONBLOCK); 1 while syswrite(W, "x" x 4096); fcntl(W, F_SETFL, 0);
  fcntl(R, F_SETFD, 0); open STDERR, ">&", \*W; exec "perl", "-e", "print qq(went on\n)"')" '^went on$'

# ---- no place to write ----
touch nowhere
mkdir full
unshare -m sh -c 'mount -t tmpfs -o size=16k none full && exec "$@"' sh \
  env LD_PRELOAD="$LIB" OUTLIVE_OPTIONS="out=$dir/full" perl -e "$work" > got.out 2> got.err
is "a full disk: the program's status and output" "$? $(cat got.out)" "0 1000"
like "and one line says so" "$(cat got.err)" 'outlive.*disk is full'
is "once" "$(grep -c outlive got.err)" 1
mkdir readonly
unshare -m sh -c 'mount -t tmpfs -o ro none readonly && exec "$@"' sh \
  env LD_PRELOAD="$LIB" OUTLIVE_OPTIONS="out=$dir/readonly" perl -e "$work" > got.out 2> got.err
is "a read-only file system: the program's status and output" "$? $(cat got.out)" "0 1000"
like "and one line says so" "$(cat got.err)" 'outlive.*[Rr]ead-only'
LD_PRELOAD=$LIB OUTLIVE_OPTIONS=out=$dir/nowhere/deep perl -e "$work" > got.out 2> got.err
is "a folder below a file: the program's status and output" "$? $(cat got.out)" "0 1000"
like "and one line says so" "$(cat got.err)" 'outlive.*nowhere'

# ---- no /proc, no /dev/shm, another root, another user ----
mkdir bare
unshare -m sh -c 'mount -t tmpfs none /proc && mount -t tmpfs -o ro none /dev/shm && exec "$@"' sh \
  env LD_PRELOAD="$LIB" OUTLIVE_OPTIONS="out=$dir/bare" perl -e "$work" > got.out 2> got.err
is "neither /proc nor /dev/shm: status and output" "$? $(cat got.out)" "0 1000"
ok "and a snapshot" [ "$(snaps bare | wc -l)" = 1 ]
ok "that loads" "$OUTLIVE" top "$(snaps bare)"
mkdir user
unshare -U -r env LD_PRELOAD="$LIB" OUTLIVE_OPTIONS="out=$dir/user" perl -e "$work" > got.out 2> got.err
is "a user namespace: status and output" "$? $(cat got.out got.err)" "0 1000"
ok "and a snapshot" [ "$(snaps user | wc -l)" = 1 ]
mkdir -p root/lib64 root/lib root/usr away
mkdir moved
LD_PRELOAD=$LIB OUTLIVE_OPTIONS=out=$dir/moved perl -e \
  "use POSIX; POSIX::setsid(); chdir '/'; chroot '$dir/root' or die; $work" > got.out 2> got.err
is "setsid, chdir, chroot away from all folders: status and output" "$? $(cat got.out)" "0 no /dev/null
1000"

# ---- what is very long, or changes ----
long=$(head -c 120000 /dev/zero | tr '\0' x)
mkdir long
LD_PRELOAD=$LIB OUTLIVE_OPTIONS=out=$dir/long perl -e "$work" "$long" "$long" > got.out 2> got.err
is "a command line of 240 kB: status and output" "$? $(cat got.out got.err)" "0 1000"
ok "and its snapshot loads" "$OUTLIVE" info "$(snaps long)"
like "with the line's beginning" "$(cat out)" 'command +.*perl'
mkdir chain
LD_PRELOAD=$LIB OUTLIVE_OPTIONS=out=$dir/chain perl -e '
  my $n = shift; exec $^X, "-e", "exec q(sh), q(-c), q(exec env -i LD_PRELOAD=$ENV{LD_PRELOAD} /bin/echo done)"' > got.out 2> got.err
is "a chain of exec, the last with an empty environment: status and output" "$? $(cat got.out got.err)" "0 done"
is "a file for each image of the one process" "$(snaps chain | wc -l)" 4

# ---- limits ----
mkdir few
LD_PRELOAD=$LIB OUTLIVE_OPTIONS=out=$dir/few sh -c "ulimit -n 5; exec perl -e '
  my @f; while (open my \$g, q(<), q(/dev/null)) { push @f, \$g } print scalar @f, qq( \$!\n)'" > got.out 2> got.err
sh -c "ulimit -n 5; exec perl -e '
  my @f; while (open my \$g, q(<), q(/dev/null)) { push @f, \$g } print scalar @f, qq( \$!\n)'" > plain.out 2>&1
is "five descriptors: each is the program's" "$(cat got.out got.err)" "$(cat plain.out)"
ok "and a snapshot" [ "$(snaps few perl | wc -l)" = 1 ]
mkdir small
like "no file may grow (RLIMIT_FSIZE): the program ends as ever" "$(LD_PRELOAD=$LIB OUTLIVE_OPTIONS=out=$dir/small sh -c \
  "ulimit -f 0; perl -e '$work' | cat; exec perl -e 'print qq(ended\\n)'" 2>&1 | cat)" '^ended$'
done_testing
