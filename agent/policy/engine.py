"""The policy of one camera: what it has learned, and the decisions that follow from it.

    results, profiles ─► LatencyModel ─┐
    View ─► Ladder.look ───────────────┴─► Sight ─► Chooser, Guard ─► Chosen ─► verdict ─► Decision
                                              └─► Tracker, Regimes (learn), Values (solve)

The daemon and the replay drive it alike: results and measured swaps go in, a `View` comes with each decision. It has no
clock and draws no random number: equal calls give equal decisions.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from agent.domain.decision import Account, Action, Decision
from agent.domain.line import Announced, View
from agent.domain.profile import NetProfile
from agent.domain.result import LatencySample
from agent.domain.subnet import Catalogue
from agent.policy.account import account, dwell
from agent.policy.chooser import Active, Chooser, ChooserSettings, Chosen, Coming, forecast
from agent.policy.delivery import SPREAD_FROM
from agent.policy.guard import Guard
from agent.policy.rungs import Floats, SwapTimes
from agent.policy.sight import Grid, Ladder, Sight
from agent.policy.timing import LatencyModel
from agent.policy.tracker import RAMP_OVER_S, Scene
from agent.policy.verdict import Case, InfeasibleMode, Promise, Verdict, verdict, without_rungs

RULE = ChooserSettings()
WAITING_MARGINS = 3.0
SCHEMA = "ofa-agent.policy/1"
LOOK_EVERY_S = 0.5  # how old the numbers of a line that has not changed may be
FORECAST_EVERY_S = 0.5
MOVED = 0.01  # of the slow-down: a step of the camera is looked at at once


@dataclass(frozen=True, slots=True)
class PolicySettings:
    """What is configured of a camera's policy.

    `miss_cost`: of a late part in correct ones. `results_wait`: a result travels with a later frame.
    """

    min_dwell_s: float = 5.0
    infeasible: InfeasibleMode = "best_effort"
    free_running: bool = True
    results_wait: bool = True
    miss_cost: float = 0.0
    prior_transfer_ms: float = 12.0
    rule: ChooserSettings = RULE


@dataclass(slots=True)
class _Looked:
    """The last look, for as long as nothing that it rests on has changed."""

    key: tuple[object, ...]
    at_s: float
    slowdown: float
    sight: Sight


class SwapPolicy:
    """See the module docstring. Owner of the latency model of a camera and of what its line was learned to be like."""

    def __init__(self, catalogue: Catalogue, settings: PolicySettings | None = None) -> None:
        self._settings = settings or PolicySettings()
        self._grid = Grid(self._settings.free_running, self._settings.results_wait)
        self._swap_times = SwapTimes()
        self._model = LatencyModel({}, prior_transfer_ms=self._settings.prior_transfer_ms)
        self._promise: Promise | None = None
        self._ladder: Ladder
        self._looked: _Looked | None = None
        self._rule: _Rule | None = None
        self._unranked = False
        self.use(catalogue)

    @property
    def model(self) -> LatencyModel:
        return self._model

    @property
    def catalogue(self) -> Catalogue:
        return self._ladder.catalogue

    def use(self, catalogue: Catalogue) -> None:
        """Another version of the library; what was learned of nets that stay is kept."""
        self._model.use({subnet.id: subnet.predicted_ms for subnet in catalogue.subnets})
        self._swap_times.use({s.id: max((a.size_bytes for a in s.artifacts), default=0) for s in catalogue.subnets})
        self._climb(catalogue)

    def retune(self, settings: PolicySettings) -> None:
        """Other settings from the next decision on; what was learned is kept."""
        self._settings, self._looked = settings, None
        if self._rule is not None:
            self._rule.chooser.values.set_unseen(self._ladder.unseen(settings.miss_cost))
            self._rule.chooser.values.solved = False

    def observe(self, subnet_id: str, samples: Sequence[LatencySample]) -> None:
        """Results of one net, oldest first; one that is not in the catalogue is tracked too."""
        self._model.observe(subnet_id, samples)

    def observe_services(self, subnet_id: str, service_ms: Floats) -> None:
        """The same for service times alone, in ms."""
        self._model.observe_services(subnet_id, service_ms)

    def note_swap(self, subnet_id: str, swap_s: float) -> None:
        """A swap to that net took so long, from the last part before it to the first after it."""
        self._swap_times.note(subnet_id, swap_s)

    def set_profile(self, profile: NetProfile, stale: bool = False) -> None:
        """What the camera itself measured of one net; `stale`: long ago, or under other conditions than now."""
        self._model.set_profile(profile, stale)
        if profile.swap_s is not None:
            self._swap_times.note(profile.subnet_id, profile.swap_s)
        self._unranked = True  # thousands of profiles come at once

    def decide(self, view: View) -> Decision:
        """What to do now; also takes in how the line is at this time."""
        self._rank()
        empty = without_rungs(self._ladder, view.quarantined, view.active_id)
        if empty is not None or self._rule is None:
            return self._nothing(view, empty)
        sight = self._look(view)
        self._rule.learn(view, sight.scene, self._swap_times)
        place = self._rule.chooser.place(view.now_s, sight.scene)
        coming = self._coming(view, sight)
        case = self._case(view, sight)
        decision = self._told(case, verdict(case, self._rule.chosen(view, place, sight, coming)), self._rule, place)
        if decision.action is Action.KEEP and decision.feasible and not view.swapping and sight.active is not None:
            self._promise = Promise(decision.budget.id, sight.active.bound_ms)  # a swap promises nothing until it ended
        return decision

    def explain(self, view: View) -> Decision:
        """The decision for this view; nothing is learned."""
        self._rank()
        empty = without_rungs(self._ladder, view.quarantined, view.active_id)
        if empty is not None or self._rule is None:
            return self._nothing(view, empty)
        with self._model.unchanged():
            sight = self._ladder.look(view.demand, view.active_id, view.quarantined, self._settings.miss_cost)
            rule = self._rule.to_ask(view, self._swap_times)
            place, case = rule.chooser.place(view.now_s, sight.scene), self._case(view, sight)
            decision = self._told(case, verdict(case, rule.asked(place, sight, self._coming(view, sight))), rule, place)
            _ = decision.account  # told now, as asking for bounds at another quantile leaves its trace
        return decision

    def judged(self) -> tuple[bool, float, bool] | None:
        """Of the last decision: (the active net fits, its service bound in ms, some net fits); None where none runs."""
        if self._looked is None or self._looked.sight.active is None:
            return None
        sight = self._looked.sight
        active = sight.active
        return (active.fits, active.bound_ms, bool(sight.scene.fits.any())) if active is not None else None

    def bound_of(self, subnet_id: str) -> tuple[bool, float, bool] | None:
        """The same of a rung that a swap goes to."""
        place = self._ladder.place_of.get(subnet_id)
        if self._looked is None or place is None:
            return None
        sight = self._looked.sight
        return bool(sight.scene.fits[place]), float(sight.bounds_ms[place]), bool(sight.scene.fits.any())

    def saved(self) -> dict[str, object]:
        """What was learned, as JSON; empty before there is anything."""
        self._rank()
        timing = self._model.saved()
        line = {} if self._rule is None or not self._rule.chooser.regimes.visits.any() else self._rule.chooser.saved()
        if not timing and not line:
            return {}
        return {"schema": SCHEMA, "rungs": list(self._ladder.ids), "timing": timing, "line": line}

    def restore(self, saved: Mapping[str, object]) -> None:
        """Take over what an earlier run had learned; what does not fit is left out."""
        if saved.get("schema") != SCHEMA:
            return
        timing, line = saved.get("timing"), saved.get("line")
        if isinstance(timing, Mapping):
            self._model.restore(timing)
        self._climb(self.catalogue)
        if isinstance(line, Mapping) and saved.get("rungs") == list(self._ladder.ids) and self._rule is not None:
            try:
                self._rule.chooser.restore(line)
            except (ValueError, TypeError, OverflowError):
                return

    def _rank(self) -> None:
        """Take in profiles that came since."""
        if self._unranked:
            self._climb(self.catalogue)

    def _climb(self, catalogue: Catalogue) -> None:
        """The rungs as they are known now. What was learned of the line is about rungs, and is kept while they stay."""
        self._unranked = False
        ladder = Ladder(catalogue, self._model, self._swap_times, self._grid)
        same = self._rule is not None and self._ladder.ids == ladder.ids
        self._ladder, self._looked = ladder, None
        if not same:
            self._rule = _Rule(ladder, self._settings.rule, self._settings.miss_cost) if len(ladder) else None
        elif self._rule is not None and not self._rule.begun:  # profiles come before the first network
            self._rule.chooser.values.set_unseen(ladder.unseen(self._settings.miss_cost))

    def _look(self, view: View) -> Sight:
        key = (view.demand, view.active_id, tuple(view.quarantined))
        looked, slowdown = self._looked, self._model.slowdown
        if (
            looked is not None
            and looked.key == key
            and 0.0 <= view.now_s - looked.at_s < LOOK_EVERY_S
            and abs(slowdown - looked.slowdown) <= MOVED * looked.slowdown
        ):
            return looked.sight
        sight = self._ladder.look(view.demand, view.active_id, view.quarantined, self._settings.miss_cost)
        self._looked = _Looked(key, view.now_s, slowdown, sight)
        return sight

    def _coming(self, view: View, sight: Sight) -> list[Coming]:
        """What was announced, as the rungs will see it, and after that what a ramp that the line is on leads to."""
        told = [Coming(one.at_s - view.now_s, self._then(one, view)) for one in view.announced if one.at_s > view.now_s]
        if self._rule is None or view.demand.stopped or (told and told[-1].in_s < view.notice_s - RAMP_OVER_S):
            return told
        at_speed = partial(self._ladder.at_speed, sight, miss_cost=self._settings.miss_cost)
        known_s = told[-1].in_s if told else 0.0
        return told + [one for one in self._rule.forecast(view.now_s, at_speed) if one.in_s > known_s]

    def _then(self, one: Announced, view: View) -> Scene:
        return self._ladder.look(one.demand, None, view.quarantined, self._settings.miss_cost).scene

    def _case(self, view: View, sight: Sight) -> Case:
        settings = self._settings
        return Case(
            view,
            sight,
            self._ladder,
            self._promise,
            settings.infeasible,
            settings.min_dwell_s,
            self._unproven(view, sight),
        )

    def _unproven(self, view: View, sight: Sight) -> bool:
        """A net that was taken over at the start is worth a second of measuring before it is given up for its prior."""
        active_id = view.active_id
        if active_id is None or self._promise is not None or active_id not in self._ladder.row_of:
            return False
        if self._model.measured(active_id) >= SPREAD_FROM or view.demand.stopped:
            return False
        rows = np.array([self._ladder.row_of[active_id]], dtype=np.intp)
        return bool(self._model.levels_ms(rows)[0] <= sight.limit_ms)

    def _nothing(self, view: View, found: Verdict | None) -> Decision:
        """No net may run; `found` says why."""
        if found is None:
            raise AssertionError("a ladder without a rule has nothing to choose from")
        nets = len(self.catalogue.subnets)
        words = f"all {nets} sub-nets are quarantined" if nets else "the library has no sub-net"
        return Decision(
            found.action, found.reason, None, view.active_id, view.demand.effective, False, Account((), words)
        )

    def _told(self, case: Case, found: Verdict, rule: _Rule, place: tuple[int, float]) -> Decision:
        view = case.view
        explained = partial(self._account, case, found, rule.chooser, place)
        return Decision(
            found.action,
            found.reason,
            found.target,
            view.active_id,
            view.demand.effective,
            found.feasible,
            explained,
            found.starts_s,
        )

    def _account(self, case: Case, found: Verdict, chooser: Chooser, place: tuple[int, float]) -> Account:
        limits = self._grid.limits(case.view.demand)
        swap_s = dict(zip(case.ladder.ids, chooser.swap_s.tolist(), strict=True))
        return account(case, found, self._model, limits, dwell(chooser, place), swap_s)


class _Rule:
    """The rule for one set of rungs, and what keeps it from falling behind."""

    def __init__(self, ladder: Ladder, settings: ChooserSettings, miss_cost: float) -> None:
        self._ladder = ladder
        self.chooser = Chooser(ladder.top1, ladder.swap_s(), ladder.unseen(miss_cost), settings)
        self._guard = Guard(self.chooser)
        self.begun = False
        self._swap_version = -1
        self._last: tuple[tuple[object, ...], float, Chosen] | None = None
        self._forecast: tuple[float, list[Coming]] | None = None

    def ready(self, view: View, swap_times: SwapTimes) -> None:
        """Have values to decide by, also before anything was learned."""
        if swap_times.version != self._swap_version:
            self._swap_version = swap_times.version
            self.chooser.values.set_swaps(self._ladder.swap_s())
            self.chooser.values.solved = False
        if not self.chooser.values.solved:
            self.chooser.notice_s = view.notice_s
            self.chooser.solve(view.now_s)

    def to_ask(self, view: View, swap_times: SwapTimes) -> _Rule:
        """Itself, or where it has to take something in before it can answer, a copy that does."""
        if self.chooser.values.solved and swap_times.version == self._swap_version:
            return self
        other = copy.copy(self)
        other.chooser = copy.deepcopy(self.chooser)
        other.ready(view, swap_times)
        return other

    def asked(self, place: tuple[int, float], sight: Sight, coming: list[Coming]) -> Chosen:
        """What is wanted at that place; nothing is kept."""
        active = _active(sight)
        found = self.chooser.choose(place, sight.scene, coming, active)
        return found if active is None else self._guard.ruled(sight.scene, active, found)

    def learn(self, view: View, scene: Scene, swap_times: SwapTimes) -> None:
        """From the first network on: of what was asked for before that nobody knows since when, nor what it earned."""
        if not self.begun and view.active_id is None:
            self.ready(view, swap_times)
            return
        if not self.begun:
            self.begun = True
            began_s = view.now_s if view.activated_s is None else min(view.activated_s, view.now_s)
            self._guard.begin(began_s, scene, self._ladder.place_of.get(view.active_id or ""))
            self.chooser.learn(began_s, scene, view.notice_s)
        self._guard.pass_time(view.now_s, scene)
        self.chooser.learn(view.now_s, scene, view.notice_s)
        self.ready(view, swap_times)

    def forecast(self, now_s: float, at_speed: Callable[[float], Scene]) -> list[Coming]:
        """Where a ramp leads to; looked at anew once in a while."""
        ramp = self.chooser.tracker.ramp(now_s)
        if ramp is None:
            self._forecast = None
            return []
        if self._forecast is None or not 0.0 <= now_s - self._forecast[0] < FORECAST_EVERY_S:
            self._forecast = now_s, forecast(ramp, at_speed)
        made_s, found = self._forecast
        return [Coming(one.in_s - (now_s - made_s), one.scene) for one in found if one.in_s > now_s - made_s]

    def chosen(self, view: View, place: tuple[int, float], sight: Sight, coming: list[Coming]) -> Chosen:
        """Looked at anew when the line has changed or something was announced, else once in a while."""
        scene, active = sight.scene, _active(sight)
        key = (scene.log_limit, scene.stopped, scene.fits.tobytes(), view.active_id, place[0], len(coming))
        last = self._last
        if (
            last is not None
            and not coming
            and key == last[0]
            and 0.0 <= view.now_s - last[1] < self.chooser.settings.look_every_s
        ):
            return last[2]
        found = self.chooser.choose(place, scene, coming, active)
        if active is not None:
            found = self._guard.look(view.now_s, place, scene, coming, active, found)
        if view.swapping and last is not None:
            found = _still_wanted(last[2], found)
        self._last = key, view.now_s, found
        return found


def _active(sight: Sight) -> Active | None:
    active = sight.active
    return None if active is None else Active(active.rung, active.gain, active.fits, active.own)


def _still_wanted(before: Chosen, now: Chosen) -> Chosen:
    """A swap that waits for its permit goes on waiting until it is clearly not worth it any more."""
    target = before.target
    if target is None or now.target is not None or target >= len(now.swaps):
        return now
    return replace(now, target=target) if now.swaps[target] > now.stay - WAITING_MARGINS * now.margin else now
