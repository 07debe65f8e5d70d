#!/bin/sh
# A process that lies: its control page names files that it has not written. Root asks it, and root's files stay, nothing of
# them is read, and what it says moves no terminal.
. "$(dirname "$0")/lib.sh"
need /usr/bin/python3 setpriv curl script
[ "$(id -u)" = 0 ] || { echo "1..0 # SKIP only root has anything to lose here"; exit 0; }
chmod 755 .
# A user of no other process.
them=4242

# liar.py PATH: a process as liboutlive.so makes it look; each request is answered with the path. ERROR=1: with a failure.
# CUT=1: with a page that is gone.
cat > liar.py << 'PY'
import mmap, os, struct, sys, time
library = os.open("liboutlive.so", os.O_RDONLY)
mapped = mmap.mmap(library, 4096, mmap.MAP_PRIVATE, mmap.PROT_READ)
name = "/dev/shm/outlive.%d.ctl" % os.getpid()
fd = os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
os.ftruncate(fd, 4096)
page = mmap.mmap(fd, 4096)
start = int(open("/proc/self/stat", "rb").read().rpartition(b")")[2].split()[19])
path = os.fsencode(sys.argv[1]).replace(b"PID", b"%d" % os.getpid())
struct.pack_into("<IIQII", page, 8, 1, os.getpid(), start, 0, 1)
page[192:192 + 14] = b"\x1b]0;title\x07\x1b[2J"
page[448:448 + len(path)] = path
# The tables of threads: sizes that divide by nothing and offsets beyond the item.
live = struct.calcsize("<QIIQIIIIIIIIII") + 128 + 256 + 3072
page[3584:4096] = b"\xff" * 512 if "hostile-tables" in sys.argv else page[3584:4096]
struct.pack_into("<Q", page, 0, 0x4c54434556494c4f)
print("ready", flush=True)
end = time.monotonic() + 120
while time.monotonic() < end:
    asked, done, failed = struct.unpack_from("<III", page, 32)
    if asked != done and os.environ.get("CUT") == "1":
        os.ftruncate(fd, 0)
        print("answered", flush=True)
        time.sleep(end - time.monotonic())
    elif asked != done:
        time.sleep(float(os.environ.get("SLOW", "0")))
        struct.pack_into("<II", page, 36, asked, failed + (os.environ.get("ERROR") == "1"))
        print("answered", flush=True)
    time.sleep(0.002)
PY
cp "$LIB" liboutlive.so
chmod 755 liboutlive.so
# lie PATH [WORD]: its pid in $liar
# Whose number a killed process has had that has left its file cannot lie: then another one.
lie() {
  for try in 1 2 3 4 5; do
    background setpriv --reuid $them --regid $them --clear-groups /usr/bin/python3 liar.py "$@"
    liar=$pid
    wait_for says_or_is_gone
    grep -q ready "$liar.log" && return
  done
}
says_or_is_gone() { grep -q ready "$liar.log" || ! alive "$liar"; }
leave() {
  stop_pid "$liar" KILL
  rm -f "/dev/shm/outlive.$liar.ctl"
}

mkdir -m 755 roots
mkdir -m 1777 theirs
echo precious > roots/file
# As a snapshot of that process is called: the name alone must not do.
victim() { echo precious > "roots/outlive.python3.$liar.1.snap"; }

# What it draws, in watch.out; it ends when its first look fails.
watch_once() {
  TERM=xterm timeout 60 script -qec "stty rows 30 cols 120; '$OUTLIVE' watch $1" watch.out < /dev/null > script.out 2>&1
  like "watch: it says why it cannot look" "$(cat watch.out)" "$2"
}
not_its_own='names a file that is no snapshot of its own'

lie "$dir/roots/file"
status_is "snapshot: it prints what it is told" 0 "$OUTLIVE" snapshot "$liar"
watch_once "$liar" "$not_its_own"
is "watch: a file of root's is left alone" "$(cat roots/file)" precious
ok "the two snapshots of a live diff" sh -c "'$OUTLIVE' diff --live $liar --for 100ms; test -e roots/file"
background "$OUTLIVE" serve --listen 127.0.0.1:0 "$liar"
server=$pid
wait_for grep -q '^http' "$server.log"
is "serve: no answer" "$(curl -sS --noproxy '*' -o body -w '%{http_code}' "$(head -n 1 "$server.log")debug/pprof/heap")" 503
like "and why" "$(cat body)" "$not_its_own"
is "serve: the file is left alone" "$(cat roots/file)" precious
stop_pid "$server"
leave

lie "$dir/roots/outlive.python3.PID.1.snap"
victim
watch_once "$liar" "$not_its_own"
is "watch: nor one of root's that is called as its snapshots are" "$(cat roots/outlive.python3.*.snap)" precious
leave
rm -f roots/outlive.*

lie "$dir/theirs/outlive.python3.PID.1.snap"
ln -s "$dir/roots/file" "theirs/outlive.python3.$liar.1.snap"
watch_once "$liar" "$not_its_own"
is "watch: nor one behind a link" "$(cat roots/file)" precious
leave
rm -f theirs/*

# To open a pipe that nobody writes to would be for ever.
lie "$dir/theirs/outlive.python3.PID.1.snap"
mkfifo "theirs/outlive.python3.$liar.1.snap"
watch_once "$liar" "$not_its_own"
status_is "a pipe in the place of the file: --reach ends" 3 timeout 60 "$OUTLIVE" snapshot --reach --timeout 10s "$liar"
like "and says why" "$(cat err)" 'a pipe, not a file'
leave
rm -f theirs/*

# A server that is told to end while it waits for an answer: what asks for it goes on for a moment, alone.
SLOW=2 lie "$dir/roots/file"
background "$OUTLIVE" serve --listen 127.0.0.1:0 "$liar"
server=$pid
wait_for grep -q '^http' "$server.log"
curl -s --noproxy '*' -o body "$(head -n 1 "$server.log")debug/pprof/heap" &
curl=$!
asked() { [ "$(od -An -tu4 -j32 -N4 "/dev/shm/outlive.$liar.ctl" | tr -d ' ')" = 1 ]; }
wait_for asked
asks=$(cat "/proc/$server/task/$server/children")
kill -9 "$server"
wait "$curl"
wait_for grep -q answered "$liar.log"
gone() {
  for asker in $asks; do alive "$asker" && return 1; done
  return 0
}
wait_for gone
like "what asks was there when its server ended" "$asks" '[0-9]'
is "a server that is killed leaves nobody behind who removes it" "$(cat roots/file)" precious
leave

escape=$(printf '\033]0;title\007')
lie "/tmp/${escape}
FORGED.PID.1.snap" hostile-tables
is "the path is one line" "$("$OUTLIVE" snapshot "$liar" | tee said | wc -l)" 1
is "without what moves a terminal" "$(grep -c "$(printf '[\033\007]')" said)" 0
status_is "tables of threads that make no sense" 0 timeout 60 "$OUTLIVE" stacks "$liar"
leave
ERROR=1 lie /nowhere
status_is "a failure that it tells" 3 "$OUTLIVE" snapshot "$liar"
is "is told without what moves a terminal" "$(grep -c "$(printf '[\033\007]')" err)" 0
leave

# A page that is cut while we wait for the answer: to touch it would be the asker's end.
for asker in "snapshot" "snapshot --trim --reach" "diff --live"; do
  CUT=1 lie /nowhere
  case $asker in
    diff*) status_is "a page that is cut: $asker ends in order" 3 timeout 60 "$OUTLIVE" diff --live "$liar" --for 100ms ;;
    *) status_is "a page that is cut: $asker ends in order" 3 timeout 60 "$OUTLIVE" $asker --timeout 50s "$liar" ;;
  esac
  like "$asker: and says why" "$(cat err)" 'emptied its control file'
  leave
done
CUT=1 lie /nowhere
watch_once "$liar" 'emptied its control file'
leave
CUT=1 lie /nowhere
"$OUTLIVE" snapshot "$liar" > said 2>&1
status_is "stacks: of who has cut it" 0 timeout 60 "$OUTLIVE" stacks "$liar"
leave
done_testing
