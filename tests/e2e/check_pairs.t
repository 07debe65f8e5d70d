#!/bin/sh
# Pairs of the same thing done without care and with it: the gate finds the one, at the function that made it, and
# passes the other.
. "$(dirname "$0")/lib.sh"

# pairs PROGRAM: one test for each half of each pair
pairs() {
  "$1" list > "list.$(basename "$1")"
  while read -r pair; do
    status_is "$pair: without care" 1 timeout -k 5 60 "$OUTLIVE" run --check --wide -- "$1" bad "$pair" < /dev/null
    like "$pair: where" "$(cat err)" "(^| )(bad_$pair|make_result|set_key)( |\$)"
    status_is "$pair: with care" 0 timeout -k 5 60 "$OUTLIVE" run --check --wide -- "$1" good "$pair" < /dev/null
  done < "list.$(basename "$1")"
}
pairs "$PROGS/check_pairs"
pairs "$PROGS/check_pairs_cxx"
ok "there are many of them" [ "$(cat list.* | wc -l)" -ge 74 ]
done_testing
