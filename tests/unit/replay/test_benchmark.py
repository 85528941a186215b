"""Hours of LineShift, cold and warm, by the benchmark's own policies and by anybody else's."""

from __future__ import annotations

import json
import re
import runpy
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import pytest

from agent.errors import BadInput
from agent.replay import lineshift as generator
from agent.replay.benchmark import QUANTILE, Variant, learns, maker, play_hour, score, yardsticks
from agent.replay.compare import compare
from agent.replay.ladder import Ladder
from agent.replay.lineshift import SCENARIOS, lineshift
from agent.replay.policies import Terms
from agent.replay.policies.online import Fixed
from agent.replay.policies.published import GreedyP99
from agent.replay.simulation import Announced, Moment
from agent.replay.trace import Floats, LineState
from tests.bench import policy as bench
from tests.bench import policy_tune as tune

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "lineshift.md"
HERE = f"{__name__}:"


class Middle(Fixed):
    """The net in the middle, for ever."""

    def __init__(self, ladder: Ladder, quantile: float = QUANTILE, notice_s: float = 0.0) -> None:
        super().__init__(ladder, len(ladder.nets) // 2)
        self.terms = Terms(quantile, notice_s)


class Diary(Middle):
    """Keeps what it saw, and what it was given of that."""

    made: list[Diary]

    def __init__(self, ladder: Ladder, quantile: float, notice_s: float) -> None:
        super().__init__(ladder, quantile, notice_s)
        self.sums: list[float] = []
        self.limits: set[float] = set()
        self.noticed = 0
        self.given: Mapping[str, object] | None = None
        self.made.append(self)

    def begin(self, state: LineState, announced: tuple[Announced, ...]) -> int:
        self.limits.add(state.limit_ms)
        return super().begin(state, announced)

    def observe(self, net: int, service_ms: Floats) -> None:
        self.sums.append(float(service_ms.sum()))

    def decide(self, moment: Moment) -> int:
        self.limits.add(moment.state.limit_ms)
        self.noticed += bool(moment.announced)
        return super().decide(moment)

    def saved(self) -> dict[str, object]:
        return {"sums": tuple(self.sums[:3])}

    def restore(self, saved: Mapping[str, object]) -> None:
        assert not self.sums  # a fresh one
        self.given = saved


class NoJson(Diary):
    def saved(self) -> dict[str, object]:
        return {"sums": float("nan")}


@pytest.fixture(autouse=True)
def diaries(monkeypatch: pytest.MonkeyPatch) -> list[Diary]:
    made: list[Diary] = []
    monkeypatch.setattr(Diary, "made", made, raising=False)
    return made


def test_a_warm_run_is_a_fresh_policy_that_reads_what_another_one_wrote_an_hour_before(diaries: list[Diary]) -> None:
    score(Diary, "flap", 100, Terms(0.99, 5.0), warm=True)
    warmed, earlier = diaries
    assert earlier.terms == warmed.terms == Terms(0.99, 5.0)
    assert warmed.given == {"sums": earlier.sums[:3]}  # a list: it has been JSON
    assert earlier.given is None
    assert min(earlier.noticed, warmed.noticed) > 0
    assert earlier.limits == set(lineshift("flap", 100, hour=-1).trace.limit_ms)
    assert warmed.limits == set(lineshift("flap", 100).trace.limit_ms)
    assert earlier.sums != warmed.sums


def test_a_cold_run_knows_nothing_and_meets_the_same_hour(diaries: list[Diary]) -> None:
    cold, warm = score(Diary, "flap", 100), score(Diary, "flap", 100, warm=True)
    assert diaries[0].given is None
    assert (cold.value_star, cold.value_fixed) == (warm.value_star, warm.value_fixed)
    assert cold.outcome == warm.outcome  # it makes nothing of what it knows


def test_only_a_policy_that_keeps_what_it_learned_as_json_runs_warm() -> None:
    with pytest.raises(TypeError, match="Middle keeps nothing"):
        score(Middle, "flap", 100, warm=True)
    with pytest.raises(ValueError, match="JSON"):
        score(NoJson, "flap", 100, warm=True)
    assert [learns(name) for name in (f"{HERE}Diary", f"{HERE}Middle", "dwell", "alert")] == [True, False, True, False]


def test_a_policy_of_ones_own_is_scored_as_those_of_the_replay_are() -> None:
    line = lineshift("steps30s", 100)
    (row,) = compare(line, ["greedy_p99"])
    own = score(lambda ladder, _quantile, _notice_s: GreedyP99(ladder), "steps30s", 100)
    assert (own.outcome, own.value_star, own.value_fixed) == (row.outcome, row.value_star, row.value_fixed)
    marks = yardsticks(line)
    assert (marks.star, marks.fixed) == (row.value_star, row.value_fixed)
    assert play_hour(Variant("greedy_p99"), "steps30s", 100, line) == row.run


def test_a_policy_that_is_not_there_is_told() -> None:
    for name, words in {
        f"{HERE}Nobody": "Nobody",
        "no_such_module:It": "No module named 'no_such_module'",
        "greedy_p98": "did you mean 'greedy_p99'",
    }.items():
        with pytest.raises(BadInput, match=words):
            maker(name)


def test_the_rows_are_ordered_and_only_what_learns_runs_warm() -> None:
    asked = ["dwell", "lookahead_1s", "true_law", "alert", "best_fixed", f"{HERE}Diary", f"{HERE}Middle"]
    names = [one.name.removeprefix(HERE) for one in bench.variants_of(asked, 5.0)]
    dwell, diary = ([name, f"{name} warm", f"{name} +5s", f"{name} warm +5s"] for name in ("dwell", "Diary"))
    law = ["true_law", "true_law +5s"]
    assert names == ["alert", "best_fixed", *dwell, *diary, "Middle", "Middle +5s", *law, "lookahead_1s"]
    assert [one.name for one in bench.variants_of(["dwell"], 0.0)] == ["dwell", "dwell warm"]


def test_the_benchmark_gives_the_same_figures_whatever_the_number_of_jobs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["--policy", f"best_fixed,{HERE}Middle", "--seeds", "2", "--first-seed", "100", "--scenario", "flap"]
    asked += ["--quantile", "0.99", "--no-plots"]
    assert bench.main([*asked, "--jobs", "1", "--out", str(tmp_path / "1.json")]) == 0
    printed = capsys.readouterr()
    # A process of its own: its workers leave a tracker behind.
    command = [sys.executable, "-m", "tests.bench.policy", *asked, "--jobs", "2", "--out", str(tmp_path / "2.json")]
    subprocess.run(command, check=True, capture_output=True, timeout=120, cwd=PAGE.parents[2])
    alone, both = (json.loads((tmp_path / f"{jobs}.json").read_text()) for jobs in (1, 2))
    assert {*alone.pop("seconds_per_policy_hour")} == {*both.pop("seconds_per_policy_hour")}
    assert alone == both
    names = ["best_fixed", f"{HERE}Middle", f"{HERE}Middle +5s"]
    assert [row["policy"] for row in alone["policies"]] == names
    assert (alone["seeds"], alone["scenarios"], alone["quantile"]) == ([100, 101], ["flap"], 0.99)
    assert len(alone["runs"]) == 2 * len(names)
    assert "not the whole benchmark" in printed.out
    assert "seeds from 100 on are for tuning" in printed.out
    assert printed.err.splitlines()[-1] == "2 of 2 hours, 0.0 min left"


def test_tuning_keeps_its_yardsticks_and_never_looks_at_a_seed_for_reports(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = ["--policy", f"{HERE}Diary", "--modes", "cold,warm+5", "--scenarios", "flap", "--jobs", "1"]
    asked += ["--cache", str(tmp_path), "--seeds"]
    assert tune.main([*asked, "100,102-103"]) == 0
    first = capsys.readouterr().out.splitlines()[:-1]  # the last line tells seconds
    monkeypatch.setattr(tune, "yardsticks", None)  # not to be asked again
    assert tune.main([*asked, "100,102-103"]) == 0
    assert capsys.readouterr().out.splitlines()[:-1] == first
    assert [line.split()[0] for line in first[1:]] == [f"{HERE}Diary"] * 2
    assert "3/3" in first[1]  # for ever in the middle is far below the best fixed net
    with pytest.raises(SystemExit):
        tune.main([*asked, "99"])
    assert "seeds below 100 are for reports" in capsys.readouterr().err


@pytest.mark.parametrize("wrong", [("--scenario", "storm"), ("--policy", "greedy_p98"), ("--quantile", "1")])
def test_the_benchmark_refuses_what_it_does_not_know(
    wrong: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        bench.main(list(wrong))
    assert wrong[0].strip("-") in capsys.readouterr().err


def test_the_policy_of_the_page_runs_and_prints_what_the_page_says(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = PAGE.read_text(encoding="utf-8")
    code = re.search(r"```python\n(.*?)```\n.*?```\n(.*?)```", text, re.DOTALL)
    assert code is not None
    (tmp_path / "patient.py").write_text(code.group(1), encoding="utf-8")
    first = next(iter(SCENARIOS))
    monkeypatch.setattr(generator, "SCENARIOS", MappingProxyType({first: SCENARIOS[first]}))  # one hour of the nine
    runpy.run_path(str(tmp_path / "patient.py"), run_name="__main__")
    assert capsys.readouterr().out == code.group(2).splitlines(keepends=True)[0]
    monkeypatch.syspath_prepend(str(tmp_path))
    assert learns("patient:Patient")
    sys.modules.pop("patient")
