"""Bounds-checked little-endian reads of a network file."""

from __future__ import annotations

import struct
from typing import NoReturn

from agent.errors import BlobInvalid


class Fields:
    """A file of 32-bit fields; every fault is one line that starts with the name of the file. Never copies the file."""

    def __init__(self, data: bytes, where: str) -> None:
        self.data = data
        self.where = where

    def refuse(self, reason: str) -> NoReturn:
        """Raise BlobInvalid."""
        raise BlobInvalid(f"{self.where}: {reason}")

    def check(self, holds: bool, reason: str) -> None:
        """Raise BlobInvalid unless `holds`."""
        if not holds:
            self.refuse(reason)

    def equal(self, what: str, actual: object, expected: object) -> None:
        """Raise BlobInvalid unless the two are equal."""
        if actual != expected:
            self.refuse(f"{what} is {actual}, expected {expected}")

    def u16(self, offset: int, count: int, what: str) -> tuple[int, ...]:
        """`count` unsigned 16-bit values."""
        return self._unpack(f"<{count}H", offset, what)

    def u32(self, offset: int, count: int, what: str) -> tuple[int, ...]:
        """`count` unsigned 32-bit values."""
        return self._unpack(f"<{count}I", offset, what)

    def zeros(self, start: int, end: int, what: str) -> None:
        """Check that the bytes from `start` to `end` are padding."""
        self.check(0 <= start <= end <= len(self.data), f"{what} ends at byte {end}, outside of the file")
        if self.data.count(0, start, end) != end - start:
            self.refuse(f"{what}, bytes {start} to {end}, is not zero")

    def text(self, offset: int, size: int, what: str) -> str:
        """Zero-terminated printable ASCII in a field of `size` bytes, zero to its end."""
        self.check(offset + size <= len(self.data), f"{what} ends at byte {offset + size}, outside of the file")
        raw, _, rest = self.data[offset : offset + size].partition(b"\0")
        if any(rest) or not raw.isascii() or not raw.decode("ascii").isprintable():
            self.refuse(f"{what} at byte {offset} is not text")
        return raw.decode("ascii")

    def _unpack(self, layout: str, offset: int, what: str) -> tuple[int, ...]:
        end = offset + struct.calcsize(layout)
        if not 0 <= offset <= end <= len(self.data):
            self.refuse(f"truncated: {what} ends at byte {end}, the file has {len(self.data)}")
        return struct.unpack_from(layout, self.data, offset)
