#!/bin/sh
# The library as a linked file: what it needs, how its TLS is reached, how it is protected.
. scripts/check/lib.sh
need_tool readelf
library=$CHECK_BUILD/liboutlive.so

dynamic=$(readelf -dW "$library")
relocations=$(readelf -rW "$library")
segments=$(readelf -lW "$library")
need_some "dynamic section" "$dynamic"
need_some relocations "$relocations"

# __tls_get_addr may allocate, and so enter us again.
check "no dynamic TLS" "$(printf '%s\n' "$relocations" | grep -E 'DTPMOD|TLSDESC')"
check "libc is all it needs" "$(printf '%s\n' "$dynamic" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' |
  grep -vxE 'libc\.so\.6|ld-linux-(x86-64\.so\.2|aarch64\.so\.1)')"
check "it does need libc" "$(printf '%s\n' "$dynamic" | grep -q 'NEEDED.*libc\.so\.6' || echo 'no libc.so.6')"
check "no search path is built in" "$(printf '%s\n' "$dynamic" | grep -E 'RPATH|RUNPATH')"
check "no text relocations" "$(printf '%s\n' "$dynamic" | grep TEXTREL)"
# It would be our libgcc's, called by the program's unwinder, whose contexts ours does not know: it aborts.
check "nothing of ours runs while somebody else unwinds" "$(readelf -sW "$library" | grep -o '__gcc_personality_v0.*')"
# Lazy binding would run the dynamic linker inside a hook.
check "bound at load" "$(printf '%s\n' "$dynamic" | grep -qE 'BIND_NOW|NOW' || echo 'lazy')"
check "relocations are read-only afterwards" "$(printf '%s\n' "$segments" | grep -q GNU_RELRO || echo 'no RELRO')"
check "the stack is not executable" "$(printf '%s\n' "$segments" | awk '/GNU_STACK/ && $7 ~ /E/')"
# glibc 2.36 is Debian 12's; a symbol of a later one would not load there.
versions=$(readelf -VW "$library" | grep -oE 'GLIBC_2\.[0-9]+' | sort -u)
need_some "symbol versions" "$versions"
check "no symbol younger than glibc 2.36" "$(printf '%s\n' "$versions" | awk -F. '$2 > 36')"
# Static TLS comes from a small reserve, 1.6 kB for all, where an auditor (LD_AUDIT) is loaded first: no room is no start.
tls=$(printf '%s\n' "$segments" | awk '$1 == "TLS" { print $6 }')
need_some "TLS segment" "$tls"
check "static TLS under 1 kB" "$([ $((tls)) -le 1024 ] || echo "$((tls)) bytes")"
done_checking
