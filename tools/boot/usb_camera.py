"""A USB device that is plugged in by software: usbip's server side for the kernel's vhci_hcd. Run as root.

usb_camera.py VENDOR PRODUCT     prints the node under /dev once it is there, and keeps it until standard input ends
"""

from __future__ import annotations

import socket
import struct
import sys
import threading
import time
from pathlib import Path

ATTACH = Path("/sys/devices/platform/vhci_hcd.0/attach")
HEADER = struct.Struct(">5I")
SUBMIT, UNLINK, SUBMITTED, UNLINKED = 1, 2, 3, 4
HIGH_SPEED, DEVICE_ID, PORT = 3, 1, 0
GET_DESCRIPTOR, GET_CONFIGURATION = 6, 8
STRINGS = ("", "FLIR", "camera of the boot test", "20000001")


def descriptors(vendor: int, product: int) -> dict[int, bytes]:
    device = struct.pack("<2BH4B3H4B", 18, 1, 0x0200, 0xFF, 0, 0, 64, vendor, product, 0x0100, 1, 2, 3, 1)
    interface = struct.pack("<9B", 9, 4, 0, 0, 0, 0xFF, 0, 0, 0)
    configuration = struct.pack("<2BH5B", 9, 2, 9 + len(interface), 1, 1, 0, 0x80, 50)
    return {1: device, 2: configuration + interface}


def answer(setup: bytes, known: dict[int, bytes]) -> bytes | None:
    """What a control request is answered; None: it is stalled."""
    kind, request, value, _, length = struct.unpack("<2B3H", setup)
    if kind & 0x80 == 0:
        return b""
    if request == GET_CONFIGURATION:
        return b"\1"
    if request != GET_DESCRIPTOR:
        return b"\0\0"[:length]
    which, index = value >> 8, value & 0xFF
    if which == 3 and index < len(STRINGS):
        text = STRINGS[index].encode("utf-16-le") if index else b"\x09\x04"
        return (bytes((len(text) + 2, 3)) + text)[:length]
    found = known.get(which)
    return None if found is None else found[:length]


def exactly(end: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = end.recv(size - len(data))
        if not more:
            raise EOFError
        data += more
    return data


def serve(end: socket.socket, known: dict[int, bytes]) -> None:
    try:
        while True:
            command, number, _, direction, _ = HEADER.unpack(exactly(end, 20))
            rest = exactly(end, 28)
            if command == UNLINK:
                end.sendall(HEADER.pack(UNLINKED, number, 0, 0, 0) + struct.pack(">i24x", 0))
                continue
            size = struct.unpack(">i", rest[4:8])[0]
            if direction == 0 and size:
                exactly(end, size)
            data = answer(rest[20:28], known)
            status, sent = (-32, b"") if data is None else (0, data)
            length = len(sent) if direction else size
            end.sendall(HEADER.pack(SUBMITTED, number, 0, 0, 0) + struct.pack(">5i8x", status, length, 0, 0, 0))
            if direction and sent:
                end.sendall(sent)
    except (EOFError, OSError):
        return


def node(vendor: str, product: str) -> Path | None:
    for device in Path("/sys/bus/usb/devices").glob("*/idVendor"):
        if device.read_text().strip() == vendor and (device.parent / "idProduct").read_text().strip() == product:
            bus, number = (int((device.parent / name).read_text()) for name in ("busnum", "devnum"))
            return Path(f"/dev/bus/usb/{bus:03}/{number:03}")
    return None


def main(vendor: str, product: str) -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    known = descriptors(int(vendor, 16), int(product, 16))
    threading.Thread(target=serve, args=(ours, known), daemon=True).start()
    ATTACH.write_text(f"{PORT} {theirs.fileno()} {DEVICE_ID} {HIGH_SPEED}\n")
    deadline = time.monotonic() + 20
    while (found := node(vendor, product)) is None or not found.exists():
        if time.monotonic() > deadline:
            sys.exit("usb_camera: the device did not come up")
        time.sleep(0.2)
    sys.stdout.write(f"{found}\n")
    sys.stdout.flush()
    sys.stdin.read()


main(*sys.argv[1:])
