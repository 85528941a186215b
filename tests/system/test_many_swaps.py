"""Swap after swap on the pessimistic camera, with a fault now and then: nothing leaks, nothing is attributed wrongly.

500 swaps in the suite, 10 000 in `make soak`, in virtual time: the real adapter and transaction on the simulated
camera, each result compared with what the device really executed for that exposure.
"""

from __future__ import annotations

import asyncio
import gc
import threading
import tracemalloc
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from agent.domain.device import GoldenCheck
from agent.domain.journal import SwapOutcome, SwapRecord
from agent.domain.result import RawInference
from agent.errors import CameraError
from agent.sim.spec import FaultSpec, SceneSpec, SimulationSpec
from agent.swap.transaction import Installed, Payload, SwapEnd, SwapTransaction
from tests.contract.rig import CLASSES, NET_A, NET_B, NET_C, Net, Rig, on_profile, play, settings
from tests.contract.test_camera_self_test import goldens_of
from tests.reliability.recorder import Reliability
from tests.support.leaks import open_descriptors
from tests.support.memory_journal import MemoryJournal

pytestmark = pytest.mark.timeout(1800)
NETS = {net.id: net for net in (NET_A, NET_B, NET_C)}
FAULT_EVERY = 12  # one swap in so many is struck
RESULTS = 3
PATIENCE_S = 5.0
MOST_GROWTH_BYTES = 1000.0  # a swap, of the agent's code
# The rest of what the device can do wrong is tried step by step in tests/faults.
FAULTS = (
    FaultSpec("file.open", "wrong_status"),
    FaultSpec("file.write", "io_error"),
    FaultSpec("file.write", "short_write", nth=2),
    FaultSpec("file.write", "corrupt"),
    FaultSpec("file.close", "io_error"),
    FaultSpec("file.delete", "wrong_status"),
    FaultSpec("network.load", "wrong_status"),
    FaultSpec("network.load", "wrong_output"),
    FaultSpec("inference.enable", "io_error"),
    FaultSpec("acquisition.stop", "io_error"),
    FaultSpec("acquisition.start", "wrong_status"),
    FaultSpec("register", "io_error", nth=40),
    FaultSpec("register", "unplug", nth=60),
    FaultSpec("file.write", "reset"),
)


# Held by the device's rings of ground truth, which are bounded by their length.
OF_TRUTH = {
    "agent.sim.truth._Exposure",
    "agent.sim.inference.Inference",
    "agent.sim.chunks.Geometry",
    "agent.sim.chunks.ImageKey",
    "agent.sim.chunks.Processing",
    "agent.sim.latency.ServiceTime",
    "agent.sim.outputs.Outcome",
    "agent.sim.outputs.OutputReading",
    "agent.sim.vpu.Preprocessing",
}


class _Journal(MemoryJournal):
    """Forgets a swap when it has ended: what grows here must be the agent's."""

    def forget(self) -> None:
        self.rows.clear()
        self.steps.clear()
        self.chain.clear()


@dataclass
class _Source:
    goldens: dict[str, list[GoldenCheck]]

    async def load(self, subnet_id: str) -> Payload:
        net = NETS[subnet_id]
        return Payload(net.setup, net.digest, net.blob, tuple(self.goldens[subnet_id]))


@dataclass
class Tally:
    """What came of a run."""

    outcomes: Counter[str] = field(default_factory=Counter)
    struck: Counter[str] = field(default_factory=Counter)
    results: int = 0
    silent: int = 0  # swaps that were verified and gave no result in time
    reconnects: int = 0
    wrong: list[str] = field(default_factory=list)
    objects: list[Counter[str]] = field(default_factory=list)  # at a fifth of the run and at its end
    grown_bytes: int = 0  # by the agent's code during the last fifth


@dataclass
class _Run:
    """One camera being swapped again and again."""

    made: Rig
    source: _Source
    rng: np.random.Generator
    journal: _Journal = field(default_factory=_Journal)
    installed: Installed | None = None
    nets: dict[int, Net] = field(default_factory=dict)
    tally: Tally = field(default_factory=Tally)

    async def play(self, swaps: int) -> Tally:
        await self.made.camera.connect(30.0)
        for number in range(swaps):
            if number == swaps // 5:
                self.tally.objects.append(_objects())
            if number == swaps - swaps // 5:
                tracemalloc.start()
            await self._swap(number)
        self.tally.grown_bytes = _grown_bytes()
        self.tally.objects.append(_objects())
        return self.tally

    async def _swap(self, number: int) -> None:
        fault = FAULTS[int(self.rng.integers(len(FAULTS)))] if number % FAULT_EVERY == FAULT_EVERY - 1 else None
        if fault is not None:
            self.made.device.inject_fault(fault)
        end = await self._transaction(number)
        self.made.device.clear_faults()
        self.installed = end.installed
        self.tally.outcomes[end.record.outcome.value] += 1
        if fault is not None and end.record.outcome is not SwapOutcome.VERIFIED:
            self.tally.struck[f"{fault.operation} {fault.effect}"] += 1
        if end.installed is None:
            await self._reconnect()
        else:
            await self._inspect(end.installed)

    async def _transaction(self, number: int) -> SwapEnd:
        others = [net.id for net in NETS.values() if self.installed is None or net.id != self.installed.subnet_id]
        target = others[int(self.rng.integers(len(others)))]
        old = self.installed.subnet_id if self.installed else None
        record = SwapRecord(f"swap-{number}", self.made.camera.name, old, target, "budget", "b", 0)
        transaction = SwapTransaction(
            self.made.camera, self.journal, self.source, self.made.clock,
            lambda _: None, lambda _done, _total: None, self._announced,
        )  # fmt: skip
        end = await transaction.swap(record, self.installed, 60.0)
        self.journal.forget()
        self.made.events.clear()
        return end

    def _announced(self, generation: int, subnet_id: str) -> None:
        self.nets[generation] = NETS[subnet_id]
        for old in [known for known in self.nets if known < generation - 8]:
            del self.nets[old]

    async def _inspect(self, installed: Installed) -> None:
        """Some results of what was installed, each checked."""
        camera, until_ns = self.made.camera, self.made.clock.now_ns() + round(PATIENCE_S * 1e9)
        found: list[RawInference] = list(camera.take_results())
        while len([one for one in found if one.generation == installed.generation]) < RESULTS:
            if self.made.clock.now_ns() > until_ns:
                self.tally.silent += 1
                await self._reconnect()
                break
            await asyncio.sleep(0.02)
            found += camera.take_results()
        self.tally.results += len(found)
        if found:
            self._check(found)

    def _check(self, found: Sequence[RawInference]) -> None:
        truth = self.made.device.truth(min(one.captured_ns for one in found))
        rows = {row["timestamp_ns"]: row for row in truth["inferences"]}
        frames = {row["timestamp_ns"]: row["frame_id"] for row in truth["exposures"]}
        for one in found:
            row = rows.get(one.captured_ns)
            said = (one.generation, one.captured_ns, one.class_id)
            if row is None or row["sha256"] != self.nets[one.generation].digest:
                self.tally.wrong.append(f"{said}: {row}")
            elif (row["class_id"], row["confidence"]) != (one.class_id, one.confidence):
                self.tally.wrong.append(f"{said}: the network said {row}")
            elif frames[one.captured_ns] != one.frame_id:
                self.tally.wrong.append(f"{said}: frame {one.frame_id}, exposed as {frames[one.captured_ns]}")

    async def _reconnect(self) -> None:
        """The camera must always come back."""
        camera, device = self.made.camera, self.made.device
        self.installed = None
        self.tally.reconnects += 1
        device.replug()
        for _ in range(10):
            await camera.disconnect(30.0)
            camera.take_results()
            try:
                await camera.connect(30.0)
            except CameraError:
                await asyncio.sleep(1.0)
            else:
                return
        raise AssertionError("the camera never came back")


def _objects() -> Counter[str]:
    """Living objects of the agent, the simulation and their waits, by type."""
    gc.collect()
    kinds: Counter[str] = Counter()
    for one in gc.get_objects():
        module = str(type(one).__module__)
        name = f"{module}.{type(one).__qualname__}"
        if module.startswith(("agent.", "_thread", "asyncio", "anyio")) and name not in OF_TRUTH:
            kinds[name] += 1
    return kinds


def _grown_bytes() -> int:
    """What the agent's code allocated since tracing began and still holds."""
    gc.collect()
    snapshot = tracemalloc.take_snapshot()
    tracemalloc.stop()
    mine = snapshot.filter_traces([tracemalloc.Filter(True, "*/agent/*"), tracemalloc.Filter(False, "*/agent/sim/*")])
    return sum(one.size for one in mine.traces)


def _played(swaps: int, seed: int) -> Tally:
    spec = SimulationSpec(scene=SceneSpec(distinct=32, parts_per_minute=600.0))
    source = _Source({net.id: goldens_of(net) for net in NETS.values()})
    assert all(0 <= golden.class_id < CLASSES for goldens in source.goldens.values() for golden in goldens)
    threads, descriptors = threading.active_count(), open_descriptors()

    async def main(made: Rig) -> Tally:
        return await _Run(made, source, np.random.default_rng(seed)).play(swaps)

    with on_profile("pessimistic"):
        tally = play(main, replace(spec, seed=seed), settings(frame_rate=30.0))
    assert threading.active_count() == threads
    assert descriptors.leaked(open_descriptors()) == []
    return tally


def _sound(tally: Tally, swaps: int) -> None:
    assert tally.wrong == []
    assert sum(tally.outcomes.values()) == swaps
    assert tally.outcomes["verified"] >= 0.85 * swaps
    assert sum(tally.struck.values()) >= 0.3 * swaps / FAULT_EVERY, "hardly any fault struck: the run proves little"
    assert tally.results >= RESULTS * 0.9 * swaps
    assert tally.silent == 0
    before, after = tally.objects
    grown = {kind: (before[kind], count) for kind, count in after.items() if count > before[kind] + 20}
    assert grown == {}, "objects pile up"
    assert tally.grown_bytes < 100_000


def test_500_swaps_leak_nothing_and_attribute_nothing_wrongly() -> None:
    tally = _played(500, seed=1)
    _sound(tally, 500)


@pytest.mark.soak
@pytest.mark.timeout(4 * 3600)
def test_10_000_swaps_leak_nothing_and_attribute_nothing_wrongly(reliability: Reliability) -> None:
    swaps = reliability.scaled(10_000, least=200)
    tally = _played(swaps, seed=2)
    for item in (4, 12):
        reliability.count(item, "swaps", sum(tally.outcomes.values()), seed=2)
    reliability.count(4, "frames", tally.results, seed=2)
    reliability.measured(12, "growth_bytes_a_swap", tally.grown_bytes / max(1, swaps // 5), most=MOST_GROWTH_BYTES)
    _sound(tally, swaps)
