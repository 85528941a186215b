"""Keys of one mapping of the file, told once: reader, printer, schema, reference and diff follow from them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from agent.config.kinds import Kind
from agent.config.reading import Section
from agent.config.schema import Plain
from agent.domain.reload import ReloadClass

T = TypeVar("T")


_FROM_MODEL: Any = object()
REQUIRED: Any = object()


@dataclass(frozen=True)
class Key:
    """One key: what it may be, what it is for, what changing it needs, and what it is where the file leaves it out.

    A mapping has no class of its own; its keys have. `default_says` stands for a default that other keys decide.
    """

    name: str
    kind: Kind[Any]
    says: str
    reload: ReloadClass | None = None
    default: Any = _FROM_MODEL
    default_says: str = ""


@dataclass(frozen=True)
class KeyTable(Generic[T]):
    """The keys of one mapping, and the value that they make.

    `check` sees the section and the value when all keys are read, and returns it, perhaps completed. `shown`: the keys
    that may be written for a value. `also`: what the JSON Schema says of the mapping as a whole. `inherits`: what is
    left out is as in the value that it stands in for, else as in a file that says nothing.
    """

    model: type[T]
    keys: tuple[Key, ...]
    check: Callable[[Section, T], T] = lambda section, value: value  # noqa: ARG005
    build: Callable[..., T] | None = None
    get: Callable[[T, str], object] = getattr
    shown: Callable[[T], Sequence[str]] | None = None
    also: Mapping[str, Plain] | None = None
    inherits: bool = True

    def __post_init__(self) -> None:
        known = {field.name: field for field in dataclasses.fields(self.model)}  # type: ignore[arg-type]
        object.__setattr__(self, "keys", tuple(_with_default(key, known.get(key.name)) for key in self.keys))

    def read(self, section: Section, base: T | None = None) -> T:
        """The value of `section`; keys that it leaves out are as in `base`. Raises ConfigError."""
        values = {key.name: self._value(key, section, base) for key in self.keys}
        section.finish()
        return self.check(section, (self.build or self.model)(**values))

    def plain(self, value: T) -> dict[str, Plain]:
        """The mapping that reads as `value`, with every default filled in."""
        names = None if self.shown is None else self.shown(value)
        written = {
            key.name: key.kind.plain(self.get(value, key.name))
            for key in self.keys
            if names is None or key.name in names
        }
        return {name: plain for name, plain in written.items() if plain is not None}

    def schema(self, defaults: bool = True) -> dict[str, Plain]:
        """JSON Schema of the mapping; without `defaults` where left-out keys are as elsewhere."""
        required = [key.name for key in self.keys if key.default is REQUIRED]
        return {
            # A key with nothing behind it is an empty mapping in YAML.
            "type": "object" if required or self.also else ["object", "null"],
            "properties": {key.name: _property(key, defaults) for key in self.keys},
            "additionalProperties": False,
            **({"required": list(required)} if required else {}),
            **(self.also or {}),
        }

    def leaves(self) -> Iterator[tuple[str, Key]]:
        """Every key below that is no mapping, with its dotted path; [] stands for each of a list."""
        for key in self.keys:
            if isinstance(key.kind, (Sub, Many)):
                brackets = "[]" if isinstance(key.kind, Many) else ""
                for path, leaf in key.kind.table.leaves():
                    yield f"{key.name}{brackets}.{path}", leaf
            else:
                yield key.name, key

    def _value(self, key: Key, section: Section, base: T | None) -> object:
        default = key.default if base is None or not self.inherits else self.get(base, key.name)
        if not section.has(key.name):
            return section.fail(key.name, "is required") if default is REQUIRED else default
        if isinstance(key.kind, Sub):
            return key.kind.read_over(section, key.name, None if default is REQUIRED else default)
        return key.kind.read(section, key.name)


@dataclass(frozen=True)
class Sub(Generic[T]):
    """A mapping inside a mapping. `overrides`: of keys that are told elsewhere too, and None where none is."""

    table: KeyTable[T]
    overrides: bool = False

    @property
    def words(self) -> str:
        return "mapping"

    def read(self, section: Section, key: str) -> T:
        return self.read_over(section, key, None)

    def read_over(self, section: Section, key: str, base: T | None) -> T:
        inner = section.section(key)
        return section.fail(key, "is required") if inner is None else self.table.read(inner, base)

    def plain(self, value: T | None) -> Plain:
        if value is None:
            return {} if self.overrides else None
        return self.table.plain(value)

    def schema(self) -> dict[str, Plain]:
        return self.table.schema(defaults=not self.overrides)


@dataclass(frozen=True)
class Many(Generic[T]):
    """A list of mappings. `by`: the key that names them, where each is followed from one config to the next by it."""

    table: KeyTable[T]
    noun: str
    low: int
    high: int
    by: str = ""

    @property
    def words(self) -> str:
        return f"list of {self.low} to {self.high} mappings"

    def read(self, section: Section, key: str) -> tuple[T, ...]:
        sections = section.sections(key)
        if not self.low <= len(sections) <= self.high:
            section.fail(key, f"{len(sections)} {self.noun}, expected {self.low} to {self.high}")
        return tuple(self.table.read(inner) for inner in sections)

    def plain(self, value: Sequence[T]) -> Plain:
        return [self.table.plain(one) for one in value]

    def schema(self) -> dict[str, Plain]:
        return {"type": "array", "items": self.table.schema(), "minItems": self.low, "maxItems": self.high}


def _with_default(key: Key, field: dataclasses.Field[Any] | None) -> Key:
    if key.default is not _FROM_MODEL:
        return key
    if field is None:
        raise TypeError(f"key {key.name!r} has no field of its name and needs a default")
    if field.default is not dataclasses.MISSING:
        return dataclasses.replace(key, default=field.default)
    if field.default_factory is not dataclasses.MISSING:
        return dataclasses.replace(key, default=field.default_factory())
    return dataclasses.replace(key, default=REQUIRED)


def _property(key: Key, defaults: bool) -> dict[str, Plain]:
    told = key.kind.schema()
    says = key.says if key.reload is None else f"{key.says} Reload: {key.reload.value}."
    plain = None if key.default is REQUIRED or not defaults or key.default_says else key.kind.plain(key.default)
    return {"description": says, **told, **({} if plain is None else {"default": plain})}
