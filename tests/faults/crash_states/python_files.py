"""Recording what Python code does to files: `os` and `open` with a record behind them."""

from __future__ import annotations

import builtins
import fcntl
import io
import os
import pathlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.faults.crash_states.record import Record

# What nobody uses on files that are to last: a call of one of them on a recorded file is refused, loudly.
_NOT_KNOWN = ("pwrite", "writev", "pwritev", "sendfile", "copy_file_range", "posix_fallocate", "symlink", "mknod")
_CAPTURED = {"open": io.open, "rename": os.rename, "replace": os.replace, "unlink": os.unlink, "mkdir": os.mkdir,
             "rmdir": os.rmdir, "link": os.link}  # fmt: skip
_WRITES = os.O_WRONLY | os.O_RDWR


class _Raw(io.FileIO):
    """A file that tells its record what is written to it."""

    record: Record
    node: int

    def write(self, data: Any, /) -> int:
        offset = _offset(self.fileno())
        written = super().write(data) or 0
        self.record.wrote(self.node, offset, memoryview(data).cast("B")[:written].tobytes())
        return written

    def truncate(self, size: int | None = None, /) -> int:
        size = super().truncate(size)
        self.record.truncated(self.node, size)
        return size


class PythonFiles:
    """The calls of `os` and `open`, each recorded where it changes a file below the record's folder."""

    def __init__(self, record: Record) -> None:
        self._record = record

    def replacements(self) -> dict[str, Callable[..., Any]]:
        """By the name in `os`; `open` of `io` is `io_open` here."""
        found: dict[str, Callable[..., Any]] = {
            name: getattr(self, name)
            for name in (
                "open",
                "write",
                "fsync",
                "ftruncate",
                "truncate",
                "rename",
                "unlink",
                "mkdir",
                "rmdir",
                "link",
            )
        }
        found |= {"fdatasync": self.fsync, "replace": self.rename, "remove": self.unlink}
        return found | {name: self._refused(name) for name in _NOT_KNOWN if hasattr(os, name)}

    def io_open(
        self,
        file: Any,
        mode: str = "r",
        buffering: int = -1,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
        closefd: bool = True,
        opener: Any = None,
    ) -> Any:
        plain = set(mode) <= set("rbt") or not self._is_recorded(file)
        if plain:
            return _IO_OPEN(file, mode, buffering, encoding, errors, newline, closefd, opener)
        known = None if isinstance(file, int) else self._record.node_at(file)
        raw = _Raw(file, mode.replace("b", "").replace("t", ""), closefd, opener)
        raw.record, raw.node = self._record, self._opened(file, raw.fileno(), known, "w" in mode and opener is None)
        if "b" in mode and buffering == 0:
            return raw
        buffered = io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)
        return buffered if "b" in mode else io.TextIOWrapper(buffered, encoding, errors, newline)

    def open(self, path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        place = _at(path, dir_fd)
        recorded = bool(flags & (_WRITES | os.O_CREAT)) and self._record.covers(place)
        known = self._record.node_at(place) if recorded else None
        descriptor = _OS["open"](path, flags, mode, dir_fd=dir_fd)
        if recorded:
            self._opened(place, descriptor, known, bool(flags & os.O_TRUNC))
        return int(descriptor)

    def write(self, descriptor: int, data: Any, /) -> int:
        node, offset = self._record.node_of(descriptor), _offset(descriptor)
        written = int(_OS["write"](descriptor, data))
        if node is not None:
            self._record.wrote(node, offset or 0, memoryview(data).cast("B")[:written].tobytes())
        return written

    def fsync(self, file: Any) -> None:
        descriptor = file if isinstance(file, int) else file.fileno()
        _OS["fsync"](descriptor)
        node = self._record.node_of(descriptor)
        if node is not None:
            self._record.synced(node)

    def ftruncate(self, descriptor: int, size: int) -> None:
        _OS["ftruncate"](descriptor, size)
        node = self._record.node_of(descriptor)
        if node is not None:
            self._record.truncated(node, size)

    def truncate(self, path: Any, size: int) -> None:
        if isinstance(path, int):
            return self.ftruncate(path, size)
        _OS["truncate"](path, size)
        node = self._record.node_at(path) if self._record.covers(path) else None
        if node is not None:
            self._record.truncated(node, size)
        return None

    def rename(self, source: Any, target: Any, *, src_dir_fd: int | None = None, dst_dir_fd: int | None = None) -> None:
        at, to = _at(source, src_dir_fd), _at(target, dst_dir_fd)
        if self._record.covers(at) != self._record.covers(to):
            raise AssertionError(f"{at} -> {to}: a rename into or out of what is recorded")
        replaced = os.lstat(to) if os.path.lexists(to) else None
        _OS["rename"](source, target, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)
        if self._record.covers(at):
            if replaced is not None:
                self._record.forget(replaced)
            self._record.renamed(at, to)

    def unlink(self, path: Any, *, dir_fd: int | None = None) -> None:
        self._remove("unlink", path, dir_fd)

    def rmdir(self, path: Any, *, dir_fd: int | None = None) -> None:
        self._remove("rmdir", path, dir_fd)

    def mkdir(self, path: Any, mode: int = 0o777, *, dir_fd: int | None = None) -> None:
        _OS["mkdir"](path, mode, dir_fd=dir_fd)
        place = _at(path, dir_fd)
        if self._record.covers(place):
            self._record.created(place, folder=True)

    def link(self, source: Any, target: Any, **options: Any) -> None:
        _OS["link"](source, target, **options)
        if self._record.covers(target):
            self._record.linked(source, target)

    def exchanging(self, genuine: Callable[[Path, Path], bool]) -> Callable[[Path, Path], bool]:
        """`agent.library.files.exchange`, which goes past `os` to the C library, recorded."""

        def exchange(one: Path, other: Path) -> bool:
            done = genuine(one, other)
            if done and self._record.covers(one):
                self._record.exchanged(one, other)
            return done

        return exchange

    def _remove(self, name: str, path: Any, dir_fd: int | None) -> None:
        place = _at(path, dir_fd)
        recorded = self._record.covers(place)
        found = os.lstat(place) if recorded and os.path.lexists(place) else None
        _OS[name](path, dir_fd=dir_fd)
        if found is not None:
            self._record.forget(found)
            self._record.removed(place)

    def _opened(self, file: Any, descriptor: int, known: int | None, empties: bool) -> int:
        node = self._record.node_of(descriptor)
        if node is None:
            return self._record.created(file)
        if known is not None and empties:
            self._record.truncated(node, 0)
        return node

    def _is_recorded(self, file: Any) -> bool:
        return self._record.node_of(file) is not None if isinstance(file, int) else self._record.covers(file)

    def _refused(self, name: str) -> Callable[..., Any]:
        def refuse(*values: Any, **options: Any) -> Any:
            for value in values:
                named = isinstance(value, (str, os.PathLike)) and self._record.covers(value)
                if named or (isinstance(value, int) and self._is_open(value)):
                    raise AssertionError(f"os.{name}{values}: this call is not recorded")
            return _OS[name](*values, **options)

        return refuse

    def _is_open(self, descriptor: int) -> bool:
        try:
            return self._record.node_of(descriptor) is not None
        except OSError:
            return False


@contextmanager
def recorded(record: Record) -> Iterator[PythonFiles]:
    """All Python code of this process is recorded meanwhile, on every thread."""
    files = PythonFiles(record)
    places = [(os, name, made) for name, made in files.replacements().items()]
    places += [(module, "open", files.io_open) for module in (builtins, io)]
    accessor = getattr(pathlib, "_NormalAccessor", None)  # of Python 3.10, which keeps calls of `os` of its own
    if accessor is not None:
        calls = {**files.replacements(), "open": files.io_open}
        places += [(accessor, name, staticmethod(calls[name])) for name in _CAPTURED]
    kept = [(module, name, vars(module)[name]) for module, name, _ in places]
    for module, name, made in places:
        setattr(module, name, made)
    try:
        yield files
    finally:
        for module, name, made in kept:
            setattr(module, name, made)


def _at(path: Any, dir_fd: int | None) -> str:
    name = os.fsdecode(path)
    return name if dir_fd is None else os.path.join(os.readlink(f"/proc/self/fd/{dir_fd}"), name)


def _offset(descriptor: int) -> int:
    """Where the next write goes."""
    if fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_APPEND:
        return os.fstat(descriptor).st_size
    try:
        return os.lseek(descriptor, 0, os.SEEK_CUR)
    except OSError:
        return 0  # a pipe or socket, which no record has


_IO_OPEN = io.open
_OS: dict[str, Callable[..., Any]] = {
    name: getattr(os, name)
    for name in (
        *("open", "write", "fsync", "ftruncate", "truncate", "rename", "unlink", "mkdir", "rmdir", "link"),
        *(name for name in _NOT_KNOWN if hasattr(os, name)),
    )
}
