"""The figures of one run of the benchmark."""

from __future__ import annotations

from dataclasses import dataclass

from agent.replay.benchmark import Yardsticks
from agent.replay.score import Outcome, skill


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
    settled_attainment: float | None
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
    longest_avoidable_run: int


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
        settled_attainment=found.settled_attainment,
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
        longest_avoidable_run=found.longest_avoidable_run,
    )
