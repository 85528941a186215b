"""`replay --from-journal`: a site's own history in place of a trace, and what really happened beside the policies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from agent.cli.output import number, print_table
from agent.errors import BadInput

if TYPE_CHECKING:
    from agent.domain.journal import SwapRecord
    from agent.replay.compare import Row
    from agent.replay.history import History, PastSwap
    from agent.replay.ladder import Ladder
    from agent.replay.line import Line
    from agent.telemetry.reading import SiteRecords

F = TypeVar("F", bound=Callable[..., Any])

ACTUAL = "actual"  # what the daemon did, in the table of policies
_JOURNAL = "journal.sqlite3"
_HEADINGS = ("began", "from", "to", "why", "gap s")
_SHOWN = 20
_FILE = click.Path(path_type=Path)


@dataclass(frozen=True, slots=True)
class SiteAsk:
    """Which history is wanted: of a state directory, a camera of it, and from when to when (wall time, ns)."""

    state_dir: Path
    camera: str
    since_ns: int
    until_ns: int


def journal_options(command: F) -> F:
    """Adds the options of a replay from a journal; the command gets them as `site`, None without --from-journal."""

    @wraps(command)
    def with_site(
        *args: Any,
        from_journal: Path | None,
        camera: str,
        since: str | None,
        until: str | None,
        hours: float | None,
        **kwargs: Any,
    ) -> Any:
        given = [name for name, value in (("--camera", camera), ("--since", since), ("--until", until)) if value]
        given += ["--hours"] if hours is not None else []
        if from_journal is None and given:
            raise BadInput(given[0], "is about a journal; give --from-journal")
        site = None if from_journal is None else _ask(from_journal, camera, since, until, hours)
        return command(*args, site=site, **kwargs)

    options = (
        click.option(
            "--from-journal", type=_FILE, metavar="STATE_DIR", help="A site's own history, instead of --trace."
        ),
        click.option(
            "--camera", default="", metavar="NAME", help="Of which camera; may be left out where there is one."
        ),
        click.option("--since", metavar="T", help="From then on: 2026-11-20 or 2026-11-20T06:00, local time."),
        click.option("--until", metavar="T", help="Until then."),
        click.option("--hours", type=click.FloatRange(0, 1e5, min_open=True), help="The last hours before --until."),
    )
    decorated: Any = with_site
    for option in reversed(options):
        decorated = option(decorated)
    return decorated  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Past:
    """A history that was read: the trace and the ladder for policies, and what the camera did."""

    records: SiteRecords
    history: History
    ladder: Ladder
    all_nets: Ladder  # with those that ran without being in the library
    swaps: tuple[PastSwap, ...]
    profiled: int

    def row(self, line: Line, others: Sequence[Row]) -> Row:
        """What really happened, scored on the same line as `others`."""
        from dataclasses import replace

        from agent.replay.compare import Row
        from agent.replay.history import actual_run
        from agent.replay.score import outcome

        run = actual_run(self.history, self.swaps, self.all_nets)
        found = outcome(replace(line, ladder=self.all_nets, _service={}), run)
        return Row(ACTUAL, run, found, others[0].value_fixed, others[0].value_star)

    def about(self) -> dict[str, object]:
        """For JSON."""
        watched = self.history.watched
        return {
            "camera": self.records.camera,
            "from": _iso(watched[0].from_ns),
            "until": _iso(watched[-1].until_ns),
            "holes": self.history.holes,
            "cut_s": self.history.cut_s,
            "profiled_subnets": self.profiled,
            "swaps": [
                {
                    "at": _iso(swap.dark_from_ns),
                    "from": swap.from_subnet,
                    "to": swap.to_subnet,
                    "active": swap.active,
                    "reason": swap.reason,
                    "gap_s": swap.gap_s,
                }
                for swap in self._within()
            ],
        }

    def show(self) -> None:
        """Where the history is from, and its swaps."""
        watched, history = self.history.watched, self.history
        many = f"{history.holes} hole{'s' if history.holes > 1 else ''}"
        holes = f", {many} of {history.cut_s / 60:.1f} min cut out" if history.holes else ""
        click.echo(f"{self.records.camera}: {_text(watched[0].from_ns)} to {_text(watched[-1].until_ns)}{holes}")
        click.echo(f"{self.profiled} of {len(self.ladder.nets)} sub-nets measured on this camera, the others predicted")

    def show_swaps(self) -> None:
        """The newest swaps that were made."""
        made = self._within()
        click.echo(
            f"what really happened: {len(made)} swaps{f', the last {_SHOWN} of them' if len(made) > _SHOWN else ''}"
        )
        if made:
            print_table(_HEADINGS, [_swap_cells(swap) for swap in made[-_SHOWN:]], left=4)

    def _within(self) -> list[PastSwap]:
        begin_ns = self.history.watched[0].from_ns
        return [swap for swap in self.swaps if swap.dark_from_ns >= begin_ns]


def read_past(ask: SiteAsk, library: Path, swap_base_s: float, swap_s_per_mb: float) -> Past:
    """The history, on the sub-nets of that library. Raises BadInput, JournalError, ManifestInvalid."""
    from agent.replay.history import history, measured_ladder, with_others
    from agent.replay.ladder import digests_of, read_ladder
    from agent.telemetry.reading import read_site

    records = read_site(ask.state_dir / _JOURNAL, ask.camera, ask.since_ns, ask.until_ns)
    swaps = tuple(_past_swap(swap, records.dark_s.get(swap.id)) for swap in records.swaps if _touched(swap))
    digests = digests_of(library)
    ladder = measured_ladder(read_ladder(library, swap_base_s, swap_s_per_mb), digests, records.profiles, swaps)
    profiled = sum(any(sha in records.profiles for sha in found) for found in digests.values())
    service_ms = {net.id: net.service_ms for net in ladder.nets}
    overhead_ms = min((one.latency_bound_ms - one.service_bound_ms for one in records.candidates), default=0.0)
    past = history(records.line, records.slowdowns, service_ms, ask.since_ns, ask.until_ns, max(0.0, overhead_ms))
    top1 = {one.subnet_id: one.accuracy for one in reversed(records.candidates)}
    level_ms = {one.subnet_id: one.level_ms for one in records.slowdowns}
    return Past(records, past, ladder, with_others(ladder, swaps, top1, level_ms), swaps, profiled)


def _ask(state_dir: Path, camera: str, since: str | None, until: str | None, hours: float | None) -> SiteAsk:
    if since is not None and hours is not None:
        raise BadInput("--hours", "and --since are both given; give one of them")
    until_ns = 2**63 - 1 if until is None else _wall_ns("--until", until)
    since_ns = 0 if since is None else _wall_ns("--since", since)
    if hours is not None:
        end_ns = until_ns if until is not None else _now_ns()
        since_ns = max(0, end_ns - round(hours * 3600e9))
    if since_ns >= until_ns:
        raise BadInput("--since", "is not before --until")
    return SiteAsk(state_dir, camera, since_ns, until_ns)


def _now_ns() -> int:
    return round(datetime.now(timezone.utc).timestamp() * 1e9)


def _wall_ns(option: str, text: str) -> int:
    """A date, or date and time, local unless it has an offset."""
    try:
        at = datetime.fromisoformat(text.strip().replace("Z", "+00:00"))
    except ValueError:
        raise BadInput(option, f"{text!r} is no time such as 2026-11-20 or 2026-11-20T06:00") from None
    return round(at.astimezone(timezone.utc).timestamp() * 1e9)


def _touched(swap: SwapRecord) -> bool:
    """Whether anything on the camera changed."""
    from agent.domain.journal import SwapOutcome

    return swap.outcome is not SwapOutcome.REFUSED


def _past_swap(swap: SwapRecord, dark_s: float | None) -> PastSwap:
    from agent.replay.history import PastSwap

    began_ns, ready_ns = swap.started_wall_ns, None
    if swap.duration_s is not None:
        ready_ns = began_ns + round(swap.duration_s * 1e9)
        if dark_s is not None:  # the network before went on while the new one was read and checked
            began_ns = max(began_ns, ready_ns - round(dark_s * 1e9))
    return PastSwap(began_ns, ready_ns, swap.from_subnet, swap.to_subnet, swap.active_subnet, swap.reason, swap.gap_s)


def _swap_cells(swap: PastSwap) -> tuple[str, ...]:
    to = swap.to_subnet if swap.active == swap.to_subnet else f"{swap.to_subnet} (failed)"
    return _text(swap.dark_from_ns), swap.from_subnet or "-", to, swap.reason, number(swap.gap_s, 2)


def _text(wall_ns: int) -> str:
    return datetime.fromtimestamp(wall_ns / 1e9).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def _iso(wall_ns: int) -> str:
    return datetime.fromtimestamp(wall_ns / 1e9, timezone.utc).isoformat(timespec="milliseconds")
