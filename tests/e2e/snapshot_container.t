#!/bin/sh
# A process in namespaces of its own has another pid, another /dev/shm and other paths than we see.
. "$(dirname "$0")/lib.sh"
need unshare
if ! unshare --fork --pid --mount --mount-proc true 2> /dev/null; then
  echo "1..0 # SKIP namespaces need more rights"
  exit 0
fi

cat > inside.sh << 'SH'
mount -t tmpfs none /dev/shm
mount -t tmpfs none "$1/private"
cd "$1/private" || exit 1
LD_PRELOAD=$2 exec sleep 1000
SH
root=root
mkdir private
background unshare --fork --pid --mount --mount-proc sh inside.sh "$PWD" "$LIB"
is_sleep() {
  [ "$(cat "/proc/$(child "$pid")/comm")" = sleep ] && ls "/proc/$(child "$pid")/$root/dev/shm/"*.ctl
}
wait_for is_sleep
sleeper=$(child "$pid")
status_is "asked by the pid that we see" 0 "$OUTLIVE" snapshot "$sleeper"
snap=$(cat out)
like "the path is one that we can open" "$snap" "^/proc/$sleeper/$root/.*/private/outlive\.sleep\.[0-9]+\.[0-9]+\.snap\$"
ok "and it is its snapshot" "$OUTLIVE" info "$snap"
kill -9 "$sleeper"
wait "$pid"

# No folder for the control file: the signal alone, and the file is found in its folder.
cat > nowhere.sh << 'SH'
mount -t tmpfs -o ro none /dev/shm
LD_PRELOAD=$1 exec sleep 1000
SH
background unshare --mount sh nowhere.sh "$LIB"
is_listening() {
  [ "$(cat "/proc/$pid/comm")" = sleep ] && grep -q 'SigCgt:.*[1-9a-f]' "/proc/$pid/status"
}
wait_for is_listening
for n in 1 2 3; do
  status_is "without a control file, $n" 0 "$OUTLIVE" snapshot --timeout 20s "$pid"
  snap=$(cat out)
  like "a new file each time, $n" "$snap" "/outlive\.sleep\.$pid\.$n\.snap\$"
  ok "that is its snapshot, $n" "$OUTLIVE" info "$snap"
done
ok "and it sleeps on" alive "$pid"
stop_pid "$pid" KILL

# A clock of its own: the start that its control file tells is not the one that we see, and the file stays.
if unshare --time --fork true 2> /dev/null; then
  background unshare --time --boottime 100000 --fork --kill-child env LD_PRELOAD="$LIB" sleep 1000
  timed_sleep() {
    sleeper=$(child "$pid") && [ "$(cat "/proc/$sleeper/comm")" = sleep ] && grep -q '^SigCgt:.f' "/proc/$sleeper/status"
  }
  wait_for timed_sleep
  for n in 1 2; do
    status_is "in a time namespace, $n" 0 "$OUTLIVE" snapshot "$sleeper"
  done
  ok "its control file stays" test -e "/dev/shm/outlive.$sleeper.ctl"
  kill "$sleeper"
  wait "$pid"
fi

# A root of its own, taken after the start: files are written where it was told at the start.
mkdir $root
if command -v chroot > chroot.path && [ "$(id -u)" = 0 ] && [ -x /usr/bin/perl ]; then
  background env LD_PRELOAD="$LIB" OUTLIVE_OPTIONS="out=$PWD/c" /usr/bin/perl -e '$| = 1; chroot "root" or die; chdir "/"; print "ready\n"; sleep 1000'
  wait_for grep -q ready "$pid.log"
  "$OUTLIVE" snapshot --timeout 5s "$pid" > out 2> err
  status=$?
  # Inside the new root there is no such folder: an answer either way, and the program lives.
  if [ $status = 0 ]; then
    ok "a process that has changed its root" test -e "$(cat out)"
  else
    like "a process that has changed its root: told what failed" "$(cat err)" 'outlive snapshot: .*process'
  fi
  note "$(cat out err)"
  ok "and lives on" alive "$pid"
fi
done_testing
