"""Whether a row of the threat table is true: its test passes with the control and fails without it."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from tests.security.threat import Threat

REPOSITORY = Path(__file__).resolve().parents[2]
TEST_S = 25  # after which a test that waits for a control that is not there is ended
_PASSED = 0
_OUT_OF_TIME = "+++ Timeout +++"


@dataclass(frozen=True, slots=True)
class Verdict:
    """`alone`: how the test ended without the control, in words."""

    with_control: bool
    fails_without: bool
    alone: str

    @property
    def holds(self) -> bool:
        return self.with_control and self.fails_without

    def __str__(self) -> str:
        return f"with: {'passes' if self.with_control else 'FAILS'}; without: {self.alone}"


def standing(threats: Sequence[Threat]) -> set[str]:
    """The tests of these rows that pass as things are, in one run."""
    tests = sorted({threat.test for threat in threats})
    with tempfile.TemporaryDirectory(prefix="ofa-security-") as folder:
        report = Path(folder) / "report.xml"
        _pytest(*tests, f"--junitxml={report}")
        cases = ElementTree.parse(report).iter("testcase") if report.exists() else ()
        bad = {_name(case) for case in cases if [one for one in case if one.tag in ("failure", "error")]}
        good = {_name(case) for case in ElementTree.parse(report).iter("testcase")} - bad if report.exists() else set()
    return {test for test in tests if _all_of(test, good) and not _any_of(test, bad)}


def all_judged(threats: Sequence[Threat]) -> Iterator[tuple[Threat, Verdict]]:
    """Every row in their order, some at a time."""
    passing = standing(threats)
    with ThreadPoolExecutor(os.cpu_count() or 1) as processes:
        verdicts = processes.map(lambda threat: judged(threat, threat.test in passing), threats)
        yield from zip(threats, verdicts, strict=True)


def judged(threat: Threat, with_control: bool) -> Verdict:
    """Play the row's test without its control, in a process of its own."""
    done = _pytest("-p", "tests.security.without", "--without", threat.id, threat.test, "-x")
    failed = [line for line in done.stdout.splitlines() if line.startswith("FAILED")]
    words = " ".join((failed[0].partition(" - ")[2] if failed else (done.stdout + done.stderr)[-300:]).split())[:100]
    if done.returncode == _PASSED:
        return Verdict(with_control, False, "PASSES, so that it is no test of the control")
    if _OUT_OF_TIME in done.stdout + done.stderr:
        return Verdict(with_control, True, f"fails: still waits after {TEST_S} s")
    if not failed:  # an error at its end alone may be of anything
        return Verdict(with_control, False, f"could not be run ({done.returncode}): {words}")
    return Verdict(with_control, True, f"fails: {words or 'its assertion'}")


def _pytest(*arguments: str) -> subprocess.CompletedProcess[str]:
    # By a thread: a signal handler that raises inside asyncio.wait_for crashes CPython 3.11.
    bounds = (f"--timeout={TEST_S}", "--timeout-method=thread")
    command = [sys.executable, "-m", "pytest", "-q", "-rf", "-p", "no:cacheprovider", *bounds, *arguments]
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(REPOSITORY)}
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, env=environment, check=False)


def _name(case: ElementTree.Element) -> str:
    return f"{case.get('classname', '').replace('.', '/')}.py::{case.get('name')}"


def _all_of(test: str, names: set[str]) -> bool:
    return any(name == test or name.startswith(f"{test}[") for name in names)


_any_of = _all_of
