# Records in hashes of arrays, sorted, matched and joined.
use strict;
use warnings;

my $n = $ARGV[0] // 150000;
my ($seed, $count, %records, %words) = (1, 0);
sub random { $seed = ($seed * 1103515245 + 12345) & 0x7fffffff }

for my $i (1 .. $n) {
    push @{ $records{ 'key' . (random() % 50000) } }, { id => $i, text => "str$i-" . random(), parts => [ split /-/, "a$i-b$i-c$i" ] };
    delete $records{ 'key' . (random() % 50000) } if $i % 7 == 0;
}
for my $key (sort keys %records) {
    for my $record (@{ $records{$key} }) {
        (my $text = $record->{text}) =~ s/(\d+)-(\d+)/$2:$1/;
        $count += length join ',', (map { uc } @{ $record->{parts} }), $text;
    }
}
my $text = join "\n", map { join ' ', map { 'w' . (random() % 3000) } 1 .. 20 } 1 .. 8000;
$words{ lc $1 }++ while $text =~ /(\w+)/g;
print $count + keys %words, "\n";
