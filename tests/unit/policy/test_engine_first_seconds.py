"""What a fresh agent does not know yet, and one whose clients are gone cannot do, makes it neither hold nor swap."""

from __future__ import annotations

import numpy as np
import pytest

from agent.domain.budget import Budget
from agent.domain.decision import Action, Reason
from agent.domain.line import Demand, View
from agent.policy.chooser import Active, Chooser, Chosen
from agent.policy.engine import PolicySettings, SwapPolicy
from agent.policy.tracker import Scene
from tests.unit.policy.ladder import Line, a_catalogue, a_net, asked, commissioned, effective, rate

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


def test_a_net_that_its_first_results_show_to_fit_is_not_swapped_for_itself() -> None:
    """Nothing fitted by prediction, and the fastest net was taken all the same. Its results came within half a second,
    for which the numbers of a line that does not change are kept: by those no rung fitted, by the model's own now one
    net of the library did. It was the one that ran, and was put on the camera again, and again."""
    nets = [a_net("small", 0.70, 30.0), a_net("beaten", 0.69, 31.0), a_net("large", 0.80, 90.0)]
    policy = SwapPolicy(a_catalogue(nets), PolicySettings(free_running=False, results_wait=False))
    demand = asked(rate(32.0))
    first = policy.decide(View(0.0, demand))
    assert (first.action, first.target, first.feasible) == (Action.SWAP, "small", False)
    policy.decide(View(2.0, demand, "small", 2.0))
    policy.observe_services("small", np.array([23.0, 23.2, 22.9, 23.1, 23.0]))
    found = policy.decide(View(2.25, demand, "small", 2.0))
    assert (found.action, found.target) == (Action.KEEP, "small"), found.text
    later = policy.decide(View(2.5, demand, "small", 2.0))
    assert (later.action, later.reason, later.feasible) == (Action.KEEP, Reason.BEST_ALREADY, True)
