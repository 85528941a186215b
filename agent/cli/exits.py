"""Exit codes of the command (interfaces.md section 2) and the errors that they stand for."""

from __future__ import annotations

from agent.errors import (
    AgentError,
    BadInput,
    BuildError,
    ConfigError,
    DaemonUnreachable,
    Infeasible,
    LibraryError,
    Refused,
)

DONE, FAILED, BAD_INPUT, UNREACHABLE, REFUSED, INFEASIBLE, TIMED_OUT = range(7)

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


class CallFailed(AgentError):
    """The daemon answered with an error; `exit_code` is what it stands for."""

    def __init__(self, message: str, code: str, reason: str) -> None:
        super().__init__(message)
        self.exit_code = INFEASIBLE if reason == Infeasible.reason else _BY_CODE.get(code, FAILED)


def exit_code(error: Exception) -> int:
    """The exit code that an error stands for."""
    if isinstance(error, CallFailed):
        return error.exit_code
    if isinstance(error, DaemonUnreachable):
        return UNREACHABLE
    if isinstance(error, Infeasible):
        return INFEASIBLE
    if isinstance(error, Refused):
        return REFUSED
    if isinstance(error, (ConfigError, BadInput, LibraryError, BuildError)):
        return BAD_INPUT
    return TIMED_OUT if isinstance(error, TimeoutError) else FAILED


def one_line(error: Exception) -> str:
    """The message of an error without line breaks; never empty."""
    return " ".join(str(error).split()) or type(error).__name__
