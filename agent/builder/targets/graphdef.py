"""Writing a frozen TensorFlow graph (`GraphDef`) as protocol buffer bytes, without TensorFlow.

Only what a frozen network of floats needs, in the forms of TensorFlow 1.9, which the NCSDK reads. Field numbers are
those of tensorflow/core/framework/{graph,node_def,attr_value,tensor,tensor_shape,types}.proto.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

# `DataType`: DT_FLOAT, DT_INT32.
_FLOAT, _INT32 = 1, 3
_DATA_TYPES = {np.dtype(np.float32): _FLOAT, np.dtype(np.int32): _INT32}
# Graphs of TensorFlow 1.9 say so; a reader only refuses what is newer than itself.
_PRODUCER = 26
_VARINT, _BYTES = 0, 2

Padding = Literal["SAME", "VALID"]
Array = NDArray[np.float32] | NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Window:
    """A sliding window over height and width."""

    strides: tuple[int, int]
    padding: Padding


class GraphWriter:
    """Collects nodes in order of execution; every method answers the name of the new node. Tensors are NHWC floats."""

    def __init__(self) -> None:
        self._nodes: list[bytes] = []

    def to_bytes(self) -> bytes:
        """The graph; equal nodes give equal bytes."""
        versions = _field(4, _number(1, _PRODUCER))
        return b"".join(_field(1, node) for node in self._nodes) + versions

    def placeholder(self, name: str, shape: Sequence[int]) -> str:
        """The input."""
        return self._add(name, "Placeholder", (), {"dtype": _type(_FLOAT), "shape": _field(7, _shape(shape))})

    def constant(self, name: str, values: Array) -> str:
        """A tensor of the graph itself, float32 or int32."""
        kind = _DATA_TYPES[values.dtype]
        content = np.ascontiguousarray(values).astype(values.dtype.newbyteorder("<")).tobytes()
        tensor = _number(1, kind) + _field(2, _shape(values.shape)) + _field(4, content)
        return self._add(name, "Const", (), {"dtype": _type(kind), "value": _field(8, tensor)})

    def convolution(self, name: str, x: str, kernel: str, window: Window, depthwise: bool = False) -> str:
        """`kernel` is (height, width, in, out), or (height, width, in, 1) for a depthwise one."""
        operation = "DepthwiseConv2dNative" if depthwise else "Conv2D"
        return self._add(name, operation, (x, kernel), {"T": _type(_FLOAT), **_slide(window)})

    def pool(self, name: str, x: str, kind: Literal["MaxPool", "AvgPool"], size: tuple[int, int], at: Window) -> str:
        """Maximum or mean over windows; what lies outside of the image does not count."""
        return self._add(name, kind, (x,), {"T": _type(_FLOAT), "ksize": _ints((1, *size, 1)), **_slide(at)})

    def pad(self, name: str, x: str, amounts: str) -> str:
        """Zeros around; `amounts` is an int32 constant (4, 2)."""
        return self._add(name, "Pad", (x, amounts), {"T": _type(_FLOAT), "Tpaddings": _type(_INT32)})

    def bias(self, name: str, x: str, values: str) -> str:
        """A value for each channel added."""
        return self._add(name, "BiasAdd", (x, values), {"T": _type(_FLOAT), "data_format": _text("NHWC")})

    def apply(self, name: str, operation: Literal["Add", "Relu", "Relu6", "Softmax"], *inputs: str) -> str:
        """An operation without settings."""
        return self._add(name, operation, inputs, {"T": _type(_FLOAT)})

    def squeeze(self, name: str, x: str, axes: Sequence[int]) -> str:
        """Without axes of size 1."""
        return self._add(name, "Squeeze", (x,), {"T": _type(_FLOAT), "squeeze_dims": _ints(axes)})

    def _add(self, name: str, operation: str, inputs: Sequence[str], attributes: Mapping[str, bytes]) -> str:
        body = _field(1, name.encode()) + _field(2, operation.encode())
        body += b"".join(_field(3, one.encode()) for one in inputs)
        for key, value in sorted(attributes.items()):
            body += _field(5, _field(1, key.encode()) + _field(2, value))
        self._nodes.append(body)
        return name


def _slide(window: Window) -> dict[str, bytes]:
    strides = _ints((1, *window.strides, 1))
    return {"strides": strides, "padding": _text(window.padding), "data_format": _text("NHWC")}


def _shape(sizes: Sequence[int]) -> bytes:
    return b"".join(_field(2, _number(1, size)) for size in sizes)


def _type(kind: int) -> bytes:
    return _number(6, kind)


def _text(value: str) -> bytes:
    return _field(2, value.encode())


def _ints(values: Sequence[int]) -> bytes:
    return _field(1, _field(3, b"".join(_varint(value) for value in values)))


def _field(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | _BYTES) + _varint(len(content)) + content


def _number(number: int, value: int) -> bytes:
    return _varint(number << 3 | _VARINT) + _varint(value)


def _varint(value: int) -> bytes:
    """Seven bits to a byte, lowest first. `value` must not be negative."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
