#!/bin/sh
# What the analyzer does with wrong input and on odd outputs: one line, the right status, never half a report.
. "$(dirname "$0")/lib.sh"
need jq
data=$ROOT/tests/data
good=$data/v1_server_2.snap
first=$data/v1_server_1.snap

status_is "no verb is wrong usage" 2 "$OUTLIVE"
like "and the verbs are named" "$(cat err)" '^  diff '
status_is "a verb that is none is wrong usage" 2 "$OUTLIVE" dif
like "the nearest one is named" "$(cat err)" 'did you mean diff\?'
status_is "an option that is none is wrong usage" 2 "$OUTLIVE" top --jsn "$good"
like "the nearest one is named, too" "$(cat err)" 'did you mean --json\?'
status_is "a column that is none" 2 "$OUTLIVE" top --sort=inuse_spce "$good"
like "its nearest" "$(cat err)" 'did you mean inuse_space\?'
status_is "a pattern that is none" 2 "$OUTLIVE" top --focus='(' "$good"
status_is "a number that is none" 2 "$OUTLIVE" top -n ten "$good"
status_is "help of what is no verb" 2 "$OUTLIVE" help toop
like "its nearest, too" "$(cat err)" 'did you mean top\?'
status_is "no operand" 2 "$OUTLIVE" info
status_is "too many operands" 2 "$OUTLIVE" top "$good" "$good"
status_is "--version" 0 "$OUTLIVE" --version
like "says a version" "$(cat out)" '^outlive [0-9]+\.[0-9]+\.[0-9]+$'
for verb in run snapshot top diff list traces tree info export; do
  status_is "$verb --help" 0 "$OUTLIVE" $verb --help
  like "$verb --help says how" "$(cat out)" "^usage: outlive $verb "
  is "help $verb is the same" "$("$OUTLIVE" help $verb)" "$(cat out)"
done

for file in "$data"/bad_*.snap; do
  for verb in top info "diff $good"; do
    # shellcheck disable=SC2086
    status_is "$verb: $(basename "$file") is unreadable" 3 "$OUTLIVE" $verb "$file"
    is "one line, with its name" "$(grep -c "$(basename "$file")" err) $(wc -l < err) $(wc -c < out)" "1 1 0"
  done
done
status_is "a file that is not there" 3 "$OUTLIVE" top nowhere.snap
status_is "a folder" 3 "$OUTLIVE" top .
status_is "/dev/zero" 3 "$OUTLIVE" top /dev/zero
# What lies in a folder may be others', and is never waited for.
mkdir pipes
mkfifo pipes/outlive.x.1.1.snap
ln -s /dev/ptmx pipes/outlive.x.1.2.snap
for verb in "top pipes/outlive.x.1.1.snap" "info pipes/outlive.x.1.2.snap" "check pipes" "diff pipes" "threads --older 1s pipes"; do
  # shellcheck disable=SC2086
  status_is "$verb: a pipe, a device" 3 timeout 60 "$OUTLIVE" $verb
done

status_is "a good one" 0 "$OUTLIVE" diff "$first" "$good"
status_is "a full disk is told" 3 sh -c '"$0" diff "$1" "$2" > /dev/full' "$OUTLIVE" "$first" "$good"
like "why" "$(cat err)" 'No space left'
is "in one line" "$(wc -l < err)" 1
status_is "a full disk for JSON, too" 3 sh -c '"$0" diff --json "$1" "$2" > /dev/full' "$OUTLIVE" "$first" "$good"
is "a pipe whose reader leaves is quiet" "$("$OUTLIVE" diff --json "$first" "$good" 2>&1 | head -n 1)" "{"
is "in a pipe no escapes" "$("$OUTLIVE" diff "$first" "$good" | tr -dc '\033' | wc -c)" 0
like "--color=always has them" "$("$OUTLIVE" diff --color=always "$first" "$good" | tr -dc '\033' | wc -c)" '^[1-9]'
is "a snapshot by a pipe" "$("$OUTLIVE" top --json /dev/stdin < "$good" | jq .snapshot.pid)" 4711

for verb in "top $good" "diff $first $good" "info $good"; do
  # shellcheck disable=SC2086
  "$OUTLIVE" $verb --json > doc.json
  is "${verb%% *} --json has snapshot, audit, rows" \
    "$(jq -c '[.snapshot.pid, (.audit.lost | type), (.rows | type)]' doc.json)" '[4711,"object","array"]'
done

mkdir folder
cp "$good" folder/b.snap
status_is "a folder with one snapshot has nothing to compare" 3 "$OUTLIVE" diff folder
cp "$first" folder/z.snap
cp "$data/v1_other_build.snap" folder/c.snap
cp "$data/bad_cut.snap" folder/bad.snap
is "diff FOLDER finds first and last by what they say" \
  "$("$OUTLIVE" diff --json folder | jq -c '[.base.snapshot.sequence, .snapshot.sequence, .same_run]')" '[1,2,true]'
status_is "a pid that is not there" 3 "$OUTLIVE" diff --pid 99 folder
like "is named" "$(cat err)" 'pid 99'
done_testing
