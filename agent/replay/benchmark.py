"""One policy on one hour of LineShift, cold or warm: what the benchmark runs, and anybody with a policy of his own can.

Warm is as after a restart that keeps what was learned: an unscored hour of the same law on the same camera, what the
policy saved at its end written as JSON and read by a fresh one, and then the scored hour.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import cast

from agent.errors import BadInput
from agent.replay.compare import Row
from agent.replay.ladder import Ladder
from agent.replay.line import Line
from agent.replay.lineshift import lineshift
from agent.replay.optimum import optimum
from agent.replay.policies import POLICIES, SHIPPED, USUAL, Maker, Terms, known
from agent.replay.policies.true_law import true_law
from agent.replay.score import best_fixed, outcome
from agent.replay.simulation import Policy, Run, simulate
from agent.replay.warm import play

TRUE_LAW = "true_law"  # the best without foresight: the law of the scenario known, the hour not
QUANTILE = 0.999
# A policy of one's own: made of the ladder, the quantile and the notice in seconds.
Factory = Callable[[Ladder, float, float], Policy]


@dataclass(frozen=True, slots=True)
class Variant:
    """A policy and the terms that it runs under: one row of a table. `policy` is a name, or MODULE:CLASS."""

    policy: str
    notice_s: float = 0.0
    warm: bool = False

    @property
    def name(self) -> str:
        return self.policy + (" warm" if self.warm else "") + (f" +{self.notice_s:g}s" if self.notice_s else "")


@dataclass(frozen=True, slots=True)
class Yardsticks:
    """Of one hour: U of the optimum and of the best fixed net."""

    star: float
    fixed: float


def yardsticks(line: Line) -> Yardsticks:
    """About a tenth of a second for an hour."""
    return Yardsticks(outcome(line, optimum(line)).value, float(line.values[best_fixed(line)][-1]))


def maker(policy: str) -> Maker:
    """Of a policy by name or by MODULE:CLASS. Raises BadInput for one that is not there."""
    return of_factory(_factory(policy)) if ":" in policy else POLICIES[known([policy])[0]]


def learns(policy: str) -> bool:
    """Whether a policy, by name or by MODULE:CLASS, keeps what it learned. Raises BadInput for one not there."""
    if ":" not in policy:
        return policy == SHIPPED
    factory = _factory(policy)
    return all(hasattr(factory, method) for method in ("saved", "restore"))


def of_factory(factory: Factory) -> Maker:
    """Makes policies of one's own."""

    def make(line: Line, terms: Terms = USUAL) -> Policy:
        return factory(line.ladder, terms.quantile, terms.notice_s)

    return make


def play_hour(variant: Variant, scenario: str, seed: int, line: Line, quantile: float = QUANTILE) -> Run:
    """The run of a variant on `line`, the scored hour of a scenario and seed.

    Raises BadInput for an unknown policy, TypeError for a warm run of one that keeps nothing.
    """
    if variant.policy == TRUE_LAW:
        return simulate(line, true_law(line, scenario, variant.notice_s), variant.notice_s)
    before = lineshift(scenario, seed, hour=-1) if variant.warm else None
    return play(maker(variant.policy), line, Terms(quantile, variant.notice_s), before)


def score(factory: Factory, scenario: str, seed: int, terms: Terms | None = None, warm: bool = False) -> Row:
    """A policy of one's own on one hour, beside the optimum and the best fixed net of that hour.

    `terms` are without notice and at QUANTILE where none are given. Errors as in `warm.play`.
    """
    line = lineshift(scenario, seed)
    before = lineshift(scenario, seed, hour=-1) if warm else None
    run = play(of_factory(factory), line, terms or Terms(QUANTILE), before)
    marks = yardsticks(line)
    return Row(getattr(factory, "__name__", "policy"), run, outcome(line, run), marks.fixed, marks.star)


def _factory(policy: str) -> Factory:
    module, _, name = policy.partition(":")
    try:
        return cast("Factory", getattr(import_module(module), name))
    except (ImportError, AttributeError, ValueError) as exc:
        raise BadInput("policy", f"{policy}: {exc}") from exc
