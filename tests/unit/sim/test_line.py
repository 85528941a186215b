"""Arrival times of parts."""

from __future__ import annotations

import pytest

from agent.sim.line import ProductionLine

SECOND = 1_000_000_000


def test_parts_come_when_the_integral_of_the_rate_is_a_half_more_than_their_number() -> None:
    line = ProductionLine(60.0, 0)
    assert [line.arrival_ns(k) for k in range(3)] == [SECOND // 2, 3 * SECOND // 2, 5 * SECOND // 2]


def test_a_stopped_line_brings_nothing() -> None:
    line = ProductionLine(0.0, 0)
    assert line.arrival_ns(0) is None
    line.set_rate(120.0, 10 * SECOND)
    assert line.arrival_ns(0) == 10 * SECOND + SECOND // 4


def test_a_change_of_rate_keeps_what_has_passed() -> None:
    line = ProductionLine(60.0, 0)
    line.set_rate(600.0, 2 * SECOND)
    assert line.passed(2 * SECOND) == pytest.approx(2.0)
    assert line.arrival_ns(2) == 2 * SECOND + SECOND // 20


def test_the_number_of_parts_agrees_with_their_arrivals() -> None:
    line = ProductionLine(977.0, 123)
    for part in range(0, 5000, 37):
        at_ns = line.arrival_ns(part)
        assert at_ns is not None
        assert line.passed(at_ns) == pytest.approx(part + 0.5, abs=1e-6)
