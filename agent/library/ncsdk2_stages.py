"""Stages of an NCSDK 2 graph and the tensors between them.

Layouts were read off the network file that the camera's vendor ships (version 2.3, facts/myriad-blobs.md 3); the
tensors of another version and of other types are not interpreted, only walked over. A stage is

    u32 next offset (from the section, 0 in the last), type, 0x80000000 or above; parameters; tensors; two operations

and a tensor 10 x u32: width, height, depth; strides in bytes of the three; index into a relocation table; location
(1 input, 2 output, 3 weights, from 4 on working buffers); value type (0 FP16); order (0 interleaved).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from agent.library.blob import Work
from agent.library.fields import Fields

_KNOWN_VERSION = (2, 3)
_HEAD_WORDS = 3
_MASK = 0x80000000
_TENSOR_WORDS = 10
_AFTER_WORDS = 2
_TYPE_LIMIT = 1024
_INPUT, _OUTPUT, _WEIGHTS, _FIRST_WORK = 1, 2, 3, 4
_INTERLEAVED = 0
_FP16 = 0
_MAX_KINDS = 8
_FP16_BYTES = 2
_CONV, _MAX_POOL, _AVG_POOL, _SOFT_MAX, _FC, _DEPTH_CONV = 0, 1, 2, 3, 4, 8
_NAMES = {
    _CONV: "Conv",
    _MAX_POOL: "MaxPool",
    _AVG_POOL: "AvgPool",
    _SOFT_MAX: "SoftMax",
    _FC: "FC",
    _DEPTH_CONV: "DepthConv",
}
# Type: words of parameters, tensors. Convolutions start with their kernel's width and height.
_LAYOUTS = {_CONV: (8, 4), _DEPTH_CONV: (8, 4), _AVG_POOL: (7, 2), _SOFT_MAX: (1, 2), _FC: (0, 4)}
# The vendor's host library refuses graphs with larger intermediate buffers (facts/firefly-dl.md S25).
_MAX_WORK_BYTES = 100 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Stage:
    """One step: where it lies in the file and what it does."""

    number: int
    type: int
    start: int
    end: int

    @property
    def type_name(self) -> str:
        """Name of the operation, or its number."""
        return _NAMES.get(self.type, f"type {self.type}")


@dataclass(frozen=True, slots=True)
class Tables:
    """Relocation tables: (offset, location) of weights and of working buffers."""

    weights: tuple[tuple[int, int], ...]
    work: tuple[tuple[int, int], ...]

    def check(self, file: Fields, weight_bytes: int) -> None:
        """Refuse entries that point outside of the `weight_bytes` or of what a working buffer can be."""
        for index, (offset, location) in enumerate(self.weights):
            file.equal(f"location of weight entry {index}", location, _WEIGHTS)
            if offset >= weight_bytes:
                file.refuse(f"weight entry {index} points to byte {offset} of {weight_bytes}")
        for index, (offset, location) in enumerate(self.work):
            file.check(location >= _FIRST_WORK, f"location of work entry {index} is {location}, expected 4 or more")
            if offset >= _MAX_WORK_BYTES:
                file.refuse(f"work entry {index} points to byte {offset}, the device has {_MAX_WORK_BYTES}")


@dataclass(frozen=True, slots=True)
class Network:
    """What the stages tell together; None where one of them is not understood."""

    input_shape: tuple[int, ...] | None = None
    output_shape: tuple[int, ...] | None = None
    result_tensors: int | None = None
    work: Work | None = None


@dataclass(frozen=True, slots=True)
class _Tensor:
    size: tuple[int, int, int]
    strides: tuple[int, int, int]
    index: int
    location: int
    order: int

    @property
    def values(self) -> int:
        return math.prod(self.size)


def read_stages(file: Fields, section: int, first: int, section_end: int, count: int) -> tuple[Stage, ...]:
    """Follow the next offsets; they must climb, and end after exactly `count` stages. Raises BlobInvalid."""
    stages: list[Stage] = []
    start = section + first
    while start:
        number = len(stages)
        if number == count:
            file.refuse(f"more than the {count} stages that the section declares")
        next_offset, kind, mask = file.u32(start, _HEAD_WORDS, f"stage {number}")
        end = section + next_offset if next_offset else section_end
        if not start + 4 * _HEAD_WORDS <= end <= section_end or (end - start) % 4:
            file.refuse(f"stage {number} runs from byte {start} to {end}, the section ends at {section_end}")
        file.check(mask >= _MASK, f"optimisation mask of stage {number} is {mask:#x}, expected {_MASK:#x} and above")
        file.check(kind < _TYPE_LIMIT, f"stage {number} has type {kind}, expected less than {_TYPE_LIMIT}")
        stages.append(Stage(number, kind, start, end))
        start = end if next_offset else 0
    file.equal("number of stages", len(stages), count)
    return tuple(stages)


def network_of(
    file: Fields, stages: tuple[Stage, ...], tables: Tables, ends: tuple[int, int], version: tuple[int, int]
) -> Network:
    """Check all tensors against the tables and the declared (input, output) values. Raises BlobInvalid."""
    if version != _KNOWN_VERSION:
        return Network()
    read = [(stage, _tensors(file, stage, tables)) for stage in stages if stage.type in _LAYOUTS]
    tensors = [tensor for _, some in read for tensor in some]
    inputs = {tensor.size for tensor in tensors if tensor.location == _INPUT}
    outputs = [tensor for tensor in tensors if tensor.location == _OUTPUT]
    for what, sizes, declared in (("input", inputs, ends[0]), ("output", {t.size for t in outputs}, ends[1])):
        for size in sizes:
            if math.prod(size) != declared:
                file.refuse(f"{what} of {_by(size)} values in a stage, {declared} in the header")
    if len(read) != len(stages):  # a type of unknown layout may be what takes the input, or does most of the work
        return Network(_shape(inputs), _answer({t.size for t in outputs}))
    file.check(len(inputs) == 1, f"stages read {len(inputs)} different inputs, expected 1")
    file.check(len(outputs) == 1, f"stages write {len(outputs)} outputs, expected 1")
    work = [_work(file, stage, some) for stage, some in read]
    total = Work(*(sum(one) for one in zip(*work, strict=True)))
    return Network(_shape(inputs), _answer({outputs[0].size}), len(outputs), total)


def _tensors(file: Fields, stage: Stage, tables: Tables) -> tuple[_Tensor, ...]:
    parameters, count = _LAYOUTS[stage.type]
    words = _HEAD_WORDS + parameters + count * _TENSOR_WORDS + _AFTER_WORDS
    if stage.end - stage.start < 4 * words:
        file.refuse(f"stage {stage.number} has {stage.end - stage.start} bytes, a {stage.type_name} {4 * words}")
    at = stage.start + 4 * (_HEAD_WORDS + parameters)
    step = 4 * _TENSOR_WORDS
    return tuple(_tensor(file, at + step * number, stage, tables) for number in range(count))


def _tensor(file: Fields, at: int, stage: Stage, tables: Tables) -> _Tensor:
    words = file.u32(at, _TENSOR_WORDS, f"stage {stage.number}")
    (x, y, z, stride_x, stride_y, stride_z), (index, location, kind, order) = words[:6], words[6:]
    tensor = _Tensor((x, y, z), (stride_x, stride_y, stride_z), index, location, order)
    name = f"tensor of stage {stage.number} at byte {at}"
    if max(kind, order) >= _MAX_KINDS:
        file.refuse(f"{name}: value type {kind} and order {order}, expected less than {_MAX_KINDS}")
    if location == _WEIGHTS:
        file.check(index < len(tables.weights), f"{name}: weight entry {index} of {len(tables.weights)}")
    elif location >= _FIRST_WORK:
        file.check(index < len(tables.work), f"{name}: work entry {index} of {len(tables.work)}")
        file.equal(f"{name}: location", location, tables.work[index][1])
    elif location in (_INPUT, _OUTPUT):
        file.equal(f"{name}: index", index, 0)
    if (kind, order) == (_FP16, _INTERLEAVED) and tensor.values:
        _check_strides(file, tensor, name)
    return tensor


def _check_strides(file: Fields, tensor: _Tensor, name: str) -> None:
    """Interleaved FP16: channels together, then columns, then rows; a slice of a larger tensor may leave gaps."""
    (width, height, depth), (stride_x, stride_y, stride_z) = tensor.size, tensor.strides
    file.check(max(tensor.size) <= 1 << 20, f"{name}: {_by(tensor.size)} values")
    file.equal(f"{name}: bytes between channels", stride_z, _FP16_BYTES)
    if stride_x < depth * stride_z or stride_y < width * stride_x or stride_y * height > _MAX_WORK_BYTES:
        file.refuse(f"{name}: strides {_by(tensor.strides)} bytes do not hold {_by(tensor.size)} values")


def _work(file: Fields, stage: Stage, tensors: tuple[_Tensor, ...]) -> tuple[int, int, int, int]:
    """Parameters, dense and depthwise multiply-accumulates, layers; checks weights against what they work on."""
    if stage.type == _SOFT_MAX:
        return 0, 0, 0, 0
    if stage.type == _AVG_POOL:
        return 0, 0, 0, 1
    taken, made, taps = tensors[:3]
    positions, deep_in, deep_out = taps.size
    _check_bias(file, stage, tensors[3])
    if stage.type == _FC:
        return deep_in * deep_out * positions + deep_out, positions * deep_in * deep_out, 0, 1
    kernel = file.u32(stage.start + 4 * _HEAD_WORDS, 2, f"stage {stage.number}")
    file.equal(f"stage {stage.number}: weights of a {_by(kernel)} kernel", positions, math.prod(kernel))
    area = made.size[0] * made.size[1]
    if stage.type == _DEPTH_CONV:
        file.equal(f"stage {stage.number}: channels of the output", made.size[2], taken.size[2])
        return (positions + 1) * made.size[2], 0, positions * made.size[2] * area, 1
    file.equal(f"stage {stage.number}: output channels of the weights", deep_out, made.size[2])
    file.check(deep_in <= taken.size[2], f"stage {stage.number}: weights for {deep_in} of {taken.size[2]} channels")
    return (positions * deep_in + 1) * deep_out, positions * deep_in * deep_out * area, 0, 1


def _check_bias(file: Fields, stage: Stage, bias: _Tensor) -> None:
    file.check(bias.location in (0, _WEIGHTS), f"stage {stage.number}: bias at location {bias.location}")


def _shape(sizes: set[tuple[int, int, int]]) -> tuple[int, ...] | None:
    """NCHW of the one size there is."""
    if len(sizes) != 1:
        return None
    ((width, height, depth),) = sizes
    return (1, depth, height, width)


def _answer(sizes: set[tuple[int, int, int]]) -> tuple[int, ...] | None:
    """NC of a vector, NCHW of anything else."""
    shape = _shape(sizes)
    return (1, math.prod(shape)) if shape is not None and math.prod(shape) == max(shape) else shape


def _by(values: tuple[int, ...]) -> str:
    return "x".join(map(str, values))
