"""Exponents that `make bench` tells of what grows."""

from __future__ import annotations

import pytest

from tests.bench.growth import exponent, medians, steepest


def test_an_exponent_is_the_slope_of_logarithms() -> None:
    assert exponent({1: 3.0, 2: 6.0, 4: 12.0, 8: 24.0}) == pytest.approx(1.0)
    assert exponent({10: 5.0, 100: 500.0, 1000: 50_000.0}) == pytest.approx(2.0)
    assert exponent({1: 7.0, 8: 7.0}) == pytest.approx(0.0)


def test_the_steepest_step_shows_growth_that_a_fixed_cost_hides() -> None:
    costs = {10: 10.0, 100: 10.0, 1000: 1000.0}
    assert exponent(costs) == pytest.approx(1.0)
    assert steepest(costs) == pytest.approx(2.0)


def test_medians_are_of_each_number_over_the_repeats() -> None:
    assert medians([{1: 1.0, 2: 9.0}, {1: 5.0, 2: 4.0}, {1: 2.0, 2: 6.0}]) == {1: 2.0, 2: 6.0}
