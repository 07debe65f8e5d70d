#!/bin/sh
# `outlive run` and liboutlive.so read the same options: what one lets pass the other must understand.
. "$(dirname "$0")/lib.sh"

defs=$ROOT/preload/options.def
keys=$(sed -nE 's/^OPT\(([a-z_]+), ([A-Z]+),.*/\1 \2/p' "$defs")
like "there are options" "$keys" '^interval TIME$'

values() {
  case $1 in
    TIME) echo 0 off 5 500ms 30s 5m 2h 1d 100us 100ns ;;
    BYTES) echo 0 4096 512k 512K 10kB 10m 10M 1MB 1g 1G 1GB ;;
    COUNT) echo 0 1 37 ;;
    BOOL) echo yes no on off 1 0 true false ;;
    LIST) echo a a+b 'a*+b?' ;;
    STEP) echo 0 off 4096 100M 1G 20% 100% ;;
    FAMILIES) echo heap heap+mmap fds+timers+threads ;;
    *) echo here ;;
  esac
}
wrong() {
  case $1 in
    TIME) echo x 5x 3.5s -1s 5ss 99999999999999999999s ;;
    BYTES) echo x 5x -1 1.5M 10KB ;;
    COUNT) echo x 5x -1 ;;
    BOOL) echo maybe 2 YES ;;
    STEP) echo x 5x -1 % 1.5% 5%% 20%M ;;
    FAMILIES) echo heaps heap-mmap ;;
  esac
}
set -f
echo "$keys" > keys
while read -r key type; do
  bad=
  for value in $(values "$type"); do
    "$OUTLIVE" run "--$key=$value" -- true > out 2> err || bad="$bad refused:$value"
    grep -q 'OUTLIVE_OPTIONS:' err && bad="$bad misunderstood:$value"
  done
  for value in $(wrong "$type"); do
    "$OUTLIVE" run "--$key=$value" -- true > out 2> err
    [ $? = 2 ] || bad="$bad accepted:$value"
    OUTLIVE_OPTIONS="$key=$value" LD_PRELOAD=$LIB /bin/true > out 2> err
    grep -q 'OUTLIVE_OPTIONS:' err || bad="$bad library-accepted:$value"
  done
  is "$key, $type" "$bad" ""
done < keys

# Quotes, commas, blanks on their way through.
for folder in 'with, comma' "with 'quotes'" 'with "double"' 'with = sign' '%p of %c'; do
  "$OUTLIVE" run --out "$folder" -- sh -c 'echo $$' > out 2> err
  want=$(echo "$folder" | sed "s/%p/$(cat out)/; s/%c/sh/")
  ok "a folder called $folder" test -e "$want/outlive.sh.$(cat out).1.snap"
  note "$(cat err)"
done
status_is "both kinds of quotes cannot be carried" 2 "$OUTLIVE" run --out "it's \"both\"," -- true
done_testing
