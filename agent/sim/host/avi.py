"""RIFF AVI files with an index: one video stream, uncompressed (DIB) or motion JPEG.

Written as the frames come; counts and sizes are filled in on close. No OpenDML parts, so a file stays under 2 GB.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

Codec = Literal["DIB", "MJPG"]
MAX_BYTES = (1 << 31) - (1 << 24)
_AVIF_HASINDEX, _AVIIF_KEYFRAME = 0x10, 0x10
# A rate is a fraction: frames in this many units.
_SCALE = 1000
_INDEX_ENTRY_BYTES = 16


@dataclass(frozen=True, slots=True)
class VideoFormat:
    """Size in pixels, bits a pixel (8 is grey with a palette, 24 is BGR), frames a second."""

    width: int
    height: int
    bits: int
    rate: float
    codec: Codec

    @property
    def frame_bytes(self) -> int:
        """Bytes of an uncompressed frame; rows are padded to 4 bytes."""
        return (self.width * self.bits // 8 + 3) // 4 * 4 * self.height


class AviWriter:
    """One file. `close` makes it readable; the size counts the index that is still to be written."""

    def __init__(self, path: Path, video: VideoFormat) -> None:
        self._video = video
        self._sizes: list[int] = []
        self._largest = 0
        self._file: BinaryIO = path.open("wb")
        self._file.write(self._head(0))
        self._moved = self._file.tell()
        self._file.write(_list(b"movi", 0))

    @property
    def size(self) -> int:
        """Bytes that the file will have when it is closed now."""
        return self._file.tell() + 8 + _INDEX_ENTRY_BYTES * len(self._sizes)

    def append(self, data: bytes) -> None:
        """One encoded frame."""
        tag = b"00db" if self._video.codec == "DIB" else b"00dc"
        self._file.write(_chunk(tag, data))
        self._sizes.append(len(data))
        self._largest = max(self._largest, len(data))

    def close(self) -> None:
        """Write the index and the sizes; twice is harmless."""
        if self._file.closed:
            return
        end = self._file.tell()
        self._file.write(_chunk(b"idx1", self._index()))
        size = self._file.tell()
        self._file.seek(self._moved)
        self._file.write(_list(b"movi", end - self._moved - 8))
        self._file.seek(0)
        self._file.write(self._head(size - 8))
        self._file.close()

    def _index(self) -> bytes:
        tag = b"00db" if self._video.codec == "DIB" else b"00dc"
        offset, entries = 4, []
        for size in self._sizes:
            entries.append(struct.pack("<4sIII", tag, _AVIIF_KEYFRAME, offset, size))
            offset += 8 + size + size % 2
        return b"".join(entries)

    def _head(self, riff_bytes: int) -> bytes:
        """Everything before the frames; always of the same length."""
        video = self._video
        period_us = round(1e6 / video.rate)
        largest = self._largest or video.frame_bytes
        main = struct.pack(
            "<10I16x", period_us, round(largest * video.rate), 0, _AVIF_HASINDEX, len(self._sizes), 0, 1, largest,
            video.width, video.height,
        )  # fmt: skip
        handler = b"DIB " if video.codec == "DIB" else b"MJPG"
        stream = struct.pack(
            "<4s4sIHHIIIIIIiI4h", b"vids", handler, 0, 0, 0, 0, _SCALE, round(video.rate * _SCALE), 0,
            len(self._sizes), largest, -1, 0, 0, 0, video.width, video.height,
        )  # fmt: skip
        streams = _group(b"strl", _chunk(b"strh", stream) + _chunk(b"strf", self._bitmap()))
        header = _group(b"hdrl", _chunk(b"avih", main) + streams)
        return struct.pack("<4sI4s", b"RIFF", riff_bytes, b"AVI ") + header

    def _bitmap(self) -> bytes:
        """BITMAPINFOHEADER; rows go from the bottom up, grey has a palette."""
        video = self._video
        is_jpeg = video.codec == "MJPG"
        bits = 24 if is_jpeg else video.bits
        palette = b"" if bits == 24 else b"".join(bytes((n, n, n, 0)) for n in range(256))
        compression = b"MJPG" if is_jpeg else bytes(4)
        return struct.pack(
            "<IiiHH4sIiiII", 40, video.width, video.height, 1, bits, compression, video.frame_bytes, 0, 0,
            len(palette) // 4, 0,
        ) + palette  # fmt: skip


def _chunk(tag: bytes, data: bytes) -> bytes:
    return struct.pack("<4sI", tag, len(data)) + data + bytes(len(data) % 2)


def _group(kind: bytes, content: bytes) -> bytes:
    return _list(kind, len(content) + 4) + content


def _list(kind: bytes, size: int) -> bytes:
    return struct.pack("<4sI4s", b"LIST", size, kind)
