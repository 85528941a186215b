"""The numbers of one moment: what each rung promises and earns under a demand."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from agent.domain.budget import Budget
from agent.domain.line import Demand
from agent.domain.subnet import Catalogue
from agent.policy.candidates import Limits
from agent.policy.rungs import Floats, Rows, SwapTimes, efficient, unseen_gains
from agent.policy.timing import LatencyModel
from agent.policy.tracker import HEADROOM, Flags, Scene

LATE_WORTH = 0.02  # of a correct part: a late result is worth next to nothing, but an early one of two is better
HOPE = 1e-3  # a chance that is worth another look


@dataclass(frozen=True, slots=True)
class Grid:
    """How results leave the camera: what `Limits` has beside the budget and the frame period."""

    free_running: bool
    results_wait: bool

    def limits(self, demand: Demand) -> Limits:
        return Limits(demand.effective.budget, demand.frame_period_ms, self.free_running, self.results_wait)


@dataclass(frozen=True, slots=True)
class ActiveSight:
    """The net that runs. `rung` is its own, or the one nearest to it in time; `retired`: not in the catalogue."""

    id: str
    rung: int
    gain: float
    fits: bool
    bound_ms: float
    retired: bool
    top1: float
    own: bool = False


@dataclass(frozen=True, slots=True)
class Sight:
    """Arrays are by rung. `met`: probability that a result is in time; `accurate`: enough for the budget."""

    demand: Demand
    limit_ms: float
    scene: Scene
    levels_ms: Floats
    bounds_ms: Floats
    met: Floats
    accurate: Flags
    active: ActiveSight | None


class Ladder:
    """The rungs of a catalogue, and what is seen of them."""

    def __init__(self, catalogue: Catalogue, model: LatencyModel, swap_times: SwapTimes, grid: Grid) -> None:
        self.catalogue = catalogue
        self._model = model
        self._grid = grid
        subnets = catalogue.subnets
        self.row_of = {subnet.id: row for row, subnet in enumerate(subnets)}
        self.all_rows = np.arange(len(subnets), dtype=np.intp)
        self.all_top1 = np.array([subnet.accuracy.top1 for subnet in subnets])
        names = [subnet.id for subnet in subnets]
        self.rows = efficient(self.all_top1, model.levels_ms(self.all_rows), names) if names else self.all_rows
        self.ids = tuple(names[row] for row in self.rows.tolist())
        self.place_of = {name: place for place, name in enumerate(self.ids)}
        self.top1 = self.all_top1[self.rows]
        self._enough = np.ones(len(self.ids), dtype=np.bool_)  # where a budget asks for no accuracy
        self._enough.setflags(write=False)
        self.swap_times = swap_times

    def __len__(self) -> int:
        return len(self.ids)

    def swap_s(self) -> Floats:
        return self.swap_times.of(self.ids)

    def unseen(self, miss_cost: float) -> Floats:
        """See `unseen_gains`."""
        return unseen_gains(self.top1 + miss_cost, np.sort(self._model.levels_ms(self.rows) / self._model.slowdown))

    def look(self, demand: Demand, active_id: str | None, quarantined: Mapping[str, str], miss_cost: float) -> Sight:
        """The rungs under `demand` as the model has them now."""
        budget, model = demand.effective.budget, self._model
        limit_ms = self._grid.limits(demand).longest_service_ms(model)
        rate = 1.0 if demand.parts_per_s is None else demand.parts_per_s
        levels, bounds_ms, met, seems = model.outlook(self.rows, limit_ms, budget.quantile)
        levels_ms, met = np.exp(levels), _doubted(limit_ms, bounds_ms, met, seems)
        accurate = self._enough if budget.min_accuracy is None else self.top1 >= budget.min_accuracy
        fits = (bounds_ms <= limit_ms) & accurate
        gains = self._gains(rate, limit_ms, levels_ms, met, accurate, miss_cost)
        usable = None
        if quarantined:
            usable = np.array([name not in quarantined or name == active_id for name in self.ids], dtype=np.bool_)
            fits &= usable
        edges = np.sort(levels) + HEADROOM
        rated = demand.parts_per_s is not None
        scene = Scene(math.log(limit_ms), edges, gains, fits, rate, demand.stopped, usable, rated)
        active = self._active(active_id, budget, limit_ms, scene, levels_ms, bounds_ms, miss_cost)
        return Sight(demand, limit_ms, scene, levels_ms, bounds_ms, met, accurate, active)

    def at_speed(self, sight: Sight, factor: float, miss_cost: float) -> Scene:
        """What the rungs would see if parts came by that factor faster, and had to be done in so much less time."""
        scene, limit_ms = sight.scene, sight.limit_ms / factor
        met = _doubted(limit_ms, sight.bounds_ms, *self._model.meets_and_seems(self.rows, limit_ms))
        rate = scene.rate * factor
        gains = self._gains(rate, limit_ms, sight.levels_ms, met, sight.accurate, miss_cost)
        fits = (sight.bounds_ms <= limit_ms) & sight.accurate
        if scene.usable is not None:
            fits &= scene.usable
        return replace(scene, log_limit=math.log(limit_ms), gains=gains, fits=fits, rate=rate)

    def _gains(
        self, rate: float, limit_ms: float, levels_ms: Floats, met: Floats, accurate: Flags, miss_cost: float
    ) -> Floats:
        """What each rung earns a second, in correct parts.

        A late part and one that passes in a gap cost alike: with that spared, no net at all earns nothing.
        """
        late = LATE_WORTH * np.minimum(1.0, limit_ms / levels_ms)
        gains = rate * ((self.top1 + miss_cost) * met + self.top1 * late * (1.0 - met))
        return np.where(accurate, gains, 0.0) if accurate is not self._enough and accurate.any() else gains

    def _active(
        self,
        active_id: str | None,
        budget: Budget,
        limit_ms: float,
        scene: Scene,
        levels_ms: Floats,
        bounds_ms: Floats,
        miss_cost: float,
    ) -> ActiveSight | None:
        if active_id is None:
            return None
        place = self.place_of.get(active_id)
        if place is not None:
            fits = bool(scene.fits[place])
            return ActiveSight(
                active_id,
                place,
                float(scene.gains[place]),
                fits,
                float(bounds_ms[place]),
                False,
                float(self.top1[place]),
                own=True,
            )
        row = self.row_of.get(active_id)
        if row is None:
            return self._retired(active_id, budget, limit_ms, scene, bounds_ms)
        rows = np.array([row], dtype=np.intp)
        level_ms = float(self._model.levels_ms(rows)[0])
        bound_ms = float(self._model.service_bounds_ms(rows, budget.quantile)[0])
        met, top1 = float(self._model.meets(rows, limit_ms)[0]), float(self.all_top1[row])
        enough = budget.min_accuracy is None or top1 >= budget.min_accuracy
        gain = scene.rate * (top1 + miss_cost) * met * (1.0 if enough else 0.0)
        rung = int(np.abs(levels_ms - level_ms).argmin())
        return ActiveSight(active_id, rung, gain, bound_ms <= limit_ms and enough, bound_ms, False, top1)

    def _retired(self, active_id: str, budget: Budget, limit_ms: float, scene: Scene, bounds_ms: Floats) -> ActiveSight:
        """A net that vanished from the library: what its results have shown, if there are any."""
        try:
            bound_ms = self._model.service_bound_ms(active_id, budget.quantile)
        except KeyError:
            bound_ms = 0.0
        rung = int(np.abs(bounds_ms - bound_ms).argmin()) if len(self) else 0
        top1 = float(self.top1[rung]) if len(self) else 0.0
        gain = float(scene.gains[rung]) if len(self) else 0.0
        return ActiveSight(active_id, rung, gain, bound_ms <= limit_ms, bound_ms, True, top1)

    def best_of_all(self, budget: Budget, limit_ms: float, quarantined: Mapping[str, str]) -> str | None:
        """The most accurate net that is no rung and fits, where no rung does; None where none fits.

        Rungs are left out because they were looked at: what came since, they are asked for at the next look.
        """
        if len(self.all_rows) == len(self.rows) or not len(self.all_rows):
            return None
        fits = self._model.service_bounds_ms(self.all_rows, budget.quantile) <= limit_ms
        fits[self.rows] = False
        if budget.min_accuracy is not None:
            fits &= self.all_top1 >= budget.min_accuracy
        for name in quarantined:
            if name in self.row_of:
                fits[self.row_of[name]] = False
        if not fits.any():
            return None
        return self.fastest(np.flatnonzero(fits & (self.all_top1 == self.all_top1[fits].max())))

    def fastest(self, rows: Rows) -> str:
        """Of these nets the one with the shortest service time, and of equal ones the first by name."""
        levels_ms: list[float] = self._model.levels_ms(rows).tolist()
        names: list[str] = [self.catalogue.subnets[row].id for row in rows.tolist()]
        _, name = min(zip(levels_ms, names, strict=True))
        return name

    def usable(self, quarantined: Mapping[str, str]) -> Rows:
        """Rows that may be uploaded."""
        return np.array([row for name, row in self.row_of.items() if name not in quarantined], dtype=np.intp)


def _doubted(limit_ms: float, bounds_ms: Floats, met: Floats, seems: Floats) -> Floats:
    """Probability that a result of each rung is in time; `seems`: if levels were as they seem.

    What is not known of a net that is too slow counts against it: to hope for it would be to measure nets by
    swapping, one after the other, each with its gap.
    """
    return np.minimum(met, seems) if ((bounds_ms > limit_ms) & (met > HOPE)).any() else met
