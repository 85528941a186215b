"""From a config file to typed values."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from agent.config.document import parse_document, read_bytes
from agent.config.keys import AGENT
from agent.config.reading import Section
from agent.config.schema import AgentConfig


def load_config(path: Path) -> AgentConfig:
    """Read and check `path`. Blocks on the disk. Raises ConfigError with the first thing that is wrong."""
    return parse_config(path, read_bytes(path))


def parse_config(path: Path, data: bytes) -> AgentConfig:
    """As `load_config`, for what was read from `path` already: relative file names count from its folder."""
    section = Section(path, "", parse_document(path, data))
    return replace(AGENT.read(section), source=path.absolute())
