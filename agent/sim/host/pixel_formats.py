"""Layout of pixels in a buffer, by pixel format (GenICam PFNC; the packed formats of GigE Vision).

Samples are what a sensor with fewer bits gives: right-aligned in unpacked formats (Mono10 in uint16), left-aligned in
Mono16. `plane` brings every format to 16 bits a sample, left-aligned.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8] | NDArray[np.uint16]
Packing = Literal["none", "pfnc", "gev"]


@dataclass(frozen=True, slots=True)
class PixelLayout:
    """One format: significant bits of a sample, samples a pixel, bits a pixel takes, PFNC code."""

    name: str
    sample_bits: int
    channels: int
    pixel_bits: int
    code: int
    packing: Packing = "none"

    @property
    def is_packed(self) -> bool:
        return self.packing != "none"

    @property
    def is_bayer(self) -> bool:
        return self.name.startswith("Bayer")

    @property
    def dtype(self) -> type[np.uint8] | type[np.uint16]:
        """Element of the buffer as an array."""
        return np.uint16 if self.sample_bits > 8 and not self.is_packed else np.uint8

    def stride(self, width: int) -> int:
        """Bytes of a row; the last row of a packed format may end within a byte."""
        return (width * self.pixel_bits + 7) // 8

    def size(self, width: int, height: int) -> int:
        """Bytes of an image."""
        return (width * height * self.pixel_bits + 7) // 8


def _unpacked(name: str, bits: int, channels: int, code: int) -> PixelLayout:
    return PixelLayout(name, bits, channels, (8 if bits <= 8 else 16) * channels, code)


LAYOUTS: dict[str, PixelLayout] = {
    layout.name: layout
    for layout in (
        _unpacked("Mono8", 8, 1, 0x01080001),
        _unpacked("Mono10", 10, 1, 0x01100003),
        _unpacked("Mono12", 12, 1, 0x01100005),
        _unpacked("Mono14", 14, 1, 0x01100025),
        _unpacked("Mono16", 16, 1, 0x01100007),
        _unpacked("BayerGR8", 8, 1, 0x01080008),
        _unpacked("BayerRG8", 8, 1, 0x01080009),
        _unpacked("BayerGB8", 8, 1, 0x0108000A),
        _unpacked("BayerBG8", 8, 1, 0x0108000B),
        _unpacked("BayerGR16", 16, 1, 0x0110002E),
        _unpacked("BayerRG16", 16, 1, 0x0110002F),
        _unpacked("BayerGB16", 16, 1, 0x01100030),
        _unpacked("BayerBG16", 16, 1, 0x01100031),
        _unpacked("RGB8", 8, 3, 0x02180014),
        _unpacked("RGB8Packed", 8, 3, 0x02180014),
        _unpacked("BGR8", 8, 3, 0x02180015),
        PixelLayout("Mono10Packed", 10, 1, 12, 0x010C0004, "gev"),
        PixelLayout("Mono12Packed", 12, 1, 12, 0x010C0006, "gev"),
        PixelLayout("Mono10p", 10, 1, 10, 0x010A0046, "pfnc"),
        PixelLayout("Mono12p", 12, 1, 12, 0x010C0047, "pfnc"),
    )
}


def from_sensor(samples: Pixels, layout: PixelLayout) -> Pixels:
    """A buffer (1-D) of a monochrome sensor: 8-bit samples, or 16-bit ones that are left-aligned."""
    if samples.itemsize * 8 == layout.sample_bits:
        return _flat(samples)
    wide = samples.astype(np.uint16).reshape(-1)
    if samples.dtype == np.uint8:
        wide <<= 8
    wide >>= 16 - layout.sample_bits
    if layout.is_packed:
        return pack(wide, layout)
    return wide if layout.dtype is np.uint16 else wide.astype(np.uint8)


def _flat(samples: Pixels) -> Pixels:
    flat: Pixels = samples.reshape(-1)
    return flat


def plane(buffer: Pixels, layout: PixelLayout, width: int, height: int) -> NDArray[np.uint16]:
    """All samples of a buffer as (height, width[, channels]), 16 bits, left-aligned."""
    count = width * height * layout.channels
    samples = unpack(buffer, layout, count) if layout.is_packed else buffer[:count].astype(np.uint16)
    samples <<= np.uint16(16 - layout.sample_bits)
    shape = (height, width) if layout.channels == 1 else (height, width, layout.channels)
    return samples.reshape(shape)


def pack(samples: NDArray[np.uint16], layout: PixelLayout) -> NDArray[np.uint8]:
    """Right-aligned samples as the bytes of a packed format."""
    size = layout.size(samples.size, 1)
    if layout.packing == "gev":
        return _pack_gev(_padded(samples, 2), layout.sample_bits)[:size]
    bits = layout.sample_bits
    group = _group(bits)
    columns = _padded(samples, group).astype(np.uint64).reshape(-1, group)
    words = np.bitwise_or.reduce(columns << (np.arange(group, dtype=np.uint64) * np.uint64(bits)), axis=1)
    octets = words.astype("<u8").view(np.uint8).reshape(-1, 8)
    packed: NDArray[np.uint8] = np.ascontiguousarray(octets[:, : group * bits // 8]).reshape(-1)[:size]
    return packed


def unpack(buffer: Pixels, layout: PixelLayout, count: int) -> NDArray[np.uint16]:
    """The first `count` samples of a packed buffer, right-aligned."""
    octets = buffer.astype(np.uint8)
    bits = layout.sample_bits
    if layout.packing == "gev":
        return _unpack_gev(_padded_bytes(octets, 3), bits)[:count]
    group = _group(bits)
    rows = _padded_bytes(octets, group * bits // 8).reshape(-1, group * bits // 8)
    words = np.zeros((len(rows), 8), np.uint8)
    words[:, : rows.shape[1]] = rows
    shifts = np.arange(group, dtype=np.uint64) * np.uint64(bits)
    samples: NDArray[np.uint64] = (words.view("<u8") >> shifts) & np.uint64((1 << bits) - 1)
    return samples.astype(np.uint16).reshape(-1)[:count]


def _group(bits: int) -> int:
    """Samples until a packed row comes back to a whole byte: 4 of 10 bits, 2 of 12."""
    return 4 if bits == 10 else 2


def _pack_gev(samples: NDArray[np.uint16], bits: int) -> NDArray[np.uint8]:
    """GigE Vision: high bits of two samples around a byte with the low bits of both."""
    low_bits = bits - 8
    first, second = samples[0::2], samples[1::2]
    octets = np.empty((len(first), 3), np.uint8)
    octets[:, 0] = first >> low_bits
    octets[:, 1] = (first & ((1 << low_bits) - 1)) | ((second & ((1 << low_bits) - 1)) << 4)
    octets[:, 2] = second >> low_bits
    return octets.reshape(-1)


def _unpack_gev(octets: NDArray[np.uint8], bits: int) -> NDArray[np.uint16]:
    low_bits, mask = bits - 8, (1 << (bits - 8)) - 1
    rows = octets.reshape(-1, 3).astype(np.uint16)
    samples = np.empty((len(rows), 2), np.uint16)
    samples[:, 0] = (rows[:, 0] << low_bits) | (rows[:, 1] & mask)
    samples[:, 1] = (rows[:, 2] << low_bits) | ((rows[:, 1] >> 4) & mask)
    return samples.reshape(-1)


def _padded(samples: NDArray[np.uint16], group: int) -> NDArray[np.uint16]:
    return np.pad(samples, (0, -samples.size % group))


def _padded_bytes(octets: NDArray[np.uint8], group: int) -> NDArray[np.uint8]:
    return np.pad(octets, (0, -octets.size % group))
