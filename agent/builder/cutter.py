"""Cutting weights out of a supernet: plain slicing from 0, and the depthwise kernel transforms (facts/ofa.md 1.4)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from agent.builder.errors import MissingWeights, WrongShape
from agent.builder.plan import STATISTICS, Weights

CHANNEL_DIVISOR = 8

Array = NDArray[np.float32]


def make_divisible(value: float) -> int:
    """Nearest multiple of 8, at least 8 and never below 0.9 of `value` (facts/ofa.md 1.1)."""
    rounded = max(CHANNEL_DIVISOR, int(value + CHANNEL_DIVISOR / 2) // CHANNEL_DIVISOR * CHANNEL_DIVISOR)
    return rounded + CHANNEL_DIVISOR if rounded < 0.9 * value else rounded


class Cutter:
    """Collects the weights of one sub-net. `weights` is what was cut so far, float32."""

    def __init__(self, source: Weights) -> None:
        self._source = source
        self.weights: dict[str, Array] = {}

    def take(self, key: str, *widths: int | None) -> Array:
        """A source array cut to the first `widths` along its leading axes; None keeps an axis whole."""
        array = self._source.get(key)
        if array is None:
            raise MissingWeights(f"supernet: {key} is missing")
        for axis, width in enumerate(widths):
            if array.ndim <= axis or (width is not None and width > array.shape[axis]):
                raise WrongShape(f"supernet: {key} has shape {list(array.shape)}, need {width} along axis {axis}")
        return array[tuple(slice(width) for width in widths)]

    def width(self, key: str, axis: int = 0) -> int:
        """Size of a source array along one axis."""
        return int(self.take(key, *(None,) * (axis + 1)).shape[axis])

    def copy(self, target: str, source: str, *widths: int | None) -> None:
        """`take` under a new name."""
        self.weights[target] = self.take(source, *widths)

    def unit(
        self,
        target: str,
        source: str,
        widths: tuple[int | None, int | None] = (None, None),
        *,
        elastic: bool,
        norm: bool = True,
    ) -> None:
        """Convolution (out, in) and batch norm; an elastic layer's names have `conv` and `bn` doubled."""
        twice = 2 if elastic else 1
        self.copy(f"{target}.conv.weight", f"{source}{'.conv' * twice}.weight", *widths)
        if norm:
            self.norm(f"{target}.bn", f"{source}{'.bn' * twice}", widths[0])

    def norm(self, target: str, source: str, width: int | None) -> None:
        """The four vectors of a batch norm."""
        for part in ("weight", "bias", *STATISTICS):
            self.copy(f"{target}.{part}", f"{source}.{part}", width)

    def depthwise(self, target: str, source: str, width: int, kernel: int) -> None:
        """Elastic depthwise kernel (width, 1, kernel, kernel) with its batch norm.

        A smaller kernel is the centre of the next larger one times that pair's matrix, step by step: 3x3 goes
        through 7 -> 5 and 5 -> 3.
        """
        weight = self.take(f"{source}.conv.conv.weight", width)
        while (size := weight.shape[-1]) > kernel:
            small = self._next_smaller(source, size)
            edge = (size - small) // 2
            centre = weight[:, :, edge : edge + small, edge : edge + small].reshape(width, small * small)
            matrix = self.take(f"{source}.conv.{size}to{small}_matrix", small * small, small * small)
            weight = (centre @ matrix.T).reshape(width, 1, small, small)
        if weight.shape[-1] != kernel:
            raise WrongShape(f"supernet: {source}.conv.conv.weight has no way down to kernel {kernel}")
        self.weights[f"{target}.conv.weight"] = weight
        self.norm(f"{target}.bn", f"{source}.bn.bn", width)

    def _next_smaller(self, source: str, size: int) -> int:
        for small in range(size - 2, 0, -2):
            if f"{source}.conv.{size}to{small}_matrix" in self._source:
                return small
        raise MissingWeights(f"supernet: {source}.conv.{size}to{size - 2}_matrix is missing")
