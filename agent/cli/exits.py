"""Exit codes of the command (interfaces.md section 2) and the errors that they stand for."""

from __future__ import annotations

import os

from agent.errors import (
    AgentError,
    BadInput,
    BuildError,
    ConfigError,
    DaemonUnreachable,
    Infeasible,
    LibraryError,
    Refused,
    RestartNeeded,
    SocketDenied,
    Stale,
    tree,
)

DONE, FAILED, BAD_INPUT, UNREACHABLE, REFUSED, INFEASIBLE, TIMED_OUT = range(7)

# By the daemon's status where its reason names no error of the tree.
_BY_CODE = {
    "INVALID_ARGUMENT": BAD_INPUT,
    "NOT_FOUND": BAD_INPUT,
    "OUT_OF_RANGE": BAD_INPUT,
    "FAILED_PRECONDITION": REFUSED,
    "PERMISSION_DENIED": REFUSED,
    "UNAUTHENTICATED": REFUSED,
    "UNIMPLEMENTED": REFUSED,
    "DEADLINE_EXCEEDED": TIMED_OUT,
}
# Reasons that share their code with others of another kind.
_BY_REASON = {Infeasible.reason: INFEASIBLE, ConfigError.reason: BAD_INPUT}
# The first that fits; a compiler that ran too long is a build error and a time-out.
_BY_TYPE: tuple[tuple[type[Exception], int], ...] = (
    (SocketDenied, REFUSED),
    (DaemonUnreachable, UNREACHABLE),
    (Infeasible, INFEASIBLE),
    (Refused, REFUSED),
    (Stale, REFUSED),
    (RestartNeeded, REFUSED),
    (TimeoutError, TIMED_OUT),
    (ConfigError, BAD_INPUT),
    (BadInput, BAD_INPUT),
    (LibraryError, BAD_INPUT),
    (BuildError, BAD_INPUT),
)
# Errors of a build that have another cause than what it was given.
_NOT_THE_INPUT = frozenset({"BUILD_TOOLS_MISSING"})


class CallFailed(AgentError):
    """The daemon answered with an error; `exit_code` is what it stands for."""

    def __init__(self, message: str, code: str, reason: str) -> None:
        super().__init__(message)
        self.code = code
        self.exit_code = exit_code_of(code, reason)


def exit_code(error: Exception) -> int:
    """The exit code that an error stands for."""
    if isinstance(error, CallFailed):
        return error.exit_code
    if isinstance(error, BuildError) and error.reason in _NOT_THE_INPUT:
        return FAILED
    return _exit_code_of_kind(type(error))


def exit_code_of(code: str, reason: str) -> int:
    """The exit code for what the daemon answered: that of the error which its reason names, else of its status."""
    kind = next((kind for kind in tree() if kind.reason == reason), None)
    return _BY_CODE.get(code, FAILED) if kind is None else _exit_code_of_kind(kind)


def _exit_code_of_kind(kind: type[Exception]) -> int:
    return next((code for base, code in _BY_TYPE if issubclass(kind, base)), FAILED)


def one_line(error: Exception) -> str:
    """The message of an error without line breaks; never empty."""
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        return f"{os.fsdecode(error.filename)}: {error.strerror}"
    return " ".join(str(error).split()) or type(error).__name__
