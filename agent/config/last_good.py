"""The copy of the config that was in force last: what an unattended machine starts from when its file is broken."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from agent.config.document import read_bytes
from agent.config.load import parse_config
from agent.config.places import problem_at
from agent.config.schema import STATE_DIR, AgentConfig
from agent.errors import BadInput, ConfigError, LibraryError

NAME = "config.last-good.yaml"
_STATE_DIR = re.compile(rb"^state_dir:[ \t]+(['\"]?)([^'\"#\r\n]+?)\1[ \t]*(?:#.*)?\r?$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Loaded:
    """A config and the bytes that it was read from. `refused`: why it is the last good one and not that of the file."""

    config: AgentConfig
    data: bytes
    refused: ConfigError | None = None


def load(path: Path) -> Loaded:
    """The file. Blocks on the disk. Raises ConfigError."""
    data = read_bytes(path)
    return Loaded(parse_config(path, data), data)


def load_or_last_good(path: Path, check: Callable[[AgentConfig], object]) -> Loaded:
    """The file where it can be used, else the last good copy of it; its relative file names count as in the file.

    `check` raises LibraryError, ConfigError, or BadInput with the key, for a config that the daemon could not start
    with. The copy is looked for in the `state_dir` that the file names, as far as that can be read, else in the default
    one. Blocks on the disk. Raises ConfigError, that of the file, where there is no copy that can be used either.
    """
    data = b""
    try:
        data = read_bytes(path)
        config = parse_config(path, data)
        check(config)
        return Loaded(config, data)
    except (ConfigError, LibraryError, BadInput) as exc:
        refused = _located(path, data, exc)
    copy = _state_dir(path, data) / NAME
    try:
        good = read_bytes(copy)
        config = parse_config(path, good)
        check(config)
    except (ConfigError, LibraryError, BadInput) as exc:
        raise ConfigError(f"{refused}; nor can the last good copy be used: {exc}") from refused
    return Loaded(config, good, refused)


def keep(state_dir: Path, data: bytes) -> None:
    """Make `data` the last good copy: whole or not at all, also over a power loss. Blocks. Raises OSError."""
    copy = state_dir / NAME
    with contextlib.suppress(OSError):
        if copy.read_bytes() == data:
            _sync(state_dir)  # whoever put it there may have died before it was durable
            return
    staging = copy.with_name(f".{NAME}.{os.getpid()}")
    try:
        _write_durably(staging, data)
        os.replace(staging, copy)
    except BaseException:
        staging.unlink(missing_ok=True)
        raise
    _sync(state_dir)


def _located(path: Path, data: bytes, exc: ConfigError | LibraryError | BadInput) -> ConfigError:
    if isinstance(exc, ConfigError):
        return exc
    if isinstance(exc, BadInput):
        return problem_at(path, data, exc.field, exc.description)
    return problem_at(path, data, "library.path", str(exc))


def _state_dir(path: Path, data: bytes) -> Path:
    """What a file that may be broken says of its state_dir."""
    told = _STATE_DIR.search(data)
    return STATE_DIR if told is None else path.absolute().parent / os.fsdecode(told[2])


def _write_durably(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
