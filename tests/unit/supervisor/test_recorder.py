"""The line's history: a row a change, an end that is never far off, and slow-downs that are worth a row."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

import pytest

from agent.clock import VirtualClock, run_virtual
from agent.domain.budget import Budget, EffectiveBudget, Priority
from agent.domain.history import LineRow
from agent.domain.line import Announced, Demand
from agent.supervisor.recorder import LineRecorder
from tests.support.memory_journal import MemoryJournal

Story = Callable[[VirtualClock, LineRecorder], Coroutine[Any, Any, None]]


def demand(parts_per_minute: float, stopped: bool = False, budget_id: str = "b") -> Demand:
    budget = Budget(parts_per_minute=parts_per_minute, max_latency_ms=80.0)
    return Demand(EffectiveBudget(budget_id, budget, Priority.LEASE, ()), parts_per_minute / 60.0, None, stopped)


def play(story: Story) -> tuple[list[LineRow], MemoryJournal, int]:
    """The rows in order, and when the clock began."""
    clock, journal = VirtualClock(), MemoryJournal()
    began_ns = clock.wall_ns()
    run_virtual(clock, story(clock, LineRecorder("cam", journal, clock)))
    return list(journal.lines.values()), journal, began_ns


def test_a_row_is_written_for_each_change_and_none_for_a_new_budget_that_asks_the_same() -> None:
    async def story(clock: VirtualClock, recorder: LineRecorder) -> None:
        for at_s in range(30):
            asked = demand(600.0) if at_s < 10 else demand(900.0, stopped=at_s >= 20, budget_id=str(at_s))
            recorder.asked(asked)
            await asyncio.sleep(1.0)
        recorder.away()

    rows, _, began_ns = play(story)
    seen = [
        ((row.from_wall_ns - began_ns) / 1e9, (row.until_wall_ns - began_ns) / 1e9, row.parts_per_minute, row.stopped)
        for row in rows
    ]
    assert seen == [(0.0, 10.0, 600.0, False), (10.0, 20.0, 900.0, False), (20.0, 30.0, 900.0, True)]


def test_the_end_of_a_row_is_written_each_minute_and_time_without_a_camera_is_a_hole() -> None:
    ends: list[float] = []

    async def story(clock: VirtualClock, recorder: LineRecorder) -> None:
        for _ in range(200):
            recorder.asked(demand(600.0))
            await asyncio.sleep(1.0)
        recorder.away()
        recorder.away()
        await asyncio.sleep(50.0)
        recorder.asked(demand(600.0))

    rows, _, began_ns = play(story)
    ends = [(row.until_wall_ns - began_ns) / 1e9 for row in rows]
    assert ends == [200.0, 250.0]
    assert (rows[1].from_wall_ns - began_ns) / 1e9 == 250.0


def test_a_daemon_that_dies_loses_at_most_a_minute_of_the_last_row() -> None:
    async def story(clock: VirtualClock, recorder: LineRecorder) -> None:
        for _ in range(100):
            recorder.asked(demand(600.0))
            await asyncio.sleep(1.0)

    rows, _, began_ns = play(story)
    assert (rows[0].until_wall_ns - began_ns) / 1e9 == 60.0


def test_a_change_that_was_announced_says_how_early() -> None:
    async def story(clock: VirtualClock, recorder: LineRecorder) -> None:
        for at_s in range(40):
            told = [Announced(20.0, demand(900.0, budget_id="then"))] if 15 <= at_s < 20 else []
            recorder.asked(demand(600.0 if at_s < 20 else 900.0 if at_s < 30 else 1200.0), told)
            await asyncio.sleep(1.0)

    rows, _, _ = play(story)
    assert [row.announced_s for row in rows] == [None, 5.0, None]


def test_a_line_that_waits_and_goes_on_has_announced_nothing() -> None:
    async def story(clock: VirtualClock, recorder: LineRecorder) -> None:
        for at_s in range(10):
            waits = 3 <= at_s < 6
            resumes = [Announced(at_s + 1e-3, demand(900.0))] if waits else []
            recorder.asked(demand(600.0 if at_s < 3 else 900.0, stopped=waits), resumes)
            await asyncio.sleep(1.0)

    rows, _, _ = play(story)
    assert [(row.parts_per_minute, row.stopped, row.announced_s) for row in rows] == [
        (600.0, False, None),
        (900.0, True, None),
        (900.0, False, None),
    ]


def test_a_measured_frame_rate_that_wavers_makes_no_rows() -> None:
    async def story(clock: VirtualClock, recorder: LineRecorder) -> None:
        free = replace(demand(600.0), effective=EffectiveBudget("b", Budget(80.0), Priority.LEASE, ()))
        for rate in (60.0, 60.4, 59.2, 61.0, 30.0, 30.5):
            recorder.asked(replace(free, parts_per_s=rate))
            await asyncio.sleep(1.0)

    rows, _, _ = play(story)
    assert [row.parts_per_s for row in rows] == [60.0, 30.0]


@pytest.mark.parametrize(("factor", "rows"), [(1.005, 1), (1.02, 2)])
def test_a_slow_down_is_a_row_when_it_moves_by_a_hundredth(factor: float, rows: int) -> None:
    async def story(clock: VirtualClock, recorder: LineRecorder) -> None:
        for at_s in range(40):
            recorder.measured("net-a", [22.0 * (factor if at_s >= 20 else 1.0)] * 5, 20.0)
            await asyncio.sleep(1.0)

    _, journal, began_ns = play(story)
    assert len(journal.slow) == rows
    assert (journal.slow[0].subnet_id, journal.slow[0].measured_ms, journal.slow[0].level_ms) == ("net-a", 22.0, 20.0)
    assert [(row.at_wall_ns - began_ns) / 1e9 for row in journal.slow[1:]] == [pytest.approx(20, abs=10.0)] * (rows - 1)


def test_slow_downs_are_at_most_one_row_in_ten_seconds_and_rest_on_ten_results() -> None:
    async def story(clock: VirtualClock, recorder: LineRecorder) -> None:
        for number in range(40):
            recorder.measured("net-a", [20.0 + number], 20.0)
            await asyncio.sleep(1.0)
        recorder.measured("net-b", [9.0] * 9, 9.0)

    _, journal, began_ns = play(story)
    assert len(journal.slow) == 4
    assert {row.subnet_id for row in journal.slow} == {"net-a"}
    assert journal.slow[0].at_wall_ns == began_ns
