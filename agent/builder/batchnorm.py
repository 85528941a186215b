"""Batch-norm statistics of a sub-net, estimated again on images at its own resolution (facts/ofa.md 1.6).

A sub-net with its supernet's statistics is near useless: 63 % accuracy becomes 12 %. Every batch norm
normalises with the batch's own mean and biased variance, so deeper layers see re-normalised inputs; the result
is the average of these over the batches, weighted by batch size (not a pooled variance).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from agent.builder.errors import SupernetInvalid
from agent.builder.graph import GraphOps
from agent.builder.plan import STATISTICS, ConvUnit, Net, walk
from agent.builder.runtime import compile_model, load_openvino
from agent.errors import BuildError

if TYPE_CHECKING:
    from openvino import Model, Output

DEFAULT_BATCH = 64

Statistics = dict[str, NDArray[np.float32]]


def estimate_statistics(net: Net, images: NDArray[np.float32], batches: Sequence[int]) -> Statistics:
    """Running means and variances of every batch norm of `net`.

    `images` f32 (n, channels, r, r), already normalised; `batches` are sizes that add up to n.
    Raises BuildError where they do not fit.
    """
    expected = (net.channels, net.side_px, net.side_px)
    if images.shape[1:] != expected or sum(batches) != len(images) or min(batches, default=0) < 1:
        raise BuildError(
            f"calibration: images {list(images.shape)} in batches {list(batches)[:8]}, "
            f"need (n, {', '.join(map(str, expected))}) and sizes adding up to n"
        )
    names = [f"{unit.name}.bn.{part}" for unit in net.units() for part in STATISTICS]
    totals = [np.zeros(net.weights[name].shape, np.float64) for name in names]
    start = 0
    requests = {size: compile_model(_statistics_model(net, size)).create_infer_request() for size in set(batches)}
    for size in batches:
        results = requests[size].infer([np.ascontiguousarray(images[start : start + size])])
        for index in range(len(names)):
            totals[index] += np.ravel(results[index]).astype(np.float64) * (size / len(images))
        start += size
    statistics = {name: total.astype(np.float32) for name, total in zip(names, totals, strict=True)}
    _check_finite(statistics)
    return statistics


def split_batches(count: int, size: int = DEFAULT_BATCH) -> tuple[int, ...]:
    """Batch sizes for `count` images; a small rest is left out, since its statistics would be noise."""
    return (size,) * (count // size) if count >= size else (count,)


def _check_finite(statistics: Statistics) -> None:
    for name, values in statistics.items():
        if not np.isfinite(values).all():
            raise SupernetInvalid(f"calibration: {name} is not finite; the weights or images are unusable")


def _statistics_model(net: Net, batch: int) -> Model:
    openvino = load_openvino()
    opset1 = openvino.opset1
    shape = [batch, net.channels, net.side_px, net.side_px]
    image = opset1.parameter(shape, np.float32, name="image")
    ops = _StatisticsOps(net, batch)
    walk(net.layers, ops, image.output(0))
    return openvino.Model([opset1.result(tap) for tap in ops.taps], [image], "ofa_statistics")


class _StatisticsOps(GraphOps):
    """As the plain graph, but each batch norm uses the batch's statistics and hands them out.

    `taps` has mean, variance of every norm in order of execution.
    """

    def __init__(self, net: Net, batch: int) -> None:
        super().__init__(net, batch)
        self.taps: list[Output] = []

    def conv(self, x: Output, unit: ConvUnit) -> Output:
        weight = self.net.weights[f"{unit.name}.conv.weight"].astype(np.float64)
        y = self._convolve(x, weight, unit)
        if unit.norm:
            y = self._normalise(y, unit)
        return self._activate(y, unit)

    def _normalise(self, y: Output, unit: ConvUnit) -> Output:
        op = self._op
        axes = op.constant(np.array([0, 2, 3], np.int64))
        mean = op.reduce_mean(y, axes, keep_dims=True)
        variance = op.reduce_mean(op.squared_difference(y, mean), axes, keep_dims=True)
        self.taps += [mean.output(0), variance.output(0)]
        gamma, beta, _, _ = self._norm(unit)
        # One product and one sum for each value; all else is done once for each channel.
        deviation = op.sqrt(op.add(variance, self._constant([[[[self.net.bn_eps]]]])))
        factor = op.divide(self._per_channel(gamma), deviation)
        offset = op.subtract(self._per_channel(beta), op.multiply(mean, factor))
        return self._out(op.add(op.multiply(y, factor), offset))
