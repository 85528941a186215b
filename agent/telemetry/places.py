"""The files beside the journal, and putting a recovered one into its place so that a crash at any moment loses nothing.

journal          the file
journal-salvage  a new one that is being filled; stale when found at a start
journal-ready    a complete new one: whatever is in the journal's place is moved aside for it, also at a start
journal.damaged-N-TIME   what was moved aside; N counts up, the newest KEPT are kept, each with its -wal
"""

from __future__ import annotations

import contextlib
import os
import re
from datetime import datetime, timezone
from pathlib import Path

KEPT = 3
_LOG_SUFFIXES = ("-wal", "-shm")


class Places:
    """Of one journal."""

    def __init__(self, journal: Path) -> None:
        self.journal = journal
        self.salvage = journal.with_name(journal.name + "-salvage")
        self.ready = journal.with_name(journal.name + "-ready")

    def make_folder(self) -> None:
        """The folder that the journal lies in is there, and stays so over a power loss. Raises OSError."""
        folder = self.journal.absolute().parent
        missing = [one for one in folder.parents if not one.exists()]
        folder.mkdir(parents=True, exist_ok=True)
        # Also where it was there: whoever made it may have died before it was durable.
        for one in (folder, *missing):
            _sync_folder(one.parent)

    def losses(self) -> int:
        """The number of the last file that was moved aside; 0 where none is there."""
        return max((number for number, _ in self._aside()), default=0)

    def begin(self) -> Path:
        """An empty place for a new file."""
        _remove(self.salvage)
        return self.salvage

    def done(self) -> None:
        """What was begun is complete and durable."""
        _remove(self.ready)
        self.salvage.rename(self.ready)
        _sync_folder(self.journal.parent)

    def put_in_place(self, wall_ns: int) -> Path | None:
        """Move the complete new file into the journal's place; returns where what was there is now, if anything was.

        Does nothing where there is no complete new file.
        """
        if not self.ready.exists():
            return None
        moved = self._moved_aside(wall_ns)
        self.ready.rename(self.journal)
        _sync_folder(self.journal.parent)
        for _, old in sorted(self._aside())[:-KEPT]:
            _remove(old)
        return moved

    def identity(self) -> tuple[tuple[int, int] | None, ...]:
        """Of the files that an open journal lives in; None for one that is not there."""
        return _inode(self.journal), _inode(self.journal.with_name(self.journal.name + "-wal"))

    def _moved_aside(self, wall_ns: int) -> Path | None:
        """The log first: what was in it must never be taken for part of the new file."""
        stamp = datetime.fromtimestamp(wall_ns / 1e9, tz=timezone.utc).strftime("%Y%m%dT%H%M%SZ")
        aside = self.journal.with_name(f"{self.journal.name}.damaged-{self.losses() + 1}-{stamp}")
        log = self.journal.with_name(self.journal.name + "-wal")
        if log.exists():
            log.rename(aside.with_name(aside.name + "-wal"))
            _sync_folder(log.parent)  # a disk need not keep the order of two renames
        self.journal.with_name(self.journal.name + "-shm").unlink(missing_ok=True)
        if not self.journal.exists():
            return None
        self.journal.rename(aside)
        return aside

    def _aside(self) -> list[tuple[int, Path]]:
        shape = re.compile(re.escape(self.journal.name) + r"\.damaged-(\d+)-[^-]*")
        found = (
            (shape.fullmatch(path.name), path) for path in self.journal.parent.glob(f"{self.journal.name}.damaged-*")
        )
        return [(int(match[1]), path) for match, path in found if match]


def _remove(path: Path) -> None:
    for suffix in ("", *_LOG_SUFFIXES):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def _inode(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _sync_folder(folder: Path) -> None:
    with contextlib.suppress(OSError):  # not every file system can
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
