"""The catalogue of alarms: everything that the agent can raise, by a number that never changes.

    1xx camera    2xx swap    3xx budget and line    4xx the agent itself: journal, config, library

A number or key that was released is never given to another cause. `docs/reference/alarms.md` is made of this table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, Protocol

from agent.domain.journal import Alarm

Severity = Literal["info", "warning", "critical"]
Clears = Literal["by itself", "by acknowledgement"]
AlarmKey = Literal[
    "camera_lost",
    "camera_faulted",
    "results_stopped",
    "swap_failed",
    "swap_inhibited",
    "infeasible",
    "lease_expired",
    "pin_over_budget",
    "profiles_stale",
    "line_input_unreadable",
    "internal",
    "action_failed",
    "journal_unavailable",
    "journal_recovered",
    "notes_lost",
    "config_invalid",
    "library_rejected",
    "no_usable_subnet",
    "tls_certificate",
    "library_stale",
    "audit_broken",
    "resources_short",
]

HOLD_OFF_S = 5.0  # a cause has to stay away for so long before its alarm clears: one that flickers raises one alarm


@dataclass(frozen=True, slots=True)
class AlarmKind:
    """One cause. `clears_when` says in words what ends it; `hold_off_s`: how long the cause must have been gone.

    One that clears by acknowledgement holds something until a person has seen it, or tells of something that is over
    and must not go unseen.
    """

    number: int
    key: AlarmKey
    severity: Severity
    title: str
    cause: str
    action: str
    clears: Clears
    clears_when: str
    hold_off_s: float = HOLD_OFF_S


class AlarmBook(Protocol):
    """Where alarms are listed and acknowledged; a Journal is one for what is written."""

    async def alarms(self, active_only: bool) -> Sequence[Alarm]:
        """Oldest first."""
        ...

    async def acknowledge_alarm(self, alarm_id: int, by: str) -> Alarm | None:
        """The alarm with the name of the first who acknowledged it; None where there is none of that number."""
        ...


_CAMERA = (
    AlarmKind(
        101,
        "camera_lost",
        "critical",
        "camera lost",
        "The camera does not answer or cannot be opened: unplugged, without power, reset, or held by another process.",
        "Check power and cable, and that no other program has the camera open. The agent goes on trying.",
        "by itself",
        "the camera is connected again",
    ),
    AlarmKind(
        102,
        "camera_faulted",
        "critical",
        "camera faulted",
        "A swap failed and the way back failed too: no network on the camera is verified, and it does not inspect.",
        "Look at cable and camera, then acknowledge (`ofa-agent alarms ack ID`): the agent connects anew.",
        "by acknowledgement",
        "it is acknowledged, or the camera was connected anew",
        hold_off_s=0.0,
    ),
    AlarmKind(
        103,
        "results_stopped",
        "critical",
        "no results",
        "A verified network is on the camera and the line runs, but no result has come for a while.",
        "Check trigger, light and lens. Where the line stands, report it stopped (`ofa-agent line stopped`).",
        "by itself",
        "a result comes",
    ),
)
_SWAP = (
    AlarmKind(
        201,
        "swap_failed",
        "warning",
        "swap failed",
        "A swap did not end with the wanted network verified; the text says what runs instead.",
        "Read the swap (`ofa-agent swaps`). The sub-net is set aside for a minute and then tried again.",
        "by itself",
        "a later swap succeeds",
    ),
    AlarmKind(
        202,
        "swap_inhibited",
        "critical",
        "fail-safe held by an inhibition",
        "The fail-safe budget calls for another network, but somebody inhibits swaps.",
        "End the inhibition as soon as the line allows a swap; the status names who holds it.",
        "by itself",
        "the inhibition ends, or the fail-safe budget is not in force any more",
    ),
)
_LINE = (
    AlarmKind(
        301,
        "infeasible",
        "warning",
        "no sub-net meets the budget",
        "The budget in force is tighter than the fastest sub-net of the library can do on this camera now.",
        "Loosen the budget or slow the line (`ofa-agent explain` names the rate that is possible).",
        "by itself",
        "a sub-net meets the budget in force",
    ),
    AlarmKind(
        302,
        "lease_expired",
        "critical",
        "lease expired: fail-safe budget in force",
        "A client that asked for a budget with a time limit did not renew it: it is gone, or cut off.",
        "Find out why the client is silent. A new lease or an acknowledgement lifts the fail-safe budget.",
        "by acknowledgement",
        "it is acknowledged, or a client takes a new lease",
        hold_off_s=0.0,
    ),
    AlarmKind(
        303,
        "pin_over_budget",
        "warning",
        "pinned sub-net breaks the budget",
        "A sub-net is pinned that does not meet the budget in force: parts may go uninspected.",
        "Unpin it (`ofa-agent unpin`), pin a faster one, or loosen the budget.",
        "by itself",
        "the pin is taken back, or it meets the budget in force",
    ),
    AlarmKind(
        304,
        "profiles_stale",
        "info",
        "profiles are stale",
        "What was measured of some sub-nets on this camera is old, or of another camera or firmware.",
        "Measure again when the line stands (`ofa-agent profile`).",
        "by itself",
        "they are measured again",
    ),
    AlarmKind(
        305,
        "line_input_unreadable",
        "warning",
        "line input cannot be read",
        "The camera's input that says whether the line stands (`line_stopped_input`) has not been readable for a "
        "while; the line is taken to run.",
        "Check the wiring, and that no user set of the camera drives that line as an output.",
        "by itself",
        "it can be read again",
    ),
)
_AGENT = (
    AlarmKind(
        401,
        "internal",
        "critical",
        "fault in the agent",
        "An action on a camera ended by a fault in the agent itself; it let go of the camera and began anew.",
        "Make a support bundle (`ofa-agent support-bundle --out FILE.tar.gz`) and report it; then acknowledge.",
        "by acknowledgement",
        "it is acknowledged",
        hold_off_s=0.0,
    ),
    AlarmKind(
        402,
        "action_failed",
        "warning",
        "action failed",
        "Something that the agent began on a camera failed before the camera was touched, mostly for the journal.",
        "Read the text; look at alarm 403 and the disk. The agent tries again.",
        "by itself",
        "a later action succeeds",
    ),
    AlarmKind(
        403,
        "journal_unavailable",
        "critical",
        "journal cannot be written",
        "The disk of `state_dir` is full, read-only or failing. The camera goes on with what it has; swaps and claims "
        "that must be written first are refused.",
        "Make room on the disk, check its permissions and its health. The agent goes on by itself after that.",
        "by itself",
        "the journal can be written again",
    ),
    AlarmKind(
        404,
        "journal_recovered",
        "warning",
        "journal was damaged and begun anew",
        "The journal's file was corrupt. It was moved aside and a new one begun: history and standing claims are only "
        "in the old one.",
        "Check the disk, keep the file that the text names, set manual claims, pins and modes again; then acknowledge.",
        "by acknowledgement",
        "it is acknowledged",
        hold_off_s=0.0,
    ),
    AlarmKind(
        405,
        "notes_lost",
        "warning",
        "history has a hole",
        "Decisions, steps or line history could not be written: the disk failed or was too slow.",
        "Look at the disk of `state_dir`. What is lost is history only; claims and swaps are never queued this way.",
        "by itself",
        "the journal has taken everything since",
    ),
    AlarmKind(
        406,
        "config_invalid",
        "warning",
        "new config refused",
        "A reload found a config that cannot be used. The agent goes on with the one before.",
        "Correct the file at the line that the text names (`ofa-agent check --config FILE`) and reload.",
        "by itself",
        "a reload succeeds",
    ),
    AlarmKind(
        407,
        "library_rejected",
        "warning",
        "new library refused",
        "A reload found a library that is damaged, not signed by a trusted key, or of no use to a camera. The one "
        "before stays in use.",
        "Run `ofa-agent library verify` on it, publish it again and reload.",
        "by itself",
        "a reload takes a library",
    ),
    AlarmKind(
        408,
        "no_usable_subnet",
        "critical",
        "library without a sub-net for this camera",
        "No sub-net of the library has a network in a format that this camera accepts: it streams without inspecting.",
        "Compile the library for the camera (`accepted_formats` of the config says which), publish it and reload.",
        "by itself",
        "the library has one",
    ),
    AlarmKind(
        409,
        "tls_certificate",
        "warning",
        "certificate for the network is wrong or ends soon",
        "A file of `api.tcp.tls` cannot be used and the one before stays in use, or the agent's certificate ends "
        "within 14 days, or the list of revoked certificates is overdue.",
        "Put right the file that the text names; it is read again by itself. Beyond its end nobody gets in.",
        "by itself",
        "all of the files are right and in their time",
    ),
    AlarmKind(
        410,
        "library_stale",
        "warning",
        "library is older than it may be",
        "The library in use was made longer ago than `library.max_age_days` says. Nobody has published a newer one, or "
        "something keeps it from this station: a link that is not turned, a copy that fails, somebody who wants an old "
        "network with a known weakness to stay. Inspection goes on.",
        "Compare with what was released last; publish a newer version and reload. Look at the clock of the machine.",
        "by itself",
        "a library that is young enough is in use",
    ),
    AlarmKind(
        411,
        "audit_broken",
        "critical",
        "audit does not hold",
        "Entries of the audit are missing, altered or not those that the head file has seen: the text says which. "
        "Somebody changed the journal, or the disk lost a part of it.",
        "Keep a copy of `state_dir`, compare with `audit_head` of the system log and with exports (`ofa-agent audit "
        "verify --follows`), find out who had access; then acknowledge. The agent goes on.",
        "by acknowledgement",
        "it is acknowledged",
        hold_off_s=0.0,
    ),
    AlarmKind(
        412,
        "resources_short",
        "critical",
        "no memory or descriptors left",
        "A limit of the process or of the machine leaves the agent no memory or descriptors for what may come: new "
        "connections wait, and pictures, reloads and swaps may be refused. What runs goes on, and can be read.",
        "Look at what uses the machine up (`ofa-agent support-bundle` has the limits), and close what is not needed or "
        "raise the limit. The agent goes on by itself.",
        "by itself",
        "there is room again",
    ),
)

ALARMS: Mapping[AlarmKey, AlarmKind] = MappingProxyType(
    {kind.key: kind for kind in (*_CAMERA, *_SWAP, *_LINE, *_AGENT)}
)


def kind_of(key: str) -> AlarmKind | None:
    """The kind of a key as it stands in a journal; None for one of another version of the agent."""
    return next((kind for kind in ALARMS.values() if kind.key == key), None)
