"""OpenVINO blobs for the Myriad family, versions 5.0 and 6.0 (facts/myriad-blobs.md 3).

    0x00  ELF-like area of 52 bytes; 0x34 header of 20 x u32; zeros to 0xC0
    inputs, outputs, stages, constants: each section starts on a multiple of 64, zeros between them

A stage says its length first and ends in a border word, so that all of them are walked. Nothing in the file protects
the constants; the digest in a library's manifest does.
"""

from __future__ import annotations

from dataclasses import dataclass

from agent.library.blob import (
    MYRIAD2_SHAVES,
    MYRIADX_CMX_SLICES,
    MYRIADX_SHAVES,
    BlobFormat,
    BlobInfo,
    Platform,
)
from agent.library.fields import Fields
from agent.library.openvino_io import IoTensor, read_tensors

MAGIC = 9709
MAGIC_OFFSET = 0x34
HEADER_BYTES = 0xC0
VERSIONS: dict[tuple[int, int], BlobFormat] = {(5, 0): "openvino-blob-5", (6, 0): "openvino-blob-6"}
BORDER = 0x7F83FF19
_IDENT = b"\x7felf" + bytes(12)
_HW_OP = 38
_LEAST_STAGE_BYTES = 16
_ALIGNMENT = 64
_MAX_TENSORS = 64
# OpenVINO 2022 appends names of parameters and results (168 bytes for one of each).
_MAX_TRAILER_BYTES = 64 * 1024
_TYPE_LIMIT = 4096
# The largest sub-net of OFA-MobileNetV3 has 759 stages for a Myriad X.
_MAX_STAGES = 1 << 14
_NAMES = {
    0: "Conv", 3: "SoftMax", 4: "FC", 8: "DepthConv", 9: "Bias", 12: "Sum", 13: "Prod", 19: "Copy", 26: "Power",
    34: "Permute", 38: "MyriadXHwOp", 45: "BiasRelu", 57: "Clamp", 76: "Min", 111: "Convert", 114: "ReduceMean",
    137: "HSwish",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Header:
    file_size: int
    major: int
    minor: int
    inputs: int
    outputs: int
    stages: int
    input_bytes: int
    output_bytes: int
    batch: int
    work_bytes: int
    cmx_slices: int
    shaves: int
    has_hw: int
    has_shave: int
    has_dma: int
    inputs_at: int
    outputs_at: int
    stages_at: int
    constants_at: int


@dataclass(frozen=True, slots=True)
class _Stage:
    type: int
    shaves: int


def inspect_openvino_blob(data: bytes, where: str) -> BlobInfo:
    """Check a whole blob; of the constants only their place and size. Raises BlobInvalid."""
    file = Fields(data, where)
    header = _read_header(file)
    _check_header(file, header)
    stages = _read_stages(file, header)
    inputs = _read_io(file, "input", header.inputs, (header.inputs_at, header.outputs_at), header)
    outputs = _read_io(file, "output", header.outputs, (header.outputs_at, header.stages_at), header)
    _check_ends(file, "inputs", inputs, header.input_bytes)
    _check_ends(file, "outputs", outputs, header.output_bytes)
    return BlobInfo(
        VERSIONS[header.major, header.minor],
        len(data),
        version=f"{header.major}.{header.minor}",
        platform=_platform(header),
        shaves=header.shaves,
        stages=header.stages,
        inputs=sum(one.values for one in inputs),
        outputs=sum(one.values for one in outputs),
        result_tensors=len(outputs),
        input_shape=inputs[0].shape if len(inputs) == 1 else None,
        output_shape=outputs[0].shape if len(outputs) == 1 else None,
        layer_types=tuple(sorted({_NAMES.get(stage.type, f"type {stage.type}") for stage in stages})),
    )


def _read_header(file: Fields) -> _Header:
    file.check(file.data[:16] == _IDENT, "the ELF-like area does not start with 7f 'elf' and zeros")
    file.equal("the ELF-like area", file.u16(16, 2, "header") + file.u32(20, 1, "header"), (1, 2, 2))
    file.zeros(0x18, 0x28, "the ELF-like area")
    file.equal("size word of the ELF-like area", file.u16(0x28, 1, "header")[0], 416)
    file.zeros(0x2A, MAGIC_OFFSET, "the ELF-like area")
    magic, *fields = file.u32(MAGIC_OFFSET, 20, "header")
    file.equal("magic number", magic, MAGIC)
    file.zeros(MAGIC_OFFSET + 80, HEADER_BYTES, "padding of the header")
    return _Header(*fields)


def _check_header(file: Fields, header: _Header) -> None:
    if (header.major, header.minor) not in VERSIONS:
        file.refuse(f"blob version {header.major}.{header.minor}, expected 5.0 or 6.0")
    if header.file_size > len(file.data):
        file.refuse(f"truncated: the header says {header.file_size} bytes, the file has {len(file.data)}")
    trailer, allowed = len(file.data) - header.file_size, _MAX_TRAILER_BYTES if header.major == 6 else 0
    file.check(trailer <= allowed, f"{trailer} bytes after the {header.file_size} that the header says")
    places = (header.inputs_at, header.outputs_at, header.stages_at, header.constants_at, header.file_size)
    file.equal("offset of the inputs", header.inputs_at, HEADER_BYTES)
    if list(places) != sorted(set(places)) or any(place % _ALIGNMENT for place in places):
        file.refuse(f"sections at {', '.join(map(str, places))}: expected to climb in steps of {_ALIGNMENT}")
    for name, count in (("inputs", header.inputs), ("outputs", header.outputs)):
        file.check(1 <= count <= _MAX_TENSORS, f"{count} {name}, expected 1 .. {_MAX_TENSORS}")
    file.check(1 <= header.stages <= _MAX_STAGES, f"{header.stages} stages, expected 1 .. {_MAX_STAGES}")
    file.equal("batch", header.batch, 1)
    file.check(1 <= header.shaves <= MYRIADX_SHAVES, f"{header.shaves} SHAVEs, expected 1 .. {MYRIADX_SHAVES}")
    file.check(
        1 <= header.cmx_slices <= MYRIADX_CMX_SLICES,
        f"{header.cmx_slices} CMX slices, expected 1 .. {MYRIADX_CMX_SLICES}",
    )


def _read_stages(file: Fields, header: _Header) -> tuple[_Stage, ...]:
    """Walk from border to border; the last stage must end where the constants begin."""
    stages: list[_Stage] = []
    at, end = header.stages_at, header.constants_at
    for number in range(header.stages):
        length, kind, shaves = file.u32(at, 3, f"stage {number}")
        if length < _LEAST_STAGE_BYTES or length % 4 or at + length > end:
            file.refuse(f"stage {number} of {length} bytes at {at} does not fit into a section that ends at {end}")
        repeated, border = file.u32(at + length - 8, 2, f"stage {number}")
        file.equal(f"border of stage {number}", border, BORDER)
        file.check(kind < _TYPE_LIMIT, f"stage {number} has type {kind}, expected less than {_TYPE_LIMIT}")
        file.equal(f"type at the end of stage {number}", repeated, kind)
        file.check(shaves <= header.shaves, f"stage {number} takes {shaves} of {header.shaves} SHAVEs")
        stages.append(_Stage(kind, shaves))
        at += length
    file.check(end - at < _ALIGNMENT, f"{header.stages} stages end at byte {at}, the constants start at {end}")
    file.zeros(at, end, "padding after the stages")
    _check_kinds(file, header, stages)
    return tuple(stages)


def _check_kinds(file: Fields, header: _Header, stages: list[_Stage]) -> None:
    """The flags of the header against the stages themselves."""
    hardware = any(stage.type == _HW_OP for stage in stages)
    file.equal("flag for hardware stages", header.has_hw, int(hardware))
    file.equal("flag for SHAVE stages", header.has_shave, int(any(stage.shaves for stage in stages)))
    file.check(header.has_dma in (0, 1), f"flag for DMA stages is {header.has_dma}, expected 0 or 1")
    if header.has_dma:
        file.check(any(not stage.shaves for stage in stages), "flag for DMA stages is 1, but all stages take SHAVEs")


def _read_io(file: Fields, what: str, count: int, section: tuple[int, int], header: _Header) -> tuple[IoTensor, ...]:
    tensors, end = read_tensors(file, what, count, section, (header.constants_at, header.file_size), header.major)
    file.check(section[1] - end < _ALIGNMENT, f"{what}s end at byte {end}, the next section starts at {section[1]}")
    file.zeros(end, section[1], f"padding after the {what}s")
    return tensors


def _check_ends(file: Fields, what: str, tensors: tuple[IoTensor, ...], declared: int) -> None:
    needed = max(one.offset + one.size_bytes for one in tensors)
    file.equal(f"bytes of all {what}", declared, needed)


def _platform(header: _Header) -> Platform:
    """The file does not name it (facts/myriad-blobs.md 3)."""
    beyond = max(header.shaves, header.cmx_slices) > MYRIAD2_SHAVES
    return "myriadx" if header.has_hw or header.has_dma or beyond else "myriad2"
