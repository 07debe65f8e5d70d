#!/bin/sh
# `outlive run` is not to be noticed: status, signals, environment and words of the command are its own.
. "$(dirname "$0")/lib.sh"

status_is "the command's status" 7 "$OUTLIVE" run -- sh -c 'exit 7'
status_is "a command that is not there" 127 "$OUTLIVE" run -- no-such-command-here
like "is told as a shell tells it" "$(cat err)" 'no-such-command-here: command not found'
echo text > plain
status_is "a file that cannot be run" 126 "$OUTLIVE" run -- ./plain
status_is "a folder" 126 "$OUTLIVE" run -- /usr
printf 'echo "$1"; exit 3\n' > shell-script
chmod +x shell-script
status_is "a script without #! is for sh" 3 "$OUTLIVE" run -- ./shell-script word
is "with its words" "$(cat out)" word
status_is "no command at all" 2 "$OUTLIVE" run --keep 3
like "is told with the usage" "$(cat err)" 'run which command'

# dash reports what the shell saw of its child: by signal, not a status above 128. Of the two only outlive may leave a core.
# shellcheck disable=SC3045
ulimit -S -c unlimited 2> ulimit.err || note "$(cat ulimit.err)"
for signal in TERM KILL SEGV ABRT; do
  # shellcheck disable=SC2016
  perl -e '$s = system @ARGV; print $s & 127, "\n"' "$OUTLIVE" run -- sh -c "ulimit -c 0; kill -$signal \$\$" > out 2> err
  is "a command ended by SIG$signal ends outlive by it" "$(cat out)" "$(kill -l $signal 2> /dev/null ||
    perl -MPOSIX -e "print POSIX::SIG$signal")"
done
ok "no core of outlive's own" sh -c '! ls core* 2> /dev/null'

status_is "a misspelt flag" 2 "$OUTLIVE" run --intervall 30s -- true
like "is told the nearest" "$(cat err)" 'did you mean --interval'
status_is "a time that is none" 2 "$OUTLIVE" run --interval 3x -- true
status_is "a number that is none" 2 "$OUTLIVE" run --keep many -- true
status_is "a flag without its value" 2 "$OUTLIVE" run --keep
status_is "help" 0 "$OUTLIVE" run --help
like "names every option of the library" "$(cat out)" '--interval TIME'

# shellcheck disable=SC2016
"$OUTLIVE" run --keep 3 --out 'a, b' -- sh -c 'echo "$LD_PRELOAD"; echo "$OUTLIVE_OPTIONS"; pwd; echo "$@"' x 'a  b' '*' \
  > out 2> err
is "liboutlive.so by its absolute path" "$(sed -n 1p out)" "$LIB"
is "options, the folder made absolute and quoted" "$(sed -n 2p out | sed 's/.*keep=/keep=/; s/,answer=[^,]*//')" "keep=3,out=\"$PWD/a, b\""
is "the current folder stays" "$(sed -n 3p out)" "$PWD"
is "arguments are not touched" "$(sed -n 4p out)" 'a  b *'
LD_PRELOAD=/old/path/liboutlive.so "$OUTLIVE" run -- sh -c 'echo "$LD_PRELOAD"' > out 2> err
is "another liboutlive.so is not loaded twice" "$(cat out)" "$LIB"
OUTLIVE_OPTIONS=keep=5 "$OUTLIVE" run --keep 6 -- sh -c 'echo "$OUTLIVE_OPTIONS"' > out 2> err
like "flags come after the variable, and win" "$(cat out)" 'keep=5.*keep=6(,|$)'
"$OUTLIVE" run --quiet -- sh -c 'echo "$OUTLIVE_OPTIONS"' > out 2> err
like "a yes-or-no option may stand alone" "$(cat out)" 'quiet=yes(,|$)'
(cd / && echo data | "$OUTLIVE" run --out "$dir" -- cat) > out 2> err
is "stdin and stdout are the command's" "$(cat out)" data
done_testing
