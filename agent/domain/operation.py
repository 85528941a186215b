"""Work that takes longer than a call: what is asked, how far it is, and how it ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from agent.errors import AgentError, BadInput

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
class Operation:
    """A profiling run at one moment: `nets` of its `total` sub-nets are finished; `left_s` seconds as expected.

    Once `done`, `error` is set where it ended before its time; what was measured until then is in `nets` all the same.
    """

    name: str
    camera: str
    stage: ProfileStage
    subnet_id: str
    total: int
    left_s: float
    nets: tuple[ProfiledNet, ...] = ()
    done: bool = False
    cancelling: bool = False
    error: AgentError | None = None
    started_wall_ns: int = 0


class Operations(Protocol):
    """The operations of one camera: those under way and the last ones that ended, in memory only."""

    def all(self) -> Sequence[Operation]:
        """Newest first."""
        ...

    def get(self, name: str) -> Operation | None: ...

    def cancel(self, name: str) -> bool:
        """Ask one to end as soon as it may; harmless when it has. False where there is none of that name."""
        ...

    def forget(self, name: str) -> bool:
        """Drop one that is done; False where there is none of that name. Raises Refused for one that is not."""
        ...

    async def wait(self, name: str, timeout_s: float) -> Operation | None:
        """The operation once it is done, or as it is after `timeout_s`; None where there is none of that name."""
        ...
