#!/bin/sh
# What is written where others may write: files for their owner alone, no link followed, nothing outside of `out`, and
# no one else's process asked.
. "$(dirname "$0")/lib.sh"
need cc perl jq

cat > named.c << 'C'
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
/* named [wait] */
int main(int argc, char **argv)
{
	umask(0);
	if (argc > 1) {
		puts("ready");
		fflush(stdout);
		pause();
	}
	return !malloc(10);
}
C
cc -o named named.c
modes() { stat -c %a "$1"/* | sort -u; }

mkdir open
OUTLIVE_OPTIONS=out=$dir/open LD_PRELOAD=$LIB ./named
is "umask 0: a snapshot is its owner's alone" "$(modes open)" 600
OUTLIVE_OPTIONS=out=$dir/made/deep LD_PRELOAD=$LIB ./named
is "nor may others take it away from a folder that was made for it" "$(modes made) $(stat -c %a made)" "755 755"

# The kernel's short name is what the file was called: any bytes but '/'.
escape=$(printf '\033]0;t\007')
mkdir -p deep/er bin
for name in '...' '..%p' '%p%c' '* *' '-rf' "$escape" '.hidden'; do
  rm -rf deep/er/* && cp named "bin/$name"
  (cd bin && OUTLIVE_OPTIONS=out=$dir/deep/er/%c LD_PRELOAD=$LIB "./$name")
  is "the name '$(printf %s "$name" | tr -d '\033\007')': nothing outside of out" \
    "$(find deep bin -name '*.snap*' ! -path 'deep/er/*' | wc -l)" 0
done
is "the last one's file is there" "$(find deep/er -name '*.snap' | wc -l)" 1
# A thread may call itself what no file can be called, and make the copy whose name is taken anew.
cat > comm.c << 'C'
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
int main(void)
{
	prctl(PR_SET_NAME, "../../escaped");
	if (!fork())
		return !malloc(10);
	wait(NULL);
	return 0;
}
C
cc -o comm comm.c
OUTLIVE_OPTIONS=out=$dir/deep/er/%c LD_PRELOAD=$LIB ./comm
is "a name with a path in it leads nowhere" "$(find . -name '*escaped*' ! -path './deep/er/*' | wc -l)" 0
is "two processes, two files" "$(find deep/er -name 'outlive.*.snap' | wc -l)" 3
is "and no name holds what a shell or a terminal takes" "$(find . -name 'outlive.*[!a-zA-Z0-9._-]*' | wc -l)" 0

# A sticky folder in which somebody has laid links where the next snapshots go.
mkdir -m 1777 sticky
echo precious > precious
cat > links.pl << 'PL'
symlink "../precious", "sticky/outlive.named.$$.$_.snap" for 1 .. 3;
exec "./named";
PL
OUTLIVE_OPTIONS=out=$dir/sticky LD_PRELOAD=$LIB perl links.pl
is "a link in the way is left alone" "$(cat precious)" precious
is "and the snapshot has a name of its own" "$(find sticky -name 'outlive.named.*' -type f | wc -l)" 1
# Other things than links.
rm -rf sticky/*
cat > others.pl << 'PL'
link "precious", "sticky/outlive.named.$$.1.snap";
system "mkfifo", "sticky/outlive.named.$$.2.snap";
mkdir "sticky/outlive.named.$$.3.snap";
symlink "nowhere", "sticky/outlive.named.$$.peak.snap";
exec "./named";
PL
OUTLIVE_OPTIONS=out=$dir/sticky LD_PRELOAD=$LIB perl others.pl
is "a second name of a file, a pipe, a folder: left alone, too" "$(cat precious) $(find sticky | wc -l)" "precious 8"
ok "and there is a whole snapshot" "$OUTLIVE" info "$(find sticky -name 'outlive.named.*.snap' -type f -links 1)"
mkdir real && ln -s real alias
OUTLIVE_OPTIONS=out=$dir/alias LD_PRELOAD=$LIB ./named
is "an out that is a link is what its owner has made it" "$(find real -name '*.snap' | wc -l)" 1

# The control file: its owner's alone, and one that lay there is not taken.
OUTLIVE_OPTIONS=out=$dir/open background env LD_PRELOAD="$LIB" ./named wait
wait_for grep -q ready "$pid.log"
named=$pid
control=/dev/shm/outlive.$named.ctl
is "the control file is the owner's alone" "$(stat -c '%a %u' "$control")" "600 $(id -u)"
if [ "$(id -u)" = 0 ] && command -v setpriv > setpriv.log; then
  chmod 755 .
  cp "$OUTLIVE" "$LIB" . && chmod 755 outlive liboutlive.so
  as() { setpriv --reuid "$1" --regid "$1" --clear-groups -- sh -c "$2"; }
  as 65534 "./outlive snapshot $named" > out 2> err
  is "somebody else's process: refused" $? 3
  like "told" "$(cat err)" "process $named"
  as 65534 "./outlive stacks $named" > out 2> err
  is "nor its stacks" $? 3
  ok "the process lives" alive "$named"
  # Who makes a control file for another's process could be believed by root.
  # (One of root's that was killed may have had its number, and have left its file there.)
  for _ in 1 2 3; do
    background setpriv --reuid 65534 --regid 65534 --clear-groups env OUTLIVE_OPTIONS=quiet=yes LD_PRELOAD="$dir/liboutlive.so" \
      ./named wait
    wait_for grep -q ready "$pid.log"
    theirs=$pid
    [ "$(stat -c %u "/dev/shm/outlive.$theirs.ctl")" = 0 ] || break
    rm "/dev/shm/outlive.$theirs.ctl"
  done
  is "theirs is theirs" "$(stat -c '%a %u' "/dev/shm/outlive.$theirs.ctl")" "600 65534"
  cp "/dev/shm/outlive.$theirs.ctl" page
  rm "/dev/shm/outlive.$theirs.ctl"
  (umask 0 && cp page "/dev/shm/outlive.$theirs.ctl") && chown 12345 "/dev/shm/outlive.$theirs.ctl"
  status_is "beside a control file of a third user: no answer" 3 "$OUTLIVE" snapshot --timeout 1s "$theirs"
  ok "and nothing was written into it" cmp page "/dev/shm/outlive.$theirs.ctl"
  status_is "which cannot be asked by" 3 "$OUTLIVE" snapshot --trim --timeout 1s "$theirs"
  like "told why" "$(cat err)" 'Operation not permitted'
  rm "/dev/shm/outlive.$theirs.ctl"
  cp page linked && chown 65534 linked
  ln -s "$dir/linked" "/dev/shm/outlive.$theirs.ctl"
  status_is "nor by a link to one" 3 "$OUTLIVE" snapshot --trim --timeout 1s "$theirs"
  ok "nothing was written there, either" cmp page linked
  rm -f "/dev/shm/outlive.$theirs.ctl"
  ok "the process lives" alive "$theirs"

  # A program that gains rights: the loader keeps the library out; where it lies in a folder of the system's and is setuid
  # itself, the loader lets it in.
  system=$(dirname "$(ldconfig -p | awk '/libc\.so\.6 .*x86-64/ { print $NF; exit }')")
  installed=$system/liboutlive-test-$$.so
  mkdir -m 1777 gained
  cp named gains && chmod 4755 gains
  cp "$LIB" "$installed" && chmod 4755 "$installed"
  as 65534 "OUTLIVE_OPTIONS=out=$dir/gained LD_PRELOAD=$(basename "$installed") ./gains" > out 2> err
  is "setuid, with the library let in: it runs" "$?" 0
  is "and writes nothing" "$(find gained -type f | wc -l)" 0
  is "nor says anything" "$(cat out err)" ""
  as 65534 "OUTLIVE_OPTIONS=out=$dir/gained LD_PRELOAD=$(basename "$installed") ./named" > out 2> err
  is "as itself it does" "$(find gained -type f | wc -l)" 1
  rm -f "$installed"
fi

# A control file that is cut under the program, by who clears /dev/shm: to touch the page would be the program's end.
page() { echo "/dev/shm/outlive.$pid.ctl"; }
whole() { [ "$(stat -c %s "$(page)")" = 4096 ] && ready "$pid"; }
for how in busy read; do
  mkdir "cut-$how"
  mkfifo "go-$how"
  LD_PRELOAD=$LIB OUTLIVE_OPTIONS=out=$dir/cut-$how "$PROGS/sig_idle" $how < "go-$how" > "cut-$how.log" 2>&1 &
  pid=$!
  pids="$pids $pid"
  exec 9> "go-$how"
  wait_for ready $pid
  truncate -s 0 "$(page)"
  # Idle, it learns of it when it is asked, and that is answered by the signal alone.
  [ $how = busy ] && wait_for whole
  ok "$how: a page that is cut: asked" "$OUTLIVE" snapshot $pid
  ok "$how: there is a new page" wait_for whole
  truncate -s 0 "$(page)"
  truncate -s 4096 "$(page)"
  [ $how = busy ] && wait_for whole
  ok "$how: a page of zeros: asked" wait_for "$OUTLIVE" snapshot $pid
  truncate -s 0 "$(page)"
  echo >&9
  exec 9>&-
  wait $pid
  is "$how: it ends as ever" "$? $(tail -n 1 "cut-$how.log")" "0 $how: 1 , handlers ran: 0"
  like "$how: with its last snapshot" "$("$OUTLIVE" info "$(snaps "cut-$how" | tail -n 1)" 2>&1)" 'at exit'
  rm -f "$(page)"
done

# Contents: addresses and names, of the heap nothing.
cat > secret.c << 'C'
#include <stdlib.h>
#include <string.h>
int main(void)
{
	for (int i = 0; i < 100; i++)
		memset(strcpy(malloc(4096), "top-secret-word"), 'Q', 8);
	return 0;
}
C
cc -o secret secret.c
mkdir contents
OUTLIVE_OPTIONS=out=$dir/contents,reach=exit LD_PRELOAD=$LIB ./secret 2> err
is "no word of the heap is in a snapshot" "$(cat contents/*.snap | grep -ac -e secret-word -e QQQQQQQQ)" 0
done_testing
