#!/bin/sh
# desktop.sh inkscape|qpdfview: on a screen of its own (Xvfb, which is not profiled). inkscape opens a window, changes a
# drawing and exports it; qpdfview shows that, zooms at a click, and ends when it is told to; what was on the screen is
# compared, pixel by pixel.
set -u
preload=${LD_PRELOAD:-}
unset LD_PRELOAD
export HOME="$PWD" XDG_RUNTIME_DIR="$PWD"
chmod 700 .

Xvfb -displayfd 3 -screen 0 1024x768x24 -nolisten tcp -noreset 3> display 2> server.log &
server=$!
trap 'kill $server' EXIT
until_true() {
  for _ in $(seq 1200); do
    sh -c "$1" > until.log 2>&1 && return
    sleep 0.1
  done
  echo "never: $1: $(cat until.log)"
}
until_true 'test -s display'
DISPLAY=:$(cat display)
export DISPLAY

cat > in.svg << 'S'
<svg xmlns="http://www.w3.org/2000/svg" width="300" height="200"><defs><linearGradient id="g"><stop offset="0" stop-color="red"/>
<stop offset="1" stop-color="blue"/></linearGradient><filter id="f"><feGaussianBlur stdDeviation="3"/></filter></defs>
<rect id="r" x="10" y="10" width="200" height="100" fill="url(#g)"/><circle id="c" cx="150" cy="100" r="60" filter="url(#f)"/>
<text id="t" x="20" y="180" font-size="20">outlive</text></svg>
S
# screen NAME COLOURS: what is on it, once it has so many colours and rests.
screen() {
  until_true "xwd -root -silent > $1 && [ \$(convert xwd:$1 -format %k info:) -gt $2 ] && sleep 1 && xwd -root -silent | cmp - $1"
  convert "xwd:$1" rgb:- | cksum
}
case $1 in
  inkscape)
    LD_PRELOAD=$preload inkscape --with-gui --batch-process in.svg > said 2>&1 \
      --actions='select-by-id:t;object-to-path;select-by-id:r;transform-rotate:30;export-filename:out.png;export-do'
    echo "status $?"
    convert out.png rgba:- | cksum
    ;;
  qpdfview)
    inkscape --export-type=pdf --export-filename=o in.svg > said 2>&1
    LD_PRELOAD=$preload qpdfview o.pdf 2> said &
    viewer=$!
    until_true 'xwininfo -name "o - qpdfview" | grep -q IsViewable'
    xdotool mousemove 300 200
    screen first 200
    xdotool mousemove 341 42 click 1 mousemove 500 450
    until_true 'xwd -root -silent | cmp - first | grep -q differ'
    screen second 200
    sh "$MATRIX_HERE/agree.sh" "$viewer"
    kill "$viewer"
    wait "$viewer"
    echo "status $?"
    ;;
esac
