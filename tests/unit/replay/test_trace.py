"""Traces: what their rows mean, when parts come, and how mistakes are told."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given

from agent.replay.line import Line
from agent.replay.trace import LineState, TraceInvalid, parse_trace, read_trace, write_trace
from tests.unit.replay.lines import PROPERTY, a_trace, random_lines

HEADER = "t_s,parts_per_minute,max_latency_ms,slowdown,stopped"


def test_an_empty_cell_keeps_the_value_before_and_the_last_row_ends_the_trace() -> None:
    trace = parse_trace(["# a line", HEADER, "0,60,80,1.2,0", "", "10,,40,,1", "# more", "12.5,90,,,0", "20,1,1,9,1"])
    assert trace.t_s.tolist() == [0.0, 10.0, 12.5]
    assert trace.parts_per_minute.tolist() == [60.0, 60.0, 90.0]
    assert trace.max_latency_ms.tolist() == [80.0, 40.0, 40.0]
    assert trace.slowdown.tolist() == [1.2, 1.2, 1.2]
    assert trace.stopped.tolist() == [False, True, False]
    assert trace.end_s == 20.0


def test_what_the_first_row_leaves_open_is_no_limit_no_slowdown_and_a_running_line() -> None:
    for text in (["t_s,parts_per_minute", "0,60", "5,"], [HEADER, "0,60,,,", "5,,,,"]):
        trace = parse_trace(text)
        assert (trace.max_latency_ms[0], trace.slowdown[0], trace.stopped[0]) == (math.inf, 1.0, False)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([], "f:1: header: is missing"),
        (["t_s,rate", "0,1"], "f:1: rate: is no column"),
        (["t_s,t_s", "0,1"], "f:1: t_s: is there twice"),
        (["t_s,slowdown"], "f:1: parts_per_minute: this column is missing"),
        ([HEADER, "0,60,,,"], "f:2: t_s: two rows are the least"),
        ([HEADER, "1,60,,,", "2,,,,"], "f:2: t_s: 1; the first row is at 0"),
        (["#", HEADER, "0,60,,,", "5,,,,", "#", "5,,,,"], "f:6: t_s: 5 is not after the row before (5)"),
        ([HEADER, "0,,80,,", "5,,,,"], "f:2: parts_per_minute: is empty"),
        ([HEADER, "0,60,,,", ",,,,"], "f:3: t_s: is empty"),
        ([HEADER, "0,60,,", "5,,,,"], "f:2: -: 4 cells, the header has 5"),
        ([HEADER, "0,fast,,,", "5,,,,"], "f:2: parts_per_minute: 'fast' is not a number"),
        ([HEADER, "0,-1,,,", "5,,,,"], "f:2: parts_per_minute: -1 is out of range (at least 0"),
        ([HEADER, "0,60,0,,", "5,,,,"], "f:2: max_latency_ms: 0 is out of range (above 0"),
        ([HEADER, "0,60,,0,", "5,,,,"], "f:2: slowdown: 0 is out of range (above 0"),
        ([HEADER, "0,60,,nan,", "5,,,,"], "f:2: slowdown: nan is out of range"),
        ([HEADER, "0,inf,,,", "5,,,,"], "f:2: parts_per_minute: inf is out of range"),
        ([HEADER, "0,60,,,.5", "5,,,,"], "f:2: stopped: .5 is neither 0 nor 1"),
        ([HEADER, '0,"60,,,', "5,,,,"], "f:2: -: is no CSV"),
    ],
)
def test_a_mistake_is_told_with_file_line_and_key(lines: list[str], message: str) -> None:
    with pytest.raises(TraceInvalid) as caught:
        parse_trace(lines, "f")
    assert str(caught.value).startswith(message)


def test_a_file_that_is_no_text_or_not_there_is_told(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(TraceInvalid, match="is not UTF-8 text"):
        read_trace(tmp_path / "a")
    with pytest.raises(TraceInvalid, match="cannot be read: No such file"):
        read_trace(tmp_path / "b")


def test_parts_come_when_the_integral_of_the_rate_is_a_half_more_than_a_whole_number() -> None:
    # 60/min for 1.2 s: the integral is 1.2; then 120/min: 1.5 is reached .15 s later, then every .5 s.
    times, rows = a_trace((0, 60, math.inf, 1, 0), (1.2, 120, math.inf, 1, 0), end_s=2.4).parts
    assert times.tolist() == pytest.approx([0.5, 1.35, 1.85, 2.35])
    assert rows.tolist() == [0, 1, 1, 1]


def test_a_line_that_stands_has_no_parts_and_goes_on_where_it_stopped() -> None:
    times, rows = a_trace((0, 60, math.inf, 1, 0), (0.75, 60, math.inf, 1, 1), (10, 60, math.inf, 1, 0), end_s=12).parts
    assert times.tolist() == pytest.approx([0.5, 10.75, 11.75])
    assert rows.tolist() == [0, 2, 2]
    halted = a_trace((0, 60, math.inf, 1, 0), (0.75, 0, math.inf, 1, 0), (10, 60, math.inf, 1, 0), end_s=12)
    assert halted.parts[0].tolist() == times.tolist()


def test_a_part_due_at_the_very_end_does_not_come_and_one_due_at_a_change_is_of_the_new_row() -> None:
    assert a_trace((0, 60, math.inf, 1, 0), end_s=10.5).parts[0].tolist() == [k + 0.5 for k in range(10)]
    times, rows = a_trace((0, 60, math.inf, 1, 0), (0.5, 60, 30, 1, 0), end_s=1).parts
    assert (times.tolist(), rows.tolist()) == ([0.5], [1])


def test_the_limit_is_the_shorter_of_part_interval_and_latency() -> None:
    assert LineState(1500.0, math.inf, False).limit_ms == 40.0
    assert LineState(1500.0, 30.0, False).limit_ms == 30.0
    assert LineState(0.0, 30.0, False).limit_ms == 30.0
    assert LineState(1500.0, 30.0, True).parts_per_s == 0.0
    assert a_trace((0, 1500, 30, 1, 0), (1, 0, math.inf, 1, 0), end_s=2).limit_ms.tolist() == [30.0, math.inf]


@PROPERTY
@given(line=random_lines())
def test_a_written_trace_is_read_again_as_it_was(line: Line, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("trace") / "t.csv"
    write_trace(line.trace, path, "a comment")
    again = read_trace(path)
    for column in ("t_s", "parts_per_minute", "max_latency_ms", "slowdown", "stopped"):
        assert np.array_equal(getattr(again, column), getattr(line.trace, column)), column
    assert again.end_s == line.trace.end_s
