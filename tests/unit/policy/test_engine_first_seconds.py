"""What a fresh agent does not know yet, and one whose clients are gone cannot do, makes it neither hold nor swap."""

from __future__ import annotations

import pytest

from agent.domain.budget import Budget
from agent.domain.decision import Action, Reason
from agent.domain.line import Demand, View
from agent.policy.chooser import Active, Chooser, Chosen
from agent.policy.engine import PolicySettings
from agent.policy.tracker import Scene
from tests.unit.policy.ladder import Line, asked, commissioned, effective, rate

WIDE = effective(Budget(max_latency_ms=200.0), "default")


def hasty(_self: Chooser, _place: object, scene: Scene, _coming: object, active: Active | None) -> Chosen:
    """A rule that would leave what runs as long as nobody knows how fast parts come."""
    wanted = 0 if scene.rate <= 1.0 else int(scene.fits.nonzero()[0][-1])
    return Chosen(None if active is not None and active.rung == wanted else wanted)


def restless(_self: Chooser, _place: object, _scene: Scene, _coming: object, active: Active | None) -> Chosen:
    """A rule to which, of two nets, the other one always looks better."""
    return Chosen(1 if active is None or active.rung != 1 else 0)


def test_what_was_assumed_of_a_line_is_not_held_against_the_first_swap_that_it_needs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A new user's first `budget set` was answered with a hold: the guard had compared one part a second, which is
    assumed where the rate is not known, with the fifteen that then came."""
    monkeypatch.setattr(Chooser, "choose", hasty)
    policy = commissioned(given=PolicySettings(free_running=False, results_wait=False, min_dwell_s=60.0))
    policy.decide(View(0.0, Demand(WIDE, None), "large", 0.0))
    for tick in range(1, 30):
        policy.decide(View(0.1 * tick, Demand(WIDE, 15.0), "large", 0.0))
    found = policy.decide(View(3.0, asked(rate(25.0), "b-2"), "large", 0.0))
    assert (found.action, found.reason, found.target) == (Action.SWAP, Reason.BUDGET, "middle")


def test_the_fail_safe_budget_does_not_swap_back_and_forth_between_nets_that_are_both_too_slow(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It does not wait for min_dwell. Where nothing is in time no gap seems to cost anything, and a line was swapped
    every two seconds, for ever: it never had the time for a result."""
    line = Line(commissioned(), results=3)
    line.run(asked(rate(50.0)), 20)
    line.swaps.clear()
    monkeypatch.setattr(Chooser, "choose", restless)
    line.run(Demand(effective(Budget(max_latency_ms=1e-3), "safe", fail_safe=True), 40.0), 120)
    assert [to for _, to, _ in line.swaps] in ([], ["middle"], ["middle", "small"])
