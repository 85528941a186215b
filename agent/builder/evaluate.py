"""Accuracy on held-out images, with an interval that says how much to believe it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agent.builder.batchnorm import estimate_statistics, split_batches
from agent.builder.graph import build_model
from agent.builder.images import ImageSet
from agent.builder.plan import Net
from agent.builder.resize import to_input
from agent.builder.runtime import Runner, compile_model
from agent.builder.supernet import Normalisation

# Two-sided 95 % point of the normal distribution.
_Z = 1.959963984540054
_BATCH = 32


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Top-1 share on `n` images with its Wilson 95 % interval."""

    top1: float
    n: int
    ci95_low: float
    ci95_high: float


def accuracy(answers: NDArray[np.float32], labels: NDArray[np.int64]) -> Accuracy:
    """From outputs (n, classes) and labels (n,)."""
    return wilson(int((answers.argmax(1) == labels).sum()), len(labels))


def wilson(hits: int, n: int) -> Accuracy:
    """Wilson score interval: sound for small n and shares near 0 or 1."""
    share = hits / n
    centre = (share + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
    half = _Z / (1 + _Z**2 / n) * math.sqrt(share * (1 - share) / n + _Z**2 / (4 * n**2))
    # Rounding may put a bound on the wrong side of a share of exactly 0 or 1.
    return Accuracy(share, n, max(0.0, min(centre - half, share)), min(1.0, max(centre + half, share)))


class Bench:
    """Images made ready once for each resolution; calibrates and scores sub-nets on them.

    `calibration` feeds the batch norms, `held_out` the accuracy; they must not share images.
    """

    def __init__(self, calibration: ImageSet, held_out: ImageSet, normalisation: Normalisation) -> None:
        self.calibration = calibration
        self.held_out = held_out
        self._normalisation = normalisation
        self._inputs: dict[tuple[str, int], NDArray[np.float32]] = {}

    def calibrate(self, net: Net) -> Net:
        """The net with batch-norm statistics of the calibration images at its resolution."""
        images = self._input("calibration", self.calibration, net.side_px)
        batches = split_batches(len(images))
        return net.with_statistics(estimate_statistics(net, images[: sum(batches)], batches))

    def score(self, net: Net, count: int | None = None) -> Accuracy:
        """Accuracy of a calibrated net on the first `count` held-out images."""
        images = self.held_out_input(net.side_px)[:count]
        run = Runner(compile_model(build_model(net, batch=min(_BATCH, len(images)))))
        return accuracy(run(images), self.held_out.labels[:count])

    def held_out_input(self, side_px: int) -> NDArray[np.float32]:
        """Network input (n, c, side_px, side_px) of the held-out images."""
        return self._input("held-out", self.held_out, side_px)

    def _input(self, kind: str, images: ImageSet, side_px: int) -> NDArray[np.float32]:
        key = (kind, side_px)
        if key not in self._inputs:
            self._inputs[key] = to_input(images.images, side_px, self._normalisation)
        return self._inputs[key]
