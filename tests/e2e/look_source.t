#!/bin/sh
# list, tree, traces, --by, --hide, --show-from on a real program, whose amounts at its lines are known.
. "$(dirname "$0")/lib.sh"
need jq
source=$ROOT/tests/progs/look_shop.cc
export XDG_CACHE_HOME="$PWD/cache"

# at TEXT: the number of the line that says so.
at() {
  grep -nF -- "$1" "$source" | head -n 1 | cut -d: -f1
}

LD_PRELOAD=$LIB "$PROGS/look_shop" > out 2>&1
is "the program runs" $? 0
snap=$(snaps)
# figure LINE KEY FUNCTION: what list says of a line.
figure() {
  "$OUTLIVE" list --json "^$3\$" "$snap" | jq -c ".rows[0].lines[] | select(.line == $1) | $2"
}
is "flat, at the line that allocates" "$(figure "$(at 'keep: the line')" .inuse_space keep)" 10800
is "alloc_space, too: what came and went" "$(figure "$(at 'keep: the line')" .alloc_space keep)" 15800
is "cum, at the line that calls" "$(figure "$(at 'stock: the call of keep')" .cum.inuse_space stock)" 10000
is "nothing flat there" "$(figure "$(at 'stock: the call of keep')" .inuse_space stock)" 0
is "what is inlined counts for the line that holds it" \
  "$(figure "$(at 'stock: the call of outer')" .cum.inuse_space stock)" 700
is "and stands below it, nested" \
  "$(figure "$(at 'stock: the call of outer')" '[.inlined[] | .function, .line, .depth, .inuse_space]' stock)" \
  "[\"outer\",$(at 'outer: the call of inner'),0,0,\"inner\",$(at 'inner: the line'),1,700]"
is "a recursive call counts once" "$(figure "$(at 'descend: the call of itself')" .cum.inuse_space descend)" 500

"$OUTLIVE" list '^stock$' "$snap" > out
like "the text has the source" "$(cat out)" "10\.0 kB +$(at 'stock: the call of keep')  .*keep\(1000\);"
like "and lines in which nothing is allocated" "$(cat out)" " \. +\. +$(at 'void stock(void)')  static NOINLINE"
like "and what is inlined" "$(cat out)" 'in inner  look_shop\.cc:[0-9]+  \(inlined\)'
unlike "no warning of moved lines" "$(cat out)" 'was changed'

# The same program where its source is not.
mkdir away
sed 's/keep: the line/another text/' "$source" > away/look_shop.cc
"$OUTLIVE" list --source-path away '^keep$' "$snap" > out
like "--source-path comes first" "$(cat out)" 'another text'
like "a source that is younger than the process is told" "$(cat out)" 'was changed after the program was started'
c++ -g -O1 -fdebug-prefix-map="$ROOT=/gone" -o gone "$source" -lpthread
mkdir there
LD_PRELOAD=$LIB OUTLIVE_OPTIONS=out=there ./gone
gone=$(snaps there | tail -n 1)
"$OUTLIVE" list '^keep$' "$gone" > out
like "a source that is not there is told" "$(cat out)" 'the source is not here: /gone/tests/progs/look_shop\.cc'
like "the figures stand all the same" "$(cat out)" "10\.8 kB +10\.8 kB +$(at 'keep: the line')\$"
"$OUTLIVE" list --source-path "$ROOT" '^keep$' "$gone" > out
like "a copy of the tree is found" "$(cat out)" 'keep: the line'
strip -o bare gone
LD_PRELOAD=$LIB OUTLIVE_OPTIONS=out=bare.d,quiet=yes sh -c 'mkdir bare.d; exec ./bare'
bare=$(snaps bare.d | tail -n 1)
status_is "a stripped program has no lines" 0 "$OUTLIVE" list . "$bare"
like "which is told" "$(cat out)" 'No function of that name'

# Who made the program chose the names of its sources, and a report may be for others to read.
for name in secret main.c; do
  printf 'for nobody else\nto read\n' > $name
  chmod 600 $name
  printf '#include <stdlib.h>\nvoid *volatile p;\n#line 1 "%s"\nvoid load(void) { p = malloc(10); }\nint main(void) { load(); }\n' \
    "$PWD/$name" > program.c
  cc -g -O0 -o program program.c
  rm -rf named.d && LD_PRELOAD=$LIB OUTLIVE_OPTIONS=out=named.d ./program
  "$OUTLIVE" list '^load$' "$(snaps named.d)" > $name.list
done
like "a file that others may not read, and that is called as no source, is not shown" "$(cat secret.list)" 'the source is not here'
unlike "not a line of it" "$(cat secret.list)" 'nobody'
like "a source that others may not read is" "$(cat main.c.list)" 'for nobody else'

"$OUTLIVE" tree --json --peek '^keep$' "$snap" > tree.json
is "tree: callers with what they passed" \
  "$(jq -c '[.rows[0].callers[] | .function, .inuse_space]' tree.json)" '["stock",10000,"descend",500,"clerk",300,"serve",0]'
is "tree: flat and cum" "$(jq -c '.rows[0] | [.inuse_space, .cum.inuse_space]' tree.json)" '[10800,10800]'
"$OUTLIVE" tree --json --peek '^main$' "$snap" > tree.json
is "tree: callees" "$(jq -c '[.rows[0].callees[] | .function] | sort' tree.json)" '["descend","serve","stock"]'
status_is "tree, as text" 0 "$OUTLIVE" tree --cum "$snap"
like "has functions" "$(cat out)" ' main  look_shop\.cc'

"$OUTLIVE" traces --focus '^descend$' "$snap" > out
is "traces: a stack with all its frames" "$(grep -c '^ *descend ' out)" 6
like "and its thread" "$(cat out)" 'by look_shop  \(tid [0-9]+\)'

is "by function" "$("$OUTLIVE" top --json --by function "$snap" | jq -c '.rows[0] | [.function, .inuse_space, .cum.inuse_space]')" \
  '["keep",10800,10800]'
is "by line" "$("$OUTLIVE" top --json --by line "$snap" | jq -c '.rows[0] | [.function, .line]')" \
  "[\"keep\",$(at 'keep: the line')]"
is "by module" "$("$OUTLIVE" top --json --by module "$snap" | jq -c '[.rows[] | .module | split("/")[-1]] | index("look_shop")')" 0
is "by thread: the clerk's 300 bytes" \
  "$("$OUTLIVE" top --json --by thread --focus clerk "$snap" | jq -c '[.rows[] | .inuse_space]')" '[300]'
status_is "by something else" 2 "$OUTLIVE" top --by functoin "$snap"
like "the nearest is named" "$(cat err)" 'did you mean function\?'
is "--hide" "$("$OUTLIVE" top --json --hide '^keep$' "$snap" | jq -r '.rows[0].site.function')" stock
is "--show-from" "$("$OUTLIVE" top --json --raw --show-from '^stock$' "$snap" | jq -c '[.rows[] | .stack[-1].function] | unique')" '["stock"]'
is "--no-cache leaves no cache" "$(rm -rf cache; "$OUTLIVE" top --no-cache "$snap" > out; ls cache 2> /dev/null)" ""
done_testing
