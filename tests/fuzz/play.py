"""Plays cases of a target, one after another, and tells how a failed one is repeated."""

from __future__ import annotations

import logging
import random
import resource
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from types import FrameType

from tests.fuzz.target import Target

FOUND = Path(__file__).parent / "found"
CASE_S = 10.0  # for one case, of whatever reader; the slowest that is sound takes half a second
MOST_GROWTH_MIB = 700.0  # of a process that plays thousands of cases; a golden image of the largest size takes 150
MOST_FAILURES = 20
TARGETS = {
    "protobuf": "tests.fuzz.protobufs:Protobufs",
    "wire": "tests.fuzz.wire:Wire",
    "config": "tests.fuzz.configs:Configs",
    "manifest": "tests.fuzz.libraries:Manifests",
    "blob": "tests.fuzz.libraries:Blobs",
    "golden": "tests.fuzz.libraries:Goldens",
    "trace": "tests.fuzz.traces:Traces",
    "audit": "tests.fuzz.audits:Audits",
    "crl": "tests.fuzz.certificates:Revoked",
    "pem": "tests.fuzz.certificates:PemFiles",
}


class Hung(BaseException):
    """A case that took longer than CASE_S. No Exception, so that no reader takes it for one of its own."""


@dataclass
class Played:
    """What came of some cases. `failures`: by the number of the case, in words."""

    cases: int = 0
    failures: dict[int, str] = field(default_factory=dict)


def target_of(name: str) -> Target:
    """A target by its name, or by `module:Class`."""
    module, _, kind = TARGETS.get(name, name).partition(":")
    made: Target = getattr(import_module(module), kind)()
    return made


def case_of(target: Target, seed: int, number: int) -> bytes:
    """Case `number` of that seed: always the same bytes."""
    return target.make(random.Random(f"{seed} {number}"))


def play(
    target: Target,
    seed: int,
    numbers: Iterable[int],
    case_s: float = CASE_S,
    told: Callable[[int], None] = lambda _: None,
) -> Played:
    """Play these cases, until MOST_FAILURES have failed; `told` hears of each before it begins. Main thread only."""
    played = Played()
    before_mib = _peak_mib()
    with quiet(), _alarm():
        for number in numbers:
            case = case_of(target, seed, number)
            told(number)
            words = checked(target, case, case_s)
            played.cases += 1
            if not words and _peak_mib() > before_mib + MOST_GROWTH_MIB:
                words = f"the process grew from {before_mib:.0f} to {_peak_mib():.0f} MiB"
                before_mib = _peak_mib()
            if words:
                played.failures[number] = words
                if len(played.failures) >= MOST_FAILURES:
                    break
    return played


def checked(target: Target, case: bytes, case_s: float = CASE_S) -> str:
    """What is wrong with how that case was read; empty where nothing is. Needs `_alarm`, else a hang is not noticed."""
    signal.setitimer(signal.ITIMER_REAL, case_s)
    began_s = time.perf_counter()
    try:
        target.check(case)
    except Hung:
        return f"not read within {time.perf_counter() - began_s:.1f} s"
    except Exception as error:  # noqa: BLE001  whatever it is, it is what is looked for
        return " ".join(f"{type(error).__name__}: {error}".split())[:500]
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
    return ""


def repeat(target: str, seed: int, number: int) -> str:
    """The command that plays that case again."""
    return f"python -m tests.fuzz {target} --seed {seed} --case {number}"


def found_cases() -> Iterator[Path]:
    """Files of cases that once failed: found/TARGET/WHAT-IT-WAS."""
    yield from sorted(path for path in FOUND.glob("*/*") if path.is_file())


@contextmanager
def quiet() -> Iterator[None]:
    """What readers log of broken input would fill the screen."""
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)


@contextmanager
def _alarm() -> Iterator[None]:
    def hung(number: int, frame: FrameType | None) -> None:
        raise Hung

    before = signal.signal(signal.SIGALRM, hung)
    try:
        yield
    finally:
        signal.signal(signal.SIGALRM, before)


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0
