"""A live table as lines of exactly the terminal's width: what changes stays where it was."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from agent.cli.fit import Glyphs, bar, cells, clean, clip, left, right
from agent.cli.live.reading import Reading
from agent.cli.live.words import DEGRADED, EXPIRED, UNKNOWN, Note, Row, Weight, agent_notes, rows

if TYPE_CHECKING:
    from rich.text import Text

_STATE, _GENERATION, _FIGURES, _LOAD, _LEASE = 12, 5, 12, 6, 7
_LEAST_NAME, _LEAST_SUBNET, _LEAST_BAR, _MOST_BAR, _LEAST_TREND, _MOST_TREND = 9, 12, 6, 12, 10, 60
_INDENT = "  "
_LABEL = 8
_TIGHT = 0.85  # of a limit; above it a little less headroom breaks the budget
_STATES = {
    "ACTIVE": "bold green",
    DEGRADED: "bold yellow",
    "SWAPPING": "bold cyan",
    "IDLE": "bold blue",
    "CONNECTING": "bold blue",
    "DISCONNECTED": "bold white on red",
    "FAULTED": "bold white on red",
    UNKNOWN: "bold white on red",
}
_SEVERITIES = {"CRITICAL": "bold red", "WARNING": "yellow"}
_KINDS = {Weight.SWAP: "cyan", Weight.WHY: "yellow"}


@dataclass(frozen=True, slots=True)
class Head:
    """What is above the table."""

    target: str
    now: datetime


@dataclass(frozen=True, slots=True)
class _Widths:
    """Of the columns that differ with the terminal and the names; `trend` 0: there is no such column."""

    name: int
    subnet: int
    bar: int
    trend: int


def lines(reading: Reading, head: Head, width: int, height: int, glyphs: Glyphs | None = None) -> list[Text]:
    """At most `height` lines of `width` columns each; the last column stays free, so that no terminal wraps."""
    from rich.text import Text

    glyphs = glyphs or Glyphs()
    width = max(width - 1, 10)
    shown = rows(reading)
    widths = _widths(shown, width)
    above = [_title(reading, head, width), _lost(reading, head, width), _headings(widths, width)]
    own = [_note(one, width, glyphs, reading.lost is not None) for one in agent_notes(reading)]
    foot = Text(left("Ctrl-C ends", width), style="dim")
    room = max(height - len(above) - len(own) - 1, 1)
    body = _body(shown, widths, width, room, glyphs, doubted=reading.lost is not None)
    whole = [*above, *body, *own, foot][:height]
    for line in whole:
        line.truncate(width)  # a window that is too narrow for the columns loses those at the right
    return whole


def _body(
    shown: Sequence[Row], widths: _Widths, width: int, room: int, glyphs: Glyphs, doubted: bool
) -> Iterator[Text]:
    """The cameras with as many kinds of notes as there is room for, then with as many cameras."""
    from rich.text import Text

    kinds = next((w for w in sorted(Weight, reverse=True) if _height(shown, w) <= room), Weight.NONE)
    all_fit = kinds is not Weight.NONE or len(shown) <= room
    fitting = shown if all_fit else shown[: room - 1]
    for row in fitting:
        yield _row(row, widths, width, glyphs, doubted)
        for note in row.notes:
            if note.weight <= kinds:
                yield _note(note, width, glyphs, doubted)
    rest = shown[len(fitting) :]
    if rest:
        told = ", ".join(f"{count} {state}" for state, count in Counter(row.state for row in rest).most_common())
        yield Text(left(f"{_INDENT}{len(rest)} more, {told}; a higher window shows them", width), style="bold")


def _height(shown: Sequence[Row], kinds: Weight) -> int:
    return sum(1 + sum(note.weight <= kinds for note in row.notes) for row in shown)


def _widths(shown: Sequence[Row], width: int) -> _Widths:
    """The names get what they need first, then the bar, then the trend."""
    fixed = _STATE + _GENERATION + _FIGURES + _LOAD + _LEASE + 7  # and a space before each column but the first
    spare = width - fixed - (_LEAST_NAME + _LEAST_SUBNET + _LEAST_BAR)
    grown = []
    for least, wanted in (
        (_LEAST_NAME, _longest(shown, "camera")),
        (_LEAST_SUBNET, _longest(shown, "subnet")),
        (_LEAST_BAR, _MOST_BAR),
    ):
        more = max(0, min(spare, wanted - least))
        grown.append(least + more)
        spare -= more
    name, subnet, bars = grown
    return _Widths(name, subnet, bars, trend=min(spare - 1, _MOST_TREND) if spare > _LEAST_TREND else 0)


def _longest(shown: Sequence[Row], field: str) -> int:
    return max((cells(getattr(row, field)) for row in shown), default=0)


def _title(reading: Reading, head: Head, width: int) -> Text:
    from rich.text import Text

    time = f"{head.now:%H:%M:%S} UTC"
    cameras, alarms = len(reading.cameras), sum(not one.HasField("cleared_at") for one in reading.alarms)
    counts = f"{cameras} camera{'s' * (cameras != 1)}, {alarms} alarm{'s' * (alarms != 1)}"
    about = clean(f"ofa-agent {reading.version}  {head.target}  {counts}")
    return Text(f"{left(about, width - cells(time) - 1)} {time}", style="bold")


def _lost(reading: Reading, head: Head, width: int) -> Text:
    """An empty line while all is well, so that the table stays where it is."""
    from rich.text import Text

    if reading.lost is None:
        return Text(" " * width)
    gone_s = (head.now - reading.lost.since).total_seconds()
    since = f"{reading.lost.since:%H:%M:%S} UTC, {max(gone_s, 0):.0f} s"
    why = reading.lost.why.removeprefix(f"{head.target}: ")  # which is in the line above
    text = clip(clean(f" DAEMON LOST since {since}: {why}"), width)
    return Text(left(text, width), style="bold white on red")


def _headings(widths: _Widths, width: int) -> Text:
    from rich.text import Text

    headings = [
        left("camera", widths.name),
        left("state", _STATE),
        left("sub-net", widths.subnet),
        right("gen", _GENERATION),
        right("p99/limit ms", _FIGURES),
        left("", widths.bar),
        *([left("p99 over time", widths.trend)] if widths.trend else []),
        right("load %", _LOAD),
        right("lease", _LEASE),
    ]
    return Text(" ".join(headings).ljust(width), style="underline")


def _row(row: Row, widths: _Widths, width: int, glyphs: Glyphs, doubted: bool) -> Text:
    """Of a daemon that does not answer all but the state is dim: it is what was."""
    from rich.text import Text

    line = Text(style="dim" if doubted else "", no_wrap=True)
    line.append(left(row.camera, widths.name), style="" if doubted else "bold")
    line.append(" ")
    line.append(left(row.state, _STATE), style=f"not dim {_STATES.get(row.state, 'bold')}")
    line.append(f" {left(row.subnet, widths.subnet)} {right(row.generation, _GENERATION)} ")
    line.append(right(row.figures, _FIGURES), style=_tightness(row.share))
    line.append(" ")
    line.append(bar(row.share, widths.bar, glyphs), style=_tightness(row.share))
    if widths.trend:
        line.append(" ")
        line.append_text(_trend(row.shares, widths.trend, glyphs))
    line.append(f" {right(row.load, _LOAD)} ")
    line.append(right(row.lease, _LEASE), style="bold red" if row.lease == EXPIRED else "")
    line.append(" " * (width - cells(line.plain)))
    return line


def _note(note: Note, width: int, glyphs: Glyphs, doubted: bool) -> Text:
    from rich.text import Text

    drawn = "" if note.share is None else f"{bar(note.share, _LEAST_BAR, glyphs)} "
    lead = f"{_INDENT}{left(note.label, _LABEL)}"
    style = _SEVERITIES.get(note.severity, _KINDS.get(note.weight, "dim"))
    text = clip(f"{drawn}{note.text}", width - cells(lead))
    line = Text(no_wrap=True)
    line.append(lead, style="dim")
    line.append(text, style="dim" if doubted else style)
    line.append(" " * (width - cells(line.plain)))
    return line


def _trend(shares: Sequence[float], width: int, glyphs: Glyphs) -> Text:
    """The newest at the right; the highest level is the limit and what is above it."""
    from rich.text import Text

    trend, last = Text(), len(glyphs.levels) - 1
    trend.append(" " * max(0, width - len(shares)))
    for share in shares[-width:]:
        trend.append(glyphs.levels[max(0, min(last, int(share * last)))], style=_tightness(share))
    return trend


def _tightness(share: float | None) -> str:
    if share is None:
        return ""
    return "bold red" if share > 1.0 else "yellow" if share > _TIGHT else "green"
