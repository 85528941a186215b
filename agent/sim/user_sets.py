"""The file of a user set: register values, checked and padded, as a program reads and writes it (S14).

    bytes 0..3 "FFUS", 4..7 length of the body, 8..11 its CRC-32, then the body (deflated JSON), then 0xFF

The size is a power of two from 4 KiB on, so that it divides the FileAccessBuffer or is a multiple of it: the vendor's
example reads and writes in whole buffers. The real layout is unknown.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Mapping

_HEAD = struct.Struct("<4sII")
_MAGIC = b"FFUS"
_LEAST_BYTES = 4096


def pack_user_set(values: Mapping[str, str]) -> bytes:
    """The file that holds `values`."""
    body = zlib.compress(json.dumps(values, separators=(",", ":"), sort_keys=True).encode())
    size = _LEAST_BYTES
    while size < _HEAD.size + len(body):
        size *= 2
    return (_HEAD.pack(_MAGIC, len(body), zlib.crc32(body)) + body).ljust(size, b"\xff")


def unpack_user_set(data: bytes) -> dict[str, str]:
    """The values in a file; a damaged or empty one holds none, as after a factory reset."""
    if len(data) < _HEAD.size:
        return {}
    magic, length, checksum = _HEAD.unpack_from(data)
    body = data[_HEAD.size : _HEAD.size + length]
    if magic != _MAGIC or len(body) != length or zlib.crc32(body) != checksum:
        return {}
    return {str(k): str(v) for k, v in json.loads(zlib.decompress(body)).items()}
