# shellcheck shell=sh
# trace.sh - for the tests of the option trace; after lib.sh.
#
#   traced N FOLDER COMMAND...   runs it with trace=N; snapshots in FOLDER, output in FOLDER.out, status in $status
#   spans SNAPSHOT FILE          what trace_spans.py reads of its export
#   waits FILE FUNCTION          "REASON|NAME|STATE" of the waits in that function, in order, addresses as 0x
#   kinds FILE FUNCTION          the same, repetitions left out: who waits for a condition may be woken without it

traced() {
  traced_n=$1 traced_folder=$2
  shift 2
  mkdir -p "$traced_folder"
  OUTLIVE_OPTIONS=trace=$traced_n,out=$dir/$traced_folder LD_PRELOAD=$LIB "$@" > "$traced_folder.out" 2>&1 < /dev/null
  status=$?
}

spans() {
  "$OUTLIVE" export --format perfetto -o "$2.json" "$1" > /dev/null || return
  /usr/bin/python3 "$ROOT/tests/e2e/trace_spans.py" "$2.json" > "$2"
}

kinds() { waits "$@" | uniq; }
waits() {
  awk -F '\t' -v f="$2" '$1 == "wait" && $8 == f { print $4 "|" $5 "|" $6 }' "$1" | sed 's/0x[0-9a-f]*/0x/g; s/ ([^)]*)*)//'
}
