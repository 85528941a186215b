"""How a demo run is judged: attribution, gaps, budgets, accuracy."""

from __future__ import annotations

import json

import pytest

from agent.cli.demo.phases import SPEEDS, program
from agent.cli.demo.plant import to_truth
from agent.cli.demo.score import Phase, Received, Truth, quantile, score
from agent.cli.demo.summary import SwapLine, busy_line, closing_lines, judge, phase_row, to_json

DIGESTS = {"small": "aa", "large": "bb"}
LOOSE = Phase(0, 1000.0, 180.0, "b0", True, "large")
TIGHT = Phase(1, 2000.0, 90.0, "b1", True, "small")


def result(at: int, subnet: str = "large", generation: int = 1, latency_ms: float = 70.0, **more: object) -> Received:
    values = {"class_id": 1, "service_ms": 40.0, "budget_id": "b0"} | more
    return Received(at, subnet, generation, latency_ms=latency_ms, **values)  # type: ignore[arg-type]


def run_of_two_generations() -> tuple[list[Received], Truth]:
    """Parts at 10..90; 10-30 on `large`, 40 and 50 lost in the gap, 60-90 on `small`, 80 skipped while busy."""
    old = [result(at) for at in (10, 20, 30)]
    new = [result(at, "small", 2, 40.0, budget_id="b1", class_id=at % 20 // 10) for at in (60, 70, 90)]
    executed = {r.captured_ns: frozenset({(DIGESTS[r.subnet_id], r.class_id)}) for r in old + new}
    return old + new, Truth(dict.fromkeys((10, 20, 30, 60, 70, 80, 90), 1), executed, (40, 50))


def test_every_part_is_accounted_for() -> None:
    results, truth = run_of_two_generations()
    parts = score(results, truth, DIGESTS, [LOOSE, TIGHT]).parts
    assert (parts.seen, parts.inspected, parts.missed_gap, parts.missed_busy, parts.late) == (9, 6, 2, 1, 0)


def test_parts_outside_of_the_results_are_not_counted() -> None:
    results, truth = run_of_two_generations()
    wider = Truth({**truth.true_class, 5: 1, 95: 1}, truth.executed, (*truth.lost_ns, 3, 99))
    assert score(results, wider, DIGESTS, []).parts == score(results, truth, DIGESTS, []).parts


@pytest.mark.parametrize(
    "told",
    [result(10, "small"), result(10, class_id=0), result(11), result(10, "unknown")],
    ids=["another sub-net", "another class", "an exposure without inference", "a sub-net that is not in the library"],
)
def test_a_result_that_the_camera_did_not_make_is_wrong(told: Received) -> None:
    _, truth = run_of_two_generations()
    found = score([told], truth, DIGESTS, [LOOSE])
    assert found.wrong_attributions == 1
    assert str(told.captured_ns) in found.wrong_examples[0]


def test_right_results_are_not_wrong_and_accuracy_is_by_phase() -> None:
    results, truth = run_of_two_generations()
    found = score(results, truth, DIGESTS, [LOOSE, TIGHT])
    assert found.wrong_attributions == 0
    assert [one.accuracy for one in found.phases] == [1.0, pytest.approx(2 / 3)]
    assert found.accuracy == pytest.approx(5 / 6)
    assert [one.p99_ms for one in found.phases] == [70.0, 40.0]
    assert found.phases[1].service_limit_ms == 30.0


def test_a_phase_over_its_budget_is_told_unless_it_was_infeasible() -> None:
    results, truth = run_of_two_generations()
    tight = Phase(0, 1000.0, 60.0, "b0", True, "large")
    over = score(results, truth, DIGESTS, [tight])
    assert not over.phases[0].within
    assert over.parts.late == 3
    assert any("over the budget" in line for line in judge(over, [], 0, 0).problems)
    excused = Phase(0, 1000.0, 60.0, "b0", False, "large")
    assert score(results, truth, DIGESTS, [excused]).phases[0].within


def test_a_phase_without_results_is_not_within_its_budget() -> None:
    assert not score([], Truth({}, {}), DIGESTS, [LOOSE]).phases[0].within


def test_the_nearest_rank_quantile_is_a_value_that_was_seen() -> None:
    assert quantile([], 0.99) is None
    assert quantile([5.0], 0.99) == 5.0
    assert quantile(range(1, 101), 0.99) == 99
    assert quantile(range(1, 102), 0.99) == 100


def swap(budget: str = "b1", outcome: str = "verified", before: str | None = "large") -> SwapLine:
    return SwapLine("s" + budget, before, "small", "budget", budget, None if before is None else 1.5, outcome)


def test_a_good_run_has_no_problems_and_the_contracts_keys() -> None:
    results, truth = run_of_two_generations()
    outcome = judge(score(results, truth, DIGESTS, [LOOSE, TIGHT]), [swap("", before=None), swap()], 0, 1)
    assert outcome.problems == ()
    told = json.loads(json.dumps(to_json(outcome)))
    assert told["ok"] is True
    assert told["swaps"][1] == {"from": "large", "to": "small", "reason": "budget", "gap_s": 1.5, "outcome": "verified"}
    assert {"seen", "inspected", "missed_gap", "late"} <= told["parts"].keys()
    assert {"budget_ms", "p99_ms", "feasible", "accuracy"} <= told["phases"][0].keys()
    assert (told["wrong_attributions"], told["accuracy"]) == (0, pytest.approx(5 / 6))
    assert max(map(len, closing_lines(outcome))) <= 80
    assert len(phase_row(outcome.score.phases[0])) == 8


@pytest.mark.parametrize("bad", [swap("other"), swap(outcome="rolled_back"), swap(before=None)])
def test_only_verified_swaps_for_a_budget_count(bad: SwapLine) -> None:
    results, truth = run_of_two_generations()
    problems = judge(score(results, truth, DIGESTS, [LOOSE, TIGHT]), [bad], 0, 1).problems
    assert problems == ("0 swaps caused by a budget, expected at least 1",)


def test_missed_results_wrong_results_and_falling_accuracy_are_problems() -> None:
    results, truth = run_of_two_generations()
    flipped = Truth(dict.fromkeys(truth.true_class, 0), truth.executed, truth.lost_ns)
    problems = judge(score(results, flipped, {}, [LOOSE, TIGHT]), [swap()], 4, 1).problems
    assert len(problems) == 3
    assert problems[0].startswith("6 results of another sub-net")
    assert problems[1] == "the observer missed 4 results"
    assert problems[2].startswith("accuracy 0.0 % at the loosest budget")
    assert "no result was received" in judge(score([], flipped, {}, []), [], 0, 0).problems


def test_the_devices_report_is_read_by_exposure() -> None:
    report = {
        "exposures": [
            {"timestamp_ns": 1, "part": 0, "true_class": 3},
            {"timestamp_ns": 2, "part": -1, "true_class": -1},
        ],
        "inferences": [{"timestamp_ns": 1, "sha256": "aa", "class_id": 3}],
        "lost": [{"at_ns": 9, "part": 1, "why": "stopped"}],
    }
    assert to_truth(report) == Truth({1: 3}, {1: frozenset({("aa", 3)})}, [9])


def test_a_short_program_still_loosens_and_tightens() -> None:
    assert program(60).speeds == SPEEDS
    assert program(60).least_swaps == 3
    short = program(20)
    assert short.phase_s * len(short.speeds) == 20
    assert max(short.speeds) > 2 * min(short.speeds)
    assert max(SPEEDS) < 3500


def test_a_machine_that_had_more_to_do_than_the_demo_is_told_of() -> None:
    assert busy_line(3.0, 2) is None
    told = busy_line(5.31, 2)
    assert told is not None
    assert told.startswith("this machine was busy (load 5.3 on 2 cores)")
    assert told.endswith("close what else runs and try again")
