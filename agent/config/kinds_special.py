"""Kinds of values that only one key or two have; see agent.config.kinds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, cast

from agent.config.document import clipped
from agent.config.kinds import Text
from agent.config.reading import Section
from agent.config.schema import LEVELS, LINES, Line, LineInput, Plain
from agent.policy.schedule import MAX_CRON_CHARACTERS, cron_problem, zone_problem

Roi: TypeAlias = "Literal['full'] | tuple[int, int, int, int]"
HOST = "host"
NONE = "none"


@dataclass(frozen=True)
class Anything:
    """A mapping that its own reader checks."""

    words: str

    def read(self, section: Section, key: str) -> Mapping[str, Plain]:
        return section.plain(key)

    def plain(self, value: Mapping[str, Plain]) -> Plain:
        return dict(value)

    def schema(self) -> dict[str, Plain]:
        return {"type": "object"}


@dataclass(frozen=True)
class ManyThings:
    """A list of mappings that their own reader checks."""

    words: str

    def read(self, section: Section, key: str) -> tuple[Mapping[str, Plain], ...]:
        return section.plains(key)

    def plain(self, value: Sequence[Mapping[str, Plain]]) -> Plain:
        return [dict(one) for one in value]

    def schema(self) -> dict[str, Plain]:
        return {"type": "array", "items": {"type": "object"}}


@dataclass(frozen=True)
class Region:
    """`full`, or a rectangle of a sensor of width_px x height_px."""

    width_px: int
    height_px: int
    _sides = ("x", "y", "width", "height")

    @property
    def words(self) -> str:
        return f"`full`, or `{{x, y, width, height}}` in pixels within {self.width_px} x {self.height_px}"

    def read(self, section: Section, key: str) -> Roi:
        inner = section.section(key) if section.holds_mapping(key) else None
        if inner is None:
            section.choice(key, ("full",))
            return "full"
        x = inner.whole("x", "pixels", 0, self.width_px - 1, 0)
        y = inner.whole("y", "pixels", 0, self.height_px - 1, 0)
        width = inner.whole("width", "pixels", 1, self.width_px - x)
        height = inner.whole("height", "pixels", 1, self.height_px - y)
        inner.finish()
        return x, y, width, height

    def plain(self, value: Roi) -> Plain:
        return "full" if value == "full" else cast("Plain", dict(zip(self._sides, value, strict=True)))

    def schema(self) -> dict[str, Plain]:
        lows, highs = (0, 0, 1, 1), (self.width_px - 1, self.height_px - 1, self.width_px, self.height_px)
        sides: Plain = {
            side: {"type": "integer", "minimum": low, "maximum": high}
            for side, low, high in zip(self._sides, lows, highs, strict=True)
        }
        mapping: Plain = {
            "type": "object",
            "properties": sides,
            "required": ["width", "height"],
            "additionalProperties": False,
        }
        return {"anyOf": [{"const": "full"}, mapping]}


@dataclass(frozen=True)
class Input:
    """A digital line as an input: its name, or a mapping that also says which level counts; `none` is None."""

    words = "`none`, " + ", ".join(f"`{line}`" for line in LINES) + ", or `{line, stopped_when: high or low}`"

    def read(self, section: Section, key: str) -> LineInput | None:
        inner = section.section(key) if section.holds_mapping(key) else None
        if inner is None:
            line = section.choice(key, (*LINES, NONE))
            return None if line == NONE else LineInput(cast("Line", line))
        found = LineInput(inner.choice("line", LINES), inner.choice("stopped_when", LEVELS, "high"))
        inner.finish()
        return found

    def plain(self, value: LineInput | None) -> Plain:
        return NONE if value is None else {"line": value.line, "stopped_when": value.stopped_when}

    def schema(self) -> dict[str, Plain]:
        properties: Plain = {"line": {"enum": list(LINES)}, "stopped_when": {"enum": list(LEVELS)}}
        mapping: Plain = {
            "type": "object",
            "properties": properties,
            "required": ["line"],
            "additionalProperties": False,
        }
        return {"anyOf": [{"enum": [*LINES, NONE]}, mapping]}


@dataclass(frozen=True)
class Cron(Text):
    """Five fields of cron."""

    words: str = "minute, hour, day of month, month and day of week, as cron has them"

    def read(self, section: Section, key: str) -> str:
        text = section.word(key)
        if (wrong := cron_problem(text)) is not None:
            section.fail(key, f"{clipped(text)!r} {wrong}")
        return text

    def schema(self) -> dict[str, Plain]:
        return {"type": "string", "pattern": r"^\s*(\S+\s+){4}\S+\s*$", "maxLength": MAX_CRON_CHARACTERS}


@dataclass(frozen=True)
class Zone:
    """A time zone; `host` is None."""

    words = f"a name of the IANA data base such as `Europe/Berlin`, or `{HOST}`"

    def read(self, section: Section, key: str) -> str | None:
        text = section.word(key)
        if text == HOST:
            return None
        if (wrong := zone_problem(text)) is not None:
            section.fail(key, f"{clipped(text)!r} {wrong}")
        return text

    def plain(self, value: str | None) -> Plain:
        return HOST if value is None else value

    def schema(self) -> dict[str, Plain]:
        return {"type": "string", "minLength": 1}
