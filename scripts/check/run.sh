#!/bin/sh
# scripts/check/run.sh BUILD [GATE...]: the structural gates, each a script here that prints TAP, under one prove.
# A gate that finds nothing to check fails; so does one whose tool is missing (as a skip only outside CI).
set -eu
build=$1
shift
mkdir -p "$build"
CHECK_BUILD=$(cd "$build" && pwd)
export CHECK_BUILD LC_ALL=C
cd "$(dirname "$0")/../.."

[ $# -gt 0 ] || set -- exports elf layers arch headers sizes text tables readme format lint clang
gates=
for gate; do
  gates="$gates scripts/check/$gate.sh"
done
# shellcheck disable=SC2086
exec prove --timer --failures --comments -j "$(nproc)" -e sh $gates
