"""The ladder of a library as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.cli.output import megabytes, number, percent, print_lines, print_table

if TYPE_CHECKING:
    from agent.library import LibrarySummary

LADDER_HEADINGS = ("sub-net", "accuracy %", "95 % interval", "predicted ms", "side px", "MMACs", "size MB")


def print_ladder(summary: LibrarySummary) -> None:
    """A table with a row for each rung, and which of them cannot be tested on the camera."""
    rows = [
        (
            one.id,
            percent(one.top1, ""),
            f"{100 * one.ci95_low:.1f}-{100 * one.ci95_high:.1f}",
            number(one.predicted_ms),
            str(one.resolution),
            number((one.macs_dense + one.macs_depthwise) / 1e6 or None, 2),
            megabytes(one.size_bytes),
        )
        for one in summary.subnets
    ]
    print_table(LADDER_HEADINGS, rows)
    untested = [one.id for one in summary.subnets if not one.goldens]
    if untested:
        nets = ", ".join(untested)
        text = "After an upload these are verified by the camera's own report of size, input and classes alone"
        print_lines([f"no golden images: {nets}. {text} (status: verified_by properties)."])
