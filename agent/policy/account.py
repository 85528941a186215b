"""A decision in figures: every candidate, what it promises, what a swap to it would win and cost."""

from __future__ import annotations

import math

from agent.domain.decision import Account, Candidate, Figure
from agent.policy.candidates import Limits, judge_all
from agent.policy.chooser import Chooser
from agent.policy.dwell import EDGES_S, Floats, bin_of, median_left_s
from agent.policy.timing import LatencyModel
from agent.policy.verdict import Case, Verdict
from agent.policy.words import Known, words

FOREVER_S = 1e6
_EVER = 1e9  # correct parts, beyond which a value is one of a swap that is not allowed


class Dwell:
    """How long the line has been as it is, and for how long it will be."""

    def __init__(self, hazard: Floats, age_s: float) -> None:
        """`hazard`: chance to change per second, by bin of age."""
        self._hazard = hazard
        self.lasted_s = age_s

    @property
    def likely_s(self) -> float:
        """Time that it lasts on in half of the cases."""
        return min(FOREVER_S, median_left_s(self._hazard, self.lasted_s))

    def outlasts(self, for_s: float) -> float:
        """Chance that it stays so for that long, 0 to 1."""
        at_s, end_s, risk = self.lasted_s, self.lasted_s + for_s, 0.0
        while at_s < end_s:
            place = bin_of(at_s)
            until_s = min(end_s, float(EDGES_S[place + 1])) if place + 1 < len(EDGES_S) else end_s
            risk += float(self._hazard[place]) * (until_s - at_s)
            at_s = until_s
        return math.exp(-risk)


def dwell(chooser: Chooser, place: tuple[int, float]) -> Dwell:
    """By the learned hazards; `place`: regime and age."""
    regime, age_s = place
    return Dwell(chooser.values.hazard[regime], max(0.0, age_s))


def account(
    case: Case, found: Verdict, model: LatencyModel, limits: Limits, lasts: Dwell, swap_s: dict[str, float]
) -> Account:
    """`swap_s`: seconds that a swap to each rung takes."""
    active_id = None if case.sight.active is None else case.sight.active.id
    judged = judge_all(case.ladder.catalogue, active_id, model, limits, case.view.quarantined)
    figures = {one.candidate.subnet_id: _figures(case, found, one.candidate.subnet_id, lasts, swap_s) for one in judged}
    known = Known(
        {one.candidate.subnet_id: one for one in judged},
        {name: {figure.name: figure.value for figure in some} for name, some in figures.items()},
        limits,
        {one.candidate.subnet_id: model.basis(one.candidate.subnet_id) for one in judged},
    )
    candidates = tuple(_with(one.candidate, figures[one.candidate.subnet_id]) for one in judged)
    of_line = (
        Figure("lasted", lasts.lasted_s, "s"),
        Figure("likely_to_last", lasts.likely_s, "s"),
        Figure("service_times", model.slowdown, "x as profiled"),
    )
    return Account(candidates, words(case, found, known), of_line)


def _with(one: Candidate, figures: tuple[Figure, ...]) -> Candidate:
    return Candidate(
        one.subnet_id,
        one.accuracy,
        one.service_bound_ms,
        one.latency_bound_ms,
        one.measured,
        one.feasible,
        one.why_not,
        figures,
    )


def _figures(case: Case, found: Verdict, subnet_id: str, lasts: Dwell, swap_s: dict[str, float]) -> tuple[Figure, ...]:
    """What a rung earns, what a swap to it costs, and for how long the line must stay for that; none of other nets."""
    place = case.ladder.place_of.get(subnet_id)
    if place is None:
        return ()
    sight, active = case.sight, case.sight.active
    met = float(sight.met[place])
    figures = [
        Figure("in_time", met * 100.0, "%"),
        Figure("correct_parts_per_minute", sight.scene.rate * 60.0 * met * float(case.ladder.top1[place]), ""),
    ]
    if active is None or subnet_id == active.id or subnet_id not in swap_s:
        return tuple(figures)
    gap_s, gain = swap_s[subnet_id], float(sight.scene.gains[place])
    figures.append(Figure("gap", gap_s, "s"))
    if gain > active.gain and not sight.scene.stopped:
        pays_s = gap_s * gain / (gain - active.gain)
        figures += [Figure("pays_after", pays_s, "s"), Figure("lasts_so_long", 100.0 * lasts.outlasts(pays_s), "%")]
    chosen = found.chosen
    if chosen is not None and len(chosen.swaps) == len(sight.met) and not case.view.swapping:
        wins = float(chosen.swaps[place]) - chosen.stay
        if abs(wins) < _EVER:
            figures.append(Figure("swap_now_wins", wins, "parts"))
    return tuple(figures)
