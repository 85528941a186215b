"""A sub-net as a plan: its layers in order, its weights, and one walk shared by all that interpret it.

`walk` runs a plan through an `Ops`: the graph builder, the batch-norm estimator and the counter are three of
them, so a family is described once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray
from typing_extensions import assert_never

Weights = Mapping[str, NDArray[np.float32]]
Activation = Literal["none", "relu", "relu6", "hswish"]
STATISTICS = ("running_mean", "running_var")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ConvUnit:
    """Convolution, optional batch norm, activation. Weights `{name}.conv.weight` and `{name}.bn.*`.

    Padding is kernel // 2, no bias (facts/ofa.md 1.1).
    """

    name: str
    kernel: int = 1
    stride: int = 1
    act: Activation = "none"
    depthwise: bool = False
    norm: bool = True


@dataclass(frozen=True, slots=True)
class InvertedBottleneck:
    """Expand, depthwise, optional squeeze-and-excite gate, project; `gate` is the prefix of its weights."""

    expand: ConvUnit | None
    depth: ConvUnit
    gate: str | None
    project: ConvUnit
    shortcut: bool


@dataclass(frozen=True, slots=True)
class Bottleneck:
    """ResNet50D block; with `downsample` the shortcut is an average pool of `stride` and a 1x1 convolution."""

    body: tuple[ConvUnit, ConvUnit, ConvUnit]
    downsample: ConvUnit | None
    stride: int


@dataclass(frozen=True, slots=True)
class ResidualConv:
    """Convolution plus its own input."""

    unit: ConvUnit


@dataclass(frozen=True, slots=True)
class MaxPool:
    """3x3 maximum, stride 2, padding 1."""


@dataclass(frozen=True, slots=True)
class GlobalPool:
    """Mean over height and width, both kept as 1."""


@dataclass(frozen=True, slots=True)
class Linear:
    """Fully connected layer. Weights `{name}.weight`, `{name}.bias`."""

    name: str


Layer = ConvUnit | InvertedBottleneck | Bottleneck | ResidualConv | MaxPool | GlobalPool | Linear


@dataclass(frozen=True, slots=True)
class Net:
    """A static sub-net: layers, weights under the names of the original package, and its input."""

    layers: tuple[Layer, ...]
    weights: Weights
    channels: int
    side_px: int
    classes: int
    bn_eps: float

    def units(self) -> Iterator[ConvUnit]:
        """Every convolution with a batch norm, in order of execution."""
        for layer in self.layers:
            for unit in _units(layer):
                if unit.norm:
                    yield unit

    def with_statistics(self, statistics: Weights) -> Net:
        """The same net with other running means and variances (`{name}.bn.running_mean`, ...)."""
        return replace(self, weights={**self.weights, **statistics})


class Ops(Protocol[T]):
    """What a plan is made of, over tensors of type T."""

    def conv(self, x: T, unit: ConvUnit) -> T:
        """Convolution, batch norm and activation of a unit."""

    def gate(self, x: T, name: str) -> T:
        """`x` times its squeeze-and-excite gate."""

    def add(self, x: T, y: T) -> T:
        """Sum."""

    def relu(self, x: T) -> T:
        """max(x, 0)."""

    def max_pool(self, x: T) -> T:
        """3x3 maximum, stride 2, padding 1."""

    def avg_pool(self, x: T, stride: int) -> T:
        """Mean over windows of `stride`, size rounded up."""

    def global_pool(self, x: T) -> T:
        """Mean over height and width."""

    def linear(self, x: T, name: str) -> T:
        """Fully connected layer."""


def walk(layers: tuple[Layer, ...], ops: Ops[T], x: T) -> T:
    """Run a plan: the output of its last layer for input `x`."""
    for layer in layers:
        x = _apply(layer, ops, x)
    return x


def _apply(layer: Layer, ops: Ops[T], x: T) -> T:
    match layer:
        case ConvUnit():
            return ops.conv(x, layer)
        case InvertedBottleneck():
            return _inverted(layer, ops, x)
        case Bottleneck():
            return _bottleneck(layer, ops, x)
        case ResidualConv():
            return ops.add(ops.conv(x, layer.unit), x)
        case _:
            return _plain(layer, ops, x)


def _plain(layer: MaxPool | GlobalPool | Linear, ops: Ops[T], x: T) -> T:
    match layer:
        case MaxPool():
            return ops.max_pool(x)
        case GlobalPool():
            return ops.global_pool(x)
        case Linear():
            return ops.linear(x, layer.name)
        case _:
            assert_never(layer)


def _inverted(block: InvertedBottleneck, ops: Ops[T], x: T) -> T:
    y = x if block.expand is None else ops.conv(x, block.expand)
    y = ops.conv(y, block.depth)
    if block.gate is not None:
        y = ops.gate(y, block.gate)
    y = ops.conv(y, block.project)
    return ops.add(y, x) if block.shortcut else y


def _bottleneck(block: Bottleneck, ops: Ops[T], x: T) -> T:
    y = x
    for unit in block.body:
        y = ops.conv(y, unit)
    if block.downsample is not None:
        x = ops.conv(x if block.stride == 1 else ops.avg_pool(x, block.stride), block.downsample)
    return ops.relu(ops.add(y, x))


def _units(layer: Layer) -> Iterator[ConvUnit]:
    match layer:
        case ConvUnit():
            yield layer
        case InvertedBottleneck():
            if layer.expand is not None:
                yield layer.expand
            yield layer.depth
            yield layer.project
        case Bottleneck():
            yield from layer.body
            if layer.downsample is not None:
                yield layer.downsample
        case ResidualConv():
            yield layer.unit
        case _:
            return
