"""One slow-down for all nets of a camera, and how each net takes part in it.

    log level of net k = log m_k + o_k + gamma_k x

x is the slow-down, o_k what the profile or prediction m_k is off by, gamma_k the sensitivity. The means and covariances
of all of them are kept together for the nets that ran last, because what one net shows ties them: after two nets were
seen under the same x, the ratio of their sensitivities is known, whatever x was. x itself follows the net that runs
(`follow`), as that net's level tells it; only what a second net shows of the same x (`learn`) tells o and gamma.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agent.policy.learned import SavedSlowdown

Floats = NDArray[np.float64]

SLOTS = 16
SENSITIVITY_SIGMA = 0.1  # policy.md, Model: gamma_k ~ N(1, .1^2)
FIRST_SLOWDOWN_SIGMA = 0.005  # a camera is seldom slowed down when it is first met; its first results tell
GAP_SIGMA = 0.008  # of x across a swap, steps apart: 3 s of a ramp of 25 % in a minute
LEAST_SENSITIVITY, MOST_SENSITIVITY = 0.5, 2.0
MOST_SURPRISE = 4.0  # standard deviations: what is further off tells of a step of x in the gap, not of a net
_ITERATIONS = 3  # of the linearisation of gamma x
_LEAST_VARIANCE = 1e-12


@dataclass(frozen=True, slots=True)
class Standing:
    """Offset and sensitivity of one net by themselves: means, variances, covariance."""

    offset: float
    offset_variance: float
    sensitivity: float = 1.0
    sensitivity_variance: float = SENSITIVITY_SIGMA**2
    covariance: float = 0.0


class Slowdown:
    """Joint normal distribution of (x, o and gamma of each slot); mutable, owned by its latency model.

    Place 0 of `mean` and `covariance` is x, 1 + 2 s and 2 + 2 s are offset and sensitivity of slot s. A place beyond
    the last slot stands for nets without one: it is never correlated with anything.
    """

    def __init__(self) -> None:
        self._clear()
        self.covariance[0, 0] = FIRST_SLOWDOWN_SIGMA**2

    def _clear(self) -> None:
        size = 1 + 2 * (SLOTS + 1)
        self.mean: Floats = np.zeros(size)
        self.mean[2::2] = 1.0
        self.covariance: Floats = np.zeros((size, size))

    @property
    def x(self) -> float:
        """Logarithm of the slow-down."""
        return float(self.mean[0])

    @property
    def variance(self) -> float:
        """Of x."""
        return float(self.covariance[0, 0])

    def put(self, slot: int, standing: Standing) -> None:
        """A net takes the slot; what the one before knew of others is gone."""
        offset, sensitivity = _places(slot)
        for place in (offset, sensitivity):
            self.covariance[place, :] = 0.0
            self.covariance[:, place] = 0.0
        self.mean[offset], self.mean[sensitivity] = standing.offset, standing.sensitivity
        self.covariance[offset, offset] = standing.offset_variance
        self.covariance[sensitivity, sensitivity] = standing.sensitivity_variance
        self.covariance[offset, sensitivity] = self.covariance[sensitivity, offset] = standing.covariance

    def renew(self, slot: int, variance: float) -> None:
        """The net's offset is 0, to this variance, whatever was known of it; its sensitivity stays."""
        place = _places(slot)[0]
        self.mean[place] = 0.0
        self.covariance[place, :] = 0.0
        self.covariance[:, place] = 0.0
        self.covariance[place, place] = variance

    def standing(self, slot: int) -> Standing:
        """What is known of the net in the slot."""
        offset, sensitivity = _places(slot)
        return Standing(
            float(self.mean[offset]),
            float(self.covariance[offset, offset]),
            float(self.mean[sensitivity]),
            float(self.covariance[sensitivity, sensitivity]),
            float(self.covariance[offset, sensitivity]),
        )

    def predicted(self, slot: int) -> tuple[float, float]:
        """Mean and variance of o + gamma x."""
        level, slope = self._linear(slot, self.mean)
        return level, max(_LEAST_VARIANCE, float(slope @ self.covariance @ slope))

    def shared_with(self, slot: int) -> Floats:
        """Covariance of each place with o + gamma x of this slot."""
        return np.asarray(self.covariance @ self._linear(slot, self.mean)[1])

    def age(self, slot: int, variance: float) -> None:
        """The net has not run for long: its offset may have changed by itself."""
        place = _places(slot)[0]
        self.covariance[place, place] += variance

    def pass_gap(self) -> None:
        """Time has passed without results, in which x may have moved a little."""
        self.covariance[0, 0] += GAP_SIGMA**2

    def follow(self, slot: int, level: float, variance: float) -> None:
        """x is what this net's level says, whatever it was before: it has no memory beside the net that runs."""
        offset, sensitivity = _places(slot)
        gamma = float(self.mean[sensitivity])
        x = (level - float(self.mean[offset])) / gamma
        own = self.covariance[offset] + x * self.covariance[sensitivity]
        own[0] = 0.0
        self.mean[0] = x
        self.covariance[0, :] = self.covariance[:, 0] = -own / gamma
        self.covariance[0, 0] = (variance + float(own[offset] + x * own[sensitivity])) / gamma**2

    def learn(self, slot: int, level: float, variance: float) -> bool:
        """This net's level under the x that another net has told (extended Kalman, linearised anew as it moves).

        False, and nothing is learned, where it is too far off to be about the net.
        """
        expected, spread = self.predicted(slot)
        if abs(level - expected) > MOST_SURPRISE * math.sqrt(spread + variance):
            return False
        before, at = self.mean, self.mean
        gain = slope = np.zeros_like(before)
        for _ in range(_ITERATIONS):
            value, slope = self._linear(slot, at)
            shared = self.covariance @ slope
            gain = shared / (float(slope @ shared) + variance)
            at = before + gain * (level - value - float(slope @ (before - at)))
        sensitivities = at[2::2]
        np.clip(sensitivities, LEAST_SENSITIVITY, MOST_SENSITIVITY, out=sensitivities)
        self.mean = at
        kept = np.eye(len(at)) - np.outer(gain, slope)
        self.covariance = kept @ self.covariance @ kept.T + variance * np.outer(gain, gain)  # Joseph's form
        return True

    def saved(self, slots: int) -> SavedSlowdown:
        """The first `slots` slots."""
        used = 1 + 2 * slots
        return SavedSlowdown(self.mean[:used].tolist(), self.covariance[:used, :used].tolist())

    def restore(self, saved: SavedSlowdown) -> None:
        """What was saved, in place of what is known."""
        self._clear()
        used = len(saved.mean)
        self.mean[:used] = saved.mean
        self.covariance[:used, :used] = saved.covariance

    def _linear(self, slot: int, at: Floats) -> tuple[float, Floats]:
        """o + gamma x and its gradient."""
        offset, sensitivity = _places(slot)
        slope = np.zeros_like(at)
        slope[0], slope[offset], slope[sensitivity] = at[sensitivity], 1.0, at[0]
        return float(at[offset] + at[sensitivity] * at[0]), slope


def _places(slot: int) -> tuple[int, int]:
    return 1 + 2 * slot, 2 + 2 * slot
