"""Captured images as files: a folder for each label, as `library build` reads them, and a line of metadata an image."""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from agent.cli.output import json_line
from agent.domain.capture import label_of
from agent.errors import AgentError, BadInput

METADATA = "captures.jsonl"
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_NO_LINKS = frozenset({errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK, errno.EACCES})


class CannotWrite(AgentError):
    """An image could not be kept; those before it are."""


class ImageFolder:
    """`out/LABEL/*.png` and `out/captures.jsonl`. Nothing is ever overwritten, and no half-written image is left."""

    def __init__(self, out: Path, label: str) -> None:
        """Makes `out`, and the label's folder with its first image; raises BadInput where that cannot be."""
        self.label = label_of(label)
        self.folder = out / self.label
        self.metadata = out / METADATA
        self.count = 0
        try:
            out.mkdir(parents=True, exist_ok=True)
            _end_last_line(self.metadata)
        except OSError as exc:
            raise BadInput("--out", f"{exc.filename or out} cannot be written: {exc.strerror}") from exc

    def add(self, name: str, data: bytes, told: Mapping[str, Any]) -> Path:
        """Write the file, then its line; the path it got. Raises CannotWrite, which leaves nothing of this image."""
        try:
            path = self._written(name, data)
        except OSError as exc:
            raise self._failed(exc) from exc
        try:
            with self.metadata.open("a", encoding="utf-8") as lines:
                lines.write(json_line({"file": f"{self.label}/{path.name}", **told}) + "\n")
        except OSError as exc:
            path.unlink(missing_ok=True)
            raise self._failed(exc) from exc
        self.count += 1
        return path

    def _written(self, name: str, data: bytes) -> Path:
        self.folder.mkdir(exist_ok=True)
        part = self.folder / f".{name}.part"
        try:
            part.write_bytes(data)
            for number in range(1, 1000):
                path = self.folder / (f"{name}.png" if number == 1 else f"{name}-{number}.png")
                if _claimed(part, path):
                    return path
        finally:
            part.unlink(missing_ok=True)
        raise OSError(errno.EEXIST, "a thousand images of that name are there already", str(self.folder / name))

    def _failed(self, exc: OSError) -> CannotWrite:
        why = "the disk is full" if exc.errno in _FULL else exc.strerror or str(exc)
        return CannotWrite(f"{self.folder}: {why}; {self.count} images of this capture are there")


def _claimed(part: Path, path: Path) -> bool:
    """Give the finished file its name; False where another file has it."""
    try:
        os.link(part, path)
    except FileExistsError:
        return False
    except OSError as exc:
        if exc.errno not in _NO_LINKS:
            raise
        if path.exists():  # a file system without hard links, as on a memory stick: nobody else writes there
            return False
        part.rename(path)
    return True


def _end_last_line(file: Path) -> None:
    """A disk that was full may have cut the last line off: it must not swallow the next one."""
    if not file.exists() or not file.stat().st_size:
        return
    with file.open("rb+") as lines:
        lines.seek(-1, os.SEEK_END)
        if lines.read(1) != b"\n":
            lines.write(b"\n")
