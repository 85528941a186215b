"""Text in cells of a terminal: how wide it is, and how it is cut to fit so that one sees that it was."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import dataclass

MARK = "…"


@dataclass(frozen=True, slots=True)
class Glyphs:
    """What bars and trends are drawn with."""

    full: str = "█"
    empty: str = "░"
    levels: str = "▁▂▃▄▅▆▇█"


ASCII = Glyphs("#", ".", "_.-=+*%#")


def glyphs_for(encoding: str | None) -> Glyphs:
    """As the character set of a terminal allows."""
    wanted = Glyphs()
    try:
        "".join((wanted.full, wanted.empty, wanted.levels)).encode(encoding or "ascii")
    except (LookupError, UnicodeEncodeError):
        return ASCII
    return wanted


def bar(share: float | None, width: int, glyphs: Glyphs) -> str:
    """Full at 1; empty where nothing is known."""
    if share is None:
        return " " * width
    full = min(width, max(0, int(share * width)))  # full means that all of it is reached
    return glyphs.full * full + glyphs.empty * (width - full)


def cells(text: str) -> int:
    """Columns that the text takes on a terminal; wide characters take two, those that combine none."""
    return len(text) if text.isascii() else sum(map(_width, text))


def clean(text: str) -> str:
    """Without what moves a cursor or changes a colour: names and messages come from elsewhere."""
    return text if text.isprintable() else "".join(c if c.isprintable() else "?" for c in text)


def clip(text: str, width: int) -> str:
    """At most `width` columns; what is cut off at the end is marked."""
    if cells(text) <= width:
        return text
    return _head(text, width - 1) + MARK if width > 0 else ""


def clip_middle(text: str, width: int) -> str:
    """At most `width` columns, cut in the middle: names that differ, differ at their begin or at their end."""
    if cells(text) <= width:
        return text
    if width < 3:
        return clip(text, width)
    tail = (width - 1) // 2
    end = _head(text[::-1], tail)[::-1]
    return _head(text, width - 1 - tail) + MARK + end


def clip_apart(texts: Sequence[str], width: int, among: Collection[str]) -> list[str]:
    """As `clip_middle`, but where that makes different ones of `among` equal, what they differ in is kept instead."""
    different = set(among)
    if width < 5 or len({clip_middle(text, width) for text in different}) == len(different):
        return [clip_middle(text, width) for text in texts]
    longest = max(map(cells, different))
    begin = max(0, min(_shared(different) - width // 3, longest - width + 1))
    return [clip(text if begin < 2 or cells(text) <= width else MARK + text[begin:], width) for text in texts]


def left(text: str, width: int) -> str:
    """Exactly `width` columns, flush left; a longer text is cut in the middle."""
    shown = clip_middle(text, width)
    return shown + " " * (width - cells(shown))


def right(text: str, width: int) -> str:
    """Exactly `width` columns, flush right."""
    shown = clip(text, width)
    return " " * (width - cells(shown)) + shown


def _shared(texts: Collection[str]) -> int:
    """How many characters all of them begin with."""
    first, last = min(texts), max(texts)
    return next((i for i, pair in enumerate(zip(first, last, strict=False)) if pair[0] != pair[1]), len(first))


def _head(text: str, width: int) -> str:
    """As many characters as fit into `width` columns."""
    taken = 0
    for index, character in enumerate(text):
        taken += _width(character)
        if taken > width:
            return text[:index]
    return text


def _width(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
