"""What it is worth to hold a net: value iteration on the learned semi-Markov model (design/policy-relay.md section 2).

Regimes do not depend on what runs, so values count what is lost against the best rung of each regime at no cost:
no discount and no average gain is needed. With

    stay(r, u, k): k is kept to the end of the age bin of u      loss (1 - e) / lam + e V[r, g + 1, k] + (1 - e) W[r, k]
    swap(r, u, j): s_j seconds without a network, then stay      -c_r s_j + S stay(r, u + s_j, j) + (1 - S) W[r, j]

where lam is the hazard of the bin, e the chance to outlive it, S that to outlive the swap, and W[r, k] the expected
value of entering the next regime with k. Where changes are announced `notice_s` ahead, a swap may be timed to end as
the next regime begins, and then costs what the old regime earns.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from agent.policy.dwell import BINS, EDGES_S, Floats, bin_of, remaining_s
from agent.policy.regimes import Regimes

SWEEPS = 3
FIRST_SWEEPS = 30
PAIR_SWEEPS = 8
LATE_MARGIN = 1.05  # a swap that is timed to end at a change begins that much of its length early


@dataclass(frozen=True, slots=True)
class _Pair:
    """Two regimes, and what `Values.held` and `Values.entered` are for them."""

    regimes: tuple[int, int]
    held: Floats
    entered: Floats


class Values:
    """The solution for one set of rungs; `solve` improves it, the rest only reads it."""

    def __init__(self, regimes: Regimes, swap_s: Floats, unseen: Floats) -> None:
        """`unseen`: (level, rung), what a rung earns a second in a regime that was never seen."""
        self._regimes = regimes
        self.set_unseen(unseen)
        self.set_swaps(swap_s)

    def set_unseen(self, unseen: Floats) -> None:
        """Begin anew with what rungs are now taken to earn where that was never seen."""
        count, rungs = self._regimes.count, self._regimes.rungs
        self._unseen = np.tile(unseen, (count // len(unseen), 1))
        self.held = np.zeros((count, BINS, rungs))
        self.entered = np.zeros((count, rungs))
        self.after_stop = np.zeros((count, rungs))
        self._pair: _Pair | None = None
        self.solved = False

    def set_swaps(self, swap_s: Floats) -> None:
        """Seconds that a swap to each rung takes."""
        self.swap_s = swap_s
        landing_s = EDGES_S[:, None] + swap_s  # (bin, rung)
        self._landing = np.maximum(0, EDGES_S.searchsorted(landing_s, side="right") - 1)
        ends_s = np.append(EDGES_S[1:], np.inf)
        self._rest_s = ends_s[self._landing] - landing_s
        self._into_s = landing_s - EDGES_S[self._landing]
        self._following = np.minimum(self._landing + 1, BINS - 1)
        self._every = np.arange(len(swap_s))

    def solve(self, notice_s: float) -> None:
        """Take in what was learned since; the first time takes longer."""
        regimes = self._regimes
        self.hazard = regimes.hazards()
        spans_s = np.diff(EDGES_S)
        self._risk = np.zeros((regimes.count, BINS))
        np.cumsum(self.hazard[:, :-1] * spans_s, axis=1, out=self._risk[:, 1:])
        self.moves = regimes.transitions()
        self.earned = np.where(regimes.known[:, None], regimes.gains, self._unseen)
        self.best = self.earned.max(axis=1)
        loss = self.earned - self.best[:, None]
        # What does not change from sweep to sweep; shapes (bin, regime) and (bin, regime, rung).
        lam = self.hazard.T
        out = np.exp(-lam[:-1] * spans_s[:, None])
        self._out = np.concatenate([out, np.zeros((1, regimes.count))])[:, :, None]
        self._kept = loss * ((1.0 - self._out) / lam[:, :, None])
        landing = self._landing
        lam_then = lam[landing].transpose(0, 2, 1)
        out_then = np.exp(-lam_then * self._rest_s[:, None, :])
        risk_then = self._risk.T[landing].transpose(0, 2, 1) + lam_then * self._into_s[:, None, :]
        lasts = np.exp(self._risk.T[:, :, None] - risk_then)
        self._swap_out = lasts * out_then
        self._swap_kept = lasts * loss * (1.0 - out_then) / lam_then - self.best[:, None] * self.swap_s
        for _ in range(SWEEPS if self.solved else FIRST_SWEEPS):
            self._sweep(notice_s)
        self.solved = True

    def _sweep(self, notice_s: float) -> None:
        held, count = self.held, self._regimes.count
        held -= held[:, 0].max(axis=1)[:, None, None]
        fresh = held[:, 0]
        self.after_stop = fresh.copy()
        towards = self.moves[:count, :count]
        if notice_s > 0:
            self.entered = self._entered_with_notice(fresh, towards, notice_s)
        else:
            self.entered = towards @ fresh
        stay = self._kept + (1.0 - self._out) * self.entered
        swap = self._swap_kept + (1.0 - self._swap_out) * self.entered
        self._backward(held, stay, swap, self._out, self._swap_out)

    def _backward(self, held: Floats, stay: Floats, swap: Floats, out: Floats, swap_out: Floats) -> None:
        """Fill `held`, (regime, bin, rung), from the last age bin to the first; `stay` and `swap`, (bin, regime, rung),
        come without what follows the bin, and are used up."""
        for place in range(BINS - 1, -1, -1):
            if place < BINS - 1:
                stay[place] += out[place] * held[:, place + 1]
            swap[place] += swap_out[place] * held[:, self._following[place], self._every]
            np.maximum(stay[place], swap[place].max(axis=1, keepdims=True), out=held[:, place])

    def pair(self, regimes: tuple[int, int], returns: tuple[float, float], notice_s: float) -> None:
        """Value the regime that the line is in and the one it came from as two that it may go on to flip between.

        `returns`: probability that each of them leads to the other; else what follows is as ever. To be called after
        `solve`; holds until the next `solve` or `pair`.
        """
        chosen = list(regimes)
        held = self.held[chosen]
        before = self._pair
        if before is not None and sorted(before.regimes) == sorted(regimes):
            held = before.held if before.regimes == regimes else before.held[::-1].copy()
        share = np.array(returns)[:, None]
        out, swap_out = self._out[:, chosen], self._swap_out[:, chosen]
        kept, swap_kept = self._kept[:, chosen], self._swap_kept[:, chosen]
        entered = self.entered[chosen]
        for _ in range(PAIR_SWEEPS):
            held -= held[:, 0].max(axis=1)[:, None, None]
            other = held[::-1, 0]
            if notice_s > 0:
                paid = LATE_MARGIN * self.earned[chosen][:, :, None] * self.swap_s
                timely = np.where(self.swap_s <= notice_s, other[:, None, :] - paid, -np.inf)
                other = np.maximum(other, timely.max(axis=2))
            entered = share * other + (1.0 - share) * self.entered[chosen]
            stay, swap = kept + (1.0 - out) * entered, swap_kept + (1.0 - swap_out) * entered
            self._backward(held, stay, swap, out, swap_out)
        self._pair = _Pair(regimes, held, entered)

    def forget_pair(self) -> None:
        """What the line came from says nothing of where it goes."""
        self._pair = None

    def _of(self, regime: int) -> tuple[Floats, Floats]:
        """(held by bin and rung, entered by rung) of a regime."""
        if self._pair is not None and regime in self._pair.regimes:
            place = self._pair.regimes.index(regime)
            return self._pair.held[place], self._pair.entered[place]
        return self.held[regime], self.entered[regime]

    def _entered_with_notice(self, fresh: Floats, towards: Floats, notice_s: float) -> Floats:
        """As `entered`, with the choice to swap just before the change, in the regime that ends."""
        timely = np.flatnonzero(self.swap_s <= notice_s)
        value = np.broadcast_to(fresh, (len(fresh), *fresh.shape)).copy()  # (regime, next regime, rung)
        cost = LATE_MARGIN * self.earned
        for rung in timely.tolist():
            np.maximum(value, fresh[None, :, rung, None] - self.swap_s[rung] * cost[:, None, :], out=value)
        return np.asarray(np.einsum("rq,rqk->rk", towards, value))

    def remaining_s(self, regime: int, age_s: float) -> float:
        """Mean time that is left of the regime at that age."""
        return remaining_s(self.hazard[regime], age_s)

    def resumed(self, before: int, same: Floats) -> Floats:
        """Value of each rung to a line that stands after regime `before`; `same`: if it goes on as it was."""
        moves = self._regimes.resumptions(before)
        count = self._regimes.count
        return np.asarray(moves[:count] @ self.after_stop + moves[count] * same)

    def kept(self, regime: int, age_s: float, loss: float, rung: int) -> float:
        """As `stay_of`, if there were no swap before the regime ends."""
        return loss * self.remaining_s(regime, age_s) + float(self._of(regime)[1][rung])

    def stay_of(self, regime: int, age_s: float, loss: float, rung: int) -> float:
        """As `stay`, of one net that loses so much a second and is like that rung in all that comes after."""
        place = bin_of(age_s)
        lam = float(self.hazard[regime, place])
        held_of, entered_of = self._of(regime)
        entered = float(entered_of[rung])
        if place == BINS - 1:
            return loss / lam + entered
        out = math.exp(-lam * (float(EDGES_S[place + 1]) - age_s))
        return loss * ((1.0 - out) / lam) + out * float(held_of[place + 1, rung]) + (1.0 - out) * entered

    def stay(self, regime: int, age_s: float, loss: Floats) -> Floats:
        """Value of keeping each rung from that age on; `loss` a second until the bin ends, 0 or less. Shape (rung,)."""
        place = bin_of(age_s)
        lam = self.hazard[regime, place]
        held, entered = self._of(regime)
        if place == BINS - 1:
            return np.asarray(loss / lam + entered)
        out = np.exp(-lam * (EDGES_S[place + 1] - age_s))
        after = out * held[place + 1] + (1.0 - out) * entered
        return np.asarray(loss * ((1.0 - out) / lam) + after)

    def swap(self, regime: int, age_s: float, loss: Floats, best: float) -> Floats:
        """Value of starting a swap to each rung at that age; `best`: what the best rung earns a second."""
        landing_s = age_s + self.swap_s
        landing = EDGES_S.searchsorted(landing_s, side="right") - 1
        hazard, (held, entered) = self.hazard[regime], self._of(regime)
        lam = hazard[landing]
        following = np.minimum(landing + 1, BINS - 1)
        rest_s = _ENDS_S[landing] - landing_s
        out = np.exp(-lam * rest_s)
        later = loss * (1.0 - out) / lam + out * held[following, self._every] + (1.0 - out) * entered
        risk = self._risk[regime]
        until = risk[landing] + lam * (landing_s - EDGES_S[landing])
        place = bin_of(age_s)
        now = risk[place] + hazard[place] * (age_s - EDGES_S[place])
        lasts = np.exp(now - until)
        return np.asarray(lasts * later + (1.0 - lasts) * entered - best * self.swap_s)


_ENDS_S = np.append(EDGES_S[1:], np.inf)
