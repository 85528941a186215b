"""Gaps of the real swap: the daemon's own supervisors, journal and adapter, in a process of their own, without its API.

    python -m tests.bench.gap_agent LIBRARY STATE SOCKET:SERIAL...

At each line `swap NAME` all cameras go to that network at once, at `swap NAME CAMERA` that one does; the answer is one
line of JSON with what each gap was made of. Calls of the SDK are noted (`gap_recorder`).
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, cast

import anyio

from agent.camera import CameraSettings, Sdk, SystemOwner, WorkerCamera
from agent.domain.budget import Budget
from agent.domain.journal import SwapOutcome
from agent.domain.states import CameraState
from agent.library import open_library
from agent.sim import bus, pyspin
from agent.sim.remote import RemoteBusDevice
from agent.supervisor import Parts, Supervisor, SupervisorSettings
from agent.supervisor.source import LibrarySource
from agent.telemetry.ids import RandomIds
from agent.telemetry.journal import SqliteJournal
from tests.bench.gap_recorder import Call, Log, Recorded, RecordedClock, longest, share
from tests.bench.gap_stock import EXPOSURE_US
from tests.support.tiny_libraries import FORMAT

DEADLINE_S = 60.0
REST_S = 0.4  # of a stream before a swap: its frames are settled, and the health of the camera is asked
_ANY = Budget(max_latency_ms=10_000.0)  # however loaded the machine is
SETTINGS = SupervisorSettings(_ANY, _ANY, (FORMAT,))


@dataclass(frozen=True)
class Gap:
    """One gap. `ms` is from the last result of the old network to the first of the new one, as they came off the
    camera; `exposure_ms` is the same by the camera's clock, as the journal has it."""

    camera: str
    ms: float
    exposure_ms: float
    steps: dict[str, Any]
    whole: dict[str, Any]
    longest: dict[str, Any] = field(default_factory=dict)


class StepJournal(SqliteJournal):
    """The daemon's journal; when each step of a swap ended is noted beside."""

    def __init__(self, path: Path, clock: RecordedClock, ids: RandomIds) -> None:
        super().__init__(path, clock, ids)
        self._watch = clock
        self.ends: dict[str, list[tuple[str, int]]] = {}

    def note_step(self, swap_id: str, step: str, elapsed_s: float, error: str | None) -> None:
        self.ends.setdefault(swap_id, []).append((step, self._watch.now_ns()))
        super().note_step(swap_id, step, elapsed_s, error)


class Station:
    """Supervised cameras of the simulation, each in a process of its own."""

    def __init__(self, journal: StepJournal, log: Log, supervisors: dict[str, Supervisor]) -> None:
        self._journal, self._log = journal, log
        self.supervisors = supervisors

    async def swap(self, subnet_id: str, cameras: Sequence[str]) -> list[Gap]:
        """All of `cameras` at once."""
        await asyncio.sleep(REST_S)
        self._log.forget()
        return await asyncio.gather(*(self._swap(name, subnet_id) for name in cameras))

    async def _swap(self, name: str, subnet_id: str) -> Gap:
        supervisor = self.supervisors[name]
        reader = supervisor.result_feed(4096)
        try:
            await supervisor.pin("bench", subnet_id)
            with anyio.fail_after(DEADLINE_S):
                while (result := await reader.next(1.0)) is None or result.subnet_id != subnet_id:
                    pass
                await active(supervisor)
        finally:
            reader.close()
        (swap,) = await self._journal.swaps(name, 1)
        if swap.outcome is not SwapOutcome.VERIFIED or swap.active_subnet != subnet_id:
            raise RuntimeError(f"{name}: swap to {subnet_id} ended {swap.outcome}: {swap.error}")
        return gap_of(name, self._log.calls(f"camera {name}"), self._journal.ends[swap.id], swap.gap_s or 0.0)


async def active(supervisor: Supervisor) -> None:
    """Returns when a verified network runs."""
    feed = supervisor.status_feed()
    try:
        while True:
            snapshot = await feed.next(1.0)
            if snapshot is not None and snapshot.state is CameraState.ACTIVE:
                return
    finally:
        feed.close()


def gap_of(camera: str, calls: Sequence[Call], ends: Sequence[tuple[str, int]], exposure_s: float) -> Gap:
    """The parts of a gap, from the camera thread's calls and the ends of the swap's steps."""
    begin_ns, end_ns = _borders(calls)
    steps, last_ns = {}, begin_ns
    for step, at_ns in _finer(calls, ends):
        if at_ns > begin_ns:
            steps[step] = asdict(share(calls, last_ns, min(at_ns, end_ns)))
            last_ns = min(at_ns, end_ns)
    steps["first inference"] = asdict(share(calls, last_ns, end_ns))
    inside = [call for call in calls if call.begun_ns >= begin_ns and call.ended_ns <= end_ns]
    whole = asdict(share(calls, begin_ns, end_ns))
    return Gap(camera, (end_ns - begin_ns) / 1e6, exposure_s * 1e3, steps, whole, dict(longest(inside)))


def _finer(calls: Sequence[Call], ends: Sequence[tuple[str, int]]) -> Iterator[tuple[str, int]]:
    """The journal's steps with what the table shows apart: the upload as open, write and close, and the first frame."""
    last_ns = 0
    for step, at_ns in ends:
        if step == "upload":
            inside = [call for call in calls if last_ns <= call.begun_ns < at_ns]
            pieces = [number for number, call in enumerate(inside) if call.name == "FileAccessBuffer.Set"]
            closing = next(c for c in inside[pieces[-1] :] if c.name.startswith("FileOperationSelector."))
            yield "open", inside[pieces[0]].begun_ns
            yield "write", closing.begun_ns
            yield "close", at_ns
        else:
            yield step, at_ns
        last_ns = at_ns
    frames = (call for call in calls[_last_start(calls) :] if call.name == "GetNextImage")
    yield "first frame", max(last_ns, next(frames).ended_ns)


def _last_start(calls: Sequence[Call]) -> int:
    return max(number for number, call in enumerate(calls) if call.name == "BeginAcquisition")


def _borders(calls: Sequence[Call]) -> tuple[int, int]:
    """When the last result of the old network and the first of the new one came: images whose class was read."""
    stop = next(number for number, call in enumerate(calls) if call.name == "EndAcquisition")
    start = _last_start(calls)
    came_ns, before_ns = 0, 0
    for number, call in enumerate(calls):
        came_ns = call.ended_ns if call.name == "GetNextImage" else came_ns
        if call.name == "GetInferenceResult":
            if number > start:
                return before_ns, came_ns
            before_ns = came_ns if number < stop else before_ns
    raise RuntimeError("no result after the swap")


@asynccontextmanager
async def station(library: Path, state: Path, places: Sequence[tuple[Path, str]]) -> AsyncIterator[Station]:
    """Cameras that are connected; none has a network of ours yet."""
    log = Log()
    clock = RecordedClock(log)
    source, ids = LibrarySource(open_library(library, (FORMAT,)), clock), RandomIds()
    owner = SystemOwner(cast(Sdk, Recorded(pyspin, log)), clock)
    async with AsyncExitStack() as stack:
        journal = StepJournal(state / "journal.sqlite3", clock, ids)
        await journal.open()
        stack.push_async_callback(journal.close)
        supervisors = {}
        for number, (socket, serial) in enumerate(places):
            place = RemoteBusDevice(socket)
            bus.attach(place)
            stack.callback(bus.detach, place)
            settings = CameraSettings(f"station-{number}", serial, exposure_us=EXPOSURE_US, gain_db=0.0)
            camera = WorkerCamera(settings, owner, clock)
            stack.push_async_callback(camera.close)
            supervisors[settings.name] = Supervisor(Parts(camera, journal, clock, SETTINGS, source, ids.uuid, "boot"))
        async with anyio.create_task_group() as tasks:
            for name, supervisor in supervisors.items():
                await supervisor.load()
                tasks.start_soon(supervisor.run, name=name)
            try:
                yield Station(journal, log, supervisors)
            finally:
                for supervisor in supervisors.values():
                    supervisor.stop()


async def _serve(library: Path, state: Path, places: Sequence[tuple[Path, str]]) -> None:
    async with station(library, state, places) as made:
        names = list(made.supervisors)
        for supervisor in made.supervisors.values():
            await active(supervisor)
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        while words := (await asyncio.to_thread(sys.stdin.readline)).split():
            gaps = await made.swap(words[1], words[2:] or names)
            sys.stdout.write(json.dumps([asdict(gap) for gap in gaps]) + "\n")
            sys.stdout.flush()


def main() -> None:
    """See the module docstring."""
    places = [(Path(path), serial) for path, _, serial in (word.rpartition(":") for word in sys.argv[3:])]
    asyncio.run(_serve(Path(sys.argv[1]), Path(sys.argv[2]), places))


if __name__ == "__main__":
    main()
