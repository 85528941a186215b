"""gRPC's own listening socket, which nobody but this process can connect to, and connections that say whose they are.

gRPC tells a handler nothing of who is at the other end of a unix socket but the address that this end is bound to. So
each of our connections to it is bound to a name of its own in the abstract namespace, and who is behind that name is
known here. The name is believed only while our socket has it, when nobody else can: that it shows in /proc/net/unix
helps nobody. It cannot be guessed, so that nobody can take it before.
"""

from __future__ import annotations

import os
import secrets
import socket
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

PEER = "unix-abstract:"  # gRPC's word for an address in the abstract namespace
_NAME = "ofa-agent/"
_TOKEN_BYTES = 16


class InnerSocket:
    """Owner of the descriptor that leads to the socket: its path is gone as soon as it is bound.

    What stays is the inode, open as a path, which only this process can name (`/proc/self/fd`). Nothing is left in the
    file system by a process that is killed.
    """

    def __init__(self, add_port: Callable[[str], int], folder: Path) -> None:
        """Bind it for a server that has not started, by what adds a port to it. `folder`: where a file can be made for
        a moment.

        Raises OSError, or RuntimeError of gRPC, where it cannot be bound or not be reached.
        """
        private = tempfile.mkdtemp(prefix=".ofa-agent-", dir=folder)  # mode 0700
        try:
            self._place: int | None = _bound(add_port, private)
        finally:
            os.rmdir(private)
        try:
            self.connected()[1].close()
        except OSError:
            self.close()
            raise

    def connected(self) -> tuple[str, socket.socket]:
        """A connection that does not block, and what gRPC will call it. Raises OSError at once where it is refused."""
        name = _NAME + secrets.token_hex(_TOKEN_BYTES)
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.setblocking(False)
            connection.bind(b"\0" + name.encode())
            connection.connect(f"/proc/self/fd/{self._place}")
        except BaseException:
            connection.close()
            raise
        return PEER + name, connection

    def close(self) -> None:
        """Let the way to it go; idempotent."""
        if self._place is not None:
            os.close(self._place)
            self._place = None


def _bound(add_port: Callable[[str], int], private: str) -> int:
    """Bind by way of the folder's descriptor: its path may be longer than an address can be."""
    name = secrets.token_hex(8)  # gRPC removes it by this path at its end, when the descriptor may be another's
    folder = os.open(private, os.O_PATH | os.O_DIRECTORY)
    try:
        add_port(f"unix:/proc/self/fd/{folder}/{name}")
        return os.open(name, os.O_PATH, dir_fd=folder)
    finally:
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=folder)
        os.close(folder)
