"""What `make bench-policy` makes of its runs: means, intervals, what is worst, and whether goals are met."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.bench.lineshift import of_cells
from tests.bench.policy_goals import text, verdicts
from tests.bench.policy_runs import Cell
from tests.bench.policy_statistics import Row, interval, over_seeds, student_t, summary
from tests.bench.policy_table import markdown, table, told_mean

CELL = Cell("p", "a", 0, 0.9, 0.0, None, 1.0, 1.0, 1.0, 0.0, 0.0, 0, 0, 0, 0, 2, 0.01, 3, 3)


def cell(scenario: str, seed: int, ratio: float, to_fixed: float = 0.0, skill: float | None = None) -> Cell:
    return replace(CELL, scenario=scenario, seed=seed, ratio=ratio, to_fixed=to_fixed, skill=skill)


def test_the_interval_is_students() -> None:
    # 1, 2, 3: s = 1, t(2) = 4.303, over the root of three
    assert interval([1.0, 2.0, 3.0]) == pytest.approx(2.484, abs=1e-3)
    assert interval([1.0]) is None
    # Fifty zeros and fifty ones: s = .50252, t(99) = 1.98422 (tables), over the root of 100
    assert interval([0.0, 1.0] * 50) == pytest.approx(0.099711, abs=2e-5)


def test_students_t_goes_on_where_its_table_ends() -> None:
    # Printed tables: 40, 60, 120 degrees of freedom, and the normal's
    found = [student_t(freedom) for freedom in (1, 30, 40, 60, 120, 10**9)]
    assert found == pytest.approx([12.706, 2.042, 2.0211, 2.0003, 1.9799, 1.95996], abs=1e-4)


def test_the_mean_over_seeds_takes_a_seeds_hours_as_one_draw() -> None:
    cells = [cell("a", 0, 0.9), cell("b", 0, 0.98), cell("a", 1, 1.0), cell("b", 1, 0.96)]
    found = over_seeds(cells, lambda one: one.ratio)
    # Means of seeds .94 and .98: s = .02 x root 2, t(1) = 12.706, over root 2
    assert (found["mean"], found["interval"]) == pytest.approx((0.96, 12.706 * 0.02))


def test_a_row_tells_the_mean_the_worst_scenario_the_worst_run_and_runs_below_the_best_fixed_net() -> None:
    cells = [cell("a", 0, 0.9, -0.006), cell("a", 1, 1.0, 0.01, 0.5), cell("b", 0, 0.98), cell("b", 1, 0.96)]
    (row,) = summary(cells)
    assert {name: one["mean"] for name, one in row["scenarios"].items()} == pytest.approx({"a": 0.95, "b": 0.97})
    assert (row["worst_scenario"], row["worst_run"]) == pytest.approx((0.95, 0.9))
    assert (row["worst_to_fixed"], row["runs_below_fixed"], row["runs"], row["skill"]) == (-0.006, 1, 4, 0.5)
    assert row["to_fixed"]["mean"] == pytest.approx(0.001)
    text = table([row], ("a", "b"), 0.999)
    assert ".9600(2541)" in text  # 12.706 x .02 = .25412
    assert "1/4" in text


def test_a_run_exactly_at_the_margin_is_not_below() -> None:
    (row,) = summary([cell("a", 0, 0.9, -0.005), cell("a", 1, 0.9, -0.0050001)])
    assert row["runs_below_fixed"] == 1


def test_a_share_of_the_true_law_is_of_the_same_hour_under_the_same_notice() -> None:
    told, noticed = replace(CELL, policy="true_law", ratio=0.96), replace(CELL, policy="true_law +5s", ratio=0.99)
    mine = [cell("a", 0, 0.9), cell("b", 0, 0.5), replace(CELL, policy="p warm +5s", ratio=0.95)]
    first, warm, law, _ = summary([*mine, told, noticed])
    assert (first["of_law"], warm["of_law"]) == pytest.approx((0.9 / 0.96, 0.95 / 0.99))
    assert first["law_hours"] == 1
    assert law["of_law"] == 1.0
    assert "0.9375*" in table([first, law], ("a", "b"), 0.999)  # not of all of its hours
    assert summary([cell("b", 0, 0.5)])[0]["of_law"] is None


def test_miscoverage_is_of_the_parts_of_all_seeds_together() -> None:
    cells = [
        replace(CELL, seed=0, beyond=6, bounded=1000, settled_beyond=1, settled_bounded=500),
        replace(CELL, seed=1, beyond=0, bounded=3000, settled_beyond=1, settled_bounded=1500),
        replace(CELL, scenario="b"),
    ]
    (row,) = summary(cells)
    assert row["miscoverage"] == {
        "a": {"every": 6 / 4000, "settled": 2 / 2000},
        "b": {"every": None, "settled": None},
    }
    assert "1.00 / 1.50" in table([row], ("a", "b"), 0.999)


def test_attainment_is_the_mean_of_the_runs_and_its_worst_the_least_of_the_scenarios() -> None:
    cells = [replace(CELL, seed=seed, kept_attainment=kept) for seed, kept in enumerate((1.0, 0.99, None))]
    (row,) = summary([*cells, replace(CELL, scenario="b", kept_attainment=0.999)])
    assert row["kept_attainment"] == pytest.approx((1.0 + 0.99 + 0.999) / 3)
    assert row["kept_worst_scenario"] == pytest.approx(0.995)


def test_the_figures_of_the_page_are_rows_of_markdown() -> None:
    law = replace(CELL, policy="true_law", ratio=0.96)
    cells = [cell("a", 0, 0.9, -0.006), cell("a", 1, 0.92), law, replace(law, seed=1)]
    lines = markdown(summary(cells)).splitlines()
    assert len({line.count("|") for line in lines}) == 1
    # 12.706 x .01 = .12706; (.9 + .92) / 2 / .96 = .9479
    assert lines[2] == "| `p` | .9100 +- .1271 | .9100 | .9479 | -0.60 | 1 of 2 | 100.00 | 2 |"


def test_a_mean_without_an_interval_is_told_without_brackets() -> None:
    assert told_mean({"mean": 0.99604, "interval": 0.00118}) == ".9960(12)"
    assert told_mean({"mean": 1.0, "interval": None}) == "1.0000"
    assert told_mean(None) == "-"


def rows_of(policy: str, ratio: float, to_fixed: float = 0.0, beyond: int = 1) -> list[Row]:
    one = replace(CELL, policy=policy, ratio=ratio, to_fixed=to_fixed, kept_attainment=0.9985)
    return summary([replace(one, settled_beyond=beyond, settled_bounded=1000, bounded=1000)])


def test_each_goal_is_held_against_its_row_and_says_by_how_much_it_is_missed() -> None:
    rows = [*rows_of("dwell", 0.989), *rows_of("dwell warm", 0.9896, -0.0051, 3), *rows_of("greedy", 0.5)]
    found = {(one.goal, one.policy): one.verdict for one in verdicts(rows, 0.999)}
    assert found["mean U/U*", "dwell"] == "met"
    assert found["mean U/U*", "dwell warm"] == "missed by 0.00040"
    assert found["worst run to best fixed", "dwell warm"] == "missed by 0.00010"
    assert found["share of the true law", "dwell warm"] == "not measured"
    assert found["attainment, settling and holds left out", "dwell"] == "missed by 0.00050"
    assert found["miscoverage, settled, a", "dwell"] == "met"
    assert found["miscoverage, settled, a", "dwell warm"] == "missed by 0.00100"
    assert not any(policy == "greedy" for _, policy in found)
    lines = text(verdicts(rows, 0.999), rows).splitlines()
    assert lines[-2].split()[-3:] == ["dwell", "0/1", "counted"]


@pytest.mark.parametrize(("beyond", "verdict"), [(0, "missed by 0.00050"), (1, "met"), (2, "met"), (3, "missed by")])
def test_a_bound_that_is_never_exceeded_is_as_wrong_as_one_that_is_exceeded_too_often(
    beyond: int, verdict: str
) -> None:
    found = [one for one in verdicts(rows_of("dwell", 1.0, beyond=beyond), 0.999) if one.goal.startswith("miscov")]
    assert [one.verdict.startswith(verdict) for one in found] == [True]


def test_the_policys_losses_are_held_against_what_its_goals_allow() -> None:
    mine = [replace(CELL, policy="dwell", seed=seed, ratio=ratio) for seed, ratio in ((0, 0.977), (1, 0.9885))]
    found = {one.key: one for one in of_cells(mine)}
    assert found["policy.mean_cold"].values == pytest.approx((2.0, 1.0))
    assert found["policy.mean_cold"].met is False
    warm = [replace(CELL, policy="dwell warm", to_fixed=-0.0025)]
    (one,) = (one for one in of_cells(warm) if one.key == "policy.to_fixed_warm")
    assert one.median == pytest.approx(0.5)
    assert one.met is True
