"""Figures of `make bench` say what they are over, how they spread, whether their goal is met, and what they were."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.bench import baseline, machine, profiles
from tests.bench.__main__ import ROOMS, profiled, room
from tests.bench.baseline import Known
from tests.bench.figures import Figure, Left, row, write

FIGURE = Figure("a.ratio", "this", "that", (1.0, 3.0, 1.2), goal=1.5, parts={"this_s": 0.25})
HERE = {"cores": 2, "commit": "abc1234"}


def test_the_median_is_held_against_the_goal() -> None:
    assert (FIGURE.median, FIGURE.met) == (1.2, True)
    assert FIGURE.of_goal == pytest.approx(0.8)
    assert Figure("a", "", "", (1.6,), goal=1.5).met is False
    assert Figure("a", "", "", (1.6,)).met is None


def test_a_row_says_median_range_goal_reference_and_parts() -> None:
    text = row(FIGURE, "worse: was 1.00")
    for words in ("a.ratio", "1.20  (1.00 .. 3.00)", "goal <= 1.5: met", "over that", "this_s 0.25", "worse: was 1.00"):
        assert words in text
    assert "MISSED" in row(Figure("a", "", "", (2.0,), goal=1.5))
    assert row(Left("b", "no tools")).endswith("not measured: no tools")


def test_figures_are_put_beside_those_of_other_runs_each_with_its_machine(tmp_path: Path) -> None:
    path = tmp_path / "bench.json"
    write(path, [FIGURE], HERE)
    write(path, [Left("b", "no tools")], {"cores": 4})
    found = json.loads(path.read_text())
    assert found["b"] == {"skipped": "no tools", "machine": {"cores": 4}}
    assert found["a.ratio"] == {
        "what": "this",
        "reference": "that",
        "median": 1.2,
        "range": [1.0, 3.0],
        "repeats": 3,
        "goal": 1.5,
        "met": True,
        "parts": {"this_s": 0.25},
        "machine": HERE,
    }


@pytest.mark.parametrize(
    ("values", "stands"),
    [((3.1, 4.0), "worse"), ((0.1, 0.9), "better"), ((0.9, 1.0), "as before"), ((2.0,), "as before")],
)
def test_runs_differ_where_their_ranges_do_not_meet(values: tuple[float, ...], stands: str) -> None:
    assert Known(1.2, 1.0, 3.0, "").stands(Figure("a", "", "", values)) == stands


def test_a_baseline_is_what_was_measured_and_says_at_which_commit(tmp_path: Path) -> None:
    measured, path = tmp_path / "bench.json", tmp_path / "baseline.json"
    write(measured, [FIGURE, Left("b", "no tools")], HERE)
    path.write_text(baseline.accepted(json.loads(measured.read_text()), {}))
    assert baseline.read(path) == {"a.ratio": Known(1.2, 1.0, 3.0, "abc1234")}
    words = baseline.read(path)["a.ratio"].words(Figure("a.ratio", "", "", (0.5,)))
    assert words == "better: was 1.20  (1.00 .. 3.00) at abc1234"
    assert baseline.read(tmp_path / "none.json") == {}


def test_a_baseline_keeps_what_was_not_measured_again(tmp_path: Path) -> None:
    path = tmp_path / "baseline.json"
    before = {"a.ratio": Known(1.0, 1.0, 1.0, "old"), "b.s": Known(2.0, 1.5, 2.5, "old")}
    newer: dict[str, dict[str, object]] = {
        "a.ratio": {"median": 1.2, "range": [1.1, 1.3], "machine": {"commit": "new"}},
        "c.s": {"left": "why"},
    }
    path.write_text(baseline.accepted(newer, before))
    assert baseline.read(path) == {"a.ratio": Known(1.2, 1.1, 1.3, "new"), "b.s": before["b.s"]}


def test_the_worst_are_those_farthest_above_their_goals() -> None:
    values = {"far": (9.0, 3.0), "near": (1.0, 1.0), "met": (1.0, 2.0), "well": (1.0, 9.0), "shut": (9.0, 1.0)}
    figures = [Figure(key, "", "", (value,), goal) for key, (value, goal) in values.items()]
    figures.append(Figure("none", "", "", (9.0,)))
    offered = dict.fromkeys(("far", "near", "met", "well", "none"), lambda: None)
    assert profiles.worst(figures, offered) == ["far", "near", "met"]


def test_a_profile_names_the_functions(tmp_path: Path) -> None:
    def slow() -> None:
        sum(range(10))

    text = profiles.keep("a.ratio", slow, tmp_path / "new")
    assert "slow" in text.read_text()
    assert (tmp_path / "new" / "a.ratio.prof").stat().st_size > 0


def test_the_machine_is_told_in_a_line(tmp_path: Path) -> None:
    told = machine.words(machine.describe())
    assert "cores of" in told
    assert "load" in told
    table = tmp_path / "cpuinfo"
    table.write_text("processor\t: 0\nmodel name\t: Some CPU @ 2GHz\n")
    assert machine.processor(table) == "Some CPU @ 2GHz"


@pytest.mark.parametrize("name", ROOMS)
def test_every_room_measures(name: str) -> None:
    assert callable(room(name).figures)
    assert all(callable(run) for run in profiled(name).values())
