"""NCSDK 2 graphs (`mvNCCompile`), the files that the camera takes (facts/myriad-blobs.md 3).

    0x00  header, 80 bytes
    0x50  stage section: count, bytes, output values; stages, each with the offset of the next; zeros up to 16
          buffer section: bytes, 3 x 42; weights
          relocation section: bytes, two tables of (offset, location); weights first, then working buffers

Sections follow each other without a gap, and the last ends the file. The offsets, sizes and counts repeat each other,
and so do the tensors of the stages (read in `ncsdk2_stages`); what disagrees is refused.
"""

from __future__ import annotations

from dataclasses import dataclass

from agent.library.blob import MYRIAD2_SHAVES, MYRIADX_SHAVES, BlobInfo, Platform
from agent.library.fields import Fields
from agent.library.ncsdk2_stages import Stage, Tables, network_of, read_stages

MAGIC = 8708
MAGIC_OFFSET = 0x22
HEADER_BYTES = 80
VERSION_MAJOR = 2
_ELF_AREA = (0, 1, 2, 1, 0, 0, 0, 0, 0, 0, 0, 272, 0, 0, 0, 0, 0)
_STAGE_HEADER_BYTES = 12
_BUFFER_HEADER_BYTES = 16
_BUFFER_FILLER = (42, 42, 42)
_RELOCATION_HEADER_BYTES = 20
_ENTRY_BYTES = 8
# A stage takes about two entries of either table; networks for this camera have up to a few hundred stages.
_MAX_STAGES = 1 << 14
_MAX_ENTRIES = 1 << 16


@dataclass(frozen=True, slots=True)
class _Header:
    minor: int
    shaves: int
    buffers_at: int
    relocations_at: int
    inputs: int


def inspect_ncsdk2(data: bytes, where: str) -> BlobInfo:
    """Check a whole graph; of the weights only their place and size. Raises BlobInvalid."""
    file = Fields(data, where)
    header = _read_header(file)
    count, outputs = _read_stage_section(file, header)
    stages = read_stages(file, HEADER_BYTES, _STAGE_HEADER_BYTES, header.buffers_at, count)
    _check_buffers(file, header)
    tables = _read_relocations(file, header)
    network = network_of(file, stages, tables, (header.inputs, outputs), (VERSION_MAJOR, header.minor))
    return BlobInfo(
        "ncsdk-graph-2",
        len(data),
        version=f"{VERSION_MAJOR}.{header.minor}",
        platform=_platform(header.shaves),
        shaves=header.shaves,
        stages=count,
        inputs=header.inputs,
        outputs=outputs,
        result_tensors=network.result_tensors,
        input_shape=network.input_shape,
        output_shape=network.output_shape,
        layer_types=_types(stages),
        work=network.work,
    )


def _read_header(file: Fields) -> _Header:
    file.equal("the ELF-like area", file.u16(0, len(_ELF_AREA), "header"), _ELF_AREA)
    magic, size, major, minor, shaves, stages, buffers, relocations, inputs, permuted = file.u32(
        MAGIC_OFFSET, 10, "header"
    )
    file.equal("magic number", magic, MAGIC)
    if size > len(file.data):
        file.refuse(f"truncated: the header says {size} bytes, the file has {len(file.data)}")
    file.equal("length of the file", len(file.data), size)
    file.equal("major version", major, VERSION_MAJOR)
    file.check(minor < 100, f"minor version is {minor}, expected less than 100")
    file.check(1 <= shaves <= MYRIADX_SHAVES, f"{shaves} SHAVEs, expected 1 .. {MYRIADX_SHAVES}")
    file.equal("offset of the stage section", stages, HEADER_BYTES)
    file.check(permuted in (0, 1), f"permutation flag is {permuted}, expected 0 or 1")
    file.zeros(MAGIC_OFFSET + 40, HEADER_BYTES, "padding of the header")
    file.check(
        stages + _STAGE_HEADER_BYTES <= buffers
        and buffers + _BUFFER_HEADER_BYTES <= relocations
        and relocations + _RELOCATION_HEADER_BYTES <= size,
        f"sections at {stages}, {buffers} and {relocations} do not fit into {size} bytes in this order",
    )
    file.check(inputs >= 1, "0 input values")
    return _Header(minor, shaves, buffers, relocations, inputs)


def _read_stage_section(file: Fields, header: _Header) -> tuple[int, int]:
    """Number of stages and of output values."""
    count, size, outputs = file.u32(HEADER_BYTES, 3, "stage section")
    file.equal("end of the stage section", HEADER_BYTES + size, header.buffers_at)
    file.check(1 <= count <= _MAX_STAGES, f"{count} stages, expected 1 .. {_MAX_STAGES}")
    file.check(outputs >= 1, "0 output values")
    return count, outputs


def _check_buffers(file: Fields, header: _Header) -> None:
    size, *filler = file.u32(header.buffers_at, 4, "buffer section")
    file.equal("end of the buffer section", header.buffers_at + size, header.relocations_at)
    file.equal("filler of the buffer section", tuple(filler), _BUFFER_FILLER)


def _read_relocations(file: Fields, header: _Header) -> Tables:
    at = header.relocations_at
    size, weights_at, weights_bytes, work_at, work_bytes = file.u32(at, 5, "relocation section")
    file.equal("end of the relocation section", at + size, len(file.data))
    file.equal("offset of the weight table", weights_at, at + _RELOCATION_HEADER_BYTES)
    file.equal("offset of the work table", work_at, weights_at + weights_bytes)
    file.equal("end of the work table", work_at + work_bytes, len(file.data))
    for name, table_bytes in (("weight", weights_bytes), ("work", work_bytes)):
        if table_bytes % _ENTRY_BYTES or table_bytes > _MAX_ENTRIES * _ENTRY_BYTES:
            file.refuse(f"{name} table of {table_bytes} bytes, expected up to {_MAX_ENTRIES} times {_ENTRY_BYTES}")
    weights = file.u32(weights_at, weights_bytes // 4, "weight table")
    work = file.u32(work_at, work_bytes // 4, "work table")
    tables = Tables(
        tuple(zip(weights[::2], weights[1::2], strict=True)), tuple(zip(work[::2], work[1::2], strict=True))
    )
    tables.check(file, header.relocations_at - header.buffers_at - _BUFFER_HEADER_BYTES)
    return tables


def _platform(shaves: int) -> Platform | None:
    """The file does not name it; only more SHAVEs than a Myriad 2 has give a Myriad X away."""
    return "myriadx" if shaves > MYRIAD2_SHAVES else None


def _types(stages: tuple[Stage, ...]) -> tuple[str, ...]:
    return tuple(sorted({stage.type_name for stage in stages}))
