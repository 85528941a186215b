"""What several clients say of one line, and for how long it counts."""

from __future__ import annotations

import math

import pytest

from agent.clock import VirtualClock
from agent.domain.notice import UNKNOWN_LINE
from agent.errors import BadInput
from agent.supervisor.line import DEFAULT_REPORT_S, LineDesk


def test_an_unknown_line_runs_at_an_unknown_pace() -> None:
    assert LineDesk(VirtualClock()).state() == UNKNOWN_LINE
    assert not UNKNOWN_LINE.stopped
    assert UNKNOWN_LINE.parts_per_minute is None


def test_the_newest_report_of_a_client_counts() -> None:
    desk = LineDesk(VirtualClock())
    desk.report("plc", True, None, 10.0)
    assert desk.state().stopped
    desk.report("plc", False, 900.0, 10.0)
    state = desk.state()
    assert (state.stopped, state.parts_per_minute, len(state.reports)) == (False, 900.0, 1)


def test_one_client_that_says_running_outweighs_all_that_say_stopped() -> None:
    desk = LineDesk(VirtualClock())
    desk.report("plc", True, None, 10.0)
    desk.report("scada", False, None, 5.0)
    desk.report("hmi", True, None, 10.0)
    assert not desk.state().stopped
    desk.report("scada", True, None, 5.0)
    assert desk.state().stopped


def test_a_report_ends_with_its_ttl_and_the_line_then_runs_whatever_the_wall_clock_does() -> None:
    clock = VirtualClock()
    desk = LineDesk(clock)
    desk.report("plc", True, None, 10.0)
    desk.report("scada", False, 700.0, 4.0)
    assert desk.until_change_s() == 4.0
    clock.step_wall(86_400.0)
    assert not desk.state().stopped
    clock.sleep(4.0)
    assert desk.state().stopped
    assert desk.state().parts_per_minute is None
    clock.sleep(6.0)
    assert desk.state() == UNKNOWN_LINE
    assert desk.until_change_s() is None


def test_of_several_rates_the_highest_counts() -> None:
    desk = LineDesk(VirtualClock())
    for client, rate in (("a", 300.0), ("b", 900.0), ("c", None)):
        desk.report(client, False, rate, 10.0)
    assert desk.state().parts_per_minute == 900.0


def test_a_report_without_a_ttl_is_forgotten_after_a_minute() -> None:
    clock = VirtualClock()
    desk = LineDesk(clock)
    desk.report("plc", True, None, None)
    clock.sleep(DEFAULT_REPORT_S - 0.001)
    assert desk.state().stopped
    clock.sleep(0.001)
    assert not desk.state().stopped


@pytest.mark.parametrize(
    ("rate", "ttl_s", "field"),
    [
        (0.0, 10.0, "parts_per_minute"),
        (math.nan, 10.0, "parts_per_minute"),
        (math.inf, 10.0, "parts_per_minute"),
        (100_001.0, 10.0, "parts_per_minute"),
        (None, 0.4, "ttl"),
        (None, math.nan, "ttl"),
        (None, 86_401.0, "ttl"),
    ],
)
def test_a_bad_report_is_refused_and_the_last_good_one_stays(rate: float | None, ttl_s: float, field: str) -> None:
    desk = LineDesk(VirtualClock())
    desk.report("plc", True, None, 10.0)
    with pytest.raises(BadInput) as caught:
        desk.report("plc", False, rate, ttl_s)
    assert caught.value.field == field
    assert desk.state().stopped


def test_an_input_counts_until_it_changes_or_is_lost() -> None:
    clock = VirtualClock()
    desk = LineDesk(clock)
    desk.sense("input:Line2", True)
    clock.sleep(90_000.0)
    state = desk.state()
    assert state.stopped
    assert [(one.client, one.expires_boot_ns) for one in state.reports] == [("input:Line2", None)]
    assert desk.until_change_s() is None
    desk.sense("input:Line2", False)
    assert not desk.state().stopped
    desk.lose("input:Line2")
    desk.lose("input:Line2")
    assert desk.state() == UNKNOWN_LINE


def test_an_input_and_a_client_must_agree_that_the_line_stands() -> None:
    desk = LineDesk(VirtualClock())
    desk.sense("input:Line2", True)
    desk.report("plc", False, None, 10.0)
    assert not desk.state().stopped
    desk.report("plc", True, None, 10.0)
    assert desk.state().stopped
    desk.sense("input:Line2", False)
    assert not desk.state().stopped


def test_a_client_that_calls_itself_an_input_does_not_speak_for_it() -> None:
    desk = LineDesk(VirtualClock())
    desk.sense("input:Line2", False)
    desk.report("input:Line2", True, None, 10.0)
    assert not desk.state().stopped
