#!/bin/sh
# A program that LD_PRELOAD does not reach must be called unseen, never clean.
. "$(dirname "$0")/lib.sh"
need cc

echo 'int main(void) { return 0; }' > empty.c
echo '#include <stdlib.h>
static char heap[1 << 20]; static size_t used;
void *malloc(size_t n) { void *p = heap + used; used += (n + 15) & ~15ul; return p; }
void free(void *p) { (void)p; }
int main(void) { return malloc(1) == 0; }' > own.c

# unseen NAME ERE COMMAND...: said before by its kind, and after by what did not come.
unseen() {
  unseen_name=$1 unseen_want=$2
  shift 2
  "$OUTLIVE" run "$@" > out 2> err
  like "$unseen_name: told why" "$(cat err)" "$unseen_want"
  like "$unseen_name: told that nothing was seen" "$(cat err)" 'NOTHING WAS SEEN'
  unlike "$unseen_name: no figures" "$(cat err)" 'live at exit'
}

cc -static -o static empty.c
unseen "static" 'static is linked statically' ./static
cc -static-pie -o static-pie empty.c
unseen "static-pie" 'linked statically' ./static-pie
printf '#!%s/static\n' "$PWD" > script
chmod +x script
unseen "a script of a static interpreter" '/static is linked statically' ./script
cp static env-target
printf '#!/usr/bin/env env-target\n' > env-script
chmod +x env-script
PATH=$PWD:$PATH
unseen "a script that asks env" '/env-target is linked statically' ./env-script
cc -rdynamic -o own own.c
unseen "an allocator of its own" 'own exports a malloc of its own' ./own
status_is "which the gate does not take for clean, though it leaves nothing else" 4 "$OUTLIVE" run --check -- ./own
like "and says so" "$(cat err)" 'no verdict.*heap was not seen|heap was not seen'
status_is "where the heap is not asked for, it is" 0 "$OUTLIVE" run --check --heap off -- ./own

# The ELF header's machine becomes ARM: the kernel refuses it, with a sentence from us first.
cc -o arm empty.c
printf '\267\000' | dd of=arm bs=1 seek=18 conv=notrunc 2> dd.log
"$OUTLIVE" run ./arm > out 2> err
is "another architecture: the shell's status" $? 126
like "another architecture: told" "$(cat err)" 'for another architecture'
cc -Wl,--dynamic-linker=/lib/ld-musl-x86_64.so.1 -o musl empty.c
"$OUTLIVE" run ./musl > out 2> err
like "musl: told" "$(cat err)" 'musl'

if cc -fsanitize=address -o asan empty.c 2> cc.log; then
  unseen "gcc's AddressSanitizer" 'verify_asan_link_order=0 lets outlive in' ./asan
  ASAN_OPTIONS=verify_asan_link_order=0:detect_leaks=0 "$OUTLIVE" run ./asan 2> err
  unlike "which does start when told to" "$(cat err)" 'refuses to start'
fi

# Those that would not start behind liboutlive.so run without it, and get it not even where a shell starts them.
echo '#include <stdio.h>
#include <stdlib.h>
int main(void) { puts(getenv("LD_PRELOAD") ? "preloaded" : "alone"); free(malloc(10)); return 6; }' > says.c
for how in "gcc thread ThreadSanitizer" "clang thread ThreadSanitizer" "clang memory MemorySanitizer"; do
  # shellcheck disable=SC2086
  set -- $how
  $1 -fsanitize=$2 -o "$1-$2" says.c 2> cc.log || continue
  unseen "$1's $3" "built with $3" "./$1-$2"
  "$OUTLIVE" run "./$1-$2" > out 2> err
  is "$1's $3: its output and status" "$? $(cat out)" "6 alone"
  LD_PRELOAD=$LIB "./$1-$2" > out 2> err
  is "$1's $3, with LD_PRELOAD: the same" "$? $(cat out err)" "6 preloaded"
done
if command -v musl-gcc > cc.log; then
  musl-gcc -o musl-says says.c
  unseen "musl" 'musl-says is for musl libc' ./musl-says
  "$OUTLIVE" run ./musl-says > out 2> err
  is "musl: its output and status" "$? $(cat out)" "6 alone"
fi
if clang -fsanitize=address -o clang-asan empty.c 2> cc.log; then
  unseen "clang's AddressSanitizer" 'AddressSanitizer linked in' ./clang-asan
fi

if [ "$(id -u)" = 0 ] && command -v setpriv > setpriv.log; then
  chmod 755 .
  cc -o setuid empty.c
  chmod 4755 setuid
  mkdir -m 777 open
  # As somebody else, for whom it changes the user; in a folder that is theirs to write to.
  cp "$OUTLIVE" "$LIB" . && chmod 755 outlive liboutlive.so
  (cd open && setpriv --reuid 65534 --regid 65534 --clear-groups ../outlive run ../setuid) > out 2> err
  like "setuid: told why" "$(cat err)" 'setuid is setuid: the loader then ignores LD_PRELOAD'
  like "setuid: told that nothing was seen" "$(cat err)" 'NOTHING WAS SEEN'
  "$OUTLIVE" run ./setuid > out 2> err
  unlike "setuid to whom we are already" "$(cat err)" 'setuid is setuid'
fi

"$OUTLIVE" run -- sh -c 'exec ./static' > out 2> err
like "a program that becomes one that cannot be seen" "$(cat err)" '^outlive: sh .* became another program by exec, and NOTHING WAS SEEN'
unlike "no figures of what it was" "$(cat err)" 'live at exit'
"$OUTLIVE" run -- env -u LD_PRELOAD ./static > out 2> err
unlike "env itself is seen" "$(cat err)" 'env.*linked statically'
done_testing
