"""What was promised, in the smallest terms: claims as registers that are written and expire, and their arbitration.

Nothing here is taken from the agent but its messages: it is the contract written a second time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

from google.protobuf.duration_pb2 import Duration

from agent.pb.ofa_agent.v1 import types_pb2
from tests.stateful.record import ETERNITY_NS, Call, Record, Seen, Verdict

DEFAULT_QUANTILE = 0.99
_RANK = {
    types_pb2.CLAIM_KIND_MAINTENANCE: types_pb2.BUDGET_PRIORITY_MAINTENANCE,
    types_pb2.CLAIM_KIND_LOCAL_OVERRIDE: types_pb2.BUDGET_PRIORITY_LOCAL_OVERRIDE,
    types_pb2.CLAIM_KIND_LEASE: types_pb2.BUDGET_PRIORITY_LEASE,
    types_pb2.CLAIM_KIND_MANUAL: types_pb2.BUDGET_PRIORITY_MANUAL,
}
Place = tuple[str, str]  # client, camera


@dataclass(frozen=True, slots=True)
class Bounds:
    """A budget as it is compared."""

    latency_ms: float | None
    parts_per_minute: float | None
    min_accuracy: float | None
    quantile: float

    @classmethod
    def of(cls, budget: types_pb2.Budget) -> Bounds:
        return cls(
            budget.max_latency_ms if budget.HasField("max_latency_ms") else None,
            budget.parts_per_minute if budget.HasField("parts_per_minute") else None,
            budget.min_accuracy if budget.HasField("min_accuracy") else None,
            budget.quantile if budget.HasField("quantile") else DEFAULT_QUANTILE,
        )

    def stricter(self, other: Bounds) -> Bounds:
        return Bounds(
            min((x for x in (self.latency_ms, other.latency_ms) if x is not None), default=None),
            max((x for x in (self.parts_per_minute, other.parts_per_minute) if x is not None), default=None),
            max((x for x in (self.min_accuracy, other.min_accuracy) if x is not None), default=None),
            max(self.quantile, other.quantile),
        )


@dataclass(frozen=True, slots=True)
class InForce:
    """What arbitration makes of claims."""

    bounds: Bounds
    priority: int
    claim_ids: tuple[str, ...]
    fail_safe: bool


@dataclass(frozen=True, slots=True)
class Ground:
    """What holds where nobody asks for anything, and what after a lease that expired."""

    bounds: Bounds
    priority: int
    fail_safe: Bounds


def arbitrated(claims: Sequence[types_pb2.Claim], failing: bool, ground: Ground) -> InForce:
    """The highest priority present; within it the strictest. `failing`: an expired lease has not been answered."""
    ranks = [_RANK[claim.kind] for claim in claims]
    top = max([*ranks, types_pb2.BUDGET_PRIORITY_LEASE if failing else ground.priority])
    rules = failing and top == types_pb2.BUDGET_PRIORITY_LEASE
    chosen = [claim for claim, rank in zip(claims, ranks, strict=True) if rank == top]
    parts = [Bounds.of(claim.budget) for claim in chosen] + ([ground.fail_safe] if rules else [])
    bounds = parts[0] if parts else ground.bounds
    for part in parts[1:]:
        bounds = bounds.stricter(part)
    return InForce(bounds, top, tuple(sorted(claim.id for claim in chosen)), rules)


@dataclass(frozen=True, slots=True)
class Write:
    """A change of one client's claim that took effect somewhere in [lo_ns, hi_ns]; None: the claim ended.

    `sure`: it did take effect. `ttl_ns`: where it ends by itself; `lease`: with the fail-safe. `calls`: by what, for
    the words of a failure. Of orders the value is what was ordered.
    """

    value: object
    lo_ns: int
    hi_ns: int
    sure: bool
    calls: tuple[Call, ...] = ()
    ttl_ns: int | None = None
    why: str = ""
    lease: bool = True


@dataclass(frozen=True, slots=True)
class Attempt:
    """All sendings of one request: it ran once, or not at all, or (without an id) is alone."""

    calls: tuple[Call, ...]

    @property
    def done(self) -> Call | None:
        """The first that was answered."""
        return min((c for c in self.calls if c.verdict is Verdict.DONE), key=lambda c: c.ended_ns, default=None)

    @property
    def refused(self) -> bool:
        """Every one of them."""
        return all(call.verdict is Verdict.REFUSED for call in self.calls)

    @property
    def lo_ns(self) -> int:
        return min(call.began_ns for call in self.calls)

    @property
    def hi_ns(self) -> int:
        return self.done.ended_ns if self.done else ETERNITY_NS

    def write(self, value: object, ttl_ns: int | None = None, why: str = "", lease: bool = True) -> Write:
        return Write(value, self.lo_ns, self.hi_ns, self.done is not None, self.calls, ttl_ns, why, lease)


class Model:
    """The record as attempts and writes. Read-only; one history."""

    def __init__(self, record: Record) -> None:
        self.record = record

    @cached_property
    def attempts(self) -> dict[str, list[Attempt]]:
        """By method."""
        groups: dict[tuple[object, ...], list[Call]] = defaultdict(list)
        for call in self.record.calls:
            body = call.request.SerializeToString(deterministic=True)
            key = (call.method, call.request_id, body) if call.request_id else (call.method, call.order)
            groups[key].append(call)
        found: dict[str, list[Attempt]] = defaultdict(list)
        for (method, *_), calls in groups.items():
            found[str(method)].append(Attempt(tuple(calls)))
        return found

    @cached_property
    def reboots_ns(self) -> list[int]:
        return [one.began_ns for one in self.record.happenings if one.reboot]

    def rest_after_ns(self, at_ns: int) -> int:
        """When all that was due at that time had surely been done."""
        return min((rest for rest in self.record.rests_ns if rest >= at_ns), default=ETERNITY_NS)

    @cached_property
    def writes(self) -> dict[Place, list[Write]]:
        """All that may have changed a client's claim, the ends of leases included."""
        found: dict[Place, list[Write]] = defaultdict(list)
        for attempt in self.attempts["SetBudget"]:
            if not attempt.refused:
                request = attempt.calls[0].request
                lease = request.kind in (types_pb2.CLAIM_KIND_UNSPECIFIED, types_pb2.CLAIM_KIND_LEASE)  # type: ignore[attr-defined]
                found[place_of(request)].append(attempt.write(value_of(request), ttl_ns_of(request), "set", lease))
        for attempt in self.attempts["ReleaseBudget"]:
            if not attempt.refused:
                found[place_of(attempt.calls[0].request)].append(attempt.write(None, why="release"))
        for attempt in self.attempts["CommitBudget"]:
            write = self._committed(attempt)
            if write is not None:
                found[place_of(attempt.calls[0].request)].append(write)
        for place, writes in found.items():
            writes += [self._end(place, one) for one in writes if one.ttl_ns is not None]
        return found

    @cached_property
    def prepared(self) -> dict[str, Attempt]:
        """By the id that it was answered with."""
        return {
            attempt.done.answer.prepared_id: attempt  # type: ignore[union-attr]
            for attempt in self.attempts["PrepareBudget"]
            if attempt.done is not None
        }

    def _committed(self, attempt: Attempt) -> Write | None:
        request = attempt.calls[0].request
        told = self.prepared.get(request.prepared_id)  # type: ignore[attr-defined]
        if attempt.refused or told is None or told.done is None:
            return None
        about = told.calls[0].request
        value, ttl_ns = value_of(about), ttl_ns_of(about)
        if request.wait_for_ready:  # type: ignore[attr-defined]
            return attempt.write(value, ttl_ns, "commit")
        due_ns = _ns(about.due_in)  # type: ignore[attr-defined]
        lo_ns = max(attempt.lo_ns, told.lo_ns + due_ns)
        hi_ns = self.rest_after_ns(max(attempt.hi_ns, told.done.ended_ns + due_ns))
        sure = attempt.done is not None and not self._may_be_taken_back(attempt, hi_ns)
        return Write(value, lo_ns, hi_ns if sure else ETERNITY_NS, sure, attempt.calls, ttl_ns, "commit")

    def _may_be_taken_back(self, commit: Attempt, until_ns: int) -> bool:
        """Before it comes into force: by a release, a newer announcement, another commit, or with the boot."""
        place = place_of(commit.calls[0].request)
        others = [
            other
            for method in ("ReleaseBudget", "PrepareBudget", "CommitBudget")
            for other in self.attempts[method]
            if other is not commit and not other.refused and place_of(other.calls[0].request) == place
        ]
        late = any(one.hi_ns >= commit.lo_ns and one.lo_ns <= until_ns for one in others)
        return late or any(at_ns <= until_ns for at_ns in self.reboots_ns)

    def _end(self, place: Place, lease: Write) -> Write:
        """The end of a lease by its time: not before the full time of the last renewal that was acknowledged."""
        assert lease.ttl_ns is not None
        renewals = [one for one in self.renewals(place) if one.done and renewed(one.done) == lease.value]
        lo_ns = max([lease.lo_ns, *(one.lo_ns for one in renewals)]) + lease.ttl_ns
        known_ns = min(call.began_ns for call in lease.calls)  # one that was announced may end before it is due
        lo_ns = min([lo_ns, *(at_ns for at_ns in self.reboots_ns if at_ns >= known_ns)])
        return Write(None, lo_ns, ETERNITY_NS, False, lease.calls, why="expiry", lease=lease.lease)

    def renewals(self, place: Place) -> list[Attempt]:
        return [one for one in self.attempts["RenewBudget"] if place_of(one.calls[0].request) == place]

    def latest_end_ns(self, place: Place, lease: Write) -> int:
        """When that lease must be gone; eternity where that cannot be told."""
        if lease.ttl_ns is None or not lease.sure or lease.hi_ns == ETERNITY_NS:
            return ETERNITY_NS
        ends_ns = [lease.hi_ns]
        for renewal in self.renewals(place):
            if not renewal.refused and renewal.hi_ns >= lease.lo_ns:
                ends_ns.append(renewal.hi_ns)
        last_ns = max(ends_ns)
        return ETERNITY_NS if last_ns == ETERNITY_NS else self.rest_after_ns(last_ns + lease.ttl_ns)

    @cached_property
    def moments(self) -> list[Seen]:
        """What was seen, each with the narrowest time that its revision allows: states of a run come in their order."""
        found: list[Seen] = []
        groups: dict[tuple[int, str], list[Seen]] = defaultdict(list)
        for one in self.record.seen:
            groups[one.run, one.status.camera].append(one)
        for group in groups.values():
            group.sort(key=lambda one: one.status.revision)
            found += _narrowed(group)
        return found

    def may_read(self, place: Place, value: float | None, began_ns: int, ended_ns: int) -> str:
        """Why a client's claim cannot have been that in this time; empty where it can."""

        def gone_ns(source: Write) -> int:
            return self.latest_end_ns(place, source) if source.value is not None else ETERNITY_NS

        return readable(self.writes.get(place, ()), None, value, began_ns, ended_ns, gone_ns)


def readable(
    writes: Sequence[Write],
    first: object,
    value: object,
    began_ns: int,
    ended_ns: int,
    gone_ns: Callable[[Write], int] = lambda _: ETERNITY_NS,
) -> str:
    """Why a register that held `first` at the beginning cannot have held `value` in this time; empty where it can.

    `gone_ns`: when what a write wrote has surely ended by itself.
    """
    known = [Write(first, 0, 0, True), *writes]
    sources = [one for one in known if one.value == value and one.lo_ns <= ended_ns]
    if not sources:
        return "nobody wrote that" if value is not None else "nothing ended it"
    for source in sources:
        later = [w for w in known if w.sure and w.lo_ns > source.hi_ns and w.hi_ns < began_ns and w.value != value]
        if not later and began_ns <= gone_ns(source):
            return ""
    return "it was overwritten, or its time was up" if value is not None else "another took its place"


def value_of(request: object) -> float:
    """The bound by which a claim is told from all others of its history."""
    return float(request.budget.max_latency_ms)  # type: ignore[attr-defined]


def renewed(call: Call) -> float:
    """The value of the claim that an answered renewal was about."""
    return float(call.answer.claim.budget.max_latency_ms)  # type: ignore[union-attr]


def _narrowed(group: list[Seen]) -> list[Seen]:
    """In the order of their revisions."""
    found, latest_ns = [], 0
    earliest_ns = [ETERNITY_NS] * (len(group) + 1)
    for n in range(len(group) - 1, -1, -1):
        earliest_ns[n] = min(earliest_ns[n + 1], group[n].ended_ns)
    before, revision = 0, -1
    for n, one in enumerate(group):
        if one.status.revision != revision:
            revision, before = one.status.revision, latest_ns
        began_ns, ended_ns = max(one.began_ns, before), earliest_ns[n]
        found.append(Seen(one.order, one.run, began_ns, max(began_ns, ended_ns), one.status, one.watch))
        latest_ns = max(latest_ns, one.began_ns)
    return found


def place_of(request: object) -> Place:
    return request.client, request.camera  # type: ignore[attr-defined]


def ttl_ns_of(request: object) -> int | None:
    return _ns(request.ttl) if request.HasField("ttl") else None  # type: ignore[attr-defined]


def _ns(duration: Duration) -> int:
    return duration.seconds * 1_000_000_000 + duration.nanos
