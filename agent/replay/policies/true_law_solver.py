"""A semi-Markov decision process whose only decision is the net: what each net is worth in each state of the line.

What the line does is a chain of states that no policy has any influence on. A state lasts at most `lasts_s`, then
`then` follows; before that it may be left by an exit, at constant rates. An exit leads to one of several states, and is
`told` notice_s before it happens, or not at all:

    state ──lasts_s──► then                      a passage: exit ──share──► state
      └─────per_s────► exit

Values are accuracies relative to having the best net of each state at no cost, c: as the chain does not depend on what
a policy does, differences between nets are exact. Of holding net k in a state, with hazard h:

    stay(k) = (rate_k - c) E[time in it] + P[lasts] V(then, k) + P[left] W(exit, k)
    swap(j) = P[s_j lasts] V(state after s_j, j) + P[left meanwhile] M(exit, j) - c s_j
    V(k)    = max(stay(k), max_j swap(j))

With an exit told w ahead (policy-relay.md section 2, formula W; rates are those of the state that is left):

    W(exit, k) = E max( (rate_k - c) w + V(next, k),  max_j  (rate_k - c) (w - s_j) - c s_j + V(next, j),   late
                                                      max_j  -c s_j + (rate_j - c) (w - s_j) + V(next, j) )   at once

and where s_j > w, the rest of the swap falls into the next state. Not told is w = 0. Approximations: an exit during a
swap comes in the middle of it; while a change is told and not yet there, nothing else happens and one swap is the most;
what is told of the state after the next is not used; the end of the hour is not looked at.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from agent.replay.trace import Floats, Indices

_SWEEPS = 2000
_SETTLED = 1e-3  # of a part
_EVEN = 1e-9
_FOREVER_S = 3600.0  # of a state that nothing ends


@dataclass(frozen=True, slots=True)
class Chain:
    """N states, X exits, P passages in the order of their exits (each exit has one at least), K nets.

    `exits` and `per_s` (N, E): exits of each state and their rates, 0 for none. `source`: the state whose rates hold
    until a told passage is over. `free`: the line stands, swaps take no time and no parts come.
    """

    lasts_s: Floats
    then: Indices
    rates: Floats
    free: NDArray[np.bool_]
    exits: Indices
    per_s: Floats
    passage_exit: Indices
    source: Indices
    target: Indices
    share: Floats
    told: NDArray[np.bool_]

    @property
    def best(self) -> Floats:
        """c of each state."""
        return np.asarray(self.rates.max(axis=1))


@dataclass(slots=True)
class Builder:
    """Collects states and exits; states may share an exit."""

    nets: int
    _lasts_s: list[float] = field(default_factory=list)
    _then: list[int] = field(default_factory=list)
    _rates: list[Floats] = field(default_factory=list)
    _free: list[bool] = field(default_factory=list)
    _leaves: list[list[tuple[int, float]]] = field(default_factory=list)
    _exits: list[tuple[int, list[tuple[int, float]], bool]] = field(default_factory=list)

    def state(self, rates: Floats, free: bool = False) -> int:
        """A state that nothing follows of itself, yet."""
        self._lasts_s.append(np.inf)
        self._then.append(len(self._then))
        self._rates.append(rates)
        self._free.append(free)
        self._leaves.append([])
        return len(self._then) - 1

    def follow(self, state: int, lasts_s: float, then: int) -> None:
        """How long a state lasts, and what comes then."""
        self._lasts_s[state], self._then[state] = lasts_s, then

    def chain(self, rates: Floats, ages_s: Floats) -> list[int]:
        """States of one thing by its age, from each of `ages_s` on; the last is left by exits only.

        `rates`: of all of them, or a row for each.
        """
        states = [self.state(row) for row in np.broadcast_to(rates, (len(ages_s), self.nets))]
        for (before, after), lasts_s in zip(pairwise(states), np.diff(ages_s).tolist(), strict=True):
            self.follow(before, lasts_s, after)
        return states

    def exit(self, source: int, passages: list[tuple[int, float]], told: bool) -> int:
        """An exit to states with their shares."""
        self._exits.append((source, [one for one in passages if one[1] > 0.0], told))
        return len(self._exits) - 1

    def leave(self, state: int, by: int, per_s: float) -> None:
        """The rate at which a state is left by an exit."""
        if per_s > 0.0:
            self._leaves[state].append((by, per_s))

    def built(self) -> Chain:
        """All of it as arrays."""
        most = max(1, *(len(leaves) for leaves in self._leaves))
        exits = np.zeros((len(self._then), most), dtype=np.intp)
        per_s = np.zeros((len(self._then), most))
        for state, leaves in enumerate(self._leaves):
            for place, (by, rate) in enumerate(leaves):
                exits[state, place], per_s[state, place] = by, rate
        rows = [
            (number, source, target, share, told)
            for number, (source, passages, told) in enumerate(self._exits)
            for target, share in passages
        ]
        number, source, target, share, told = zip(*rows, strict=True) if rows else ((), (), (), (), ())
        return Chain(
            np.array(self._lasts_s),
            np.array(self._then, dtype=np.intp),
            np.array(self._rates),
            np.array(self._free),
            exits,
            per_s,
            np.array(number, dtype=np.intp),
            np.array(source, dtype=np.intp),
            np.array(target, dtype=np.intp),
            np.array(share),
            np.array(told, dtype=np.bool_),
        )


@dataclass(frozen=True, slots=True)
class Landing:
    """Where the chain is after some time without an exit: between a state and the one after it.

    Of equal shapes: the state, the one after it, how far on the way to it (0..1), the integrals of c and of the hazard.
    """

    state: Indices
    after: Indices
    share: Floats
    cost: Floats
    hazard: Floats

    def value(self, worth: Floats, nets: Indices) -> Floats:
        """Of holding these nets there."""
        return np.asarray(worth[self.state, nets] * (1.0 - self.share) + worth[self.after, nets] * self.share)


def ahead(chain: Chain, states: Indices, seconds: Floats) -> Landing:
    """The chain `seconds` later (arrays of equal shape)."""
    state, left = states.copy(), seconds.copy()
    cost, hazard = np.zeros_like(left), np.zeros_like(left)
    best, rate = chain.best, chain.per_s.sum(axis=1)
    while (on := left >= chain.lasts_s[state]).any():
        spent = np.where(on, chain.lasts_s[state], 0.0)
        cost += best[state] * spent
        hazard += rate[state] * spent
        left = left - spent
        state = np.where(on, chain.then[state], state)
    cost += best[state] * left
    hazard += rate[state] * left
    return Landing(state, chain.then[state], left / chain.lasts_s[state], cost, hazard)


@dataclass(frozen=True, slots=True)
class Solved:
    """`worth` and `choice` (N, K): value of holding a net in a state, and what to hold from then on."""

    chain: Chain
    swap_s: Floats
    worth: Floats
    choice: Indices

    def told(self, state: int, target: int, lead_s: float, active: int, next_look_s: float) -> int:
        """The net to go for when in `lead_s` the state `target` follows: a swap is not begun if it may as well wait."""
        now = self._at_once(state, target, lead_s)
        rates = self.chain.rates[state]
        missed = rates[active] - rates.max()
        otherwise = missed * lead_s + self.worth[target, active]
        if lead_s > next_look_s:
            later = self._at_once(state, target, lead_s - next_look_s)
            otherwise = max(otherwise, missed * next_look_s + later.max())
        return int(now.argmax()) if now.max() > otherwise + _EVEN else active

    def _at_once(self, state: int, target: int, lead_s: float) -> Floats:
        """Of a swap to each net that begins so long before `target`."""
        rates = self.chain.rates[state]
        best = rates.max()
        swap_s = np.zeros_like(self.swap_s) if self.chain.free[state] else self.swap_s
        found = (rates - best) * np.maximum(0.0, lead_s - swap_s) - best * np.minimum(swap_s, lead_s)
        late_s = swap_s - lead_s
        if late_s.max() <= 0.0:
            return np.asarray(found + self.worth[target])
        landing = ahead(self.chain, np.full(len(swap_s), target), np.maximum(0.0, late_s))
        return np.asarray(found - landing.cost + landing.value(self.worth, np.arange(len(swap_s))))


def solve(chain: Chain, swap_s: Floats, notice_s: float) -> Solved:
    """Value iteration. Exits lead to values of the sweep before: all nets are judged over equally many exits."""
    nets = np.arange(len(swap_s))
    passages = _Passages(chain, swap_s, notice_s)
    groups = [_Group(chain, swap_s, states) for states in _groups(chain)]
    worth = np.zeros_like(chain.rates)
    choice = np.zeros(worth.shape, dtype=np.intp)
    entered, before = np.unique(chain.target), np.inf
    for _ in range(_SWEEPS):
        left, left_in_swap = passages.values(worth)
        for group in groups:
            group.update(worth, choice, left, left_in_swap, nets)
        worth -= worth.max()
        here = worth[entered] - worth[entered].max(axis=1, keepdims=True)
        if np.abs(here - before).max(initial=0.0) < _SETTLED:
            return Solved(chain, swap_s, worth, choice)
        before = here
    raise ArithmeticError(f"values have not settled after {_SWEEPS} sweeps")


class _Group:
    """States whose followers are all worked out before them, and what a sweep needs of them."""

    def __init__(self, chain: Chain, swap_s: Floats, states: Indices) -> None:
        shape = (len(states), len(swap_s))
        best = chain.best[states]
        total = chain.per_s[states].sum(axis=1)
        lasts = np.exp(-np.where(total > 0.0, total * _finite(chain.lasts_s[states]), 0.0))
        lasts = np.where(np.isinf(chain.lasts_s[states]), 0.0, lasts)
        with np.errstate(divide="ignore", invalid="ignore"):
            mean_s = np.where(total > 0.0, (1.0 - lasts) / total, _finite(chain.lasts_s[states]))
            shares = np.where(total[:, None] > 0.0, chain.per_s[states] / total[:, None], 0.0)
        self._states, self._then, self._exits = states, chain.then[states], chain.exits[states]
        self._gain = (chain.rates[states] - best[:, None]) * mean_s[:, None]
        self._lasts = lasts[:, None]
        self._leaves = shares * (1.0 - lasts[:, None])
        swaps_s = np.where(chain.free[states][:, None], 0.0, np.broadcast_to(swap_s, shape))
        self._landing = ahead(chain, np.broadcast_to(states[:, None], shape), swaps_s)
        # A state without exits of its own is left by those of the state where the swap ends.
        from_ = np.where(total[:, None] > 0.0, states[:, None], self._landing.state)
        per_s = chain.per_s[from_]
        known = per_s.sum(axis=2)
        self._survives = np.where(known > 0.0, np.exp(-self._landing.hazard), 1.0)
        gone = (1.0 - self._survives) / np.where(known > 0.0, known, 1.0)
        self._swap_exits, self._swap_leaves = chain.exits[from_], per_s * gone[:, :, None]
        self._price = self._landing.cost * self._survives

    def update(self, worth: Floats, choice: Indices, left: Floats, left_in_swap: Floats, nets: Indices) -> None:
        """`left`, `left_in_swap` (X, K): values of exits, the second for a swap under way, its price included."""
        stay = self._gain + self._lasts * worth[self._then]
        stay += np.einsum("ne,nek->nk", self._leaves, left[self._exits])
        worth[self._states] = stay
        swap = self._survives * self._landing.value(worth, nets) - self._price
        swap += np.einsum("nke,nke->nk", self._swap_leaves, left_in_swap[self._swap_exits, nets[:, None]])
        best = swap.max(axis=1, keepdims=True)
        choice[self._states] = np.where(best > stay + _EVEN, swap.argmax(axis=1)[:, None], nets)
        worth[self._states] = np.maximum(stay, best)


class _Passages:
    """What it is worth to leave a state by an exit: W and M."""

    def __init__(self, chain: Chain, swap_s: Floats, notice_s: float) -> None:
        self._nets = np.arange(len(swap_s))
        self._starts = np.flatnonzero(np.diff(chain.passage_exit, prepend=-1))
        self._share, self._target = chain.share[:, None], chain.target
        best = chain.best[chain.source][:, None]
        relative = chain.rates[chain.source] - best
        swaps_s = np.where(chain.free[chain.source][:, None], 0.0, np.broadcast_to(swap_s, relative.shape))
        told_s = np.where(chain.told, notice_s, 0.0)[:, None]
        # A swap under way: what is left of it when the change is told, of that what falls behind the change.
        rest_s = swaps_s / 2.0
        lead_s = np.maximum(0.0, told_s - rest_s)
        targets = np.broadcast_to(chain.target[:, None], relative.shape)
        self._landing = ahead(chain, targets, np.maximum(0.0, rest_s - told_s))
        self._swap_gain = relative * lead_s - best * (rest_s + np.minimum(rest_s, told_s)) - self._landing.cost
        self._told = told = np.flatnonzero(told_s[:, 0] > 0.0)
        self._wait = relative[told] * notice_s
        self._now_landing = ahead(chain, targets[told], np.maximum(0.0, swaps_s[told] - notice_s))
        early = relative[told] * np.maximum(0.0, notice_s - swaps_s[told])
        self._now = early - best[told] * np.minimum(swaps_s[told], notice_s) - self._now_landing.cost
        self._late = _late(relative[told], best[told], swaps_s[told], np.full_like(lead_s[told], notice_s))
        before = best[told] * (rest_s[told] + np.minimum(rest_s[told], notice_s))
        self._late_in_swap = _late(relative[told], best[told], swaps_s[told], lead_s[told]) - before[:, :, None]

    def values(self, worth: Floats) -> tuple[Floats, Floats]:
        """(X, K) both: of an exit with a net in place, and with a swap to it under way."""
        if not len(self._target):
            return np.zeros((1, len(self._nets))), np.zeros((1, len(self._nets)))
        entered = worth[self._target]
        in_swap = self._swap_gain + self._landing.value(worth, self._nets)
        told = self._told
        if len(told):
            at_target = entered[told]
            now = (self._now + self._now_landing.value(worth, self._nets)).max(axis=1, keepdims=True)
            late = (self._late + at_target[:, None, :]).max(axis=2)
            entered[told] = np.maximum(np.maximum(self._wait + at_target, late), now)
            late = (self._late_in_swap + at_target[:, None, :]).max(axis=2)
            in_swap[told] = np.maximum(in_swap[told], late)
        added = np.add.reduceat
        return added(self._share * entered, self._starts, axis=0), added(self._share * in_swap, self._starts, axis=0)


def _late(relative: Floats, best: Floats, swaps_s: Floats, lead_s: Floats) -> Floats:
    """(passage, net held, net swapped to): gain until the change if the swap ends just then; -inf where it cannot."""
    held_s = lead_s[:, :, None] - swaps_s[:, None, :]
    gain = relative[:, :, None] * held_s - (best * swaps_s)[:, None, :]
    return np.where(held_s >= 0.0, gain, -np.inf)


def _groups(chain: Chain) -> list[Indices]:
    """States by how many follow them of themselves, the last ones first."""
    depth = np.zeros(len(chain.then), dtype=np.intp)
    moves = np.isfinite(chain.lasts_s)
    while True:
        deeper = np.where(moves, depth[chain.then] + 1, 0)
        if np.array_equal(deeper, depth):
            return [np.flatnonzero(depth == one) for one in range(int(depth.max()) + 1)]
        depth = deeper


def _finite(lasts_s: Floats) -> Floats:
    return np.where(np.isinf(lasts_s), _FOREVER_S, lasts_s)
