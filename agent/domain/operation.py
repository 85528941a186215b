"""Work that takes longer than a call: what is asked, how far it is, and how it ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol, TypeAlias

from agent.domain.journal import SwapRecord
from agent.domain.states import SwapStage
from agent.errors import AgentError, BadInput

PREFIX = "operations/"

DEFAULT_RESULTS = 300
MIN_RESULTS, MAX_RESULTS = 20, 1000


class ProfileStage(Enum):
    """Where a profiling run is; stable strings."""

    SWAPPING = "swapping"
    MEASURING = "measuring"
    RETURNING = "returning"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class ProfileAsk:
    """What to measure: `subnets` (none named: all that the camera can run), `results` of each; `while_running`: though
    the line is not said to stand, which costs its parts."""

    subnets: tuple[str, ...] = ()
    results: int = DEFAULT_RESULTS
    while_running: bool = False

    def validated(self) -> ProfileAsk:
        """Itself, or BadInput."""
        if not MIN_RESULTS <= self.results <= MAX_RESULTS:
            raise BadInput("results", f"{self.results} is not within {MIN_RESULTS} to {MAX_RESULTS}")
        return self


@dataclass(frozen=True, slots=True)
class ProfilePlan:
    """What a run will do: the sub-nets in order, and what it costs in seconds as far as that can be told.

    `gap_s` is the part of `takes_s` without inference.
    """

    subnets: tuple[str, ...]
    results: int
    takes_s: float
    gap_s: float


@dataclass(frozen=True, slots=True)
class ProfiledNet:
    """What came of one sub-net: figures as in NetProfile, or `error` in words and no figures."""

    subnet_id: str
    count: int = 0
    median_ms: float | None = None
    p99_ms: float | None = None
    sigma: float | None = None
    swap_s: float | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class ProfileWork:
    """A profiling run: `nets` of its `total` sub-nets are finished; `left_s` seconds to the end as expected."""

    stage: ProfileStage
    subnet_id: str
    total: int
    left_s: float
    nets: tuple[ProfiledNet, ...] = ()


@dataclass(frozen=True, slots=True)
class SwapWork:
    """A swap: `progress` 0 to 1 of its expected time, `gap_s` without inference so far; `record` once it has ended."""

    swap_id: str
    from_subnet: str | None
    to_subnet: str
    reason: str
    stage: SwapStage = SwapStage.NONE
    bytes_done: int = 0
    bytes_total: int = 0
    progress: float = 0.0
    gap_s: float = 0.0
    expected_gap_s: float = 0.0
    record: SwapRecord | None = None


@dataclass(frozen=True, slots=True)
class CaptureWork:
    """A capture of labelled images: `taken` of `wanted`; `missed` were lost because their reader was slow."""

    label: str
    wanted: int
    taken: int = 0
    missed: int = 0


Work: TypeAlias = "SwapWork | ProfileWork | CaptureWork"


@dataclass(frozen=True, slots=True)
class Operation:
    """Work at one moment. `deadline_s`: when it is given up, on the clock of decisions; None where that is open.

    Once `done`, `error` is set where it ended before its time; what was reached until then is in `work` all the same.
    """

    name: str
    camera: str
    work: Work
    started_wall_ns: int = 0
    deadline_s: float | None = None
    done: bool = False
    cancelling: bool = False
    error: AgentError | None = None


class Operations(Protocol):
    """The operations of one camera: those under way and the last ones that ended; the journal knows older ones."""

    def all(self) -> Sequence[Operation]:
        """Newest first."""
        ...

    def get(self, name: str) -> Operation | None: ...

    def cancel(self, name: str) -> bool:
        """Ask one to end as soon as it may; harmless when it has. False where there is none of that name.

        Raises Refused for one that may not be ended.
        """
        ...

    def forget(self, name: str) -> bool:
        """Drop one that is done; False where there is none of that name. Raises Refused for one that is not."""
        ...

    async def wait(self, name: str, timeout_s: float) -> Operation | None:
        """The operation once it is done, or as it is after `timeout_s`; None where there is none of that name."""
        ...
