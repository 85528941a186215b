"""What the page reads of the rest of the agent. Nothing here can change anything."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from agent.clock import Clock
from agent.domain.control import Feed
from agent.domain.journal import Alarm, SwapRecord
from agent.domain.preview import Jpeg
from agent.domain.reload import ReloadReport
from agent.domain.result import InferenceResult
from agent.domain.snapshot import CameraSnapshot
from agent.domain.subnet import Catalogue

SwapReader = Callable[[str, int], Awaitable[Sequence[SwapRecord]]]  # camera, how many; newest first
AlarmReader = Callable[[], Awaitable[Sequence[Alarm]]]  # those that stand


class WatchedCamera(Protocol):
    """The part of agent.domain.control.CameraControl that looks and does nothing else."""

    @property
    def name(self) -> str: ...

    def snapshot(self) -> CameraSnapshot: ...

    def catalogue(self) -> Catalogue | None: ...

    def result_feed(
        self, capacity: int, wanted: Callable[[InferenceResult], bool] | None = None
    ) -> Feed[InferenceResult]: ...


class PictureSource(Protocol):
    """The part of agent.supervisor.pictures.PictureDesk that the page shows."""

    @property
    def newest(self) -> Jpeg | None: ...

    @property
    def error(self) -> str: ...

    async def ask(self, number: int | None, wait_s: float) -> Jpeg | None: ...


class Exposition(Protocol):
    """Metrics as text."""

    def exposition(self, openmetrics: bool) -> tuple[bytes, str]:
        """The text and its content type."""
        ...


@dataclass(frozen=True, slots=True)
class WebSources:
    """`cameras` and the pictures of them by name; `boot_id` of leases; `config` None where there is no file."""

    cameras: Mapping[str, WatchedCamera]
    pictures: Mapping[str, PictureSource]
    swaps: SwapReader
    alarms: AlarmReader
    clock: Clock
    boot_id: str
    version: str
    config: Callable[[], ReloadReport] | None = None
    metrics: Exposition | None = None
