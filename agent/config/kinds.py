"""What a value of the file may be: for each kind how it is read, written, told to editors and told to people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from agent.config.reading import MAX_SOCKET_PATH_BYTES, NAME_PATTERN, Section
from agent.config.schema import Plain

T = TypeVar("T")


class Kind(Protocol[T]):
    """One kind of value; `words` is what the reference says of it."""

    @property
    def words(self) -> str: ...

    def read(self, section: Section, key: str) -> T:
        """The value under `key`, which is there. Raises ConfigError."""
        ...

    def plain(self, value: T) -> Plain:
        """The value as the file would hold it; None where the file says it by leaving the key out."""
        ...

    def schema(self) -> dict[str, Plain]:
        """JSON Schema of what is read, apart from what only other keys tell."""
        ...


def figure(number: float) -> str:
    """A bound as people write it."""
    return f"{number:.15g}"


@dataclass(frozen=True)
class Number:
    """A finite number of `unit` within low..high."""

    unit: str
    low: float
    high: float

    @property
    def words(self) -> str:
        return f"{self.unit}, {figure(self.low)} to {figure(self.high)}"

    def read(self, section: Section, key: str) -> float:
        return section.number(key, self.unit, self.low, self.high)

    def plain(self, value: float) -> Plain:
        return value

    def schema(self) -> dict[str, Plain]:
        return {"type": "number", "minimum": self.low, "maximum": self.high}


@dataclass(frozen=True)
class Whole:
    """As Number, without a fraction."""

    unit: str
    low: int
    high: int

    @property
    def words(self) -> str:
        return f"whole {self.unit}, {self.low} to {self.high}"

    def read(self, section: Section, key: str) -> int:
        return section.whole(key, self.unit, self.low, self.high)

    def plain(self, value: int) -> Plain:
        return value

    def schema(self) -> dict[str, Plain]:
        return {"type": "integer", "minimum": self.low, "maximum": self.high}


@dataclass(frozen=True)
class NumberOr:
    """As Number, or `word`, which is None."""

    word: str
    unit: str
    low: float
    high: float

    @property
    def words(self) -> str:
        return f"{self.unit}, {figure(self.low)} to {figure(self.high)}; or `{self.word}`"

    def read(self, section: Section, key: str) -> float | None:
        return section.number_or(key, self.word, self.unit, self.low, self.high)

    def plain(self, value: float | None) -> Plain:
        return self.word if value is None else value

    def schema(self) -> dict[str, Plain]:
        number: Plain = {"type": "number", "minimum": self.low, "maximum": self.high}
        return {"anyOf": [number, {"const": self.word}]}


@dataclass(frozen=True)
class Fixed:
    """The one number that this version of the agent takes."""

    number: int
    refusal: str

    @property
    def words(self) -> str:
        return f"{self.number}"

    def read(self, section: Section, key: str) -> int:
        if section.number(key, f"(a {key})", 0, 1e6) != self.number:
            section.fail(key, self.refusal)
        return self.number

    def plain(self, value: int) -> Plain:
        return value

    def schema(self) -> dict[str, Plain]:
        return {"const": self.number}


@dataclass(frozen=True)
class Flag:
    """true or false."""

    words = "`true` or `false`"

    def read(self, section: Section, key: str) -> bool:
        return section.flag(key, False)

    def plain(self, value: bool) -> Plain:
        return value

    def schema(self) -> dict[str, Plain]:
        return {"type": "boolean"}


@dataclass(frozen=True)
class Choice:
    """One of `allowed`."""

    allowed: Sequence[str]

    @property
    def words(self) -> str:
        return " or ".join(f"`{word}`" for word in self.allowed)

    def read(self, section: Section, key: str) -> str:
        return section.choice(key, self.allowed)

    def plain(self, value: str) -> Plain:
        return value

    def schema(self) -> dict[str, Plain]:
        return {"enum": list(self.allowed)}


@dataclass(frozen=True)
class Choices:
    """A list of different words out of `allowed`, at least one."""

    allowed: Sequence[str]

    @property
    def words(self) -> str:
        return "list of " + ", ".join(f"`{word}`" for word in self.allowed)

    def read(self, section: Section, key: str) -> tuple[str, ...]:
        return section.choices(key, self.allowed)

    def plain(self, value: Sequence[str]) -> Plain:
        return list(value)

    def schema(self) -> dict[str, Plain]:
        return {"type": "array", "items": {"enum": list(self.allowed)}, "minItems": 1, "uniqueItems": True}


@dataclass(frozen=True)
class Words:
    """A list of names of `noun`s, at least one; whether there are such is checked elsewhere."""

    noun: str

    @property
    def words(self) -> str:
        return f"list of {self.noun}s by their names"

    def read(self, section: Section, key: str) -> tuple[str, ...]:
        names = tuple(name for name, _ in section.words(key))
        return names or section.fail(key, f"is empty; name at least one {self.noun}")

    def plain(self, value: Sequence[str]) -> Plain:
        return list(value)

    def schema(self) -> dict[str, Plain]:
        return {"type": "array", "items": {"type": "string", "minLength": 1}, "minItems": 1, "uniqueItems": True}


@dataclass(frozen=True)
class Text:
    """A text; None where the file leaves it out."""

    words: str = "text"

    def read(self, section: Section, key: str) -> str:
        return section.word(key)

    def plain(self, value: str | None) -> Plain:
        return value

    def schema(self) -> dict[str, Plain]:
        return {"type": "string", "minLength": 1}


@dataclass(frozen=True)
class Name(Text):
    """A word that names something in logs, metrics and commands."""

    words: str = "letters, digits, `.`, `_`, `-`; 1 to 63 of them"

    def read(self, section: Section, key: str) -> str:
        return section.name(key)

    def schema(self) -> dict[str, Plain]:
        return {"type": "string", "pattern": f"^{NAME_PATTERN}$"}


@dataclass(frozen=True)
class Quoted(Text):
    """A text of digits, in quotes so that its zeros stay."""

    words: str = "text in quotes"

    def read(self, section: Section, key: str) -> str:
        return section.quoted(key) or ""


@dataclass(frozen=True)
class File:
    """A file name; a relative one counts from the folder of the config file. None where it is left out."""

    words: str = "file name"

    def read(self, section: Section, key: str) -> Path:
        return section.path(key)

    def plain(self, value: Path | None) -> Plain:
        return None if value is None else str(value)

    def schema(self) -> dict[str, Plain]:
        return {"type": "string", "minLength": 1}


@dataclass(frozen=True)
class Socket(File):
    """As File, and short enough for a unix socket."""

    words: str = f"file name of at most {MAX_SOCKET_PATH_BYTES} bytes"

    def read(self, section: Section, key: str) -> Path:
        return section.socket(key)


@dataclass(frozen=True)
class Files:
    """A list of file names, at least one; nothing where it is left out. An empty one could be taken for either."""

    words = "list of file names"

    def read(self, section: Section, key: str) -> tuple[Path, ...]:
        found = section.paths(key)
        return found if found else section.fail(key, "is empty; name at least one file, or leave the key out")

    def plain(self, value: Sequence[Path]) -> Plain:
        return [str(path) for path in value] or None

    def schema(self) -> dict[str, Plain]:
        return {"type": "array", "minItems": 1, "items": {"type": "string", "minLength": 1}}
