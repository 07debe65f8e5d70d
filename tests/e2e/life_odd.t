#!/bin/sh
# What programs may do, and few have in mind: they run as without us.
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/proc.sh"
need perl

# odd CASE: plain and profiled
odd() {
  same "$1" "$PROGS/life_odd" "$1"
  unlike "$1: right" "$(cat "$1.got")" 'WRONG'
  like "$1: to its end" "$(cat "$1.got")" '^status 0 signal 0'
}

odd own_page
if [ "$(id -u)" = 0 ]; then
  # It has no rights any more when it ends.
  chmod 755 . && mkdir -m 777 locked
  odd locked
fi
done_testing
