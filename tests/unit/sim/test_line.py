"""Arrival times of parts, stops, and what is wired to the digital lines."""

from __future__ import annotations

import pytest

from agent.errors import BadInput
from agent.sim.line import ProductionLine
from agent.sim.spec import LineStop, SimulationSpec
from agent.sim.wiring import Wiring

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


def test_parts_come_later_by_the_stops_before_them() -> None:
    line = ProductionLine(60.0, SECOND, [LineStop(10.0, 12.0), LineStop(2.0, 5.0)])
    arrivals = [line.arrival_ns(k) for k in range(9)]
    assert arrivals == [round((1 + t) * SECOND) for t in (0.5, 1.5, 5.5, 6.5, 7.5, 8.5, 9.5, 12.5, 13.5)]
    assert [line.stands((1 + t) * SECOND) for t in (0, 1, 2, 4, 5, 9, 10, 11, 12)] == [
        False, False, True, True, False, False, True, True, False,
    ]  # fmt: skip


@pytest.mark.parametrize("change_s", [1.0, 3.0, 4.0, 7.0])
def test_a_change_of_rate_around_a_stop_keeps_what_has_passed(change_s: float) -> None:
    line = ProductionLine(60.0, 0, [LineStop(3.0, 6.0)])
    before = line.passed(round(change_s * SECOND))
    line.set_rate(120.0, round(change_s * SECOND))
    assert line.passed(round(change_s * SECOND)) == before
    for part in range(20):
        at_ns = line.arrival_ns(part + 4)
        assert at_ns is not None
        assert line.passed(at_ns) == pytest.approx(part + 4.5)
        assert not line.stands(at_ns)


def test_a_line_without_speed_stands() -> None:
    line = ProductionLine(0.0, 0)
    assert line.stands(0)
    line.set_rate(60.0, SECOND)
    assert not line.stands(SECOND)


@pytest.mark.parametrize(
    ("stops", "key"),
    [
        ([{"from_s": 5.0, "until_s": 5.0}], "scene.stops[0].until_s"),
        ([{"from_s": 5.0, "until_s": 9.0}, {"from_s": 8.0, "until_s": 10.0}], "scene.stops"),
        ([{"from_s": -1.0, "until_s": 5.0}], "scene.stops[0].from_s"),
        ([{"from_s": 1.0}], "scene.stops[0]"),
    ],
)
def test_stops_that_cannot_be_are_refused(stops: list[dict[str, float]], key: str) -> None:
    with pytest.raises(BadInput) as refused:
        SimulationSpec.from_mapping({"scene": {"stops": stops}})
    assert refused.value.field == key


def test_the_contact_of_the_controller_closes_while_the_line_stands() -> None:
    wiring = Wiring(ProductionLine(60.0, 0, [LineStop(2.0, 4.0)]))
    assert [wiring.driven(t * SECOND) >> 2 & 1 for t in range(6)] == [0, 0, 1, 1, 0, 0]


def test_the_plant_may_put_a_level_of_its_own_on_a_line_and_take_it_away() -> None:
    wiring = Wiring(ProductionLine(60.0, 0))
    wiring.put("Line2", True)
    wiring.put("Line3", True)
    assert wiring.driven(SECOND) == 0b1100
    wiring.put("Line2", False)
    wiring.put("Line3", None)
    assert wiring.driven(SECOND) == 0


def test_the_plant_cannot_put_a_level_on_the_part_sensor_or_on_a_line_that_is_not_there() -> None:
    wiring = Wiring(ProductionLine(60.0, 0))
    with pytest.raises(BadInput, match="part sensor"):
        wiring.put("Line0", True)
    with pytest.raises(BadInput, match="Line1, Line2, Line3"):
        wiring.put("Line4", True)
    with pytest.raises(BadInput, match="allowed are true, false and null"):
        wiring.put("Line1", 1)  # type: ignore[arg-type]
