#!/bin/sh
# The way of an event is one way: hooks -> track.h -> tables -> snapshot; file -> load -> profile -> cmd -> out.
. scripts/check/lib.sh

# problems PATTERN FILES...: includes (or uses) that match.
includes() {
  pattern=$1
  shift
  grep -nE "^#[[:space:]]*include[[:space:]]+[\"<]($pattern)[\">]" /dev/null "$@"
}
# only_in PATTERN OWNERS(regex of base names) FILES...
only_in() {
  pattern=$1 owners=$2
  shift 2
  includes "$pattern" "$@" | grep -vE "^[a-z/]*/($owners):"
}

preload=$(find preload -name '*.[ch]' | sort)
analyzer=$(find analyzer -name '*.[ch]' | sort)
need_some preload "$preload"
need_some analyzer "$analyzer"
# shellcheck disable=SC2086
{
  check "hook.h is for hooks, real.c and init.c" "$(only_in 'hook\.h' 'hook_.*|real\.c|init\.c' $preload)"
  check "tables are reached through track.h, not by hooks" \
    "$(includes '(live|context)\.h' $(find preload -name 'hook_*.c'))"
  check "tables know neither hooks nor the writer" \
    "$(includes '(hook|snapshot)\.h' $(find preload -name 'track*.[ch]' -o -name 'live*.[ch]' -o -name 'context*.[ch]' -o \
      -name 'stack*.[ch]' -o -name 'cfi*.[ch]' -o -name 'module*.[ch]' -o -name 'sys*.[ch]'))"
  check "sys.h stands on the processor alone" "$(includes '.*\.h' preload/sys.h preload/sys.c | grep '"' | grep -vE '"(sys[a-z_]*|arch)\.h"')"
  check "libunwind is known to the unwinder alone" "$(only_in 'libunwind.*\.h|unwind\.h' '(stack|unwind|cfi|module|fallback).*' $preload)"
  check "symbols are looked up by real.c and the unwinder alone" \
    "$(only_in 'dlfcn\.h' 'real\.c|hook_dl.*|(stack|unwind|module|fallback).*' $preload)"
  check "no stdio (but for the type FILE), locale or assert in the library" "$(includes '(stdio|locale|assert|iostream)\.h' $preload |
    grep -v '^preload/hook\(_stdio\.c\|\.h\):.*<stdio\.h>')"
  check "format.h includes only stdint.h, and its further parts" \
    "$(includes '.*' preload/format*.h | grep -vE '<stdint.h>|preload/format.h:.*"format_(control|system).h"')"
  check "nothing of the analyzer in the library" "$(grep -nE '^#.*include.*analyzer' $preload)"

  check "the analyzer shares format.h and options.def, no more" \
    "$(grep -nE '^#[[:space:]]*include.*preload/' /dev/null $analyzer | grep -vE 'preload/(format\.h|options\.def)"')"
  check "ELF and DWARF are opened by the symbolizer alone" \
    "$(only_in '(dwarf|gelf|libelf|elf|elfutils/.*)\.h' '(symbol|sym[_.]|dwarf|elf).*' $analyzer)"
  outputs=$(find analyzer -name 'out*.c')
  need_some "writers" "$outputs"
  check "writers open nothing and ask nothing" \
    "$(grep -nE '\b(fopen|open|opendir|getenv|isatty|popen|system|stat)\(' /dev/null $outputs)"
  check "only main.c, the verbs and xmalloc may exit" \
    "$(grep -nE '\b(_?exit|_Exit|abort)\(' /dev/null $analyzer | grep -vE '^analyzer/(main\.c|cmd_[a-z_]*\.c|util\.c|util_memory\.c):')"
  check "verbs do not call one another" \
    "$(for f in $(find analyzer -name 'cmd_*.c'); do
      verb=$(basename "$f" .c)
      grep -nE '\bcmd_[a-z]+\(int argc|\bcmd_[a-z]+\(argc' /dev/null "$f" | grep -vE "\\b$verb\\("
    done)"
}
done_checking
