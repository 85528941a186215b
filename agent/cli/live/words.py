"""A camera as a row of a live table and the notes below it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

from agent.cli.describe import budget_words, coming_words, line_words, swap_words
from agent.cli.fit import clean
from agent.cli.live.reading import Reading, bounds
from agent.cli.orders import order_flags, order_words
from agent.cli.output import number
from agent.cli.swap_follow import stage_words
from agent.cli.wire import seconds, word

if TYPE_CHECKING:
    from agent.pb.ofa_agent.v1 import types_pb2 as pb

UNKNOWN = "UNKNOWN"  # of a camera whose daemon does not answer
DEGRADED = "DEGRADED"  # of an ACTIVE one that is not as wanted
EXPIRED = "EXPIRED"  # of a lease
_MOST_ALARMS = 3  # of a camera


class Weight(IntEnum):
    """What a note is about; where there is no room the last kinds go first."""

    NONE = 0
    SWAP = 1
    ALARM = 2
    WHY = 3
    NEXT = 4
    ORDERS = 5
    LINE = 6
    BUDGET = 7


@dataclass(frozen=True, slots=True)
class Note:
    """One line below a camera's row; `severity` is that of an alarm, `share` of a swap that is under way."""

    weight: Weight
    text: str
    severity: str = ""
    share: float | None = None

    @property
    def label(self) -> str:
        return self.weight.name.lower()


@dataclass(frozen=True, slots=True)
class Row:
    """What one camera's row says. `shares` are measured times over their limit, the last one being `share`."""

    camera: str
    state: str
    subnet: str
    generation: str
    figures: str
    share: float | None
    shares: Sequence[float]
    load: str
    lease: str
    notes: tuple[Note, ...]


def rows(reading: Reading) -> list[Row]:
    return [_row(reading, one) for one in reading.cameras]


def agent_notes(reading: Reading) -> list[Note]:
    """Alarms that are about no camera."""
    return list(_alarm_notes([one for one in reading.alarms if not one.camera]))


def _row(reading: Reading, status: pb.CameraStatus) -> Row:
    tightest = next(iter(bounds(status)), None)
    return Row(
        camera=clean(status.camera),
        state=UNKNOWN if reading.lost is not None else _state(status),
        subnet=clean(status.active_subnet_id) if status.HasField("active_subnet_id") else "-",
        generation=str(status.generation) if status.HasField("generation") else "-",
        figures="-" if tightest is None else f"{_ms(tightest.measured_ms)}/{_ms(tightest.limit_ms)}",
        share=None if tightest is None else tightest.share,
        shares=reading.shares.get(status.camera, ()),
        load=number(100 * status.load, 0) if status.HasField("load") else "-",
        lease=_lease(status),
        notes=tuple(_notes(reading, status)),
    )


def _state(status: pb.CameraStatus) -> str:
    state = word(status, "state")
    return DEGRADED if state == "ACTIVE" and status.degraded else state


def _lease(status: pb.CameraStatus) -> str:
    """Time left of the lease in force that ends first; leases that do not count stand behind those that do."""
    if status.budget.fail_safe:
        return EXPIRED
    ending = [one for one in status.claims if one.HasField("remaining")]
    counting = [one for one in ending if one.id in status.budget.claim_ids] or ending
    return min((span(seconds(one.remaining)) for one in sorted(counting, key=_remaining)[:1]), default="-")


def _remaining(claim: pb.Claim) -> float:
    return seconds(claim.remaining)


def span(left_s: float) -> str:
    """A time in at most 6 characters."""
    if left_s < 600:
        return f"{left_s:.0f} s"
    return f"{left_s / 60:.0f} min" if left_s < 6000 else f"{min(left_s / 3600, 9999):.0f} h"


def _notes(reading: Reading, status: pb.CameraStatus) -> Iterator[Note]:
    if status.HasField("swap"):
        yield _swap_note(reading, status)
    yield from _alarm_notes([one for one in reading.alarms if one.camera == status.camera])
    why = ", ".join(status.degraded)
    if why or status.detail:
        yield Note(Weight.WHY, clean(": ".join(part for part in (why, status.detail) if part)))
    if status.HasField("coming_swap") and not status.HasField("swap"):
        yield Note(Weight.NEXT, clean(coming_words(status.coming_swap)))
    if order_flags(status.orders):
        yield Note(Weight.ORDERS, clean(order_words(status.orders)))
    if status.line.reports:
        yield Note(Weight.LINE, clean(line_words(status.line)))
    yield Note(Weight.BUDGET, clean(_budget(status)))


def _swap_note(reading: Reading, status: pb.CameraStatus) -> Note:
    told = reading.swaps.get(status.camera)
    waits = f", {status.swap.waits_for}" if status.swap.waits_for else ""
    if told is None:
        return Note(Weight.SWAP, clean(swap_words(status.swap)))
    return Note(Weight.SWAP, clean(f"to {status.swap.to_subnet_id}: {stage_words(told)}{waits}"), share=told.progress)


def _alarm_notes(alarms: Sequence[pb.Alarm]) -> Iterator[Note]:
    """The worst first; those that nobody acknowledged before the others."""
    standing = [one for one in alarms if not one.HasField("cleared_at")]
    worst = sorted(standing, key=lambda one: (-one.severity, one.HasField("acknowledged_by"), -one.id))
    for one in worst[:_MOST_ALARMS]:
        seen = " (seen)" if one.HasField("acknowledged_by") else ""
        text = f"{one.id} {word(one, 'severity').lower()}{seen}: {f'{one.title}: ' if one.title else ''}{one.text}"
        yield Note(Weight.ALARM, clean(text), severity=word(one, "severity"))
    if len(worst) > _MOST_ALARMS:
        yield Note(Weight.ALARM, f"and {len(worst) - _MOST_ALARMS} more; see `ofa-agent alarms`", severity="INFO")


def _budget(status: pb.CameraStatus) -> str:
    """`service 31.0/54.5 ms, latency 42.0/80.0 ms; <= 80 ms, 1100 parts/min, p99, lease`."""
    told = [f"{one.kind} {_ms(one.measured_ms)}/{_ms(one.limit_ms)} ms" for one in bounds(status)]
    return "; ".join([*([", ".join(told)] if told else []), budget_words(status.budget)])


def _ms(value: float | None) -> str:
    """In at most 6 characters, three figures that count."""
    if value is None or not math.isfinite(value):
        return "-"
    return f"{value:.1f}" if value < 1000 else f"{value:.0f}"
