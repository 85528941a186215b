"""Compiled networks for tests: small sound files of each format, written from their description alone.

Layouts: facts/myriad-blobs.md section 3. Nothing here is meant to be run.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

FP16 = 2
_WORK, _WEIGHTS, _INPUT, _OUTPUT = 4, 3, 1, 2
_TENSOR_STEP = 40


@dataclass(frozen=True, slots=True)
class GraphParts:
    """Where the parts of an NCSDK 2 graph lie, as (start, end) or start."""

    stages: tuple[int, ...]
    tensors: tuple[int, ...]
    weights: tuple[int, int]
    relocations: int


def _words(*values: int) -> bytes:
    return struct.pack(f"<{len(values)}I", *values)


def _signal(width: int, height: int, depth: int, index: int, location: int) -> bytes:
    """An interleaved FP16 tensor."""
    across = FP16 * depth
    return _words(width, height, depth, across, across * width, FP16, index, location, 0, 0)


def _taps(positions: int, deep_in: int, deep_out: int, index: int) -> bytes:
    across = FP16 * deep_out
    return _words(positions, deep_in, deep_out, across * deep_in, across, FP16, index, _WEIGHTS, 0, 3)


def _bias(index: int) -> bytes:
    return _words(0, 0, 0, 0, 0, 0, index, _WEIGHTS, 0, 1)


def ncsdk2(
    side: int = 8, channels: int = 1, classes: int = 4, shaves: int = 12, minor: int = 3, salt: int = 0
) -> tuple[bytes, GraphParts]:
    """A 3x3 convolution with stride 2, a depthwise one, pool, fully connected layer and SoftMax."""
    half, deep = side // 2, 8
    head = [(0, (3, 3, 2, 2, 0, 0, 3, 1)), (8, (3, 3, 1, 1, 0, 0, 3, 1)), (2, (half, half, 1, 1, 0, 0, 1))]
    relu6 = _words(5, 7, 0x40C00000, 0, 0)
    bodies = [
        (*head[0], [_signal(side, side, channels, 0, _INPUT), _signal(half, half, deep, 0, _WORK),
                    _taps(9, channels, deep, 0), _bias(1)], relu6),
        (*head[1], [_signal(half, half, deep, 1, _WORK), _signal(half, half, deep, 2, _WORK + 1),
                    _taps(9, deep, deep, 2), _bias(3)], relu6),
        (*head[2], [_signal(half, half, deep, 3, _WORK + 1), _signal(1, 1, deep, 4, _WORK + 2)], _words(5, 5)),
        (4, (), [_signal(1, 1, deep, 5, _WORK + 2), _signal(1, 1, classes, 6, _WORK + 3),
                 _taps(1, deep, classes, 4), _bias(5)], _words(5, 9)),
        (3, (1,), [_signal(1, 1, classes, 7, _WORK + 3), _signal(1, 1, classes, 0, _OUTPUT)], _words(5, 5)),
    ]  # fmt: skip
    section, starts, tensors = bytearray(12), [], []
    for number, (kind, parameters, operands, after) in enumerate(bodies):
        start = len(section)
        starts.append(80 + start)
        first = start + 12 + 4 * len(parameters)
        tensors += [80 + first + _TENSOR_STEP * i for i in range(len(operands))]
        end = first + _TENSOR_STEP * len(operands) + len(after)
        section += _words(0 if number == len(bodies) - 1 else end, kind, 0x80000000, *parameters)
        section += b"".join(operands) + after
    section += bytes(-len(section) % 16)
    section[:12] = _words(len(bodies), len(section), classes)
    payload = struct.pack("<I", salt) + bytes(range(256)) * 4 + bytes(60)
    buffers = _words(16 + len(payload), 42, 42, 42) + payload
    buffers_at = 80 + len(section)
    at = buffers_at + len(buffers)
    work = [(0, 4), (0, 4), (1024, 5), (1024, 5), (2048, 6), (2048, 6), (3072, 7), (3072, 7)]
    entries = b"".join(_words(64 * i, _WEIGHTS) for i in range(6)) + b"".join(_words(*entry) for entry in work)
    relocations = _words(20 + len(entries), at + 20, 48, at + 68, 8 * len(work)) + entries
    elf = struct.pack("<4H3I7H", 0, 1, 2, 1, 0, 0, 0, 0, 272, 0, 0, 0, 0, 0)
    values = side * side * channels
    size = at + len(relocations)
    header = elf + _words(8708, size, 2, minor, shaves, 80, buffers_at, at, values, 0) + bytes(6)
    parts = GraphParts(tuple(starts), tuple(tensors), (buffers_at + 16, at), at)
    return header + bytes(section) + buffers + relocations, parts


def ncsdk1(stages: int = 3, name: bytes = b"net", payload: int = 640) -> bytes:
    """Header, empty stages and weights."""
    weights_at = 264 + 227 * stages
    size = weights_at + payload
    header = bytearray(264)
    struct.pack_into("<II", header, 0x20, size, 2)
    header[0x28 : 0x28 + len(name)] = name
    struct.pack_into("<III", header, 0xF0, stages, weights_at, 0)
    return bytes(header).ljust(size, b"\x11")


def openvino(
    major: int = 6,
    shape: tuple[int, int, int] = (1, 8, 8),
    classes: int = 4,
    shaves: int = 12,
    hardware: bool = False,
    payload: bytes = bytes(range(64)),
) -> bytes:
    """One convolution and SoftMax; version 5 has its shapes inline, version 6 in the constants."""
    channels, height, width = shape
    dims_in, strides_in = (width, height, channels, 1), (1, width, width * height, width * height * channels)
    dims_out, strides_out = (classes, 1), (FP16, FP16 * classes)
    shapes = _words(*dims_in, *strides_in, *dims_out, *strides_out)

    def entry(name: bytes, kind: int, order: int, dims: tuple[int, ...], strides: tuple[int, ...], at: int) -> bytes:
        tail = _words(3, at, 3, at + 4 * len(dims)) if major >= 6 else _words(*dims, *strides)
        return _words(0, 0, 16) + name.ljust(16, b"\0") + _words(kind, order, len(dims)) + tail

    base = len(payload)
    sections = [
        entry(b"image", 1, 0x4321, dims_in, strides_in, base),
        entry(b"probabilities", 0, 0x43, dims_out, strides_out, base + 32),
        b"".join(
            _words(32, kind, 0 if kind == 38 else shaves, 4, 0, 0, kind, 0x7F83FF19)
            for kind in (38 if hardware else 0, 3)
        ),
        payload + shapes,
    ]
    sections = [section + bytes(-len(section) % 64) for section in sections]
    places = [192 + sum(map(len, sections[:i])) for i in range(4)]
    size = 192 + sum(map(len, sections))
    elf = (b"\x7felf" + bytes(12) + struct.pack("<HHI", 1, 2, 2)).ljust(0x28, b"\0") + struct.pack("<H", 416)
    ends = (channels * height * width, FP16 * classes)
    flags = (int(hardware), 1, 0)
    header = _words(9709, size, major, 0, 1, 1, 2, *ends, 1, 512, shaves, shaves, *flags, *places)
    return (elf.ljust(0x34, b"\0") + header).ljust(192, b"\0") + b"".join(sections)
