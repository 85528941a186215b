"""What the page remembers of one camera from one look to the next."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import anyio

from agent.clock import Clock
from agent.domain.device import Health
from agent.domain.journal import Alarm, SwapRecord
from agent.domain.result import InferenceResult
from agent.domain.serving import infers
from agent.domain.snapshot import CameraSnapshot
from agent.domain.states import CameraState
from agent.domain.subnet import Catalogue
from agent.errors import AgentError
from agent.web.history import History
from agent.web.ladder import ladder_json, reach_of
from agent.web.limits import WebLimits
from agent.web.seen import Json, Moment, Reach, Seen
from agent.web.sources import PictureSource, SwapReader, WatchedCamera
from agent.web.view import camera_json, swaps_json

RECENT = 64  # results among which that of a picture is looked for
SWAPS = 8
READ_S = 1.0  # a disk that hangs must not keep the page from showing what it knows
SILENT = "the journal does not answer"
_MANY = 64  # sub-nets; explaining more of them takes its time
_SELDOM = 5  # times as seldom
_SWAPS_S = 10.0


class CameraBook:
    """Owner of the history, the last results and what was read for one camera; event-loop side only."""

    def __init__(self, camera: WatchedCamera, clock: Clock, limits: WebLimits, pictures: PictureSource) -> None:
        self._camera = camera
        self._clock = clock
        self._limits = limits
        self.pictures = pictures
        self._history = History(clock.now_ns())
        self._columns: Json | None = None
        self._recent: OrderedDict[int, InferenceResult] = OrderedDict()
        self._last: InferenceResult | None = None
        self._last_ns: int | None = None
        self._health: tuple[Health | None, int] = (None, 0)
        self._ladder: Json = {}
        self._ladder_ns: int | None = None
        self._reach: Reach | None = None
        self._swaps: Json = {}
        self._swaps_of: tuple[object, ...] = ()
        self._swaps_ns = 0
        self._feed = camera.result_feed(1, self._saw)

    def close(self) -> None:
        """No more results; idempotent."""
        self._feed.close()

    def look(self) -> bool:
        """About once a second, also while nobody watches; whether the history has grown."""
        snapshot = self._camera.snapshot()
        self._note(snapshot)
        inspects = infers(snapshot) or snapshot.state is CameraState.ACTIVE
        grown = self._history.look(self._clock.now_ns(), snapshot.budget.budget, inspects)
        if grown:
            self._columns = None
        return grown

    def camera_json(self, moment: Moment, alarms: Sequence[Alarm], shows: bool) -> Json:
        """What changes all the time. `shows`: whether pictures are shown."""
        snapshot, catalogue = self._camera.snapshot(), self._camera.catalogue()
        self._note(snapshot)
        seen = Seen(
            snapshot,
            moment,
            [alarm for alarm in alarms if alarm.camera == snapshot.camera],
            self._frame_ns(),
            self._last,
            self._last_ns,
            _labels(catalogue),
            self._reach,
        )
        return {**camera_json(seen, catalogue), "preview": self._preview(moment, _labels(catalogue), shows)}

    def ladder_json(self, moment: Moment) -> Json:
        """The ladder, explained anew where that is due."""
        catalogue = self._camera.catalogue()
        seldom = _SELDOM if catalogue is not None and len(catalogue.subnets) > _MANY else 1
        every_ns = self._limits.ladder_s * 1e9 * seldom
        if self._ladder_ns is None or moment.mono_ns - self._ladder_ns >= every_ns:
            snapshot = self._camera.snapshot()
            self._ladder, self._ladder_ns = ladder_json(snapshot, catalogue), moment.mono_ns
            self._reach = reach_of(snapshot.decision)
        return self._ladder

    def history_json(self, moment: Moment) -> Json:
        """The buckets as they are, made anew when one has closed."""
        if self._columns is None:
            self._columns = self._history.json(moment)
        return self._columns

    async def swaps_json(self, read: SwapReader, moment: Moment) -> Json:
        """The last swaps, read again where there may be news."""
        snapshot = self._camera.snapshot()
        swap_id = None if snapshot.swap is None else snapshot.swap.id
        now_of = (snapshot.swaps_total, snapshot.generation, swap_id, self._first_of_generation())
        if now_of != self._swaps_of or moment.mono_ns - self._swaps_ns >= _SWAPS_S * 1e9:
            records: Sequence[SwapRecord] | None = None
            error = ""
            try:
                with anyio.fail_after(READ_S):
                    records = await read(self._camera.name, SWAPS)
            except (AgentError, TimeoutError) as failed:
                error = str(failed) or SILENT
            self._swaps = swaps_json(records, moment, error)
            self._swaps_of, self._swaps_ns = now_of, moment.mono_ns
        return self._swaps

    def _saw(self, result: InferenceResult) -> bool:
        """Every result, as it comes; none of them is queued."""
        self._history.add(result)
        self._last, self._last_ns = result, self._clock.now_ns()
        self._recent[result.inference.captured_ns] = result
        if len(self._recent) > RECENT:
            self._recent.popitem(last=False)
        return False

    def _note(self, snapshot: CameraSnapshot) -> None:
        """Readings are about a second apart and say how old the last frame was when they were made."""
        if snapshot.health is not self._health[0]:
            self._health = (snapshot.health, self._clock.now_ns())

    def _frame_ns(self) -> int | None:
        """When the last frame was exposed, as far as readings and results tell."""
        health, at_ns = self._health
        age_s = None if health is None else health.last_frame_age_s
        told = [] if age_s is None else [at_ns - round(age_s * 1e9)]
        if self._last is not None and self._last_ns is not None:
            told.append(self._last_ns - round(self._last.inference.latency_ms * 1e6))
        return max(told, default=None)

    def _first_of_generation(self) -> int | None:
        """The generation of the last result: with its first one the gap of its swap is known."""
        return None if self._last is None else self._last.inference.generation

    def _preview(self, moment: Moment, labels: Sequence[str], shows: bool) -> Json:
        newest = self.pictures.newest if shows else None
        if newest is None:
            return {"on": shows, "n": None, "error": self.pictures.error}
        result = self._recent.get(newest.captured_ns)
        same = result is not None and result.inference.generation == newest.generation
        return {
            "on": True,
            "n": newest.number,
            "error": self.pictures.error,
            "at_s": moment.of_mono(newest.taken_ns),
            "frame": newest.frame_id,
            "part": newest.part,
            "says": _says(result, labels) if result is not None and same else None,
        }


def _says(result: InferenceResult, labels: Sequence[str]) -> str:
    inference = result.inference
    known = 0 <= inference.class_id < len(labels)
    return f"{labels[inference.class_id] if known else f'class {inference.class_id}'} {inference.confidence:.2f}"


def _labels(catalogue: Catalogue | None) -> tuple[str, ...]:
    return () if catalogue is None else catalogue.labels
