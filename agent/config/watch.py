"""What a change of the config can be seen by, without anybody saying so."""

from __future__ import annotations

import contextlib
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from agent.config.document import read_bytes
from agent.config.schema import AgentConfig
from agent.errors import ConfigError
from agent.library.store import MANIFEST_NAME


@dataclass(frozen=True, slots=True)
class Sight:
    """Two of them differ where a reload could come to something else.

    `file` and `library` are where the paths lead now: ConfigMaps and libraries are updated by turning a symbolic link.
    """

    file: str
    content: str
    library: str
    manifest: tuple[int, ...]


def look(config: AgentConfig) -> Sight:
    """What there is to see of the config that is in force. Blocks on the disk."""
    path = config.library.path if config.library is not None else None
    return Sight(
        file=os.path.realpath(config.source),
        content=_content(config.source),
        library="" if path is None else os.path.realpath(path),
        manifest=() if path is None else _stamp(path / MANIFEST_NAME),
    )


def _content(file: Path) -> str:
    """Its digest, or why it cannot be read."""
    try:
        return hashlib.sha256(read_bytes(file)).hexdigest()
    except ConfigError as exc:
        return str(exc)


def _stamp(file: Path) -> tuple[int, ...]:
    with contextlib.suppress(OSError):
        found = os.stat(file)
        return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size
    return ()
