# shellcheck shell=sh disable=SC2154
start memcached -u root -l 127.0.0.1 -p "$port" -t 3
perl -MIO::Socket::INET -e 'for my $c (1 .. 20) {
  my $s = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$ARGV[0]");
  for my $i (1 .. 50) { print $s "set k$c-$i 0 0 5\r\nvalue\r\n"; $n++ if <$s> eq "STORED\r\n"; print $s "get k$c-$i\r\n"; <$s> for 1 .. 3 }
}
print "$n\n"' "$port"
stop
