"""Announced changes, reports of the line and explained decisions in words of 80 columns."""

from __future__ import annotations

import pytest

from agent.cli import describe
from agent.cli.announce import prepared_lines
from agent.cli.explain import legend_lines, reason_lines, summary_lines, tables
from agent.pb.ofa_agent.v1 import control_pb2
from agent.pb.ofa_agent.v1 import types_pb2 as pb


def prepared(due_s: float, ready_s: float) -> control_pb2.PreparedChange:
    change = control_pb2.PreparedChange(camera="station-1", subnet_id="net-1", expected_accuracy=0.914, feasible=True)
    change.swap_needed = True
    change.effective.budget.parts_per_minute, change.effective.budget.quantile = 1500, 0.99
    change.effective.priority = pb.BUDGET_PRIORITY_LEASE
    change.change.due_in.FromMilliseconds(round(due_s * 1000))
    change.change.due_at.FromMilliseconds(round(due_s * 1000))
    change.ready_at.FromMilliseconds(round(ready_s * 1000))
    change.expected_gap.FromMilliseconds(2400)
    change.wait.FromMilliseconds(2300)
    change.waiting_subnet_id = "net-2"
    return change


def test_an_announced_change_tells_its_net_its_gap_and_when_it_is_ready() -> None:
    assert prepared_lines(prepared(5.0, 5.0), waits=False) == [
        "station-1 in 5.0 s: 1500 parts/min, p99, lease",
        "  sub-net  net-1, accuracy 91.4 %",
        "  swap     gap about 2.4 s, ready with the change",
    ]
    assert (
        prepared_lines(prepared(5.0, 7.4), waits=False)[-1]
        == "  swap     gap about 2.4 s, ready 2.4 s after the change"
    )
    assert prepared_lines(prepared(0.0, 2.4), waits=True) == [
        "station-1 now, the line waits: 1500 parts/min, p99, lease",
        "  sub-net  net-2",
        "  swap     the line waits about 2.3 s",
    ]


def test_a_change_that_needs_no_swap_or_meets_nothing_says_so() -> None:
    change = prepared(5.0, 5.0)
    change.swap_needed, change.feasible = False, False
    lines = prepared_lines(change, waits=False)
    assert lines[1].endswith("meets it not, but is nearest to it")
    assert lines[2] == "  swap     none is needed"
    change.wait.Clear()
    assert prepared_lines(change, waits=True)[-1] == "  swap     none is needed"
    change.ClearField("subnet_id")
    assert len(prepared_lines(change, waits=False)) == 2


def status() -> pb.CameraStatus:
    told = pb.CameraStatus(camera="station-1", state="CAMERA_STATE_ACTIVE", active_subnet_id="net-3", verified=True)
    change = told.changes.add(client="plc", state="CHANGE_STATE_COMMITTED")
    change.budget.parts_per_minute, change.budget.quantile = 1500, 0.99
    change.due_in.FromMilliseconds(4200)
    told.coming_swap.to_subnet_id, told.coming_swap.cause = "net-1", pb.COMING_SWAP_CAUSE_ANNOUNCED_CHANGE
    told.coming_swap.starts_in.FromMilliseconds(1800)
    told.coming_swap.expected_gap.FromMilliseconds(2400)
    report = told.line.reports.add(client="plc", parts_per_minute=600)
    report.remaining.FromSeconds(42)
    told.line.parts_per_minute = 600
    return told


def test_the_status_shows_what_is_announced_what_is_coming_and_what_the_line_does() -> None:
    lines = describe.status_lines(status())
    assert "  announced COMMITTED 1500 parts/min, p99 in 4.2 s by plc" in lines
    assert "  coming    to net-1 in 1.8 s (announced change), gap about 2.4 s" in lines
    assert "  line      runs at 600 parts/min, says plc for 42 s" in lines
    assert max(map(len, lines)) <= 80
    line = describe.change_line(status())
    assert "coming: to net-1 in 1.8 s" in line
    assert "COMMITTED 1500 parts/min" in line


def test_a_change_for_which_the_line_stands_has_no_time_and_a_line_that_stands_no_rate() -> None:
    told = status()
    told.changes[0].state = pb.CHANGE_STATE_READY
    told.changes[0].due_in.Clear()
    told.line.stopped = True
    assert describe.change_words(told.changes[0]) == "READY 1500 parts/min, p99 by plc"
    assert describe.line_words(told.line) == "stands, says plc for 42 s"
    assert describe.line_words(pb.LineState()) == "runs"
    told.line.reports.add(client="input:Line2", stopped=True)
    assert describe.line_words(told.line) == "stands, says plc for 42 s, input:Line2"


def decision(figures: int) -> pb.Decision:
    made = pb.Decision(
        action="DECISION_ACTION_HOLD",
        reason="min_dwell",
        target_subnet_id="net-3-with-a-long-name",
        active_subnet_id="net-1",
        text="wait 3.2 s of min_dwell, then swap net-1 for net-3-with-a-long-name, which is more accurate and fits "
        * 2,
    )
    made.budget.budget.parts_per_minute, made.budget.budget.quantile = 1500, 0.99
    made.starts_in.FromMilliseconds(3200)
    made.figures.add(name="expected_dwell", value=81.2, unit="s", text="81.2 s")
    for name, feasible in (("net-1", True), ("net-3-with-a-long-name", False)):
        one = made.candidates.add(subnet_id=name, accuracy=0.9, feasible=feasible)
        if not feasible:
            one.why_not = "service 26.3 ms > 20.7 ms (2900 parts/min); latency 85 ms > 60 ms; accuracy 0.8 < 0.9"
        for number in range(figures if feasible else figures - 1):
            one.figures.add(name=f"some_figure_{number}", value=number, text=f"{number} parts/s")
    return made


@pytest.mark.parametrize("figures", [1, 3, 12])
def test_a_decision_with_any_number_of_figures_fits_a_page_of_80_columns(figures: int) -> None:
    made = decision(figures)
    lines = [*summary_lines(made, tried=True), *reason_lines(made)]
    assert max(map(len, lines)) <= 80
    assert lines[0].startswith("what if   1500 parts/min, p99")
    assert "figures   expected dwell 81.2 s" in lines
    assert "begins    in 3.2 s" in lines
    found = list(tables(made))
    headings = [heading for names, _, _ in found[1:] for heading in names[1:]]
    assert headings == [f"some figure {number}" for number in range(figures)]
    for names, rows, left in found:
        widths = [max(len(row[i]) for row in (names, *rows)) for i in range(len(names))]
        assert sum(widths) + 2 * (len(widths) - 1) <= 80
        assert left < len(names)
    assert [row[-1] for row in found[-1][1]] == [f"{figures - 1} parts/s", "-"]


def test_without_figures_there_is_one_table_and_without_losers_no_reasons() -> None:
    made = pb.Decision(action="DECISION_ACTION_KEEP", reason="best_already_active", text="keep net-1")
    made.candidates.add(subnet_id="net-1", feasible=True)
    assert len(list(tables(made))) == 1
    assert list(reason_lines(made)) == []
    lines = list(summary_lines(made, tried=False))
    assert lines[0].startswith("budget    ")
    assert lines[1] == "active    none"
    assert lines[2] == "decision  KEEP (best_already_active): keep net-1"


def test_figures_that_are_shown_are_explained_and_no_others() -> None:
    made = decision(1)
    assert list(legend_lines(made)) == []
    made.candidates[0].figures.add(name="pays_after", value=21.0, unit="s", text="21 s")
    made.candidates[1].figures.add(name="swap_now_wins", value=-3.0, unit="parts", text="-3 parts")
    lines = list(legend_lines(made))
    assert max(map(len, lines)) <= 80
    assert [line.split("  ")[0] for line in lines if line[:1].strip()] == ["service", "pays after", "swap now wins"]
    assert "99 % of results" in " ".join(lines)
