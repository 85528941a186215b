"""`explain`: one decision as a person reads it on paper, in 80 columns."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click

from agent.cli.connection import CAMERA, JSON, Connection, call, connected
from agent.cli.exits import DONE
from agent.cli.fit import clip_middle
from agent.cli.output import WIDTH, print_json, print_lines, print_table

if TYPE_CHECKING:
    from agent.pb.ofa_agent.v1 import types_pb2 as pb

_LABEL = 10
_MOST_NAME = 28  # columns of a sub-net's id
_MEANINGS = {
    "in_time": "share of results that would be in time",
    "correct_parts_per_minute": "parts that would be judged in time and correctly",
    "gap": "time without results that a swap takes",
    "pays_after": "how long the line must stay as it is for a swap to pay",
    "lasts_so_long": "chance that it does",
    "swap_now_wins": "correct parts that a swap now wins over waiting, with what is likely to follow counted in",
}


@click.command()
@CAMERA
@click.option("--parts-per-minute", type=float, metavar="X", help="Parts that pass the camera in a minute.")
@click.option("--max-latency-ms", type=float, metavar="X", help="Longest result latency.")
@click.option("--min-accuracy", type=float, metavar="A", help="Least accuracy that is still of use, 0 to 1.")
@click.option("--quantile", type=float, metavar="Q", help="Share of results that must meet the bounds.")
@JSON
@connected
def explain(
    connection: Connection,
    camera: str,
    parts_per_minute: float | None,
    max_latency_ms: float | None,
    min_accuracy: float | None,
    quantile: float | None,
    as_json: bool,
) -> int:
    """Why the camera runs what it runs, or what it would run under another budget; changes nothing.

    Without --parts-per-minute and --max-latency-ms the bounds in force are taken.
    """
    bounds = {
        "parts_per_minute": parts_per_minute,
        "max_latency_ms": max_latency_ms,
        "min_accuracy": min_accuracy,
        "quantile": quantile,
    }
    decision = call(connection, lambda client: client.explain(camera, **bounds)).decision
    if as_json:
        from agent.cli.wire import plain

        print_json(plain(decision))
        return DONE
    tried = any(bound is not None for bound in bounds.values())
    print_lines(summary_lines(decision, tried))
    for headings, rows, left in tables(decision):
        click.echo()
        print_table(headings, rows, left)
    print_lines(legend_lines(decision))
    reasons = list(reason_lines(decision))
    if reasons:
        click.echo("\nwhy not:")
    print_lines(reasons)
    return DONE


def summary_lines(decision: pb.Decision, tried: bool) -> Iterator[str]:
    """The budget, what is done about it and why, and the figures that it rests on."""
    from agent.cli.describe import budget_words
    from agent.cli.wire import seconds, word

    yield from _labelled("what if" if tried else "budget", budget_words(decision.budget))
    yield from _labelled("active", decision.active_subnet_id or "none")
    yield from _labelled("decision", f"{word(decision, 'action')} ({decision.reason}): {decision.text}")
    if decision.HasField("starts_in"):
        yield from _labelled("begins", f"in {seconds(decision.starts_in):.1f} s")
    if decision.figures:
        told = "; ".join(f"{_spaced(figure.name)} {figure.text}" for figure in decision.figures)
        yield from _labelled("figures", told)


def tables(decision: pb.Decision) -> Iterator[tuple[Sequence[str], list[tuple[str, ...]], int]]:
    """The candidates, then their further figures, in as many tables as fit; (headings, rows, text columns)."""
    from agent.cli.describe import DECISION_HEADINGS, candidate_rows

    rows = [(star, net, fits.partition(":")[0], *rest) for star, net, fits, *rest in candidate_rows(decision)]
    yield DECISION_HEADINGS, rows, 3
    names = list(dict.fromkeys(figure.name for one in decision.candidates for figure in one.figures))
    columns = [(_spaced(name), [_figure(one, name) for one in decision.candidates]) for name in names]
    nets = [one.subnet_id for one in decision.candidates]
    first = min(max(map(len, ("sub-net", *nets))), _MOST_NAME)
    while columns:
        taken, width = 0, first
        for heading, cells in columns:
            width += 2 + max(map(len, (heading, *cells)))
            if width > WIDTH and taken:
                break
            taken += 1
        shown, columns = columns[:taken], columns[taken:]
        rows = list(zip(nets, *(cells for _, cells in shown), strict=True))
        yield ("sub-net", *(heading for heading, _ in shown)), rows, 1


def legend_lines(decision: pb.Decision) -> Iterator[str]:
    """What the figures mean that there are; nothing where there are none."""
    names = {figure.name for one in decision.candidates for figure in one.figures}
    told = [(_spaced(name), words) for name, words in _MEANINGS.items() if name in names]
    if told:
        share = f"{decision.budget.budget.quantile * 100.0:g} %"
        yield ""
        yield from _explained("service", f"service time that {share} of results stay within; latency likewise")
    for heading, words in told:
        yield from _explained(heading, words)


def reason_lines(decision: pb.Decision) -> Iterator[str]:
    """Why each candidate that lost did."""
    width = min(max((len(one.subnet_id) for one in decision.candidates), default=0), _MOST_NAME)
    for one in decision.candidates:
        if one.why_not:
            indent = " " * (width + 4)
            told = textwrap.wrap(one.why_not, WIDTH, initial_indent=indent, subsequent_indent=indent)
            yield f"  {clip_middle(one.subnet_id, width):<{width}}{told[0][width + 2 :]}"
            yield from told[1:]


def _explained(heading: str, words: str) -> list[str]:
    return textwrap.wrap(words, WIDTH, initial_indent=f"{heading:<26}", subsequent_indent=" " * 26)


def _labelled(label: str, text: str) -> list[str]:
    lead, rest = f"{label:<{_LABEL}}", " " * _LABEL
    return textwrap.wrap(text, WIDTH, initial_indent=lead, subsequent_indent=rest, break_on_hyphens=False)


def _figure(candidate: pb.Candidate, name: str) -> str:
    return next((figure.text for figure in candidate.figures if figure.name == name), "-")


def _spaced(name: str) -> str:
    return name.replace("_", " ")
