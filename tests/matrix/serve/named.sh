# shellcheck shell=sh disable=SC2016,SC2154
# bind9: an own zone; dig is profiled, too.
cat > conf << C
options {
  directory "$PWD"; listen-on port $port { 127.0.0.1; }; listen-on-v6 { none; }; pid-file none; recursion no;
  session-keyfile none; dnssec-validation no;
};
controls { };
zone "matrix" { type primary; file "zone"; };
C
{
  printf '$TTL 60\n@ SOA ns.matrix. a.matrix. 1 60 60 60 60\n@ NS ns.matrix.\nns A 127.0.0.1\n'
  for i in $(seq 100); do echo "host$i A 10.0.0.$i"; done
} > zone
start named -g -n 2 -c "$PWD/conf"
until_true sh -c "dig +short -p $port @127.0.0.1 host1.matrix | grep -qx 10.0.0.1"
for i in $(seq 10); do LD_PRELOAD=$preload dig +short -p "$port" @127.0.0.1 "host$i.matrix"; done | cksum
LD_PRELOAD=$preload dig +tcp +noall +answer -p "$port" @127.0.0.1 matrix axfr | wc -l
stop
