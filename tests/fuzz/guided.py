"""Cases guided by the code that they reach, with atheris (libFuzzer), where it is installed: extra `fuzz`."""

from __future__ import annotations

import importlib
import importlib.util
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.fuzz.children import Outcome
from tests.fuzz.play import CASE_S, case_of, found_cases, quiet, target_of

_DONE = re.compile(r"Done (\d+) runs|#(\d+)\s")
KEPT = Path("build") / "fuzz"


class GuidedOutcome(Outcome):
    """As Outcome; what failed is told by the command that plays its file."""


def present() -> bool:
    """Whether atheris is installed."""
    return importlib.util.find_spec("atheris") is not None


def run(target: str, seed: int, cases: int, jobs: int, told: Callable[[str], None]) -> GuidedOutcome:
    """Play so many cases in a process of their own; it ends with the first that fails."""
    outcome = GuidedOutcome(target, seed)
    began_s = time.monotonic()
    KEPT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="ofa-fuzz-") as corpus:
        command = [sys.executable, "-m", "tests.fuzz.guided", target, str(seed), str(cases), corpus]
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    outcome.seconds = time.monotonic() - began_s
    outcome.cases = max((int(one or two) for one, two in _DONE.findall(done.stderr)), default=0)
    if done.returncode:
        written = re.search(r"Test unit written to (\S+)", done.stderr)
        where = f"python -m tests.fuzz.guided {target} {written[1]}" if written else "(no file was written)"
        outcome.failures[outcome.cases] = where
        told(f"{target}: {' '.join(done.stderr.split())[-600:]}\n  repeat: {where}")
    return outcome


def main(name: str, seed: int, cases: int, corpus: Path) -> None:
    """The child: never returns, as libFuzzer ends its process."""
    atheris: Any = importlib.import_module("atheris")
    with atheris.instrument_imports(include=["agent"], enable_loader_override=False):
        target = target_of(name)
    for number, sound in enumerate(target.seeds()):
        (corpus / f"seed-{number}").write_bytes(sound)
    for path in found_cases():
        if path.parent.name == name:
            (corpus / path.name).write_bytes(path.read_bytes())
    for number in range(200):
        (corpus / f"case-{number}").write_bytes(case_of(target, seed, number))

    def mutate(data: bytes, most: int, chance: int) -> bytes:
        """Half by the target's own knowledge, half by libFuzzer's."""
        if chance % 4 == 0:
            return target.make(random.Random(chance))[:most]
        changed: bytes = atheris.Mutate(data, most)
        return changed

    options = [f"-runs={cases}", f"-seed={seed}", "-max_len=65536", f"-timeout={int(CASE_S)}", "-rss_limit_mb=2048"]
    with quiet():
        atheris.Setup(
            ["fuzz", *options, f"-artifact_prefix={KEPT}/{name}-", str(corpus)], target.check, custom_mutator=mutate
        )
        atheris.Fuzz()


def again(name: str, file: Path) -> None:
    """Play the case of a file."""
    target = target_of(name)
    try:
        target.check(file.read_bytes())
    finally:
        target.close()


if __name__ == "__main__":
    if len(sys.argv) == 3:
        again(sys.argv[1], Path(sys.argv[2]))
    else:
        main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]))
