"""How a proof is played. Each has a name, the items that it counts for, and about how many minutes it takes in full."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from tests.reliability.part import Part

REPOSITORY = Path(__file__).resolve().parents[2]
Told = Callable[[str], None]
Found = Mapping[str, Part]
TIMEOUT_S = 1800  # of a test that has no other
ENDED = (0, 1)  # exit codes of pytest that has come to its end


class Proof(Protocol):
    """Something that plays cases of some items."""

    @property
    def name(self) -> str: ...

    @property
    def items(self) -> Sequence[str]: ...

    @property
    def minutes(self) -> float:
        """At full scale on two cores, about; the order of a run is by it."""
        ...

    @property
    def tests(self) -> Sequence[str]:
        """Node ids of what is played, as far as those are tests."""
        ...

    def command(self, scale: float) -> str:
        """What plays this proof alone."""
        ...

    def run(self, scale: float, told: Told) -> Found:
        """Play it: a part for each of its items, ended or not. Raises Interrupted with what it came to."""
        ...


class Terminated(KeyboardInterrupt):
    """SIGTERM: as Ctrl-C at a terminal, but that no process beside this one has heard of it."""


class Interrupted(Exception):
    """Somebody ended the run; `found` is as far as it came."""

    def __init__(self, found: Found) -> None:
        super().__init__("interrupted")
        self.found = found


@dataclass(frozen=True)
class Suite:
    """Tests, by pytest in a process of its own; they count with the fixture `reliability`, or each is one case of
    `unit`."""

    name: str
    items: Sequence[str]
    minutes: float
    tests: Sequence[str]
    unit: str = ""

    def command(self, scale: float) -> str:
        share = "" if scale == 1.0 else f" --scale {scale:g}"
        return f"python -m pytest{share} " + " ".join(f"'{test}'" for test in self.tests)

    def run(self, scale: float, told: Told) -> Found:
        with tempfile.TemporaryDirectory(prefix="ofa-soak-") as folder:
            notes = Path(folder) / "notes.json"
            options = [
                "--scale",
                f"{scale:g}",
                "--notes",
                str(notes),
                "--timeout",
                f"{TIMEOUT_S}",
                "-q",
                "--tb",
                "short",
            ]
            command = [sys.executable, "-m", "pytest", *options, *self.tests]
            with subprocess.Popen(command, cwd=REPOSITORY) as process:
                try:
                    code = process.wait()
                except KeyboardInterrupt as interrupt:
                    if isinstance(interrupt, Terminated):
                        process.send_signal(signal.SIGINT)
                    process.wait()
                    raise Interrupted(self._found(notes, ended=False)) from None
            found = self._found(notes, ended=code in ENDED)
        if code not in ENDED:
            for part in found.values():
                part.fail(f"pytest ended with {code}", self.command(scale))
        return found

    def _found(self, notes: Path, *, ended: bool) -> Found:
        """What the tests counted; what they told of no item in particular belongs to each."""
        noted = json.loads(notes.read_text(encoding="utf-8")) if notes.exists() else {"items": {}}
        parts = {key: Part.from_notes(one) for key, one in noted["items"].items()}
        general = parts.pop("0", Part())
        found = {}
        for key in self.items:
            part = found[key] = parts.get(key, Part())
            part.ended = ended
            part.skipped += general.skipped
            for failure in general.failed:
                part.fail(failure.what, failure.repeat)
            if self.unit:
                part.count(self.unit, noted.get("passed", 0) + general.failures)
        return found


OTHERS = "others"  # long runs of which the list does not speak


@dataclass(frozen=True)
class Fuzzed:
    """A target of `make fuzz` (tests/fuzz)."""

    name: str
    cases: int
    minutes: float
    seed: int = 1
    items: Sequence[str] = ("9",)
    tests: Sequence[str] = ()

    def command(self, scale: float) -> str:
        return f"python -m tests.fuzz {self.name} --seed {self.seed} --cases {self._cases(scale)}"

    def _cases(self, scale: float) -> int:
        return max(1, round(self.cases * scale))

    def run(self, scale: float, told: Told) -> Found:
        from tests.fuzz import children
        from tests.fuzz.counted import part_of

        outcome = children.run(self.name, self.seed, self._cases(scale), os.cpu_count() or 1, told)
        return {"9": part_of(self.name, outcome)}


@dataclass(frozen=True)
class Booted:
    """The packages in a Debian tree that is booted with systemd (tools/boot_test.sh)."""

    name: str
    minutes: float
    boots: int
    items: Sequence[str] = ("15",)
    tests: Sequence[str] = ()

    def command(self, scale: float) -> str:
        return "make boot"

    def run(self, scale: float, told: Told) -> Found:
        part = Part()
        for number in range(max(1, round(self.boots * scale))):
            said, code = _made("boot")
            told(said)
            if lacks := why_not_booted(said):
                part.skipped.append(lacks)
                break
            part.count("boots", int("booted in " in said), f"boot {number + 1}")
            part.count("points", len(re.findall(r"^(?:ok|FAIL)\b", said, re.MULTILINE)))
            for line in re.findall(r"^FAIL\b.*", said, re.MULTILINE):
                part.fail(line, "make boot")
            if code and not part.failures:
                part.fail(" ".join(said.split())[-300:], "make boot")
        part.ended = True
        return {"15": part}


def _made(target: str) -> tuple[str, int]:
    """What that target of the Makefile said, and its exit code. All of its processes end with this one."""
    with subprocess.Popen(
        ["make", target], cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        start_new_session=True,
    ) as process:  # fmt: skip
        try:
            said, _ = process.communicate()
        except BaseException:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait()
            raise
    return said, process.returncode


def why_not_booted(said: str) -> str:
    """What this machine lacks for a boot, in one line; empty where it lacks nothing."""
    _, lacking, lacks = said.partition("boot_test: this machine lacks\n")
    if lacking:
        return f"this machine lacks {' '.join(lacks.split())}"
    unmade = re.search(r"^make deb: .* is missing.*", said, re.MULTILINE)
    return unmade[0] if unmade else ""


@dataclass(frozen=True)
class Flooded:
    """Rooms of `make bench` that measure others beside attacks; each ratio of p99 has to be at most 2."""

    name: str
    minutes: float
    module: str
    items: Sequence[str] = ("10",)
    tests: Sequence[str] = field(default=())

    def command(self, scale: float) -> str:
        return f"python -m {self.module}"

    def run(self, scale: float, told: Told) -> Found:
        from importlib import import_module

        part: Part = import_module(self.module).part(scale, told)
        part.ended = True
        return {"10": part}
