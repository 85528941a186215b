"""What holding a net is worth, against lines that are played out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from agent.policy.dwell import BINS, Floats
from agent.policy.regimes import CALM, Regimes
from agent.policy.values import Values

SWAP_S = 2.0
TIGHT_EARNS, LOOSE_EARNS = (0.70, 0.0), (0.70, 0.75)  # a second: the faster net, the more accurate one


class Chain(Regimes):
    """A line that goes to and fro between a speed that both rungs follow and one that only the first does, each for an
    exponential time of that mean."""

    def __init__(self, loose_s: float, tight_s: float) -> None:
        super().__init__(2)
        self.tight, self.loose = self.of(1, CALM), self.of(2, CALM)
        self._mean_s = {self.tight: tight_s, self.loose: loose_s}
        self.note_gains(self.tight, np.array(TIGHT_EARNS), True)
        self.note_gains(self.loose, np.array(LOOSE_EARNS), True)

    def hazards(self) -> Floats:
        found = np.full((self.count, BINS), 0.1)
        for regime, mean_s in self._mean_s.items():
            found[regime] = 1.0 / mean_s
        return found

    def transitions(self) -> Floats:
        found = np.zeros((self.count + 1, self.count + 1))
        found[:, self.tight] = 1.0
        found[self.tight] = 0.0
        found[self.tight, self.loose] = 1.0
        return found


def solved(chain: Chain, notice_s: float = 0.0) -> Values:
    values = Values(chain, np.array([SWAP_S, SWAP_S]), np.zeros((3, 2)))
    for _ in range(10):
        values.solve(notice_s)
    return values


def climbs(loose_s: float, tight_s: float) -> bool:
    """Whether the more accurate net is worth a swap as the line slows down."""
    chain = Chain(loose_s, tight_s)
    values, earned = solved(chain), np.array(LOOSE_EARNS)
    best = float(earned.max())
    swap = values.swap(chain.loose, 0.0, earned - best, best)[1]
    return bool(swap > values.stay_of(chain.loose, 0.0, float(earned[0]) - best, 0))


@dataclass(slots=True)
class Played:
    """A line that is played out second by second; `climb`: the more accurate net is run whenever it fits."""

    loose_s: float
    tight_s: float
    climb: bool
    earned: float = 0.0

    def per_second(self, seconds: float = 200_000.0, seed: int = 1) -> float:
        source = np.random.default_rng(seed)
        now_s, loose, net, until_s = 0.0, False, 0, 0.0
        while now_s < seconds:
            end_s = now_s + float(source.exponential(self.loose_s if loose else self.tight_s))
            gains = LOOSE_EARNS if loose else TIGHT_EARNS
            while now_s < end_s:
                wanted = int(loose and self.climb)
                if now_s >= until_s and net != wanted:
                    net, until_s = wanted, now_s + SWAP_S  # no network until then
                next_s = min(end_s, until_s) if now_s < until_s else end_s
                self.earned += gains[net] * (next_s - now_s) if now_s >= until_s else 0.0
                now_s = next_s
            loose = not loose
        return self.earned / now_s


@pytest.mark.parametrize("tight_s", [20.0, 200.0])
@pytest.mark.parametrize("loose_s", [10.0, 25.0, 100.0, 400.0])
def test_a_swap_is_worth_its_gap_where_a_line_that_is_played_out_says_so(loose_s: float, tight_s: float) -> None:
    climbing, staying = (Played(loose_s, tight_s, climb).per_second() for climb in (True, False))
    assert climbs(loose_s, tight_s) == (climbing > staying)


def test_the_threshold_is_where_the_gain_pays_both_gaps() -> None:
    """Up: 2 s of .75 less the .05 that are won meanwhile; down: 2 s of .70. It pays from some 58 s on."""
    found = [loose_s for loose_s in range(20, 120) if climbs(float(loose_s), 1000.0)]
    assert found == list(range(found[0], 120))
    assert found[0] == pytest.approx((0.75 * SWAP_S + 0.70 * SWAP_S) / 0.05, rel=0.1)


def test_where_changes_are_told_ahead_the_way_back_is_paid_in_the_slow_regime() -> None:
    chain = Chain(70.0, 70.0)
    surprised, told = solved(chain), solved(chain, notice_s=5.0)
    assert (told.entered[chain.loose, 1] - told.entered[chain.loose, 0]) >= (
        surprised.entered[chain.loose, 1] - surprised.entered[chain.loose, 0]
    )


def test_a_net_that_does_not_fit_is_left_unless_the_rush_is_shorter_than_the_swap() -> None:
    for tight_s, leaves in ((0.5, False), (30.0, True)):
        chain = Chain(300.0, tight_s)
        values, earned = solved(chain), np.array(TIGHT_EARNS)
        swap = values.swap(chain.tight, 0.0, earned - 0.7, 0.7)[0]
        assert bool(swap > values.stay_of(chain.tight, 0.0, -0.7, 1)) == leaves


def test_values_are_finite_and_none_is_above_having_the_best_for_nothing() -> None:
    for dwell_s in (0.2, 5.0, 1e5):
        chain = Chain(dwell_s, dwell_s)
        for notice_s in (0.0, 5.0):
            values = solved(chain, notice_s)
            for found in (values.held, values.entered, values.after_stop):
                assert np.isfinite(found).all()
