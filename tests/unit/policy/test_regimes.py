"""What is learned of how long a line stays as it is, and of what follows."""

from __future__ import annotations

import json

import numpy as np
import pytest

from agent.policy.dwell import EDGES_S, hazards, median_left_s, remaining_s
from agent.policy.regimes import CALM, HECTIC, Regimes


def flipping(dwell_s: float, spells: int, tempo: int = CALM) -> Regimes:
    """A line of three rungs that goes to and fro between its two upper levels."""
    found = Regimes(3)
    low, high = found.of(2, tempo), found.of(3, tempo)
    found.begin(low)
    for spell in range(spells):
        here, there = (low, high) if spell % 2 == 0 else (high, low)
        found.end(here, dwell_s, there, -1 if spell == 0 else found.level(there))
    return found


def test_hazards_are_those_of_an_exponential_where_what_is_left_never_changes() -> None:
    outlived = np.exp(-0.1 * np.append(EDGES_S, 2.0 * EDGES_S[-1]))
    found = hazards(outlived)
    assert found[:8].tolist() == pytest.approx([0.1] * 8)
    for age_s in (0.0, 3.0, 17.0):
        assert remaining_s(found, age_s) == pytest.approx(10.0, rel=0.01)
        assert median_left_s(found, age_s) == pytest.approx(10.0 * np.log(2.0), rel=0.01)


@pytest.mark.parametrize("dwell_s", [6.0, 30.0, 200.0])
def test_a_line_that_always_stays_as_long_is_expected_to_do_so(dwell_s: float) -> None:
    found = flipping(dwell_s, 40)
    left_s = median_left_s(found.hazards()[found.of(3, CALM)], 0.0)
    assert dwell_s / 1.6 < left_s < dwell_s * 1.6


def test_what_is_learned_of_some_regimes_is_expected_of_others_too() -> None:
    fresh, taught = Regimes(3), flipping(6.0, 40)
    never_seen = fresh.of(1, CALM)
    assert median_left_s(taught.hazards()[never_seen], 0.0) < median_left_s(fresh.hazards()[never_seen], 0.0)


def test_hazards_are_finite_and_above_zero_whatever_was_seen() -> None:
    for dwell_s in (0.0, 0.01, 1.0, 1e6):
        found = flipping(dwell_s, 200).hazards()
        assert np.isfinite(found).all()
        assert (found > 0.0).all()


def test_transitions_are_probabilities_and_none_leads_to_itself() -> None:
    for found in (Regimes(1), Regimes(3), flipping(6.0, 30)):
        moves = found.transitions()
        assert moves.shape == (found.count + 1, found.count + 1)
        assert (moves >= 0.0).all()
        assert moves.sum(axis=1) == pytest.approx(np.ones(found.count + 1))
        assert (np.diag(moves)[: found.count] == 0.0).all()


def test_what_has_followed_is_expected_to_follow() -> None:
    found = flipping(30.0, 40)
    low, high = found.of(2, CALM), found.of(3, CALM)
    moves = found.transitions()
    assert moves[low, high] > 0.8
    assert moves[high, low] > 0.8
    assert found.return_share(high, 2) > 0.8
    assert found.return_share(low, 3) > 0.8


def test_after_a_stop_the_line_goes_on_as_it_has_before() -> None:
    found = Regimes(2)
    here, other = found.of(2, CALM), found.of(1, CALM)
    found.begin(here)
    assert found.resumptions(here)[-1] == pytest.approx(0.5)
    for _ in range(20):
        found.end(here, 60.0, found.stopped)
        found.resume(here, other)
        found.end(other, 60.0, here)
    after = found.resumptions(here)
    assert after.sum() == pytest.approx(1.0)
    assert after[other] > 0.8
    assert after[-1] < 0.1


def test_gains_are_a_running_mean_that_starts_with_the_first() -> None:
    found = Regimes(2)
    found.note_gains(3, np.array([1.0, 2.0]), fresh=True)
    assert found.gains[3].tolist() == [1.0, 2.0]
    found.note_gains(3, np.array([2.0, 2.0]), fresh=False)
    assert found.gains[3].tolist() == pytest.approx([1.1, 2.0])
    assert found.known[3]
    assert found.known.sum() == 1


def test_what_was_learned_survives_json() -> None:
    one, other = flipping(6.0, 30, HECTIC), Regimes(3)
    other.restore(json.loads(json.dumps(one.saved())))
    assert other.saved() == one.saved()
    assert other.hazards() == pytest.approx(one.hazards(), rel=1e-6)
    assert other.transitions() == pytest.approx(one.transitions(), rel=1e-3)


def test_what_does_not_fit_is_refused_and_nothing_is_taken_over() -> None:
    saved = flipping(6.0, 30).saved()
    for rungs in (1, 2, 4):
        other = Regimes(rungs)
        with pytest.raises(ValueError, match="fit"):
            other.restore(saved)
        assert other.saved() == Regimes(rungs).saved()
