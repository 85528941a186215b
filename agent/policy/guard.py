"""Keeps the rule from falling far behind the best fixed rung (design/policy-relay.md section 2, Guard).

Shadow accounts, in correct parts and slowly forgotten: one of each rung as if it had run all the time, one of the rule
as if it had never been guarded, with its own rung and its own time without a network. While the rule is behind the
best fixed rung by more than so many seconds of inspection, that rung is held. While nobody knows how fast parts come
there is nothing to account: what was assumed then would be compared with what a real line earns.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from agent.policy.chooser import Active, Chooser, Chosen, Coming
from agent.policy.tracker import Scene

_RATE_S = 60.0  # over which the usual rate is averaged


class Guard:
    """See the module docstring."""

    def __init__(self, chooser: Chooser) -> None:
        self._chooser = chooser
        self._fixed = np.zeros(chooser.rungs)
        self._own = 0.0
        self._rung: int | None = None
        self._blind_until_s = -math.inf
        self._before: tuple[float, Scene] | None = None
        self._usual = 0.0  # correct parts a second of the best rung
        self.held: int | None = None

    def begin(self, now_s: float, scene: Scene, rung: int | None) -> None:
        """The first network runs; None for one that is no rung."""
        self._before, self._rung = (now_s, scene), rung

    def pass_time(self, now_s: float, scene: Scene) -> None:
        """The line has been as it was said the last time until now."""
        if self._before is not None:
            before_s, before = self._before
            self._account(before_s, now_s, before)
        self._before = now_s, scene

    def _account(self, before_s: float, now_s: float, scene: Scene) -> None:
        passed_s = now_s - before_s
        if passed_s <= 0.0 or scene.stopped or not scene.rated:
            return
        settings = self._chooser.settings
        fade = math.exp(-passed_s / settings.guard_memory_s)
        self._fixed = self._fixed * fade + scene.gains * passed_s
        self._own *= fade
        if self._rung is not None:
            self._own += float(scene.gains[self._rung]) * max(0.0, now_s - max(before_s, self._blind_until_s))
        worth = scene.rate * self._chooser.best_top1
        share = min(1.0, passed_s / _RATE_S)
        self._usual = worth if self._usual == 0.0 else self._usual + (worth - self._usual) * share

    def look(
        self,
        now_s: float,
        place: tuple[int, float],
        scene: Scene,
        coming: Sequence[Coming],
        active: Active,
        own: Chosen,
    ) -> Chosen:
        """`own`: what the rule itself wants for what runs; the guard's choice where it holds, else that."""
        if self._rung is None or not scene.rated:
            self._rung = active.rung
        if now_s >= self._blind_until_s and scene.rated:
            chosen = own
            if self._rung != active.rung:
                shadow = Active.of(self._rung, scene)
                chosen = self._chooser.choose(place, scene, coming, shadow)
            if chosen.target is not None and chosen.target != self._rung:
                self._rung = chosen.target
                self._blind_until_s = now_s + (0.0 if scene.stopped else float(self._chooser.swap_s[self._rung]))
        if not scene.stopped:
            self._decide()
        return self.ruled(scene, active, own)

    def ruled(self, scene: Scene, active: Active, own: Chosen) -> Chosen:
        """The guard's choice where it holds a rung that may run, else `own`; changes nothing."""
        held = self.held
        if held is None or scene.stopped or (held != active.rung and scene.fits.any() and not scene.fits[held]):
            return own
        if held == active.rung:
            return Chosen(None, own.stay, own.swaps, own.margin, guarded=own.target is not None)
        return Chosen(held, own.stay, own.swaps, own.margin, guarded=held != own.target)

    def _decide(self) -> None:
        chooser, settings = self._chooser, self._chooser.settings
        seconds = settings.guard_notice_s if chooser.notice_s > 0 else settings.guard_s
        leader = int(self._fixed.argmax())
        behind = float(self._fixed[leader]) - self._own
        if self.held is None:
            if behind > seconds * self._usual:
                self.held = leader
        elif behind < 0.5 * seconds * self._usual:
            self.held = None
        elif self._fixed[leader] - self._fixed[self.held] > 0.5 * float(chooser.swap_s.mean()) * self._usual:
            self.held = leader
