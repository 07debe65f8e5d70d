#!/bin/sh
# Each header compiles alone, so that none depends on what was included before it.
. scripts/check/lib.sh
compiler=${CC:-cc}
need_tool "$compiler"

headers=$(find preload analyzer -name '*.h' | sort)
need_some headers "$headers"
for header in $headers; do
  check "$header compiles alone" "$("$compiler" -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -fsyntax-only -x c \
    -Wno-unused-function "$header" 2>&1)"
  guard=OUTLIVE_$(basename "$header" .h | tr 'a-z-' 'A-Z_')_H
  check "$header has the guard $guard" "$(grep -q "^#ifndef $guard\$" "$header" || echo "no #ifndef $guard")"
done
done_checking
