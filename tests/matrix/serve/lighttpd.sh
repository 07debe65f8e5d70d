# shellcheck shell=sh disable=SC2154
printf 'server.document-root = "%s/www"\nserver.port = %s\nserver.bind = "127.0.0.1"\n' "$PWD" "$port" > conf
start lighttpd -D -f conf
get
stop
