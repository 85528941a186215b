"""What a fuzz target is, and what the engine asks of one."""

from __future__ import annotations

import os
import random
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

LONGEST_MESSAGE = 2000  # characters of a refusal, with the name of the file and what is known there


class Broken(Exception):
    """A case that broke what its target promises."""


class Target(Protocol):
    """A reader of bytes from outside. A case is told by its bytes alone, so that it can be kept and played again."""

    @property
    def name(self) -> str: ...

    def seeds(self) -> Sequence[bytes]:
        """Sound cases, from which others are made."""
        ...

    def make(self, chance: random.Random) -> bytes:
        """A case: mostly sound, somewhere not."""
        ...

    def check(self, case: bytes) -> None:
        """Read it. Raises whatever the reader should not have raised, Broken for a promise that was not kept."""
        ...

    def close(self) -> None:
        """Leave nothing behind. Idempotent."""
        ...


class Plain:
    """Base of targets that hold nothing."""

    def close(self) -> None:
        """Nothing to do."""


def folder() -> tempfile.TemporaryDirectory[str]:
    """One for files of cases: in memory where the machine has such a place, since there are millions."""
    memory = Path("/dev/shm")
    return tempfile.TemporaryDirectory(prefix="ofa-fuzz-", dir=memory if os.access(memory, os.W_OK) else None)


def ensure(holds: bool, what: str) -> None:
    """Raises Broken unless it holds. No `assert`: cases are also played where Python leaves those out."""
    if not holds:
        raise Broken(what)


def one_line(text: str, what: str = "a refusal") -> None:
    """A refusal is one readable line of bounded length."""
    ensure(len(text) <= LONGEST_MESSAGE, f"{what} of {len(text)} characters, at most {LONGEST_MESSAGE} wanted")
    ensure(len(text.splitlines()) == 1, f"{what} of more than one line: {text[:200]!r}")
