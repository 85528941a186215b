"""What is told of a run is what it came to: no more than was played, nothing that was not ended, nothing of another."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.reliability.__main__ import chosen, play
from tests.reliability.item import Item
from tests.reliability.ledger import Ledger
from tests.reliability.part import Part
from tests.reliability.proofs import Found, Interrupted, Suite, Told, why_not_booted
from tests.reliability.recorder import Recorder, Reliability, last_line
from tests.reliability.table import fell_short, row, table

KILLS = Item("2", "kills", {"kills": 100}, ("loop", "slow loop"), ())
FRAMES = Item("4", "frames", {"frames": 10}, ("frames",), ())
ITEMS = {item.key: item for item in (KILLS, FRAMES)}


@dataclass
class Played:
    """A proof that comes to what it is told to."""

    name: str
    items: Sequence[str]
    cases: int = 50
    minutes: float = 1.0
    tests: Sequence[str] = ()
    ends: BaseException | None = None
    part: Part = field(default_factory=lambda: Part(ended=True))

    def command(self, scale: float) -> str:
        return f"play {self.name} {scale:g}"

    def run(self, scale: float, told: Told) -> Found:
        if self.ends is not None:
            raise self.ends
        self.part.count("kills" if self.items == ("2",) else "frames", round(self.cases * scale), 7)
        return dict.fromkeys(self.items, self.part)


def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "reliability.json", ITEMS)


def quiet(text: str) -> None:
    pass


BOTH = (Played("loop", ("2",), minutes=2.0), Played("slow loop", ("2",), minutes=9.0))


def both(**changes: object) -> list[Played]:
    made = [Played("loop", ("2",)), Played("slow loop", ("2",))]
    for name, value in changes.items():
        setattr(made[1], name, value)
    return made


def test_what_several_proofs_counted_is_added_up_and_held_to_the_goal(tmp_path: Path) -> None:
    book = ledger(tmp_path)
    assert play(both(), book, 1.0, quiet)
    entry = json.loads(book.path.read_text())["2"]
    assert (entry["cases"], entry["goal"], entry["seed"]) == ({"kills": 100}, {"kills": 100}, {"kills": ["7"]})
    assert (entry["failures"], entry["ended"], entry["met"], entry["short_of"]) == (0, True, True, [])
    assert entry["command"] == 'make soak ITEMS="2"'
    assert not fell_short(KILLS, entry, 1.0)
    assert "met: 100 of 100 kills" in row(KILLS, entry, 1.0)


def test_a_failure_keeps_its_command_and_the_item_from_being_met(tmp_path: Path) -> None:
    book, failed = ledger(tmp_path), Part(ended=True)
    failed.fail("lost a command", "python -m pytest 'x'")
    play(both(part=failed), book, 1.0, quiet)
    entry = book.read()["2"]
    assert (entry["failures"], entry["met"]) == (1, False)
    assert entry["repeat"] == ["python -m pytest 'x'  # lost a command"]
    assert fell_short(KILLS, entry, 1.0)
    assert "failed: python -m pytest 'x'  # lost a command" in table([KILLS], book.read(), 1.0)


def test_fewer_cases_than_asked_are_not_enough_but_for_a_run_that_is_shorter_on_purpose(tmp_path: Path) -> None:
    book = ledger(tmp_path)
    play(both(cases=49), book, 1.0, quiet)
    entry = book.read()["2"]
    assert (entry["met"], entry["short_of"]) == (False, ["kills: 99 of 100"])
    assert fell_short(KILLS, entry, 1.0)
    play(both(), book, 0.1, quiet)
    entry = book.read()["2"]
    assert (entry["cases"], entry["met"]) == ({"kills": 10}, False)
    assert not fell_short(KILLS, entry, 0.1)
    assert "at 0.1 of the goal, which was not reached" in row(KILLS, entry, 0.1)


@pytest.mark.parametrize("ends", [Interrupted({"2": Part(cases={"kills": 30})}), KeyboardInterrupt()])
def test_a_run_that_is_interrupted_is_not_told_as_done(tmp_path: Path, ends: BaseException) -> None:
    book = ledger(tmp_path)
    play(both(), book, 1.0, quiet)
    assert not play(both(ends=ends), book, 1.0, quiet)
    entry = book.read()["2"]
    assert (entry["ended"], entry["met"]) == (False, False)
    assert entry["cases"] == {"kills": 80 if isinstance(ends, Interrupted) else 50}
    assert "slow loop: interrupted, or under way" in entry["short_of"]
    assert "NOT ENDED" in row(KILLS, entry, 1.0)


def test_who_is_killed_while_a_proof_runs_has_told_nothing_of_it(tmp_path: Path) -> None:
    book = ledger(tmp_path)
    play(both(), book, 1.0, quiet)
    with pytest.raises(SystemExit):  # whatever nobody catches
        play(both(ends=SystemExit()), book, 1.0, quiet)
    assert not book.read()["2"]["ended"]


def test_a_proof_that_was_never_run_leaves_its_item_open(tmp_path: Path) -> None:
    book = ledger(tmp_path)
    play(both()[:1], book, 1.0, quiet)
    assert (book.read()["2"]["ended"], book.read()["2"]["met"]) == (False, False)
    assert fell_short(KILLS, None, 1.0)
    assert "not run" in row(KILLS, None, 1.0)


def test_what_one_run_wrote_of_other_items_stays(tmp_path: Path) -> None:
    book = ledger(tmp_path)
    book.path.write_text(json.dumps({"fuzz.wire": {"cases": 1}}))
    play([Played("frames", ("4",), cases=10)], book, 1.0, quiet)
    before = book.read()["4"]
    play(both(), book, 1.0, quiet)
    assert book.read()["4"] == before
    assert before["met"]
    assert set(json.loads(book.path.read_text())) == {"2", "4"}, "what is no item is dropped"


def test_skipped_tests_are_told_with_their_reason_and_prove_nothing(tmp_path: Path) -> None:
    book = ledger(tmp_path)
    play(both(part=Part(ended=True, skipped=["needs root"])), book, 1.0, quiet)
    entry = book.read()["2"]
    assert (entry["met"], entry["skipped"]) == (False, ["needs root"])
    assert "NOT PROVEN HERE" in row(KILLS, entry, 1.0)
    assert fell_short(KILLS, entry, 1.0)


def test_a_figure_that_is_above_its_goal_keeps_the_item_from_being_met(tmp_path: Path) -> None:
    book, slow = ledger(tmp_path), Part(ended=True)
    for seconds in (1.0, 2.0, 3.5):
        slow.measure("ready_s", seconds, 3.0)
    play(both(part=slow), book, 1.0, quiet)
    entry = book.read()["2"]
    assert entry["measured"]["ready_s"] == {"times": 3, "median": 2.0, "worst": 3.5, "most": 3.0}
    assert (entry["met"], entry["short_of"]) == (False, ["ready_s: 3.5, allowed is 3"])


def test_the_short_proofs_come_first_and_each_once() -> None:
    shared = Played("frames", ("2", "4"), minutes=3.0)
    items = [KILLS, FRAMES]
    assert [proof.name for proof in chosen(items, [*reversed(BOTH), shared])] == ["loop", "frames", "slow loop"]
    assert [proof.name for proof in chosen([FRAMES], [*BOTH, shared])] == ["frames"]


# -- the plugin --------------------------------------------------------------------------------------------------------

INNER = """
import pytest

def test_counts(reliability):
    for seed in reliability.seeds(range(100, 120)):
        reliability.count(2, "kills", seed="100..119")
        reliability.measured(2, "ready_s", seed / 100, most=3.0)

def test_tells_of_its_failures(reliability):
    reliability.count(2, "kills", reliability.scaled(10))
    reliability.failed(2, "seed 5: lost", seed=5)
    assert False, "one failed"

def test_fails(reliability):
    reliability.count(4, "frames", 3)
    assert 1 == 2, "as planted"

def test_is_skipped():
    pytest.skip("needs root")

@pytest.fixture
def broken():
    raise OSError("no disk")

def test_has_a_broken_stage(broken):
    pass
"""


def inner(tmp_path: Path, *options: str) -> Found:
    """What a proof finds of these tests."""
    (tmp_path / "conftest.py").write_text(
        "from tests.reliability.recorder import Recorder, add_options as pytest_addoption\n"
        "def pytest_configure(config):\n    config.pluginmanager.register(Recorder(config))\n"
    )
    (tmp_path / "test_inner.py").write_text(INNER)
    notes = tmp_path / "notes.json"
    left_out = [option for name in ("cacheprovider", "xdist", "hypothesispytest") for option in ("-p", f"no:{name}")]
    own = ["--import-mode=importlib", f"--rootdir={tmp_path}", "-c", str(tmp_path / "none.ini"), "--notes", str(notes)]
    pytest.main(["-q", "--assert=plain", *left_out, *own, *options, str(tmp_path / "test_inner.py")])
    return Suite("inner", ("2", "4"), 1.0, ())._found(notes, ended=True)


def test_tests_count_and_each_failure_has_the_command_that_repeats_it(
    tmp_path: Path,
) -> None:
    (tmp_path / "none.ini").write_text("[pytest]\n")
    found = inner(tmp_path, "--scale", "0.5")
    kills, frames = found["2"], found["4"]
    assert (kills.cases, frames.cases) == ({"kills": 15}, {"frames": 3})
    assert kills.seed == {"kills": ["100..119"]}
    assert sorted(kills.measured["ready_s"].values)[-1] == 1.18
    told = {failure.what: failure.repeat for failure in kills.failed}
    assert told.pop("seed 5: lost") == "python -m pytest 'test_inner.py::test_tells_of_its_failures' --case 5"
    assert sorted(told.values()) == [
        "python -m pytest 'test_inner.py::test_fails' --scale 0.5",
        "python -m pytest 'test_inner.py::test_has_a_broken_stage' --scale 0.5",
    ]
    assert any("as planted" in what for what in told)
    assert any("no disk" in what for what in told)
    assert (kills.failures, frames.failures) == (3, 2)
    assert kills.skipped == ["test_inner.py::test_is_skipped: needs root"]


def test_one_case_is_played_alone_and_a_shorter_run_is_spread_over_all_of_them(pytestconfig: pytest.Config) -> None:
    recorder = Recorder(pytestconfig)
    found = Reliability(recorder, "x")
    recorder.scale = 0.1
    assert found.seeds(range(100, 150)) == [100, 110, 120, 130, 140]
    assert (found.scaled(7), found.scaled(100, least=20)) == (1, 20)
    recorder.case = 117
    assert found.seeds(range(100, 150)) == [117]
    with pytest.raises(ValueError, match="-1 cases of kills"):
        found.count(2, "kills", -1)


def test_a_machine_that_cannot_boot_a_tree_says_what_it_lacks() -> None:
    said = "boot_test: this machine lacks\nroot: run it as root\nnsenter: apt install util-linux\n"
    assert why_not_booted(said) == "this machine lacks root: run it as root nsenter: apt install util-linux"
    assert why_not_booted("make deb: /usr/bin/python3 is missing: apt install python3\n").startswith("make deb: ")
    assert why_not_booted("booted in 12 s: a package\nok    starts\n") == ""


def test_an_item_that_is_none_is_refused(pytestconfig: pytest.Config) -> None:
    with pytest.raises(ValueError, match="item 16, allowed are 1 to 15"):
        Recorder(pytestconfig).note(16, "x")


def test_the_last_line_of_a_report_is_what_went_wrong() -> None:
    assert last_line("x = 1\nE   AssertionError: as planted\nE   assert 1 == 2\nt.py:3: AssertionError") == (
        "AssertionError: as planted"
    )
    assert last_line("") == "no report"
