"""A strict reader of stored zip archives: one reading only, no copy, nothing trusted that is not repeated.

Zip says most things twice, in a local header before each member and in the directory at the end. Both must agree,
members and directory must follow each other without a gap, and the end record must end the file. That leaves no room
for compressed or encrypted members, zip64, comments, hidden or overlapping members and other names.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import NoReturn

from agent.errors import BlobInvalid

_LOCAL, _LOCAL_SIGNATURE = struct.Struct("<4s5H3I2H"), b"PK\x03\x04"
_ENTRY, _ENTRY_SIGNATURE = struct.Struct("<4s6H3I5H2I"), b"PK\x01\x02"
_END, _END_SIGNATURE = struct.Struct("<4s4H2IH"), b"PK\x05\x06"
_STORED = 0
_UTF8_FLAG = 0x800
# 2.0 is the version of plain archives; 4.5 would be zip64.
_MAX_VERSION = 20
# Time stamps and owners, as zip tools for Unix and NTFS add them. All others could change a name or a size.
_HARMLESS_EXTRAS = frozenset({0x000A, 0x5455, 0x5855, 0x7855, 0x7875})
_MAX_NAME_BYTES = 255
_SHOWN_NAMES = 4
_FILE_TYPE_MASK, _REGULAR_FILE = 0o170000, 0o100000


@dataclass(frozen=True, slots=True)
class _Entry:
    """One line of the directory. `shared` is what the local header must repeat."""

    name: str
    shared: tuple[int, ...]
    method: int
    flags: int
    crc: int
    packed_bytes: int
    size_bytes: int
    raw_name: bytes
    start: int


def read_stored(data: bytes, names: tuple[str, ...], where: str) -> dict[str, memoryview]:
    """The members of an archive that must hold exactly `names`, in any order. Raises BlobInvalid."""
    return _Archive(data, where).members(names)


class _Archive:
    def __init__(self, data: bytes, where: str) -> None:
        self._data = data
        self._where = where

    def members(self, names: tuple[str, ...]) -> dict[str, memoryview]:
        directory, directory_end, count = self._end_record()
        entries = self._directory(directory, directory_end, count, len(names))
        found = [entry.name for entry in entries]
        if count != len(names) or sorted(found) != sorted(names):
            self._refuse(f"members {found[:_SHOWN_NAMES]}, expected exactly {' and '.join(names)}")
        offset = 0
        members = {}
        for entry in sorted(entries, key=lambda one: one.start):
            members[entry.name], offset = self._member(entry, offset, directory)
        if offset != directory:
            self._refuse("bytes outside the two members of the archive")
        return members

    def _refuse(self, reason: str) -> NoReturn:
        raise BlobInvalid(f"{self._where}: {reason}")

    def _damaged(self, reason: str) -> NoReturn:
        self._refuse(f"truncated or damaged IR archive: {reason}")

    def _end_record(self) -> tuple[int, int, int]:
        """Where the directory starts and ends, and how many members it lists."""
        start = len(self._data) - _END.size
        if start < 0 or self._data[start : start + 4] != _END_SIGNATURE:
            found = self._data.rfind(_END_SIGNATURE)
            if 0 <= found < start:
                self._refuse("bytes outside the two members of the archive: a comment or tail after its end record")
            self._damaged("no end record")
        _, disk, first_disk, here, count, size, directory, comment = _END.unpack_from(self._data, start)
        if disk or first_disk or here != count:
            self._damaged("parts of it are on another disk")
        if comment or directory + size != start:
            self._refuse(
                f"bytes outside the two members of the archive: the directory ends at {directory + size},"
                f" its end record starts at {start}, with a comment of {comment} bytes"
            )
        return directory, start, count

    def _directory(self, start: int, end: int, count: int, wanted: int) -> list[_Entry]:
        """At most one entry more than wanted: a long list is not read to its end."""
        entries: list[_Entry] = []
        while start < end and len(entries) <= wanted:
            entry, start = self._entry(start, end)
            entries.append(entry)
        if len(entries) <= wanted and (start != end or len(entries) != count):
            self._damaged(f"{len(entries)} members in the directory, {count} declared")
        return entries

    def _entry(self, start: int, end: int) -> tuple[_Entry, int]:
        if start + _ENTRY.size > end:
            self._damaged("the directory is cut")
        fields = _ENTRY.unpack_from(self._data, start)
        signature, _, version, flags, method, time, date, crc, packed, size = fields[:10]
        name_bytes, extra_bytes, comment, disk, internal, external, offset = fields[10:]
        after = start + _ENTRY.size + name_bytes + extra_bytes
        if signature != _ENTRY_SIGNATURE or after > end or disk or not 0 < name_bytes <= _MAX_NAME_BYTES:
            self._damaged("an entry of the directory is not one")
        raw_name = self._data[start + _ENTRY.size : start + _ENTRY.size + name_bytes]
        name = raw_name.decode("utf-8", "backslashreplace")
        if comment:
            self._refuse(f"{name!r} has a comment of {comment} bytes, expected none")
        self._check_extra(name, after - extra_bytes, after)
        self._check_kind(name, version, internal, external >> 16)
        shared = (version, flags, method, time, date, crc, packed, size)
        return _Entry(name, shared, method, flags, crc, packed, size, raw_name, offset), after

    def _check_kind(self, name: str, version: int, internal: int, mode: int) -> None:
        if version > _MAX_VERSION or internal > 1:
            self._refuse(f"{name!r} needs zip version {version / 10}, expected at most {_MAX_VERSION / 10}")
        if mode & _FILE_TYPE_MASK not in (0, _REGULAR_FILE):
            self._refuse(f"{name!r} is not a regular file (mode {mode:o})")

    def _check_extra(self, name: str, start: int, end: int) -> None:
        while start < end:
            if start + 4 > end:
                self._damaged(f"extra fields of {name!r} are cut")
            kind, size = struct.unpack_from("<HH", self._data, start)
            if kind not in _HARMLESS_EXTRAS:
                self._refuse(f"{name!r} has an extra field {kind:#06x}, expected time stamps and owners only")
            start += 4 + size
        if start != end:
            self._damaged(f"extra fields of {name!r} are cut")

    def _member(self, entry: _Entry, expected_start: int, directory: int) -> tuple[memoryview, int]:
        """Content of a member that must start at `expected_start`, and where it ends."""
        if entry.method != _STORED or entry.packed_bytes != entry.size_bytes:
            self._refuse(f"{entry.name} is compressed, expected stored")
        if entry.flags & ~_UTF8_FLAG:  # no encryption, no data descriptor
            self._refuse(f"{entry.name} has zip flags {entry.flags:#x}, expected none")
        if entry.start != expected_start:
            self._refuse(f"{entry.name} starts at {entry.start}, expected {expected_start}")
        content = expected_start + _LOCAL.size
        if content > directory:
            self._damaged(f"{entry.name} has no room for its header")
        signature, *shared, name_bytes, extra_bytes = _LOCAL.unpack_from(self._data, expected_start)
        name_end = content + name_bytes
        if signature != _LOCAL_SIGNATURE or tuple(shared) != entry.shared:
            self._damaged(f"header and directory disagree about {entry.name}")
        if self._data[content:name_end] != entry.raw_name:
            self._damaged(f"header and directory name {entry.name} differently")
        start = name_end + extra_bytes
        end = start + entry.size_bytes
        if end > directory:
            self._damaged(f"{entry.name} claims {entry.size_bytes} bytes, {directory - start} are there")
        self._check_extra(entry.name, name_end, start)
        view = memoryview(self._data)[start:end]
        if zlib.crc32(view) != entry.crc:
            self._damaged(f"checksum of {entry.name} does not fit")
        return view, end
