"""The zip container of torch checkpoints: stored records below one folder, read in place and checked by CRC."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib

from agent.builder.errors import SupernetInvalid

ZIP_MAGIC = b"PK\x03\x04"
# A ResNet50 supernet has 700 storages.
MAX_RECORDS = 100_000
_ENTRY_MAGIC = b"PK\x01\x02"
_LOCAL = struct.Struct("<4s5H3I2H")
_PICKLE = "/data.pkl"
_SCRIPT = "constants.pkl"
_ENCRYPTED = 1

# What `zipfile` raises on damaged archives, besides its own error.
_DAMAGED = (
    zipfile.BadZipFile,
    ValueError,
    NotImplementedError,
    OSError,
    EOFError,
    OverflowError,
    struct.error,
    LookupError,
)


def is_torch_zip(data: bytes) -> bool:
    """A zip that has a `data.pkl`; npz files are zips as well."""
    return data[:4] == ZIP_MAGIC and _PICKLE.encode() in data


def directory(data: bytes, where: str) -> list[zipfile.ZipInfo]:
    """The entries of a zip, not more than MAX_RECORDS. Raises SupernetInvalid."""
    if data.count(_ENTRY_MAGIC) > MAX_RECORDS:
        raise SupernetInvalid(f"{where}: more than {MAX_RECORDS} files in the archive")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return archive.infolist()
    except _DAMAGED as exc:
        raise SupernetInvalid(f"{where}: damaged zip archive: {exc}") from exc


class Records:
    """The records of one checkpoint by their name below its folder."""

    def __init__(self, data: bytes, where: str) -> None:
        self._view = memoryview(data)
        self._where = where
        entries = {entry.filename: entry for entry in directory(data, where)}
        roots = [name[: -len(_PICKLE)] for name in entries if name.endswith(_PICKLE) and name.count("/") == 1]
        if len(roots) != 1:
            raise SupernetInvalid(f"{where}: {len(roots)} pickles named */data.pkl in the archive, expected one")
        self._root = roots[0]
        self._entries = entries
        self._checked: dict[str, memoryview] = {}
        if f"{self._root}/{_SCRIPT}" in entries:
            raise SupernetInvalid(f"{where}: a TorchScript program, expected a checkpoint; save the model's state_dict")

    def get(self, name: str) -> memoryview | None:
        """Content of a record, None where there is none. Raises SupernetInvalid."""
        entry = self._entries.get(f"{self._root}/{name}")
        if entry is None:
            return None
        if name not in self._checked:  # many tensors may share one storage
            self._checked[name] = self._content(entry)
        return self._checked[name]

    def need(self, name: str) -> memoryview:
        """Content of a record. Raises SupernetInvalid."""
        content = self.get(name)
        if content is None:
            raise SupernetInvalid(f"{self._where}: {name} is missing in the archive")
        return content

    def _content(self, entry: zipfile.ZipInfo) -> memoryview:
        where = f"{self._where}: {entry.filename[:80]!r}"
        if entry.compress_type != zipfile.ZIP_STORED or entry.flag_bits & _ENCRYPTED:
            raise SupernetInvalid(f"{where} is compressed or encrypted, torch stores it plain")
        head = self._view[entry.header_offset : entry.header_offset + _LOCAL.size]
        if len(head) < _LOCAL.size or bytes(head[:4]) != ZIP_MAGIC:
            raise SupernetInvalid(f"{where} has no header in the archive")
        name_bytes, extra_bytes = _LOCAL.unpack(head)[-2:]
        start = entry.header_offset + _LOCAL.size + name_bytes + extra_bytes
        content = self._view[start : start + entry.file_size]
        if len(content) != entry.file_size:
            raise SupernetInvalid(f"{where} claims {entry.file_size} bytes, {len(content)} are there")
        if zlib.crc32(content) != entry.CRC:
            raise SupernetInvalid(f"{where} is damaged: its CRC does not fit")
        return content
