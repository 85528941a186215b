"""What an interrupted build has finished, so that the next one goes on from there.

A folder beside the output; a file for each step, named by the digest of all that the step depends on. Files appear
whole or not at all, and one that is damaged counts as missing: the folder may be deleted at any time.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from agent.errors import BuildError
from agent.writing import write_whole

_DIGEST_BYTES = 32


class WorkFolder:
    """Steps of one build; `basis` are the inputs that all of them depend on. No `path`: nothing is kept."""

    def __init__(self, path: Path | None, basis: str) -> None:
        self._path = path
        self._basis = basis
        self.reused = 0

    def step(self, key: str, make: Callable[[], bytes]) -> bytes:
        """The result of the step `key`: kept from before, or made now and kept. Raises what `make` raises."""
        if self._path is None:
            return make()
        name = hashlib.sha256(f"{self._basis}\n{key}".encode()).hexdigest()
        kept = _read(self._path / name)
        if kept is not None:
            self.reused += 1
            return kept
        made = make()
        self._write(name, made)
        return made

    def remove(self) -> None:
        """Delete the folder, when what it was for is published."""
        if self._path is not None:
            shutil.rmtree(self._path, ignore_errors=True)

    def _write(self, name: str, data: bytes) -> None:
        assert self._path is not None
        try:
            self._path.mkdir(parents=True, exist_ok=True)
            write_whole(self._path / name, hashlib.sha256(data).digest() + data)
        except OSError as exc:
            raise BuildError(f"{self._path}: cannot keep a finished step: {exc.strerror}") from exc


def work_path(out: Path) -> Path:
    """Where the steps of a build of `out` are kept."""
    absolute = Path(os.path.abspath(out))
    return absolute.with_name(f".{absolute.name}.build")


def _read(path: Path) -> bytes | None:
    """The content behind its digest; None where there is none or it does not fit."""
    try:
        data = path.read_bytes()
    except OSError:
        return None
    content = data[_DIGEST_BYTES:]
    return content if hashlib.sha256(content).digest() == data[:_DIGEST_BYTES] else None
