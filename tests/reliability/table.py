"""What a run came to, for people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tests.reliability.item import Item


def row(item: Item, entry: Mapping[str, Any] | None, scale: float) -> str:
    """One item: its numbers, then what failed or is missing, each on a line of its own."""
    head = f"{item.key:>6}  {item.what}"
    if entry is None:
        return f"{head}\n        not run: {item.command}"
    counted = ", ".join(_counted(unit, count, entry["goal"].get(unit)) for unit, count in entry["cases"].items())
    seeds = ", ".join(f"{unit} {' '.join(told)}" for unit, told in entry["seed"].items() if told)
    figures = [
        f"{name} median {one['median']:g}, worst {one['worst']:g} (allowed {one['most']:g})"
        for name, one in entry["measured"].items()
    ]
    lines = [
        head,
        f"{verdict(item, entry, scale)}: {counted or 'nothing counted'}; {entry['failures']} failures; "
        f"{entry['seconds']:.0f} s",
        *([f"seeds: {seeds}"] if seeds else []),
        *figures,
        *(f"short of the goal: {one}" for one in entry["short_of"]),
        *(f"failed: {one}" for one in entry["repeat"]),
    ]
    return "\n        ".join(lines)


def verdict(item: Item, entry: Mapping[str, Any], scale: float) -> str:
    """One word or a few: met, what a part of the goal was kept to, or not."""
    if entry["met"]:
        return "met"
    if not entry["ended"]:
        return "NOT ENDED"
    if entry["failures"]:
        return "FAILED"
    if entry["skipped"]:
        return "NOT PROVEN HERE"
    return "SHORT" if fell_short(item, entry, scale) else f"at {scale:g} of the goal, which was not reached"


def fell_short(item: Item, entry: Mapping[str, Any] | None, scale: float) -> bool:
    """Whether a run at that scale did not come to what it was to come to."""
    return entry is None or bool(entry["failures"]) or bool(item.short_of(entry["parts"], scale))


def table(items: Iterable[Item], entries: Mapping[str, Any], scale: float) -> str:
    """All of them."""
    return "\n".join(row(item, entries.get(item.key), scale) for item in items)


def _counted(unit: str, count: int, goal: int | None) -> str:
    return f"{count:,} {unit}" if goal is None else f"{count:,} of {goal:,} {unit}"
