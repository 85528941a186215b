"""What differs between two libraries, by rung and by key of the manifest."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec

from agent.library.manifest import Manifest, Subnet
from agent.library.report import SubnetRow, subnet_rows
from agent.library.store import open_library

# Named here and not compared key by key: rungs have their own list.
_SEPARATE = "subnets"
Scalar = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Change:
    """A key whose value differs; None where one side does not have it."""

    key: str
    old: Scalar
    new: Scalar


@dataclass(frozen=True, slots=True)
class ChangedRung:
    """A rung that both libraries have."""

    id: str
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """From `old` to `new`. `equal` means the very same manifest, so the very same files."""

    old: str
    new: str
    equal: bool
    library: tuple[Change, ...]
    added: tuple[SubnetRow, ...]
    removed: tuple[SubnetRow, ...]
    changed: tuple[ChangedRung, ...]


def diff_libraries(old_path: Path, new_path: Path) -> Difference:
    """Compare two libraries. Raises LibraryError leaves."""
    old, new = open_library(old_path), open_library(new_path)
    before = {subnet.id: subnet for subnet in old.manifest.subnets}
    after = {subnet.id: subnet for subnet in new.manifest.subnets}
    both = [(before[key], subnet) for key, subnet in after.items() if key in before]
    changed = [(one.id, _changes(_flat_rung(one, old.manifest), _flat_rung(two, new.manifest))) for one, two in both]
    return Difference(
        str(old.path),
        str(new.path),
        old.digest == new.digest,
        _changes(_flat(old.manifest), _flat(new.manifest)),
        tuple(row for row in subnet_rows(new) if row.id not in before),
        tuple(row for row in subnet_rows(old) if row.id not in after),
        tuple(ChangedRung(key, changes) for key, changes in changed if changes),
    )


def _flat(manifest: Manifest) -> dict[str, Scalar]:
    values = msgspec.to_builtins(manifest)
    del values[_SEPARATE]
    return _flattened(values, "")


def _flat_rung(subnet: Subnet, manifest: Manifest) -> dict[str, Scalar]:
    """With the input that it really has, and artifacts and golden images by what they are, not by their place."""
    values = msgspec.to_builtins(msgspec.structs.replace(subnet, input=manifest.input_of(subnet)))
    values["artifacts"] = {f"{one['format']}/{one['target']}": one for one in values["artifacts"]}
    values["golden"] = {one.pop("image").removeprefix("golden/"): one for one in values["golden"]}
    for artifact in values["artifacts"].values():
        del artifact["file"]  # says again what the digest says
    return _flattened(values, "")


def _flattened(value: object, key: str) -> dict[str, Scalar]:
    if isinstance(value, dict):
        items = [(f"{key}.{name}" if key else str(name), item) for name, item in value.items()]
    elif isinstance(value, (list, tuple)):
        items = [(f"{key}[{number}]", item) for number, item in enumerate(value)]
    else:
        return {key: value if isinstance(value, (str, int, float)) else None}
    return {name: one for start, item in items for name, one in _flattened(item, start).items()}


def _changes(old: dict[str, Scalar], new: dict[str, Scalar]) -> tuple[Change, ...]:
    keys = sorted(old.keys() | new.keys())
    return tuple(Change(key, old.get(key), new.get(key)) for key in keys if old.get(key) != new.get(key))
