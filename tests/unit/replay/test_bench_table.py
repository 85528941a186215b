"""The table of `make bench-policy`: means, intervals, and what is worst."""

from __future__ import annotations

import pytest

from tests.bench.policy_table import Cell, interval, summary, table


def cell(scenario: str, seed: int, ratio: float, to_fixed: float = 0.0, skill: float | None = None) -> Cell:
    return Cell("p", scenario, seed, ratio, to_fixed, skill, 1.0, 1.0, 2, 0.01, 3)


def test_the_interval_is_students() -> None:
    # 1, 2, 3: s = 1, t(2) = 4.303, over the root of three
    assert interval([1.0, 2.0, 3.0]) == pytest.approx(2.484, abs=1e-3)
    assert interval([1.0]) is None
    assert interval([0.0, 1.0] * 50) == pytest.approx(1.96 * 0.5025 / 10, abs=1e-4)


def test_a_row_tells_the_mean_the_worst_scenario_the_worst_run_and_runs_below_the_best_fixed_net() -> None:
    cells = [cell("a", 0, 0.9, -0.006), cell("a", 1, 1.0, 0.01, 0.5), cell("b", 0, 0.98), cell("b", 1, 0.96)]
    (row,) = summary(cells)
    assert row["ratio"] == pytest.approx(0.96)
    assert row["scenarios"] == pytest.approx({"a": 0.95, "b": 0.97})
    assert (row["worst_scenario"], row["worst_run"]) == pytest.approx((0.95, 0.9))
    assert (row["worst_to_fixed"], row["runs_below_fixed"], row["skill"]) == (-0.006, 1, 0.5)
    # Over seeds: the means of .94 and .98.
    assert row["interval"] == pytest.approx(12.706 * 0.02, rel=1e-3)
    text = table([row], ("a", "b"))
    assert "0.9500     0.9700" in text
    assert "0.9600" in text


def test_a_share_of_the_true_law_is_told_where_that_is_known() -> None:
    bound = Cell("true_law", "a", 0, 0.96, 0.0, None, 1.0, 1.0, 0, 0.0, 0)
    mine, law = summary([cell("a", 0, 0.9), cell("b", 0, 0.5), bound])
    assert mine["of_true_law"] == pytest.approx(0.9 / 0.96)
    assert law["of_true_law"] == 1.0
    assert table([mine, law], ("a", "b")).splitlines()[4].split() == ["true_law", "0.9600", "-"]
    assert summary([cell("b", 0, 0.5)])[0]["of_true_law"] is None
