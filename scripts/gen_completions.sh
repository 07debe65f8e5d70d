#!/bin/sh
# scripts/gen_completions.sh OUTLIVE FOLDER: completions for bash, zsh and fish, from the program's own --help: its verbs, each
# one's options, the values of those that name them (yes|no), snapshots, folders and pids for the rest.
set -eu
outlive=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
mkdir -p "$2"
into=$2

# "VERB<tab>HELP" a line; "--name<tab>ARGUMENT<tab>HELP" a line.
verbs() { "$outlive" --help | sed -nE '/first session/q; s/^  ([a-z]+)  +(.*)/\1\t\2/p'; }
options() {
  "$outlive" "$1" --help | sed -nE 's/^ +(-[a-z], )?(--[a-z][a-z-]*)( ([A-Z][^ ]*|[a-z]+\|[a-z|]+))?  *(.*)/\2\t\4\t\5/p' | sort -u
}
names() { verbs | cut -f1; }
words() { tr '\n' ' ' | sed 's/ $//'; }

{
  printf '# bash completion for outlive(1)\n_outlive()\n{\n'
  # shellcheck disable=SC2016
  printf '\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} verb=${COMP_WORDS[1]}\n'
  printf '\tCOMPREPLY=()\n\tif [ "$COMP_CWORD" = 1 ]; then\n\t\tCOMPREPLY=($(compgen -W "%s --help --version" -- "$cur"))\n' "$(names | words)"
  printf '\t\treturn\n\tfi\n\tcase $verb:$prev in\n'
  for verb in $(names); do
    options "$verb" | awk -F'\t' -v verb="$verb" '$2 ~ /\|/ && $2 !~ /[A-Z]/ { gsub(/\|/, " ", $2)
      printf "\t%s:%s) COMPREPLY=($(compgen -W \"%s\" -- \"$cur\")); return ;;\n", verb, $1, $2 }'
  done
  printf '\tesac\n\tcase $verb in\n'
  for verb in $(names); do
    printf '\t%s) [[ $cur == -* ]] && COMPREPLY=($(compgen -W "%s" -- "$cur")) ;;\n' "$verb" "$(options "$verb" | cut -f1 | words)"
  done
  # shellcheck disable=SC2016
  printf '\tesac\n\t[ ${#COMPREPLY[@]} = 0 ] || return\n\tcase $verb in\n'
  # shellcheck disable=SC2016
  printf '\tsnapshot) COMPREPLY=($(compgen -W "$(ls /dev/shm 2> /dev/null | sed -n "s/^outlive\\.\\([0-9]*\\)\\.ctl$/\\1/p")" -- "$cur")) ;;\n'
  printf '\trun) COMPREPLY=($(compgen -c -f -- "$cur")) ;;\n'
  printf '\t*) COMPREPLY=($(compgen -f -- "$cur")) ;;\n\tesac\n}\ncomplete -o filenames -F _outlive outlive\n'
} > "$into/outlive.bash"

# zsh and fish read help between quotes.
quoted() { sed "s/'/'\\\\''/g"; }
{
  printf '#compdef outlive\n# zsh completion for outlive(1)\n_outlive() {\n\tlocal -a verbs\n\tverbs=(\n'
  verbs | quoted | sed "s/:/\\\\:/g; s/^\\(.*\\)\t\\(.*\\)/\t\t'\\1:\\2'/"
  # shellcheck disable=SC2016
  printf '\t)\n\tif (( CURRENT == 2 )); then\n\t\t_describe verb verbs\n\t\treturn\n\tfi\n\tcase ${words[2]} in\n'
  for verb in $(names); do
    printf '\t%s)\n\t\t_arguments' "$verb"
    options "$verb" | sed 's/[]:[]/\\&/g' | quoted | awk -F'\t' '{
      values = $2 ~ /\|/ && $2 !~ /[A-Z]/ ? "(" $2 ")" : "_files"
      gsub(/\|/, " ", values)
      printf " \\\n\t\t\t\047%s[%s]%s\047", $1, $3, $2 == "" ? "" : ":" $2 ":" values }'
    printf " \\\n\t\t\t'*:file:_files' ;;\n"
  done
  # shellcheck disable=SC2016
  printf '\tesac\n}\n_outlive "$@"\n'
} > "$into/_outlive"
{
  printf '# fish completion for outlive(1)\n'
  verbs | quoted | sed "s/^\\(.*\\)\t\\(.*\\)/complete -c outlive -n __fish_use_subcommand -f -a \\1 -d '\\2'/"
  for verb in $(names); do
    options "$verb" | quoted | awk -F'\t' -v verb="$verb" '{
      values = $2 ~ /\|/ && $2 !~ /[A-Z]/ ? " -f -a \047" $2 "\047" : ""
      gsub(/\|/, " ", values)
      printf "complete -c outlive -n \047__fish_seen_subcommand_from %s\047 -l %s%s%s -d \047%s\047\n", verb, substr($1, 3),
        $2 == "" ? "" : " -r", values, $3 }'
  done
} > "$into/outlive.fish"
