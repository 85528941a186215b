"""The search space as plain values: what a supernet is, and which sub-net of it is meant."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

CHANNEL_DIVISOR = 8


def make_divisible(value: float, divisor: int = CHANNEL_DIVISOR) -> int:
    """`value` to the nearest multiple of `divisor`, never below 0.9 of it (once-for-all's rule)."""
    rounded = max(divisor, int(value + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * value else rounded


@dataclass(frozen=True, slots=True)
class Arch:
    """One sub-net: kernel and expansion of every block, and the depth of every stage.

    `ks` and `e` have an entry for every elastic block of the supernet; those past a stage's depth are unused.
    """

    ks: tuple[int, ...]
    e: tuple[int, ...]
    d: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class BlockPlan:
    """One elastic block of the supernet: its place and its shape."""

    stage: int
    place: int
    in_width: int
    out_width: int
    stride: int

    @property
    def has_shortcut(self) -> bool:
        """The block adds its input to its output."""
        return self.stride == 1 and self.in_width == self.out_width


@dataclass(frozen=True, slots=True)
class SupernetSpec:
    """A supernet: widths are channels, `r` the input sides in pixels, `e` the expansion ratios."""

    family: str = "ofa-small"
    in_channels: int = 1
    stem_width: int = 8
    first_width: int = 8
    widths: tuple[int, ...] = (16, 32, 64)
    strides: tuple[int, ...] = (2, 2, 2)
    depth: int = 3
    feature_width: int = 128
    classes: int = 8
    ks: tuple[int, ...] = (3, 5)
    e: tuple[int, ...] = (2, 4, 6)
    d: tuple[int, ...] = (1, 2, 3)
    r: tuple[int, ...] = (40, 48, 56, 64)

    def blocks(self) -> tuple[BlockPlan, ...]:
        """The elastic blocks in order; block i here is `blocks.{i + 1}` in the state dict."""
        plans: list[BlockPlan] = []
        width = self.first_width
        for stage, (out_width, stride) in enumerate(zip(self.widths, self.strides, strict=True)):
            for place in range(self.depth):
                plans.append(BlockPlan(stage, place, width, out_width, stride if place == 0 else 1))
                width = out_width
        return tuple(plans)

    def middle_width(self, in_width: int, expansion: int) -> int:
        """Channels between the two pointwise convolutions of a block."""
        return make_divisible(round(in_width * expansion))

    def uniform(self, k: int, e: int, d: int) -> Arch:
        """The sub-net with the same kernel, expansion and depth everywhere."""
        count = len(self.widths) * self.depth
        return Arch((k,) * count, (e,) * count, (d,) * len(self.widths))

    def largest(self) -> Arch:
        """The sub-net that uses every weight."""
        return self.uniform(max(self.ks), max(self.e), max(self.d))

    def smallest(self) -> Arch:
        """The sub-net with the fewest weights."""
        return self.uniform(min(self.ks), min(self.e), min(self.d))

    def middle(self) -> Arch:
        """A sub-net half way: smallest kernel, middle expansion and depth."""
        return self.uniform(min(self.ks), _middle(self.e), _middle(self.d))

    def to_json(self) -> str:
        """JSON object with the field names of this class."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> SupernetSpec:
        """The inverse of `to_json`."""
        fields = json.loads(text)
        values: dict[str, Any] = {key: tuple(v) if isinstance(v, list) else v for key, v in fields.items()}
        return cls(**values)


def _middle(choices: Sequence[int]) -> int:
    return sorted(choices)[len(choices) // 2]
