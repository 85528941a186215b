"""The three kinds of weight files (`.pth`, `.safetensors`, `.npz`) as float32 arrays by name, told by their bytes.

All are bounded: a small file cannot ask for much memory, whatever sizes it claims.
"""

from __future__ import annotations

import io
import json
import struct
import tokenize
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from agent.builder.checkpoint_zip import ZIP_MAGIC, directory
from agent.builder.errors import SupernetInvalid
from agent.builder.pth import is_checkpoint, read_checkpoint
from agent.builder.tensors import ELEMENTS, MAX_DIMS, Array, count_of, strided

MAX_FILE_BYTES = 1024 * 1024 * 1024

# Under this name an npz keeps, as JSON, what a safetensors file keeps as metadata.
METADATA_KEY = "__metadata__"
# torch and others note here who wrote the tensors; the names are theirs, the meaning is "a plain state dict".
_PLAIN_FORMATS = frozenset({"pt", "np", "tf", "flax", "mlx"})

_NPY_MAGIC = b"\x93NUMPY"
_NPY_SUFFIX = ".npy"
_TAR_MAGIC_AT = 257

# What damaged archives and array headers raise on their way through `zipfile` and numpy's reader of headers.
_UNREADABLE = (
    ValueError, OSError, EOFError, RuntimeError, MemoryError, zipfile.BadZipFile, zlib.error, struct.error,
    tokenize.TokenError, SyntaxError, LookupError, TypeError, OverflowError,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class WeightFile:
    """Weights by name and the file's own texts about them; `metadata` is empty for a plain state dict."""

    weights: dict[str, Array]
    metadata: dict[str, str]


def read_weights(data: bytes, where: str) -> WeightFile:
    """Weights and metadata of a file's bytes. Raises SupernetInvalid, and UnsafeCheckpoint for a pickle with code."""
    if is_checkpoint(data):
        checkpoint = read_checkpoint(data, where)
        return WeightFile(checkpoint.weights, checkpoint.metadata)
    if data[:4] == ZIP_MAGIC:
        return _from_npz(data, where)
    if data[_TAR_MAGIC_AT : _TAR_MAGIC_AT + 5] == b"ustar":
        raise SupernetInvalid(f"{where}: a tar checkpoint (torch before 0.2); load and save it with a newer torch")
    return _from_safetensors(data, where)


def read_npz(data: bytes, where: str) -> dict[str, NDArray[np.generic]]:
    """Arrays of an npz that hold no objects, in their own types. Raises SupernetInvalid."""
    entries = directory(data, where)
    claimed = sum(entry.file_size for entry in entries)
    if claimed > MAX_FILE_BYTES:
        raise SupernetInvalid(
            f"{where}: not a readable npz of arrays: it claims {claimed} bytes, at most {MAX_FILE_BYTES}"
        )
    arrays: dict[str, NDArray[np.generic]] = {}
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for entry in entries:
                with archive.open(entry) as member:
                    arrays[entry.filename.removesuffix(_NPY_SUFFIX)] = _read_npy(member, entry.file_size)
    except _UNREADABLE as exc:
        raise SupernetInvalid(f"{where}: not a readable npz of arrays: {exc}") from exc
    return arrays


def _read_npy(member: IO[bytes], size_bytes: int) -> NDArray[np.generic]:
    """One array whose claimed shape was compared with what the member holds before room was made for it."""
    version = np.lib.format.read_magic(member)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, by_column, dtype = read(member, max_header_size=10_000)
    if dtype.hasobject:
        raise ValueError("it holds objects, which would be unpickled")
    claimed, held = count_of(shape) * dtype.itemsize, size_bytes - member.tell()
    if claimed != held or len(shape) > MAX_DIMS or dtype.itemsize == 0:
        raise ValueError(f"shape {list(shape)[:MAX_DIMS]} takes {claimed} bytes, {held} are there")
    array = np.frombuffer(member.read(held), dtype)
    return array.reshape(shape, order="F" if by_column else "C")


def _from_npz(data: bytes, where: str) -> WeightFile:
    arrays = read_npz(data, where)
    metadata = _texts(arrays.pop(METADATA_KEY, np.array("{}")), where)
    weights: dict[str, Array] = {}
    for key, array in arrays.items():
        if array.dtype.kind not in "fiub":
            raise SupernetInvalid(f"{where}: {key} has elements of type {array.dtype}, expected numbers")
        with np.errstate(over="ignore"):  # becomes infinite, which the caller names
            weights[key] = np.require(array, np.float32, ["C_CONTIGUOUS", "ALIGNED"])
    return WeightFile(weights, metadata)


def _texts(value: NDArray[np.generic], where: str) -> dict[str, str]:
    try:
        texts = json.loads(str(value))
    except (ValueError, RecursionError) as exc:
        raise SupernetInvalid(f"{where}: {METADATA_KEY}: not JSON: {exc}") from exc
    if not isinstance(texts, dict) or not all(isinstance(text, str) for text in texts.values()):
        raise SupernetInvalid(f"{where}: {METADATA_KEY}: expected an object of texts")
    return texts


def _from_safetensors(data: bytes, where: str) -> WeightFile:
    from safetensors import SafetensorError, deserialize

    try:
        tensors: list[tuple[str, dict[str, Any]]] = deserialize(data)  # type: ignore[no-untyped-call]
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    except (SafetensorError, ValueError, KeyError, RecursionError) as exc:
        raise SupernetInvalid(f"{where}: neither a torch checkpoint, a safetensors file nor an npz: {exc}") from exc
    metadata = header.get("__metadata__", {})
    weights: dict[str, Array] = {}
    for key, tensor in tensors:
        kind = str(tensor["dtype"]).lower()
        if kind not in ELEMENTS:
            raise SupernetInvalid(f"{where}: {key} has elements of type {tensor['dtype']}, which are not read")
        weights[key] = _packed(memoryview(tensor["data"]), kind, tensor["shape"], f"{where}: {key}")
    plain = metadata.get("format") in _PLAIN_FORMATS
    return WeightFile(weights, {} if plain else metadata)


def _packed(data: memoryview, kind: str, shape: list[int], where: str) -> Array:
    strides = [count_of(shape[axis + 1 :]) for axis in range(len(shape))]
    try:
        return strided(data, kind, 0, shape, strides)
    except ValueError as exc:
        raise SupernetInvalid(f"{where}: {exc}") from exc


def read_file(path: Path) -> bytes:
    """A file of at most MAX_FILE_BYTES. Raises SupernetInvalid."""
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise SupernetInvalid(f"{path}: more than {MAX_FILE_BYTES} bytes")
        return path.read_bytes()
    except OSError as exc:
        raise SupernetInvalid(f"{path}: cannot be read: {exc.strerror}") from exc
