# shellcheck shell=sh disable=SC2154,SC2034
# serve.sh - sourced after lib.sh by the tests of `outlive serve`.
#
#   serve [OPTION...] PID|DIR    starts it on a free port: its pid in $server, its address in $url (with the last "/")
#   get PATH [CURL OPTION...]    the body; the status in file "code"
#   code PATH [CURL OPTION...]   the HTTP status alone
#   start_nginx                  a real nginx with the library, one process; pid in $target, port in $target_port

# Never through a proxy, and no profile into the home of who runs the test.
export no_proxy='*' PPROF_TMPDIR="$dir/pprof" XDG_CACHE_HOME="$dir/cache"

serve() {
  background "$OUTLIVE" serve --listen 127.0.0.1:0 "$@"
  server=$pid
  wait_for grep -q '^http' "$server.log" || note "$(cat "$server.log")"
  url=$(head -n 1 "$server.log")
}

get() {
  get_path=$1
  shift
  curl -sS -m 100 -w '%{stderr}%{http_code}' "$@" "$url$get_path" 2> code
}

code() {
  code_path=$1
  shift
  curl -sS -m 100 -o body -w '%{http_code}' "$@" "$url$code_path"
}

start_nginx() {
  mkdir -p ngx
  cat > nginx.conf << CONF
worker_processes 1; pid $PWD/nginx.pid; error_log $PWD/nginx.err; daemon off; master_process off;
events {}
http { access_log off; client_body_temp_path $PWD/ngx/a; proxy_temp_path $PWD/ngx/b; fastcgi_temp_path $PWD/ngx/c;
  uwsgi_temp_path $PWD/ngx/d; scgi_temp_path $PWD/ngx/e;
  server { listen 127.0.0.1:LISTEN; location / { return 200 "hello\n"; } } }
CONF
  export OUTLIVE_LIB="$LIB" OUTLIVE_OUT="$PWD/s"
  start_server sh -c 'sed "s/LISTEN/$1/" nginx.conf > nginx.$1.conf; LD_PRELOAD=$OUTLIVE_LIB OUTLIVE_OPTIONS=out=$OUTLIVE_OUT,keep=2 exec nginx -c "$PWD/nginx.$1.conf"' sh PORT
  target=$pid target_port=$port
}
