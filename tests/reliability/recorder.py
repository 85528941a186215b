"""The fixture `reliability` with which tests count their cases, and the pytest plugin that notes what failed.

Nothing is counted but where the run was given `--notes FILE`, as `make soak` does; then FILE always has what was
counted up to a second ago, so that a run that is killed is known as far as it came.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.reliability.part import Part

WRITE_EVERY_S = 1.0
ITEMS = range(1, 16)
ALL = 0  # notes of a test that were told for no item in particular


class Recorder:
    """The plugin. Owner of the counts of this run and of its notes."""

    def __init__(self, config: pytest.Config) -> None:
        self.scale: float = config.getoption("--scale")
        self.case: int | None = config.getoption("--case")
        self._notes: Path | None = config.getoption("--notes")
        self.parts: defaultdict[int, Part] = defaultdict(Part)
        self._told: set[str] = set()  # tests that told of their failures themselves
        self._written_s = 0.0
        self.passed = 0

    @pytest.fixture
    def reliability(self, request: pytest.FixtureRequest) -> Reliability:
        """Counts cases of the reliability list; see tests/reliability."""
        return Reliability(self, request.node.nodeid)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and not (report.when == "call" and report.nodeid in self._told):
            self.parts[ALL].fail(f"{report.nodeid}: {last_line(str(report.longrepr))}", self.repeat(report.nodeid))
        elif report.skipped:
            self.parts[ALL].skipped.append(f"{report.nodeid}: {_reason(report)}")
        elif report.when == "call":
            self.passed += 1
        self.write()

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.parts[ALL].fail(f"{report.nodeid}: {last_line(str(report.longrepr))}", self.repeat(report.nodeid))
            self.write()

    def note(self, item: int, nodeid: str) -> Part:
        """The part of that item, about to be changed by that test."""
        if item not in ITEMS:
            raise ValueError(f"reliability: item {item}, allowed are {ITEMS[0]} to {ITEMS[-1]}")
        return self.parts[item]

    def told(self, nodeid: str) -> None:
        """That test has told of a failed case itself."""
        self._told.add(nodeid)

    def repeat(self, nodeid: str, case: int | None = None) -> str:
        """The command that plays that test again, or one case of it."""
        options = f" --case {case}" if case is not None else f" --scale {self.scale:g}" if self.scale != 1.0 else ""
        return f"python -m pytest '{nodeid}'{options}"

    def write(self, now: bool = True) -> None:
        """Put the notes into their file, atomically; at most once a second unless `now`."""
        if self._notes is None or (not now and time.monotonic() - self._written_s < WRITE_EVERY_S):
            return
        self._written_s = time.monotonic()
        items = {str(item): part.noted() for item, part in self.parts.items()}
        staging = self._notes.with_name(self._notes.name + ".new")
        staging.write_text(json.dumps({"passed": self.passed, "items": items}), encoding="utf-8")
        os.replace(staging, self._notes)


class Reliability:
    """What one test counts with."""

    def __init__(self, recorder: Recorder, nodeid: str) -> None:
        self._recorder = recorder
        self._nodeid = nodeid

    @property
    def scale(self) -> float:
        """Share of the cases that this run plays; 1 unless it is a shorter one."""
        return self._recorder.scale

    def scaled(self, cases: int, least: int = 1) -> int:
        """How many cases a run of this scale plays of so many; never fewer than `least`."""
        return max(least, math.ceil(cases * self._recorder.scale))

    def seeds(self, seeds: range) -> Sequence[int]:
        """Those of a run of this scale, spread evenly; just the one of `--case` where pytest was given that."""
        if self._recorder.case is not None:
            return [self._recorder.case]
        count = min(len(seeds), self.scaled(len(seeds)))
        return [seeds[number * len(seeds) // count] for number in range(count)]

    def count(self, item: int, unit: str, cases: int = 1, seed: object = None) -> None:
        """So many more cases of that item have been played, whatever came of them."""
        if cases < 0:
            raise ValueError(f"reliability: {cases} cases of {unit}")
        self._recorder.note(item, self._nodeid).count(unit, cases, seed)
        self._recorder.write(now=False)

    def failed(self, item: int, what: str, seed: int | None = None, repeat: str = "") -> None:
        """One case failed; `seed` is what `--case` plays again, `repeat` another command. The test fails at its end."""
        command = repeat or self._recorder.repeat(self._nodeid, seed)
        self._recorder.note(item, self._nodeid).fail(" ".join(what.split())[:500], command)
        self._recorder.told(self._nodeid)
        self._recorder.write()

    def measured(self, item: int, name: str, value: float, most: float) -> None:
        """One more value of a figure whose goal is `most`; whoever misses it fails no test, but the item is not met."""
        self._recorder.note(item, self._nodeid).measure(name, value, most)
        self._recorder.write(now=False)


def add_options(parser: pytest.Parser) -> None:
    """What `make soak` gives to its tests."""
    group = parser.getgroup("reliability")
    group.addoption("--scale", type=float, default=1.0, help="share of the cases that long runs play")
    group.addoption("--case", type=int, default=None, help="play only the case of that number or seed")
    group.addoption("--notes", type=Path, default=None, help="file for what is counted (make soak)")


def last_line(told: str) -> str:
    """The line of a report that says most: the last `E` line's first words, else the last line."""
    lines = [line for line in told.splitlines() if line.strip()]
    errors = [line[1:].strip() for line in lines if line.startswith("E ")]
    return " ".join((errors or lines or ["no report"])[0 if errors else -1].split())[:500]


def _reason(report: pytest.TestReport) -> str:
    told = report.longrepr
    return told[2].removeprefix("Skipped: ") if isinstance(told, tuple) else str(told)
