#!/bin/sh
# Runs in the machine of boot_usb.sh as a service of its own; says what it sees on the first serial line, `SEEN NAME: WHAT`.
unit=ofa-agent.service

wait_for() { # SECONDS COMMAND…
    left=$1
    shift
    until "$@" >/dev/null 2>&1 || [ "$left" -le 0 ]; do
        sleep 1
        left=$((left - 1))
    done
}

opened() { # whether a process of the service may open FILE
    sh -c "echo \$\$ >/sys/fs/cgroup/system.slice/$unit/cgroup.procs; exec 3<>$1 && echo open" 2>&1 |
        grep -o 'open$\|not permitted' | head -1
}

opened_by() { # whether USER may open FILE
    runuser -u "$1" -- sh -c "exec 3<>$2 && echo open" 2>&1 | grep -o 'open$\|denied' | head -1
}

wait_for 120 systemctl --quiet is-active $unit
echo "SEEN service: $(systemctl show -P ActiveState $unit)"
echo "SEEN usbfs: $(cat /sys/module/usbcore/parameters/usbfs_memory_mb)"

modprobe vhci-hcd
mkfifo /run/plugged
sleep 600 >/run/plugged &
python3 /root/usb_camera.py 1e10 4000 </run/plugged >/run/node &
wait_for 60 test -s /run/node
udevadm settle
node=$(cat /run/node)
echo "SEEN node: $(stat -c '%U:%G %a' "$node")"
echo "SEEN uaccess: $(udevadm info --query=property "$node" | grep -c '^TAGS=.*:uaccess:')"
echo "SEEN power: $(cat "/sys$(udevadm info --query=path "$node")/power/control")"
echo "SEEN devices: camera $(opened "$node"), disk $(opened /dev/vda), null $(opened /dev/null)"
echo "SEEN users: ofa-agent $(opened_by ofa-agent "$node"), nobody $(opened_by nobody "$node")"
echo "SEEN failed: $(systemctl --failed --no-legend --plain | cut -d' ' -f1 | xargs)."
systemctl poweroff --no-block
