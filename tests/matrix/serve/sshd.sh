# shellcheck shell=sh disable=SC2154
# Of each client a process locks itself in by a filter that kills for what is not on its list.
mkdir -p /run/sshd
chmod 755 .
ssh-keygen -q -t ed25519 -N '' -f host
ssh-keygen -q -t ed25519 -N '' -f me
cp me.pub authorized
start "$(command -v sshd)" -D -e -f /dev/null -p "$port" -h "$PWD/host" -o ListenAddress=127.0.0.1 -o StrictModes=no \
  -o PidFile=none -o UsePAM=no -o AuthorizedKeysFile="$PWD/authorized" -o "Subsystem=sftp internal-sftp"
options="-F /dev/null -i me -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR"
# The client is profiled here, too: as the command's own child, it has no other that it could speak through.
# shellcheck disable=SC2086
LD_PRELOAD=$preload ssh $options -p "$port" root@127.0.0.1 'seq 100000 | cksum; exit 3'
echo "status $?"
# shellcheck disable=SC2086
seq 20000 | LD_PRELOAD=$preload ssh $options -p "$port" root@127.0.0.1 'sort -n | tail -n 1'
# shellcheck disable=SC2086
LD_PRELOAD=$preload scp -q $options -P "$port" www/50 "root@127.0.0.1:$PWD/copied" && cmp www/50 copied
stop
