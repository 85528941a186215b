"""The status of a camera at one moment: what GetStatus answers and WatchStatus streams."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from agent.domain.budget import Claim, EffectiveBudget
from agent.domain.decision import Decision, Reason
from agent.domain.device import CameraInfo, Health
from agent.domain.notice import UNKNOWN_LINE, AnnouncedChange, LineState
from agent.domain.orders import NO_ORDERS, Orders
from agent.domain.states import CameraState, Degraded, SwapStage


class Proof(Enum):
    """How the active network was proved on the camera."""

    GOLDEN_IMAGES = "golden_images"  # and the read-only properties
    PROPERTIES = "properties"  # read-only ones alone: no image can be injected, or the library has none


@dataclass(frozen=True, slots=True)
class LatencyFigures:
    """Measured on the active sub-net; quantiles over its recent results, ms."""

    count: int
    service_p50_ms: float
    service_p99_ms: float
    latency_p50_ms: float
    latency_p99_ms: float


@dataclass(frozen=True, slots=True)
class RunningSwap:
    """A swap under way."""

    id: str
    to_subnet: str
    stage: SwapStage
    bytes_done: int
    bytes_total: int
    started_wall_ns: int
    expected_gap_s: float
    waits_for: str = ""  # while it waits for its permit: what for, in words


class ComingCause(Enum):
    """Why a swap that is foreseen does not begin yet."""

    ANNOUNCED_CHANGE = "announced_change"
    MIN_DWELL = "min_dwell"
    MEASURING = "measuring"
    WINDOW = "window"  # until the line stands, or somebody permits it
    INHIBITED = "inhibited"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class ComingSwap:
    """A swap that is foreseen and has not begun; `starts_s` on the clock of decisions, None where that is open."""

    to_subnet: str
    starts_s: float | None
    expected_gap_s: float
    reason: Reason
    cause: ComingCause
    text: str = field(compare=False)  # it counts down


@dataclass(frozen=True, slots=True)
class CameraSnapshot:
    """Everything a reader may want to know; `revision` grows with every change of it."""

    camera: str
    revision: int
    state: CameraState
    degraded: tuple[Degraded, ...]
    detail: str  # one line: why it is so, when it is not plain ACTIVE
    info: CameraInfo | None
    active_subnet: str | None
    generation: int | None
    verified: bool
    budget: EffectiveBudget
    claims: tuple[Claim, ...]
    decision: Decision | None
    latency: LatencyFigures | None
    load: float | None  # interfaces.md section 3; 1.0 is saturation
    swap: RunningSwap | None
    health: Health | None
    swaps_total: int
    verified_by: Proof | None = None  # None where nothing is verified
    line: LineState = UNKNOWN_LINE
    changes: tuple[AnnouncedChange, ...] = ()
    coming: ComingSwap | None = None
    orders: Orders = NO_ORDERS
    permit_boot_ns: int | None = None  # until then one swap is permitted (CLOCK_BOOTTIME)
    etag: str = ""
    settled: bool = False  # what runs is meant for the budget in force, and nothing is to come for it
