"""Leaves of `BuildError`: what can be wrong with a supernet or an architecture."""

from __future__ import annotations

from typing import ClassVar

from agent.errors import BuildError


class SupernetInvalid(BuildError):
    """A supernet file that cannot be read at all."""

    reason: ClassVar[str] = "SUPERNET_INVALID"


class WrongFamily(SupernetInvalid):
    """Weights of no known family, or of another one than the file claims."""

    reason: ClassVar[str] = "SUPERNET_FAMILY"


class MissingWeights(SupernetInvalid):
    """A weight that the family needs is not in the file."""

    reason: ClassVar[str] = "SUPERNET_MISSING_WEIGHTS"


class UnexpectedWeights(SupernetInvalid):
    """A weight that the family has no place for."""

    reason: ClassVar[str] = "SUPERNET_UNEXPECTED_WEIGHTS"


class UnsafeCheckpoint(SupernetInvalid):
    """A checkpoint that names code to run. None of it was run."""

    reason: ClassVar[str] = "SUPERNET_UNSAFE"


class WrongShape(SupernetInvalid):
    """A weight has not the size that the family gives it."""

    reason: ClassVar[str] = "SUPERNET_WRONG_SHAPE"


class NonFinite(SupernetInvalid):
    """A weight holds NaN or infinity."""

    reason: ClassVar[str] = "SUPERNET_NON_FINITE"


class ArchInvalid(BuildError):
    """An architecture outside the space of its supernet."""

    reason: ClassVar[str] = "ARCH_INVALID"
