"""The benchmark's figures as aligned text."""

from __future__ import annotations

from collections.abc import Sequence

from tests.bench.policy_statistics import Mean, Row

_WORTH = ("of law", "to fixed", "its worst", "below", "worst run", "skill", "swaps/h", "gaps %", "miss run")
_PROMISE = ("in time %", "settled %", "kept %", "its worst", "settling %", "held %")


def table(rows: Sequence[Row], scenarios: Sequence[str], quantile: float) -> str:
    """Ratios by scenario; what they are worth; what was promised; and how well bounds held."""
    return "\n".join(
        [*_ratios(rows, scenarios), *_worth(rows), *_promise(rows), *_bounds(rows, scenarios, quantile), ""]
    )


def markdown(rows: Sequence[Row]) -> str:
    """The figures of docs/reference/lineshift.md."""
    lines = ["| policy | U/U* | worst scenario | of law | worst run to best fixed | below | kept % | swaps/h |"]
    lines.append("|" + "---|" * 8)
    for row in rows:
        mean, half = row["ratio"]["mean"], row["ratio"]["interval"]
        cells = (
            f"`{row['policy']}`",
            f"{mean:.4f}" + ("" if half is None else f" +- {half:.4f}"),
            f"{row['worst_scenario']:.4f}",
            _told(row["of_law"], 4),
            f"{100 * row['worst_to_fixed']:+.2f}",
            f"{row['runs_below_fixed']} of {row['runs']}",
            _told(row["kept_attainment"], 2, 100),
            f"{row['swaps_per_hour']:.0f}",
        )
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join([*lines, ""]).replace(" 0.", " .")


def told_mean(one: Mean | None) -> str:
    """`.9960(12)`: the 95 % interval is .9960 +- .0012."""
    if one is None:
        return "-"
    text = f"{one['mean']:.4f}".removeprefix("0")
    return text if one["interval"] is None else f"{text}({10_000 * one['interval']:.0f})"


def _ratios(rows: Sequence[Row], scenarios: Sequence[str]) -> list[str]:
    heads = (*(name[:10] for name in scenarios), "mean", "worst")
    lines = ["", "U/U*, mean over seeds; in brackets half its 95 % interval, in units of the last digit"]
    lines.append(_line(rows, "policy", heads, 12))
    for row in rows:
        cells = [told_mean(row["scenarios"].get(name)) for name in scenarios]
        lines.append(_line(rows, row["policy"], (*cells, told_mean(row["ratio"]), _told(row["worst_scenario"], 4)), 12))
    return lines


def _worth(rows: Sequence[Row]) -> list[str]:
    lines = ["", "against the true law and the best fixed net (points of U*), and what it cost"]
    lines.append(_line(rows, "policy", _WORTH, 11))
    for row in rows:
        cells = (
            _told(row["of_law"], 4) + ("*" if 0 < row["law_hours"] < row["runs"] else ""),
            f"{100 * row['to_fixed']['mean']:+.2f}",
            f"{100 * row['worst_to_fixed']:+.2f}",
            f"{row['runs_below_fixed']}/{row['runs']}",
            f"{row['worst_run']:.4f}",
            _told(row["skill"], 3),
            f"{row['swaps_per_hour']:.1f}",
            f"{100 * row['gap_share']:.2f}",
            str(row["longest_avoidable_run"]),
        )
        lines.append(_line(rows, row["policy"], cells, 11))
    if any(0 < row["law_hours"] < row["runs"] for row in rows):
        lines.append("* over the hours whose law's policy was run")
    return lines


def _promise(rows: Sequence[Row]) -> list[str]:
    lines = ["", "parts in time of those that had a network and some net would have met"]
    lines.append(_line(rows, "policy", _PROMISE, 11))
    for row in rows:
        cells = (
            *(_told(row["attainment"], 3, 100), _told(row["settled_attainment"], 3, 100)),
            _told(row["kept_attainment"], 3, 100),
            *(_told(row["kept_worst_scenario"], 3, 100), _told(row["settling_share"], 3, 100)),
            _told(row["held_share"], 3, 100),
        )
        lines.append(_line(rows, row["policy"], cells, 11))
    return lines


def _bounds(rows: Sequence[Row], scenarios: Sequence[str], quantile: float) -> list[str]:
    """Of the policies that publish bounds."""
    publishing = [row for row in rows if any(found["every"] is not None for found in row["miscoverage"].values())]
    if not publishing:
        return []
    target = 1.0 - quantile
    lines = ["", f"parts beyond the bound published for them, in units of the target {target:.3g}: settled / all"]
    lines.append(_line(rows, "policy", [name[:10] for name in scenarios], 12))
    for row in publishing:
        cells = []
        for name in scenarios:
            found = row["miscoverage"].get(name)
            shares = (found["settled"], found["every"]) if found else (None, None)
            cells.append(" / ".join(_told(share, 2, 1.0 / target) for share in shares))
        lines.append(_line(rows, row["policy"], cells, 12))
    return lines


def _line(rows: Sequence[Row], name: str, cells: Sequence[str], width: int) -> str:
    first = max(len("policy"), *(len(row["policy"]) for row in rows)) + 1
    return f"{name:{first}}" + "".join(f"{cell:>{width}}" for cell in cells)


def _told(value: float | None, digits: int, scale: float = 1.0) -> str:
    return "-" if value is None else f"{scale * value:.{digits}f}"
