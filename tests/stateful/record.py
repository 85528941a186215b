"""What was seen of a history: every call with its start, end and answer, and everything that streams told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from google.protobuf.message import Message

from agent.domain.audit import AuditEntry, Head
from agent.domain.journal import SwapRecord
from agent.pb.ofa_agent.v1 import types_pb2
from tests.stateful.program import Step
from tests.stateful.world import Setting


class Broken(AssertionError):
    """A promise that was not kept."""


class Verdict(Enum):
    """What a client may conclude from how its call ended."""

    DONE = "done"
    REFUSED = "refused"  # and nothing was changed
    OPEN = "open"  # it may have been done, may be done yet, or never


_OPEN = frozenset({"", "UNAVAILABLE", "CANCELLED", "DEADLINE_EXCEEDED", "INTERNAL", "UNKNOWN"})
ETERNITY_NS = 2**62


@dataclass(slots=True)
class Call:
    """One call, with the CLOCK_BOOTTIME of its start and end. `run` is that of the agent it was sent to."""

    order: int
    run: int
    client: str
    method: str
    request: Message
    began_ns: int
    step: Step | None = None
    ended_ns: int = ETERNITY_NS
    ended_order: int = ETERNITY_NS
    code: str = ""
    text: str = ""
    body: bytes | None = None
    answer: Message | None = None
    operations: tuple[Any, ...] = ()  # google.longrunning.Operation that it tells of
    began_beat: int = 0  # see World.beats
    ended_beat: int = 0
    ended_now_ns: int = 0  # by the clock of deadlines, which stands while the host is suspended

    @property
    def verdict(self) -> Verdict:
        if self.code == "OK":
            return Verdict.DONE
        return Verdict.OPEN if self.code in _OPEN else Verdict.REFUSED

    @property
    def request_id(self) -> str:
        return str(getattr(self.request, "request_id", ""))

    def __str__(self) -> str:
        asked = " ".join(str(self.request).split())
        ended = "" if self.code == "OK" else f": {self.text}"
        when = f"[{self.order:3}-{_until(self.ended_order)}] run {self.run}"
        return f"{when} {self.client:9} {self.method}({asked}) {self.code or 'no answer'}{ended}"


@dataclass(slots=True)
class Seen:
    """The state of a camera as somebody saw it: asked for, or by a stream (`watch` is its number then)."""

    order: int
    run: int
    began_ns: int
    ended_ns: int
    status: types_pb2.CameraStatus
    watch: int | None = None

    def __str__(self) -> str:
        status = self.status
        claims = ", ".join(f"{one.client}={bounds(one.budget)}" for one in status.claims) or "no claims"
        by = "asked" if self.watch is None else f"watch {self.watch}"
        safe = " FAIL-SAFE" if status.budget.fail_safe else ""
        return (
            f"[{self.order:3}    ] run {self.run} {by}: {status.camera} revision {status.revision}: {claims}; "
            f"in force {bounds(status.budget.budget)}{safe} ({status.budget.id[:8]}); "
            f"{status.active_subnet_id or '-'} generation {status.generation}{orders_of(status)} etag {status.etag}"
        )


@dataclass(slots=True)
class Watch:
    """One stream: what it delivered, in order. `ended`: how, once it has."""

    number: int
    order: int
    run: int
    client: str
    camera: str
    kind: str
    began_ns: int
    messages: list[Message] = field(default_factory=list)
    ended: str = ""


@dataclass(slots=True)
class Happening:
    """Something that was done to the agent or its clocks. `leapt_ns`: by what the clock of deadlines leapt."""

    order: int
    began_ns: int
    what: str
    ended_ns: int = ETERNITY_NS
    reboot: bool = False
    restart: bool = False
    run: int = 0  # the one that it ended
    leapt_ns: int = 0

    def __str__(self) -> str:
        return f"[{self.order:3}    ] ---- {self.what}"


@dataclass(frozen=True, slots=True)
class Audited:
    """What the journal holds at the end: the chain from its anchor on, and the rows of the swaps."""

    anchor: Head
    entries: Sequence[AuditEntry]
    swaps: Sequence[SwapRecord]


@dataclass
class Record:
    """Everything of one history, in order. Owner: whoever plays it."""

    setting: Setting
    calls: list[Call] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)
    watches: list[Watch] = field(default_factory=list)
    happenings: list[Happening] = field(default_factory=list)
    settled: list[Seen] = field(default_factory=list)  # states in which nothing was under way any more
    faulty: bool = False  # cameras were made to fail
    audit: Audited | None = None  # None: the history did not come to its end
    rests_ns: list[int] = field(default_factory=list)  # when all that was due had been done
    orders: int = 0
    contents: Sequence[Any] = ()  # of the config file: tests.stateful.config_file.Content
    loads: list[Any] = field(default_factory=list)  # of it at a start, as tests.stateful.model.Write
    beats: list[int] = field(default_factory=list)  # see World.beats
    searched: list[int] = field(default_factory=list)  # states that the search for one order looked at, by camera

    def next_order(self) -> int:
        self.orders += 1
        return self.orders

    def of(self, *methods: str) -> Iterator[Call]:
        return (call for call in self.calls if call.method in methods)

    def excerpt(self, *about: object, limit: int = 40) -> str:
        """These of its parts with the happenings among them, in order: what a failure needs to be understood."""
        chosen = [one for one in about if isinstance(one, Call | Seen)]
        if not chosen:
            return ""
        first, last = min(one.order for one in chosen), max(_last(one) for one in chosen)
        among = [one for one in self.happenings if first <= one.order <= last]
        lines = sorted([*chosen, *among], key=lambda one: one.order)
        told = [f"  {one}" for one in dict.fromkeys(map(str, lines))]
        if len(told) > limit:
            told = [*told[: limit // 2], f"  ... {len(told) - limit} more ...", *told[-limit // 2 :]]
        return "\n".join(told)


def bounds(budget: types_pb2.Budget) -> str:
    """A budget in a few characters."""
    told = [f"{field_.name.partition('_')[0]} {value:g}" for field_, value in budget.ListFields()]
    return " ".join(told) or "-"


def orders_of(status: types_pb2.CameraStatus) -> str:
    """Its standing orders in a few words."""
    orders = status.orders
    told = [types_pb2.Mode.Name(orders.mode).removeprefix("MODE_").lower()] if orders.mode_by else []
    told += [f"pin {orders.pin.subnet_id} by {orders.pin.client}"] if orders.HasField("pin") else []
    told += [f"inhibited by {one.client} ({one.why})" for one in orders.inhibitions]
    return "".join(f"; {one}" for one in told)


def _until(order: int) -> str:
    return "  -" if order == ETERNITY_NS else f"{order:<3}"


def _last(one: Call | Seen) -> int:
    return one.order if isinstance(one, Seen) or one.ended_order == ETERNITY_NS else one.ended_order
