"""What one decision may look at, put together from budgets, reports and frames."""

from __future__ import annotations

import pytest

from agent.domain.budget import Budget, EffectiveBudget, Priority
from agent.domain.line import Announced
from agent.domain.notice import UNKNOWN_LINE, LineState
from agent.supervisor.view import Frames, Running, demand_now, demand_then, view

FREE = Frames(60.0)
TRIGGERED = Frames(None)


def asked(parts_per_minute: float | None) -> EffectiveBudget:
    return EffectiveBudget("b", Budget(80.0, parts_per_minute), Priority.LEASE, ())


@pytest.mark.parametrize(
    ("frames", "budget_ppm", "reported_ppm", "parts_per_s", "period_ms"),
    [
        (TRIGGERED, 600.0, None, 10.0, 100.0),
        (TRIGGERED, 600.0, 300.0, 5.0, 100.0),  # a budget is the most that may come; what is reported comes
        (TRIGGERED, None, 300.0, 5.0, 200.0),
        (TRIGGERED, None, None, None, None),
        (Frames(None, 250.0), None, None, 4.0, 250.0),
        (FREE, None, None, 60.0, 1000.0 / 60.0),
        (FREE, 600.0, None, 10.0, 1000.0 / 60.0),
        (FREE, 600.0, 300.0, 5.0, 1000.0 / 60.0),
    ],
)
def test_parts_come_as_reported_else_as_asked_for_else_as_frames(
    frames: Frames,
    budget_ppm: float | None,
    reported_ppm: float | None,
    parts_per_s: float | None,
    period_ms: float | None,
) -> None:
    demand = demand_now(asked(budget_ppm), frames, LineState(False, reported_ppm))
    assert demand.parts_per_s == (None if parts_per_s is None else pytest.approx(parts_per_s))
    assert demand.frame_period_ms == period_ms


def test_a_line_stands_where_it_is_reported_or_waits_for_the_camera() -> None:
    assert not demand_now(asked(600.0), FREE, UNKNOWN_LINE).stopped
    assert demand_now(asked(600.0), FREE, LineState(stopped=True)).stopped
    assert demand_now(asked(600.0), FREE, UNKNOWN_LINE, waits=True).stopped


def test_an_announced_change_comes_with_its_own_rate_and_a_line_that_runs() -> None:
    demand = demand_then(asked(1200.0), TRIGGERED, LineState(True, 300.0))
    assert (demand.parts_per_s, demand.frame_period_ms, demand.stopped) == (20.0, 50.0, False)
    assert demand_then(asked(None), TRIGGERED, LineState(True, 300.0)).parts_per_s == 5.0


def test_announcements_are_in_order_of_time_and_those_of_the_past_are_left_out() -> None:
    now = demand_now(asked(600.0), FREE, UNKNOWN_LINE)
    told = [Announced(at_s, demand_then(asked(rate), FREE, UNKNOWN_LINE)) for at_s, rate in ((9, 1), (3, 2), (5, 3))]
    seen = view(3.0, now, Running("net", 1.0), {"bad": "why"}, told, 5.0)
    assert [one.at_s for one in seen.announced] == [5, 9]
    assert (seen.active_id, seen.activated_s, seen.notice_s, seen.quarantined) == ("net", 1.0, 5.0, {"bad": "why"})


def test_without_a_network_nothing_was_activated() -> None:
    seen = view(3.0, demand_now(asked(600.0), FREE, UNKNOWN_LINE), Running(None, 1.0), {})
    assert seen.activated_s is None
