#!/bin/sh
# What only one processor has stands in that processor's files: the library's behind preload/arch.h, the analyzer's behind
# analyzer/machine.h; and each processor has all of them.
. scripts/check/lib.sh

processors="x86_64 aarch64"
own='preload/(arch|hook)_(x86_64|aarch64)\.[chS]|analyzer/machine_(x86_64|aarch64)\.c'
# dwarf_prologue.c reads instructions of x86-64 in another process; machine.h has the numbers of all.
but='analyzer/(dwarf_prologue\.[ch]|machine\.h)'
sources=$(find preload analyzer -name '*.[chS]' | sort)
inner=$(printf '%s\n' "$sources" | grep -vE "^($own|$but)\$")
need_some sources "$inner"
need_some "processors' own files" "$(printf '%s\n' "$sources" | grep -E "^($own)\$")"

# uses PATTERN: in code, not in comments
# shellcheck disable=SC2086
uses() { grep -nP "$1" /dev/null $inner | grep -vP '^[^:]*:\d+:\s*(/?\*|//)'; }

# A label is a name, and no assembly: int x __asm__("name").
check "no assembly" "$(uses '\b(__asm__|asm)\b\s*(volatile)?\s*\(' | grep -vP '[\w\])] __asm__\("\w+"\)')"
check "no .S but the processors', and a page that is embedded" \
  "$(printf '%s\n' "$inner" | grep '\.S$' | grep -v '^analyzer/out_html_page\.S$')"
check "no register by its name" \
  "$(uses '\bREG_[A-Z0-9]+\b(?<!REG_EXTENDED|REG_NOSUB|REG_NEWLINE)|\bgregs?\b|\bgreg_t\b|->(orig_)?r[abcd]x\b|%r(sp|bp|ip|[abcd]x)\b' |
    grep -v '"[^"]*%r')"
check "no question which processor it is, but in arch.h and machine.h" \
  "$(uses '__(x86_64|amd64|i386|aarch64|arm|riscv)__' | grep -v '^preload/arch\.h:')"
check "no vector or other built-in instructions" "$(uses '\b_mm\d*_\w+|\b__m\d+|__builtin_ia32|<[a-z]*intrin\.h>')"
check "no relocation, machine or call of one processor" \
  "$(uses '\b(R_X86_64|R_AARCH64|EM_X86_64|EM_AARCH64|AUDIT_ARCH|NT_X86|ARCH_[GS]ET_FS|SYS_arch_prctl)\w*|asm/prctl\.h')"
check "no instruction by its bytes" \
  "$(uses '\\x0f\\x05|0x0f, *0x05|0x0f &&|== 0x05\b')"
check "no call that newer processors never had is made" \
  "$(uses '(sys_call|syscall)\(SYS_(open|stat|lstat|unlink|rename|mkdir|rmdir|link|symlink|readlink|poll|select|pause|pipe|dup2|access|chmod|chown|fork|vfork|epoll_wait|epoll_create|eventfd|inotify_init|getdents|time|alarm)\b')"

for processor in $processors; do
  check "$processor has its files" "$(for f in preload/arch_$processor.h preload/arch_$processor.c preload/arch_$processor.S \
    preload/hook_$processor.S analyzer/machine_$processor.c; do
    [ -f "$f" ] || echo "no $f"
  done)"
  check "they are empty for others" "$(for f in $(printf '%s\n' "$sources" | grep -E "^($own)\$" | grep "_$processor\\."); do
    grep -q "^#ifdef __${processor}__\$" "$f" || echo "$f"
  done)"
done

# What one defines the others define, too; names that only its own files use are its own.
names() {
  sed -nE 's/^#define (ARCH_[A-Z_0-9]+).*/\1/p; s/^static inline .*[ *](arch_[a-z_0-9]+)\(.*/\1/p; s/^.*\benum \{?(.*)\};/\1/p; /^enum \{$/,/^\};/p' "$1" |
    grep -oE '\b(ARCH_[A-Z_0-9]+|arch_[a-z_0-9]+)\b' | sort -u
}
used() { grep -lqE "\\b$1\\b" $inner; }
for processor in $processors; do
  check "$processor says all that is asked of it" "$(for other in $processors; do names "preload/arch_$other.h"; done | sort -u |
    while read -r name; do
      case $name in ARCH_X86_64_H | ARCH_AARCH64_H) continue ;; esac
      used "$name" || continue
      names "preload/arch_$processor.h" | grep -qx "$name" || echo "$name"
    done)"
done
done_checking
