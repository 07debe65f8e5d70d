#!/bin/sh
# What must not stand in the sources: promises, foreign paths, stray blanks; and what each file must begin with.
. scripts/check/lib.sh

sources=$(find preload analyzer tests scripts -type f \( -name '*.[chS]' -o -name '*.cc' -o -name '*.def' -o -name '*.sh' \
  -o -name '*.t' -o -name '*.py' -o -name '*.js' -o -name '*.css' -o -name '*.html' \) ! -path scripts/check/text.sh | sort)
c_sources=$(find preload analyzer tests scripts -type f -name '*.[ch]' | sort)
need_some sources "$sources"
# shellcheck disable=SC2086
{
  check "no promises" "$(grep -nwE 'TODO|FIXME|XXX|HACK|stub|unimplemented' Makefile README.md $sources)"
  check "no trailing blanks" "$(grep -nE '[[:blank:]]+$' Makefile README.md $sources)"
  check "no carriage returns" "$(grep -lr "$(printf '\r')" Makefile README.md $sources)"
  check "nothing but ASCII in C" "$(grep -nP '[^\x00-\x7F]' $c_sources)"
  check "no // comments in C" "$(grep -nE '^[[:blank:]]*//' $c_sources)"
  check "no home of a developer" "$(grep -nE '/(home|root|work)/' Makefile README.md $sources)"
  check "each C file opens by saying what it is" \
    "$(for f in $c_sources; do
      sed -n 1,2p "$f" | tr '\n' ' ' | grep -qF -- "$(basename "$f") - " || echo "$f"
    done | grep -E '^(preload|analyzer)/')"
}
scripts=$(find scripts tests .ci -type f \( -name '*.t' -o -path 'scripts/*' -o -path '.ci/*' \) ! -name 'lib.sh' ! -path 'scripts/man/*' ! -path 'scripts/adapters/*' \
  ! -name '*.yml' ! -name '*.json')
need_some scripts "$scripts"
check "scripts can be executed" "$(for f in $scripts; do [ -x "$f" ] || echo "$f"; done)"
check "shell scripts parse" "$(for f in $(grep -lE '^#!/bin/(ba)?sh' $scripts); do
  case $(head -n 1 "$f") in *bash) bash -n "$f" ;; *) sh -n "$f" ;; esac
done 2>&1)"
done_checking
