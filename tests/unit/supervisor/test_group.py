"""Several loops with one office, in virtual time on scripted cameras: swaps roll along the line."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import pytest

from agent.clock import VirtualClock, run_virtual
from agent.domain.budget import Budget
from agent.domain.device import EventKind, ProgressFn
from agent.domain.journal import SwapOutcome, SwapRecord
from agent.domain.snapshot import CameraSnapshot
from agent.domain.states import CameraState, SwapStage
from agent.errors import CameraGone, NotPermitted, UploadFailed
from agent.policy.tickets import TicketRules, Urgency
from agent.supervisor import Parts, Supervisor, SupervisorSettings
from agent.supervisor.group import SwapGroup
from agent.telemetry.ids import SeededIds
from tests.support.fake_camera import FakeCamera
from tests.support.ladders import LadderSource, catalogue
from tests.support.memory_journal import MemoryJournal

SETTINGS = SupervisorSettings(
    default_budget=Budget(parts_per_minute=600.0),
    fail_safe_budget=Budget(max_latency_ms=60.0),
    accepted_formats=("openvino-ir-10",),
    free_running=False,
    min_dwell_s=0.0,
    quarantine_s=3000.0,
)
FAST = Budget(parts_per_minute=1800.0)
PERIOD_S = 0.1
UPLOAD_S = 2.0
RUNGS = (("small", 16.0, 0.80), ("large", 45.0, 0.95))
SERVICE_MS = {subnet_id: service_ms for subnet_id, service_ms, _ in RUNGS}
STORY_S = 300.0


@dataclass
class _Camera(FakeCamera):
    """Uploads take time; `exposed` are the ends of exposure of its results, in seconds."""

    exposed: list[float] = field(default_factory=list)

    async def upload_network(self, blob: bytes, deadline_s: float, progress: ProgressFn) -> None:
        await super().upload_network(blob, deadline_s, progress)
        await asyncio.sleep(UPLOAD_S)

    def part(self, now_s: float) -> None:
        """A part passed; its result is there one part interval after it."""
        if self.streaming and self.generation is not None:
            self.deliver(round((now_s - PERIOD_S) * 1e9), SERVICE_MS[str(self.enabled)], PERIOD_S * 1e3)
            self.exposed.append(now_s - PERIOD_S)


@dataclass
class Line:
    """Cameras of one group; `run` plays a story against their supervisors while parts pass."""

    names: tuple[str, ...] = ("a", "b")
    max_concurrent: int = 1
    wait_s: float = 30.0
    clock: VirtualClock = field(default_factory=VirtualClock)
    settings: SupervisorSettings = SETTINGS
    running: bool = True  # parts pass
    cameras: dict[str, _Camera] = field(default_factory=dict)
    journals: dict[str, MemoryJournal] = field(default_factory=dict)
    sources: dict[str, LadderSource] = field(default_factory=dict)
    seen: dict[str, list[CameraSnapshot]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in self.names:
            self.cameras[name] = _Camera(name)
            self.journals[name] = MemoryJournal()
            self.sources[name] = LadderSource(catalogue(RUNGS))
            self.seen[name] = []
        self.group = SwapGroup(TicketRules("line-1", self.names, self.max_concurrent, self.wait_s), self.clock)

    def run(self, story: Callable[[dict[str, Supervisor]], Awaitable[None]]) -> None:
        run_virtual(self.clock, self._play(story))

    def now_s(self) -> float:
        return self.clock.now_ns() / 1e9

    def swaps(self, name: str, *outcomes: SwapOutcome) -> list[SwapRecord]:
        return [row for row in self.journals[name].rows.values() if not outcomes or row.outcome in outcomes]

    def gaps(self, name: str) -> list[tuple[float, float]]:
        """Where the camera had no results although parts passed: last and next end of exposure."""
        ends = self.cameras[name].exposed
        return [(a, b) for a, b in pairwise(ends) if b - a > 3 * PERIOD_S]

    async def _play(self, story: Callable[[dict[str, Supervisor]], Awaitable[None]]) -> None:
        made = {name: self._supervisor(name) for name in self.names}
        for one in made.values():
            await one.load()
        running = [asyncio.create_task(one.run()) for one in made.values()]
        beside = [asyncio.create_task(self._belt())]
        beside += [asyncio.create_task(self._watch(one)) for one in made.values()]
        try:
            await asyncio.wait_for(story(made), STORY_S)
        finally:
            for one in made.values():
                one.stop()
            await asyncio.gather(*running)
            for task in beside:
                task.cancel()
            await asyncio.wait(beside)

    def _supervisor(self, name: str) -> Supervisor:
        ids = SeededIds(hash(name) % 97).uuid
        parts = (self.cameras[name], self.journals[name], self.clock, self.settings, self.sources[name])
        return Supervisor(Parts(*parts, ids, "boot-1", self.group))

    async def _belt(self) -> None:
        while True:
            await asyncio.sleep(PERIOD_S)
            for camera in self.cameras.values() if self.running else ():
                camera.part(self.now_s())

    async def _watch(self, supervisor: Supervisor) -> None:
        feed = supervisor.status_feed()
        try:
            while True:
                snapshot = await feed.next(3600.0)
                if snapshot is not None:
                    self.seen[supervisor.name].append(snapshot)
        finally:
            feed.close()


async def active(made: dict[str, Supervisor], subnet_id: str, names: Sequence[str] = ()) -> None:
    """Until those cameras (all where none is named) run it."""
    for name in names or made:
        feed = made[name].status_feed()
        try:
            while True:
                snapshot = await feed.next(60.0)
                if snapshot and snapshot.state is CameraState.ACTIVE and snapshot.active_subnet == subnet_id:
                    break
        finally:
            feed.close()


async def waiting(supervisor: Supervisor) -> CameraSnapshot:
    """Until its swap waits for a permit and says what for."""
    feed = supervisor.status_feed()
    try:
        while True:
            snapshot = await feed.next(60.0)
            if snapshot and snapshot.swap and snapshot.swap.waits_for:
                return snapshot
    finally:
        feed.close()


async def ask(made: dict[str, Supervisor], budget: Budget, names: Sequence[str] = ()) -> None:
    for name in names or made:
        await made[name].set_budget("plc", budget, 3000.0, True)


def overlaps(line: Line) -> list[tuple[tuple[float, float], tuple[float, float]]]:
    """Pairs of gaps of different cameras that share a moment."""
    gaps = [(name, gap) for name in line.names for gap in line.gaps(name)]
    return [(g, h) for i, g in gaps for j, h in gaps if i < j and g[0] < h[1] and h[0] < g[1]]


def test_one_budget_for_all_rolls_along_the_line_and_the_gaps_do_not_overlap() -> None:
    line = Line(("a", "b", "c"))

    async def story(made: dict[str, Supervisor]) -> None:
        await active(made, "large")
        await asyncio.sleep(1.0)
        await ask(made, FAST)
        await active(made, "small")
        await asyncio.sleep(1.0)

    line.run(story)
    assert [len(line.gaps(name)) for name in line.names] == [1, 1, 1]
    assert overlaps(line) == []
    rows = sorted((line.swaps(name)[-1] for name in line.names), key=lambda row: row.started_wall_ns)
    for before, after in pairwise(rows):
        assert before.duration_s is not None
        assert before.started_wall_ns + before.duration_s * 1e9 <= after.started_wall_ns


def test_with_two_at_once_of_three_one_always_sees() -> None:
    line = Line(("a", "b", "c"), max_concurrent=2)

    async def story(made: dict[str, Supervisor]) -> None:
        await active(made, "large")
        await asyncio.sleep(1.0)
        await ask(made, FAST)
        await active(made, "small")
        await asyncio.sleep(1.0)

    line.run(story)
    gaps = sorted(gap for name in line.names for gap in line.gaps(name))
    assert len(gaps) == 3
    assert gaps[1][0] < gaps[0][1]  # two of them together
    assert gaps[2][0] >= min(gaps[0][1], gaps[1][1])  # the third not before one of them sees again


def test_the_status_says_for_whom_a_swap_waits_and_the_old_network_still_counts_as_verified() -> None:
    line = Line()

    async def story(made: dict[str, Supervisor]) -> None:
        await active(made, "large")
        await asyncio.sleep(1.0)
        await ask(made, FAST)
        snapshot = await waiting(made["b"])
        assert (snapshot.state, snapshot.verified, snapshot.active_subnet) == (CameraState.SWAPPING, True, "large")
        assert snapshot.swap is not None
        assert snapshot.swap.stage is SwapStage.WAITING_PERMIT
        assert snapshot.swap.waits_for == "waits for a: at most 1 of line-1 at once"
        assert "waits for a" in snapshot.detail
        age = snapshot.health
        await asyncio.sleep(1.5)
        assert made["b"].snapshot().health is not None
        assert line.cameras["b"].calls[-1] == "health", (age, line.cameras["b"].calls)
        await active(made, "small")
        assert made["b"].snapshot().detail == ""

    line.run(story)
    (step,) = [one for one in line.journals["b"].steps if one[0] == "permit"][1:]
    assert step == ("permit", None)


def test_everything_is_read_and_checked_before_the_wait() -> None:
    line = Line()
    line.sources["b"].broken = {"small"}

    async def story(made: dict[str, Supervisor]) -> None:
        await active(made, "large")
        await ask(made, FAST)
        await asyncio.sleep(0.5)
        (refused,) = line.swaps("b", SwapOutcome.REFUSED)
        assert refused.failed_step == "prepare"  # a damaged blob is found at once, not when the turn has come
        assert line.cameras["a"].calls[-1] == "upload"

    line.run(story)


def test_with_the_other_camera_unplugged_an_urgent_swap_waits_its_time_and_goes_on() -> None:
    line = Line(wait_s=20.0)

    async def story(made: dict[str, Supervisor]) -> None:
        await active(made, "large")
        line.cameras["b"].fail = {("connect", n): CameraGone("not on the bus") for n in range(2, 99)}
        line.cameras["b"].emit(EventKind.LOST, "unplugged")
        await asyncio.sleep(2.0)
        started_s = line.now_s()
        await ask(made, FAST, "a")
        snapshot = await waiting(made["a"])
        assert snapshot.swap is not None
        assert snapshot.swap.waits_for == "waits for b: no other camera of line-1 gives results"
        await asyncio.sleep(19.0)
        assert line.gaps("a") == []
        await active(made, "small", "a")
        assert 20.0 <= line.now_s() - started_s <= 24.0

    line.run(story)
    assert ("permit:forced", None) in line.journals["a"].steps


def test_with_the_other_camera_unplugged_a_gain_is_given_up_and_waits_anew() -> None:
    line = Line(wait_s=20.0)

    async def story(made: dict[str, Supervisor]) -> None:
        await ask(made, FAST)
        await active(made, "small")
        line.cameras["b"].fail = {("connect", n): CameraGone("not on the bus") for n in range(2, 20)}
        line.cameras["b"].emit(EventKind.LOST, "unplugged")
        await asyncio.sleep(1.0)
        await made["a"].release_budget("plc")
        await asyncio.sleep(70.0)  # two waits of 20 s; a gain in accuracy is wanted only after a while
        refused = line.swaps("a", SwapOutcome.REFUSED)
        assert [row.failed_step for row in refused] == ["permit", "permit"]
        assert "no other camera of line-1 gives results; given up after 20 s" in str(refused[0].error)
        assert made["a"].snapshot().active_subnet == "small"
        assert made["a"].snapshot().verified
        assert line.journals["a"].known_alarms == []  # nobody is at fault
        await active(made, "large", "a")  # b is back
        await asyncio.sleep(1.0)
        assert line.gaps("a")[-1][1] - line.gaps("a")[-1][0] < 4.0

    line.run(story)


def test_a_newer_desire_replaces_a_swap_that_waits() -> None:
    line = Line()

    async def story(made: dict[str, Supervisor]) -> None:
        await active(made, "large")
        await ask(made, FAST)
        await waiting(made["b"])
        await made["b"].release_budget("plc")
        await asyncio.sleep(0.5)
        assert made["b"].snapshot().state is CameraState.ACTIVE
        assert made["b"].snapshot().active_subnet == "large"
        await asyncio.sleep(10.0)

    line.run(story)
    (refused,) = line.swaps("b", SwapOutcome.REFUSED)
    assert (refused.failed_step, refused.active_subnet) == ("permit", "large")
    assert "is not wanted any more" in str(refused.error)
    assert line.cameras["b"].calls.count("upload") == 1


def test_a_more_urgent_reason_moves_a_waiting_swap_forward() -> None:
    line = Line(("a", "b", "c"))

    async def story(made: dict[str, Supervisor]) -> None:
        await ask(made, FAST)
        await active(made, "small")
        await asyncio.sleep(120.0)  # a line that keeps its speed for long: a gain is worth its gap at once
        for name in "abc":
            await made[name].release_budget("plc")
        waits = await waiting(made["c"])
        asked = await made["c"].set_budget("plc", Budget(parts_per_minute=600.0, min_accuracy=0.9), None, True)
        assert waits.swap is not None
        assert asked.swap_id == waits.swap.id  # the same swap, more urgent
        await active(made, "large")
        assert line.journals["c"].rows[asked.swap_id].budget_id == asked.effective.id
        await asyncio.sleep(1.0)

    line.run(story)
    begun = {name: line.swaps(name)[-1].started_wall_ns for name in line.names}
    assert sorted(begun, key=lambda name: begun[name]) == ["a", "c", "b"]
    assert line.swaps("c", SwapOutcome.REFUSED) == []


@pytest.mark.parametrize("way", ["lost", "stop", "cancel"])
def test_a_waiting_camera_that_goes_leaves_nothing_behind(way: str) -> None:
    line = Line(("a", "b", "c"))

    async def story(made: dict[str, Supervisor]) -> None:
        await active(made, "large")
        await ask(made, FAST)
        await waiting(made["b"])
        if way == "lost":
            line.cameras["b"].emit(EventKind.LOST, "unplugged")
            await asyncio.sleep(0.4)
            assert line.group.office.wait_of("b") is None
        elif way == "stop":
            made["b"].stop()
            await asyncio.wait_for(made["b"].stopped.wait(), 1.0)
            assert line.group.office.wait_of("b") is None
        else:
            task = next(one for one in asyncio.all_tasks() if one.get_name() == "b-swap")
            task.cancel()
            await asyncio.sleep(0.1)
            assert line.group.office.wait_of("b") is None
        await active(made, "small", "ac")

    line.run(story)
    assert line.group.office.tickets == ()
    assert line.group.office.waiting == ()


@pytest.mark.parametrize("failing", [(1,), (1, 2, 3)], ids=["rolls back", "faults"])
def test_a_swap_that_fails_gives_its_ticket_back_and_the_next_one_goes_on(failing: tuple[int, ...]) -> None:
    line = Line()
    line.cameras["a"].fail = {("upload", 1 + n): UploadFailed("write failed", -1010) for n in failing}

    async def story(made: dict[str, Supervisor]) -> None:
        await active(made, "large")
        await ask(made, FAST)
        await active(made, "small", "b")
        await asyncio.sleep(1.0)

    line.run(story)
    outcome = SwapOutcome.ROLLED_BACK if len(failing) == 1 else SwapOutcome.FAULTED
    assert line.swaps("a", outcome)
    assert overlaps(line) == []
    assert line.group.office.tickets == ()


def test_on_a_line_that_stands_still_the_next_swap_waits_only_a_moment_for_a_first_result() -> None:
    line = Line()

    async def story(made: dict[str, Supervisor]) -> None:
        await active(made, "large")
        line.running = False
        await asyncio.sleep(10.0)
        started_s = line.now_s()
        await ask(made, FAST)
        await active(made, "small")
        assert line.now_s() - started_s < 2 * UPLOAD_S + 3.0

    line.run(story)


def test_a_wait_that_is_cancelled_at_the_moment_of_its_grant_gives_the_ticket_back() -> None:
    clock = VirtualClock()
    group = SwapGroup(TicketRules("line-1", ("a", "b")), clock)

    async def main() -> None:
        held = await group.acquire("a", Urgency.START, lambda _: None)
        waits = asyncio.create_task(group.acquire("b", Urgency.START, lambda _: None))
        await asyncio.sleep(1.0)
        group.release(held)  # granted to b, whose task has not run yet
        assert group.office.ticket_of("b") is not None
        waits.cancel()
        await asyncio.wait({waits})
        assert group.office.tickets == ()

    run_virtual(clock, main())


def test_a_wait_that_is_withdrawn_says_why() -> None:
    clock = VirtualClock()
    group = SwapGroup(TicketRules("line-1", ("a", "b")), clock)

    async def main() -> None:
        await group.acquire("a", Urgency.START, lambda _: None)
        waits = asyncio.create_task(group.acquire("b", Urgency.START, lambda _: None))
        await asyncio.sleep(1.0)
        group.withdraw("b", "the agent stops")
        with pytest.raises(NotPermitted, match="group line-1: the agent stops"):
            await waits

    run_virtual(clock, main())


def test_a_lease_ends_for_a_holder_that_hangs() -> None:
    clock = VirtualClock()
    group = SwapGroup(replace(TicketRules("line-1", ("a", "b")), lease_s=50.0), clock)

    async def main() -> None:
        await group.acquire("a", Urgency.START, lambda _: None)
        await group.acquire("b", Urgency.START, lambda _: None)
        assert clock.now_ns() / 1e9 == pytest.approx(50.0)

    run_virtual(clock, main())
