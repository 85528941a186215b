"""Leaves of `BuildError`: why a sub-net could not be compiled for a processor."""

from __future__ import annotations

from typing import ClassVar

from agent.errors import BuildError


class ToolsMissing(BuildError):
    """A compiler that is not on this machine, or not whole; the message says what to do."""

    reason: ClassVar[str] = "BUILD_TOOLS_MISSING"


class CompileFailed(BuildError):
    """The compiler refused a network, died, or wrote something else than was asked for."""

    reason: ClassVar[str] = "BUILD_COMPILE_FAILED"


class CompileTimedOut(CompileFailed, TimeoutError):
    """The compiler did not end by its deadline and was killed."""

    reason: ClassVar[str] = "BUILD_COMPILE_TIMED_OUT"
