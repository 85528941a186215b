#!/usr/bin/env bash
# The packages on a machine with a kernel of its own (QEMU in software emulation), and a USB camera plugged in: by
# software, with the vendor's number and nothing behind it. What namespaces cannot show: udev's rules, the memory of
# usbfs, the devices that are closed to the service. As boot_test.sh: one line for each point, `N passed, M failed`.
#
# Takes four minutes; the tree with its kernel is kept in build/boot.
set -u
ROOT=$(cd "$(dirname "$0")/.." && pwd)
WORK=$ROOT/build/boot
mkdir -p "$WORK"
# shellcheck source=tools/boot_tree.sh
. "$ROOT/tools/boot_tree.sh"
PACKAGES=$PACKAGES,linux-image-amd64,initramfs-tools,kmod
BASE=$WORK/base-kernel.tar
TREE=$WORK/machine-tree
IMAGE=$WORK/machine.img
SERIAL=$WORK/machine.log

seen() { # NAME WANTED SAID
    local found
    found=$(tr -d '\r' <"$SERIAL" | grep -a -m1 -o "SEEN $1: .*") # a prompt may stand before it
    found=${found#SEEN "$1": }
    [ "$found" = "$2" ]
    point "$3" $? "${found:-not seen}"
}

machine() { # an image of the tree that looks at itself when it is booted
    cp "$ROOT/tools/boot/usb_camera.py" "$ROOT/tools/boot/probe.sh" "$TREE/root/"
    cat >"$TREE/etc/systemd/system/probe.service" <<EOF
[Unit]
After=ofa-agent.service systemd-logind.service
[Service]
Type=oneshot
ExecStart=/bin/sh /root/probe.sh
StandardOutput=tty
StandardError=tty
TTYPath=/dev/ttyS0
[Install]
WantedBy=multi-user.target
EOF
    chroot "$TREE" systemctl enable --quiet probe.service
    echo '/dev/vda / ext4 rw 0 1' >"$TREE/etc/fstab"
    rm -f "$IMAGE" && mke2fs -q -t ext4 -d "$TREE" "$IMAGE" 3G
}

run_machine() { # until it turns itself off; emulated, since a machine for tests is often one already
    timeout 540 qemu-system-x86_64 -accel tcg,thread=multi -cpu max -M q35 -m 2048 -smp 2 -display none -nodefaults \
        -serial "file:$SERIAL" -device qemu-xhci -drive "file=$IMAGE,if=virtio,format=raw" -no-reboot \
        -kernel "$(newest "$TREE"/boot/vmlinuz-*)" -initrd "$(newest "$TREE"/boot/initrd.img-*)" \
        -append "root=/dev/vda rw console=ttyS0 quiet"
}

main() {
    local lacks began=$SECONDS
    lacks=$(missing)
    command -v qemu-system-x86_64 >/dev/null || lacks="$lacks"$'\nqemu-system-x86_64: apt install qemu-system-x86'
    command -v mke2fs >/dev/null || lacks="$lacks"$'\nmke2fs: apt install e2fsprogs'
    if [ -n "$lacks" ]; then
        printf 'boot_usb: this machine lacks\n%s\n' "$lacks" >&2
        exit 2
    fi
    trap 'rm -rf "$TREE" "$IMAGE"' EXIT
    trap 'exit 130' INT TERM
    if ! { prepare && machine; }; then
        echo "boot_usb: the machine could not be made; see $WORK" >&2
        exit 2
    fi
    echo "made in $((SECONDS - began)) s: $INSTALLED"
    run_machine || echo "boot_usb: the machine did not turn itself off; see $SERIAL" >&2
    seen service active "the service is READY on a kernel of its own"
    seen usbfs 1000 "usbfs has the memory that a camera needs, in MB"
    seen node "root:ofa-agent 660" "a camera that is plugged in belongs to the service's group"
    seen uaccess 1 "and is open to whoever sits at the machine"
    seen power on "and is not suspended to save power"
    seen devices "camera open, disk not permitted, null open" "the service may open cameras, and no disk"
    seen users "ofa-agent open, nobody denied" "its user may, others may not"
    seen failed "." "no unit failed"
    echo "took $((SECONDS - began)) s"
    echo "$PASSED passed, $FAILED failed"
    [ "$FAILED" = 0 ]
}

main
