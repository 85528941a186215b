"""Which rung to hold: the rule of the shipped policy, on numbers alone.

Nets are rungs here; `engine.py` knows their names, bounds and words. Values are correct parts that are lost against
having the best rung of each regime at no cost (`values.py`): 0 is best.

    nothing announced      swap to j when swap(r, u, j) > stay(r, u, active) + margin
    a change in L seconds  swap now, at the change, or so late that the swap ends with it, whichever is worth most
    the line stands        swaps are free: the rung that is worth most when it runs again
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from agent.policy.dwell import Floats
from agent.policy.regimes import CALM, HECTIC, PRIORS, SHORT_S, RegimePriors, Regimes
from agent.policy.tracker import Flags, Ramp, Scene, Tracker
from agent.policy.values import Values

MEANT = 0.9  # a budget that a client sets while its line stands is for the next run
FORECAST_STEPS = 6
LEAST_RAMP_S = 0.5
SLOWEST, FASTEST = 0.05, 20.0  # of the speed now: further than that no ramp is followed


@dataclass(frozen=True, slots=True)
class ChooserSettings:
    """Constants of the rule; they were fixed on the tuning seeds of LineShift (docs/reference/lineshift.md).

    `margin_s`: what a swap must gain over waiting, in seconds of the best accuracy. `doubt`: what it must gain over
    never swapping, as a share of its own cost. `look_every_s`: how often a line that has not changed is weighed anew.
    `late_factor`, `late_slack_s`: a swap that is to end with an announced change begins so much of its length, and so
    many seconds, before. `guard_s`, `guard_notice_s`: by how many seconds of the best accuracy the rule may fall behind
    the best fixed rung.
    """

    margin_s: float = 0.06
    doubt: float = 0.15
    solve_every_s: float = 60.0
    look_every_s: float = 1.0
    late_factor: float = 1.1
    late_slack_s: float = 0.375
    guard_s: float = 8.0
    guard_notice_s: float = 12.0
    guard_memory_s: float = 3600.0
    priors: RegimePriors = PRIORS


@dataclass(frozen=True, slots=True)
class Coming:
    """A change that was announced: in `in_s` seconds the line will be so."""

    in_s: float
    scene: Scene


@dataclass(frozen=True, slots=True)
class Active:
    """The net that runs: the rung that it is, or the nearest one (`own` False), what it earns a second, and whether it
    fits the budget, itself."""

    rung: int
    gain: float
    fits: bool
    own: bool = True

    @classmethod
    def of(cls, rung: int, scene: Scene) -> Active:
        """A rung, in that scene."""
        return cls(rung, float(scene.gains[rung]), bool(scene.fits[rung]))


@dataclass(frozen=True, slots=True)
class Chosen:
    """What the rule wants: `target` is a rung, None for what runs.

    `stay` is the value of what runs, `swaps` that of a swap to each rung begun now, both in correct parts. `later`: the
    rung that a swap is meant to go to in `later_in_s` seconds. `guarded`: the guard has chosen.
    """

    target: int | None
    stay: float = 0.0
    swaps: Floats = field(default_factory=lambda: np.zeros(0))
    margin: float = 0.0
    later: int | None = None
    later_in_s: float = 0.0
    guarded: bool = False


class Chooser:
    """Owner of what one camera's line was learned to be like. `unseen`: see `Values`."""

    def __init__(self, top1: Floats, swap_s: Floats, unseen: Floats, settings: ChooserSettings | None = None) -> None:
        self.settings = settings or ChooserSettings()
        self.rungs = len(top1)
        self.best_top1 = float(top1.max())
        self.regimes = Regimes(self.rungs, self.settings.priors)
        self.tracker = Tracker(self.regimes)
        self.values = Values(self.regimes, swap_s, unseen)
        self.notice_s = 0.0
        self._solved_s = -np.inf
        self._learned_s = -np.inf

    @property
    def swap_s(self) -> Floats:
        return self.values.swap_s

    def learn(self, now_s: float, scene: Scene, notice_s: float) -> bool:
        """The line is so at `now_s`; True where its regime is another from here on. Once for each time."""
        if now_s <= self._learned_s:
            return False
        self._learned_s = now_s
        changed = self.tracker.update(now_s, scene)
        if not scene.stopped:
            self.regimes.note_gains(self.tracker.regime, scene.gains, changed)
        if changed or notice_s != self.notice_s or now_s - self._solved_s >= self.settings.solve_every_s:
            self.notice_s = notice_s
            self.solve(now_s)
        return changed

    def solve(self, now_s: float) -> None:
        """Take what was learned into the values."""
        self.values.solve(self.notice_s)
        self._solved_s = now_s
        here, before = self.tracker.regime, self.tracker.before
        if here >= 0 and before >= 0 and not self.tracker.ramping:
            back = self.regimes.of(before, HECTIC if self.regimes.quick(here) else CALM)
            shares = self.regimes.return_share(here, before), self.regimes.return_share(back, self.regimes.level(here))
            self.values.pair((here, back), shares, self.notice_s)
        else:
            self.values.forget_pair()

    def place(self, now_s: float, scene: Scene) -> tuple[int, float]:
        """(regime, age) of the line, or of a line that changed to this scene just now."""
        tracker = self.tracker
        if tracker.regime >= 0 and self.regimes.level(tracker.regime) == scene.level and not tracker.stopped:
            return tracker.regime, max(0.0, now_s - tracker.since_s)
        return self._following(scene, now_s - tracker.since_s), 0.0

    def _following(self, scene: Scene, age_s: float) -> int:
        """The regime that the line is in after one of that age."""
        return self.regimes.of(scene.level, HECTIC if 0.0 <= age_s < SHORT_S else CALM)

    def choose(self, place: tuple[int, float], scene: Scene, coming: Sequence[Coming], active: Active | None) -> Chosen:
        """What the rule wants where the line is at `place`; changes nothing."""
        if scene.stopped:
            return self._standing(place, scene, coming, active)
        if active is None:
            loss = scene.gains - float(scene.gains.max())
            worth = np.where(self._allowed(scene, ()), self.values.stay(place[0], place[1], loss), -np.inf)
            return Chosen(int(worth.argmax()), swaps=worth)
        if coming or self.notice_s > 0:
            coming = _changes(scene, coming)
            if coming:
                return self._before_change(scene, coming, active)
        return self._still(place, scene, active)

    def _still(self, place: tuple[int, float], scene: Scene, active: Active) -> Chosen:
        """Nothing is announced."""
        best = float(scene.gains.max())
        if self.notice_s > 0:
            stay, swaps = self._noticed(place, scene, active)
        else:
            regime, age_s = place
            stay = self.values.stay_of(regime, age_s, active.gain - best, active.rung)
            swaps = self.values.swap(regime, age_s, scene.gains - best, best)
        never = self.values.kept(place[0], place[1], active.gain - best, active.rung)
        if not active.fits:
            stay = self._attainable(scene, stay, never, swaps)
        found = self._best(scene, (), active, stay, swaps)
        if found.target is None or not active.fits:
            return found
        # What was learned is doubted: against never swapping, as a fixed net does, it has to win a share of its cost.
        if swaps[found.target] > never + self.settings.doubt * best * float(self.swap_s[found.target]):
            return found
        return replace(found, target=None)

    def _attainable(self, scene: Scene, stay: float, never: float, swaps: Floats) -> float:
        """The value of staying, without what it owes to a later swap that would not be allowed."""
        allowed = self._allowed(scene, ())
        if allowed.all() or not allowed.any():
            return stay
        return max(never, stay - max(0.0, float(swaps.max()) - float(swaps[allowed].max())))

    def _margin(self, scene: Scene) -> float:
        return self.settings.margin_s * self.best_top1 * scene.rate

    def _best(self, scene: Scene, coming: Sequence[Coming], active: Active, stay: float, swaps: Floats) -> Chosen:
        margin = self._margin(scene)
        swaps = np.where(self._allowed(scene, coming), swaps, -np.inf)
        if active.own:
            swaps[active.rung] = -np.inf
        target = int(swaps.argmax())
        return Chosen(target if swaps[target] > stay + margin else None, stay, swaps, margin)

    def _allowed(self, scene: Scene, coming: Sequence[Coming]) -> Flags:
        """A swap goes only to what fits when it ends, where anything fits."""
        fits = scene.fits
        for one in coming:
            if not one.scene.stopped:
                fits = np.where(self.swap_s >= one.in_s, one.scene.fits, fits)
        return fits if fits.any() or scene.fits.any() else scene.may_run

    def _standing(
        self, place: tuple[int, float], scene: Scene, coming: Sequence[Coming], active: Active | None
    ) -> Chosen:
        """Nothing is lost by a swap now. A line that waits for one will go on as it is."""
        after = next((one.scene for one in coming if not one.scene.stopped), None)
        if after is not None:
            worth = self.values.stay(self.regimes.of(after.level, CALM), 0.0, after.gains - float(after.gains.max()))
        else:
            here = self.values.stay(self.regimes.of(scene.level, CALM), 0.0, scene.gains - float(scene.gains.max()))
            worth = self.values.resumed(place[0], here)
            before = self.tracker.regime
            if before >= 0 and self.regimes.level(before) != scene.level:  # asked for while it stands: for what follows
                worth = MEANT * here + (1.0 - MEANT) * worth
        worth = np.where(self._allowed(scene, () if active is None else coming), worth, -np.inf)
        target = int(worth.argmax())
        if active is None:
            return Chosen(target, swaps=worth)
        stay = float(worth[active.rung])
        margin = 0.02 * self.best_top1 * max(scene.rate, (after or scene).rate)
        return Chosen(target if worth[target] > stay + margin else None, stay, worth, margin)

    def _held(self, regime: int, age_s: float, gains: Floats) -> tuple[Floats, float]:
        """(value of holding each rung, value of the best swap) at that age."""
        best = float(gains.max())
        loss = gains - best
        return self.values.stay(regime, age_s, loss), float(self.values.swap(regime, age_s, loss, best).max())

    def _noticed(self, place: tuple[int, float], scene: Scene, active: Active) -> tuple[float, Floats]:
        """Values of staying and of swapping where nothing changes for as long as changes are told ahead."""
        regime, age_s = place
        notice_s, best = self.notice_s, float(scene.gains.max())
        loss = scene.gains - best
        held, swapped = self._held(regime, age_s + notice_s, scene.gains)
        after = np.maximum(held, swapped)
        stay = (active.gain - best) * notice_s + float(after[active.rung])
        return stay, -best * self.swap_s + loss * np.maximum(0.0, notice_s - self.swap_s) + after

    def _before_change(self, scene: Scene, coming: Sequence[Coming], active: Active) -> Chosen:
        margin = self._margin(scene)
        swap_s, first, best = self.swap_s, coming[0], float(scene.gains.max())
        in_s, loss, own = first.in_s, scene.gains - best, active.gain - best
        after = self._after(coming)
        stay = own * in_s + float(after[active.rung])
        early = np.minimum(swap_s, in_s)
        best_then = 0.0 if first.scene.stopped else float(first.scene.gains.max())
        swaps = -best * early + loss * (in_s - early) - best_then * (swap_s - early) + after
        slack_s = in_s - self.settings.late_factor * swap_s - self.settings.late_slack_s
        late = np.where(slack_s >= 0.0, own * (in_s - swap_s) - best * swap_s + after, -np.inf)
        late = np.where(first.scene.allowed, late, -np.inf)
        now = self._best(scene, coming, active, stay, swaps)
        later = int(late.argmax())
        if late[later] > (stay + margin if now.target is None else now.swaps[now.target]):
            return Chosen(None, stay, now.swaps, margin, later, float(slack_s[later]))
        if now.target is None:
            then = self._then(first.scene, active)
            return Chosen(None, stay, now.swaps, margin, then, in_s)
        return now

    def _then(self, scene: Scene, active: Active) -> int | None:
        """What the change itself will call for."""
        if scene.stopped:
            return None
        place = self.regimes.of(scene.level, CALM), 0.0
        return self._still(place, scene, Active.of(active.rung, scene)).target

    def _after(self, coming: Sequence[Coming]) -> Floats:
        """Value of having each rung when the first of the changes comes: backwards from the last."""
        last = coming[-1].scene
        if last.stopped:
            value = np.zeros(self.rungs)
        else:
            held, swapped = self._held(self.regimes.of(last.level, CALM), 0.0, last.gains)
            value = np.maximum(held, swapped)
        for one, following in zip(reversed(coming[:-1]), reversed(coming[1:]), strict=True):
            span_s = following.in_s - one.in_s
            if one.scene.stopped:
                value = np.full(self.rungs, value.max())
                continue
            best = float(one.scene.gains.max())
            loss = one.scene.gains - best
            rest_s = np.maximum(0.0, span_s - self.swap_s)
            swap = float((-best * self.swap_s + loss * rest_s + value).max())
            late = value[None, :] + loss[:, None] * rest_s - best * self.swap_s
            late = np.where(self.swap_s <= span_s, late, -np.inf).max(axis=1)
            value = np.maximum(np.maximum(loss * span_s + value, swap), late)
        return value

    def saved(self) -> dict[str, object]:
        return self.regimes.saved()

    def restore(self, saved: Mapping[str, object]) -> None:
        """Raises ValueError where it does not fit."""
        self.regimes.restore(saved)
        self.values.solved = False


def _changes(scene: Scene, coming: Sequence[Coming]) -> list[Coming]:
    """Those announced changes after which other rungs are fast enough, or after which the line stands or runs."""
    found, before = [], scene
    for one in coming:
        if one.scene.stopped != before.stopped or one.scene.level != before.level:
            found.append(one)
            before = one.scene
    return found


def forecast(ramp: Ramp, at_speed: Callable[[float], Scene]) -> list[Coming]:
    """Where a ramp leads to, as if it had been announced: in FORECAST_STEPS steps to where it is expected to end."""
    left_s = max(LEAST_RAMP_S, ramp.left_s)
    times = [left_s * (step + 1) / FORECAST_STEPS for step in range(FORECAST_STEPS)]
    factors = [min(FASTEST, max(SLOWEST, 1.0 + ramp.slope_per_s * at_s)) for at_s in times]
    return [Coming(at_s, at_speed(factor)) for at_s, factor in zip(times, factors, strict=True)]
