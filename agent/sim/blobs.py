"""Compiled networks as their headers tell of them: NCSDK 2 graphs and OpenVINO blobs (facts/myriad-blobs.md section 3).

What they compute cannot be known here. This is the simulation's own reader, independent of the library's, and checks
what a loader on the camera has to rely on; the sizes and kernels of the vendor's graph version 2.3 give its work.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass

_MOST_SHAVES = 12  # of a Myriad 2
_GRAPH_MAGIC_AT, _GRAPH_MAGIC, _GRAPH_VERSION = 0x22, 8708, 2
_BLOB_MAGIC_AT, _BLOB_MAGIC, _BLOB_VERSIONS, _STAGE_BORDER = 0x34, 9709, {5, 6}, 0x7F83FF19
_SECTION_HEAD_BYTES = 12
_CONV, _AVG_POOL, _MAX_POOL, _FC, _DEPTH_CONV = 0, 2, 1, 4, 8
# Words between the head of a stage (next, type, mark) and its first tensor.
_PARAMETERS = {_CONV: 8, _DEPTH_CONV: 8, _AVG_POOL: 7, _MAX_POOL: 7, _FC: 0}
_TENSOR_WORDS = 10
# Types of an OpenVINO blob that the latency law counts: convolutions, FC, sums, products, h-swish, pools.
_BLOB_LAYERS = {0, 1, 2, 4, 8, 12, 13, 38, 114, 137}
# Multiply-accumulates a parameter at 224 x 224, between those of MobileNet v1 and of an OFA sub-net; a guess.
_MACS_A_PARAMETER = 100

Shape = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Blob:
    """What a header tells; `boxes` is 0 where the output is no list of boxes, as far as one can see."""

    channels: int
    height: int
    width: int
    outputs: int
    boxes: int
    total_layers: int
    macs_dense: int
    macs_depthwise: int
    layers: int
    shaves: int


def read_blob(data: bytes) -> Blob | None:
    """None where `data` is neither kind; raises ValueError or struct.error where it cannot run on a Myriad 2."""
    if _word(data, _GRAPH_MAGIC_AT) == _GRAPH_MAGIC:
        return _read_graph(data)
    return _read_openvino(data) if is_openvino(data) else None


def is_openvino(data: bytes) -> bool:
    """Whether `data` claims to be an OpenVINO blob."""
    return data.startswith(b"\x7felf") and _word(data, _BLOB_MAGIC_AT) == _BLOB_MAGIC


def _word(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 4], "little") if len(data) >= at + 4 else -1


def _check(holds: bool, message: str) -> None:
    if not holds:
        raise ValueError(message)


# -- NCSDK 2 -----------------------------------------------------------------------------------------------------------


def _read_graph(data: bytes) -> Blob:
    size, major, _, shaves, stages_at, buffer_at, relocation_at, inputs = struct.unpack_from(
        "<8I", data, _GRAPH_MAGIC_AT + 4
    )
    _check(size == len(data), f"graph says that it has {size} bytes and has {len(data)}")
    _check(major == _GRAPH_VERSION, f"graph version is {major}, wanted {_GRAPH_VERSION}")
    _check(1 <= shaves <= _MOST_SHAVES, f"graph wants {shaves} SHAVEs, the camera has {_MOST_SHAVES}")
    _check(stages_at < buffer_at < relocation_at <= size, "sections of the graph are out of order")
    count, section_bytes, outputs = struct.unpack_from("<3I", data, stages_at)
    _check(count > 0 and outputs > 0, f"graph has {count} stages and {outputs} outputs")
    _check(stages_at + section_bytes <= buffer_at, "stages of the graph run into its buffers")
    stages = list(_stages(data, stages_at, stages_at + section_bytes, count))
    dense = depthwise = 0
    for kind, words in stages:
        macs = _macs(kind, words)
        depthwise += macs if kind == _DEPTH_CONV else 0
        dense += 0 if kind == _DEPTH_CONV else macs
    height, width, channels = _input_shape(stages[0], inputs)
    layers = sum(kind in _PARAMETERS for kind, _ in stages)
    return Blob(channels, height, width, outputs, 0, count, dense, depthwise, layers, shaves)


def _stages(data: bytes, section_at: int, end: int, count: int) -> Iterator[tuple[int, tuple[int, ...]]]:
    """Type and words of each stage, by their links."""
    at = section_at + _SECTION_HEAD_BYTES
    for number in range(count):
        following, kind = struct.unpack_from("<2I", data, at)
        last = number == count - 1
        _check(bool(following) != last, f"graph has {count} stages, its list ends with number {number}")
        next_at = end if last else section_at + following
        _check(at < next_at <= end, f"stage {number} of the graph leads outside of its section")
        yield kind, struct.unpack_from(f"<{(next_at - at) // 4}I", data, at)
        at = next_at


def _tensor(kind: int, words: tuple[int, ...], number: int) -> Shape:
    """Width, height and depth of an input (0) or output (1)."""
    first = 3 + _PARAMETERS[kind] + number * _TENSOR_WORDS
    _check(len(words) >= first + _TENSOR_WORDS, "stage of the graph is too short")
    return words[first], words[first + 1], words[first + 2]


def _macs(kind: int, words: tuple[int, ...]) -> int:
    if kind == _FC:
        return math.prod(_tensor(kind, words, 0)) * math.prod(_tensor(kind, words, 1))
    if kind not in {_CONV, _DEPTH_CONV}:
        return 0
    kernel = words[3] * words[4] * math.prod(_tensor(kind, words, 1))
    return kernel * (_tensor(kind, words, 0)[2] if kind == _CONV else 1)


def _input_shape(first: tuple[int, tuple[int, ...]], elements: int) -> Shape:
    """Height, width and channels; of a first stage of unknown layout the square that fits."""
    kind, words = first
    if kind in _PARAMETERS:
        width, height, channels = _tensor(kind, words, 0)
        _check(width * height * channels == elements, f"graph takes {elements} values, its first stage another number")
        return height, width, channels
    for channels in (3, 1):
        side = math.isqrt(elements // channels)
        if side * side * channels == elements:
            return side, side, channels
    raise ValueError(f"graph takes {elements} values, which are no square image")


# -- OpenVINO ----------------------------------------------------------------------------------------------------------


def _read_openvino(data: bytes) -> Blob:
    head = struct.unpack_from("<20I", data, _BLOB_MAGIC_AT)
    _, size, major, _, inputs, outputs, count, _, _, _, _, slices, shaves, has_hw, _, has_dma = head[:16]
    in_at, out_at, stages_at, constants_at = head[16:]
    _check(size <= len(data), f"blob says that it has {size} bytes and has {len(data)}")
    _check(major in _BLOB_VERSIONS, f"blob version is {major}, known are {sorted(_BLOB_VERSIONS)}")
    _check(not has_hw and not has_dma and max(shaves, slices) <= _MOST_SHAVES, "blob is for a Myriad X")
    _check(inputs == outputs == 1, f"blob has {inputs} inputs and {outputs} outputs, the camera takes one of each")
    _check(in_at < out_at < stages_at < constants_at < size, "sections of the blob are out of order")
    kinds = list(_blob_stages(data, stages_at, constants_at, count))
    axes, _ = _blob_tensor(data, in_at, constants_at, major)
    _, shape = _blob_tensor(data, out_at, constants_at, major)
    channels, height, width = axes[3], axes[2], axes[1]
    boxes = shape[-2] if len(shape) in {3, 4} and shape[-1] == 7 and set(shape[:-2]) == {1} else 0
    macs = _MACS_A_PARAMETER * (size - constants_at) // 2 * height * width // 224**2
    layers = sum(kind in _BLOB_LAYERS for kind in kinds)
    return Blob(channels, height, width, math.prod(shape), boxes, count, macs, 0, layers, max(shaves, 1))


def _blob_stages(data: bytes, at: int, end: int, count: int) -> Iterator[int]:
    for number in range(count):
        length, kind = struct.unpack_from("<2I", data, at)
        _check(16 <= length <= end - at, f"stage {number} of the blob leads outside of its section")
        _check(_word(data, at + length - 4) == _STAGE_BORDER, f"stage {number} of the blob has no border")
        yield kind
        at += length


def _blob_tensor(data: bytes, at: int, constants_at: int, major: int) -> tuple[dict[int, int], tuple[int, ...]]:
    """Sizes by axis (1 width, 2 height, 3 channels, 4 batch) and the shape, outermost first."""
    (name_bytes,) = struct.unpack_from("<I", data, at + 8)
    at += 12 + name_bytes
    _, order, rank = struct.unpack_from("<3I", data, at)
    at += 12
    _check(1 <= rank <= 5, f"tensor of the blob has {rank} dimensions")
    if major >= 6:  # the shape lies with the constants
        at = constants_at + struct.unpack_from("<2I", data, at)[1]
    dims = struct.unpack_from(f"<{rank}I", data, at)
    axes = {1: 1, 2: 1, 3: 1, 4: 1} | {(order >> 4 * i) & 0xF: size for i, size in enumerate(dims)}
    return axes, tuple(reversed(dims))
