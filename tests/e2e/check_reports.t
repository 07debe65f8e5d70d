#!/bin/sh
# Reports for machines: by their schemas, the same facts in each, and names that are other people's cannot break out of them.
. "$(dirname "$0")/lib.sh"
need g++ jq xmllint /usr/bin/python3 git

git init -q repo
source='repo/so <u>&"rce.cc'
cat > "$source" << 'CC'
#include <fcntl.h>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <pthread.h>
#include <string>
template <class T> __attribute__((noinline)) void leave_open(const T &name) { open(name, O_RDONLY); }
__attribute__((noinline)) void *lose(size_t n) { return malloc(n); }
static void *ends(void *arg) { return arg; }
static void *volatile sink;
int main()
{
	pthread_t t;
	FILE *f = fopen("odd ::error title=no::x\n::error::y<b>]]>|", "w");
	leave_open<const char *>("odd ::error title=no::x\n::error::y<b>]]>|");
	sink = lose(1000);
	sink = nullptr;
	pthread_create(&t, nullptr, ends, nullptr);
	fclose(f);
}
CC
ok "a program is built from a file of an odd name" g++ -g -O1 -o 'repo/p & <q>' "$source" -lpthread
cd repo || exit 1
"$OUTLIVE" run --check --report json:r.json --report junit:r.xml --report sarif:r.sarif --report github --report markdown:r.md \
  -- './p & <q>' > run.out 2> run.err
is "findings are the exit status" $? 1

is "JSON: verdict and findings" "$(jq -r '[.verdict, .status, (.findings | map("\(.kind) \(.why) \(.count)") | sort | join(", "))] |
  join("; ")' r.json)" "leaks; 1; fd open 1, heap lost 1, thread unjoined 1"
is "JSON: the function that made it" "$(jq -r '.findings[] | select(.kind == "heap") | .site.function' r.json)" lose
like "JSON: file and line" "$(jq -r '.findings[] | select(.kind == "heap") | "\(.site.file):\(.site.line)"' r.json)" \
  '/repo/so <u>&"rce.cc:8$'

ok "JUnit: valid by its schema" xmllint --noout --schema "$ROOT/tests/data/junit.xsd" r.xml
is "JUnit: three failures, and one kind is clean" \
  "$(xmllint --xpath 'concat(count(//failure), " ", count(//testcase), " ", /testsuites/@failures)' r.xml)" "3 4 3"
is "JUnit: a name with signs of XML arrives whole" \
  "$(xmllint --xpath 'string(//testcase[@classname="outlive.fd"]/@name)' r.xml)" \
  'open: leave_open<char const*> (so <u>&"rce.cc:7)'

schema() {
  /usr/bin/python3 -c 'import json, jsonschema, sys
jsonschema.Draft7Validator(json.load(open(sys.argv[1]))).validate(json.load(open(sys.argv[2])))' "$@"
}
ok "SARIF: valid by its schema" schema "$ROOT/tests/data/sarif.schema.json" r.sarif
is "SARIF: a place below the root, in percent" \
  "$(jq -r '.runs[0].results[] | select(.ruleId == "heap-lost") | .locations[0].physicalLocation |
    "\(.artifactLocation.uriBaseId) \(.artifactLocation.uri):\(.region.startLine)"' r.sarif)" \
  "SRCROOT so%20%3Cu%3E%26%22rce.cc:8"
is "SARIF: each result has its rule" \
  "$(jq -r '.runs[0] | [.results[].ruleId] - [.tool.driver.rules[].id] | length' r.sarif)" 0
cp r.sarif first.sarif
g++ -g -O1 -DANOTHER -o 'p & <q>' -x c++ - -lpthread << CC
#line 1 "$(pwd)/$(basename "$source" | sed 's/"/\\"/g')"

$(cat "$(basename "$source")")
CC
"$OUTLIVE" run --check --report sarif:r.sarif -- './p & <q>' > /dev/null 2>&1
is "SARIF: another build with other lines has the same fingerprints" \
  "$(jq -c '[.runs[0].results[] | .partialFingerprints] | sort' r.sarif)" \
  "$(jq -c '[.runs[0].results[] | .partialFingerprints] | sort' first.sarif)"

grep '^::' run.err > commands
is "GitHub: an annotation a finding, one for the verdict, and no command of another's making" \
  "$(cut -d: -f3 commands | cut -d, -f1 | sort | uniq -c | sed 's/^ *//')" \
  '3 error file=so <u>&"rce.cc
1 error title=outlive'
is "Markdown: a row a finding" "$(grep -c '^| [a-z]* [a-z]*: ' r.md)" 3
unlike "Markdown: no markup of another's making" "$(cat r.md)" '<b>|<u>|<q>'

GITHUB_STEP_SUMMARY=$dir/summary
export GITHUB_STEP_SUMMARY
echo before > summary.want
cp summary.want "$GITHUB_STEP_SUMMARY"
"$OUTLIVE" run --check --report markdown -- ./'p & <q>' > /dev/null 2>&1
is "Markdown: added to the summary of the job" "$(head -n 1 "$GITHUB_STEP_SUMMARY") $(grep -c outlive "$GITHUB_STEP_SUMMARY")" "before 1"
unset GITHUB_STEP_SUMMARY

status_is "clean: every report says so" 0 "$OUTLIVE" run --check --report junit:clean.xml --report sarif:clean.sarif \
  --report json:clean.json --report markdown:clean.md -- true
ok "clean JUnit is valid" xmllint --noout --schema "$ROOT/tests/data/junit.xsd" clean.xml
ok "clean SARIF is valid" schema "$ROOT/tests/data/sarif.schema.json" clean.sarif
is "clean: counts" "$(xmllint --xpath 'string(/testsuites/@failures)' clean.xml) $(jq '.runs[0].results | length' clean.sarif) \
$(jq -r .verdict clean.json)" "0 0 clean"
status_is "no verdict: status 4" 4 "$OUTLIVE" run --check --report junit:none.xml --report sarif:none.sarif -- \
  sh -c 'kill -9 $$'
ok "no verdict: JUnit is valid" xmllint --noout --schema "$ROOT/tests/data/junit.xsd" none.xml
ok "no verdict: SARIF is valid" schema "$ROOT/tests/data/sarif.schema.json" none.sarif
is "no verdict is an error, not a success" \
  "$(xmllint --xpath 'string(/testsuites/@errors)' none.xml) $(jq '.runs[0].invocations[0].executionSuccessful' none.sarif)" "1 false"

"$OUTLIVE" run --reach exit --out snaps -- './p & <q>' > /dev/null 2>&1
status_is "check --json" 1 "$OUTLIVE" check --json snaps
is "is the same document, on stdout" "$(jq -r '[.findings[].kind] | sort | join(" ")' out)" "fd heap thread"
status_is "a format that is none" 2 "$OUTLIVE" check --report yaml:x snaps
like "is told, with those there are" "$(cat err)" 'json, junit, sarif, github or markdown'
status_is "a report without a file" 2 "$OUTLIVE" check --report junit snaps
status_is "a report that cannot be written" 3 "$OUTLIVE" check --report junit:/nonexistent/x.xml snaps
like "is told" "$(cat err)" '/nonexistent/x.xml'
done_testing
