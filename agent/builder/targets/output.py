"""Writing what was compiled."""

from __future__ import annotations

import os
from pathlib import Path

from agent.errors import BuildError


def write_whole(path: Path, data: bytes) -> None:
    """The file appears whole or not at all. Raises BuildError where it cannot be written."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_bytes(data)
        os.replace(part, path)
    except OSError as exc:
        part.unlink(missing_ok=True)
        raise BuildError(f"{path}: cannot be written: {exc.strerror}") from exc
