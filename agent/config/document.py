"""YAML text to a tree of nodes that know their line. Bounded in size, depth and count; aliases and tags are refused."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import yaml

from agent.errors import ConfigError, shown

MAX_BYTES = 256 * 1024
MAX_NODES = 20_000
MAX_DEPTH = 24
_NO_TEXT = re.compile("[\\0\\ud800-\\udfff]")  # as an escape in quotes may write them; no file name takes them


@dataclass(frozen=True, slots=True)
class Scalar:
    """One word or text; `plain` = written without quotes."""

    text: str
    plain: bool
    line: int


@dataclass(frozen=True, slots=True)
class Items:
    nodes: tuple[Node, ...]
    line: int


@dataclass(frozen=True, slots=True)
class Table:
    """A mapping in file order; each entry is (key, line of the key, value)."""

    entries: tuple[tuple[str, int, Node], ...]
    line: int


Node: TypeAlias = "Scalar | Items | Table"


def problem(file: Path, line: int, key: str, reason: str) -> ConfigError:
    """The one shape of every config error: one line of bounded length, whatever the file holds."""
    return ConfigError(f"{file}:{line}: {shown(key)}: {shown(reason, 1000)}")


def read_bytes(file: Path) -> bytes:
    """What is in `file`, bounded. Blocks on the disk. Raises ConfigError."""
    try:
        return _read_bounded(file)
    except OSError as exc:
        raise problem(file, 1, "file", f"cannot be read: {exc.strerror}") from exc


def parse_document(file: Path, data: bytes) -> Table:
    """The top mapping of what was in `file`. Raises ConfigError."""
    text = _decoded(file, data)
    try:
        return _Composer(file, text).document()
    except yaml.MarkedYAMLError as exc:
        mark = exc.problem_mark or exc.context_mark
        reason = (exc.problem or exc.context or "broken").replace("\n", " ")
        raise problem(file, mark.line + 1 if mark else 1, "syntax", reason) from exc
    except yaml.reader.ReaderError as exc:
        line = text.count("\n", 0, exc.position) + 1
        raise problem(file, line, "syntax", f"character {exc.character!r} is not allowed in YAML") from exc
    except yaml.YAMLError as exc:
        raise problem(file, 1, "syntax", " ".join(str(exc).split())) from exc


def _decoded(file: Path, data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        line = data.count(b"\n", 0, exc.start) + 1
        raise problem(file, line, "file", f"byte 0x{data[exc.start]:02x} is not UTF-8") from exc


def _read_bounded(file: Path) -> bytes:
    with open(file, "rb", opener=_without_waiting) as stream:
        if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
            raise problem(file, 1, "file", "is not a regular file")
        data = stream.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise problem(file, 1, "file", f"is larger than the {MAX_BYTES} bytes allowed for a config")
    return data


def _without_waiting(path: str, flags: int) -> int:
    """Opening a FIFO by mistake must not hang the daemon."""
    return os.open(path, flags | os.O_NONBLOCK)


class _Composer:
    """Builds the tree from parser events. Owner of the parser and of the node count of one document."""

    def __init__(self, file: Path, text: str) -> None:
        self._file = file
        self._loader = yaml.SafeLoader(text)
        self._count = 0

    def document(self) -> Table:
        self._next()  # stream start
        event = self._next()
        if isinstance(event, yaml.StreamEndEvent):
            raise problem(self._file, 1, "file", "is empty; at least `version: 1` and `cameras:` are needed")
        root = self._node(self._next(), "file", 0)
        self._next()  # document end
        extra = self._next()
        if not isinstance(extra, yaml.StreamEndEvent):
            raise problem(self._file, _line(extra), "file", "holds more than one YAML document")
        if not isinstance(root, Table):
            raise problem(self._file, root.line, "file", "is not a mapping of keys to values")
        return root

    def _next(self) -> yaml.Event:
        try:
            event: yaml.Event = self._loader.get_event()  # type: ignore[no-untyped-call]
            return event
        except ValueError as exc:  # of chr(), for an escape like \UFFFFFFFF; what is not YAML is a YAMLError
            line = self._loader.line + 1
            raise problem(self._file, line, "syntax", "holds an escape of a number that no character has") from exc

    def _node(self, event: yaml.Event, path: str, depth: int) -> Node:
        line = _line(event)
        self._count += 1
        if self._count > MAX_NODES or depth > MAX_DEPTH:
            raise problem(self._file, line, path, f"more than {MAX_NODES} values or {MAX_DEPTH} levels")
        if isinstance(event, yaml.AliasEvent):
            raise problem(self._file, line, path, f"alias *{event.anchor} is not allowed; write the value out")
        if (tag := getattr(event, "tag", None)) is not None:
            raise problem(self._file, line, path, f"tag {tag} is not allowed")
        if isinstance(event, yaml.ScalarEvent):
            if _NO_TEXT.search(event.value):
                raise problem(self._file, line, path, "holds a zero or half of a character, which no text has")
            return Scalar(event.value, event.style is None, line)
        if isinstance(event, yaml.SequenceStartEvent):
            return Items(tuple(self._items(path, depth)), line)
        return Table(tuple(self._entries(path, depth)), line)

    def _items(self, path: str, depth: int) -> Iterator[Node]:
        index = 0
        while not isinstance(event := self._next(), yaml.SequenceEndEvent):
            yield self._node(event, f"{path}[{index}]", depth + 1)
            index += 1

    def _entries(self, path: str, depth: int) -> Iterator[tuple[str, int, Node]]:
        seen: dict[str, int] = {}
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            key = self._node(event, path, depth + 1)
            if not isinstance(key, Scalar):
                raise problem(self._file, key.line, path, "a key must be one word")
            inner = join(path, key.text)
            if key.text in seen:
                raise problem(self._file, key.line, inner, f"is given twice; first on line {seen[key.text]}")
            seen[key.text] = key.line
            yield key.text, key.line, self._node(self._next(), inner, depth + 1)


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 1


def join(path: str, key: str) -> str:
    """Dotted path of `key` inside `path`; the top of the file has no name."""
    shown = clipped(key) or "''"
    return shown if path in ("", "file") else f"{path}.{shown}"


def clipped(text: str, most: int = 60) -> str:
    """`text` on one line and of bounded length."""
    return shown(text, most)
