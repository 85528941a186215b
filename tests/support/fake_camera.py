"""A scripted `Camera` (our own Protocol) for tests of what drives one; the simulated camera serves all others."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from agent.domain.device import (
    CameraEvent,
    CameraInfo,
    EventKind,
    GoldenCheck,
    GoldenOutcome,
    Health,
    NetworkReport,
    NetworkSetup,
    Picture,
    ProgressFn,
)
from agent.domain.result import RawInference, StreamCounts
from agent.errors import CameraRefused

INFO = CameraInfo("20381234", "FFY-U3-16S2M-DL", "1905.4.103", "4.4.0.246", 65536, 24_000_000, 0, None, True)


@dataclass(eq=False)
class FakeTap:
    """A tap that shows what the test shows; `every_s` and `capacity` are what was asked for."""

    every_s: float
    capacity: int
    on_picture: Callable[[], None]
    missed: int = 0
    closed: bool = False
    _waiting: list[Picture] = field(default_factory=list)

    def take(self) -> Sequence[Picture]:
        taken, self._waiting = self._waiting, []
        return taken

    def close(self) -> None:
        self.closed = True

    def put(self, picture: Picture) -> None:
        first = not self._waiting
        self._waiting.append(picture)
        self.missed += len(self._waiting) > self.capacity
        self._waiting = self._waiting[-self.capacity :]
        if first:
            asyncio.get_running_loop().call_soon(self.on_picture)


@dataclass
class FakeCamera:
    """Keeps the one slot and the rules of the real one; `fail` maps (call, nth) to the error raised there."""

    name: str = "station-1"
    fail: Mapping[tuple[str, int], Exception] = field(default_factory=dict)
    info: CameraInfo = INFO
    calls: list[str] = field(default_factory=list)
    blob: bytes | None = None
    enabled: str | None = None
    streaming: bool = False
    generation: int | None = None
    wrong_golden: set[str] = field(default_factory=set)
    can_inject: bool = True
    inputs: dict[str, bool] = field(default_factory=dict)  # level of each digital input
    taps: list[FakeTap] = field(default_factory=list)
    tells_results: bool = True
    times_each: bool = False
    _results: list[RawInference] = field(default_factory=list)
    _counts: dict[str, int] = field(default_factory=dict)
    _callback: Callable[[CameraEvent], None] | None = None

    def _called(self, call: str) -> None:
        self._counts[call] = self._counts.get(call, 0) + 1
        self.calls.append(call)
        error = self.fail.get((call, self._counts[call]))
        if error is not None:
            raise error

    async def connect(self, deadline_s: float) -> CameraInfo:
        self._called("connect")
        return self.info

    async def disconnect(self, deadline_s: float) -> None:
        self._called("disconnect")
        self.streaming = False

    async def start_stream(self, deadline_s: float, generation: int | None) -> None:
        self._called("start")
        self.streaming, self.generation = True, generation

    async def own_pace(self, on: bool, deadline_s: float) -> None:
        self._called("own_pace" if on else "line_pace")

    async def stop_stream(self, deadline_s: float) -> None:
        self._called("stop")
        self.streaming = False

    async def disable_inference(self, deadline_s: float) -> None:
        self._called("disable")
        self.enabled = None

    async def delete_network(self, deadline_s: float) -> None:
        if self.streaming or self.enabled:
            raise CameraRefused("delete while streaming or enabled")
        self._called("delete")
        self.blob = None

    async def upload_network(self, blob: bytes, deadline_s: float, progress: ProgressFn) -> None:
        if self.streaming or self.blob is not None:
            raise CameraRefused("upload while streaming or into a full slot")
        self._called("upload")
        self.blob = blob
        progress(len(blob), len(blob))

    async def activate_network(
        self, setup: NetworkSetup, deadline_s: float, goldens: Sequence[GoldenCheck] = ()
    ) -> None:
        self._called("activate")
        self.enabled = setup.subnet_id

    async def read_network(self, deadline_s: float) -> NetworkReport:
        self._called("read")
        return NetworkReport(len(self.blob or b""), None, None, None, None, None)

    async def self_test(self, goldens: Sequence[GoldenCheck], deadline_s: float) -> tuple[GoldenOutcome, ...]:
        self._called("self_test")
        if not self.can_inject:
            return ()
        good = self.enabled not in self.wrong_golden
        return tuple(GoldenOutcome(g.class_id if good else g.class_id + 1, g.confidence, good) for g in goldens)

    async def mark_verified(self, subnet_id: str, deadline_s: float) -> None:
        self._called("mark")

    async def health(self, deadline_s: float) -> Health:
        self._called("health")
        return Health(40.0, StreamCounts(), None, None)

    async def read_line(self, line: str, deadline_s: float) -> bool:
        self._called("read_line")
        if line not in self.inputs:
            raise CameraRefused(f"no input {line}")
        return self.inputs[line]

    def take_results(self) -> Sequence[RawInference]:
        taken, self._results = self._results, []
        return taken

    def time_results(self, each: bool) -> None:
        self.times_each = each

    def tell_results(self, at_once: bool) -> None:
        self.tells_results = at_once

    def on_event(self, callback: Callable[[CameraEvent], None]) -> None:
        self._callback = callback

    def tap(self, every_s: float, capacity: int, on_picture: Callable[[], None]) -> FakeTap:
        self.taps.append(FakeTap(every_s, capacity, on_picture))
        return self.taps[-1]

    def show(self, picture: Picture) -> None:
        """A frame that every open tap is due for."""
        for tap in self.taps:
            if not tap.closed:
                tap.put(picture)

    def emit(self, kind: EventKind, detail: str = "") -> None:
        """Something happens on the camera by itself."""
        assert self._callback is not None
        self._callback(CameraEvent(kind, detail))

    def deliver(self, captured_ns: int, service_ms: float, latency_ms: float) -> None:
        """One result of the network that runs."""
        assert self.generation is not None
        self._results.append(
            RawInference(self.generation, 1, captured_ns, captured_ns, 2, 0.9, service_ms, latency_ms, part=1)
        )
        if self.tells_results:
            self.emit(EventKind.RESULTS)
