"""What fuzzing came to, as parts of item 9 in `reliability.json`."""

from __future__ import annotations

from tests.fuzz.children import Outcome
from tests.fuzz.guided import GuidedOutcome
from tests.fuzz.play import repeat
from tests.reliability.part import Part


def part_of(unit: str, outcome: Outcome) -> Part:
    """The part of one target, ended; `unit` is what its cases are counted as."""
    part = Part(ended=True, seconds=outcome.seconds)
    part.count(unit, outcome.cases, outcome.seed)
    for number, words in sorted(outcome.failures.items()):
        if isinstance(outcome, GuidedOutcome):
            part.fail(f"{outcome.target}, guided by coverage", words)
        else:
            part.fail(words, repeat(outcome.target, outcome.seed, number))
    return part
