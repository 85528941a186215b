"""What a latency model has learned, as a document that outlives the process."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

SCHEMA: Literal["ofa-agent.timing/1"] = "ofa-agent.timing/1"

_Count = Annotated[int, Meta(ge=0)]
_Positive = Annotated[float, Meta(gt=0.0)]


class SavedNet(msgspec.Struct, frozen=True):
    """`standing`: offset, its variance, sensitivity, its variance, their covariance; logarithms."""

    base: float | None
    count: _Count
    seen: _Count
    standing: tuple[float, float, float, float, float]
    first: list[float]
    own: float
    left: float | None
    profile_ns: int  # when the profile was measured that its base is of or later; -1 without one


class SavedSlowdown(msgspec.Struct, frozen=True):
    mean: list[float]
    covariance: list[list[float]]


class SavedLevel(msgspec.Struct, frozen=True):
    level: float
    weight: _Positive
    block_sum: float
    block_count: _Count
    run: list[tuple[float, float]]
    up: float
    down: float
    ups: _Count
    downs: _Count


class SavedResiduals(msgspec.Struct, frozen=True):
    """`trackers`: (quantile, bound, pooled quantile, aim), the one that was asked for last first."""

    sigma: _Positive
    count: _Count
    weight: _Positive
    trackers: list[tuple[float, float, float, float]]
    pending: list[float]
    weighed: _Count
    body: list[float]
    tail: list[float]
    grid_sigma: _Positive


class SavedDelivery(msgspec.Struct, frozen=True):
    """Latest values, oldest first, and their spreads."""

    transfer_ms: list[float]
    transfer_spread: float | None
    overhead_ms: list[float]
    overhead_spread: float | None


class Marked(msgspec.Struct, frozen=True):
    """How it was with the running net when rows were last computed: results seen by then, variances of a result and of
    the level, and how many results far off it takes to make a step."""

    seen: _Count
    noise_variance: float
    level_variance: float
    needed: Annotated[int, Meta(ge=2)]


class SavedTracking(msgspec.Struct, frozen=True):
    """`slots`: ids by slot; `used`: the same, the one that ran last at the end."""

    nets: dict[str, SavedNet]
    slots: list[str]
    used: list[str]
    latest: str | None
    fresh: bool
    entered: float
    seen: _Count
    steps: _Count
    slowdown: SavedSlowdown
    level: SavedLevel
    residuals: SavedResiduals
    at: Marked


class SavedTiming(msgspec.Struct, frozen=True):
    schema: Literal["ofa-agent.timing/1"]
    tracking: SavedTracking
    delivery: SavedDelivery


def as_document(saved: SavedTiming) -> dict[str, object]:
    """As JSON values."""
    built = msgspec.to_builtins(saved)
    return {str(key): value for key, value in built.items()}


def parsed(document: Mapping[str, object], most_slots: int, cells: tuple[int, int]) -> SavedTiming | None:
    """The document, or None where it is another one or does not hold together; `cells` of body and tail."""
    try:
        saved = msgspec.convert(dict(document), SavedTiming)
    except (msgspec.ValidationError, ValueError, TypeError):
        return None
    sound = _holds(saved.tracking, most_slots, cells) and all(map(math.isfinite, _figures(document)))
    return saved if sound else None


def _holds(saved: SavedTracking, most_slots: int, cells: tuple[int, int]) -> bool:
    size, covariance = 1 + 2 * len(saved.slots), saved.slowdown.covariance
    residuals = saved.residuals
    return (
        len(saved.slots) <= most_slots
        and len(set(saved.slots)) == len(saved.slots)
        and sorted(saved.used) == sorted(saved.slots)
        and all(one in saved.nets for one in saved.slots)
        and (saved.latest is None or saved.latest in saved.nets)
        and len(saved.slowdown.mean) == size == len(covariance)
        and all(len(row) == size for row in covariance)
        and all(covariance[place][place] >= 0.0 for place in range(size))
        and all(gamma > 0.0 for gamma in saved.slowdown.mean[2::2])
        and (len(residuals.body), len(residuals.tail)) == cells
        and min(*residuals.body, *residuals.tail) >= 0.0
        and residuals.weighed <= len(residuals.pending)
        and all(0.0 < quantile < 1.0 for quantile, *_ in residuals.trackers)
    )


def _figures(value: object) -> Iterable[float]:
    """All numbers of a document."""
    if isinstance(value, (int, float)):
        yield float(value)
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from _figures(part)
    elif isinstance(value, (list, tuple)):
        for part in value:
            yield from _figures(part)
