"""torch checkpoints written without torch, sound or with a given flaw, and pickles opcode by opcode.

`tests/unit/builder/checkpoints` holds two that torch itself wrote; these are for sizes and flaws that it would not.
"""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

MAGIC = 0x1950A86A20F9469CFC6C
STORAGES = {
    "float64": "DoubleStorage", "float32": "FloatStorage", "float16": "HalfStorage", "int64": "LongStorage",
    "int32": "IntStorage", "int16": "ShortStorage", "int8": "CharStorage", "uint8": "ByteStorage",
    "bool": "BoolStorage",
}  # fmt: skip

Arrays = Mapping[str, NDArray[np.generic]]


class Raw:
    """Opcodes as they are given."""

    def __init__(self, code: bytes) -> None:
        self.code = code


class Name:
    """A global of a pickle."""

    def __init__(self, module: str, name: str) -> None:
        self.code = f"c{module}\n{name}\n".encode()


class Call:
    """A call of a global, as `REDUCE` does it."""

    def __init__(self, name: Name, *arguments: object) -> None:
        self.code = name.code + encode(arguments) + b"R"


class Persistent:
    """A persistent id."""

    def __init__(self, *parts: object) -> None:
        self.code = encode(parts) + b"Q"


def encode(value: object) -> bytes:
    """Opcodes of protocol 2 that push `value`."""
    if isinstance(value, Raw | Name | Call | Persistent):
        return value.code
    if isinstance(value, dict | list | tuple):
        return _group(value)
    if isinstance(value, str):
        text = value.encode()
        return b"X" + struct.pack("<I", len(text)) + text
    if isinstance(value, int) and not isinstance(value, bool):
        size = value.bit_length() // 8 + 1
        return b"\x8a" + bytes([size]) + value.to_bytes(size, "little", signed=True)
    if isinstance(value, float):
        return b"G" + struct.pack(">d", value)
    return {None: b"N", True: b"\x88", False: b"\x89"}[value]  # type: ignore[index]


def _group(values: dict[Any, Any] | list[Any] | tuple[Any, ...]) -> bytes:
    if isinstance(values, dict):
        return b"}(" + b"".join(encode(key) + encode(entry) for key, entry in values.items()) + b"u"
    inside = b"".join(map(encode, values))
    return b"](" + inside + b"e" if isinstance(values, list) else b"(" + inside + b"t"


def pickled(value: object) -> bytes:
    """A whole pickle of protocol 2."""
    return b"\x80\x02" + encode(value) + b"."


def tensor(storage: str, key: str, size: tuple[int, ...], count: int | None = None, **changes: object) -> Call:
    """A contiguous tensor; `changes` replace `offset`, `shape` or `strides`."""
    strides = tuple(int(np.prod(size[axis + 1 :])) for axis in range(len(size)))
    parts: dict[str, object] = {"offset": 0, "shape": size, "strides": strides} | changes
    whole = int(np.prod(size)) if count is None else count
    held = Persistent("storage", Name("torch", storage), key, "cpu", whole)
    hooks = Call(Name("collections", "OrderedDict"))
    return Call(Name("torch._utils", "_rebuild_tensor_v2"), held, *parts.values(), False, hooks)


def zipped(content: object, records: Mapping[str, bytes], root: str = "archive", order: bytes = b"little") -> bytes:
    """A checkpoint of today's container."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(f"{root}/data.pkl", pickled(content))
        archive.writestr(f"{root}/byteorder", order)
        for name, data in records.items():
            archive.writestr(f"{root}/data/{name}", data)
        archive.writestr(f"{root}/version", b"3\n")
    return buffer.getvalue()


def rowed(content: object, records: Mapping[str, tuple[int, bytes]], little: bool = True) -> bytes:
    """A checkpoint of the old container; `records` are elements and bytes of each storage."""
    system = {"protocol_version": 1001, "little_endian": little}
    head = b"".join(pickled(value) for value in (MAGIC, 1001, system, content, list(records)))
    return head + b"".join(struct.pack("<q", count) + data for count, data in records.values())


def write_checkpoint(
    path: Path, arrays: Arrays, wrapped: bool = True, prefix: str = "", metadata: Mapping[str, str] | None = None
) -> Path:
    """A sound checkpoint of a state dict, as training scripts save it; returns `path`."""
    state: dict[str, object] = {}
    records: dict[str, bytes] = {}
    for number, (key, array) in enumerate(arrays.items()):
        state[prefix + key] = tensor(STORAGES[array.dtype.name], str(number), array.shape)
        records[str(number)] = np.ascontiguousarray(array).tobytes()
    content = {"state_dict": state, "epoch": 3, "metadata": dict(metadata or {})} if wrapped else state
    path.write_bytes(zipped(content, records))
    return path
