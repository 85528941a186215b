"""Flash memory: how worn it is, and the file that carries it from one device process to the next.

The file is a stored zip of `flash.json` and one member a flash file; it is replaced as a whole, so that a process
that dies leaves the old or the new one.
"""

from __future__ import annotations

import io
import json
import os
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from agent.errors import BadInput
from agent.sim.spec import StorageSpec

_INDEX, _FOLDER = "flash.json", "files/"
_VERSION = 1


@dataclass(slots=True)
class StoredFile:
    """Bytes and where they are kept."""

    data: bytearray = field(default_factory=bytearray)
    in_flash: bool = False


class Flash:
    """Wear and persistence of what lies in flash. Owner: the file engine.

    `settings` are texts outside any file that survive the power, as DeviceUserID does.
    """

    def __init__(self, spec: StorageSpec) -> None:
        self._endurance = spec.flash_endurance_writes
        self._path = Path(spec.flash_file) if spec.flash_file else None
        self.writes = 0
        self.settings: dict[str, str] = {}

    @property
    def worn(self) -> bool:
        """Whether it takes no more writes (endurance of the real one: unknown, facts/firefly-dl.md section 4)."""
        return self.writes >= self._endurance

    def wear(self) -> None:
        """One file was erased and is written."""
        self.writes += 1

    def load(self) -> dict[str, bytes]:
        """The files of an earlier process; none where there was none. Raises BadInput where the file is damaged."""
        if self._path is None or not self._path.exists():
            return {}
        try:
            with zipfile.ZipFile(self._path) as archive:
                index = json.loads(archive.read(_INDEX))
                if index["version"] != _VERSION:
                    raise ValueError(f"version is {index['version']}, wanted {_VERSION}")
                self.writes, self.settings = int(index["writes"]), dict(index["settings"])
                names = [n for n in archive.namelist() if n.startswith(_FOLDER)]
                return {n.removeprefix(_FOLDER): archive.read(n) for n in names}
        except (zipfile.BadZipFile, KeyError, TypeError, ValueError, OSError) as exc:
            raise BadInput("storage.flash_file", f"{self._path} holds no flash of a camera ({exc}); delete it") from exc

    def save(self, files: Mapping[str, StoredFile]) -> None:
        """Replace the file with what lies in flash now; raises BadInput where it cannot be written."""
        if self._path is None:
            return
        packed = self._pack(files)
        try:
            with tempfile.NamedTemporaryFile(dir=self._path.parent, prefix=self._path.name, delete=False) as made:
                made.write(packed)
                made.flush()
                os.fsync(made.fileno())
            os.replace(made.name, self._path)
        except OSError as exc:
            raise BadInput("storage.flash_file", f"{self._path} cannot be written: {exc}") from exc

    def _pack(self, files: Mapping[str, StoredFile]) -> bytes:
        buffer = io.BytesIO()
        index = {"version": _VERSION, "writes": self.writes, "settings": self.settings}
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr(zipfile.ZipInfo(_INDEX), json.dumps(index, sort_keys=True))
            for name, stored in files.items():
                if stored.in_flash and stored.data:
                    archive.writestr(zipfile.ZipInfo(_FOLDER + name), bytes(stored.data))
        return buffer.getvalue()
