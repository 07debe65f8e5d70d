# shellcheck shell=sh disable=SC2154
# A master and two workers, which read files by threads.
cat > conf << C
pid $PWD/pid; error_log $PWD/err; daemon off; worker_processes 2;
events { worker_connections 256; }
http {
  access_log off; client_body_temp_path $PWD/t1; proxy_temp_path $PWD/t2; fastcgi_temp_path $PWD/t3;
  uwsgi_temp_path $PWD/t4; scgi_temp_path $PWD/t5;
  server { listen 127.0.0.1:$port; root $PWD/www; }
}
C
start nginx -c "$PWD/conf"
get
for worker in $(pgrep -P "$pid"); do agree "$worker"; done
stop QUIT
