# shellcheck shell=sh disable=SC2154
cat > conf << C
<busconfig><type>session</type><listen>unix:path=$PWD/bus</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy></busconfig>
C
start_quiet dbus-daemon --nofork --nopidfile --config-file="$PWD/conf"
export DBUS_SESSION_BUS_ADDRESS="unix:path=$PWD/bus"
until_true dbus-send --session --dest=org.freedesktop.DBus --print-reply / org.freedesktop.DBus.ListNames
for i in $(seq 20); do
  dbus-send --session --dest=org.freedesktop.DBus --print-reply / org.freedesktop.DBus.NameHasOwner string:org.x"$i"
done | grep -c 'boolean false'
LD_PRELOAD=$preload dbus-send --session --dest=org.freedesktop.DBus --print-reply / org.freedesktop.DBus.ListNames | grep -c string
stop
