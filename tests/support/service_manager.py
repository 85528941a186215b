"""systemd's end of the line that services tell it over: a real datagram socket."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def manager(address: str | Path) -> Iterator[socket.socket]:
    name = str(address)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as inbox:
        inbox.bind("\0" + name[1:] if name.startswith("@") else name)
        inbox.setblocking(False)
        yield inbox


def heard(inbox: socket.socket) -> list[list[str]]:
    """The messages that have come, each as its lines."""
    messages = []
    while True:
        try:
            messages.append(inbox.recv(65_536).decode().split("\n"))
        except BlockingIOError:
            return messages


def lines(inbox: socket.socket, name: str) -> list[str]:
    """What came for NAME=, and drops the rest."""
    return [line.split("=", 1)[1] for message in heard(inbox) for line in message if line.startswith(f"{name}=")]


def fill(address: str | Path) -> None:
    """Messages of somebody else until the manager's queue takes no more."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
        other.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                other.sendto(b"STATUS=other", str(address))
