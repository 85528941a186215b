"""The states of the disk that a power loss may leave at a point of a record, see the package's docstring."""

from __future__ import annotations

import hashlib
import itertools
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from tests.faults.crash_states.record import ROOT, Names, Record, Step, Sync, Truncate, Write

SECTOR_BYTES = 512
PAGE_BYTES = 4096
ALL_UNITS = 5  # of so many things that may be there or not, every subset is tried

Tree: TypeAlias = dict[str, bytes | None]  # by relative path; None is a folder


@dataclass(frozen=True, slots=True)
class Unit:
    """The least that is there whole or not at all: one step of names, one size, or the bytes within one sector."""

    operation: int
    change: Names | Truncate | Write

    @property
    def page(self) -> tuple[int, int] | None:
        """File and page that it lies in; None for what is not bytes of a file."""
        return (self.change.node, self.change.offset // PAGE_BYTES) if isinstance(self.change, Write) else None


@dataclass(frozen=True, slots=True)
class Left:
    """What a power loss left of the units that were not synced. `grown`: files have their new sizes all the same, and
    where nothing was written lies `noise` (else zeros)."""

    there: frozenset[int]
    grown: bool = False
    noise: bool = False


@dataclass(frozen=True)
class State:
    """One disk. Steps up to `done` had been acknowledged, none after `begun` had begun."""

    tree: Tree
    done: int
    begun: int
    point: int
    left: Left

    @property
    def key(self) -> bytes:
        """Equal for disks that are alike and of which the same is asked."""
        digest = hashlib.sha256(f"{self.done} {self.begun}".encode())
        for path, data in sorted(self.tree.items()):
            digest.update(f"\0{path}\0{'folder' if data is None else len(data)}\0".encode() + (data or b""))
        return digest.digest()

    def write(self, folder: Path) -> None:
        """Lay it out in an empty folder."""
        for path, data in sorted(self.tree.items()):
            if data is None:
                (folder / path).mkdir()
            else:
                (folder / path).write_bytes(data)


def final_tree(record: Record) -> Tree:
    """What is there with everything that was recorded."""
    point = Point(record, len(record.operations))
    return point.state(Left(frozenset(range(len(point.units))))).tree


def states(record: Record, seed: int, each: int, points: int | None = None) -> Iterator[State]:
    """Distinct states of a record: at most some `each` at every point, or at `points` of them by the seed.

    Of every point come first: nothing, all, each unit missing or alone, all pages but one, sizes without bytes.
    """
    chance = random.Random(seed)
    numbers: Iterable[int] = range(1, len(record.operations) + 1)
    if points is not None:
        numbers = sorted(chance.sample(list(numbers), min(points, len(record.operations))))
    seen: set[bytes] = set()
    for number in numbers:
        point = Point(record, number)
        for left in itertools.islice(point.losses(chance), each):
            state = point.state(left)
            if state.key not in seen:
                seen.add(state.key)
                yield state


class Point:
    """A record up to its first `number` operations: what is on the disk for sure, and what may be."""

    def __init__(self, record: Record, number: int) -> None:
        self._record = record
        self._number = number
        operations = record.operations[:number]
        synced = {op.node: at for at, op in enumerate(operations) if isinstance(op, Sync)}
        self._names: list[tuple[int, Names]] = []  # that are on the disk for sure, by their place in the record
        self._files: dict[int, bytearray] = {}  # as they are on the disk for sure
        self.units: list[Unit] = []
        for at, operation in enumerate(operations):
            if not isinstance(operation, (Names, Truncate, Write)):
                continue
            if not any(synced.get(node, -1) > at for node in _syncs(operation)):
                self.units.extend(Unit(at, change) for change in _sectors(operation))
            elif isinstance(operation, Names):
                self._names.append((at, operation))
            else:
                _change(self._files.setdefault(operation.node, bytearray()), operation, noise=False)
        steps = [op for op in operations if isinstance(op, Step)]
        self.done = max((step.number for step in steps if step.done), default=0)
        self.begun = max((step.number for step in steps), default=0)

    def losses(self, chance: random.Random) -> Iterator[Left]:
        """The boundary cases, then what chance gives, without end; all that there are where they are few."""
        everything = frozenset(range(len(self.units)))
        yield Left(frozenset())
        yield Left(everything)
        if len(self.units) <= ALL_UNITS:
            for count in range(len(self.units) + 1):
                for there in itertools.combinations(range(len(self.units)), count):
                    yield from _fills(frozenset(there))
            return
        names = frozenset(n for n, unit in enumerate(self.units) if isinstance(unit.change, Names))
        yield from _fills(names)
        yield Left(everything - names)
        boundary = [*self._alone(everything), *self._pages(everything), *self._prefixes()]
        chance.shuffle(boundary)
        while True:
            if boundary:
                yield from _fills(boundary.pop(), chance)
            share = chance.choice((0.1, 0.5, 0.9))
            yield from _fills(frozenset(n for n in everything if n in names or chance.random() < share), chance)
            yield from _fills(frozenset(n for n in everything if chance.random() < share), chance)

    def _alone(self, everything: frozenset[int]) -> Iterator[frozenset[int]]:
        for one in everything:
            yield frozenset({one})
            yield everything - {one}

    def _pages(self, everything: frozenset[int]) -> Iterator[frozenset[int]]:
        for page in {unit.page for unit in self.units} - {None}:
            yield everything - {n for n, unit in enumerate(self.units) if unit.page == page}

    def _prefixes(self) -> Iterator[frozenset[int]]:
        """A disk that keeps the order."""
        for end in range(1, len(self.units)):
            yield frozenset(range(end))

    def state(self, left: Left) -> State:
        chosen = [unit for n, unit in enumerate(self.units) if n in left.there]
        lost = [unit.change for n, unit in enumerate(self.units) if n not in left.there] if left.grown else []
        files = dict(self._files)
        for change in (unit.change for unit in chosen):
            if not isinstance(change, Names):
                _change(_own(files, self._files, change.node), change, left.noise)
        for change in lost:
            if isinstance(change, Write):
                _grow(_own(files, self._files, change.node), change.offset + len(change.data), left.noise)
        names = [(unit.operation, unit.change) for unit in chosen if isinstance(unit.change, Names)]
        entries = _entries(sorted((*self._names, *names), key=lambda step: step[0]))
        tree: Tree = {}
        _collect(self._record.folders, entries, files, ROOT, "", tree)
        return State(tree, self.done, self.begun, self._number, left)


def _own(files: dict[int, bytearray], sure: dict[int, bytearray], node: int) -> bytearray:
    """The file's bytes of this state, which may be changed."""
    if files.get(node) is sure.get(node):
        files[node] = bytearray(sure.get(node, b""))
    return files[node]


def _syncs(operation: Names | Truncate | Write) -> Iterable[int]:
    """The nodes of which a sync makes it durable."""
    return [folder for folder, _, _ in operation.entries] if isinstance(operation, Names) else (operation.node,)


def _sectors(operation: Names | Truncate | Write) -> Iterator[Names | Truncate | Write]:
    if not isinstance(operation, Write):
        yield operation
        return
    at, end = operation.offset, operation.offset + len(operation.data)
    while at < end:
        stop = min((at // SECTOR_BYTES + 1) * SECTOR_BYTES, end)
        yield Write(operation.node, at, operation.data[at - operation.offset : stop - operation.offset])
        at = stop


def _fills(there: frozenset[int], chance: random.Random | None = None) -> Iterator[Left]:
    """With sizes that did not grow, and grown with zeros or noise; by `chance` one of these."""
    fills = [Left(there), Left(there, grown=True), Left(there, grown=True, noise=True)]
    yield from fills if chance is None else [chance.choice(fills)]


def _entries(steps: list[tuple[int, Names]]) -> dict[int, dict[str, int]]:
    """What every folder names after these steps."""
    entries: dict[int, dict[str, int]] = {}
    for _, step in steps:
        for folder, name, node in step.entries:
            entries.setdefault(folder, {}).pop(name, None)
            if node is not None:
                entries[folder][name] = node
    return entries


def _change(data: bytearray, change: Truncate | Write, noise: bool) -> None:
    if isinstance(change, Truncate):
        _grow(data, change.size, noise=False)
        del data[change.size :]
        return
    _grow(data, change.offset, noise)
    data[change.offset : change.offset + len(change.data)] = change.data


def _grow(data: bytearray, size: int, noise: bool) -> None:
    missing = size - len(data)
    if missing > 0:
        data.extend(random.Random(missing).randbytes(missing) if noise else bytes(missing))


def _collect(
    folders: set[int],
    entries: dict[int, dict[str, int]],
    files: dict[int, bytearray],
    folder: int,
    path: str,
    tree: Tree,
) -> None:
    for name, node in entries.get(folder, {}).items():
        inner = f"{path}/{name}" if path else name
        if node in folders:
            tree[inner] = None
            _collect(folders, entries, files, node, inner, tree)
        else:
            tree[inner] = bytes(files.get(node, b""))
