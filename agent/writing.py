"""Files that appear whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path


def write_whole(path: Path, data: bytes) -> None:
    """Replace the file by `data`, through one beside it. Raises OSError; then nothing is left behind.

    It is not synced: after a power loss the file may be the old one, or empty. What must not be keeps its own way
    (`agent.library.files`, `agent.config.last_good`).
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_bytes(data)
        os.replace(part, path)
    except OSError:
        part.unlink(missing_ok=True)
        raise
