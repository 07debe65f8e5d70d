#!/bin/sh
# Functions of code made at run time have the names that /tmp/perf-PID.map gives them.
. "$(dirname "$0")/lib.sh"
if ! command -v node > /dev/null; then
  echo "1..0 # SKIP there is no node"
  exit 0
fi

cat > leak.js << 'END'
function leakyFunction() { return Buffer.allocUnsafeSlow(50000); }
const kept = [];
for (let i = 0; i < 300; i++) kept.push(leakyFunction());
console.log(process.pid);
END
LD_PRELOAD=$LIB OUTLIVE_OPTIONS="out=$PWD" node --perf-basic-prof --interpreted-frames-native-stack leak.js > pid
is "node runs" $? 0
"$OUTLIVE" top --json --sort=alloc_space --focus '^leakyFunction$' "$(snaps . node)" > doc.json
rm -f "/tmp/perf-$(cat pid).map"
like "what it allocated is below the JavaScript function" "$(json doc.json "d['rows'][0]['alloc_space']")" '^1[0-9]{7}$'
like "which has a place" "$(json doc.json \
  "[f['file'] for f in d['rows'][0]['stack'] if f['function'] == 'leakyFunction'][0]")" 'leak\.js$'
is "and V8's own heap is spoken of" "$(json doc.json "len([h for h in d['hints'] if 'V8' in h])")" 1
done_testing
