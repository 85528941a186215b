"""Identifiers from an injected source, so that a seeded run names everything alike."""

from __future__ import annotations

import random
import uuid
from typing import Protocol


class IdSource(Protocol):
    def uuid(self) -> str:
        """A new UUID4 in its canonical text form."""
        ...


class RandomIds:
    """The operating system's randomness."""

    def uuid(self) -> str:
        return str(uuid.uuid4())


class SeededIds:
    """The same sequence for the same seed; owner: the one thread that asks."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def uuid(self) -> str:
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))
