"""Nets of a catalogue as columns, so that what is known of some of them is computed at once, however many there are."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from agent.domain.profile import NetProfile
from agent.policy.delivery import MIN_MEASURED
from agent.policy.learned import SavedNet
from agent.policy.slowdown import SLOTS, Slowdown, Standing

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]

AGE_SIGMA = 0.01  # what a net that has not run for long may have changed by itself
AGE_RESULTS = 20_000
OWN_RESULTS = 3000.0  # a few minutes: so often at most a net is tried again that was slow by itself


@dataclass(slots=True)
class Net:
    """What is known of one net. `standing` is as of when it had no slot; `seen`: the camera's results at its last.

    `own`: what it is slower by for reasons that other nets do not share. `left`: its level when another took over.
    Levels are logarithms over its base.
    """

    predicted: float | None  # logarithm of ms; None where it was never told
    base: float | None  # log m_k: of the profile, else of the prediction
    standing: Standing
    profile: NetProfile | None = None
    count: int = 0
    seen: int = 0
    slot: int = SLOTS  # SLOTS: none
    row: int = -1
    own: float = 0.0
    left: float | None = None
    first: list[float] = field(default_factory=list)  # logarithms of its results until there are enough

    @property
    def known(self) -> bool:
        """Whether it has a level of its own, beside its prediction."""
        return self.profile is not None or self.count >= MIN_MEASURED

    def own_after(self, others: float) -> float:
        """`own` after so many results of other nets: it is not taken to last, as nothing tells of its end."""
        return self.own * math.exp(-others / OWN_RESULTS) if self.own else 0.0

    def saved(self) -> SavedNet:
        one = self.standing
        profile_ns = -1 if self.profile is None else self.profile.wall_ns
        standing = (one.offset, one.offset_variance, one.sensitivity, one.sensitivity_variance, one.covariance)
        return SavedNet(self.base, self.count, self.seen, standing, list(self.first), self.own, self.left, profile_ns)

    def clear(self) -> None:
        """As if it had never run."""
        self.count, self.seen, self.slot, self.own, self.left = 0, 0, SLOTS, 0.0, None
        self.first.clear()

    def restore(self, saved: SavedNet, slot: int) -> None:
        """With the base that its offset goes with: a profile or prediction made since is older than its results."""
        self.count, self.seen, self.slot, self.first = saved.count, saved.seen, slot, list(saved.first)
        self.standing = Standing(*saved.standing)
        self.own, self.left = saved.own, saved.left
        if self.count >= MIN_MEASURED or slot < SLOTS:
            self.base = saved.base


@dataclass(frozen=True, slots=True)
class Shown:
    """Rows as of one state of the slow-down: log level, its share in what the running net's level moves, variance."""

    base: Floats
    share: Floats
    variance: Floats
    extra: Floats  # variance of the level beyond what residuals of a settled level have in them


class NetTable:
    """Columns by row; mutable, owned by its latency model, which writes a net whenever its entry changes.

    `scale`: logarithm of the factor on predictions of nets that have no level of their own.
    """

    def __init__(self, count: int) -> None:
        self.scale = 0.0
        self._base, self._offset, self._predicted = np.zeros(count), np.zeros(count), np.zeros(count)
        self._gamma, self._own = np.ones(count), np.zeros(count)
        self._offset_variance, self._gamma_variance, self._covariance = np.zeros((3, count))
        self._slot = np.full(count, SLOTS, dtype=np.intp)
        self._seen = np.zeros(count)

    def write(self, row: int, net: Net) -> None:
        """What is known of the net beside what its slot tells."""
        standing = net.standing
        self._base[row], self._own[row] = net.base or 0.0, net.own
        self._predicted[row] = 0.0 if net.known else 1.0
        self._offset[row], self._offset_variance[row] = standing.offset, standing.offset_variance
        self._gamma[row], self._gamma_variance[row] = standing.sensitivity, standing.sensitivity_variance
        self._covariance[row] = standing.covariance
        self._slot[row], self._seen[row] = net.slot, net.seen

    def show(self, rows: Rows, state: Slowdown, shared: Floats | None, seen: int) -> Shown:
        """The rows by the slow-down; `shared`: what each of its places moves with the running net's level."""
        slot = self._slot[rows]
        untold = slot == SLOTS
        o, g = 1 + 2 * slot, 2 + 2 * slot
        covariance, x = state.covariance, state.x
        offset = np.where(untold, self._offset[rows] + self.scale * self._predicted[rows], state.mean[o])
        gamma = np.where(untold, self._gamma[rows], state.mean[g])
        gamma_variance = np.where(untold, self._gamma_variance[rows], covariance[g, g])
        own = np.where(untold, self._offset_variance[rows], covariance[o, o])
        tied = np.where(untold, self._covariance[rows], covariance[o, g])
        with_x = covariance[0, o] + x * covariance[0, g]
        others = np.maximum(0.0, seen - self._seen[rows])
        variance = own + 2.0 * x * tied + x * x * gamma_variance
        variance += gamma * (2.0 * with_x + gamma * state.variance) + AGE_SIGMA**2 * others / (others + AGE_RESULTS)
        share = np.zeros(len(rows)) if shared is None else gamma * shared[0] + shared[o] + x * shared[g]
        base = self._base[rows] + self._own[rows] * np.exp(others / -OWN_RESULTS)
        return Shown(base + offset + gamma * x, share, variance, variance)
