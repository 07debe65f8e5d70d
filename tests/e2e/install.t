#!/bin/sh
# What `make install` lays down works from there, and goes away whole; manual pages and completions know every verb and option.
. "$(dirname "$0")/lib.sh"
need make man zsh fish

ok "make install" make -C "$ROOT" --no-print-directory O="$O" DESTDIR="$dir/tree" PREFIX=/opt/o install
top=$dir/tree/opt/o
ok "make uninstall leaves no file" sh -c 'cp -r "$1" copy && make -C "$2" --no-print-directory O="$3" \
  DESTDIR="$4/copy" PREFIX= uninstall && [ -z "$(find copy -type f)" ]' sh "$top" "$ROOT" "$O" "$dir"
mkdir snaps
ok "the installed program finds the installed library" "$top/bin/outlive" run --out snaps -- /bin/true
ok "and a snapshot is there" [ "$(snaps snaps | wc -l)" = 1 ]

for page in man1/outlive.1 man5/outlive-snapshot.5 man7/liboutlive.so.7; do
  MANWIDTH=100 man --warnings -l "$top/share/man/$page" > "$(basename $page)" 2> warnings
  is "$page is formatted without a warning" "$(cat warnings)" ""
done
missing=
for verb in $("$OUTLIVE" --help | sed -nE '/first session/q; s/^  ([a-z]+)  +.*/\1/p'); do
  grep -qE "^ +outlive $verb( |\$)" outlive.1 || missing="$missing $verb"
  for option in $("$OUTLIVE" "$verb" --help | grep -oE '^ +(-[a-z], )?--[a-z-]+' | grep -oE -- '--[a-z-]+'); do
    grep -qE "^ +(-[a-z], )?$option( |\$)" outlive.1 || missing="$missing $verb:$option"
    for shell in bash-completion/completions/outlive zsh/site-functions/_outlive; do
      grep -qF -- "$option" "$top/share/$shell" || missing="$missing $shell:$option"
    done
  done
done
is "every verb and option is in the manual and in the completions" "$missing" ""
keys=$(sed -nE 's/^OPT\(([a-z]+),.*/\1/p' "$ROOT/preload/options.def")
is "and every key of OUTLIVE_OPTIONS" \
  "$(for key in $keys; do grep -qE "^ +$key( |\$)" liboutlive.so.7 || echo "$key"; done)" ""

is "bash completes a verb, an option, a value" "$(bash -c '. "$1"
  try() { COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)); _outlive; echo "${COMPREPLY[@]}"; }
  try outlive tra; try outlive diff --sho; try outlive run --follow ""' bash "$top/share/bash-completion/completions/outlive")" \
  "traces
--show-from
yes no"
ok "zsh reads its completions" zsh -n "$top/share/zsh/site-functions/_outlive"
ok "fish reads its completions" fish -n "$top/share/fish/vendor_completions.d/outlive.fish"
like "fish completes an option" "$(HOME=$dir fish -c "source $top/share/fish/vendor_completions.d/outlive.fish
  complete -C 'outlive diff --sho'" 2> /dev/null)" '^--show-from'
done_testing
