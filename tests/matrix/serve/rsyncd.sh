# shellcheck shell=sh disable=SC2154
printf 'use chroot = no\n[m]\npath = %s/www\n' "$PWD" > conf
start rsync --daemon --no-detach --address=127.0.0.1 --port="$port" --config=conf
for i in 1 2 3; do rsync -a "rsync://127.0.0.1:$port/m/" "to$i/"; done
LD_PRELOAD=$preload rsync -a "rsync://127.0.0.1:$port/m/" to4/
cat to4/* | cksum
stop
