"""What the line in front of a camera is said to do.

Owner of the reports: the newest of each client, for as long as its ttl says, and that of each input of the camera, for
as long as it can be read. They are written nowhere, so that after a restart, as after the end of the last report, the
line is unknown; and an unknown line runs. The line stands only while
at least one report says so and no other says that it runs: believing a running line to stand costs parts, the contrary
only a swap that could have been free. Of several rates the highest counts.
"""

from __future__ import annotations

import math

from agent.clock import Clock
from agent.domain.budget import MAX_PARTS_PER_MINUTE
from agent.domain.notice import UNKNOWN_LINE, LineReport, LineState
from agent.errors import BadInput

MIN_REPORT_S = 0.5
MAX_REPORT_S = 86_400.0
DEFAULT_REPORT_S = 60.0  # a report without a ttl; long enough to type the next one, short enough to be forgotten


class LineDesk:
    """See the module docstring; event-loop side only. Ends of reports are judged by CLOCK_BOOTTIME."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._reports: dict[str, LineReport] = {}
        self._inputs: dict[str, LineReport] = {}  # apart: no client may speak for one, whatever it calls itself

    def report(self, client: str, stopped: bool, parts_per_minute: float | None, ttl_s: float | None) -> None:
        """Take the client's word in place of its last one; raises BadInput, and nothing changes then."""
        ttl_s = DEFAULT_REPORT_S if ttl_s is None else ttl_s
        if not MIN_REPORT_S <= ttl_s <= MAX_REPORT_S:
            raise BadInput("ttl", f"{ttl_s:g} s is not within {MIN_REPORT_S:g} s to {MAX_REPORT_S:g} s (a day)")
        if parts_per_minute is not None and not _is_rate(parts_per_minute):
            most = f"{MAX_PARTS_PER_MINUTE:g}"
            raise BadInput("parts_per_minute", f"{parts_per_minute} is not a number above 0 and at most {most}")
        now_ns = self._clock.boottime_ns()
        self._reports[client] = LineReport(client, stopped, parts_per_minute, now_ns, now_ns + round(ttl_s * 1e9))

    def sense(self, name: str, stopped: bool) -> None:
        """Take the word of an input of the camera; it counts until it changes or is `lost`."""
        self._inputs[name] = LineReport(name, stopped, None, self._clock.boottime_ns(), None)

    def lose(self, name: str) -> None:
        """That input says nothing more."""
        self._inputs.pop(name, None)

    def state(self) -> LineState:
        """What the line does now."""
        if not self._reports and not self._inputs:  # asked for several times in each turn of the loop
            return UNKNOWN_LINE
        now_ns = self._clock.boottime_ns()
        self._reports = {name: one for name, one in self._reports.items() if _until(one) > now_ns}
        reports = tuple(sorted((*self._reports.values(), *self._inputs.values()), key=lambda one: one.client))
        rates = [one.parts_per_minute for one in reports if one.parts_per_minute is not None]
        stopped = bool(reports) and all(one.stopped for one in reports)
        return LineState(stopped, max(rates, default=None), reports)

    def until_change_s(self) -> float | None:
        """Seconds until the first report ends; None where there is none."""
        ends = [_until(one) for one in self._reports.values()]
        return max(0.0, (min(ends) - self._clock.boottime_ns()) / 1e9) if ends else None


def _until(report: LineReport) -> float:
    return math.inf if report.expires_boot_ns is None else report.expires_boot_ns


def _is_rate(parts_per_minute: float) -> bool:
    return math.isfinite(parts_per_minute) and 0.0 < parts_per_minute <= MAX_PARTS_PER_MINUTE
