"""Cases in processes of their own: a reader that dies, hangs in C or eats all memory fails its case and no other."""

from __future__ import annotations

import json
import mmap
import os
import resource
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from tests.fuzz.play import MOST_FAILURES, play, repeat, target_of

MOST_MEMORY_BYTES = 4 << 30  # of addresses; gRPC and numpy reserve more than they use
STUCK_S = 60.0  # without a new case: hung where Python's own alarm is not heard
LARGEST_SHARE = 50_000
_NUMBER = struct.Struct("<q")


@dataclass
class Outcome:
    """Of one target. `failures`: the number of a case with what went wrong."""

    target: str
    seed: int
    cases: int = 0
    seconds: float = 0.0
    failures: dict[int, str] = field(default_factory=dict)


def run(target: str, seed: int, cases: int, jobs: int, told: Callable[[str], None]) -> Outcome:
    """Play cases 0 to `cases` in so many processes at once; failures are told as they come."""
    outcome = Outcome(target, seed)
    share = max(1, min(LARGEST_SHARE, -(-cases // jobs)))
    shares = [(first, min(share, cases - first)) for first in range(0, cases, share)]
    began_s = time.monotonic()
    with ThreadPoolExecutor(jobs) as pool:
        for played, failures in pool.map(lambda one: _share(target, seed, one[0], one[1], outcome), shares):
            outcome.cases += played
            outcome.failures |= failures
            for number, words in failures.items():
                told(f"{target}: case {number}: {words}\n  repeat: {repeat(target, seed, number)}")
    outcome.seconds = time.monotonic() - began_s
    return outcome


def _share(target: str, seed: int, first: int, count: int, so_far: Outcome) -> tuple[int, dict[int, str]]:
    """One share: in a new process after each case that one died of."""
    played, failures = 0, dict[int, str]()
    while count > 0 and len(failures) + len(so_far.failures) < MOST_FAILURES:
        report, last, words = _child(target, seed, first, count)
        if report is not None:
            return played + report["cases"], failures | {int(n): text for n, text in report["failures"].items()}
        failures[last] = words
        played += last - first + 1
        first, count = last + 1, first + count - last - 1
    return played, failures


def _child(target: str, seed: int, first: int, count: int) -> tuple[Any, int, str]:
    """The report of a process; None where it died, with the case that it was at and how it ended."""
    with tempfile.NamedTemporaryFile(prefix="ofa-fuzz-") as progress:
        progress.write(_NUMBER.pack(first))
        progress.flush()
        arguments = [target, str(seed), str(first), str(count), progress.name]
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "PYTHONFAULTHANDLER": "1"}
        command = [sys.executable, "-m", "tests.fuzz.children", *arguments]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
        ) as process:
            said, complained = _waited_for(process, progress.name)
        (last,) = _NUMBER.unpack(_read(progress.name))
    if process.returncode == 0:
        return json.loads(said), last, ""
    return None, last, f"the process ended with {process.returncode}: {' '.join(complained.split())[-300:]}"


def _waited_for(process: subprocess.Popen[str], progress: str) -> tuple[str, str]:
    """What it said; killed where it does not get to another case for STUCK_S."""
    at = _read(progress)
    while True:
        try:
            return process.communicate(timeout=STUCK_S)
        except subprocess.TimeoutExpired:
            before, at = at, _read(progress)
            if at == before:
                process.kill()


def _read(progress: str) -> bytes:
    with open(progress, "rb") as file:
        return file.read(_NUMBER.size)


def main(name: str, seed: int, first: int, count: int, progress: str) -> None:
    """The child: plays its share and writes its report as one line."""
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY_BYTES, MOST_MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    target = target_of(name)
    with open(progress, "r+b") as file, mmap.mmap(file.fileno(), _NUMBER.size) as shared:
        played = play(
            target, seed, range(first, first + count), told=lambda number: _NUMBER.pack_into(shared, 0, number)
        )
    target.close()
    sys.stdout.write(json.dumps({"cases": played.cases, "failures": played.failures}) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), sys.argv[5])
