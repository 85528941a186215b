"""Parameters, multiply-accumulates and layers of a sub-net, counted on its plan without running it.

Counting follows every tensor through the net, so it also finds weights whose shapes do not fit together.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agent.builder.errors import WrongShape
from agent.builder.plan import STATISTICS, ConvUnit, Net, walk

# Names of the batch-norm vectors that are parameters; running statistics are not.
_NOT_PARAMETERS = (".running_mean", ".running_var")


@dataclass(frozen=True, slots=True)
class Counts:
    """Sizes of a sub-net.

    `layers` is L of the latency law: convolutions, residual additions, h-swishes, gate products, pools and fully
    connected layers (facts/myriad-blobs.md 6).
    """

    params: int
    macs_dense: int
    macs_depthwise: int
    layers: int


@dataclass(frozen=True, slots=True)
class _Shape:
    """Channels and square side of a tensor."""

    channels: int
    side: int


def count(net: Net) -> Counts:
    """Count a sub-net. Multiply-accumulates are for one image at the net's resolution."""
    ops = _CountOps(net)
    walk(net.layers, ops, _Shape(net.channels, net.side_px))
    params = sum(value.size for key, value in net.weights.items() if not key.endswith(_NOT_PARAMETERS))
    return Counts(int(params), ops.macs_dense, ops.macs_depthwise, ops.layers)


class _CountOps:
    """`Ops` over shapes; the totals are its attributes."""

    def __init__(self, net: Net) -> None:
        self._weights = net.weights
        self.macs_dense = 0
        self.macs_depthwise = 0
        self.layers = 0

    def conv(self, x: _Shape, unit: ConvUnit) -> _Shape:
        weight = self._weight(unit.name, ".conv.weight", (1 if unit.depthwise else x.channels, *(unit.kernel,) * 2))
        if unit.norm:
            self._check_norm(unit, weight.shape[0])
        # kernel // 2 padding: the size is that of a 1x1 convolution (facts/ofa.md 1.1)
        y = _Shape(weight.shape[0], (x.side - 1) // unit.stride + 1)
        macs = int(weight.size) * y.side**2
        if unit.depthwise:
            self.macs_depthwise += macs
        else:
            self.macs_dense += macs
        self.layers += 1 + (unit.act == "hswish")
        return y

    def gate(self, x: _Shape, name: str) -> _Shape:
        reduce = self._weight(f"{name}.reduce", ".weight", (x.channels, 1, 1))
        expand = self._weight(f"{name}.expand", ".weight", (reduce.shape[0], 1, 1))
        self._check_vector(f"{name}.reduce.bias", reduce.shape[0])
        self._check_vector(f"{name}.expand.bias", x.channels)
        self.macs_dense += int(reduce.size + expand.size)
        self.layers += 4  # pool, two convolutions, product
        return x

    def add(self, x: _Shape, y: _Shape) -> _Shape:
        if x != y:
            raise WrongShape(f"sub-net: addition of {x.channels}x{x.side}x{x.side} and {y.channels}x{y.side}x{y.side}")
        self.layers += 1
        return x

    def relu(self, x: _Shape) -> _Shape:
        return x

    def max_pool(self, x: _Shape) -> _Shape:
        self.layers += 1
        return _Shape(x.channels, (x.side - 1) // 2 + 1)

    def avg_pool(self, x: _Shape, stride: int) -> _Shape:
        self.layers += 1
        return _Shape(x.channels, -(-x.side // stride))

    def global_pool(self, x: _Shape) -> _Shape:
        self.layers += 1
        return _Shape(x.channels, 1)

    def linear(self, x: _Shape, name: str) -> _Shape:
        weight = self._weight(name, ".weight", (x.channels,))
        self._check_vector(f"{name}.bias", weight.shape[0])
        self.macs_dense += x.channels * weight.shape[0]
        self.layers += 1
        return _Shape(weight.shape[0], 1)

    def _weight(self, name: str, suffix: str, inner: tuple[int, ...]) -> NDArray[np.float32]:
        """A weight whose axes after the first are `inner`. Raises WrongShape."""
        weight = self._weights[f"{name}{suffix}"]
        if weight.shape[1:] != inner:
            raise WrongShape(f"sub-net: {name}{suffix} has shape {list(weight.shape)}, need n x {list(inner)}")
        return weight

    def _check_norm(self, unit: ConvUnit, width: int) -> None:
        for part in ("weight", "bias", *STATISTICS):
            self._check_vector(f"{unit.name}.bn.{part}", width)

    def _check_vector(self, key: str, width: int) -> None:
        shape = self._weights[key].shape
        if shape != (width,):
            raise WrongShape(f"sub-net: {key} has shape {list(shape)}, need [{width}]")
