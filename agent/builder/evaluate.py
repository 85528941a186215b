"""Accuracy on held-out images, with an interval that says how much to believe it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agent.builder.batchnorm import estimate_statistics, split_batches
from agent.builder.graph import build_model
from agent.builder.images import ImageSet
from agent.builder.plan import Net
from agent.builder.resize import resize, to_input
from agent.builder.runtime import Runner, compile_model
from agent.builder.supernet import Normalisation

# Two-sided 95 % point of the normal distribution.
_Z = 1.959963984540054
_BATCH = 32
_SLICE = 256
# Inputs of a set that are kept between sub-nets: the demo's at all of its resolutions.
_KEPT_BYTES = 192 << 20


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


class Prepared:
    """Images as network input, in slices; small sets are made ready once for each resolution."""

    def __init__(self, images: ImageSet, normalisation: Normalisation) -> None:
        self.images = images
        self._normalisation = normalisation
        self._whole: dict[int, NDArray[np.float32]] = {}

    def whole(self, side_px: int, count: int | None = None) -> NDArray[np.float32]:
        """Network input f32 (n, c, side_px, side_px) of the first `count` images."""
        return np.concatenate(list(self.slices(side_px, count)))

    def slices(self, side_px: int, count: int | None = None) -> Iterator[NDArray[np.float32]]:
        """The same in slices."""
        pixels = self.images.images[:count]
        size_bytes = len(self.images) * side_px**2 * len(self._normalisation.mean) * 4
        if size_bytes <= _KEPT_BYTES:
            if side_px not in self._whole:
                if size_bytes + sum(kept.nbytes for kept in self._whole.values()) > _KEPT_BYTES:
                    self._whole.clear()
                self._whole[side_px] = to_input(self.images.images, side_px, self._normalisation)
            yield self._whole[side_px][:count]
            return
        for start in range(0, len(pixels), _SLICE):
            yield to_input(pixels[start : start + _SLICE], side_px, self._normalisation)

    def raw_slices(self, side_px: int) -> Iterator[NDArray[np.float32]]:
        """Pixels 0..255 at the network's resolution: the input of a network that has mean and scale in it."""
        for start in range(0, len(self.images), _SLICE):
            yield resize(self.images.images[start : start + _SLICE], side_px)


class Bench:
    """Calibrates sub-nets on some images and scores them on others, which must not be shared."""

    def __init__(self, calibration: ImageSet, held_out: ImageSet, normalisation: Normalisation) -> None:
        self.calibration = Prepared(calibration, normalisation)
        self.held_out = Prepared(held_out, normalisation)

    def calibrate(self, net: Net) -> Net:
        """The net with batch-norm statistics of the calibration images at its resolution."""
        batches = split_batches(len(self.calibration.images))
        images = self.calibration.whole(net.side_px, sum(batches))
        return net.with_statistics(estimate_statistics(net, images, batches))

    def score(self, net: Net) -> Accuracy:
        """Accuracy of a calibrated net on the held-out images."""
        run = Runner(compile_model(build_model(net, batch=min(_BATCH, len(self.held_out.images)))))
        answers = np.concatenate([run(part) for part in self.held_out.slices(net.side_px)])
        return accuracy(answers, self.held_out.images.labels)
