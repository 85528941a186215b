"""Before the first network runs nothing is learned: a daemon is asked while its camera still connects."""

from __future__ import annotations

from agent.domain.budget import Budget, EffectiveBudget, Priority
from agent.domain.decision import Decision
from agent.domain.line import Demand, View
from agent.domain.profile import NetProfile
from agent.policy.engine import PolicySettings, SwapPolicy
from agent.replay.line import Noise
from agent.replay.lineshift import ladder
from agent.replay.policies.shipped import profiles

LADDER = ladder()
MEASURED: list[NetProfile] = profiles(LADDER, Noise(0.02, seed=1))


def _view(now_s: float, interval_ms: float, active: str | None = None) -> View:
    effective = EffectiveBudget("b", Budget(parts_per_minute=60_000.0 / interval_ms), Priority.LEASE, ())
    return View(now_s, Demand(effective, 1000.0 / interval_ms), active, 0.0 if active else None)


def _commissioned() -> SwapPolicy:
    policy = SwapPolicy(LADDER.catalogue, PolicySettings(free_running=False, results_wait=False))
    for profile in MEASURED:
        policy.set_profile(profile)
    return policy


def _told(decision: Decision) -> tuple[object, ...]:
    return decision.action, decision.reason, decision.target, decision.text


def test_what_was_asked_before_the_profiles_came_changes_no_decision() -> None:
    asked = SwapPolicy(LADDER.catalogue, PolicySettings(free_running=False, results_wait=False))
    for tick in range(400):  # a camera that connects for long, on a line that changes meanwhile
        asked.decide(_view(tick * 0.25 - 100.0, 32.0 if tick % 80 < 40 else 150.0))
    for profile in MEASURED:
        asked.set_profile(profile)
    fresh = _commissioned()
    first = fresh.decide(_view(0.0, 90.0))
    assert _told(asked.decide(_view(0.0, 90.0))) == _told(first)
    for tick in range(1, 400):
        view = _view(tick * 0.25, 90.0 if tick < 200 else 66.0, first.target)
        assert _told(asked.decide(view)) == _told(fresh.decide(view))
