"""What holds for every catalogue, line and camera: random worlds, each of them played once."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.domain.budget import Budget
from agent.domain.decision import Action, Decision, Reason
from agent.domain.line import View
from tests.unit.policy.ladder import candidate_of, effective
from tests.unit.policy.worlds import MIN_DWELL_S, Drive, World, a_world, driven, in_quarter_seconds, settled

WORLDS = 24
LINES = settings(
    deadline=None, max_examples=WORLDS, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
)
seeds = st.integers(0, WORLDS - 1)


@dataclass(frozen=True, slots=True)
class Moment:
    """One decision. Of a swap also: what will fit when it ends, and what is decided with its target running."""

    view: View
    found: Decision
    fits: frozenset[str]
    fits_then: frozenset[str] = frozenset()
    again: Decision | None = None

    @property
    def swaps(self) -> bool:
        return self.found.action is Action.SWAP and not self.view.swapping


@dataclass(frozen=True, slots=True)
class Played:
    """`afterwards`: swaps of a quarter of an hour in which nothing more happens."""

    moments: tuple[Moment, ...]
    saved: dict[str, object]
    afterwards: list[Decision]


@lru_cache(maxsize=WORLDS)
def played(seed: int) -> Played:
    drive = driven(a_world(seed))
    moments = tuple(_moments(drive))
    return Played(moments, drive.policy.saved(), drive.left_alone(900))


def _moments(drive: Drive) -> Iterator[Moment]:
    for view, found in drive.run():
        fits = fitting(found)
        if found.action is not Action.SWAP or found.target is None or view.swapping:
            yield Moment(view, found, fits)
            continue
        gap_s = next((f.value for f in candidate_of(found, found.target).figures if f.name == "gap"), 0.0)
        coming = [one for one in view.announced if one.at_s <= view.now_s + gap_s and not one.demand.stopped]
        fits_then = fits
        if coming:
            fits_then = fitting(drive.policy.explain(replace(view, demand=coming[-1].demand, announced=())))
        yield Moment(view, found, fits, fits_then, drive.policy.explain(settled(view, found.target)))


def fitting(decision: Decision) -> frozenset[str]:
    """Nets that may run under the budget."""
    return frozenset(one.subnet_id for one in decision.candidates if one.feasible)


@LINES
@given(seeds)
def test_a_net_that_is_said_to_fit_is_weighed_as_one_that_fits(seed: int) -> None:
    """The words know rate, latency and accuracy apart; what is weighed knows one limit of service time."""
    drive = driven(a_world(seed))
    compared = 0
    for _, found in drive.run():
        for candidate in found.candidates:
            weighed = drive.policy.bound_of(candidate.subnet_id)
            if weighed is not None:
                assert candidate.feasible == weighed[0]
                assert math.isclose(candidate.service_bound_ms, weighed[1])
                compared += 1
    assert compared > 0


@LINES
@given(seeds)
def test_a_swap_goes_to_what_fits_when_it_ends_wherever_anything_does(seed: int) -> None:
    for moment in played(seed).moments:
        if moment.swaps:
            assert moment.found.target != moment.view.active_id
            assert moment.found.target not in moment.view.quarantined
            assert moment.found.target in moment.fits_then or not moment.fits_then, moment.found.text


@LINES
@given(seeds)
def test_between_two_looks_nothing_is_swapped_for_itself(seed: int) -> None:
    """The numbers of a line that has not changed are kept for half a second; results come meanwhile."""
    for view, found in driven(in_quarter_seconds(a_world(seed))).run():
        assert found.action is not Action.SWAP or found.target != view.active_id, found.text


@LINES
@given(seeds)
def test_there_is_at_most_one_swap_for_a_gain_in_each_min_dwell(seed: int) -> None:
    counted: Counter[str] = Counter()
    swaps = [moment for moment in played(seed).moments if moment.swaps]
    for moment in swaps:
        view = moment.view
        if view.active_id is None:
            counted["start"] += 1
        elif view.demand.effective.fail_safe:
            counted["fail-safe"] += 1
        elif view.demand.stopped:
            counted["line stands"] += 1
        elif view.active_id not in moment.fits:
            counted["does not fit"] += 1
        else:
            counted["gain"] += 1
            assert view.activated_s is not None
            assert view.now_s - view.activated_s >= MIN_DWELL_S - 1e-9
    assert counted.total() == len(swaps)
    assert counted["start"] <= 1


def test_worlds_have_swaps_of_every_kind() -> None:
    """Else the properties would hold of nothing."""
    reasons = Counter(moment.found.reason for seed in range(WORLDS) for moment in played(seed).moments if moment.swaps)
    for reason in (Reason.INITIAL, Reason.BUDGET, Reason.MORE_ACCURATE, Reason.INFEASIBLE):
        assert reasons[reason] >= 3, reasons
    kept = Counter(moment.found.reason for seed in range(WORLDS) for moment in played(seed).moments)
    for reason in (Reason.NOT_WORTH, Reason.ANNOUNCED, Reason.DWELL, Reason.BEST_ALREADY):
        assert kept[reason] >= 3, kept


@LINES
@given(seeds)
def test_every_number_is_finite_and_every_loser_has_its_reason(seed: int) -> None:
    run = played(seed)
    for moment in run.moments:
        found = moment.found
        assert found.text
        assert "\n" not in found.text
        assert "nan" not in found.text.lower()
        assert found.starts_s is None or moment.view.now_s <= found.starts_s < math.inf
        figures = [*found.figures, *(figure for one in found.candidates for figure in one.figures)]
        assert all(math.isfinite(figure.value) for figure in figures)
        for one in found.candidates:
            assert 0.0 < one.service_bound_ms <= one.latency_bound_ms < math.inf
            assert one.feasible == (one.why_not == "")
    assert json.dumps(run.saved, allow_nan=False)


@LINES
@given(seeds)
def test_what_is_decided_agrees_with_what_fits(seed: int) -> None:
    for moment in played(seed).moments:
        found = moment.found
        if found.action is Action.HOLD and not moment.view.announced:
            assert found.target in moment.fits
        if found.reason is Reason.BEST_ALREADY:
            assert moment.view.active_id in moment.fits
        if found.reason is Reason.INFEASIBLE:
            assert not moment.fits & {found.target}


@LINES
@given(seeds)
def test_carried_out_a_swap_is_not_undone_by_the_next_decision(seed: int) -> None:
    for moment in played(seed).moments:
        if moment.again is not None:
            assert moment.again.action is not Action.SWAP, (moment.found.text, moment.again.text)


@LINES
@given(seeds)
def test_once_nothing_changes_any_more_there_are_few_swaps_left(seed: int) -> None:
    """One to what the line asks for; where the guard holds another net first, one to that and one back."""
    assert len(played(seed).afterwards) <= 3


def trace(drive: Drive) -> list[tuple[object, ...]]:
    """What was decided, with nets by their number in the world."""
    numbers = {name: place for place, name in enumerate(drive.names)}
    return [
        (found.action, found.reason, numbers.get(str(found.target)), found.feasible, found.starts_s)
        for _, found in drive.run()
    ]


@LINES
@given(seeds)
def test_neither_the_order_of_the_library_nor_the_names_in_it_matter(seed: int) -> None:
    world = a_world(seed, ticks=16)
    count = len(world.nets)
    order = np.random.default_rng(seed).permutation(count).tolist()
    other = Drive(world, tuple(f"z{place:02}-net" for place in range(count)), tuple(order))
    assert trace(other) == trace(driven(world))


@LINES
@given(seeds)
def test_the_same_line_is_decided_the_same_again(seed: int) -> None:
    again = driven(a_world(seed))
    for moment, (view, found) in zip(played(seed).moments, again.run(), strict=True):
        assert view == moment.view
        assert found == moment.found


def looser(asked: Budget, slack: float, less: float) -> Budget:
    return Budget(
        max_latency_ms=None if asked.max_latency_ms is None else asked.max_latency_ms * slack,
        parts_per_minute=None if asked.parts_per_minute is None else asked.parts_per_minute / slack,
        min_accuracy=None if asked.min_accuracy is None else asked.min_accuracy / slack,
        quantile=0.5 + (asked.quantile - 0.5) * less,
    )


@lru_cache(maxsize=WORLDS)
def lived_through(seed: int) -> tuple[World, Drive, View]:
    """A policy that has seen a world, and its last view."""
    drive = driven(a_world(seed, ticks=16))
    *_, (view, _) = drive.run()
    return drive.world, drive, view


@LINES
@given(seeds, st.floats(1.0, 3.0), st.floats(0.0, 1.0))
def test_what_fits_a_budget_fits_every_looser_one(seed: int, slack: float, less: float) -> None:
    world, drive, last = lived_through(seed)
    for tick in world.ticks[-4:]:
        view = replace(last, demand=tick.demand, announced=())
        loose = replace(tick.demand, effective=effective(looser(tick.demand.effective.budget, slack, less), "looser"))
        assert fitting(drive.policy.explain(view)) <= fitting(drive.policy.explain(replace(view, demand=loose)))
