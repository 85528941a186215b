"""A virtual run's own journal, replayed: the trace is what was asked, and `actual` is what really happened."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agent.app import JOURNAL_NAME
from agent.cli.exits import BAD_INPUT, DONE, FAILED
from agent.cli.main import main
from agent.domain.budget import Budget
from agent.replay.trace import read_trace
from agent.sim.device import Firefly
from tests.support.virtual_line import CAMERA, Act, Outcome, line_config, play

RUN_S = 220.0
SLOW, FAST = 600.0, 1900.0


def _asked(parts_per_minute: float) -> Budget:
    return Budget(parts_per_minute=parts_per_minute, max_latency_ms=4 * 60_000.0 / parts_per_minute)


ACTS = (
    Act(0.0, SLOW, _asked(SLOW)),
    Act(60.0, FAST, _asked(FAST)),
    Act(120.0, SLOW, _asked(SLOW), plant=Firefly.power_cycle),
    Act(170.0, FAST, _asked(FAST)),
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, ladder: Path) -> tuple[Path, Outcome]:
    """A state directory after some minutes of line, and what a watcher of that line saw."""
    folder = tmp_path_factory.mktemp("site")
    outcome = play(line_config(folder, ladder), ACTS, RUN_S)
    assert outcome.wrong == []
    return folder / "state", outcome


Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str], ladder: Path) -> Run:
    """`ofa-agent replay` on the ladder: its exit code, output and errors."""

    def replay(*arguments: str) -> tuple[int, str, str]:
        code = main(["replay", "--library", str(ladder), *arguments])
        told = capfd.readouterr()
        return code, told.out, told.err

    return replay


def _json(told: tuple[int, str, str]) -> Any:
    code, out, err = told
    assert (code, err) == (DONE, "")
    return json.loads(out)


def test_the_history_of_a_run_is_what_was_asked_and_what_was_done(
    site: tuple[Path, Outcome], run: Run, tmp_path: Path
) -> None:
    state, outcome = site
    file = tmp_path / "trace.csv"
    told = _json(run("--from-journal", str(state), "--write-trace", str(file), "--json"))
    trace = read_trace(file)
    assert trace.end_s == told["duration_s"]
    changes = [(rate, limit) for rate, limit in zip(trace.parts_per_minute, trace.max_latency_ms, strict=True)]
    asked = [change for place, change in enumerate(changes) if place == 0 or change != changes[place - 1]]
    assert [rate for rate, _ in asked] == [SLOW, FAST, SLOW, FAST]
    assert all(limit <= 60_000.0 / rate for rate, limit in asked)
    history = told["history"]
    assert (history["camera"], history["holes"]) == (CAMERA, 1)  # the power cycle
    assert RUN_S - 30.0 < told["duration_s"] + history["cut_s"] <= RUN_S
    made = [(swap.to_subnet, swap.active_subnet, swap.gap_s) for swap in reversed(outcome.swaps)]
    assert [(swap["to"], swap["active"], swap["gap_s"]) for swap in history["swaps"]] == made
    actual = told["policies"]["actual"]
    served = actual["parts"]["by_subnet"]
    for subnet_id, count in outcome.results.items():
        assert served[subnet_id] == pytest.approx(count, abs=0.02 * sum(outcome.results.values()))
    assert sum(served.values()) == pytest.approx(sum(outcome.results.values()), rel=0.02)
    assert actual["U"] <= told["policies"]["dwell"]["U_star"]


def test_a_reader_sees_the_policies_beside_what_happened_and_the_file_is_left_alone(
    site: tuple[Path, Outcome], run: Run
) -> None:
    state, _ = site
    journal = state / JOURNAL_NAME
    before = journal.read_bytes()
    writer = sqlite3.connect(journal)  # as the daemon has it open
    writer.execute("BEGIN IMMEDIATE")
    code, out, err = run("--from-journal", str(state), "--camera", CAMERA, "--policy", "dwell")
    writer.rollback()
    writer.close()
    assert (code, err) == (DONE, "")
    lines = out.splitlines()
    assert lines[0].startswith(f"{CAMERA}: ")
    assert "1 hole of " in lines[0]
    assert lines[1] == "0 of 5 sub-nets measured on this camera, the others predicted"
    assert [line.split()[0] for line in lines[4:7]] == ["dwell", "best_fixed", "actual"]
    assert any(line.startswith("what really happened: ") for line in lines)
    assert journal.read_bytes() == before
    assert max(len(line) for line in lines) <= 100


def test_part_of_a_history_can_be_asked_for(site: tuple[Path, Outcome], run: Run) -> None:
    state = str(site[0])
    whole = _json(run("--from-journal", state, "--json"))
    until = whole["history"]["until"]
    part = _json(run("--from-journal", state, "--json", "--until", until, "--hours", str(60 / 3600)))
    assert part["duration_s"] == pytest.approx(60.0, abs=0.01)
    assert part["policies"]["actual"]["swaps"] <= whole["policies"]["actual"]["swaps"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "give either a trace, or a journal"),
        (("--trace", "t.csv", "--from-journal", "STATE"), "give either a trace, or a journal"),
        (("--trace", "t.csv", "--hours", "2"), "--hours: is about a journal"),
        (("--from-journal", "none"), "is not there; give the state_dir of a daemon"),
        (("--from-journal", "STATE", "--camera", "x"), f"'x' has no history; those with one: {CAMERA}"),
        (("--from-journal", "STATE", "--since", "soon"), "'soon' is no time such as"),
        (("--from-journal", "STATE", "--since", "2026-11-21", "--until", "2026-11-20"), "is not before --until"),
        (("--from-journal", "STATE", "--since", "2026-11-21", "--hours", "3"), "are both given"),
        (("--from-journal", "STATE", "--since", "2200-01-01"), "the journal has none of that time"),
    ],
)
def test_mistakes_are_told(site: tuple[Path, Outcome], run: Run, arguments: tuple[str, ...], message: str) -> None:
    code, _, err = run(*(str(site[0]) if one == "STATE" else one for one in arguments))
    assert code in (FAILED, BAD_INPUT)
    assert message in err
