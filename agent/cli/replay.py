"""`replay`: policies on a trace, scored against the best fixed net and the clairvoyant optimum."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING

import click

from agent.cli.connection import JSON
from agent.cli.exits import DONE
from agent.cli.output import number, percent, print_json, print_table
from agent.cli.replay_journal import Past, SiteAsk, journal_options, read_past
from agent.errors import BadInput

if TYPE_CHECKING:
    from agent.replay.compare import Row
    from agent.replay.ladder import Ladder
    from agent.replay.line import Line
    from agent.replay.trace import Trace

_FILE = click.Path(path_type=Path)
_HEADINGS = ("policy", "U/U*", "to fixed %", "in time %", "late", "in gaps", "swaps", "miss run")
_WIDTH = 80
_MOST_NETS = 6
_SECONDS = click.FloatRange(0, 1e4)
_QUANTILE = click.FloatRange(0.5, 0.9999)


@click.command()
@click.option("--trace", "trace_file", type=_FILE, help="Trace of a line (CSV).")
@journal_options
@click.option("--library", required=True, type=_FILE, help="A library, or a profile of sub-nets (JSON).")
@click.option("--policy", default="", help="Names with commas between, or `all`. Default: dwell,always_fastest.")
@click.option("--oracle", is_flag=True, help="Also the optimum itself, and oracles that see 1, 5 and 30 s ahead.")
@click.option("--notice", "notice_s", type=_SECONDS, default=0.0, help="Changes are announced so many seconds early.")
@click.option("--learn", "learn_file", type=_FILE, help="Earlier trace that `dwell` has learned from.")
@click.option("--quantile", type=_QUANTILE, default=0.99, show_default=True, help="Share of results to be in time.")
@click.option("--jitter", type=click.FloatRange(0, 1), default=0.0, help="Sigma of log-normal service times.")
@click.option("--seed", type=click.IntRange(0), default=0, help="Of the jitter.")
@click.option("--swap-base-s", type=_SECONDS, default=1.0, show_default=True, help="A swap without upload.")
@click.option("--swap-s-per-mb", type=_SECONDS, default=0.22, show_default=True, help="More for each million bytes.")
@click.option("--png", type=_FILE, help="Draw the first policy: budget, sub-nets, gaps, misses, and the optimum.")
@click.option("--write-trace", "trace_out", type=_FILE, help="Also write the trace that was replayed (CSV).")
@JSON
def replay(
    trace_file: Path | None,
    site: SiteAsk | None,
    library: Path,
    policy: str,
    oracle: bool,
    notice_s: float,
    learn_file: Path | None,
    quantile: float,
    jitter: float,
    seed: int,
    swap_base_s: float,
    swap_s_per_mb: float,
    png: Path | None,
    trace_out: Path | None,
    as_json: bool,
) -> int:
    """Replay policies on a trace, or on what a site's journal holds. `dwell` is the policy that the daemon runs."""
    from agent.replay.compare import DEFAULT_POLICIES, compare
    from agent.replay.line import Line, Noise
    from agent.replay.policies import BEST_FIXED, OPTIMUM, ORACLES, SHIPPED, Terms, known
    from agent.replay.trace import read_trace

    asked = [name.strip() for name in policy.split(",") if name.strip()] or DEFAULT_POLICIES
    names = known([*asked, BEST_FIXED, *((*ORACLES, OPTIMUM) if oracle else ())])
    if png is not None:
        from agent.cli.picture import check_drawing

        check_drawing(png)
    trace, ladder, past = _told(trace_file, site, library, swap_base_s, swap_s_per_mb)
    if trace_out is not None:
        _write(trace_out, trace)
    line = Line(trace, ladder, Noise(sigma=jitter, seed=seed))
    before = {}
    if learn_file is not None:
        before = {SHIPPED: Line(read_trace(learn_file), ladder, Noise(sigma=jitter, seed=seed + 1))}
    rows = compare(line, names if png is None else known([*names, OPTIMUM]), Terms(quantile, notice_s), before)
    if png is not None:
        _draw(line, rows, png)
        rows = [row for row in rows if row.policy in names]
    happened = None if past is None else past.row(line, rows)
    if as_json:
        source = {"trace": str(trace_file)} if past is None else {"history": past.about()}
        about: dict[str, object] = {**source, "duration_s": line.trace.end_s, "parts": len(line.part_times)}
        about |= {"learned_from": None if learn_file is None else str(learn_file)}
        about |= {"png": None if png is None else str(png)}
        about |= {"notice_s": notice_s, "quantile": quantile, "jitter": jitter, "seed": seed}
        policies = {row.policy: row.to_json(ladder) for row in rows}
        if past is not None and happened is not None:
            policies[happened.policy] = happened.to_json(past.all_nets)
        print_json(about | {"policies": policies})
        return DONE
    if past is not None:
        past.show()
    show(line, [*rows, happened] if happened is not None else rows, notice_s)
    if past is not None:
        past.show_swaps()
    if png is not None:
        click.echo(f"drawn: {png}")
    return DONE


def _told(
    trace_file: Path | None, site: SiteAsk | None, library: Path, swap_base_s: float, swap_s_per_mb: float
) -> tuple[Trace, Ladder, Past | None]:
    """The trace and the sub-nets to replay it on, and the history that both are from, if they are."""
    from agent.replay.ladder import read_ladder
    from agent.replay.trace import read_trace

    if site is not None and trace_file is None:
        past = read_past(site, library, swap_base_s, swap_s_per_mb)
        return past.history.trace, past.ladder, past
    if trace_file is None or site is not None:
        raise BadInput("--trace", "give either a trace, or a journal with --from-journal")
    ladder = read_ladder(library, swap_base_s, swap_s_per_mb)
    return read_trace(trace_file), ladder, None


def _draw(line: Line, rows: Sequence[Row], png: Path) -> None:
    from agent.cli.replay_picture import draw_replay
    from agent.replay.policies import BEST_FIXED, OPTIMUM

    by_name = {row.policy: row for row in rows}
    draw_replay(line, rows, by_name[OPTIMUM], by_name[BEST_FIXED], png)


def _write(file: Path, trace: Trace) -> None:
    from agent.replay.trace import write_trace

    try:
        write_trace(trace, file)
    except OSError as exc:
        raise BadInput("--write-trace", f"{file} cannot be written: {exc.strerror}") from exc


def show(line: Line, rows: Sequence[Row], notice_s: float) -> None:
    """The comparison for a reader, within 80 columns; `rows` has one at least."""
    minutes, parts = line.trace.end_s / 60, len(line.part_times)
    announced = f"changes announced {notice_s:g} s early" if notice_s else "changes not announced"
    click.echo(f"{parts} parts in {minutes:.1f} min, {len(line.ladder.nets)} sub-nets, {announced}")
    print_table(_HEADINGS, [_cells(row) for row in rows])
    first = rows[0]
    click.echo(f"U* {first.value_star:.1f}, best fixed {first.value_fixed:.1f}; U is the sum of accuracies in time")
    _show_use(line, first)


def _show_use(line: Line, row: Row) -> None:
    """Which sub-nets the policy of the first row ran, and what it gave up on purpose."""
    found, parts = row.outcome, max(1, row.outcome.parts)
    used = sorted(zip(found.served, line.ladder.nets, strict=True), key=lambda one: -one[0])
    words = [f"{net.id} {percent(count / parts)}" for count, net in used if count]
    words += [f"no network {percent(found.gap_share)}"] if found.in_gap else []
    shown = ", ".join(words[:_MOST_NETS]) + (f" and {len(words) - _MOST_NETS} more" if len(words) > _MOST_NETS else "")
    click.echo(fill(f"{row.policy} ran {shown or 'nothing'}", _WIDTH, subsequent_indent="  "))
    if found.held:
        text = f"{row.policy} kept a sub-net that did not fit, because the swap was not worth its gap"
        click.echo(
            fill(f"{text}, for {found.held} parts ({percent(found.held / parts)})", _WIDTH, subsequent_indent="  ")
        )


def _cells(row: Row) -> tuple[str, ...]:
    found = row.outcome
    return (
        row.policy,
        number(row.ratio, 4),
        "-" if row.to_fixed is None else f"{100 * row.to_fixed:+.2f}",
        number(found.attainment and 100 * found.attainment, 2),
        str(found.late),
        str(found.in_gap),
        str(found.swaps),
        str(found.longest_miss_run),
    )
