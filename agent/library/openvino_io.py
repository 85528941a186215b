"""Inputs and outputs of an OpenVINO blob: name, place, type, layout and shape."""

from __future__ import annotations

import math
from dataclasses import dataclass

from agent.library.fields import Fields

_TYPE_BYTES = {0: 2, 1: 1, 2: 4, 3: 4, 4: 1}  # FP16, U8, S32, FP32, I8
_MAX_DIMS = 8
_MAX_NAME_BYTES = 4096
_NAME_STEP = 16
_IN_CONSTANTS = 3
_MAX_VALUES = 1 << 28
_WIDTH, _HEIGHT, _CHANNELS, _BATCH = 1, 2, 3, 4


@dataclass(frozen=True, slots=True)
class IoTensor:
    """One input or output. `shape` is NCHW or NC whatever the layout, and `offset` that in the transfer buffer."""

    name: str
    offset: int
    size_bytes: int
    shape: tuple[int, ...]

    @property
    def values(self) -> int:
        """Number of values of one inference."""
        return math.prod(self.shape)


def read_tensors(
    file: Fields, what: str, count: int, section: tuple[int, int], constants: tuple[int, int], major: int
) -> tuple[tuple[IoTensor, ...], int]:
    """The `count` tensors of a section and the byte where they end. Raises BlobInvalid."""
    at = section[0]
    tensors = []
    for number in range(count):
        tensor, at = _read_tensor(file, f"{what} {number}", number, (at, section[1]), constants, major)
        tensors.append(tensor)
    return tuple(tensors), at


def _read_tensor(
    file: Fields, name: str, number: int, room: tuple[int, int], constants: tuple[int, int], major: int
) -> tuple[IoTensor, int]:
    at, end = room
    index, offset, name_bytes = file.u32(at, 3, name)
    file.equal(f"index of {name}", index, number)
    file.check(offset < _MAX_VALUES, f"{name} lies at byte {offset} of its buffer")
    file.check(
        0 < name_bytes <= _MAX_NAME_BYTES and name_bytes % _NAME_STEP == 0, f"{name} has a name of {name_bytes} bytes"
    )
    text = _name(file, at + 12, name_bytes, name)
    at += 12 + name_bytes
    kind, order, count = file.u32(at, 3, name)
    file.check(kind in _TYPE_BYTES, f"{name} has data type {kind}, expected 0 .. 4")
    file.check(1 <= count <= _MAX_DIMS, f"{name} has {count} dimensions, expected 1 .. {_MAX_DIMS}")
    axes = _axes(file, order, count, name)
    dims, strides, at = _dims(file, at + 12, count, constants, major, name)
    file.check(at <= end, f"{name} ends at byte {at}, its section at {end}")
    _check_dims(file, dims, strides, _TYPE_BYTES[kind], name)
    sizes = dict(zip(axes, dims, strict=True))
    shape = tuple(sizes[axis] for axis in sorted(axes, key=_outermost_first))
    return IoTensor(text, offset, strides[-1] * dims[-1], shape), at


def _name(file: Fields, at: int, size: int, what: str) -> str:
    """UTF-8, zero-padded."""
    raw = file.data[at : at + size]
    try:
        text = raw.rstrip(b"\0").decode()
    except UnicodeDecodeError:
        file.refuse(f"{what} has a name that is not text")
    file.check(bool(text) and text.isprintable(), f"{what} has a name that is not text")
    return text


def _dims(
    file: Fields, at: int, count: int, constants: tuple[int, int], major: int, what: str
) -> tuple[tuple[int, ...], tuple[int, ...], int]:
    """Sizes and strides, innermost first, and the byte after the entry."""
    if major < 6:
        return file.u32(at, count, what), file.u32(at + 4 * count, count, what), at + 8 * count
    start, end = constants
    found = []
    for location, offset in zip(*[iter(file.u32(at, 4, what))] * 2, strict=True):
        file.equal(f"location of the shape of {what}", location, _IN_CONSTANTS)
        if start + offset + 4 * count > end:
            file.refuse(f"shape of {what} at byte {start + offset}, the constants end at {end}")
        found.append(file.u32(start + offset, count, f"shape of {what}"))
    return found[0], found[1], at + 16


def _axes(file: Fields, order: int, count: int, what: str) -> tuple[int, ...]:
    """Axis numbers, innermost first: one hexadecimal digit each."""
    axes = tuple(order >> 4 * place & 15 for place in range(count))
    if order >> 4 * count or 0 in axes or len(set(axes)) != count:
        file.refuse(f"{what} has layout {order:#x}, expected {count} different axes")
    return axes


def _check_dims(file: Fields, dims: tuple[int, ...], strides: tuple[int, ...], value_bytes: int, what: str) -> None:
    if 0 in dims or math.prod(dims) > _MAX_VALUES:
        file.refuse(f"{what} has sizes {list(dims)}")
    least = value_bytes
    for size, stride in zip(dims, strides, strict=True):
        if stride < least or stride % value_bytes or stride > _MAX_VALUES * value_bytes:
            file.refuse(f"{what} of sizes {list(dims)} has strides {list(strides)} of {value_bytes}-byte values")
        least = stride * size
    file.equal(f"first stride of {what}", strides[0], value_bytes)


def _outermost_first(axis: int) -> int:
    """NCDHW: depth (5) lies between channels and height."""
    return {_BATCH: 0, _CHANNELS: 1, 5: 2, _HEIGHT: 3, _WIDTH: 4}.get(axis, axis)
