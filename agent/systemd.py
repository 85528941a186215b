"""What a service tells systemd of itself, and how it is watched: sd_notify(3), in datagrams of `NAME=value` lines.

Under anything but systemd all of it does nothing. A message is never waited for and never fails its sender: where
systemd's queue is full, what is still true by then goes out with the next one.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping

MAX_STATUS_BYTES = 1024  # systemd drops a datagram beyond its buffer of 4096 bytes, and a status is one line
_REFUSED = ("\0", "\n", "\r")


class Notifier:
    """One service's line to its service manager. `address` is a path, or `@name` of an abstract socket; empty: none.

    For one thread at a time. No descriptor is held between messages.
    """

    def __init__(self, address: str, watchdog_s: float | None = None) -> None:
        """`watchdog_s`: the service is killed where `watchdog` was not called for so long; None: nobody watches."""
        usable = address.startswith(("/", "@")) and len(address) > 1
        self._address = ("\0" + address[1:] if address.startswith("@") else address) if usable else ""
        self.watchdog_s = watchdog_s if usable else None
        self._owed: dict[str, str] = {}  # newest by subject: not taken by systemd yet

    @classmethod
    def of(cls, environment: Mapping[str, str], pid: int) -> Notifier:
        """As systemd has set it up for the process `pid`; $WATCHDOG_PID may name another one."""
        return cls(environment.get("NOTIFY_SOCKET", ""), _watchdog_s(environment, pid))

    @property
    def present(self) -> bool:
        """Whether there is anybody to tell."""
        return bool(self._address)

    def ready(self) -> None:
        """The service serves; also: a reload is over, whatever came of it."""
        self._tell("state", "READY=1")

    def reloading(self, monotonic_ns: int) -> None:
        """A reload begins now, by CLOCK_MONOTONIC; `ready` ends it."""
        self._tell("state", f"RELOADING=1\nMONOTONIC_USEC={monotonic_ns // 1000}")

    def stopping(self) -> None:
        """The service is on its way out."""
        self._tell("state", "STOPPING=1")

    def status(self, text: str) -> None:
        """One line for people, in `systemctl status`; cut where it is too long."""
        for character in _REFUSED:
            text = text.replace(character, " ")
        shown = text.encode(errors="replace")
        if len(shown) > MAX_STATUS_BYTES:
            shown = shown[: MAX_STATUS_BYTES - 3].decode(errors="ignore").encode() + "…".encode()
        self._tell("status", f"STATUS={shown.decode()}")

    def extend_timeout(self, seconds: float) -> None:
        """Starting or stopping may take so long from now on, whatever the unit says."""
        self._send([f"EXTEND_TIMEOUT_USEC={round(seconds * 1e6)}"])

    def watchdog(self) -> None:
        """The service lives at this moment. Never sent later: it would be said of another one."""
        self._send(["WATCHDOG=1"])

    def _tell(self, subject: str, lines: str) -> None:
        self._owed.pop(subject, None)
        self._owed[subject] = lines
        self._send([])

    def _send(self, lines: list[str]) -> None:
        if not self._address:
            return
        message = "\n".join([*self._owed.values(), *lines]).encode()
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as way:
                way.setblocking(False)
                way.sendto(message, self._address)
        except (OSError, ValueError):  # full, or nobody is there (any more); ValueError: a zero within the address
            return
        self._owed.clear()


def _watchdog_s(environment: Mapping[str, str], pid: int) -> float | None:
    if environment.get("WATCHDOG_PID", str(pid)) != str(pid):
        return None
    told = environment.get("WATCHDOG_USEC", "")
    return int(told) / 1e6 if told.isascii() and told.isdigit() and int(told) > 0 else None


def notifier() -> Notifier:
    """That of this process."""
    return Notifier.of(os.environ, os.getpid())
