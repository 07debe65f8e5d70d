# shellcheck shell=sh disable=SC2154
printf 'listener %s 127.0.0.1\nallow_anonymous true\nuser root\n' "$port" > conf
start mosquitto -c conf
mosquitto_sub -p "$port" -t 'a/#' -C 40 -W 60 > got &
listener=$!
# What is published before the listener is there is kept for it.
for i in $(seq 40); do mosquitto_pub -r -q 1 -p "$port" -t "a/$i" -m "message $i"; done
wait "$listener"
sort got | cksum
stop
