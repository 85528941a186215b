"""The real agent on the simulated camera in virtual time: a script plays the line and its controller.

Everything is the daemon's own (journal, library, adapter, supervisor) except gRPC, which has threads of its own.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from agent.app import Agent
from agent.clock import VirtualClock, run_virtual
from agent.config import AgentConfig
from agent.config import schema as cfg
from agent.domain.budget import Budget
from agent.domain.journal import Alarm, SwapOutcome, SwapRecord
from agent.domain.result import InferenceResult
from agent.domain.snapshot import CameraSnapshot
from agent.domain.states import CameraState
from agent.domain.subnet import Subnet
from agent.sim import bus
from agent.sim.device import Firefly
from agent.sim.link import LocalBusDevice
from agent.sim.spec import FaultSpec
from agent.sim.truth import TruthReport
from agent.supervisor import Supervisor
from agent.telemetry.ids import SeededIds
from tests.support.journal_digest import journal_digest

CAMERA = "station-1"
FEED = 4096
READ_EVERY_S = 5.0


@dataclass(frozen=True)
class Act:
    """At `at_s` the line runs at `parts_per_minute`, and its controller asks for `budget` (None: asks nothing).

    `strike` arms faults and `plant` does something to the camera just before; `pin` is the sub-net that an operator
    wants then, by the beginning of its name.
    """

    at_s: float
    parts_per_minute: float
    budget: Budget | None = None
    strike: tuple[FaultSpec, ...] = ()
    plant: Callable[[Firefly], None] | None = None
    pin: str = ""


@dataclass
class Outcome:
    """What came of a run: the results by sub-net, what is wrong with them, and the journal."""

    results: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    right_class: int = 0
    dropped: int = 0
    swaps: Sequence[SwapRecord] = ()
    last: CameraSnapshot | None = None
    digest: str = ""
    counters: dict[str, int] = field(default_factory=dict)
    alarms: Sequence[Alarm] = ()
    states: list[CameraState] = field(default_factory=list)
    unverified: int = 0  # snapshots that called a network active which was not verified

    def verified(self) -> list[SwapRecord]:
        return [swap for swap in self.swaps if swap.outcome is SwapOutcome.VERIFIED]


def line_config(folder: Path, library: Path, quirks: str = "default") -> AgentConfig:
    """A triggered camera in this process: one frame a part, square region as the sub-nets were trained on."""
    spec: dict[str, cfg.Plain] = {"scene": {"distinct": 64}, "quirks": quirks}
    simulated = cfg.Camera(
        name=CAMERA,
        sdk="simulated",
        serial="20000001",
        accepted_formats=("openvino-ir-10",),
        acquisition=cfg.Acquisition(roi=(184, 4, 1072, 1072), trigger=cfg.Trigger("Line0", "rising")),
        simulation=cfg.Simulation(seed=7, time_scale=9.0, parts_per_minute=0.0, spec=spec),
    )
    return AgentConfig(
        source=folder / "agent.yaml",
        cameras=(simulated,),
        state_dir=folder / "state",
        library=cfg.LibrarySource(library),
        policy=cfg.Policy(default_budget=Budget(max_latency_ms=600.0), fail_safe_budget=Budget(max_latency_ms=100.0)),
    )


def play(config: AgentConfig, acts: Sequence[Act], duration_s: float, seed: int = 1) -> Outcome:
    """Run the agent for `duration_s` of virtual time and check every result against ground truth."""
    clock = VirtualClock()
    outcome = Outcome()
    config.state_dir.mkdir(parents=True, exist_ok=True)
    run_virtual(clock, _run(config, clock, acts, duration_s, seed, outcome))
    outcome.digest = journal_digest(config.state_dir / "journal.sqlite3")
    return outcome


async def _run(
    config: AgentConfig, clock: VirtualClock, acts: Sequence[Act], duration_s: float, seed: int, outcome: Outcome
) -> None:
    agent = Agent(config, clock, SeededIds(seed))
    async with agent.running():
        (place,) = bus.places()
        assert isinstance(place, LocalBusDevice)
        supervisor = agent.supervisors[CAMERA]
        line = asyncio.create_task(_line(place.device, supervisor, acts))
        watch = asyncio.create_task(_watch(supervisor, outcome))
        await asyncio.gather(line, _collect(place.device, supervisor, clock, duration_s, outcome))
        watch.cancel()
        await asyncio.wait({watch})
        outcome.last = supervisor.snapshot()
        outcome.swaps = await agent.journal.swaps(CAMERA, 100_000)
        outcome.alarms = await agent.journal.alarms(active_only=False)
        outcome.counters = place.device.counters()


async def _line(device: Firefly, supervisor: Supervisor, acts: Sequence[Act]) -> None:
    now_s = 0.0
    for act in acts:
        await asyncio.sleep(act.at_s - now_s)
        now_s = act.at_s
        for fault in act.strike:
            device.inject_fault(fault)
        if act.plant is not None:
            act.plant(device)
        device.set_line(act.parts_per_minute)
        if act.budget is not None:
            await supervisor.set_budget("plc", act.budget, None, True)
        if act.pin:
            (wanted,) = [one.id for one in _catalogue(supervisor) if one.id.startswith(act.pin)]
            await supervisor.pin("operator", wanted)


async def _watch(supervisor: Supervisor, outcome: Outcome) -> None:
    """Every state that a watcher sees; ACTIVE must always mean verified."""
    feed = supervisor.status_feed()
    try:
        while True:
            snapshot = await feed.next(60.0)
            if snapshot is None:
                continue
            if not outcome.states or outcome.states[-1] is not snapshot.state:
                outcome.states.append(snapshot.state)
            outcome.unverified += snapshot.state is CameraState.ACTIVE and not snapshot.verified
    finally:
        feed.close()


async def _collect(
    device: Firefly, supervisor: Supervisor, clock: VirtualClock, duration_s: float, outcome: Outcome
) -> None:
    feed = supervisor.result_feed(FEED)
    digests = {subnet.id: subnet.artifacts[0].sha256 for subnet in _catalogue(supervisor)}
    since_ns = 0
    while clock.now_ns() / 1e9 < duration_s:
        await asyncio.sleep(READ_EVERY_S)
        batch: list[InferenceResult] = []
        while (result := await feed.next(0.0)) is not None:
            batch.append(result)
        if batch:
            first_ns = min(r.inference.captured_ns for r in batch)
            check(batch, device.truth(max(since_ns, first_ns)), digests, outcome)
            since_ns = first_ns
    outcome.dropped = feed.dropped
    feed.close()


def _catalogue(supervisor: Supervisor) -> Sequence[Subnet]:
    catalogue = supervisor.catalogue()
    assert catalogue is not None
    return catalogue.subnets


def check(results: Sequence[InferenceResult], truth: TruthReport, digests: dict[str, str], outcome: Outcome) -> None:
    """Each result must come from the network that really executed for its exposure, and say what that one said."""
    executed = {row["timestamp_ns"]: row for row in truth["inferences"]}
    true_class = {row["timestamp_ns"]: row["true_class"] for row in truth["exposures"]}
    for result in results:
        inference = result.inference
        row = executed.get(inference.captured_ns)
        outcome.results[result.subnet_id] += 1
        outcome.right_class += true_class.get(inference.captured_ns) == inference.class_id
        said = (result.subnet_id, inference.captured_ns, inference.class_id)
        if row is None:
            outcome.wrong.append(f"{said}: no inference of that exposure")
        elif row["sha256"] != digests[result.subnet_id]:
            outcome.wrong.append(f"{said}: executed {row['sha256'][:8]}")
        elif row["class_id"] != inference.class_id:
            outcome.wrong.append(f"{said}: the network said {row['class_id']}")
