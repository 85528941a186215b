"""One item of the list: what is promised, what is asked of a run, and what its parts come to."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Item:
    """`goal`: cases by unit that are asked; a unit that is counted without a number has none. `proofs`: what plays it
    at length, by their names in the catalogue; `short`: the tests of `make test` that play it a little, seeded."""

    key: str
    what: str
    goal: Mapping[str, int]
    proofs: Sequence[str]
    short: Sequence[str]
    also: Sequence[str] = ()  # proofs that are counted where they were run, and not missed where they were not
    note: str = field(default="")  # what a reader of the numbers should know

    @property
    def command(self) -> str:
        """What plays the whole item again."""
        return f'make soak ITEMS="{self.key}"'

    def entry(self, parts: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
        """The item in `reliability.json`. Parts of proofs that it has no more are dropped."""
        kept = {name: parts[name] for name in (*self.proofs, *self.also) if name in parts}
        cases, seeds = _summed(kept), _seeds(kept)
        failed = [failure for part in kept.values() for failure in part["failed"]]
        failures = sum(part["failures"] for part in kept.values())
        ended = all(name in kept for name in self.proofs) and all(part["ended"] for part in kept.values())
        short_of = self.short_of(kept)
        return {
            "what": self.what,
            "cases": cases,
            "goal": dict(self.goal),
            "seed": seeds,
            "failures": failures,
            "repeat": [f"{failure['repeat']}  # {failure['what']}" for failure in failed],
            "seconds": round(sum(part["seconds"] for part in kept.values()), 1),
            "measured": {name: one for part in kept.values() for name, one in part["measured"].items()},
            "skipped": [reason for part in kept.values() for reason in part["skipped"]],
            "ended": ended,
            "met": ended and not failures and not short_of,
            "short_of": short_of,
            "command": self.command,
            **({"note": self.note} if self.note else {}),
            "parts": kept,
        }

    def short_of(self, parts: Mapping[str, Mapping[str, Any]], scale: float = 1.0) -> list[str]:
        """What is missing to the numbers of a run at that scale, in words."""
        found = [f"{name}: not run" for name in self.proofs if name not in parts]
        found += [f"{name}: interrupted, or under way" for name, part in parts.items() if not part["ended"]]
        found += [f"skipped: {reason}" for part in parts.values() for reason in part["skipped"]]
        cases = _summed(parts)
        for unit, asked in self.goal.items():
            if cases.get(unit, 0) < math.ceil(asked * scale):
                found.append(f"{unit}: {cases.get(unit, 0)} of {math.ceil(asked * scale)}")
        for part in parts.values():
            for figure, one in part["measured"].items():
                if one["worst"] > one["most"]:
                    found.append(f"{figure}: {one['worst']:g}, allowed is {one['most']:g}")
        return found


def _summed(parts: Mapping[str, Mapping[str, Any]]) -> dict[str, int]:
    cases: dict[str, int] = {}
    for part in parts.values():
        for unit, count in part["cases"].items():
            cases[unit] = cases.get(unit, 0) + count
    return cases


def _seeds(parts: Mapping[str, Mapping[str, Any]]) -> dict[str, list[str]]:
    seeds: dict[str, list[str]] = {}
    for part in parts.values():
        for unit, told in part["seed"].items():
            seeds[unit] = list(dict.fromkeys([*seeds.get(unit, []), *told]))
    return seeds
