"""All metrics of one agent, and their exposition.

    what happens ─► CameraCounts (a few additions each) ─┐
    what is so ───► Watched (asked at a scrape) ─────────┴─► collect ─► text 0.0.4 or OpenMetrics

There is no global state, no thread and no lock: whoever counts and whoever scrapes is on the event loop. A daemon that
nobody scrapes does not load prometheus_client (7 MiB).
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib import metadata
from typing import TYPE_CHECKING, Protocol

from agent.clock import Clock
from agent.domain.alarms import ALARMS, AlarmKind, kind_of
from agent.domain.reload import ReloadOrigin, ReloadOutcome, ReloadReport
from agent.domain.snapshot import CameraSnapshot
from agent.domain.subnet import Catalogue
from agent.telemetry.metrics import catalogue as of
from agent.telemetry.metrics.camera import CameraCounts
from agent.telemetry.metrics.gauges import tell_camera

if TYPE_CHECKING:
    from agent.telemetry.metrics.exposition import Exposition
    from agent.telemetry.metrics.scrape import Scrape

_OF_CAMERAS = frozenset({"internal", "action_failed", "no_usable_subnet"})  # 4xx, but raised for a camera


class CameraView(Protocol):
    """A camera as a scrape sees it."""

    def snapshot(self) -> CameraSnapshot: ...

    def catalogue(self) -> Catalogue | None: ...


@dataclass(slots=True)
class Watched:
    """What is asked at a scrape; each is set by who has it. `standing` gives the keys of a camera's alarms, of the
    agent's own for the empty name; `not_after_ns` the end of the certificate in wall ns."""

    cameras: Mapping[str, CameraView] = field(default_factory=dict)
    standing: Callable[[str], Iterable[str]] = lambda _: ()
    streams: Callable[[], int] = lambda: 0
    not_after_ns: Callable[[], int | None] = lambda: None


class Metrics:
    """See the module docstring; event-loop side only."""

    def __init__(self, clock: Clock, watched: Watched | None = None) -> None:
        self._clock = clock
        self.watched = watched or Watched()
        self._version = metadata.version("ofa-agent")
        self._cameras: dict[str, CameraCounts] = {}
        self._reloads: dict[ReloadOutcome, int] = dict.fromkeys(of.RELOADS, 0)
        self._reload: ReloadReport | None = None
        self._reloaded_wall_ns: int | None = None
        self._exposed: Exposition | None = None

    def camera(self, name: str) -> CameraCounts:
        """The meter of that camera; the same one each time."""
        return self._cameras.setdefault(name, CameraCounts(name))

    def reloaded(self, report: ReloadReport) -> None:
        """How the start or a reload ended."""
        self._reload = report
        if report.ok:
            self._reloaded_wall_ns = report.wall_ns
        if report.origin is not ReloadOrigin.START:
            self._reloads[report.outcome] += 1

    def exposition(self, openmetrics: bool = False) -> tuple[bytes, str]:
        """The metrics now, as OpenMetrics 1.0 or as Prometheus text 0.0.4, and their content type."""
        from agent.telemetry.metrics.exposition import Exposition

        if self._exposed is None:
            self._exposed = Exposition(self.tell)
        return self._exposed.text(openmetrics)

    def tell(self, scrape: Scrape) -> None:
        """All that is known now."""
        watched = self.watched
        boottime_ns = self._clock.boottime_ns()
        for counts in self._cameras.values():
            counts.tell(scrape)
        for camera in watched.cameras.values():
            tell_camera(scrape, camera.snapshot(), camera.catalogue(), boottime_ns)
        self._tell_agent(scrape)

    def _tell_agent(self, scrape: Scrape) -> None:
        watched = self.watched
        scrape.put(of.BUILD, 1, self._version, platform.python_version())
        if self._reload is not None:
            scrape.put(of.RELOAD_OK, self._reload.ok)
        if self._reloaded_wall_ns is not None:
            scrape.put(of.RELOAD_AT, self._reloaded_wall_ns / 1e9)
        for outcome, count in self._reloads.items():
            scrape.put(of.RELOADS_TOTAL, count, outcome.value)
        for camera in ("", *watched.cameras):
            _tell_alarms(scrape, camera, set(watched.standing(camera)))
        scrape.put(of.STREAMS, watched.streams())
        not_after_ns = watched.not_after_ns()
        if not_after_ns is not None:
            scrape.put(of.CERTIFICATE, not_after_ns / 1e9)


def _tell_alarms(scrape: Scrape, camera: str, standing: set[str]) -> None:
    """Those that this camera, or the agent, can have, and whatever stands all the same."""
    for kind in {kind.key: kind for kind in (*_kinds_of(camera), *_known(standing))}.values():
        scrape.put(of.ALARMS, kind.key in standing, camera, kind.key, str(kind.number), kind.severity)


def _kinds_of(camera: str) -> Iterator[AlarmKind]:
    return (kind for kind in ALARMS.values() if _is_of_camera(kind) is bool(camera))


def _is_of_camera(kind: AlarmKind) -> bool:
    return kind.number < 400 or kind.key in _OF_CAMERAS


def _known(keys: Iterable[str]) -> Iterator[AlarmKind]:
    return (kind for key in sorted(keys) if (kind := kind_of(key)) is not None)
