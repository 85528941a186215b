"""Cutting weights out of a supernet: plain slicing from 0, and the depthwise kernel transforms (facts/ofa.md 1.4)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from agent.builder.errors import MissingWeights, SupernetInvalid, WrongShape
from agent.builder.plan import STATISTICS, Weights

CHANNEL_DIVISOR = 8

# Published supernets have 1.0, 1.2 and 1.3 (facts/ofa.md 1.2); those first, then what a user may have trained.
_MULTIPLIERS = (1.0, 1.2, 1.3, *(step / 20 for step in range(2, 61)))

# So many faults of one file are found; looking for each takes a walk over its names.
_MAX_FAULTS = 64

Array = NDArray[np.float32]


def make_divisible(value: float) -> int:
    """Nearest multiple of 8, at least 8 and never below 0.9 of `value` (facts/ofa.md 1.1)."""
    rounded = max(CHANNEL_DIVISOR, int(value + CHANNEL_DIVISOR / 2) // CHANNEL_DIVISOR * CHANNEL_DIVISOR)
    return rounded + CHANNEL_DIVISOR if rounded < 0.9 * value else rounded


class Survey(Mapping[str, Array]):
    """Weights that note what is cut from them, so that all faults of a file are found and not only the first.

    A weight that is missing or too small is noted and replaced by zeros of the size that was asked for.
    """

    def __init__(self, weights: Weights) -> None:
        self._weights = weights
        self._taken: dict[str, tuple[int, ...]] = {}
        self.missing: list[str] = []
        self.misshapen: dict[str, str] = {}

    def __getitem__(self, key: str) -> Array:
        return self._weights[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._weights)

    def __len__(self) -> int:
        return len(self._weights)

    def take(self, key: str, widths: tuple[int | None, ...]) -> Array:
        """As `Cutter.take`, but raises only where the shape of what is wanted cannot be told."""
        array = self._weights.get(key)
        if array is None:
            self.missing += [key] if key not in self.missing else []
            return self._replacement(key, widths, MissingWeights(f"supernet: {key} is missing"))
        wrong = _misfit(array, widths)
        if wrong is not None:
            fault = f"has shape {list(array.shape)}, need {wrong}"
            self.misshapen.setdefault(key, fault)
            return self._replacement(key, widths, WrongShape(f"supernet: {key} {fault}"))
        wanted = zip(array.shape, widths + (None,) * (array.ndim - len(widths)), strict=True)
        sizes = (size if width is None else width for size, width in wanted)
        known = self._taken.get(key, (0,) * array.ndim)
        self._taken[key] = tuple(max(pair) for pair in zip(known, sizes, strict=True))
        return array[tuple(slice(width) for width in widths)]

    def unused(self) -> list[str]:
        """Weights that no cut touched."""
        return [key for key in self._weights if key not in self._taken and key not in self.misshapen]

    def partly_used(self) -> dict[str, str]:
        """Weights that no cut used whole, each with what is wrong."""
        return {
            key: f"has shape {list(self._weights[key].shape)}, the family uses {list(taken)}"
            for key, taken in self._taken.items()
            if self._weights[key].shape != taken
        }

    def _replacement(self, key: str, widths: tuple[int | None, ...], fault: SupernetInvalid) -> Array:
        """Zeros without room: `widths`, and for the axes that it leaves open those of the same weight elsewhere."""
        if len(self.missing) + len(self.misshapen) > _MAX_FAULTS:
            raise fault
        pattern = re.sub(r"\d+", r"\\d+", re.escape(key))
        like = next((a for k, a in self._weights.items() if k != key and re.fullmatch(pattern, k)), None)
        known: list[int | None] = [None] * len(widths) if like is None else list(like.shape)
        known[: len(widths)] = [width or size for width, size in zip(widths, known, strict=False)]
        shape = [size for size in known if size is not None]
        if not shape or len(shape) < len(known) or (like is None and len(shape) > 1):
            raise fault
        return np.broadcast_to(np.float32(0), shape)


class Cutter:
    """Collects the weights of one sub-net. `weights` is what was cut so far, float32."""

    def __init__(self, source: Weights) -> None:
        self._source = source
        self.weights: dict[str, Array] = {}

    def take(self, key: str, *widths: int | None) -> Array:
        """A source array cut to the first `widths` along its leading axes; None keeps an axis whole."""
        if isinstance(self._source, Survey):
            return self._source.take(key, widths)
        array = self._source.get(key)
        if array is None:
            raise MissingWeights(f"supernet: {key} is missing")
        wrong = _misfit(array, widths)
        if wrong is not None:
            raise WrongShape(f"supernet: {key} has shape {list(array.shape)}, need {wrong}")
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


def width_multiplier(published: Sequence[int], found: Sequence[int]) -> str:
    """The multiplier that makes the `found` widths of the `published` ones, as "w1.2"; empty where none does."""
    for multiplier in _MULTIPLIERS:
        if [make_divisible(width * multiplier) for width in published] == list(found):
            return f"w{multiplier:g}" if multiplier % 1 else f"w{multiplier:.1f}"
    return ""


def _misfit(array: Array, widths: tuple[int | None, ...]) -> str | None:
    """What is wrong with an array that `widths` are to be cut from."""
    for axis, width in enumerate(widths):
        if array.ndim <= axis or (width is not None and width > array.shape[axis]):
            return f"{'an axis' if width is None else width} along axis {axis}"
    return None
