"""One policy on one hour of LineShift, cold or warm, and the figures of that run.

Warm is as after a restart that keeps what was learned: an unscored hour of the same law on the same camera, what the
policy saved at its end written as JSON and read by a fresh one, and then the scored hour.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from agent.replay.line import Line
from agent.replay.lineshift import LAWS, lineshift
from agent.replay.optimum import optimum
from agent.replay.policies import POLICIES, Terms
from agent.replay.policies.true_law import TrueLaw
from agent.replay.score import Outcome, best_fixed, outcome, skill
from agent.replay.simulation import Policy, Run, simulate

TRUE_LAW = "true_law"  # the best without foresight: the law of the scenario known, the hour not


@runtime_checkable
class Learner(Protocol):
    """A policy that keeps what it learned across restarts."""

    def saved(self) -> Mapping[str, object]:
        """What was learned, as JSON."""
        ...

    def restore(self, saved: Mapping[str, object]) -> None:
        """Begin with what an earlier run had learned."""
        ...


@dataclass(frozen=True, slots=True)
class Variant:
    """A policy and the terms that it runs under: one row of a table."""

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


@dataclass(frozen=True, slots=True)
class Cell:
    """One variant on one hour. `to_fixed` is its distance to the best fixed net in shares of U*.

    Of the parts that were judged (a network was there and some net would have met them) `settling_share` and
    `held_share` are left out of `kept_attainment`. `beyond` of `bounded` parts took longer than the bound published.
    """

    policy: str
    scenario: str
    seed: int
    ratio: float
    to_fixed: float
    skill: float | None
    attainment: float | None
    kept_attainment: float | None
    settling_share: float
    held_share: float
    beyond: int
    bounded: int
    settled_beyond: int
    settled_bounded: int
    swaps: int
    gap_share: float
    longest_miss_run: int


def yardsticks(line: Line) -> Yardsticks:
    """About a tenth of a second for an hour."""
    return Yardsticks(outcome(line, optimum(line)).value, float(line.values[best_fixed(line)][-1]))


def law_known(scenario: str, notice_s: float) -> bool:
    """Whether the best policy without foresight is computed there."""
    return scenario in LAWS and not notice_s


def play_hour(variant: Variant, scenario: str, seed: int, line: Line, quantile: float) -> Run:
    """The run of a variant on an hour of LineShift. Raises TypeError for a warm run of a policy that keeps nothing."""
    if variant.policy == TRUE_LAW:
        return simulate(line, TrueLaw(line.ladder, LAWS[scenario]), variant.notice_s)
    terms, make = Terms(quantile, variant.notice_s), POLICIES[variant.policy]
    policy = make(line, terms)
    if variant.warm:
        warm_up(policy, make(line, terms), lineshift(scenario, seed, hour=-1), variant.notice_s)
    return simulate(line, policy, variant.notice_s)


def warm_up(policy: Policy, learner: Policy, before: Line, notice_s: float = 0.0) -> None:
    """Give `policy` what `learner`, another object of the same making, learned in the hour before.

    Raises TypeError for a policy that keeps nothing, ValueError where what it saves is no JSON.
    """
    if not (isinstance(learner, Learner) and isinstance(policy, Learner)):
        raise TypeError(f"{type(policy).__name__} keeps nothing: it has no saved() and restore()")
    simulate(before, learner, notice_s)
    policy.restore(json.loads(json.dumps(learner.saved(), allow_nan=False)))


def cell(name: str, scenario: str, seed: int, found: Outcome, marks: Yardsticks) -> Cell:
    """The figures of one run."""
    judged = max(1, found.judged)
    return Cell(
        policy=name,
        scenario=scenario,
        seed=seed,
        ratio=found.value / marks.star,
        to_fixed=(found.value - marks.fixed) / marks.star,
        skill=skill(found.value, marks.fixed, marks.star),
        attainment=found.attainment,
        kept_attainment=found.kept_attainment,
        settling_share=found.settling / judged,
        held_share=found.held / judged,
        beyond=found.coverage.beyond,
        bounded=found.coverage.parts,
        settled_beyond=found.settled_coverage.beyond,
        settled_bounded=found.settled_coverage.parts,
        swaps=found.swaps,
        gap_share=found.gap_share,
        longest_miss_run=found.longest_miss_run,
    )
