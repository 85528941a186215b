"""Typed access to one mapping of the file: every read names the key, and `finish` refuses what nobody read."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NoReturn, TypeVar, cast

from agent.config.document import Items, Node, Scalar, Table, clipped, join, problem
from agent.config.schema import Plain

T = TypeVar("T", bound=str)

_WHOLE = re.compile(r"[-+]?\d{1,18}", re.ASCII)
_NUMBER = re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?", re.ASCII)  # what YAML calls a number
NAME_PATTERN = "[A-Za-z0-9][A-Za-z0-9._-]{0,62}"
_NAME = re.compile(NAME_PATTERN)
_NOT_FINITE = re.compile(r"[-+]?\.?(inf|nan|infinity)", re.IGNORECASE | re.ASCII)
_NULLS = ("", "~", "null", "Null", "NULL")
MAX_SOCKET_PATH_BYTES = 107  # sun_path of unix(7), without the closing zero


class Section:
    """One mapping being read. Owner of the set of keys that were asked for."""

    def __init__(self, file: Path, path: str, table: Table) -> None:
        self._file = file
        self._path = path
        self._table = table
        self._values = {key: value for key, _, value in table.entries}
        self._asked: set[str] = set()

    def fail(self, key: str, reason: str) -> NoReturn:
        """Raise ConfigError for `key`, on the line of its value, or of the mapping where it is missing."""
        node = self._values.get(key)
        raise problem(self._file, node.line if node else self._table.line, join(self._path, key), reason)

    def refuse(self, reason: str) -> NoReturn:
        """Raise ConfigError for the mapping as a whole."""
        raise problem(self._file, self._table.line, self._path or "file", reason)

    def has(self, key: str) -> bool:
        self._asked.add(key)
        return key in self._values

    def holds_mapping(self, key: str) -> bool:
        return self.has(key) and isinstance(self._values[key], Table)

    def finish(self) -> None:
        """Refuse every key that was not asked for."""
        for key, line, _ in self._table.entries:
            if key not in self._asked:
                near = difflib.get_close_matches(key, sorted(self._asked), 1)
                hint = f"did you mean {near[0]!r}?" if near else f"known here: {', '.join(sorted(self._asked))}"
                raise problem(self._file, line, join(self._path, key), f"unknown key; {hint}")

    def section(self, key: str) -> Section | None:
        """The mapping under `key`, or None where the key is missing."""
        if not self.has(key):
            return None
        return self._as_section(self._values[key], join(self._path, key))

    def sections(self, key: str) -> list[Section]:
        """The mappings of the list under `key`."""
        return [self._as_section(node, path) for node, path in self._items(key, "a list of mappings")]

    def word(self, key: str, default: str | None = None) -> str:
        """Text; required where there is no default."""
        if not self.has(key):
            return default if default is not None else self.fail(key, "is required")
        node = self._values[key]
        if not isinstance(node, Scalar) or (node.plain and node.text in _NULLS) or not node.text:
            self.fail(key, "is not a text")
        return node.text

    def name(self, key: str = "name") -> str:
        """A word that names something in logs, metrics and commands."""
        text = self.word(key)
        if not _NAME.fullmatch(text):
            self.fail(key, "holds more than letters, digits, '.', '_', '-', or not 1 to 63 of them")
        return text

    def quoted(self, key: str) -> str | None:
        """Text that looks like a number and must keep its zeros: quotes are required."""
        if not self.has(key):
            return None
        text = self.word(key)
        node = self._values[key]
        if isinstance(node, Scalar) and node.plain and _NUMBER.fullmatch(text):
            self.fail(key, f'{text} is a number here; put it in quotes: "{text}"')
        return text

    def choice(self, key: str, allowed: Sequence[T], default: T | None = None) -> T:
        """One of `allowed`."""
        text = self.word(key, default)
        if text not in allowed:
            near = difflib.get_close_matches(text, allowed, 1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            self.fail(key, f"{clipped(text)!r} is not one of {', '.join(allowed)}{hint}")
        return cast("T", text)

    def flag(self, key: str, default: bool) -> bool:
        """`true` or `false`."""
        return self.choice(key, ("true", "false"), "true" if default else "false") == "true"

    def choices(self, key: str, allowed: Sequence[T]) -> tuple[T, ...]:
        """A list of different words out of `allowed`; required."""
        chosen: list[T] = []
        for node, path in self._items(key, "a list of words"):
            if not isinstance(node, Scalar) or node.text not in allowed or node.text in chosen:
                shown = clipped(node.text) if isinstance(node, Scalar) else "a nested value"
                raise problem(self._file, node.line, path, f"{shown!r} is not one of {', '.join(allowed)}, each once")
            chosen.append(cast("T", node.text))
        return tuple(chosen) if chosen else self.fail(key, "is empty; name at least one")

    def number(self, key: str, unit: str, low: float, high: float, default: float | None = None) -> float:
        """A finite number of `unit` within low..high; required where there is no default."""
        if not self.has(key):
            return default if default is not None else self.fail(key, "is required")
        value = self._number(key, f"a number of {unit}")
        if not low <= value <= high:
            self.fail(key, f"{value:g} {unit} is outside {low:g} to {high:g}")
        return value

    def number_or(self, key: str, word: str, unit: str, low: float, high: float) -> float | None:
        """As `number`, or None where the key is missing or holds `word`."""
        if not self.has(key):
            return None
        node = self._values[key]
        if isinstance(node, Scalar) and node.text == word:
            return None
        if isinstance(node, Scalar) and not _NUMBER.fullmatch(node.text):
            self.fail(key, f"{clipped(node.text)!r} is not a number of {unit} and not {word!r}")
        return self.number(key, unit, low, high)

    def whole(self, key: str, unit: str, low: int, high: int, default: int | None = None) -> int:
        """A whole number of `unit` within low..high."""
        value = self.number(key, unit, low, high, default)
        if value != int(value):
            self.fail(key, f"{value:g} is not a whole number of {unit}")
        return int(value)

    def path(self, key: str, default: Path | None = None) -> Path:
        """A file name; a relative one counts from the folder of the config file."""
        if default is not None and not self.has(key):
            return default
        return self._file.absolute().parent / self.word(key)

    def paths(self, key: str) -> tuple[Path, ...]:
        """A list of file names, as `path`."""
        if not self.has(key):
            return ()
        found = []
        for node, path in self._items(key, "a list of file names"):
            if not isinstance(node, Scalar) or not node.text:
                raise problem(self._file, node.line, path, "is not a file name")
            found.append(self._file.absolute().parent / node.text)
        return tuple(found)

    def socket(self, key: str, default: Path | None = None) -> Path:
        """A file name that the kernel takes as a unix socket."""
        path = self.path(key, default)
        size = len(str(path).encode())
        if size > MAX_SOCKET_PATH_BYTES:
            self.fail(key, f"socket path of {size} bytes, at most {MAX_SOCKET_PATH_BYTES} are possible")
        return path

    def plain(self, key: str) -> dict[str, Plain]:
        """The mapping under `key` as plain values, for a reader that checks it itself."""
        if not self.has(key):
            return {}
        value = _plain(self._values[key], lambda line, text: self._refuse_number(line, key, text))
        return value if isinstance(value, dict) else self.fail(key, "is not a mapping")

    def plains(self, key: str) -> tuple[dict[str, Plain], ...]:
        """The mappings of the list under `key`, as `plain`; none where the key is missing."""
        if not self.has(key):
            return ()
        found = []
        for node, path in self._items(key, "a list of mappings"):
            value = _plain(node, lambda line, text: self._refuse_number(line, key, text))
            if not isinstance(value, dict):
                raise problem(self._file, node.line, path, "is not a mapping of keys to values")
            found.append(value)
        return tuple(found)

    def words(self, key: str) -> Iterator[tuple[str, Callable[[str], NoReturn]]]:
        """The words of the list under `key`, each with what refuses it on its own line."""
        for node, path in self._items(key, "a list of words"):

            def refuse(reason: str, line: int = node.line, path: str = path) -> NoReturn:
                raise problem(self._file, line, path, reason)

            if not isinstance(node, Scalar) or not node.text:
                refuse("is not a word")
            yield node.text, refuse

    def entries(self, key: str) -> Iterator[tuple[str, str, Callable[[str], NoReturn]]]:
        """Names and words of the mapping under `key`, each with what refuses it on its own line."""
        inner = self.section(key)
        for name, line, node in inner._table.entries if inner is not None else ():

            def refuse(reason: str, line: int = line, path: str = f"{join(self._path, key)}[{name}]") -> NoReturn:
                raise problem(self._file, line, path, reason)

            if not isinstance(node, Scalar):
                refuse("is not a word")
            yield name, node.text, refuse

    def _refuse_number(self, line: int, key: str, text: str) -> NoReturn:
        raise problem(self._file, line, join(self._path, key), f"{clipped(text)} is not a finite number")

    def _number(self, key: str, what: str) -> float:
        node = self._values[key]
        if not isinstance(node, Scalar):
            self.fail(key, f"is not {what}")
        if node.plain and _NOT_FINITE.fullmatch(node.text):
            self.fail(key, f"{node.text} is not a finite number")
        if not node.plain or not _NUMBER.fullmatch(node.text):
            self.fail(key, f"{clipped(node.text)!r} is not {what}")
        value = float(node.text)
        return value if math.isfinite(value) else self.fail(key, f"{clipped(node.text)} is not a finite number")

    def _items(self, key: str, what: str) -> Iterator[tuple[Node, str]]:
        node = self._values.get(key) if self.has(key) else None
        if not isinstance(node, Items):
            self.fail(key, f"is not {what}" if node else "is required")
        for index, item in enumerate(node.nodes):
            yield item, f"{join(self._path, key)}[{index}]"

    def _as_section(self, node: Node, path: str) -> Section:
        if isinstance(node, Scalar) and node.plain and node.text in _NULLS:
            node = Table((), node.line)
        if not isinstance(node, Table):
            raise problem(self._file, node.line, path, "is not a mapping of keys to values")
        return Section(self._file, path, node)


def _plain(node: Node, refuse: Callable[[int, str], NoReturn]) -> Plain:
    if isinstance(node, Items):
        return [_plain(item, refuse) for item in node.nodes]
    if isinstance(node, Table):
        return {key: _plain(value, refuse) for key, _, value in node.entries}
    if not node.plain:
        return node.text
    words: dict[str, Plain] = {"true": True, "false": False, **dict.fromkeys(_NULLS)}
    if node.text in words:
        return words[node.text]
    if _WHOLE.fullmatch(node.text):
        return int(node.text)
    if _NOT_FINITE.fullmatch(node.text) or (_NUMBER.fullmatch(node.text) and math.isinf(float(node.text))):
        refuse(node.line, node.text)
    return float(node.text) if _NUMBER.fullmatch(node.text) else node.text
