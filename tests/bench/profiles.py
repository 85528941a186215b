"""Profiles of the figures that are worst: where the time of what is measured goes, function by function."""

from __future__ import annotations

import cProfile
import pstats
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tests.bench.figures import Figure

WORST = 3
LINES = 40


def worst(figures: Sequence[Figure], offered: Mapping[str, Callable[[], None]]) -> list[str]:
    """Keys of the figures that are farthest above their goals, or nearest below, of those that can be profiled."""
    found = [one for one in figures if one.goal is not None and one.key in offered]
    return [one.key for one in sorted(found, key=lambda one: -one.of_goal)[:WORST]]


def keep(key: str, run: Callable[[], None], folder: Path) -> Path:
    """Run it under cProfile; `KEY.prof` for tools and `KEY.txt` for people, the functions by the time within them."""
    folder.mkdir(parents=True, exist_ok=True)
    profile = cProfile.Profile()
    profile.runcall(run)
    profile.dump_stats(folder / f"{key}.prof")
    text = folder / f"{key}.txt"
    with text.open("w", encoding="utf-8") as out:
        stats = pstats.Stats(profile, stream=out).strip_dirs()
        stats.sort_stats("tottime").print_stats(LINES)
        stats.sort_stats("cumulative").print_stats(LINES)
    return text
