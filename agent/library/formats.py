"""Which format a blob is, and whether it is sound.

`sniff` tells the formats apart by their magic numbers (facts/myriad-blobs.md 3). `inspect_blob` reads a blob
whole and raises `BlobInvalid` with one line saying what is wrong with it.
"""

from __future__ import annotations

import struct

from agent.errors import BlobInvalid
from agent.library import ncsdk1, ncsdk2, openvino_blob
from agent.library.blob import MAX_BLOB_BYTES, BlobFormat, BlobInfo, Platform
from agent.library.ir import inspect_ir

_INSPECT = {
    "ncsdk-graph-2": ncsdk2.inspect_ncsdk2,
    "ncsdk-graph-1": ncsdk1.inspect_ncsdk1,
    "openvino-blob-5": openvino_blob.inspect_openvino_blob,
    "openvino-blob-6": openvino_blob.inspect_openvino_blob,
    "openvino-ir-10": inspect_ir,
}
# What a manifest can name as an artifact's target, and the processor there; other targets run anything.
_TARGETS: dict[str, Platform] = {"firefly-dl": "myriad2", "myriad2": "myriad2", "myriadx": "myriadx"}
_PLATFORM_NAMES: dict[Platform, str] = {"myriad2": "Myriad 2", "myriadx": "Myriad X"}


def sniff(data: bytes) -> BlobFormat | None:
    """Format by magic number alone, or None."""
    if data[:4] == b"PK\x03\x04":
        return "openvino-ir-10"
    if len(data) >= openvino_blob.HEADER_BYTES and data[:4] == b"\x7felf":
        magic, _, major = struct.unpack_from("<3I", data, openvino_blob.MAGIC_OFFSET)
        if magic == openvino_blob.MAGIC:
            return "openvino-blob-5" if major <= 5 else "openvino-blob-6"
    if len(data) >= ncsdk2.HEADER_BYTES and _u32(data, ncsdk2.MAGIC_OFFSET) == ncsdk2.MAGIC:
        return "ncsdk-graph-2"
    if len(data) >= ncsdk1.LEAST_BYTES and not any(data[:0x20]) and _u32(data, 0x24) == ncsdk1.VERSION:
        return "ncsdk-graph-1"
    return None


def inspect_blob(
    data: bytes, where: str, expected: BlobFormat | None = None, platform: Platform | None = None
) -> BlobInfo:
    """Read and check a whole blob; `where` names it in errors.

    With `platform` a blob that is known to be compiled for another processor is refused.
    Raises BlobInvalid: unknown format or another than `expected`, too large, truncated, malformed.
    """
    if len(data) > MAX_BLOB_BYTES:
        raise BlobInvalid(f"{where}: {len(data)} bytes, more than the {MAX_BLOB_BYTES} allowed")
    found = sniff(data)
    if found is None:
        raise BlobInvalid(f"{where}: no known network format (first bytes {data[:8].hex() or 'none'})")
    if expected is not None and found != expected:
        raise BlobInvalid(f"{where}: is {found}, expected {expected}")
    info = _INSPECT[found](data, where)
    check_platform(info, platform, where)
    return info


def check_platform(info: BlobInfo, platform: Platform | None, where: str) -> None:
    """Raises BlobInvalid where a blob is known to be compiled for another processor than `platform`."""
    if platform is not None and info.platform not in (None, platform):
        raise BlobInvalid(
            f"{where}: compiled for a {_PLATFORM_NAMES[info.platform]} ({info.shaves} SHAVEs), expected a"
            f" {_PLATFORM_NAMES[platform]}; compile it again for that processor"
        )


def platform_of(target: str) -> Platform | None:
    """The processor that an artifact's target has; None where any will do."""
    return _TARGETS.get(target)


def _u32(data: bytes, offset: int) -> int:
    value: int = struct.unpack_from("<I", data, offset)[0]
    return value
