"""Ground truth of a run, for tests and the demo; it leaves the device only over the plant channel."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from itertools import takewhile
from typing import Protocol, TypedDict, TypeVar

from agent.sim.chunks import Box

R = TypeVar("R")

RING = 200_000


class ExposureRow(TypedDict):
    """`timestamp_ns` is the camera's time at the end of exposure; `class` is -1 for the empty belt."""

    timestamp_ns: int
    frame_id: int
    part: int
    true_class: int


class BoxRow(TypedDict):
    """One detection, in image pixels."""

    class_id: int
    confidence: float
    left: int
    top: int
    right: int
    bottom: int


class InferenceRow(TypedDict):
    """A finished inference; `timestamp_ns` names the exposure that it saw. A detection has boxes and no class."""

    timestamp_ns: int
    finished_ns: int
    sha256: str
    class_id: int
    confidence: float
    service_ms: float
    boxes: list[BoxRow]


class LostRow(TypedDict):
    """A part that made no frame: nobody acquired, or the sensor was not ready."""

    at_ns: int
    part: int
    why: str


class TruthReport(TypedDict):
    """Answer of `Truth.since`; plain data for JSON."""

    exposures: list[ExposureRow]
    inferences: list[InferenceRow]
    lost: list[LostRow]
    counters: dict[str, int]


class TrueInference(Protocol):
    """What the log keeps of an inference; class and confidence may be computed when asked for."""

    @property
    def timestamp_ns(self) -> int: ...
    @property
    def finish_camera_ns(self) -> int: ...
    @property
    def digest(self) -> str: ...
    @property
    def class_id(self) -> int: ...
    @property
    def confidence(self) -> float: ...
    @property
    def service_ms(self) -> float: ...
    @property
    def boxes(self) -> tuple[Box, ...]: ...


class ClassOf(Protocol):
    """True class of a part."""

    def __call__(self, part: int, /) -> int: ...


@dataclass(frozen=True, slots=True)
class _Exposure:
    timestamp_ns: int
    frame_id: int
    part: int


@dataclass(frozen=True, slots=True)
class Selection:
    """A part of the log, taken under the lock and reported outside it."""

    exposures: list[_Exposure]
    inferences: list[TrueInference]
    lost: list[LostRow]
    counters: dict[str, int]


class Truth:
    """Bounded rings of what happened. Owner: the device, under its lock; the oldest rows are dropped."""

    def __init__(self, true_class: ClassOf, ring: int = RING) -> None:
        self._true_class = true_class
        self._exposures: deque[_Exposure] = deque(maxlen=ring)
        self._inferences: deque[TrueInference] = deque(maxlen=ring)
        self._lost: deque[LostRow] = deque(maxlen=ring)
        self.counters: Counter[str] = Counter()

    def exposed(self, timestamp_ns: int, frame_id: int, part: int) -> None:
        """A frame was exposed with `part` in view, -1 for none."""
        self.counters["exposures"] += 1
        self._exposures.append(_Exposure(timestamp_ns, frame_id, part))

    def inferred(self, inference: TrueInference) -> None:
        """An inference finished."""
        self.counters["inferences"] += 1
        self._inferences.append(inference)

    def lost(self, part: int, at_ns: int, why: str) -> None:
        """`part` passed without a frame."""
        self.counters[f"lost_{why}"] += 1
        self._lost.append({"at_ns": at_ns, "part": part, "why": why})

    def select(self, since_ns: int) -> Selection:
        """What happened at or after `since_ns`."""
        return Selection(
            _tail(self._exposures, lambda e: e.timestamp_ns >= since_ns),
            _tail(self._inferences, lambda i: i.timestamp_ns >= since_ns),
            _tail(self._lost, lambda row: row["at_ns"] >= since_ns),
            dict(self.counters),
        )

    def report(self, rows: Selection) -> TruthReport:
        """Plain data; computes results that nobody read yet. Thread-safe."""
        return {
            "exposures": [self._exposure_row(e) for e in rows.exposures],
            "inferences": [_inference_row(i) for i in rows.inferences],
            "lost": rows.lost,
            "counters": rows.counters,
        }

    def _exposure_row(self, exposure: _Exposure) -> ExposureRow:
        return {
            "timestamp_ns": exposure.timestamp_ns,
            "frame_id": exposure.frame_id,
            "part": exposure.part,
            "true_class": self._true_class(exposure.part),
        }


def _tail(rows: deque[R], wanted: Callable[[R], bool]) -> list[R]:
    """The last rows, all of them `wanted`; rows are in the order of time, so only those are looked at."""
    taken = list(takewhile(wanted, reversed(rows)))
    taken.reverse()
    return taken


def _inference_row(inference: TrueInference) -> InferenceRow:
    return {
        "timestamp_ns": inference.timestamp_ns,
        "finished_ns": inference.finish_camera_ns,
        "sha256": inference.digest,
        "class_id": inference.class_id,
        "confidence": inference.confidence,
        "service_ms": inference.service_ms,
        "boxes": [_box_row(box) for box in inference.boxes],
    }


def _box_row(box: Box) -> BoxRow:
    return {
        "class_id": box.class_id,
        "confidence": box.confidence,
        "left": box.left,
        "top": box.top,
        "right": box.right,
        "bottom": box.bottom,
    }
