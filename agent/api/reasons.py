"""What a status of the API means and what to do: for every error of the tree, and for what only the transport says.

`docs/reference/errors.md` is made of these tables. A reason is stable API: one that is here is never renamed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import grpc

from agent import errors

_Code = grpc.StatusCode

RETRIABLE = frozenset({_Code.UNAVAILABLE, _Code.RESOURCE_EXHAUSTED})

RejectionReason = Literal[
    "ALARM_NOT_FOUND",
    "CAMERA_NOT_FOUND",
    "GROUP_NOT_FOUND",
    "OPERATION_NOT_FOUND",
    "SERVICE_NOT_FOUND",
    "SUBNET_NOT_FOUND",
    "REVISION_UNKNOWN",
    "TOO_MANY_STREAMS",
    "TOO_MANY_CALLS",
    "MESSAGE_TOO_LARGE",
    "CALL_TOO_LONG",
    "AGENT_STOPPING",
    "NO_ROLE",
    "ROLE_TOO_LOW",
    "CERTIFICATE_REVOKED",
    "CERTIFICATE_EXPIRED",
    "TOO_FAST",
]


@dataclass(frozen=True, slots=True)
class Meaning:
    """The code of a status, what it says, and what its receiver should do; `lasting`: it will be so again."""

    code: grpc.StatusCode
    meaning: str
    action: str
    lasting: bool = False

    @property
    def retry_may_help(self) -> bool:
        """Another try, unchanged and a little later, may go better (google.rpc.RetryInfo)."""
        return self.code in RETRIABLE and not self.lasting


REJECTIONS: Mapping[RejectionReason, Meaning] = MappingProxyType(
    {
        "ALARM_NOT_FOUND": Meaning(
            _Code.NOT_FOUND,
            "No alarm of that number is known.",
            "Take the number from ListAlarms; cleared alarms are kept for `telemetry.journal_days`.",
        ),
        "CAMERA_NOT_FOUND": Meaning(
            _Code.NOT_FOUND, "No camera of that name is configured.", "Use one of the names in the message."
        ),
        "GROUP_NOT_FOUND": Meaning(
            _Code.NOT_FOUND, "No group of that name is configured.", "Use one of the names in the message."
        ),
        "OPERATION_NOT_FOUND": Meaning(
            _Code.NOT_FOUND,
            "No operation of that name is known.",
            "Take the name from the answer of the call that began it.",
        ),
        "SERVICE_NOT_FOUND": Meaning(
            _Code.NOT_FOUND,
            "The health check was asked for something that is neither a service nor `camera/NAME`.",
            "Ask for the empty name (the agent) or `camera/NAME`.",
        ),
        "SUBNET_NOT_FOUND": Meaning(
            _Code.NOT_FOUND,
            "The camera's library has no sub-net of that id.",
            "Take the id from ListSubnets; a reload may have changed the library.",
        ),
        "REVISION_UNKNOWN": Meaning(
            _Code.OUT_OF_RANGE,
            "The revision to resume from is not known any more, or is of another run of the agent.",
            "Watch again without it: the first message is then a whole snapshot.",
        ),
        "TOO_MANY_STREAMS": Meaning(
            _Code.RESOURCE_EXHAUSTED,
            "As many streams are open as may be.",
            "Close streams that are not read; then try again.",
        ),
        "TOO_MANY_CALLS": Meaning(
            _Code.RESOURCE_EXHAUSTED,
            "As many calls are under way as may be.",
            "Wait for answers before you ask more; then try again.",
        ),
        "MESSAGE_TOO_LARGE": Meaning(
            _Code.RESOURCE_EXHAUSTED,
            "The request has more bytes than the agent takes.",
            "Send less in one request.",
            lasting=True,
        ),
        "CALL_TOO_LONG": Meaning(
            _Code.DEADLINE_EXCEEDED,
            "The agent does not answer a call after its longest time; a change that was begun goes on.",
            "Read the status, or send the same request again with the same request id: it runs once.",
        ),
        "AGENT_STOPPING": Meaning(
            _Code.UNAVAILABLE, "The agent is ending.", "Connect again; it is back as soon as it was started again."
        ),
        "NO_ROLE": Meaning(
            _Code.PERMISSION_DENIED,
            "The client is known and has no role.",
            "Give its URI a role in `api.tcp.roles`, or its user or group one in `api.unix_roles`.",
        ),
        "ROLE_TOO_LOW": Meaning(
            _Code.PERMISSION_DENIED,
            "The call needs a role that the client has not.",
            "Leave it to a client with that role, or give it the role in the config.",
        ),
        "CERTIFICATE_REVOKED": Meaning(
            _Code.UNAUTHENTICATED,
            "The client's certificate was revoked, or the CA that issued it is not trusted any more.",
            "Have another one issued (`ofa-agent pki client`), and find out what became of the old one.",
        ),
        "CERTIFICATE_EXPIRED": Meaning(
            _Code.UNAUTHENTICATED,
            "The client's certificate is past its time, or its time has not come.",
            "Renew it (`ofa-agent pki renew`) and connect again; look at the clocks of both machines.",
        ),
        "TOO_FAST": Meaning(
            _Code.RESOURCE_EXHAUSTED,
            "The client calls more often than it may.",
            "Ask less often; watch instead of asking again and again.",
        ),
    }
)

_SAYS_FIELD = "Correct the field that BadRequest names; the same request fails again."
_LIBRARY = "Run `ofa-agent library verify` on the library and publish it again."
_LOG = "Look into the agent's log and attach a support bundle to your question."

MEANINGS: Mapping[type[errors.AgentError], Meaning] = MappingProxyType(
    {
        errors.AgentError: Meaning(_Code.INTERNAL, "A fault in the agent itself.", _LOG),
        errors.ConfigError: Meaning(
            _Code.FAILED_PRECONDITION,
            "The config file cannot be used; what ran goes on unchanged.",
            "Correct the line that the message names; `ofa-agent check --config FILE` tries it without the daemon.",
        ),
        errors.RestartNeeded: Meaning(
            _Code.FAILED_PRECONDITION,
            "The new config changes what only a start of the agent can take; nothing of it was applied.",
            "Restart the agent when the line can spare the cameras, or take the change back.",
        ),
        errors.BadInput: Meaning(_Code.INVALID_ARGUMENT, "A field of the request is wrong.", _SAYS_FIELD),
        errors.NoLease: Meaning(
            _Code.INVALID_ARGUMENT,
            "The client holds no lease on the camera, or it has expired.",
            "Set the budget anew, with its ttl.",
        ),
        errors.LibraryError: Meaning(_Code.FAILED_PRECONDITION, "The library cannot be used.", _LIBRARY),
        errors.LibraryNotFound: Meaning(
            _Code.NOT_FOUND, "There is no library at `library.path`.", "Correct the path, or publish a library there."
        ),
        errors.ManifestInvalid: Meaning(
            _Code.FAILED_PRECONDITION, "The library's manifest breaks its rules.", _LIBRARY
        ),
        errors.BlobMissing: Meaning(_Code.DATA_LOSS, "A network file that the manifest names is not there.", _LIBRARY),
        errors.DigestMismatch: Meaning(
            _Code.DATA_LOSS, "A file's bytes are not those that the manifest was signed for.", _LIBRARY
        ),
        errors.BlobInvalid: Meaning(
            _Code.FAILED_PRECONDITION,
            "A network file is damaged or not of the format, or for another input than the manifest says.",
            "Run `ofa-agent library inspect` on the file; build the library again.",
        ),
        errors.SignatureInvalid: Meaning(
            _Code.FAILED_PRECONDITION,
            "The library's signature is missing or of no trusted key.",
            "Sign it (`ofa-agent library sign`), or add the key to `library.trusted_keys`.",
        ),
        errors.BuildError: Meaning(_Code.INVALID_ARGUMENT, "An input of the builder cannot be used.", _SAYS_FIELD),
        errors.SdkError: Meaning(
            _Code.FAILED_PRECONDITION, "The vendor's SDK cannot be used.", "Install the SDK that the message names."
        ),
        errors.SdkMissing: Meaning(
            _Code.FAILED_PRECONDITION,
            "The vendor's SDK (PySpin) is not installed.",
            "Install Spinnaker and its Python wheel into the agent's environment.",
        ),
        errors.SdkWrongPackage: Meaning(
            _Code.FAILED_PRECONDITION,
            "The module that is called PySpin is not the vendor's.",
            "Remove it and install the wheel that comes with Spinnaker.",
        ),
        errors.SdkVersionMismatch: Meaning(
            _Code.FAILED_PRECONDITION,
            "The vendor's wheel and its libraries are of different versions.",
            "Install the wheel that comes with the installed Spinnaker.",
        ),
        errors.CameraError: Meaning(
            _Code.INTERNAL,
            "The camera or its SDK failed in a way that has no name of its own; metadata `vendor_code` is its number.",
            _LOG,
        ),
        errors.CameraGone: Meaning(
            _Code.UNAVAILABLE,
            "The camera does not answer; the agent connects again by itself.",
            "Check power and cable; try again when its state is not DISCONNECTED any more.",
        ),
        errors.CameraBusy: Meaning(
            _Code.UNAVAILABLE, "Another process holds the camera.", "End that process; the agent tries again by itself."
        ),
        errors.CameraTimeout: Meaning(
            _Code.DEADLINE_EXCEEDED,
            "The camera did not finish in time.",
            "Read its status before you ask again: what was begun may have been done.",
        ),
        errors.CameraRefused: Meaning(
            _Code.FAILED_PRECONDITION,
            "The camera refused: a node is locked, a value is out of range, a file has a wrong state.",
            "Compare the camera's profile with what it should be (`ofa-agent camera diff`).",
        ),
        errors.UploadFailed: Meaning(
            _Code.UNAVAILABLE,
            "A network did not get onto the camera; the old one was put back.",
            "Try again; where it stays so, look at cable, hub and the camera's storage.",
        ),
        errors.VerificationFailed: Meaning(
            _Code.DATA_LOSS,
            "The network on the camera does not answer its golden images as it should; it is not used.",
            "Look at the swap (`ofa-agent swaps`); build the library again where it stays so.",
        ),
        errors.Refused: Meaning(
            _Code.FAILED_PRECONDITION,
            "The present state of the agent or the camera forbids it.",
            "Do what the message says; PreconditionFailure names what stands in the way.",
        ),
        errors.NotPermitted: Meaning(
            _Code.FAILED_PRECONDITION,
            "A swap waited for its permit or its turn in the group and did not get it; the camera was not touched.",
            "Nothing, where the swap is not wanted any more; else ask for it again.",
        ),
        errors.ModeForbids: Meaning(
            _Code.FAILED_PRECONDITION,
            "The camera's mode does not take this command from this caller.",
            "Read the mode in the status; change it (`ofa-agent mode auto`) where you may.",
        ),
        errors.Inhibited: Meaning(
            _Code.FAILED_PRECONDITION,
            "Somebody inhibits swaps of this camera.",
            "Read in the status who does and why; it ends when they take it back or its time is over.",
        ),
        errors.NotLocal: Meaning(
            _Code.PERMISSION_DENIED,
            "Only the machine itself may ask this, over the unix socket.",
            "Run the command on the agent's machine.",
        ),
        errors.NoPrevious: Meaning(
            _Code.FAILED_PRECONDITION,
            "There is no sub-net to go back to: none ran on this camera before the present one.",
            "Pin the sub-net that you want (`ofa-agent pin ID`).",
        ),
        errors.Stale: Meaning(
            _Code.ABORTED,
            "The etag is not the present one: somebody was faster, or a claim has ended by its time. Nothing was done.",
            "Read the status again, decide anew, and send the new etag with a new request id.",
        ),
        errors.TooMany: Meaning(
            _Code.RESOURCE_EXHAUSTED,
            "A cap of the agent is reached.",
            "Wait for what you began before, then try again.",
        ),
        errors.OutOfResources: Meaning(
            _Code.RESOURCE_EXHAUSTED,
            "The agent has no memory, thread or descriptor left for it.",
            "Read the status before you try again. Look at the alarm `resources_short`: what uses the machine up?",
        ),
        errors.ReaderStalled: Meaning(
            _Code.RESOURCE_EXHAUSTED,
            "The agent ended the stream: its reader did not read for too long.",
            "Read faster or with a filter; watch again.",
        ),
        errors.Superseded: Meaning(
            _Code.ABORTED,
            "What was begun was not wanted any more before it touched the camera: something newer came first.",
            "Read the status; the newest decision says what is wanted now.",
        ),
        errors.Interrupted: Meaning(
            _Code.ABORTED,
            "The agent ended while it was under way; what it had reached stands.",
            "Read the status, and begin it again if it is still wanted.",
        ),
        errors.SwapFailed: Meaning(
            _Code.INTERNAL,
            "A swap of the past did not end with its network.",
            "The message says what came of it; `ofa-agent swaps` has its row.",
        ),
        errors.Cancelled: Meaning(
            _Code.CANCELLED, "Somebody ended the work before its time; what it had done until then stands.", "Nothing."
        ),
        errors.Infeasible: Meaning(
            _Code.FAILED_PRECONDITION,
            "No sub-net meets the budget, and `allow_infeasible` was false. Nothing was stored.",
            "Loosen the budget (`ofa-agent explain` says by how much), or accept best effort.",
        ),
        errors.JournalError: Meaning(
            _Code.UNAVAILABLE,
            "The journal cannot be written or read, so that the answer would not be lasting.",
            "Make room on the disk of `state_dir` and check its permissions; then try again with the same request id.",
        ),
        errors.DaemonUnreachable: Meaning(
            _Code.UNAVAILABLE,
            "Something that the agent depends on does not answer.",
            "Check that it runs; then try again.",
        ),
        errors.SocketDenied: Meaning(
            _Code.PERMISSION_DENIED,
            "The mode of the agent's unix socket keeps this user out; the client says so, nobody was asked.",
            "Become a member of the socket's group (`ls -l` shows it; `usermod -aG`, then log in again), or use sudo.",
        ),
    }
)
