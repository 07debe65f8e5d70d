#!/bin/sh
# What liboutlive.so exports is hooks.def; and nothing inside it calls what it interposes.
. scripts/check/lib.sh
need_tool nm
library=$CHECK_BUILD/liboutlive.so
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

hook_names > "$work/rows"
nm -D --defined-only "$library" | awk '{ print $3 }' | sed 's/@.*//' | sort -u > "$work/exports"
need_some exports "$(cat "$work/exports")"
need_some hooks.def "$(cat "$work/rows")"
check "every row of hooks.def is exported" "$(comm -23 "$work/rows" "$work/exports")"
check "nothing else is exported" "$(comm -13 "$work/rows" "$work/exports")"

# A tracker that calls a hooked function enters itself. The originals are reached through `real`, and only hooks do so.
calls=
used=
for object in $(inner_objects); do
  used="$used $object"
  for name in $(nm --quiet -u "$object" | awk '{ print $2 }' | sort -u | comm -12 - "$work/rows"); do
    calls="$calls$(basename "$object") calls $name
"
  done
done
need_some "objects that are not hooks" "$used"
check "no hooked function is called from behind the hooks" "$calls"

# Never in somebody else's process: stdio, locale, its heap by another name, its locks, look-ups outside real.c.
cat > "$work/banned" << 'LIST'
printf|fprintf|sprintf|snprintf|vsnprintf|vsprintf|puts|fputs|fwrite|fopen|fclose|fflush|perror|strerror
setlocale|newlocale|uselocale|iconv|strtod|strtol|strtoul|strtoll|strtoull|sscanf
strdup|strndup|asprintf|vasprintf|getline|setenv|putenv|unsetenv|qsort
pthread_mutex_lock|pthread_rwlock_rdlock|pthread_rwlock_wrlock|pthread_cond_wait|sem_wait|pthread_create
exit|abort|__assert_fail|syslog|backtrace
LIST
banned=$(tr '\n' '|' < "$work/banned" | sed 's/|$//')
bad=
for object in $(find "$CHECK_BUILD/obj/preload" -name '*.o' | sort); do
  for name in $(nm --quiet -u "$object" | awk '{ print $2 }' | grep -Ex "(${banned})(_chk)?"); do
    grep -qx "$name" "$work/rows" && continue
    bad="$bad$(basename "$object") uses $name
"
  done
  case $(basename "$object") in real.o | stack*.o | unwind*.o | fallback*.o) continue ;; esac
  for name in $(nm --quiet -u "$object" | awk '{ print $2 }' | grep -Ex 'dlsym|dlvsym'); do
    bad="$bad$(basename "$object") looks symbols up ($name)
"
  done
done
check "no stdio, locale, pthread lock or symbol look-up where they are forbidden" "$bad"
done_checking
