"""The one error tree of the agent.

    AgentError
    ├── ConfigError (ValueError)        config file: FILE:LINE: KEY: reason
    │   └── RestartNeeded               a reload that changes what only a start can take
    ├── BadInput (ValueError)           a request, budget, trace or command argument
    │   └── NoLease                     a renewal of a lease that is not there
    ├── LibraryError                    manifest, blob, signature, golden image
    │   ├── LibraryNotFound (FileNotFoundError)
    │   ├── ManifestInvalid (ValueError)
    │   ├── BlobMissing (FileNotFoundError)
    │   ├── DigestMismatch (ValueError)
    │   ├── BlobInvalid (ValueError)    with a leaf of its own room: agent.library.blob.InputMismatch
    │   └── SignatureInvalid (ValueError)
    ├── BuildError (ValueError)         the offline builder's inputs; leaves in agent.builder.errors
    ├── SdkError (ImportError)          PySpin itself
    │   ├── SdkMissing
    │   ├── SdkWrongPackage
    │   └── SdkVersionMismatch
    ├── CameraError
    │   ├── CameraGone (ConnectionError)
    │   ├── CameraBusy
    │   ├── CameraTimeout (TimeoutError)
    │   ├── CameraRefused               the camera said no: node locked, out of range, wrong status
    │   ├── UploadFailed
    │   └── VerificationFailed
    ├── Refused (PermissionError)       mode, interlock, permission
    │   ├── NotPermitted                a swap whose wait for a permit ended without one
    │   ├── ModeForbids                 the camera's mode
    │   ├── Inhibited                   somebody inhibits swaps
    │   ├── NotLocal                    only for the machine itself: the unix socket
    │   └── NoPrevious                  a rollback without anything to go back to
    ├── Stale                           the etag given is not the present one
    ├── TooMany                         a cap of the agent is reached
    ├── OutOfResources (OSError)        no memory, thread or descriptor left
    ├── ReaderStalled                   a stream whose reader did not read
    ├── Cancelled                       work that somebody ended before its time
    ├── Superseded                      work that was not wanted any more before it began
    ├── Interrupted                     work that ended with the agent
    ├── SwapFailed                      a swap of the past that did not end with its network
    ├── Infeasible (ValueError)         no sub-net meets the budget and best effort was refused
    ├── JournalError (OSError)
    └── DaemonUnreachable (ConnectionError)
        └── SocketDenied (PermissionError)  its socket is there, and not for this user

`reason` strings are stable API: they travel in google.rpc.ErrorInfo and in alarms. Every message is one line that says
what failed, on what, actual against allowed, and what to do.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar


class AgentError(Exception):
    """Root of the tree."""

    reason: ClassVar[str] = "INTERNAL"


class ConfigError(AgentError, ValueError):
    """A config file that cannot be used; the message starts with FILE:LINE: KEY:."""

    reason = "CONFIG_INVALID"


class RestartNeeded(ConfigError):
    """A reload that changes what only a start of the agent can take; nothing of it was applied."""

    reason = "RESTART_NEEDED"


class BadInput(AgentError, ValueError):
    """A value from outside that breaks its contract; `field` names it."""

    reason = "INVALID_ARGUMENT"

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self.description = message


class NoLease(BadInput):
    """A renewal of a lease that is not there, or not any more."""

    reason = "NO_LEASE"


class LibraryError(AgentError):
    """Something in a library that must not reach a camera."""

    reason = "LIBRARY_INVALID"


class LibraryNotFound(LibraryError, FileNotFoundError):
    reason = "LIBRARY_NOT_FOUND"


class ManifestInvalid(LibraryError, ValueError):
    reason = "MANIFEST_INVALID"


class BlobMissing(LibraryError, FileNotFoundError):
    reason = "BLOB_MISSING"


class DigestMismatch(LibraryError, ValueError):
    reason = "DIGEST_MISMATCH"


class BlobInvalid(LibraryError, ValueError):
    reason = "BLOB_INVALID"


class SignatureInvalid(LibraryError, ValueError):
    reason = "SIGNATURE_INVALID"


class BuildError(AgentError, ValueError):
    """An input of the offline builder that cannot be used."""

    reason = "BUILD_INPUT_INVALID"


class SdkError(AgentError, ImportError):
    """The vendor SDK cannot be used."""

    reason = "SDK_UNUSABLE"


class SdkMissing(SdkError):
    reason = "SDK_MISSING"


class SdkWrongPackage(SdkError):
    reason = "SDK_WRONG_PACKAGE"


class SdkVersionMismatch(SdkError):
    reason = "SDK_VERSION_MISMATCH"


class CameraError(AgentError):
    """The camera or the SDK failed; `vendor_code` is its error number where it gave one."""

    reason = "CAMERA_FAILED"

    def __init__(self, message: str, vendor_code: int | None = None) -> None:
        super().__init__(message)
        self.vendor_code = vendor_code


class CameraGone(CameraError, ConnectionError):
    reason = "CAMERA_GONE"


class CameraBusy(CameraError):
    reason = "CAMERA_BUSY"


class CameraTimeout(CameraError, TimeoutError):
    reason = "CAMERA_TIMEOUT"


class CameraRefused(CameraError):
    reason = "CAMERA_REFUSED"


class UploadFailed(CameraError):
    reason = "UPLOAD_FAILED"


class VerificationFailed(CameraError):
    reason = "VERIFICATION_FAILED"


class Refused(AgentError, PermissionError):
    """A command that the present mode, interlock or role forbids."""

    reason = "REFUSED"


class NotPermitted(Refused):
    """A swap that waited for its permit and did not get it; nothing on the camera was touched."""

    reason = "SWAP_NOT_PERMITTED"


class ModeForbids(Refused):
    """A command that the camera's present mode (AUTO, MANUAL, MAINTENANCE) does not take from this caller."""

    reason = "MODE"


class Inhibited(Refused):
    """A swap that somebody's InhibitSwap holds."""

    reason = "SWAP_INHIBITED"


class NotLocal(Refused):
    """A command that only the machine itself may give, over the unix socket."""

    reason = "LOCAL_ONLY"


class NoPrevious(Refused):
    """A rollback where no sub-net ran before the present one."""

    reason = "NO_PREVIOUS_SUBNET"


class Stale(AgentError):
    """The etag given is not the present one: somebody else wrote in between. Nothing was changed."""

    reason = "STALE_ETAG"


class TooMany(AgentError):
    """A cap of the agent is reached; what was asked for was not begun."""

    reason = "TOO_MANY_REQUESTS"


class OutOfResources(AgentError, OSError):
    """The machine, or a limit of the process, has no memory, thread or descriptor left for what was asked."""

    reason = "OUT_OF_RESOURCES"


class ReaderStalled(AgentError):
    """A stream that the agent ended because its reader did not read what waited for it."""

    reason = "READER_STALLED"


class Cancelled(AgentError):
    """Work that somebody ended before its time; what it had done until then stands."""

    reason = "CANCELLED"


class Superseded(AgentError):
    """Work that was not wanted any more before it began: nothing was done."""

    reason = "SUPERSEDED"


class Interrupted(AgentError):
    """Work that ended with the agent; what it had done until then stands."""

    reason = "INTERRUPTED"


class SwapFailed(AgentError):
    """A swap, as journalled, that did not end with the wanted network; the message says what came of it."""

    reason = "SWAP_FAILED"


class Infeasible(AgentError, ValueError):
    """No sub-net meets the budget and the caller did not accept best effort."""

    reason = "INFEASIBLE_BUDGET"


class JournalError(AgentError, OSError):
    reason = "JOURNAL_UNAVAILABLE"


class DaemonUnreachable(AgentError, ConnectionError):
    reason = "DAEMON_UNREACHABLE"


class SocketDenied(DaemonUnreachable, PermissionError):
    """The mode of the agent's unix socket keeps this user out."""

    reason = "SOCKET_DENIED"


def shown(text: str, most: int = 200) -> str:
    """`text` from outside on one line and of bounded length, for a message."""
    flat = "".join(c if c.isprintable() else "?" for c in text[: most + 1])
    return flat if len(flat) <= most else flat[: most - 1] + "…"


def tree(root: type[AgentError] = AgentError) -> Iterator[type[AgentError]]:
    """`root` and what is below it in this module, parents first."""
    yield root
    for child in root.__subclasses__():
        if child.__module__ == __name__:
            yield from tree(child)


def error_of(reason: str, message: str) -> AgentError:
    """The error of the tree with that reason, as it was written down; the root where none fits."""
    kind = next((one for one in tree() if one.reason == reason and not issubclass(one, BadInput)), AgentError)
    return kind(message)
