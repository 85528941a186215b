"""Writing what was compiled."""

from __future__ import annotations

from pathlib import Path

from agent import writing
from agent.errors import BuildError


def write_whole(path: Path, data: bytes) -> None:
    """The file appears whole or not at all. Raises BuildError where it cannot be written."""
    try:
        writing.write_whole(path, data)
    except OSError as exc:
        raise BuildError(f"{path}: cannot be written: {exc.strerror}") from exc
