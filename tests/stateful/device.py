"""One camera that outlives the agent's runs, and remembers what it executed."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from agent.clock import Clock, SystemClock
from agent.domain.device import CameraInfo, GoldenCheck, GoldenOutcome, Picture, ProgressFn
from agent.errors import CameraGone, CameraTimeout
from tests.support.fake_camera import INFO, FakeCamera

LOOK_S = 0.005
SERVICE_MS: Mapping[str, float] = {"small": 16.0, "middle": 28.0, "large": 45.0}


@dataclass
class Plate:
    """What of a camera stays over a restart of the agent, and the truth about it.

    `starts`: (run of the agent, generation, sub-net) of every stream with a network, in order. `executed`: by the
    capture time of each result, what it was made by.
    """

    name: str
    starts: list[tuple[int, int, str]] = field(default_factory=list)
    executed: dict[int, tuple[int, str]] = field(default_factory=dict)


@dataclass
class StationCamera(FakeCamera):
    """A `Camera` of one run of the agent. `upload_s`: what an upload takes; `dead`: that run is no more.

    `hangs`: calls that are given up at their deadline, by what `clock` says; `silent`: they never come back at all.
    """

    run: int = 1
    clock: Clock = field(default_factory=SystemClock)
    hangs: frozenset[str] = frozenset()
    silent: bool = False

    plate: Plate = field(default_factory=lambda: Plate("station-1"))
    upload_s: float = 0.0
    dead: bool = False
    frames: int = 0

    def successor(self, fail: Mapping[tuple[str, int], Exception], hangs: frozenset[str]) -> StationCamera:
        """The same camera for the next run, as this one left it."""
        self.dead = True
        return StationCamera(
            name=self.name,
            fail=fail,
            clock=self.clock,
            hangs=hangs,
            silent=self.silent,
            blob=self.blob,
            enabled=self.enabled,
            plate=self.plate,
            upload_s=self.upload_s,
            run=self.run + 1,
        )

    def _called(self, call: str) -> None:
        if self.dead:
            raise CameraGone("that run of the agent has ended")
        super()._called(call)

    async def disconnect(self, deadline_s: float) -> None:
        if not self.dead:  # what ends after its run has nothing to say to the camera
            await super().disconnect(deadline_s)

    async def connect(self, deadline_s: float) -> CameraInfo:
        await super().connect(deadline_s)
        self.streaming = False
        return replace(INFO, serial=f"serial-{self.name}", network_bytes=len(self.blob or b""))

    async def _hang(self, call: str, deadline_s: float) -> None:
        if call not in self.hangs:
            return
        until_ns = self.clock.now_ns() + round(deadline_s * 1e9)
        while self.silent or self.clock.now_ns() < until_ns:  # noqa: ASYNC110
            await asyncio.sleep(LOOK_S)
        raise CameraTimeout(f"{call}: not done within {deadline_s:.2f} s")

    async def stop_stream(self, deadline_s: float) -> None:
        await self._hang("stop", deadline_s)
        await super().stop_stream(deadline_s)

    async def self_test(self, goldens: Sequence[GoldenCheck], deadline_s: float) -> tuple[GoldenOutcome, ...]:
        await self._hang("self_test", deadline_s)
        return await super().self_test(goldens, deadline_s)

    async def upload_network(self, blob: bytes, deadline_s: float, progress: ProgressFn) -> None:
        await self._hang("upload", deadline_s)
        if self.upload_s:
            await asyncio.sleep(self.upload_s)
        await super().upload_network(blob, deadline_s, progress)

    async def start_stream(self, deadline_s: float, generation: int | None) -> None:
        await super().start_stream(deadline_s, generation)
        if generation is not None and self.enabled is not None:
            self.plate.starts.append((self.run, generation, self.enabled))

    def look(self, clock: Clock) -> None:
        """One frame for whoever takes pictures."""
        if self.dead or not self.streaming or all(tap.closed for tap in self.taps):
            return
        now_ns = clock.now_ns()
        self.frames += 1
        serial, pixels = f"serial-{self.name}", np.zeros((2, 2), np.uint8)
        self.show(
            Picture(self.frames, now_ns, now_ns, self.generation, None, serial, "Mono8", 0, 0, None, None, pixels)
        )

    def work(self, clock: Clock, parts: int) -> None:
        """Inspect that many parts, where a network runs."""
        if self.dead or not self.streaming or self.generation is None or self.enabled is None:
            return
        for _ in range(parts):
            captured_ns = max(clock.now_ns(), max(self.plate.executed, default=0) + 1)
            self.plate.executed[captured_ns] = (self.generation, self.enabled)
            service_ms = SERVICE_MS[self.enabled]
            self.deliver(captured_ns, service_ms, service_ms + 1.0)
