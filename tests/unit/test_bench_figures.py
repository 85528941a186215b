"""Figures of `make bench` say what they are over, how they spread and whether their goal is met."""

from __future__ import annotations

import json
from pathlib import Path

from tests.bench.figures import Figure, Left, row, write

FIGURE = Figure("a.ratio", "this", "that", (1.0, 3.0, 1.2), goal=1.5, parts={"this_s": 0.25})


def test_the_median_is_held_against_the_goal() -> None:
    assert (FIGURE.median, FIGURE.met) == (1.2, True)
    assert Figure("a", "", "", (1.6,), goal=1.5).met is False
    assert Figure("a", "", "", (1.6,)).met is None


def test_a_row_says_median_range_goal_reference_and_parts() -> None:
    text = row(FIGURE)
    for words in ("a.ratio", "1.20  (1.00 .. 3.00)", "goal <= 1.5: met", "over that", "this_s 0.25"):
        assert words in text
    assert "MISSED" in row(Figure("a", "", "", (2.0,), goal=1.5))
    assert row(Left("b", "no tools")).endswith("not measured: no tools")


def test_figures_are_put_beside_those_of_other_runs(tmp_path: Path) -> None:
    path = tmp_path / "bench.json"
    write(path, [FIGURE])
    write(path, [Left("b", "no tools")])
    found = json.loads(path.read_text())
    assert found["b"] == {"skipped": "no tools"}
    assert found["a.ratio"] == {
        "what": "this",
        "reference": "that",
        "median": 1.2,
        "range": [1.0, 3.0],
        "repeats": 3,
        "goal": 1.5,
        "met": True,
        "parts": {"this_s": 0.25},
    }
