# shellcheck shell=sh disable=SC2154
# Two threads; asked for a zone of its own.
mkdir u
cat > conf << C
server:
  port: $port
  interface: 127.0.0.1
  num-threads: 2
  username: ""
  chroot: ""
  directory: "$PWD/u"
  pidfile: "$PWD/u/pid"
  use-syslog: no
  do-daemonize: no
  access-control: 127.0.0.0/8 allow
  local-zone: "matrix." static
$(for i in $(seq 100); do echo "  local-data: \"host$i.matrix. A 10.0.0.$i\""; done)
remote-control:
  control-enable: no
C
start unbound -d -c conf
for i in $(seq 20); do dig +short -p "$port" @127.0.0.1 "host$i.matrix"; done | cksum
dig +short +tcp -p "$port" @127.0.0.1 host77.matrix
dig -p "$port" @127.0.0.1 none.matrix | grep -o NXDOMAIN
stop
