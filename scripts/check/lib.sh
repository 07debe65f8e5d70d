# shellcheck shell=sh
# lib.sh - for the gates: TAP out. Sourced with the project's root as the current folder.
#
#   check NAME PROBLEMS     ok when PROBLEMS is empty, else they are shown
#   need_some NAME LIST     fails when LIST is empty: a gate that checks nothing is broken
#   need_tool PROGRAM       skips the gate without it; fails in CI
#   done_checking           the plan; the last line of a gate
set -u
checks=0
failed=0

check() {
  checks=$((checks + 1))
  if [ -z "$2" ]; then
    echo "ok $checks - $1"
    return
  fi
  failed=1
  echo "not ok $checks - $1"
  printf '%s\n' "$2" | head -n 200 | sed 's/^/# /'
}

need_some() {
  [ -n "$2" ] || check "$1: something to check" "nothing found: the gate is blind"
}

need_tool() {
  command -v "$1" > /dev/null && return
  if [ "${CI:-}" = true ]; then
    check "$1 is installed" "missing: scripts/deps check"
    done_checking
  fi
  echo "1..0 # SKIP $1 is missing (scripts/deps check)"
  exit 0
}

done_checking() {
  [ $checks -gt 0 ] || { echo "not ok 1 - a gate without checks"; checks=1; failed=1; }
  echo "1..$checks"
  exit $failed
}

# The names of hooks.def, of the given families or of all.
hook_names() {
  sed -nE 's/^HOOK(_MAY)?\([^,]*,[^,]*, *([A-Za-z0-9_]+),.*/\2/p
    s/^API\([^,]*, *([A-Za-z0-9_]+),.*/\1/p
    s/^TRAMPOLINE\([^,]*, *([A-Za-z0-9_]+)\).*/\1/p
    s/^DATA\(([A-Za-z0-9_]+)\).*/\1/p' preload/hooks.def | sort -u
}

# Objects of liboutlive.so that are not hooks.
inner_objects() {
  find "$CHECK_BUILD/obj/preload" -name '*.o' ! -name 'hook_*' | sort
}
