"""The record of one run: every change of the files below one folder, in its order."""

from __future__ import annotations

import os
import stat
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

ROOT = 0
UNRECORDED = (
    "-shm",
)  # shared memory of SQLite: made anew after a crash, whatever it holds (sqlite.org/walformat.html)


@dataclass(frozen=True, slots=True)
class Write:
    """Bytes of a file."""

    node: int
    offset: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Truncate:
    """The size of a file, smaller or larger."""

    node: int
    size: int


@dataclass(frozen=True, slots=True)
class Names:
    """Entries (folder, name) that change in one step, and what they name from then on; None: nothing."""

    entries: tuple[tuple[int, str, int | None], ...]


@dataclass(frozen=True, slots=True)
class Sync:
    """A file or folder is on the disk as it is."""

    node: int


@dataclass(frozen=True, slots=True)
class Step:
    """The run's own word: step `number` begins, or has been acknowledged (`done`)."""

    number: int
    done: bool


Operation: TypeAlias = Write | Truncate | Names | Sync | Step


@dataclass
class Record:
    """Owner of the operations of one run; any thread adds to them.

    Node ROOT is the folder itself, every file and folder made below it has the next number.
    """

    root: Path
    operations: list[Operation] = field(default_factory=list)
    folders: set[int] = field(default_factory=lambda: {ROOT})

    def __post_init__(self) -> None:
        self.root = Path(os.path.realpath(self.root))
        if any(self.root.iterdir()):
            raise AssertionError(f"{self.root} is not empty: a record begins with nothing")
        self._mutex = threading.RLock()
        self._next = 1
        self._entries: dict[int, dict[str, int]] = {ROOT: {}}
        self._inodes: dict[tuple[int, int], int] = {_inode(os.stat(self.root)): ROOT}

    def covers(self, path: str | os.PathLike[str]) -> bool:
        """Whether that path lies below the folder and is recorded."""
        return Path(_real(path)).is_relative_to(self.root) and not str(path).endswith(UNRECORDED)

    def node_of(self, descriptor: int) -> int | None:
        """The node that an open descriptor is of; None for one outside."""
        return self._inodes.get(_inode(os.fstat(descriptor)))

    def node_at(self, path: str | os.PathLike[str]) -> int | None:
        """The node of that name now."""
        if Path(_real(path)) == self.root:
            return ROOT
        folder, name = self._place(path)
        return self._entries[folder].get(name)

    def step(self, number: int, done: bool) -> None:
        self._add(Step(number, done))

    def created(self, path: str | os.PathLike[str], folder: bool = False) -> int:
        """A new file or folder is there, and empty."""
        with self._mutex:
            place, node = self._place(path), self._next
            self._next += 1
            self._inodes[_inode(os.lstat(path))] = node
            if folder:
                self.folders.add(node)
                self._entries[node] = {}
            self._name((*place, node))
            return node

    def wrote(self, node: int, offset: int, data: bytes) -> None:
        if data:
            self._add(Write(node, offset, bytes(data)))

    def truncated(self, node: int, size: int) -> None:
        self._add(Truncate(node, size))

    def synced(self, node: int) -> None:
        self._add(Sync(node))

    def synced_folder_of(self, path: str | os.PathLike[str]) -> None:
        with self._mutex:
            self._add(Sync(self._place(path)[0]))

    def linked(self, source: str | os.PathLike[str], target: str | os.PathLike[str]) -> None:
        with self._mutex:
            node = self._known(source)
            self._name((*self._place(target), node))

    def renamed(self, source: str | os.PathLike[str], target: str | os.PathLike[str]) -> None:
        with self._mutex:
            node = self._known(source)
            self._name((*self._place(source), None), (*self._place(target), node))

    def exchanged(self, one: str | os.PathLike[str], other: str | os.PathLike[str]) -> None:
        with self._mutex:
            first, second = self._known(one), self._known(other)
            self._name((*self._place(one), second), (*self._place(other), first))

    def removed(self, path: str | os.PathLike[str]) -> None:
        with self._mutex:
            self._known(path)
            self._name((*self._place(path), None))

    def forget(self, found: os.stat_result) -> None:
        """Its last name goes: the number of its inode may come again for another file."""
        if found.st_nlink <= 1 or stat.S_ISDIR(found.st_mode):
            self._inodes.pop(_inode(found), None)

    def _known(self, path: str | os.PathLike[str]) -> int:
        node = self.node_at(path)
        if node is None:
            raise AssertionError(f"{path}: was made by something that is not recorded")
        return node

    def _place(self, path: str | os.PathLike[str]) -> tuple[int, str]:
        """Number of the folder, and name in it."""
        relative = Path(_real(path)).relative_to(self.root)
        folder = ROOT
        for part in relative.parts[:-1]:
            inner = self._entries[folder].get(part)
            if inner is None:
                raise AssertionError(f"{path}: {part} was made by something that is not recorded")
            folder = inner
        return folder, relative.name

    def _name(self, *entries: tuple[int, str, int | None]) -> None:
        for folder, name, node in entries:
            if node is None:
                self._entries[folder].pop(name, None)
            else:
                self._entries[folder][name] = node
        self._add(Names(entries))

    def _add(self, operation: Operation) -> None:
        with self._mutex:
            self.operations.append(operation)


def _real(path: str | os.PathLike[str]) -> str:
    """The folder without links, the name as it is: the name itself may be one."""
    folder, name = os.path.split(os.path.abspath(path))
    return os.path.join(os.path.realpath(folder), name)


def _inode(found: os.stat_result) -> tuple[int, int]:
    return found.st_dev, found.st_ino
