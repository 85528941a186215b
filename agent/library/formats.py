"""Which format a blob is, and whether it is sound.

`sniff` tells the formats apart by their magic numbers (facts/myriad-blobs.md 3). `inspect_blob` reads a blob
whole and raises `BlobInvalid` with one line saying what is wrong with it.
"""

from __future__ import annotations

import struct

from agent.errors import BlobInvalid
from agent.library.blob import MAX_BLOB_BYTES, BlobFormat, BlobInfo
from agent.library.ir import inspect_ir

_OPENVINO_MAGIC = 9709
_OPENVINO_HEADER_BYTES = 192
_NCSDK2_MAGIC = 8708
_NCSDK2_HEADER_BYTES = 80
# Header and one stage, the least the vendor's host library takes (facts/myriad-blobs.md, NCSDK 1).
_NCSDK1_LEAST_BYTES = 264 + 227


def sniff(data: bytes) -> BlobFormat | None:
    """Format by magic number alone, or None."""
    if data[:4] == b"PK\x03\x04":
        return "openvino-ir-10"
    if len(data) >= _OPENVINO_HEADER_BYTES and data[:4] == b"\x7felf" and _u32(data, 0x34) == _OPENVINO_MAGIC:
        return "openvino-blob-5" if _u32(data, 0x3C) <= 5 else "openvino-blob-6"
    if len(data) >= _NCSDK2_HEADER_BYTES and _u32(data, 0x22) == _NCSDK2_MAGIC:
        return "ncsdk-graph-2"
    if len(data) >= _NCSDK1_LEAST_BYTES and not any(data[:0x20]) and _u32(data, 0x24) == 2:
        return "ncsdk-graph-1"
    return None


def inspect_blob(data: bytes, where: str, expected: BlobFormat | None = None) -> BlobInfo:
    """Read and check a whole blob; `where` names it in errors.

    Raises BlobInvalid: unknown format or another than `expected`, too large, truncated, malformed.
    """
    if len(data) > MAX_BLOB_BYTES:
        raise BlobInvalid(f"{where}: {len(data)} bytes, more than the {MAX_BLOB_BYTES} allowed")
    found = sniff(data)
    if found is None:
        raise BlobInvalid(f"{where}: no known network format (first bytes {data[:8].hex() or 'none'})")
    if expected is not None and found != expected:
        raise BlobInvalid(f"{where}: is {found}, expected {expected}")
    if found == "openvino-ir-10":
        return inspect_ir(data, where)
    return _inspect_compiled(data, where, found)


def _inspect_compiled(data: bytes, where: str, found: BlobFormat) -> BlobInfo:
    """Header fields of a compiled network; of its body only the declared size is checked."""
    shaves: int | None = None
    version = "1"
    if found in ("openvino-blob-5", "openvino-blob-6"):
        declared, shaves = _u32(data, 0x38), _u32(data, 0x64)
        version = f"{_u32(data, 0x3C)}.{_u32(data, 0x40)}"
    elif found == "ncsdk-graph-2":
        declared, shaves = _u32(data, 0x26), _u32(data, 0x32)
        version = f"{_u32(data, 0x2A)}.{_u32(data, 0x2E)}"
    else:
        declared = _u32(data, 0x20)
    if declared > len(data):
        raise BlobInvalid(f"{where}: truncated: the header says {declared} bytes, the file has {len(data)}")
    return BlobInfo(found, len(data), version=version, shaves=shaves)


def _u32(data: bytes, offset: int) -> int:
    value: int = struct.unpack_from("<I", data, offset)[0]
    return value
