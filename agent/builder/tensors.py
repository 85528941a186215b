"""Raw element types of weight files as float32 arrays."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

BF16 = "bf16"
# Element types as safetensors names them; all are little-endian. numpy has no bfloat16: its bits are read.
ELEMENTS: dict[str, str] = {
    "f64": "<f8", "f32": "<f4", "f16": "<f2", BF16: "<u2", "i64": "<i8", "i32": "<i4", "i16": "<i2", "i8": "<i1",
    "u64": "<u8", "u32": "<u4", "u16": "<u2", "u8": "<u1", "bool": "<u1",
}  # fmt: skip
MAX_DIMS = 8


def element_bytes(kind: str) -> int:
    """Bytes of one element of `kind`."""
    return np.dtype(ELEMENTS[kind]).itemsize


def strided(data: memoryview, kind: str, offset: int, shape: Sequence[int], strides: Sequence[int]) -> Array:
    """A float32 array of the elements at `offset` + index * strides of a storage; counts are in elements.

    A view of `data` where that is possible. Raises ValueError where an element lies outside of the storage.
    """
    if len(shape) != len(strides) or len(shape) > MAX_DIMS or min((offset, *shape, *strides), default=0) < 0:
        raise ValueError(f"shape {list(shape)[:MAX_DIMS]} and strides {list(strides)[:MAX_DIMS]} are not a tensor's")
    dtype = np.dtype(ELEMENTS[kind])
    held = len(data) // dtype.itemsize
    last = offset + sum((size - 1) * step for size, step in zip(shape, strides, strict=True))
    if 0 in shape:
        return np.zeros(tuple(shape), np.float32)
    if last >= held:
        raise ValueError(f"element {last} of a storage of {held}")
    flat = np.frombuffer(data, dtype, held)
    array = np.lib.stride_tricks.as_strided(
        flat[offset:], tuple(shape), [step * dtype.itemsize for step in strides], writeable=False
    )
    return to_float32(array, kind)


def to_float32(array: NDArray[np.generic], kind: str) -> Array:
    """The values as aligned, contiguous float32; without a copy where they are that already."""
    if kind == BF16:
        return (array.astype(np.uint32) << 16).view(np.float32).reshape(array.shape)
    with np.errstate(over="ignore"):  # too large for float32 becomes infinite, which the reader names
        return np.require(array, np.float32, ["C_CONTIGUOUS", "ALIGNED"])


def count_of(shape: Sequence[int]) -> int:
    """Elements of a shape."""
    return math.prod(shape)
