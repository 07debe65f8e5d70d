#!/bin/sh
# chromium.sh sandbox|plain: a page whose script does some work, and what it made of it. Its sandbox needs another user than
# root. What it says on stderr, with times and numbers of processes, is no output.
cat > page.html << 'H'
<!doctype html><title>matrix</title><p id=a>before</p><script>
const m = new Map();
for (let i = 0; i < 20000; i++) m.set('k' + i, {n: i, s: String(i).repeat(3)});
const c = document.createElement('canvas'), g = c.getContext('2d');
g.fillRect(10, 10, 50, 50);
document.getElementById('a').textContent = `after ${m.size} ${JSON.stringify([...m.values()].slice(-1))} ${g.getImageData(20, 20, 1, 1).data}`;
</script>
H
mkdir -m 777 home
chmod 755 .
HOME=$PWD/home
export HOME
as_user=
flags='--headless --disable-gpu'
case $1 in
  plain) flags="$flags --no-sandbox" ;;
  *) [ "$(id -u)" != 0 ] || as_user='setpriv --reuid=nobody --regid=nogroup --clear-groups' ;;
esac
# shellcheck disable=SC2086
$as_user chromium $flags --user-data-dir="$HOME/profile" --dump-dom "file://$PWD/page.html" 2> said
